"""Export tickets to files, and verify the files by reading them back."""

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

FORMATS = {"onnx": ".onnx", "torch": ".pt2", "dense": ".safetensors"}  # suffixes of the files
OPSET = 20
IMAGES = 16  # number of images in the comparison
TOLERANCE = 1e-5  # relative to the largest logit, or to 1
Run = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class Exported:
    """An exported file.

    Attributes:
        path: The file.
        size: Size in bytes.
        difference: Largest absolute difference between the logits of the file and of the tickets,
            on random images.
        metadata: Metadata of the file: classes, image shape, network.
        parameters: Number of parameters in the exported network, zeros included.
    """

    path: Path
    size: int
    difference: float
    metadata: dict[str, str]
    parameters: int


def export(
    tickets: Sequence[Ticket],
    path: str | Path,
    to: str,
    *,
    integer: bool = False,
    compact: bool = False,
) -> Exported:
    """Write tickets in a format that runs without this package.

    The exported network is loaded and compared with the tickets before the file is written.

    Args:
        tickets: One ticket; or several of one network, which become one graph with the ticket index
            as second input, for R2S.
        path: Path of the file, which must not exist.
        to: ``onnx`` (needs the extra ``export``), ``torch`` (a ``torch.export`` program), or
            ``dense`` (a safetensors state dict of one ticket, with the network's own names).
        integer: Store signed-constant weights as integers: packed signs and masks in a graph; int8
            values -1, 0, 1 and a scale per layer in a state dict.
        compact: Remove channels that are always zero, see :func:`compacted`.

    Raises:
        InputError: If the export is impossible, or the file exists or cannot be written.
        ScratchticketError: If the exported network's logits differ.
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
    metadata = _metadata(tickets)
    write = {"onnx": _onnx, "torch": _torch}[to]
    with torch.no_grad(), _quiet():
        try:
            content, run = write(module.eval(), images, len(tickets) > 1, metadata)
        except RuntimeError as error:  # raised by all of PyTorch's exporters
            raise InputError(
                f"this network cannot be exported to {to}: {first_line(error)}"
            ) from error
        try:
            difference = _difference(run, networks, images)
        except ScratchticketError:
            raise
        except Exception as error:  # from any runtime
            raise InputError(
                "the exported network does not run, or not for another batch size: "
                f"{first_line(error)}; in the network's code, len(x) is exported as a constant, "
                "x.shape[0] is not"
            ) from error
    write_atomically(path, content)
    count = sum(p.numel() for p in (module if compact else networks[0]).parameters())
    return Exported(path, len(content), difference, metadata, count)


def _check(tickets: Sequence[Ticket], path: Path, to: str, integer: bool, compact: bool) -> None:
    """Raise an error if the export is impossible."""
    if to not in FORMATS:
        raise unknown("format", to, FORMATS)
    if path.exists():
        raise InputError(f"{path} exists; choose another file")
    if path.suffix not in {"", ending := FORMATS[to]}:
        raise InputError(f"a file for --to {to} must end in {ending}, got {path.name!r}")
    if not tickets:
        raise InputError("there is no ticket to export")
    if integer and not all(ticket.ternary for ticket in tickets):
        raise InputError("only untrained tickets of signed constants have integer weights")
    if compact and (integer or len(tickets) > 1 or to == "dense"):
        raise InputError("compact needs one ticket, --to onnx or torch, and no --integer")
    if to == "dense" and len(tickets) > 1:
        raise InputError("a state dict holds one ticket; choose one, or --to onnx")


def _difference(run: Run, networks: Sequence[nn.Module], images: Tensor) -> float:
    """Return the largest difference of a logit; raise an error if it exceeds rounding."""
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


def _metadata(tickets: Sequence[Ticket]) -> dict[str, str]:
    """Return the metadata of a file, with values in JSON."""
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
    """Return example inputs for tracing, and their dynamic sizes."""
    batch = {0: torch.export.Dim("batch", min=1)}
    if several:
        return (images[:2], torch.tensor(0)), (batch, None)
    return (images[:2],), (batch,)


def _onnx(
    module: nn.Module, images: Tensor, several: bool, metadata: dict[str, str]
) -> tuple[bytes, Run]:
    """Return an ONNX file, and a function that runs it."""
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
        optimize=False,  # optimisation would unpack the weights
        verbose=False,
    )
    assert program is not None
    for node in program.model.graph:  # it holds source paths of this machine
        node.metadata_props.clear()
    program.model.metadata_props.update(metadata)
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
    module: nn.Module, images: Tensor, several: bool, metadata: dict[str, str]
) -> tuple[bytes, Run]:
    """Return a torch.export file, and a function that runs it."""
    inputs, sizes = _example(images, several)
    program = torch.export.export(module, inputs, dynamic_shapes=sizes)
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={"facts.json": json.dumps(metadata)})
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
    # Copy every tensor, since safetensors does not allow shared (tied) ones.
    tensors = {n: v.clone(memory_format=torch.contiguous_format) for n, v in state.items()}
    if integer:
        masked = {state[name].data_ptr() for name in ticket.mask}
        for name in [name for name, value in state.items() if value.data_ptr() in masked]:
            scale = tensors[name].abs().max()
            tensors[name] = tensors[name].sign().to(torch.int8)
            tensors[f"{name}.scale"] = scale
            if not torch.equal(tensors[name] * scale, state[name]):
                raise ScratchticketError(f"the weights of {name} are not a constant and its signs")
    metadata = _metadata([ticket]) | {
        "mean": json.dumps(ticket.mean),
        "std": json.dumps(ticket.std),
        "images": json.dumps("normalised: (pixels in [0, 1] - mean) / std"),
    }
    content = safetensors.torch.save(tensors, metadata)
    write_atomically(path, content)
    count = sum(parameter.numel() for parameter in network.parameters())
    return Exported(path, len(content), 0.0, metadata, count)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the log of PyTorch's exporters."""
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
