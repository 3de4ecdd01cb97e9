"""The pictures and texts of the page, as self-contained HTML.

Names of tickets and classes are escaped, since they come from untrusted files.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from html import escape
from textwrap import shorten

from torch import Tensor

from scratchticket.base.files import printable
from scratchticket.page.each import EACH
from scratchticket.page.trial import SWITCH, AttackRequest, Trial
from scratchticket.pictures.html import png_url

_MAX_NAME = 40  # longest name, in characters
_MAX_NUMBER = 24  # longest epsilon, in characters
NO_SWITCH = "To see the random switch, attack the chosen tickets all at once."
_WIDTH, _HEIGHT = 8, 36  # size of a step's bar, in SVG units


@dataclass(frozen=True)
class _Wording:
    """The words of the page that depend on whether the true class is known.

    Attributes:
        right: Mark of a correct prediction.
        wrong: Mark of a wrong prediction.
        switch_right: Beginning of the sentence on how often the switch is correct.
        target: Name of the class with which predictions are compared.
        all_right: Beginning of the phrase on a network whose predictions are all correct.
        turned_wrong: Beginning of the phrase on a network with wrong predictions.
        cross: Meaning of a cross below a network's bar.
        switch_cross: Meaning of a cross below the switch's bar.
    """

    right: str
    wrong: str
    switch_right: str
    target: str
    all_right: str
    turned_wrong: str
    cross: str
    switch_cross: str


_KNOWN = _Wording(
    "✓ right",
    "✗ wrong",
    "It is right",
    "right class",
    "Right",
    "Wrong",
    "a wrong answer",
    "more likely wrong than right",
)
_UNKNOWN = _Wording(  # compares with the network's prediction on the clean image
    "✓ unchanged",
    "✗ changed",
    "It gives the first answer",
    "first answer",
    "Unchanged",
    "Changed",
    "a changed answer",
    "more likely another answer than the first",
)


@dataclass(frozen=True, eq=False)
class AttackResult:
    """The result of an attack, with descriptions of the image and the networks.

    Attributes:
        trial: The attack and the networks' predictions.
        image: Name of the image.
        about: A line about each network, by name.
        images: If each network was attacked separately, each network's images, by name:
            ``(position, channel, height, width)``.
    """

    trial: Trial
    image: str
    about: Mapping[str, str]
    images: Mapping[str, Tensor] = field(default_factory=dict)


def _wording(trial: Trial) -> _Wording:
    return _KNOWN if trial.known else _UNKNOWN


def text(value: object) -> str:
    """Return untrusted text as one short line, escaped."""
    return escape(shorten(printable(value), _MAX_NAME, placeholder="…") or "…")


def image_url(pixels: Tensor) -> str:
    """Return an image as a PNG data URL.

    Args:
        pixels: uint8, or float in [0, 1]; ``(channel, height, width)``, one channel or three.
    """
    values = pixels if not pixels.is_floating_point() else (pixels * 255).round().byte()
    array = values.permute(1, 2, 0).contiguous().numpy()
    plain = array[:, :, 0] if array.shape[2] == 1 else array
    return png_url(plain)


def magnification(attacked: AttackResult) -> int:
    """Return the largest factor by which all perturbations can be magnified without clipping.

    All steps and networks have the same factor, so that their perturbations can be compared.
    """
    every = attacked.images.values() or [attacked.trial.images]
    largest = max(float((images - images[:1]).abs().max()) for images in every)
    return max(1, math.floor(0.5 / largest + 1e-3)) if largest > 0 else 1


def preview_html(pixels: Tensor, caption: str) -> str:
    """Return an image, uint8 of ``(channel, height, width)``, with a caption in plain text."""
    return f'<div class="st-one">{_figure(pixels, caption, caption)}</div>'


def error_html(message: str) -> str:
    """Return an error message that screen readers announce."""
    return f'<p class="st-error" role="alert">{escape(printable(message))}</p>'


def remark_html(message: str) -> str:
    """Return a remark in plain text."""
    return f'<p class="st-legend">{escape(printable(message))}</p>'


def answers_html(attacked: AttackResult, position: int) -> str:
    """Return the pictures and predictions at one step.

    Args:
        attacked: Result of the attack.
        position: Number of the step; 0 is the clean image. Clamped to the range.
    """
    trial = attacked.trial
    at = _clamped(trial, position)
    pictures = "" if attacked.images else _pictures(attacked, at)
    switch = ""
    if len(trial.request.tickets) > 1:
        switch = remark_html(NO_SWITCH) if attacked.images else _switch(trial, at)
    return f'<div class="st">{pictures}{_cards(attacked, at)}{switch}{_legend(attacked)}</div>'


def _clamped(trial: Trial, position: int) -> int:
    return min(max(position, 0), len(trial) - 1)


def verdict_html(attacked: AttackResult, position: int) -> str:
    """Return which networks are right and which are wrong at one step.

    The arguments are those of :func:`answers_html`. Screen readers announce changes.
    """
    trial = attacked.trial
    at, words = _clamped(trial, position), _wording(trial)
    names: dict[bool, list[str]] = {True: [], False: []}
    for name, each in trial.dense.items():
        names[_rights(trial, each)[at]].append(f"the {text(name)}")
    rights = [_rights(trial, each)[at] for each in trial.probabilities.unbind(dim=1)]
    for right in (True, False):
        if count := rights.count(right):
            several = f"{count} of {len(rights)} tickets"
            one = f"the ticket {text(trial.request.tickets[0])}"
            names[right].append(one if len(rights) == 1 else several)
    said = "".join(
        f"<p>{_mark(right, words)}: {'; '.join(names[right])}.</p>"
        for right in (False, True)
        if names[right]
    )
    where = "Before the attack" if at == 0 else f"After step {at}"
    return f'<div class="st" role="status"><p>{where}</p>{said}</div>'


def heading_html(attacked: AttackResult, position: int) -> str:
    """Return the heading of one step: image, attack, attacked network, true class.

    The arguments are those of :func:`answers_html`.
    """
    trial = attacked.trial
    request, at = trial.request, _clamped(trial, position)
    source = text(request.source) if request.source == EACH else f"the {text(request.source)}"
    if request.source == SWITCH:
        count = len(request.tickets)
        source = f"the switch: all {count} tickets by expectation (EOT)"
        if count == 1:
            source = f"the ticket {text(request.tickets[0])}"
    elif request.source not in {EACH, *trial.dense}:
        source = f"the ticket {text(request.source)}"
    where = "Before the attack" if at == 0 else f"Step {at} of {len(trial) - 1}"
    label = f"<strong>{text(trial.classes[trial.label])}</strong>"
    compared = f"True class: {label}."
    if not trial.known:
        compared = "The true class is not known; "
        compared += (
            "each attack leads away from its network's first answer."
            if request.source == EACH
            else f"the attack leads away from the first answer of all tickets together: {label}."
        )
    image = text(attacked.image)
    return (
        f'<div class="st"><h2>{image[:1].upper()}{image[1:]} under {_attack_title(request)}</h2>'
        f'<p class="st-where"><strong>{where}</strong>. The attack is made on {source}. '
        f"{compared}</p></div>"
    )


def _attack_title(request: AttackRequest) -> str:
    """Return the name of an attack; a long epsilon is rounded to three digits."""
    if len(request.epsilon) <= _MAX_NUMBER:
        return str(request)
    exact = Fraction(request.epsilon)
    short = f"{Decimal(exact.numerator) / Decimal(exact.denominator):.3g}"
    return str(request).replace(request.epsilon, short)


def _figure(pixels: Tensor, alt: str, caption: str) -> str:
    return (
        f'<figure><img src="{image_url(pixels)}" alt="{escape(alt, quote=True)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _pictures(attacked: AttackResult, at: int) -> str:
    trial = attacked.trial
    clean, here = trial.images[0], trial.images[at]
    moved, magnified = _perturbation(attacked, trial.images, at)
    kind = "largest difference" if trial.request.norm == "linf" else "Euclidean distance"
    distance = f"{float(trial.distances[at]):.3g}"
    label = shorten(printable(trial.classes[trial.label]), _MAX_NAME, placeholder="…")
    figures = (
        _figure(clean, f"The clean image{f', of class {label}' * trial.known}", "image"),
        _figure(here, f"The image after step {at}", "image after the step" if at else "the same"),
        _figure(
            moved,
            f"The perturbation after step {at}, {magnified}; grey is no change",
            f"perturbation, {magnified}; {kind} {distance}",
        ),
    )
    return f'<div class="st-pictures">{"".join(figures)}</div>'


def _perturbation(attacked: AttackResult, images: Tensor, at: int) -> tuple[Tensor, str]:
    """Return a perturbation as an image, grey where nothing changes, and its magnification."""
    factor = magnification(attacked)
    moved = (0.5 + float(factor) * (images[at] - images[0]).double()).clamp(0, 1)
    times = f"{factor}" if factor < 1e6 else f"{factor:.1e}"
    return moved, f"{times} times" if factor > 1 else "not magnified"


def _own_pictures(attacked: AttackResult, name: str, at: int) -> str:
    """Return a network's own attacked image and perturbation, if it was attacked separately."""
    images = attacked.images.get(name)
    if images is None:
        return ""
    moved, magnified = _perturbation(attacked, images, at)
    figures = (
        _figure(images[at], f"The image after step {at} of the attack on it", "attacked image"),
        _figure(
            moved,
            f"Its perturbation after step {at}, {magnified}; grey is no change",
            f"perturbation, {magnified}",
        ),
    )
    return f'<div class="st-pictures">{"".join(figures)}</div>'


