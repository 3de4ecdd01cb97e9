"""A recipe: a table or figure of the paper, or a study beyond it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from inspect import cleandoc
from typing import Literal

from scratchticket.paper.cells import Cell
from scratchticket.paper.claims import Claim
from scratchticket.paper.scale import Scale
from scratchticket.sweeps.job import Job, in_order

Shape = Literal["table", "curves", "matrix", "bars"]
PARTS = ("Reproduces", "Expect", "Deviations")


@dataclass(frozen=True)
class PaperRecipe:
    """A table or figure, at any scale.

    Attributes:
        name: ``table1`` to ``table9``, ``figure1`` to ``figure14``, or that of a study.
        shape: How it looks.
        cells: Its numbers at a scale. The docstring asks a question in its first line, and has
            the :data:`PARTS`.
        claims: What the paper says of it.
        unit: Of its numbers.
        scales: At which it can be run; a study may have but one.
    """

    name: str
    shape: Shape
    cells: Callable[[Scale], Iterator[Cell]]
    claims: tuple[Claim, ...]
    unit: str = "accuracy (%)"
    scales: tuple[str, ...] = ("paper", "small", "quick")

    @property
    def title(self) -> str:
        """``Table 1``; of a study its name."""
        of_paper = re.fullmatch(r"(table|figure)(\d+)", self.name)
        return " ".join(of_paper.groups() if of_paper else self.name.split("-")).capitalize()

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
        """What it asks."""
        return self._text.splitlines()[0]

    def part(self, name: str) -> str:
        """Return one of :data:`PARTS` of its text, in one line."""
        found = re.search(rf"^{name} +(.*?)(?=^\S|\Z)", self._text, re.MULTILINE | re.DOTALL)
        return " ".join(found[1].split()) if found else ""

    @property
    def _text(self) -> str:
        return cleandoc(self.cells.__doc__ or "")
