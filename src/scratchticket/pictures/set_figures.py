"""Figures of several networks: transfer matrices, and the robustness of a switch."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scratchticket.base.accuracy import percent
from scratchticket.base.record import Matrix, SwitchRecord, TransferRecord
from scratchticket.pictures.figures import INK, NATURAL, ROBUST, SINGLE, STYLE, svg


@mpl.rc_context(STYLE)
def transfer(record: TransferRecord) -> str:
    """Return the transfer matrices as heat maps, in SVG; rows are attacked networks (Fig. 7)."""
    names, matrices = record.networks, record.matrices
    side = 1.6 + 0.62 * len(names)
    columns = min(2, len(matrices))
    rows = -(-len(matrices) // columns)
    figure = Figure(figsize=(columns * (side + 0.9), rows * side), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in panels[len(matrices) :]:
        axes.set_visible(False)
    shares = [[[m.percent(r, c) for c in names] for r in names] for m in matrices]
    numbers = [share for matrix in shares for row in matrix for share in row]
    for axes, matrix, table in zip(panels, matrices, shares, strict=False):
        _heat(axes, matrix, table, names, (min(numbers), max(numbers)))
    images = f"{record.total} images of {record.data['name']}"
    figure.suptitle(
        f"Accuracy (%) on {images}: attacked network (row), evaluated (column)",
        fontsize=10,
    )
    return svg(figure)


def _heat(
    axes: Axes,
    matrix: Matrix,
    shares: list[list[float]],
    names: Sequence[str],
    limits: tuple[float, float],
) -> None:
    """Draw one transfer matrix with its numbers."""
    picture = axes.imshow(shares, cmap="cividis", vmin=limits[0], vmax=limits[1])
    for row, line in enumerate(shares):
        for column, share in enumerate(line):
            colour = "black" if share > sum(limits) / 2 else "white"
            size = max(5, 9 - len(names) // 3)
            axes.text(
                column, row, f"{share:.1f}", ha="center", va="center", color=colour, fontsize=size
            )
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    kind = "stops at the first success" if matrix.stops else "goes on"
    axes.set_title(f"{matrix.title}; {kind}", fontsize=9)
    axes.figure.colorbar(picture, ax=axes, shrink=0.8)


@mpl.rc_context(STYLE)
def switch(record: SwitchRecord) -> str:
    """Return a bar chart, as SVG, of a switch's expected accuracy under each attack.

    The attacks are those in the ball of the record's worst case, which is shown too.
    """
    worst = record.worst_case
    assert worst is not None  # every suite has attacks in the first ball
    rows = [
        (f"{row.title.split(',')[0]}, on {row.source}", row.percent, ROBUST)
        for row in record.attacks
        if (row.norm, row.epsilon) == (worst.norm, worst.epsilon)
    ]
    rows.sort(key=lambda row: -row[1])
    protocol = [m for m in record.protocol if m.stops and m.epsilon == worst.epsilon]
    bars = [("natural", record.natural.percent, NATURAL)]
    bars += [
        (f"the paper's protocol, {m.title.split(',')[0]}", percent(m.mean), NATURAL)
        for m in protocol
    ]
    bars += rows
    single = worst.best_member
    bars += [("worst attack on every image", worst.percent, INK)]
    bars += [(f"best single ticket ({single.name})", single.percent, SINGLE)]
    if record.dense is not None and record.dense.worst_case is not None:
        bars += [("dense network", record.dense.worst_case.percent, SINGLE)]
    figure = Figure(figsize=(8, 1.2 + 0.24 * len(bars)), layout="constrained")
    axes = figure.subplots()
    labels, values, colours = zip(*bars, strict=True)
    places = range(len(bars), 0, -1)
    axes.barh(places, values, color=colours, height=0.7)
    for place, value in zip(places, values, strict=True):
        axes.text(value + 0.6, place, f"{value:.1f}", va="center", fontsize=7)
    axes.set_yticks(places, labels, fontsize=7)
    axes.set(xlim=(0, 108), ylim=(0.4, len(bars) + 0.6), xlabel="expected accuracy (%)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(
        f"Switch of {len(record.members)} tickets, {worst.norm} {worst.epsilon}, "
        f"{worst.total} images of {record.data['name']}",
        fontsize=10,
    )
    return svg(figure)
