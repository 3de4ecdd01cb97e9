"""The page's pictures and words, as HTML that needs nothing but itself.

Names of tickets and classes come from files that somebody else made: they are escaped.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from html import escape
from textwrap import shorten

from torch import Tensor

from scratchticket.base.files import printable
from scratchticket.page.trial import DENSE, SWITCH, Question, Trial
from scratchticket.pictures.html import png_url

_LONGEST = 40  # characters of a name
_LONG_NUMBER = 24  # characters of an epsilon
_BAR, _HEIGHT = 8, 36  # of a step's bar, in units of the drawing


@dataclass(frozen=True)
class _Words:
    """How answers are spoken of.

    Attributes:
        right: Mark of an answer that is the class they are compared with.
        wrong: Mark of another.
        is_right: The switch gives the one.
        target: The class.
        all_right: What is said of a network whose answers are all the one.
        gone_wrong: Whose are another.
        likely: When the switch's bar has a cross.
    """

    right: str
    wrong: str
    is_right: str
    target: str
    all_right: str
    gone_wrong: str
    likely: str


_KNOWN = _Words(
    "✓ right",
    "✗ wrong",
    "It is right",
    "right class",
    "Right",
    "Wrong",
    "a wrong answer (of the switch: more likely wrong than right)",
)
_UNKNOWN = _Words(  # what is right is not known, so nothing is called right
    "✓ same",
    "✗ other",
    "It gives the first answer",
    "first answer",
    "The first answer",
    "Another answer",
    "another answer (of the switch: more likely another than the first)",
)


def _words(trial: Trial) -> _Words:
    return _KNOWN if trial.known else _UNKNOWN


def text(value: object) -> str:
    """Return text of a file for the page: one short line, no markup."""
    return escape(shorten(printable(value), _LONGEST, placeholder="…") or "…")


def image_url(pixels: Tensor) -> str:
    """Return an image as a URL that holds it: PNG.

    Args:
        pixels: uint8, or float in [0, 1]; ``(channel, height, width)``, one channel or three.
    """
    values = pixels if not pixels.is_floating_point() else (pixels * 255).round().byte()
    array = values.permute(1, 2, 0).contiguous().numpy()
    plain = array[:, :, 0] if array.shape[2] == 1 else array
    return png_url(plain)


def magnification(trial: Trial) -> int:
    """Return by how much perturbations are magnified: so that the largest just fits.

    It is one number for all steps, so that they can be compared.
    """
    largest = float((trial.images - trial.images[:1]).abs().max())
    return max(1, math.floor(0.5 / largest + 1e-3)) if largest > 0 else 1


def preview(pixels: Tensor, caption: str) -> str:
    """Return an image with a line under it.

    Args:
        pixels: uint8, ``(channel, height, width)``.
        caption: Plain text.
    """
    return f'<div class="st-one">{_figure(pixels, caption, caption)}</div>'


def complaint(message: str) -> str:
    """Return an error as the page shows it: read out at once."""
    return f'<p class="st-error" role="alert">{escape(printable(message))}</p>'


def hint(message: str) -> str:
    """Return a remark."""
    return f'<p class="st-legend">{escape(printable(message))}</p>'


def shown(trial: Trial, position: int) -> str:
    """Return everything there is to see at one step.

    Args:
        trial: The attack and the answers.
        position: 0 is the image as it is; positions that are not there count as the nearest.
    """
    at = min(max(position, 0), len(trial) - 1)
    return (
        f'<div class="st">{_heading(trial, at)}{_pictures(trial, at)}'
        f"{_switch(trial, at)}{_networks(trial, at)}{_legend(trial)}</div>"
    )


def _heading(trial: Trial, at: int) -> str:
    question = trial.question
    source = text(question.source)
    if question.source == SWITCH:
        count = len(question.tickets)
        source = f"the switch: all {count} tickets by expectation (EOT)" if count > 1 else "it"
    elif question.source != DENSE:
        source = f"the ticket {source}"
    where = "The image as it is" if at == 0 else f"Step {at} of {len(trial) - 1}"
    label = f"<strong>{text(trial.classes[trial.label])}</strong>"
    compared = f"Right class: {label}."
    if not trial.known:
        compared = (
            f"The right class is not known. First answer: {label}, taken from what the tickets "
            "say of the image as it is; the attack leads away from it."
        )
    return (
        f'<p class="st-where" role="status"><strong>{where}</strong>. Attack: {_attack(question)}, '
        f"made on {source if source != 'it' else text(question.tickets[0])}. {compared}</p>"
    )


def _attack(question: Question) -> str:
    """Return what an attack is called; of an epsilon with many digits three."""
    if len(question.epsilon) <= _LONG_NUMBER:
        return str(question)
    exact = Fraction(question.epsilon)
    short = f"{Decimal(exact.numerator) / Decimal(exact.denominator):.3g}"
    return str(question).replace(question.epsilon, short)


def _figure(pixels: Tensor, alt: str, caption: str) -> str:
    return (
        f'<figure><img src="{image_url(pixels)}" alt="{escape(alt, quote=True)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _pictures(trial: Trial, at: int) -> str:
    clean, here, factor = trial.images[0], trial.images[at], magnification(trial)
    moved = (0.5 + float(factor) * (here - clean).double()).clamp(0, 1)
    times = f"{factor}" if factor < 1e6 else f"{factor:.1e}"
    magnified = f"{times} times" if factor > 1 else "not magnified"
    kind = "largest difference" if trial.question.norm == "linf" else "Euclidean distance"
    distance = f"{float(trial.distances[at]):.3g}"
    label = shorten(printable(trial.classes[trial.label]), _LONGEST, placeholder="…")
    figures = (
        _figure(clean, f"The image as it is{f', of class {label}' * trial.known}", "image"),
        _figure(here, f"The image after step {at}", "image after the step" if at else "the same"),
        _figure(
            moved,
            f"The perturbation after step {at}, {magnified}; grey is no change",
            f"perturbation, {magnified}; {kind} {distance}",
        ),
    )
    return f'<div class="st-pictures">{"".join(figures)}</div>'


def _switch(trial: Trial, at: int) -> str:
    """Say what a random choice among the tickets answers."""
    words = _words(trial)
    count = len(trial.question.tickets)
    right = int((trial.answers[at] == trial.label).sum())
    votes = Counter(trial.answers[at].tolist()).most_common()
    says = ", ".join(f"{text(trial.classes[c])} ({n}/{count})" for c, n in votes)
    drawn = ", ".join(
        f'<span class="{"st-right" if c == trial.label else "st-wrong"}">'
        f"{text(trial.classes[c])}{'' if c == trial.label else ' ✗'}</span>"
        for c in trial.drawn[at].tolist()
    )
    title = "The switch draws one of the tickets for each answer"
    if count == 1:
        title = "A switch with one ticket always gives its answer"
    return (
        f'<section class="st-switch" aria-label="What the switch does"><h3>{title}</h3>'
        f"<p>{words.is_right} with probability <strong>{right}/{count}</strong>"
        f"{_mark(right == count, words) if right in (0, count) else ''}; "
        f"it answers {says}. Expected probability of the {words.target}: "
        f"<strong>{float(trial.expected[at]):.2f}</strong>.</p>"
        f"<p>{len(trial.drawn[at])} draws: {drawn}</p>"
        f"{_strip(trial.expected.tolist(), (trial.right >= 0.5).tolist(), at, words)}</section>"
    )


def _networks(trial: Trial, at: int) -> str:
    """Say what each network answers."""
    rows = [
        _network(trial, text(name), trial.probabilities[:, index], at)
        for index, name in enumerate(trial.question.tickets)
    ]
    if trial.dense is not None:
        rows.append(_network(trial, DENSE, trial.dense, at))
    return f'<ul class="st-networks">{"".join(rows)}</ul>'


def _network(trial: Trial, name: str, probabilities: Tensor, at: int) -> str:
    """Return the row of a network.

    Args:
        trial: The attack.
        name: Of the network, escaped.
        probabilities: Of it, ``(position, class)``.
        at: Which position.
    """
    words, answers = _words(trial), probabilities.argmax(dim=1)
    rights = (answers == trial.label).tolist()
    chance, answer = probabilities[:, trial.label], int(answers[at])
    sure = f"{float(probabilities[at, answer]):.2f}"
    attacked = " st-attacked" if name == text(trial.question.source) else ""
    return (
        f'<li class="st-network{attacked}"><h4>{name}</h4>'
        f"<p>{_mark(rights[at], words)} says <strong>{text(trial.classes[answer])}</strong> "
        f"({sure}){'' if rights[at] else f'; {words.target} {float(chance[at]):.2f}'}. "
        f"{turn(rights, words)}.</p>{_strip(chance.tolist(), rights, at, words)}</li>"
    )


def turn(rights: list[bool], words: _Words = _KNOWN) -> str:
    """Say when a network's answers turn wrong.

    Args:
        rights: Whether it is right, at each position.
        words: How answers are spoken of.

    Example:
        >>> turn([True, True, False]), turn([True, False, True]), turn([True, True])
        ('Wrong from step 2', 'Wrong first at step 1', 'Right at every step')
    """
    if all(rights):
        return f"{words.all_right} at every step"
    first = rights.index(False)
    if any(rights[first:]):
        return f"{words.gone_wrong} {f'first at step {first}' if first else 'at first'}"
    return f"{words.gone_wrong} from {f'step {first}' if first else 'the start'}"


def _mark(right: bool, words: _Words) -> str:
    kind, mark = ("right", words.right) if right else ("wrong", words.wrong)
    return f' <span class="st-mark st-{kind}">{mark}</span>'


def _strip(chances: list[float], rights: list[bool], at: int, words: _Words) -> str:
    """Draw the probability of the right class at every position, and where answers are wrong.

    Args:
        chances: From 0 to 1.
        rights: Whether the answer is right.
        at: The position that is looked at.
        words: How answers are spoken of.
    """
    bars, tall = [], _HEIGHT + 8
    for index, (chance, right) in enumerate(zip(chances, rights, strict=True)):
        x, high = index * _BAR, max(1.0, chance * _HEIGHT)
        kind = "right" if right else "wrong"
        bars.append(
            f'<rect class="st-{kind}" x="{x + 1}" y="{_HEIGHT - high:.1f}" '
            f'width="{_BAR - 2}" height="{high:.1f}"/>'
        )
        if not right:
            a, b, y, z = x + 2, x + _BAR - 2, _HEIGHT + 2, _HEIGHT + 6
            bars.append(f'<path class="st-cross" d="M{a} {y}L{b} {z}M{a} {z}L{b} {y}"/>')
    bars.append(f'<rect class="st-now" x="{at * _BAR}" y="0" width="{_BAR}" height="{tall}"/>')
    numbers = ", ".join(f"{chance:.2f}" for chance in chances)
    label = f"Probability of the {words.target}, step by step: {numbers}. {turn(rights, words)}."
    width = len(chances) * _BAR
    return (
        f'<svg class="st-strip" role="img" aria-label="{label}" viewBox="0 0 {width} {tall}" '
        f'preserveAspectRatio="none">{"".join(bars)}</svg>'
    )


def _legend(trial: Trial) -> str:
    start = "a random point of the ball"
    words = _words(trial)
    begin = "the image itself" if trial.question.attack == "fgsm" else start
    return (
        f'<p class="st-legend">Bars: probability of the {words.target} at each step; a cross marks '
        f"{words.likely}, a frame the step above. "
        f"The attack begins at {begin}.</p>"
    )
