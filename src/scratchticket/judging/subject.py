"""The network to evaluate: a ticket, or any module with a state dict."""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Mapping, Set
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, get_args

import safetensors.torch
import torch
from torch import Tensor, nn

from scratchticket.attacks import Norm
from scratchticket.base.errors import InputError, first_line
from scratchticket.base.files import check_archive, check_text, read_bytes
from scratchticket.networks import (
    NETWORKS,
    Normalise,
    check_logits,
    import_factory,
    make_module,
    normalised,
)
from scratchticket.runs.start import content_hash
from scratchticket.tickets import Ticket
from scratchticket.tickets.container import KEY
from scratchticket.tickets.locate import ticket_path

# Keys under which other code nests state dicts, and prefixes it adds to every name.
NESTED = ("state_dict", "model_state_dict", "model_state", "model", "net")
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.")
TENSORS = (Tensor, nn.Parameter)
PICKLED = (b"PK", b"\x80")  # how files of torch.save begin


class Inputs(Protocol):
    """What a network must know about its data set; ``Data`` has these properties."""

    @property
    def name(self) -> str:
        """Name of the data set."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(channel, height, width)``."""

    @property
    def mean(self) -> tuple[float, ...]:
        """Per-channel mean of pixels in [0, 1]."""

    @property
    def std(self) -> tuple[float, ...]:
        """Per-channel standard deviation."""


@dataclass(frozen=True)
class Subject:
    """A network to evaluate.

    Attributes:
        network: Module in eval mode that maps pixels in [0, 1] to logits.
        description: Description of the network, as JSON values.
        epsilon: Epsilon of its search or training, as text.
        norm: Norm of that epsilon.
    """

    network: nn.Module
    description: dict[str, Any]
    epsilon: str = "8/255"
    norm: Norm = "linf"


def holds_ticket(path: Path) -> bool:
    """Whether to read a file as a ticket: it is one, or nothing shows that it is a state dict."""
    content = read_bytes(ticket_path(path), "ticket file")
    if not _is_safetensors(content):
        return not content.startswith(PICKLED)
    return f'"{KEY}"'.encode() in content[8 : 8 + int.from_bytes(content[:8], "little")]


def _is_safetensors(content: bytes) -> bool:
    """Whether content begins like safetensors: the length of a header, then the header."""
    return content[8:9] == b"{" and int.from_bytes(content[:8], "little") < len(content)


def make_subject(
    path: Path,
    ticket: Ticket | None,
    inputs: Inputs,
    *,
    network: str | None = None,
    normalise: bool = False,
) -> Subject:
    """Return the network in a file, to evaluate it.

    Args:
        path: File of a ticket, or of a state dict of ``network``.
        ticket: The ticket in the file; None for a state dict.
        inputs: The evaluation images.
        network: Name of the network; see :func:`module_subject`.
        normalise: See :func:`module_subject`.

    Raises:
        InputError: If file, network and images do not fit each other.
    """
    check_text(path.name, "the file's name")
    if ticket is None:
        return module_subject(network or "", path, inputs, normalise)
    if normalise:
        raise InputError("a ticket normalises its input itself; leave out --normalise")
    ticket.check_data(inputs.shape, inputs.classes, inputs.name)
    return ticket_subject(ticket, path)


def ticket_subject(ticket: Ticket, path: Path) -> Subject:
    """Return a ticket as a network to evaluate."""
    epsilon, norm = drawn_under(ticket.provenance)
    description = {
        "file": path.name,
        "sha256": content_hash(ticket),
        "network": ticket.network.name,
        "kept": ticket.mask.kept,
        "of": ticket.mask.total,
    }
    return Subject(ticket.build().eval(), description, epsilon, norm)


def drawn_under(provenance: Mapping[str, Any]) -> tuple[str, Norm]:
    """Return epsilon and norm of a ticket's inner attack; l-inf 8/255 if it has none."""
    try:
        attack = provenance["recipe"]["attack"]
        epsilon, norm = str(attack["epsilon"]), attack["norm"]
    except (KeyError, TypeError):
        return "8/255", "linf"
    return epsilon, norm if norm in get_args(Norm) else "linf"


