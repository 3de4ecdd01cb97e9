"""What the page shows of a trial: true numbers, readable without colours, no markup of others."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from scratchticket.page import Question, Trial, preview, shown
from scratchticket.page.show import complaint, image_url, magnification


@pytest.fixture
def trial() -> Trial:
    """Two tickets and a dense network; the second ticket turns wrong at step 1, the dense at 2."""
    images = torch.full((3, 1, 2, 2), 0.5)
    images[1:] += 0.1
    first = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]
    second = [[0.6, 0.4], [0.2, 0.8], [0.1, 0.9]]
    both = torch.tensor([first, second]).transpose(0, 1)
    return Trial(
        Question(("one", "two"), epsilon="0.1", steps=2),
        ("cat", "dog"),
        images,
        torch.tensor([0.0, 0.1, 0.1]),
        0,
        True,
        both,
        torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]]),
        torch.zeros(3, 10, dtype=torch.long),
    )


def plain(html: str) -> str:
    """Return the words of a text, without its markup."""
    return " ".join(re.sub("<[^>]*>", " ", html).split())


def test_it_says_who_turns_wrong_and_when(trial: Trial) -> None:
    said = plain(shown(trial, 1))

    assert "Step 1 of 2" in said
    assert "pgd-2, linf, 0.1, made on the switch: all 2 tickets by expectation (EOT)" in said
    assert "one ✓ right says cat (0.80). Right at every step" in said
    assert "two ✗ wrong says dog (0.80); right class 0.20. Wrong from step 1" in said
    assert "the dense network ✓ right says cat (0.60). Wrong from step 2" in said


def test_it_says_what_the_switch_does(trial: Trial) -> None:
    said = plain(shown(trial, 1))

    assert "right with probability 1/2 ; it answers cat (1/2), dog (1/2)" in said
    assert "Expected probability of the right class: 0.50" in said
    assert "10 draws: cat , cat" in said
    assert "3/3" not in said


@pytest.mark.parametrize("position", [-5, 0, 2, 99])
def test_every_position_is_shown_and_every_picture_has_a_text(trial: Trial, position: int) -> None:
    html = shown(trial, position)

    assert len(re.findall("<img ", html)) == len(re.findall(r'<img [^>]*alt="[^"]+"', html)) == 3
    assert len(re.findall("<svg ", html)) == len(re.findall('role="img" aria-label="[^"]+"', html))


def test_perturbations_are_magnified_as_far_as_they_fit(trial: Trial) -> None:
    assert magnification(trial) == 5
    assert magnification(replace(trial, images=trial.images[:1])) == 1
    assert "perturbation, 5 times; largest difference 0.1" in shown(trial, 1)


def test_names_of_others_are_no_markup(trial: Trial) -> None:
    evil = '<img src=x onerror="alert(1)">'
    tickets = (evil, "t" * 500)
    hostile = replace(
        trial, classes=(evil, "d\x1b\n"), question=replace(trial.question, tickets=tickets)
    )

    html = shown(hostile, 1) + complaint(evil) + preview(torch.zeros(3, 2, 2).byte(), evil)

    assert not re.search("<img src=x", html)
    assert not re.search('<[^<>]*onerror="', html)
    assert "\x1b" not in html
    assert "t" * 60 not in html


def test_an_image_keeps_its_pixels() -> None:
    pixels = torch.arange(48, dtype=torch.uint8).view(3, 4, 4)

    content = b64decode(image_url(pixels).partition(",")[2])

    assert (np.asarray(Image.open(BytesIO(content))) == pixels.permute(1, 2, 0).numpy()).all()
