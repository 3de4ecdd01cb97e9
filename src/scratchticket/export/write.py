"""Writing tickets for use elsewhere, and reading back that they compute the same."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from scratchticket._version import __version__
from scratchticket.base.errors import (
    InputError,
    ScratchticketError,
    extra_missing,
    first_line,
    unknown,
)
from scratchticket.base.files import check_writable, write_atomically
from scratchticket.export.compact import compacted
from scratchticket.export.graph import TicketGraph
from scratchticket.networks import bare
from scratchticket.tickets import Ticket

FORMATS = {"onnx": ".onnx", "torch": ".pt2", "dense": ".safetensors"}  # how their files end
OPSET = 20
IMAGES = 16  # that an export is compared on
TOLERANCE = 1e-5  # of the largest logit, or of 1
Run = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The file.
        size: In bytes.
        difference: Largest absolute difference of a logit from the tickets' own networks, on
            random images.
        facts: What the file says of itself: classes, image shape, network.
        parameters: How many there are in the network that was exported, zeros included.
    """

    path: Path
    size: int
    difference: float
    facts: dict[str, str]
    parameters: int


def export(
    tickets: Sequence[Ticket],
    path: str | Path,
    to: str,
    *,
    integer: bool = False,
    compact: bool = False,
) -> Exported:
    """Write tickets as something that runs without this package.

    What is written is read back and compared with the tickets' own networks before it gets its
    name.

    Args:
        tickets: One; or several of one network, which become one graph with an index as its second
            input: what R2S switches between.
        path: Of the file; must not exist.
        to: ``onnx`` (needs the extra ``export``), ``torch`` (a program of ``torch.export``), or
            ``dense`` (a safetensors state dict with the network's own names, of one ticket).
        integer: Store signed-constant weights as what they are: signs and masks, a bit each, in a
            graph; int8 of -1, 0 and 1 and a scale per layer in a state dict.
        compact: Take out the channels that are always zero, see :func:`compacted`.

    Raises:
        InputError: If the tickets cannot be exported so, or the file exists or cannot be written.
        ScratchticketError: If what was written does not compute the same.
    """
    path = Path(path)
    _check(tickets, path, to, integer, compact)
    check_writable(path)
    if to == "dense":
        return _dense(tickets[0], path, integer)
    networks = [ticket.build() for ticket in tickets]
    if integer or len(tickets) > 1:
        module: nn.Module = TicketGraph(tickets)
    else:
        module = compacted(networks[0]) if compact else networks[0]
    images = torch.rand(
        (IMAGES, *tickets[0].image_shape), generator=torch.Generator().manual_seed(0)
    )
    facts = _facts(tickets)
    write = {"onnx": _onnx, "torch": _torch}[to]
    with torch.no_grad(), _quiet():
        try:
            content, run = write(module.eval(), images, len(tickets) > 1, facts)
        except RuntimeError as error:  # of PyTorch's exporters all
            raise InputError(
                f"this network cannot be exported to {to}: {first_line(error)}"
            ) from error
        try:
            difference = _difference(run, networks, images)
        except ScratchticketError:
            raise
        except Exception as error:  # of whatever runs it
            raise InputError(
                "what was exported takes no other number of images, or does not run: "
                f"{first_line(error)}; in the network's code x.shape[0] can change, len(x) cannot"
            ) from error
    write_atomically(path, content)
    count = sum(p.numel() for p in (module if compact else networks[0]).parameters())
    return Exported(path, len(content), difference, facts, count)


def _check(tickets: Sequence[Ticket], path: Path, to: str, integer: bool, compact: bool) -> None:
    """Refuse what cannot be exported so."""
    if to not in FORMATS:
        raise unknown("format", to, FORMATS)
    if path.exists():
        raise InputError(f"{path} exists; choose another file")
    if path.suffix not in {"", ending := FORMATS[to]}:
        raise InputError(f"a file of --to {to} ends in {ending}, got {path.name!r}")
    if not tickets:
        raise InputError("there is no ticket to export")
    if integer and not all(ticket.ternary for ticket in tickets):
        raise InputError("only untrained tickets of signed constants have integer weights")
    if compact and (integer or len(tickets) > 1 or to == "dense"):
        raise InputError("compact is for one ticket, to onnx or torch, with float weights")
    if to == "dense" and len(tickets) > 1:
        raise InputError("a state dict holds one ticket; choose one, or --to onnx")


