"""The recipe of a table or figure of the paper, or of a further study."""

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
    """A table, figure or study, at any scale.

    Attributes:
        name: ``table1`` to ``table9``, ``figure1`` to ``figure14``, or the name of a study.
        shape: How the numbers are shown.
        cells: Returns the cells at a scale. The first line of the function's docstring is the
            question that the recipe answers; the :data:`PARTS` follow.
        claims: Claims that the numbers can confirm or refute.
        unit: Unit of the numbers.
        scales: Names of the scales at which the recipe can be run; a study may have only one.
    """

    name: str
    shape: Shape
    cells: Callable[[Scale], Iterator[Cell]]
    claims: tuple[Claim, ...]
    unit: str = "accuracy (%)"
    scales: tuple[str, ...] = ("paper", "full", "small", "quick")

    @property
    def title(self) -> str:
        """The title, such as ``Table 1``, or the capitalised name of a study."""
        of_paper = re.fullmatch(r"(table|figure)(\d+)", self.name)
        return " ".join(of_paper.groups() if of_paper else self.name.split("-")).capitalize()

    def panels(self, scale: Scale) -> set[str]:
        """Return the names of the panels."""
        return {cell.panel for cell in self.cells(scale)}

    def jobs(self, scale: Scale, panels: Collection[str] = ()) -> list[Job]:
        """Return all jobs of the recipe, in order of dependency.

        Args:
            scale: Scale of the jobs.
            panels: Names of the panels to include; all if empty.
        """
        wanted = (cell for cell in self.cells(scale) if not panels or cell.panel in panels)
        return in_order(job for cell in wanted for job in cell.jobs)

    @property
    def question(self) -> str:
        """The question that the recipe answers."""
        return self._text.splitlines()[0]

    def part(self, name: str) -> str:
        """Return one of the :data:`PARTS` of the docstring of ``cells``, as one line."""
        found = re.search(rf"^{name} +(.*?)(?=^\S|\Z)", self._text, re.MULTILINE | re.DOTALL)
        return " ".join(found[1].split()) if found else ""

    @property
    def _text(self) -> str:
        return cleandoc(self.cells.__doc__ or "")
