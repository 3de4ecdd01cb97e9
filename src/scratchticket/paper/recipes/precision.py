"""Tickets drawn in half precision, compiled, or in another memory format."""

from __future__ import annotations

from collections.abc import Iterator

from scratchticket.paper.cells import Cell
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.paper import PaperRecipe
from scratchticket.paper.recipes.digits import BASE, PANEL
from scratchticket.paper.scale import Scale, Settings
from scratchticket.paper.study import ACCURACIES, DRAW, ROBUST, row_cells

_HALF: Settings = {"learning.precision": "bfloat16"}
_COMPILED: Settings = {"learning.compile": "default"}
FLOAT32 = "float32"
VARIANTS: dict[str, Settings] = {
    FLOAT32: {},
    "bfloat16": _HALF,
    "contiguous float32": {"learning.memory_format": "contiguous"},
    "compiled float32": _COMPILED,
    "compiled bfloat16": _HALF | _COMPILED,
}


def cells(scale: Scale) -> Iterator[Cell]:
    """Do bfloat16, compilation or the memory format cost robustness?

    Reproduces  nothing in the paper; the ticket of 10 % of the study on digits, drawn with settings
                that may be faster.
    Expect      no difference that three seeds and 360 images can show.
    Deviations  those of the study on digits.
    """
    rows = {name: BASE | DRAW | own for name, own in VARIANTS.items()}
    yield from row_cells(scale, PANEL, rows, ACCURACIES)


PRECISION = PaperRecipe(
    "precision",
    "table",
    cells,
    tuple(
        Claim(
            f"A ticket drawn in {name} is comparable to one drawn in float32",
            "~",
            rows(name, FLOAT32, only=ROBUST),
            short=f"{name} is as good as float32",
        )
        for name in VARIANTS
        if name != FLOAT32
    ),
    scales=("quick",),
)