def _difference(run: Run, networks: Sequence[nn.Module], images: Tensor) -> float:
    """Return the largest difference of a logit; refuse one that rounding does not explain."""
    largest = 0.0
    for index, network in enumerate(networks):
        wanted = network(images)
        for some in (images, images[:1]):  # two batch sizes
            got = run(some, index)
            difference = float((got - wanted[: len(some)]).abs().max())
            if not difference <= TOLERANCE * max(1.0, float(wanted.abs().max())):
                raise ScratchticketError(
                    f"the exported network's logits differ by {difference:.2g} from ticket {index}"
                )
            largest = max(largest, difference)
    return largest


def _facts(tickets: Sequence[Ticket]) -> dict[str, str]:
    """Return what a file says of itself; values are JSON."""
    first = tickets[0]
    values: dict[str, Any] = {
        "images": "float32 pixels in [0, 1], (batch, channel, height, width)",
        "image_shape": list(first.image_shape),
        "classes": list(first.classes),
        "network": first.network.name,
        "remaining_ratios": [round(ticket.remaining_ratio, 6) for ticket in tickets],
        "made_by": f"scratchticket {__version__}",
    }
    return {name: json.dumps(value) for name, value in values.items()}


def _example(images: Tensor, several: bool) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
    """Return inputs to trace with, and which of their sizes may change."""
    batch = {0: torch.export.Dim("batch", min=1)}
    if several:
        return (images[:2], torch.tensor(0)), (batch, None)
    return (images[:2],), (batch,)


def _onnx(
    module: nn.Module, images: Tensor, several: bool, facts: dict[str, str]
) -> tuple[bytes, Run]:
    """Return an ONNX file, and what runs it."""
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  (PyTorch's exporter needs it)
    except Exception as error:  # a package that is broken may raise anything
        raise extra_missing("export to ONNX", error, "export") from None
    inputs, sizes = _example(images, several)
    program = torch.onnx.export(
        module,
        inputs,
        input_names=["images", "ticket"][: len(inputs)],
        output_names=["logits"],
        opset_version=OPSET,
        dynamic_shapes=sizes,
        dynamo=True,
        optimize=False,  # it would unpack what is packed
        verbose=False,
    )
    assert program is not None
    for node in program.model.graph:  # where in which file of whose machine it came from
        node.metadata_props.clear()
    program.model.metadata_props.update(facts)
    content = program.model_proto.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def run(some: Tensor, index: int) -> Tensor:
        fed = {"images": some.numpy()}
        if several:
            fed["ticket"] = torch.tensor(index).numpy()
        return torch.from_numpy(session.run(["logits"], fed)[0])

    return content, run


def _torch(
    module: nn.Module, images: Tensor, several: bool, facts: dict[str, str]
) -> tuple[bytes, Run]:
    """Return the file of an exported program, and what runs it."""
    inputs, sizes = _example(images, several)
    program = torch.export.export(module, inputs, dynamic_shapes=sizes)
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={"facts.json": json.dumps(facts)})
    file.seek(0)
    loaded = torch.export.load(file).module()

    def run(some: Tensor, index: int) -> Tensor:
        logits: Tensor = loaded(some, torch.tensor(index)) if several else loaded(some)
        return logits

    return file.getvalue(), run


def _dense(ticket: Ticket, path: Path, integer: bool) -> Exported:
    """Write a state dict with the network's own names."""
    network = bare(ticket.build())
    state = {n: v for n, v in network.state_dict().items() if not n.startswith("normalise.")}
    # A copy each, of a tied weight too: in a file no two names share a tensor.
    tensors = {n: v.clone(memory_format=torch.contiguous_format) for n, v in state.items()}
    if integer:
        masked = {state[name].data_ptr() for name in ticket.mask}
        for name in [name for name, value in state.items() if value.data_ptr() in masked]:
            scale = tensors[name].abs().max()
            tensors[name] = tensors[name].sign().to(torch.int8)
            tensors[f"{name}.scale"] = scale
            if not torch.equal(tensors[name] * scale, state[name]):
                raise ScratchticketError(f"the weights of {name} are not a constant and its signs")
    facts = _facts([ticket]) | {
        "mean": json.dumps(ticket.mean),
        "std": json.dumps(ticket.std),
        "images": json.dumps("normalised: (pixels in [0, 1] - mean) / std"),
    }
    content = safetensors.torch.save(tensors, facts)
    write_atomically(path, content)
    count = sum(parameter.numel() for parameter in network.parameters())
    return Exported(path, len(content), 0.0, facts, count)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep PyTorch's exporters from telling users about their insides."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
