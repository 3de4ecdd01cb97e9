"""A sweep: recipes, their scale and a store, as a small value that can be sent to workers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from scratchticket.base.errors import InputError, unknown
from scratchticket.paper import PaperRecipe, Scale, paper_recipe, scale_named
from scratchticket.runs.records import usable_device
from scratchticket.runs.tracking import check_tensorboard
from scratchticket.sweeps import Job, Store, in_order, work

OWN = ("task", "seed", "ratio", "start", "beside")  # settings by which a recipe's runs differ


@dataclass(frozen=True)
class Sweep:
    """Everything a worker needs.

    Attributes:
        names: Names of recipes.
        scale: Name of the scale of all recipes.
        store: Path of the store.
        places: Names of data sets and paths of their local copies.
        seeds: Seeds; the scale's if empty.
        changes: Settings of every run that override the scale's: dotted path and value.
        track: Whether runs write TensorBoard files, in a folder of the store.
        panels: Names of the panels to compute; all if empty.
    """

    names: tuple[str, ...]
    scale: str
    store: str
    places: tuple[tuple[str, str], ...] = ()
    seeds: tuple[int, ...] = ()
    changes: tuple[tuple[str, str], ...] = ()
    track: bool = False
    panels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.names:
            raise InputError("name a recipe, such as figure1, or give --all")
        for path, _ in self.changes:
            if path.split(".")[0] in OWN:
                advice = "; use --seeds" if path == "seed" else ""
                raise InputError(f"--set {path}: recipes choose this setting per job{advice}")
        scale = self.sized()
        recipes = self.recipes()
        for recipe in recipes:
            if self.scale not in recipe.scales:
                where = " or ".join(recipe.scales)
                raise InputError(f"{recipe.name} has no scale {self.scale}, only {where}")
        if self.panels:
            known = {name for recipe in recipes for name in recipe.panels(scale)}
            for name in self.panels:
                if name not in known:
                    raise unknown("panel of these recipes", name, known)
        if self.track:
            check_tensorboard()

    def sized(self) -> Scale:
        """Return the scale with the chosen seeds and settings."""
        scale = scale_named(self.scale)
        seeds = self.seeds or scale.seeds
        return replace(scale, seeds=seeds, changes=dict(self.changes))

    def recipes(self) -> list[PaperRecipe]:
        """Return the named recipes."""
        return [paper_recipe(name) for name in self.names]

    def jobs(self) -> list[Job]:
        """Return the jobs of all recipes, each once, in dependency order."""
        return in_order([job for recipe in self.recipes() for job in self.jobs_of(recipe)])

    def jobs_of(self, recipe: PaperRecipe) -> list[Job]:
        """Return the jobs of one recipe, restricted to the chosen panels."""
        return recipe.jobs(self.sized(), self.panels)

    def open(self) -> Store:
        """Open the store."""
        store = Path(self.store)
        return Store(store, dict(self.places), store / "tensorboard" if self.track else None)

    def work(self, device: str = "cpu", threads: int | None = None) -> None:
        """Work on the sweep until no job is left.

        Args:
            device: Where to compute; ``auto`` for a GPU if there is one.
            threads: Number of CPU threads; PyTorch's choice if None.

        Raises:
            Interrupted: If a signal asked to stop.
            InputError: If the store cannot be written, or there is no such device.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        work(self.open(), self.jobs(), device=usable_device(device))
