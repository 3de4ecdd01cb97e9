"""Fingerprints of weights, which show whether tickets share a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Protocol

from torch import Tensor

from scratchticket.base.errors import InputError
from scratchticket.networks import NetworkRecipe, outline


class HasNetwork(Protocol):
    """What identifies the network of a ticket."""

    @property
    def network(self) -> NetworkRecipe:
        """Architecture and init."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(channel, height, width)``."""

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """Fingerprint of each parameter before masking."""


def fingerprint(weights: Tensor) -> str:
    """Return the first 16 bytes of the SHA-256 of a layer's weights, in hexadecimal.

    The values are hashed as float32, little-endian, in the order of a contiguous tensor.
    """
    values = weights.detach().cpu().contiguous().numpy().astype("<f4", copy=False)
    return sha256(values.tobytes()).hexdigest()[:32]


def check_one_network(tickets: Sequence[HasNetwork]) -> None:
    """Refuse tickets of different networks.

    Tickets of one network have equal network recipes, and equal fingerprints of all parameters with
    the same name and shape. Classifiers with different numbers of classes are not compared.

    Raises:
        InputError: If two tickets differ in recipe or a parameter, or share no parameter.
    """
    first, shapes = tickets[0], _shapes(tickets[0])
    for number, other in enumerate(tickets[1:], start=1):
        different = [] if other.network == first.network else ["the recipe"]
        theirs = _shapes(other)
        shared = [name for name, shape in shapes.items() if theirs.get(name) == shape]
        different += [n for n in shared if first.fingerprints[n] != other.fingerprints[n]]
        if different or not shared:
            where = f"{different[0]} differs" if different else "they share no layer"
            raise InputError(f"tickets 0 and {number} belong to different networks: {where}")


def _shapes(ticket: HasNetwork) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all parameters, by name."""
    network = outline(ticket.network, classes=len(ticket.classes), image_shape=ticket.image_shape)
    return {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}
