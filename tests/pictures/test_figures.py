"""Figures can be read on light and on dark pages."""

from __future__ import annotations

import re

import matplotlib as mpl
import pytest
import torch
from matplotlib.figure import Figure

import scratchticket as st
from scratchticket.attacks import PGD, Attack
from scratchticket.attacks.method import Result, Target
from scratchticket.base.errors import ScratchticketError
from scratchticket.pictures.figures import DARK, GROUND, INK, STYLE, examples, svg


def _luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.1."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", sorted({*DARK} - {GROUND}))
def test_every_colour_can_be_read_as_text_on_either_ground(colour: str) -> None:
    assert _contrast(colour, GROUND) >= 4.5
    assert _contrast(DARK[colour], DARK[GROUND]) >= 4.5


@mpl.rc_context(STYLE)
def _figure() -> str:
    figure = Figure()
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], label="line")
    axes.legend()
    axes.set(xlabel="x", title="title")
    figure.suptitle("whole")
    return svg(figure)


def test_text_axes_and_ground_have_other_colours_on_dark_pages() -> None:
    text = _figure()

    (style,) = re.findall("<style.*?</style>", text, flags=re.DOTALL)
    for light, dark in DARK.items():
        assert f'[style*="fill: {light}"]{{fill: {dark} !important}}' in style
    drawn = text.replace(style, "")
    letters = re.findall(r'<g style="(.*?)" transform', drawn)
    assert len(letters) > 10
    assert all(f"fill: {INK}" in letter for letter in letters)
    assert not re.findall("(?:fill|stroke): #(?:000000|ffffff)", drawn)  # else left as they are
    assert text == _figure()


def test_images_outside_the_ball_are_refused_not_shown(digits: st.Data) -> None:
    class Leaving(PGD):
        def __call__(self, target: Target) -> Result:
            return Result(torch.zeros_like(target.images))

    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
    with pytest.raises(ScratchticketError, match=r"pgd-20, linf, 0.1 left the ball"):
        examples(network, digits.test, digits.classes, Attack(Leaving(), "0.1"), seed=0, title="")
