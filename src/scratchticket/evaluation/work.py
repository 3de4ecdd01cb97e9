"""Work on images, batch by batch: the base of every evaluation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scratchticket.attacks import Network
from scratchticket.attacks.gradient import frozen
from scratchticket.base import rng
from scratchticket.base.errors import InputError
from scratchticket.base.memory import ran_out, too_many
from scratchticket.base.modes import usual_modes
from scratchticket.data import ImageSet, pixels
from scratchticket.evaluation.answers import check_ready, checked_logits
from scratchticket.evaluation.journal import Finding, Journal
from scratchticket.networks import folded

BATCH_SIZE = 256  # images of 32x32 pixels
MAX_NUMBER = 2**53  # numbers in a journal must be less
MAX_BATCH, MIN_BATCH = 1024, 8
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Shard:
    """A share of the work: every ``count``-th batch.

    Attributes:
        index: Number of the share, from 1.
        count: Number of shares.
    """

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise InputError(f"shards are numbered from 1 to {self.count}, got {self.index}")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def __contains__(self, batch: int) -> bool:
        return batch % self.count == self.index - 1


class Work(ABC):
    """Work in pieces, one for each name and batch, whose findings go into a journal.

    Args:
        networks: Pixels in [0, 1] to logits; modules must be in eval mode.
        images: Images and labels, on any device.
        seed: Seed of all random draws.
        batch_size: Images per piece; if not given, :func:`default_batch_size`.

    Raises:
        InputError: If a network is in training mode, or a batch has no image.
    """

    def __init__(
        self, networks: Sequence[Network], images: ImageSet, *, seed: int, batch_size: int | None
    ) -> None:
        for network in networks:
            check_ready(network)
        if batch_size is None:
            batch_size = default_batch_size(images)
        if batch_size < 1:
            raise InputError(f"the batch size must be at least 1, got {batch_size}")
        self.images, self.device = images, device_of(networks[0])
        self.classes = int(images.labels.max()) + 1
        self.batches = -(-len(images) // batch_size)
        self._networks, self._seed, self._batch_size = networks, seed, batch_size

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """Names of the pieces, in the order they are done."""

    @abstractmethod
    def _piece(self, name: str, batch: int, journal: Journal) -> Finding:
        """Return the finding of one piece; it may use the journal's findings on the same batch."""

    @abstractmethod
    def _fits(self, name: str, count: int, finding: Finding) -> bool:
        """Whether a finding has the form of one on ``count`` images; a missing key may raise."""

    @usual_modes()
    def run(
        self,
        journal: Journal,
        shard: Shard = Shard(),
        progress: Progress = lambda name, done, total: None,
    ) -> None:
        """Do the pieces of a shard that the journal lacks.

        Args:
            journal: Findings so far; new ones are added.
            shard: Batches to work on.
            progress: Called after each piece with its name, the pieces done and all pieces.

        Raises:
            ScratchticketError: If an attack leaves its threat model.
            OutOfMemory: If a batch is too large.
        """
        batches = [batch for batch in range(self.batches) if batch in shard]
        done, total = 0, len(self.names) * len(batches)
        with ExitStack() as stack:
            for network in self._networks:
                stack.enter_context(frozen(network))
                stack.enter_context(folded(network))
            for name in self.names:
                for batch in batches:
                    if not self._known(journal, name, batch):
                        journal.add((name, batch), self._done(name, batch, journal))
                    done += 1
                    progress(name, done, total)

    def _done(self, name: str, batch: int, journal: Journal) -> Finding:
        """Do a piece; if memory runs out, say which batch size fits."""
        try:
            return self._piece(name, batch, journal)
        except (MemoryError, RuntimeError) as error:
            if not ran_out(error):
                raise
        raise too_many(name, self._batch_size, self._attempt, "--batch-size of evaluate")

    def _attempt(self, count: int) -> None:
        """Take about as much memory as a gradient of all networks on ``count`` images."""
        images = self.batch(0)[0][:count].requires_grad_()
        together = sum(network(images).sum() for network in self._networks)
        if isinstance(together, Tensor) and together.requires_grad:
            torch.autograd.grad(together, images)

    def finished(self, journal: Journal) -> bool:
        """Whether the journal has every piece."""
        return all(self._known(journal, n, b) for n in self.names for b in range(self.batches))

    def _known(self, journal: Journal, name: str, batch: int) -> bool:
        """Whether the journal has a piece.

        Raises:
            InputError: If the finding has the wrong form.
        """
        if (name, batch) not in journal:
            return False
        count = min(self._batch_size, len(self.images) - batch * self._batch_size)
        try:
            fits = self._fits(name, count, journal[name, batch])
        except (AttributeError, LookupError, TypeError):
            fits = False
        if not fits:
            where = journal.origin((name, batch))
            raise InputError(f"{where} is damaged: what it says of {name}, batch {batch}, is wrong")
        return True

    def batch(self, batch: int) -> tuple[Tensor, Tensor]:
        """Return pixels in [0, 1] and labels of a batch, on the networks' device."""
        start = batch * self._batch_size
        chosen = self.images[slice(start, start + self._batch_size)].to(self.device)
        return pixels(chosen.images), chosen.labels

    def stream(self, name: str, batch: int) -> torch.Generator:
        """Return the random generator of a piece."""
        return rng.generator(self._seed, "evaluation", name, batch, device=self.device)

    def marks(self, journal: Journal, name: str) -> Tensor:
        """Return the marks of all images under one name."""
        return torch.cat([mark(journal, name, batch) for batch in range(self.batches)])


