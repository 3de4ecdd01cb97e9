"""The training batches of a run, with augmentation."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from torch import Tensor

from scratchticket.base import rng
from scratchticket.base.processes import Group
from scratchticket.data import ImageSet, pixels
from scratchticket.learning.recipe import LearningRecipe


@dataclass(frozen=True)
class Batch:
    """This process's part of a batch.

    Attributes:
        images: Pixels in [0, 1], ``(part, channel, height, width)``.
        labels: int64, ``(part,)``.
        part: Position of these images in the whole batch.
        whole: Size of the whole batch, over all processes.
    """

    images: Tensor
    labels: Tensor
    part: slice
    whole: int


class Batches:
    """The training batches of a run, each a function of seed and step alone.

    Encoded images of the next step are decoded in a thread during the current step.

    Args:
        images: Training images.
        seed: Seed of the run.
        recipe: Recipe of the run.
        group: The processes that share the run.
    """

    def __init__(self, images: ImageSet, seed: int, recipe: LearningRecipe, group: Group) -> None:
        self._images, self._seed, self._recipe, self._group = images, seed, recipe, group
        self._steps_per_epoch = recipe.steps_per_epoch(len(images))
        self._order: tuple[int, Tensor] | None = None
        self._prefetcher = ThreadPoolExecutor(1) if images.lazy else None
        self._next: tuple[int, Future[tuple[Tensor, Tensor, slice, int]]] | None = None

    def at(self, step: int) -> Batch:
        """Return the batch of a step."""
        ready = self._next is not None and self._next[0] == step
        made = self._next[1].result() if self._next and ready else self._make(step)
        if self._prefetcher is not None and step + 1 < self._steps_per_epoch * self._recipe.epochs:
            self._next = step + 1, self._prefetcher.submit(self._make, step + 1)
        images, labels, part, whole = made
        return Batch(pixels(images), labels, part, whole)

    def statistics(self, batches: int) -> list[ImageSet]:
        """Return the images, without augmentation, on which to recompute batch-norm statistics."""
        order = rng.permutation(len(self._images), self._seed, "batches", "statistics")
        size = self._recipe.batch_size
        starts = range(0, min(size * batches, len(order)), size)
        return [self._subset(order[start : start + size]) for start in starts]

    def close(self) -> None:
        """Wait for the decoding thread."""
        if self._prefetcher is not None:
            self._prefetcher.shutdown(cancel_futures=True)

    def _make(self, step: int) -> tuple[Tensor, Tensor, slice, int]:
        """Return images as stored, labels, their position in the batch, and the batch size."""
        epoch, position = divmod(step, self._steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            order = rng.permutation(len(self._images), self._seed, "batches", epoch)
            self._order = epoch, order.to(self._images.labels.device)
        start = position * self._recipe.batch_size
        chosen = self._images[self._order[1][start : start + self._recipe.batch_size]]
        whole, part = len(chosen), self._group.part(len(chosen))
        device = "cpu" if chosen.lazy else chosen.labels.device
        random = rng.generator(self._seed, "augmentation", step, device=device)
        images = chosen.changed(part, self._recipe.augmentation, random)
        return images, chosen.labels[part], part, whole

    def _subset(self, rows: Tensor) -> ImageSet:
        return self._images[rows.to(self._images.labels.device)]