def module_subject(name: str, path: Path, inputs: Inputs, normalise: bool = False) -> Subject:
    """Return a user's own network with weights from a file, to evaluate it.

    Args:
        name: ``package.module:factory``, or a network of this package. The factory is called with
            ``classes`` and ``image_shape`` if it takes them.
        path: State dict of the network, as safetensors or from ``torch.save``. Keys may have a
            wrapper's prefix (``module.``, ``_orig_mod.``, ``model.``), and the dict may be nested
            under ``state_dict``, ``model_state_dict``, ``model_state``, ``model`` or ``net``.
        inputs: The evaluation images.
        normalise: Whether to normalise the input with the mean and standard deviation of
            ``inputs``; otherwise the network must take pixels in [0, 1].

    Raises:
        InputError: If the network cannot be built, or the file holds no state dict that fits.
    """
    if ":" in name:
        import_factory(name)
    if name not in NETWORKS:
        raise InputError(f"{path} holds no ticket; name its network with --network")
    factory, given = NETWORKS[name], {"classes": len(inputs.classes), "image_shape": inputs.shape}
    taken = inspect.signature(factory).parameters
    if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in taken.values()):
        given = {key: value for key, value in given.items() if key in taken}
    module = make_module(name, factory, given)
    _load(module, state_dict(path), path)
    network = normalised(module, Normalise(inputs.mean, inputs.std)) if normalise else module
    check_logits(network, inputs.shape, len(inputs.classes))
    description = {
        "file": path.name,
        "sha256": sha256(read_bytes(path, "file")).hexdigest(),
        "network": name,
        "normalise": normalise,
    }
    return Subject(network.eval(), description)


def state_dict(path: Path) -> dict[str, Tensor]:
    """Return a state dict from a file; PyTorch's format is read without running code.

    Raises:
        InputError: If the file holds none.
    """
    content = read_bytes(path, "file")
    loaded: Any
    try:
        if _is_safetensors(content):
            loaded = safetensors.torch.load(content)
        else:
            if content.startswith(PICKLED[0]):
                check_archive(io.BytesIO(content), len(content))
            with warnings.catch_warnings(action="ignore"):  # about pickles, which are refused
                loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file may raise anything
        raise InputError(f"{path} holds no state dict: {first_line(error)}") from None
    for name in NESTED:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(name), Mapping):
            loaded = loaded[name]
    if not isinstance(loaded, Mapping) or not loaded:
        raise InputError(f"{path} holds no state dict, but {type(loaded).__name__}")
    if wrong := [
        key for key, value in loaded.items() if not (type(key) is str and type(value) in TENSORS)
    ]:
        raise InputError(f"{path} holds no state dict: {str(wrong[0])[:80]!r} is not a tensor")
    return dict(loaded)


def _unwrapped(state: dict[str, Tensor], own: Set[str]) -> dict[str, Tensor]:
    """Remove wrapper prefixes from all names until a name is in ``own``, the network's names."""
    while state and not state.keys() & own:
        prefix = next((p for p in WRAPPERS if all(key.startswith(p) for key in state)), None)
        if prefix is None:
            break
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _load(module: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Load a state dict into a module; raise an error if a name or a shape does not fit."""
    own = module.state_dict()
    state = _unwrapped(state, own.keys())
    for verb, names in (("lacks", own.keys() - state.keys()), ("has", state.keys() - own.keys())):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            kind = "" if verb == "lacks" else ", which the network does not have"
            raise InputError(f"{path} {verb} {min(names)}{more}{kind}")
    for name, value in state.items():
        if value.shape != own[name].shape:
            raise InputError(
                f"{path}: {name} has shape {tuple(value.shape)}, "
                f"the network's {tuple(own[name].shape)}"
            )
    try:
        module.load_state_dict(state)
    except (NotImplementedError, RuntimeError) as error:  # e.g. sparse or quantised
        raise InputError(f"{path} does not fit: {first_line(error)}") from None
