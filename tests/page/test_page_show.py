"""What the page shows of a trial: true numbers, readable without colours, no markup of others."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scratchticket.page import AttackRequest, AttackResult, answers_html, preview_html
from scratchticket.page.each import EACH
from scratchticket.page.show import error_html, heading_html, image_url, magnification, verdict_html
from scratchticket.page.trial import Trial


@pytest.fixture
def attacked() -> AttackResult:
    """Two tickets and a dense network; the second ticket turns wrong at step 1, the dense at 2."""
    images = torch.full((3, 1, 2, 2), 0.5)
    images[1:] += 0.1
    first = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]
    second = [[0.6, 0.4], [0.2, 0.8], [0.1, 0.9]]
    both = torch.tensor([first, second]).transpose(0, 1)
    trial = Trial(
        AttackRequest(("one", "two"), epsilon="0.1", steps=2),
        ("cat", "dog"),
        images,
        torch.tensor([0.0, 0.1, 0.1]),
        0,
        True,
        both,
        {"naturally trained network": torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])},
        torch.zeros(3, 10, dtype=torch.long),
    )
    return AttackResult(
        trial, "test image 3 of pets", {"one": "5 of 9 random weights, not trained"}
    )


def plain(html: str) -> str:
    """Return the words of a text, without its markup."""
    return " ".join(re.sub("<[^>]*>", " ", html).split())


def changed(attacked: AttackResult, **fields: Any) -> AttackResult:
    """Return an attack with other fields of its trial."""
    return replace(attacked, trial=replace(attacked.trial, **fields))


def test_it_says_who_turns_wrong_and_when(attacked: AttackResult) -> None:
    said = plain(answers_html(attacked, 1))

    assert "ticket one attacked 5 of 9 random weights, not trained ✓ right says cat (0.80)." in said
    assert "cat (0.80). Right at every step" in said
    assert "two attacked ✗ wrong says dog (0.80); right class 0.20. Wrong from step 1" in said
    assert "naturally trained network ✓ right says cat (0.60). Wrong from step 2" in said


def test_the_heading_names_image_and_attack(attacked: AttackResult) -> None:
    html = heading_html(attacked, 1)

    assert "<h2>Test image 3 of pets under pgd-2, linf, 0.1</h2>" in html
    said = plain(html)
    assert "Step 1 of 2 . The attack is made on the switch: all 2 tickets by expectation" in said
    assert "True class: cat ." in said
    request = attacked.trial.request
    for source, called in (
        ("one", "the ticket one"),
        ("naturally trained network", "the naturally trained network"),
        (EACH, "each network itself"),
    ):
        aimed = changed(attacked, request=replace(request, source=source))
        assert f"The attack is made on {called}. True class" in plain(heading_html(aimed, 1))


def test_the_verdict_names_who_is_wrong_and_who_is_right(attacked: AttackResult) -> None:
    assert plain(verdict_html(attacked, 1)) == (
        "After step 1 ✗ wrong : 1 of 2 tickets. ✓ right : the naturally trained network; "
        "1 of 2 tickets."
    )
    assert plain(verdict_html(attacked, 0)) == (
        "Before the attack ✓ right : the naturally trained network; 2 of 2 tickets."
    )


def test_of_an_unknown_class_answers_are_unchanged_or_changed(attacked: AttackResult) -> None:
    """A network that disagrees with the others from the start has not changed its answer."""
    always = torch.tensor([[0.1, 0.9], [0.1, 0.9], [0.1, 0.9]])
    unknown = changed(attacked, known=False, dense={"dense network": always})

    said = (
        plain(answers_html(unknown, 1))
        + plain(heading_html(unknown, 1))
        + plain(verdict_html(unknown, 1))
    )

    assert "dense network ✓ unchanged says dog (0.90). Unchanged at every step" in said
    assert "two attacked ✗ changed says dog (0.80); first answer 0.20. Changed from step 1" in said
    assert "✗ changed : 1 of 2 tickets. ✓ unchanged : the dense network; 1 of 2 tickets." in said
    assert "The true class is not known; the attack leads away from the first answer" in said
    assert not re.search("wrong|✓ right|✓ same|other", said.replace("another answer than", ""))


def test_networks_that_are_attacked_themselves_have_pictures_of_their_own(
    attacked: AttackResult,
) -> None:
    images = dict.fromkeys(("one", "two", "naturally trained network"), attacked.trial.images)
    own = replace(attacked, images=images | {"two": attacked.trial.images * 0.5})

    html = answers_html(own, 1)

    assert html.count("<figure>") == 6
    assert html.count(image_url(attacked.trial.images[1])) == 2
    assert html.count(image_url(own.images["two"][1])) == 1
    assert "The switch draws" not in html
    assert "attack the chosen tickets all at once" in html


def test_it_says_what_the_switch_does(attacked: AttackResult) -> None:
    said = plain(answers_html(attacked, 1))

    assert "right with probability 1/2 ; it answers cat (1/2), dog (1/2)" in said
    assert "Expected probability of the right class: 0.50" in said
    assert "10 draws: cat , cat" in said
    assert "3/3" not in said
    alone = changed(
        attacked,
        request=replace(attacked.trial.request, tickets=("one",)),
        probabilities=attacked.trial.probabilities[:, :1],
    )
    assert "switch" not in answers_html(alone, 1)


@pytest.mark.parametrize("position", [-5, 0, 2, 99])
def test_every_position_is_shown_and_every_picture_has_a_text(
    attacked: AttackResult, position: int
) -> None:
    html = answers_html(attacked, position)

    assert len(re.findall("<img ", html)) == len(re.findall(r'<img [^>]*alt="[^"]+"', html)) == 3
    assert len(re.findall("<svg ", html)) == len(re.findall('role="img" aria-label="[^"]+"', html))


def test_perturbations_are_magnified_as_far_as_they_fit(attacked: AttackResult) -> None:
    assert magnification(attacked) == 5
    assert magnification(changed(attacked, images=attacked.trial.images[:1])) == 1
    assert "perturbation, 5 times; largest difference 0.1" in answers_html(attacked, 1)


def test_names_of_others_are_no_markup(attacked: AttackResult) -> None:
    evil = '<img src=x onerror="alert(1)">'
    tickets = (evil, "t" * 500)
    trial = attacked.trial
    hostile = AttackResult(
        replace(
            trial,
            classes=(evil, "d\x1b\n"),
            request=replace(trial.request, tickets=tickets),
            dense={evil: next(iter(trial.dense.values()))},
        ),
        evil,
        {evil: evil},
    )

    html = (
        answers_html(hostile, 1)
        + error_html(evil)
        + preview_html(torch.zeros(3, 2, 2).byte(), evil)
    )
    html += verdict_html(hostile, 1) + heading_html(hostile, 1)

    assert not re.search("<img src=x", html)
    assert not re.search('<[^<>]*onerror="', html)
    assert "\x1b" not in html
    assert "t" * 60 not in html


def test_an_image_keeps_its_pixels() -> None:
    pixels = torch.arange(48, dtype=torch.uint8).view(3, 4, 4)

    content = b64decode(image_url(pixels).partition(",")[2])

    assert (np.asarray(Image.open(BytesIO(content))) == pixels.permute(1, 2, 0).numpy()).all()
