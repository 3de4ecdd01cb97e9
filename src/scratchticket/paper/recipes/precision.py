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
WHOLE = "float32"
WAYS: dict[str, Settings] = {
    WHOLE: {},
    "bfloat16": _HALF,
    "float32, contiguous": {"learning.memory_format": "contiguous"},
    "float32, compiled": _COMPILED,
    "bfloat16, compiled": _HALF | _COMPILED,
}


def cells(scale: Scale) -> Iterator[Cell]:
    """Do bfloat16, compilation or the memory format cost robustness?

    Reproduces  nothing of the paper: the ticket of 10 % of the study on digits, its steps made in
                the ways that may be faster.
    Expect      no difference that three seeds and 360 images could tell.
    Deviations  those of the study on digits.
    """
    rows = {name: BASE | DRAW | way for name, way in WAYS.items()}
    yield from row_cells(scale, PANEL, rows, ACCURACIES)


PRECISION = PaperRecipe(
    "precision",
    "table",
    cells,
    tuple(
        Claim(
            f"A ticket drawn in {name} is comparable",
            "~",
            rows(name, WHOLE, only=ROBUST),
            short=f"{name} is as good",
        )
        for name in WAYS
        if name != WHOLE
    ),
    scales=("quick",),
)
