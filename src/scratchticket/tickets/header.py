"""The header of a ticket file, as types against which pydantic checks the JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import prod
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from scratchticket.base.errors import TicketError
from scratchticket.base.files import canonical_json
from scratchticket.base.rng import check_seed
from scratchticket.networks import NetworkRecipe

FORMAT = 1
MAX_WEIGHTS = 1 << 28  # per ticket; bounds what a hostile file can make the reader allocate
MAX_TOTAL = 1 << 30  # per file, for the same reason
MAX_TICKETS = 1024  # per file
OPTIONAL = {"logit_gain"}  # omitted if None
NETWORK_FIELDS = {field.name for field in fields(NetworkRecipe)} - OPTIONAL
LEAST = 1e-6  # smallest standard deviation in the normalisation
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Layer:
    """One masked parameter.

    Attributes:
        name: The parameter's name in the bare module.
        shape: Shape of the parameter.
        bits: Shape of the coded mask: that of the parameter, with size 1 in trailing dimensions
            along which the mask is constant.
        kept: Number of ones in the coded mask.
        contexts: Number of groups, by initial score, in which the mask is coded; 1 for no contexts.
        fingerprint: First 16 bytes of the SHA-256 of all weights before masking (float32,
            little-endian, storage order), in hexadecimal.
    """

    __pydantic_config__ = _STRICT
    name: str
    shape: tuple[int, ...]
    bits: tuple[int, ...]
    kept: int
    contexts: int
    fingerprint: str

    @property
    def size(self) -> int:
        """Number of weights."""
        return prod(self.shape)

    @property
    def remaining(self) -> int:
        """Number of weights that remain."""
        return self.kept * (self.size // prod(self.bits))


@dataclass(frozen=True)
class Unmasked:
    """One parameter that no mask covers: a bias, an affine norm, an embedding."""

    __pydantic_config__ = _STRICT
    name: str
    fingerprint: str


@dataclass(frozen=True)
class Statistic:
    """One floating-point buffer of the network."""

    __pydantic_config__ = _STRICT
    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Header:
    """The JSON of one ticket in a file.

    Attributes:
        network: Architecture and init.
        seed: Seed of the random weights.
        image_shape: Channel, height, width.
        classes: Class names.
        mean: Per-channel mean that the first layer subtracts from pixels in [0, 1].
        std: Per-channel standard deviation that it divides by.
        weights: ``seed`` if the weights are rebuilt from the seed, ``stored`` if the remaining
            weights are in the file.
        score_seed: Seed of the initial scores, if known; the mask's code uses them as contexts.
        lanes: Number of interleaved coders of the mask's code.
        layers: Masked parameters, in the network's order.
        unmasked: The other parameters, in the network's order.
        statistics: Floating-point buffers, in the network's order.
        provenance: Origin of the ticket: recipe, versions, accuracies with their attack.
    """

    __pydantic_config__ = _STRICT
    network: NetworkRecipe
    seed: int
    image_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    weights: Literal["seed", "stored"]
    score_seed: int | None
    lanes: int
    layers: tuple[Layer, ...]
    unmasked: tuple[Unmasked, ...]
    statistics: tuple[Statistic, ...]
    provenance: dict[str, Any]


_ADAPTER = TypeAdapter(Header)


def headers_json(headers: Sequence[Header]) -> dict[str, Any]:
    """Return the headers of a file's tickets as JSON values, with the format version."""
    values = [_ADAPTER.dump_python(header, mode="json") for header in headers]
    for value in values:  # the first files of format 1 do not have the optional fields
        for name in OPTIONAL:
            if value["network"][name] is None:
                del value["network"][name]
    return {"format": FORMAT, "tickets": values}


def parse_headers(value: dict[str, Any]) -> tuple[Header, ...]:
    """Read the headers of a file's tickets and check their numbers.

    Raises:
        TicketError: If the format version is unknown, a field is missing, unknown or of the wrong
            type, or a number is out of range.
    """
    version = value.get("format")
    if version != FORMAT:
        raise TicketError(
            f"ticket format {version!r} is not known; this version of scratchticket reads {FORMAT}"
        )
    tickets = value.get("tickets")
    if value.keys() != {"format", "tickets"} or not isinstance(tickets, list):
        raise TicketError("the file's header is wrong: it must hold a list of tickets")
    if not 1 <= len(tickets) <= MAX_TICKETS:
        raise TicketError(
            f"the file's header is wrong: it lists {len(tickets)} tickets, not 1 to {MAX_TICKETS}"
        )
    headers = tuple(_parse(ticket) for ticket in tickets)
    if sum(layer.size for header in headers for layer in header.layers) > MAX_TOTAL:
        raise TicketError("the file's header is wrong: too many weights in all")
    return headers


def _parse(value: object) -> Header:
    """Read one ticket's header and check its numbers."""
    try:
        header = _ADAPTER.validate_json(canonical_json(value), strict=True)
        if value["network"].keys() - OPTIONAL != NETWORK_FIELDS:  # type: ignore[index]
            raise TicketError("the ticket's network lacks a setting")
        check_seed(header.seed)
        check_seed(header.score_seed or 0)
    except ValidationError as error:
        first = error.errors()[0]
        if "error" in (context := first.get("ctx", {})):  # raised by NetworkRecipe itself
            raise TicketError(f"the ticket's network: {context['error']}") from None
        where = ".".join(str(part) for part in first["loc"])
        raise TicketError(f"the ticket's header is wrong at {where!r}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:  # raised by check_seed; NaN; deep nesting
        raise TicketError(f"the ticket's header is wrong: {error}") from None
    _check_numbers(header)
    return header


def _check_numbers(header: Header) -> None:
    """Refuse numbers out of range, and shapes that contradict each other."""
    shapes = [layer.shape for layer in header.layers] + [s.shape for s in header.statistics]
    sizes = [n for shape in (*shapes, header.image_shape) for n in shape]
    most = max(sum(map(prod, shapes)), prod(header.image_shape))
    if any(n < 1 for n in sizes) or most > MAX_WEIGHTS:
        raise TicketError("the ticket's header is wrong: a shape is empty or too large")
    for layer in header.layers:
        pairs = zip(layer.bits, layer.shape, strict=False)
        if len(layer.bits) != len(layer.shape) or any(bit not in (1, n) for bit, n in pairs):
            raise TicketError("the ticket's header is wrong: a mask does not fit its layer")
    if any(not 0 < layer.kept <= prod(layer.bits) for layer in header.layers):
        raise TicketError("the ticket's header is wrong: a kept count is out of range")
    if header.network.fan_scale == "ratio":
        raise TicketError("the ticket's header is wrong: network.fan_scale must be a number")
    if not all(LEAST < value < 1 / LEAST for value in header.std):
        raise TicketError("the ticket's header is wrong: a standard deviation is not positive")
    if not all(abs(value) < 1 / LEAST for value in header.mean):
        raise TicketError("the ticket's header is wrong: a mean is out of range")
    if len(set(header.classes)) < len(header.classes):
        raise TicketError("the ticket's header is wrong: two classes have one name")
    if len(header.mean) != header.image_shape[0] or len(header.std) != header.image_shape[0]:
        raise TicketError("the ticket's header is wrong: normalisation and channels disagree")