def _switch(trial: Trial, at: int) -> str:
    """Return the predictions of a random switch between the tickets."""
    words = _wording(trial)
    count = len(trial.request.tickets)
    right = int((trial.answers[at] == trial.label).sum())
    votes = Counter(trial.answers[at].tolist()).most_common()
    says = ", ".join(f"{text(trial.classes[c])} ({n}/{count})" for c, n in votes)
    drawn = ", ".join(
        f'<span class="{"st-right" if c == trial.label else "st-wrong"}">'
        f"{text(trial.classes[c])}{'' if c == trial.label else ' ✗'}</span>"
        for c in trial.drawn[at].tolist()
    )
    return (
        '<section class="st-switch" aria-label="What the switch does">'
        "<h3>The switch draws one of the tickets for each answer</h3>"
        f"<p>{words.switch_right} with probability <strong>{right}/{count}</strong>"
        f"{_mark(right == count, words) if trial.known and right in (0, count) else ''}; "
        f"it answers {says}. Expected probability of the {words.target}: "
        f"<strong>{float(trial.expected[at]):.2f}</strong>.</p>"
        f"<p>{len(trial.drawn[at])} draws: {drawn}</p>"
        f"{_chart(trial.expected.tolist(), (trial.right >= 0.5).tolist(), at, words)}</section>"
    )