def default_batch_size(images: ImageSet) -> int:
    """Return a batch size that takes about the same memory for images of any size.

    Small images get large batches, so that the images left as an attack succeeds still fill a pass.
    """
    pixels = images.shape[-1] * images.shape[-2]
    return min(MAX_BATCH, max(MIN_BATCH, BATCH_SIZE * 32 * 32 // pixels))


def pad_batches(network: Network) -> Network:
    """Return a network with checked logits whose batches are padded to few different sizes.

    A batch shrinks by a few images at a time as an attack succeeds, and convolution libraries
    prepare and cache plans for every new size: memory grows, and time is lost. So the last image is
    repeated up to the next of sixteen sizes between powers of two, and the logits of the
    repetitions are dropped.
    """
    network = checked_logits(network)

    def ask(images: Tensor) -> Tensor:
        count = len(images)
        unit = max(1, (1 << count.bit_length() >> 1) // 16)
        missing = -count % unit
        if missing == 0:
            return network(images)
        repeated = images[-1:].expand(missing, *images.shape[1:])
        return network(torch.cat([images, repeated]))[:count]

    return ask


def device_of(network: Network) -> torch.device:
    """Return where a network computes: the device of its first parameter, else the CPU."""
    if isinstance(network, nn.Module):
        for parameter in network.parameters():
            return parameter.device
    return torch.device("cpu")


def marks_to_text(marks: Tensor) -> str:
    """Return marks as text, a digit each."""
    return "".join(map(str, marks.tolist()))


def text_to_marks(marks: str) -> Tensor:
    """Return the marks in a text; the inverse of :func:`marks_to_text`."""
    return torch.tensor([int(digit) for digit in marks], dtype=torch.int64)


def are_marks(marks: object, count: int, kinds: str) -> bool:
    """Whether a value from a journal is the marks of ``count`` images."""
    return isinstance(marks, str) and len(marks) == count and set(marks) <= set(kinds)


def are_lines(said: object) -> bool:
    """Whether a value from a journal is a list of texts."""
    return isinstance(said, list) and all(isinstance(line, str) for line in said)


def is_count(number: object) -> bool:
    """Whether a value from a journal is an integer from 0."""
    return type(number) is int and 0 <= number < MAX_NUMBER


def is_amount(number: object) -> bool:
    """Whether a value from a journal is a number from 0."""
    return isinstance(number, int | float) and 0 <= number < MAX_NUMBER


def mark(journal: Journal, name: str, batch: int) -> Tensor:
    """Return the marks of one piece."""
    return text_to_marks(journal[name, batch]["marks"])
