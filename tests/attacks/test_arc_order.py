"""ARC visits networks by decreasing probability, and equally likely ones in the given order."""

from __future__ import annotations

import torch
from torch import Tensor

from networks import stream
from scratchticket.attacks import Attack
from scratchticket.attacks.arc import ARC
from scratchticket.attacks.sets import NetworkSet
from test_sets import EPSILON, Half, Side


def fooled(networks: NetworkSet, probabilities: tuple[float, ...] | None) -> list[bool]:
    """Return which networks are fooled after one step of ARC on a grey image."""
    image, label = torch.full((1, 1, 8, 8), 0.5), torch.zeros(1, dtype=torch.int64)
    method = ARC(1, step_size=str(EPSILON), probabilities=probabilities)
    found: Tensor = Attack(method, str(EPSILON))(networks, image, label, stream()).images
    return (networks(found).argmax(dim=2) != label[:, None])[0].tolist()


def test_the_likeliest_network_is_visited_first_even_if_two_others_are_likelier_together() -> None:
    """Brightening fools the last network; darkening half the image fools each of the others."""
    near = EPSILON / 2
    networks = NetworkSet([Half(0, near), Half(1, near), Side(-1.0, near)])

    assert fooled(networks, (0.35, 0.25, 0.4)) == [False, False, True]
    assert fooled(networks, (0.45, 0.3, 0.25)) == [True, True, False]


def test_equally_likely_networks_are_visited_in_the_given_order() -> None:
    dark, bright = Side(1.0, EPSILON / 2), Side(-1.0, EPSILON / 2)

    assert fooled(NetworkSet([dark, bright]), None) == [False, True]
    assert fooled(NetworkSet([bright, dark]), None) == [False, True]