def _cards(attacked: AttackResult, at: int) -> str:
    """Return a card for each network: dense networks first, then tickets."""
    trial = attacked.trial
    rows = [_card(attacked, name, name, each, at) for name, each in trial.dense.items()]
    rows += [
        _card(attacked, name, f"ticket {name}", trial.probabilities[:, index], at)
        for index, name in enumerate(trial.request.tickets)
    ]
    return f'<ul class="st-networks">{"".join(rows)}</ul>'


def _card(attacked: AttackResult, name: str, title: str, probabilities: Tensor, at: int) -> str:
    """Return the card of a network at a step.

    Args:
        attacked: Result of the attack.
        name: Name of the network.
        title: Title of the card.
        probabilities: Class probabilities of the network, ``(position, class)``.
        at: Number of the step.
    """
    trial = attacked.trial
    words, rights = _wording(trial), _rights(trial, probabilities)
    chance, answer = (
        probabilities[:, _reference_class(trial, probabilities)],
        int(probabilities[at].argmax()),
    )
    sure, source = f"{float(probabilities[at, answer]):.2f}", trial.request.source
    aim = name == source or (source == SWITCH and name not in trial.dense)
    note = ' <span class="st-aim">attacked</span>' if aim else ""
    about = escape(printable(attacked.about.get(name, "")))
    return (
        f'<li class="st-network"><h3>{text(title)}{note}</h3>'
        f'<p class="st-legend">{about}</p>{_own_pictures(attacked, name, at)}'
        f"<p>{_mark(rights[at], words)} says <strong>{text(trial.classes[answer])}</strong> "
        f"({sure}){'' if rights[at] else f'; {words.target} {float(chance[at]):.2f}'}. "
        f"{when_wrong(rights, words)}.</p>{_chart(chance.tolist(), rights, at, words)}</li>"
    )


