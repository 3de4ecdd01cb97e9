"""The picture of the idea: random network, scores, mask, ticket, file."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

LAYERS = (4, 6, 6, 3)  # units
KEPT = 0.25  # of each layer's weights
PANEL = 140  # side of a panel
GAP = 60  # between two panels, with an arrow
TOLD = (
    "From left to right. A random network, every weight plus or minus a constant. A score for each "
    "weight, found by adversarial search. The mask keeps the highest scores of each layer. The "
    "ticket is the random network with the other weights left out. The file holds the seed, the "
    "mask and checksums."
)
STYLE = """\
<style>
.idea { --ink: #1f2328; --quiet: #59636e; --empty: #d1d9e0; --sheet: #ffffff; }
@media (prefers-color-scheme: dark) {
  .idea { --ink: #f0f6fc; --quiet: #9198a1; --empty: #3d444d; --sheet: #0d1117; }
}
body .idea {
  --ink: var(--color-foreground-primary); --quiet: var(--color-foreground-secondary);
  --empty: var(--color-background-border); --sheet: var(--color-background-primary);
}
.idea text { font: 14px system-ui, sans-serif; fill: var(--quiet); }
.idea.wide .told { font-size: 16px; }
.idea .name { font-size: 17px; font-weight: 600; fill: var(--ink); }
.idea.wide .name { font-size: 20px; }
.idea .plus { stroke: #2f88c9; } .idea .minus { stroke: #d9661f; }
.idea .unit { fill: var(--sheet); stroke: var(--ink); stroke-width: 1.5; }
.idea .score, .idea .kept { fill: var(--ink); } .idea .gone { fill: var(--empty); }
.idea .arrow { stroke: var(--quiet); stroke-width: 2; fill: none; }
.idea .sheet { fill: var(--sheet); stroke: var(--ink); stroke-width: 1.5; }
</style>
"""
Matrix = list[list[float]]  # output unit, input unit


@dataclass(frozen=True)
class Stage:
    """One of the five panels of the picture.

    Attributes:
        name: Heading below the drawing.
        lines: Explanation below the heading.
        drawing: SVG in a square of side ``PANEL``.
    """

    name: str
    lines: tuple[str, str]
    drawing: str


def wide(_: Sequence[object]) -> str:
    """Draw the stages side by side.

    Returns:
        SVG text.
    """
    step = PANEL + GAP
    parts = []
    for place, stage in enumerate(_stages()):
        parts.append(f'<g transform="translate({place * step + GAP / 2:g} 8)">{stage.drawing}')
        middle = PANEL / 2
        parts.append(_text(stage, middle, PANEL + 34, anchor="middle", leading=21))
        if place:
            parts.append(_arrow(-GAP + 12, middle, GAP - 24, 0))
        parts.append("</g>")
    return _svg("wide", 5 * step, PANEL + 90, parts)


def tall(_: Sequence[object]) -> str:
    """Draw the stages below each other, for a narrow screen.

    Returns:
        SVG text.
    """
    step = PANEL + GAP - 16
    parts = []
    for place, stage in enumerate(_stages()):
        parts.append(f'<g transform="translate(4 {place * step + 6})">{stage.drawing}')
        parts.append(_text(stage, PANEL + 20, PANEL / 2 - 14, anchor="start", leading=18))
        if place:
            parts.append(_arrow(PANEL / 2, -GAP + 24, 0, GAP - 32))
        parts.append("</g>")
    return _svg("tall", 356, 5 * step - GAP + 26, parts)


def _svg(kind: str, width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="idea {kind}" role="img" '
        f'viewBox="0 0 {width} {height}" aria-label="{TOLD}">\n{STYLE}' + "\n".join(parts) + "\n"
        "</svg>\n"
    )


def _text(stage: Stage, x: float, y: float, *, anchor: str, leading: int) -> str:
    """Return a stage's name and the lines below it."""
    lines = [f'<text class="name" x="{x:g}" y="{y:g}">{stage.name}</text>']
    lines += [
        f'<text class="told" x="{x:g}" y="{y + leading * (n + 1):g}">{line}</text>'
        for n, line in enumerate(stage.lines)
    ]
    return f'<g text-anchor="{anchor}">{"".join(lines)}</g>'


def _arrow(x: float, y: float, across: float, down: float) -> str:
    """Return an arrow from a point, to the right or down."""
    tip = "l-7 -5m7 5l-7 5" if across else "l-5 -7m5 7l5 -7"
    return f'<path class="arrow" d="M{x:g} {y:g}l{across:g} {down:g}{tip}"/>'


def _stages() -> tuple[Stage, ...]:
    """Return the five stages of one small network."""
    draws = random.Random(0)

    def layer(inputs: int, outputs: int) -> Matrix:
        return [[draws.random() for _ in range(inputs)] for _ in range(outputs)]

    signs = [layer(*ends) for ends in pairwise(LAYERS)]
    scores = [layer(*ends) for ends in pairwise(LAYERS)]
    masks = [_top(matrix) for matrix in scores]
    whole = [[[1.0] * len(row) for row in matrix] for matrix in masks]
    return (
        Stage("Random network", ("weights +c or -c, from", "a seed, never trained"),
              _network(signs, whole, width=1)),
        Stage("Scores", ("an adversarial search", "scores every weight"),
              _matrices(scores, "score")),
        Stage("Mask", ("the highest scores of", "each layer remain"), _matrices(masks, "kept")),
        Stage("Ticket", ("random weights under", "the mask: robust"),
              _network(signs, masks, width=2)),
        Stage("File", ("kilobytes that rebuild", "and verify the network"), _file(masks)),
    )  # fmt: skip


def _top(scores: Matrix) -> Matrix:
    """Return the mask of a layer's highest scores, as 0 and 1."""
    ranked = sorted((score for row in scores for score in row), reverse=True)
    least = ranked[round(KEPT * len(ranked)) - 1]
    return [[float(score >= least) for score in row] for row in scores]


def _network(signs: Sequence[Matrix], masks: Sequence[Matrix], *, width: float) -> str:
    """Return units and those of their connections that remain, coloured by sign."""
    places = [
        [(12 + 116 * n / (len(LAYERS) - 1), PANEL / 2 + 23 * (u - (units - 1) / 2))
         for u in range(units)]
        for n, units in enumerate(LAYERS)
    ]  # fmt: skip
    lines = [
        f'<path class="{_sign(sign)}" d="M{x:.4g} {y:.4g}L{to:.4g} {at:.4g}"/>'
        for (inputs, outputs), sign_rows, mask_rows in zip(
            pairwise(places), signs, masks, strict=True
        )
        for (to, at), sign_row, mask_row in zip(outputs, sign_rows, mask_rows, strict=True)
        for (x, y), sign, kept in zip(inputs, sign_row, mask_row, strict=True)
        if kept
    ]
    units = [
        f'<circle class="unit" cx="{x:.4g}" cy="{y:.4g}" r="5"/>' for row in places for x, y in row
    ]
    return f'<g stroke-width="{width:g}">{"".join(lines)}</g>{"".join(units)}'


def _sign(draw: float) -> str:
    return "plus" if draw < 0.5 else "minus"


def _matrices(layers: Sequence[Matrix], kind: str) -> str:
    """Return the layers' matrices below each other: scores as shades, a mask in two colours."""
    cell, drawn, top = 8.0, [], 0.0
    for matrix in layers:
        left = (PANEL - len(matrix[0]) * (cell + 1)) / 2
        for row in matrix:
            for column, value in enumerate(row):
                kept = kind if value else "gone"
                shade = f' opacity="{value:.2f}"' if kind == "score" else ""
                x = left + column * (cell + 1)
                drawn.append(
                    f'<rect class="{kept}" x="{x:g}" y="{top:g}" width="{cell:g}" '
                    f'height="{cell:g}"{shade}/>'
                )
            top += cell + 1
        top += 3
    return "".join(drawn)


def _file(masks: Sequence[Matrix]) -> str:
    """Return a sheet of paper with the content of the file."""
    lines = ["seed 0", *_bits(masks), "checksums"]
    told = [f'<text x="33" y="{38 + 17 * n}">{line}</text>' for n, line in enumerate(lines)]
    return (
        '<path class="sheet" d="M22 4h72l24 24v108H22z"/><path class="sheet" d="M94 4v24h24"/>'
        + "".join(told)
    )


def _bits(masks: Sequence[Matrix]) -> Iterator[str]:
    """Yield the first bits of the mask, in three lines."""
    flat = "".join(str(int(value)) for matrix in masks for row in matrix for value in row)
    yield from (flat[:9], flat[9:18], flat[18:24] + " …")
