"""ARC goes through networks by falling probability, of equals as they are given."""

from __future__ import annotations

import torch
from torch import Tensor

from networks import stream
from scratchticket.attacks import Attack
from scratchticket.attacks.arc import ARC
from scratchticket.attacks.sets import Together
from test_sets import EPSILON, Half, Side


def fooled(networks: Together, probabilities: tuple[float, ...] | None) -> list[bool]:
    """Return which networks one whole step of ARC leaves fooled on a grey image."""
    image, label = torch.full((1, 1, 8, 8), 0.5), torch.zeros(1, dtype=torch.int64)
    method = ARC(1, step_size=str(EPSILON), probabilities=probabilities)
    found: Tensor = Attack(method, str(EPSILON))(networks, image, label, stream()).images
    return (networks(found).argmax(dim=2) != label[:, None])[0].tolist()


def test_the_likeliest_network_goes_first_even_where_two_others_weigh_more() -> None:
    """Bright images fool the last, dark halves the others; in another order these would stay."""
    near = EPSILON / 2
    networks = Together([Half(0, near), Half(1, near), Side(-1.0, near)])

    assert fooled(networks, (0.35, 0.25, 0.4)) == [False, False, True]
    assert fooled(networks, (0.45, 0.3, 0.25)) == [True, True, False]


def test_of_equally_likely_networks_the_last_one_given_has_the_last_word() -> None:
    dark, bright = Side(1.0, EPSILON / 2), Side(-1.0, EPSILON / 2)

    assert fooled(Together([dark, bright]), None) == [False, True]
    assert fooled(Together([bright, dark]), None) == [False, True]