def _reference_class(trial: Trial, probabilities: Tensor) -> int:
    """Return the class with which a network's predictions are compared.

    It is the true class if known, else the network's prediction on the clean image.
    """
    return trial.label if trial.known else int(probabilities[0].argmax())


def _rights(trial: Trial, probabilities: Tensor) -> list[bool]:
    """Return whether a network is right at each step."""
    right: list[bool] = (
        probabilities.argmax(dim=1) == _reference_class(trial, probabilities)
    ).tolist()
    return right


def when_wrong(rights: list[bool], words: _Wording = _KNOWN) -> str:
    """Return a phrase that says from which step on a network is wrong.

    Args:
        rights: Whether the network is right, at each step.
        words: Words for a known or unknown class.

    Example:
        >>> when_wrong([True, True, False]), when_wrong([True, False, True])
        ('Wrong from step 2', 'Wrong first at step 1')
    """
    if all(rights):
        return f"{words.all_right} at every step"
    first = rights.index(False)
    if any(rights[first:]):
        return f"{words.turned_wrong} {f'first at step {first}' if first else 'at first'}"
    return f"{words.turned_wrong} from {f'step {first}' if first else 'the start'}"


def _mark(right: bool, words: _Wording) -> str:
    kind, mark = ("right", words.right) if right else ("wrong", words.wrong)
    return f' <span class="st-mark st-{kind}">{mark}</span>'


def _chart(chances: list[float], rights: list[bool], at: int, words: _Wording) -> str:
    """Return a bar chart of a probability at every step, with crosses below wrong predictions.

    Args:
        chances: Probability of the true class at each step.
        rights: Whether the prediction is right at each step.
        at: Number of the step to frame.
        words: Words for a known or unknown class.
    """
    bars, tall = [], _HEIGHT + 8
    for index, (chance, right) in enumerate(zip(chances, rights, strict=True)):
        x, high = index * _WIDTH, max(1.0, chance * _HEIGHT)
        kind = "right" if right else "wrong"
        bars.append(
            f'<rect class="st-{kind}" x="{x + 1}" y="{_HEIGHT - high:.1f}" '
            f'width="{_WIDTH - 2}" height="{high:.1f}"/>'
        )
        if not right:
            a, b, y, z = x + 2, x + _WIDTH - 2, _HEIGHT + 2, _HEIGHT + 6
            bars.append(f'<path class="st-cross" d="M{a} {y}L{b} {z}M{a} {z}L{b} {y}"/>')
    bars.append(f'<rect class="st-now" x="{at * _WIDTH}" y="0" width="{_WIDTH}" height="{tall}"/>')
    numbers = ", ".join(f"{chance:.2f}" for chance in chances)
    label = (
        f"Probability of the {words.target}, step by step: {numbers}. {when_wrong(rights, words)}."
    )
    width = len(chances) * _WIDTH
    return (
        f'<svg class="st-strip" role="img" aria-label="{label}" viewBox="0 0 {width} {tall}" '
        f'preserveAspectRatio="none">{"".join(bars)}</svg>'
    )


def _legend(attacked: AttackResult) -> str:
    trial, start = attacked.trial, "a random point of the ball"
    words = _wording(trial)
    begin = "the image itself" if trial.request.attack == "fgsm" else start
    switched = len(trial.request.tickets) > 1 and not attacked.images
    switch = f" (of the switch: {words.switch_cross})" if switched else ""
    return (
        f'<p class="st-legend">Bars: probability of the {words.target} at each step; a cross marks '
        f"{words.cross}{switch}; a frame marks the step shown above. "
        f"The attack begins at {begin}.</p>"
    )
