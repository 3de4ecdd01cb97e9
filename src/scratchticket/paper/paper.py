"""A recipe: a table or figure of the paper, or a study beyond it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from scratchticket.paper.cells import Cell
from scratchticket.paper.claims import Claim
from scratchticket.paper.scale import Scale
from scratchticket.sweeps.job import Job, in_order

Shape = Literal["table", "curves", "matrix", "bars"]
PARTS = ("Reproduces", "Expect", "Cost", "Deviations")


@dataclass(frozen=True)
class PaperRecipe:
    """A table or figure, at any scale.

    Attributes:
        name: ``table1`` to ``table9``, ``figure1`` to ``figure14``, or that of a study.
        shape: How it looks.
        cells: Its numbers at a scale.
        claims: What the paper says of it.
        unit: Of its numbers.
    """

    name: str
    shape: Shape
    cells: Callable[[Scale], Iterator[Cell]]
    claims: tuple[Claim, ...]
    unit: str = "accuracy (%)"

    @property
    def title(self) -> str:
        """``Table 1``; of a study its name."""
        kind, number = re.fullmatch(r"([a-z]+)(\d*)", self.name).groups()  # type: ignore[union-attr]
        return f"{kind.capitalize()} {number}".rstrip()

    def panels(self, scale: Scale) -> set[str]:
        """Return the names of its parts."""
        return {cell.panel for cell in self.cells(scale)}

    def jobs(self, scale: Scale, panels: Collection[str] = ()) -> list[Job]:
        """Return everything that has to be done for it, in an order in which it can be done.

        Args:
            scale: How large.
            panels: Names of the parts that are wanted; all if none are given.
        """
        wanted = (cell for cell in self.cells(scale) if not panels or cell.panel in panels)
        return in_order(job for cell in wanted for job in cell.jobs)

    @property
    def question(self) -> str:
        """What it asks: the first line of its module's text."""
        return self._text.splitlines()[0]

    def part(self, name: str) -> str:
        """Return a part of its module's text: one of :data:`PARTS`, in one line."""
        found = re.search(rf"^{name} +(.*?)(?=^\S|\Z)", self._text, re.MULTILINE | re.DOTALL)
        return " ".join(found[1].split()) if found else ""

    @property
    def _text(self) -> str:
        return sys.modules[self.cells.__module__].__doc__ or ""
