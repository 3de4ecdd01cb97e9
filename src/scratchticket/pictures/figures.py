"""Figures of runs and evaluations; equal numbers give equal bytes."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from fractions import Fraction
from textwrap import shorten
from typing import Any

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import Tensor, nn

from scratchticket.attacks import Attack
from scratchticket.base import rng
from scratchticket.base.quantities import fraction_text
from scratchticket.base.record import EvaluationRecord
from scratchticket.data import ImageSet, pixels
from scratchticket.evaluation import checked_logits, predictions
from scratchticket.evaluation.engine import attack_batch
from scratchticket.learning import Epoch

NATURAL, ROBUST, SINGLE = "#0072b2", "#bf5500", "#00795a"  # distinguishable to the colour-blind
INK, GROUND, FAINT = "#1b1f24", "#fefefe", "#5c6670"  # as in page.css; #fff is not replaced by DARK
DARK = {
    INK: "#e6e9ec",
    GROUND: "#14181c",
    FAINT: "#a3adb7",
    NATURAL: "#56b4e9",
    ROBUST: "#ff8c42",
    SINGLE: "#2fbf8f",
}
STYLE: Any = {
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor"), GROUND),
}
EXAMPLES = 8
_NO_XML = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
MARKERS = "osD^v<>PXph"


def svg(figure: Figure) -> str:
    """Return a figure as SVG text, without date or random identifiers.

    A browser in dark mode shows the colours of ``DARK``, if the figure was drawn under ``STYLE``;
    other programs show it with its own, light background.

    Text is shown literally; dollar signs do not start a formula. Characters that are invalid in XML
    are dropped, and letters missing in the font are boxes.
    """
    text = io.StringIO()
    for written in figure.findobj(Text):
        written.set_parse_math(False)
    settings: Any = {"svg.hashsalt": "scratchticket", "svg.fonttype": "path"}
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(text, format="svg", metadata={"Date": None}, bbox_inches="tight")
    return _NO_XML.sub("", text.getvalue()).replace("</style>", _dark_rules() + "</style>", 1)


def _dark_rules() -> str:
    """Return the CSS that replaces the colours of a figure on dark pages."""
    rules = "".join(
        f'[style*="{kind}: {light}"]{{{kind}: {dark} !important}}\n'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    )
    return f"\n@media (prefers-color-scheme: dark) {{\n{rules}}}\n"


@mpl.rc_context(STYLE)
def curves(epochs: Sequence[Epoch], attack: Attack, title: str) -> str:
    """Return a plot, as SVG, of training loss and validation accuracies over the epochs."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([e.epoch for e in epochs], [e.loss for e in epochs], color=FAINT, marker=".")
    left.set(xlabel="epoch", ylabel="cross-entropy", title="training loss")
    judged = [(e.epoch, e.validation) for e in epochs if e.validation is not None]
    numbers = [epoch for epoch, _ in judged]
    right.plot(numbers, [v.natural.percent for _, v in judged], color=NATURAL, marker="o", ms=3)
    right.plot(numbers, [v.robust.percent for _, v in judged], color=ROBUST, marker="s", ms=3)
    right.legend(["natural", f"under {attack}"], loc="lower right")
    right.set(xlabel="epoch", ylabel="accuracy (%)", ylim=(0, 102), title="validation images")
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    return svg(figure)


@mpl.rc_context(STYLE)
def robustness(record: EvaluationRecord) -> str:
    """Return a plot, as SVG, of accuracy over epsilon: a panel per norm, a line per attack."""
    by_norm: dict[str, dict[str, list[tuple[float, float, str]]]] = {}
    for row in record.attacks:
        if row.epsilon is None:
            continue
        point = (float(Fraction(row.epsilon)), row.percent)
        name = row.title.split(",")[0]
        by_norm.setdefault(row.norm, {}).setdefault(name, []).append((*point, row.epsilon))
    figure = Figure(figsize=(1 + 6.5 * len(by_norm), 4.6), layout="constrained")
    panels = figure.subplots(1, max(1, len(by_norm)), squeeze=False)[0]
    colours = mpl.colormaps["tab20"].colors  # type: ignore[attr-defined]
    for axes, (norm, lines) in zip(panels, by_norm.items(), strict=False):
        axes.axhline(record.natural.percent, color=INK, lw=1, ls="--", label="natural")
        for index, (name, points) in enumerate(lines.items()):
            x, y, _ = zip(*sorted(points), strict=True)
            marker = MARKERS[index % len(MARKERS)]
            axes.plot(x, y, marker=marker, ms=4, lw=1, color=colours[index % 20], label=name)
        worst = [case for case in record.worst_cases if case.norm == norm]
        radii = [float(Fraction(case.epsilon)) for case in worst]
        left = [case.percent for case in worst]
        axes.plot(radii, left, "_", color=INK, ms=14, mew=2, label="worst case of every image")
        ticks = {value: text for points in lines.values() for value, _, text in points}
        axes.set_xscale("log")
        axes.set_xticks(list(ticks), list(ticks.values()), rotation=60, fontsize=8)
        axes.set_xticks([], minor=True)
        axes.set(xlabel=f"epsilon ({norm})", ylabel="accuracy (%)", ylim=(-2, 102))
        axes.legend(fontsize=7, ncols=1, loc="center left", bbox_to_anchor=(1, 0.5))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    images = f"{record.natural.total} images of {record.data['name']}"
    figure.suptitle(f"{record.subject['file']} on {images}")
    return svg(figure)


@mpl.rc_context(STYLE)
def examples(
    network: nn.Module,
    images: ImageSet,
    classes: Sequence[str],
    attack: Attack,
    *,
    seed: int,
    title: str,
) -> str:
    """Return a figure, as SVG, of the first images, clean and attacked, with predictions."""
    some = images[slice(0, EXAMPLES)]
    clean, labels = pixels(some.images), some.labels
    generator = rng.generator(seed, "evaluation", "examples")
    attacked = attack_batch(attack, checked_logits(network), clean, labels, generator).images
    largest = float((attacked - clean).abs().max())
    shown = Fraction(str(attack.epsilon)) if attack.norm == "linf" else Fraction(f"{largest:.2g}")
    width = float(shown) or 1.0
    figure = Figure(figsize=(1.35 * len(some), 5.2), layout="constrained")
    grid = figure.subplots(3, len(some), squeeze=False)
    for column in range(len(some)):
        label = int(labels[column])
        for row, (name, batch) in enumerate((("clean", clean), ("attacked", attacked))):
            said = int(predictions(network, batch[column : column + 1]))
            _picture(grid[row, column], batch[column])
            verdict = "right" if said == label else "wrong"
            grid[row, column].set_title(
                f"{shorten(classes[said], 16, placeholder='...')}\n{verdict}",
                fontsize=9,
                color=NATURAL if said == label else ROBUST,
                weight="normal" if said == label else "bold",
            )
            grid[row, 0].set_ylabel(name)
        _picture(grid[2, column], 0.5 + (attacked - clean)[column] / (2 * width))
        grid[2, column].set_xlabel(f"label {classes[label]}", fontsize=9)
    ends = f"black -{fraction_text(shown)}, white +{fraction_text(shown)}"
    grid[2, 0].set_ylabel(f"difference\n{ends}", fontsize=8)
    figure.suptitle(title)
    return svg(figure)


def _picture(axes: Axes, image: Tensor) -> None:
    """Show one image, ``(channel, height, width)`` in [0, 1]."""
    shown = image.detach().cpu().clamp(0, 1)
    values = shown[0] if len(shown) != 3 else torch.movedim(shown, 0, -1)
    axes.imshow(values.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
