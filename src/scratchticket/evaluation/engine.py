"""The engine of every evaluation: attacks batches of images and verifies the adversarial images.

Robust accuracies, transfer matrices, feature distances and files of adversarial images are built on
it. :class:`Work` does an evaluation piece by piece and writes its findings to a journal.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from scratchticket.attacks import Attack, Network, Result
from scratchticket.attacks.autoattack import collected_warnings
from scratchticket.attacks.gradient import frozen
from scratchticket.attacks.verdict import verified
from scratchticket.base import rng
from scratchticket.base.errors import InputError
from scratchticket.base.memory import ran_out, too_many
from scratchticket.base.modes import usual_modes
from scratchticket.data import ImageSet, pixels
from scratchticket.evaluation.answers import check_ready, checked_logits, correct
from scratchticket.evaluation.journal import Finding, Journal
from scratchticket.networks import folded

BATCH_SIZE = 256  # images of 32x32 pixels
MAX_NUMBER = 2**53  # numbers in a journal must be below this
MAX_BATCH, MIN_BATCH = 1024, 8
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Batches:
    """Images in batches on one device, with a random generator for every name and batch."""

    images: ImageSet
    device: torch.device
    seed: int = 0
    size: int = BATCH_SIZE

    @property
    def count(self) -> int:
        """Number of batches."""
        return -(-len(self.images) // self.size)

    def batch(self, number: int) -> tuple[ImageSet, Tensor]:
        """Return a batch as stored, and its pixels in [0, 1]."""
        start = number * self.size
        stored = self.images[slice(start, start + self.size)].to(self.device)
        return stored, pixels(stored.images)

    def stream(self, name: str, batch: int) -> torch.Generator:
        """Return the random generator of a name and a batch."""
        return rng.generator(self.seed, "evaluation", name, batch, device=self.device)


def attack_batch(
    attack: Attack, source: Network, images: Tensor, labels: Tensor, generator: torch.Generator
) -> Result:
    """Attack a batch of images on a network or a set of networks, and verify the result.

    Raises:
        ScratchticketError: If the attack leaves its threat model.
    """
    found = attack(source, images, labels, generator)
    verified(found.images, images, attack.ball, str(attack))
    return found


def attacked_batches(
    attack: Attack, network: Network, images: ImageSet, seed: int
) -> Iterator[tuple[ImageSet, Tensor, Tensor]]:
    """Yield each batch as stored, its pixels, and the adversarial images.

    Misclassified images are attacked, too. Batches are not padded, because rounding may depend on
    the batch size, and the bits of a file must not change.

    Raises:
        InputError: If the network is in training mode, or does not return logits of all classes.
        ScratchticketError: If the attack leaves its threat model.
    """
    check_ready(network)
    batches, classes = Batches(images, device_of(network), seed), int(images.labels.max()) + 1
    for batch in range(batches.count):
        (stored, clean), source = batches.batch(batch), checked_logits(network)
        correct(network, clean, stored.labels, classes)  # checks the logits
        generator = batches.stream(attack.stream, batch)
        with frozen(network):
            found = attack_batch(attack, source, clean, stored.labels, generator)
        yield stored, clean, found.images


class Meter:
    """Measures an attack's forward passes and time, and collects warnings of its own code."""

    def __init__(self) -> None:
        self._begun, self._forwards, self._warnings = time.monotonic(), 0, list[str]()

    def counted(self, network: Network) -> Network:
        """Return the network with padded batches and with its forward passes counted per image."""
        asked = pad_batches(network)

        def count(images: Tensor) -> Tensor:
            self._forwards += len(images)
            return asked(images)

        return count

    def attack_batch(self, attack: Attack, *batch: Any) -> Result:
        """Call :func:`attack_batch`, whose source must consist of counted networks."""
        with collected_warnings() as self._warnings:
            return attack_batch(attack, *batch)

    def cost(self) -> Finding:
        """Return the cost so far, including the time for predictions, as a journal stores it."""
        seconds = round(time.monotonic() - self._begun, 4)
        return {"forwards": self._forwards, "seconds": seconds, "said": self._warnings}


@dataclass(frozen=True)
class Shard:
    """One of several shares of the work: every ``count``-th batch.

    Attributes:
        index: Number of this shard, from 1.
        count: Number of shards.
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
    """An evaluation in pieces, one per name and batch; their results go into a journal.

    Args:
        networks: Pixels in [0, 1] to logits; modules must be in eval mode.
        images: Images and labels, on any device.
        seed: Seed of all random draws.
        batch_size: Images per piece; if not given, :func:`default_batch_size`.

    Raises:
        InputError: If a network is in training mode, or the batch size is below 1.
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
        self.batches = Batches(images, device_of(networks[0]), seed, batch_size)
        self.classes = int(images.labels.max()) + 1
        self._networks = networks

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """Names of the pieces, in the order of execution."""

    @abstractmethod
    def _piece(self, name: str, batch: int, journal: Journal) -> Finding:
        """Return the finding of one piece, which may depend on earlier findings on its batch."""

    @abstractmethod
    def _fits(self, name: str, count: int, finding: Finding) -> bool:
        """Whether a finding is valid for ``count`` images; a missing key raises a LookupError."""

    @usual_modes()
    def run(
        self,
        journal: Journal,
        shard: Shard = Shard(),
        progress: Progress = lambda name, done, total: None,
    ) -> None:
        """Do the pieces of a shard that are not in the journal.

        Args:
            journal: Findings so far; new ones are added.
            shard: Batches to work on.
            progress: Called after each piece with its name, the number of pieces done, and the
                number of all pieces.

        Raises:
            ScratchticketError: If an attack leaves its threat model.
            OutOfMemory: If a batch is too large.
        """
        batches = [batch for batch in range(self.batches.count) if batch in shard]
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
        raise too_many(name, self.batches.size, self._attempt, "--batch-size of evaluate")

    def _attempt(self, count: int) -> None:
        """Use about as much memory as a gradient of all networks on ``count`` images."""
        images = self.batches.batch(0)[1][:count].requires_grad_()
        together = sum(network(images).sum() for network in self._networks)
        if isinstance(together, Tensor) and together.requires_grad:
            torch.autograd.grad(together, images)

    def finished(self, journal: Journal) -> bool:
        """Whether the journal has every piece."""
        batches = range(self.batches.count)
        return all(self._known(journal, n, b) for n in self.names for b in batches)

    def findings(self, journal: Journal, name: str) -> list[Finding]:
        """Return the findings of all batches under one name."""
        return [journal[name, batch] for batch in range(self.batches.count)]

    def _known(self, journal: Journal, name: str, batch: int) -> bool:
        """Whether the journal has a piece; raise an error if its finding is malformed."""
        if (name, batch) not in journal:
            return False
        start = batch * self.batches.size
        count = min(self.batches.size, len(self.batches.images) - start)
        try:
            fits = self._fits(name, count, journal[name, batch])
        except (AttributeError, LookupError, TypeError):
            fits = False
        if not fits:
            where = journal.origin((name, batch))
            raise InputError(f"{where} is damaged: its entry for {name}, batch {batch}, is invalid")
        return True

    def marks(self, journal: Journal, name: str) -> Tensor:
        """Return the marks of all images under one name: the digits of :func:`marks_to_text`."""
        return text_to_marks("".join(found["marks"] for found in self.findings(journal, name)))


def default_batch_size(images: ImageSet) -> int:
    """Return a batch size that takes about the same memory for images of any size.

    Small images get large batches, so that batches stay efficient as fooled images are dropped.
    """
    pixels = images.shape[-1] * images.shape[-2]
    return min(MAX_BATCH, max(MIN_BATCH, BATCH_SIZE * 32 * 32 // pixels))


def pad_batches(network: Network) -> Network:
    """Return a network with checked logits whose batches are padded to few different sizes.

    As an attack succeeds, a batch shrinks by a few images at a time, and convolution libraries
    cache a plan for every new size, which costs memory and time. So the batch is filled up with its
    last image to the next of sixteen sizes between powers of two, and the padding's logits are
    dropped.
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
    """Return the device of a network's first parameter; the CPU if it has none."""
    parameters = network.parameters() if isinstance(network, nn.Module) else iter(())
    return next((parameter.device for parameter in parameters), torch.device("cpu"))


def marks_to_text(marks: Tensor) -> str:
    """Return marks as text, one digit per image."""
    return "".join(map(str, marks.tolist()))


def text_to_marks(marks: str) -> Tensor:
    """Return the marks in a text: the inverse of :func:`marks_to_text`."""
    return torch.tensor([int(digit) for digit in marks], dtype=torch.int64)


def are_marks(marks: object, count: int, kinds: str) -> bool:
    """Whether a value from a journal holds the marks of ``count`` images."""
    return isinstance(marks, str) and len(marks) == count and set(marks) <= set(kinds)


def are_lines(said: object) -> bool:
    """Whether a value from a journal is a list of strings."""
    return isinstance(said, list) and all(isinstance(line, str) for line in said)


def is_count(number: object) -> bool:
    """Whether a value from a journal is a non-negative integer."""
    return type(number) is int and 0 <= number < MAX_NUMBER


def is_amount(number: object) -> bool:
    """Whether a value from a journal is a non-negative number."""
    return isinstance(number, int | float) and 0 <= number < MAX_NUMBER


def is_cost(finding: Finding) -> bool:
    """Whether a finding from a journal holds the cost of an attack.

    Raises:
        LookupError: If a key is missing.
    """
    return (
        is_count(finding["forwards"])
        and is_amount(finding["seconds"])
        and are_lines(finding["said"])
    )


def total_cost(found: Sequence[Finding]) -> dict[str, Any]:
    """Return the cost of an attack on all batches: ``forwards``, ``seconds`` and ``warnings``."""
    return {
        "forwards": sum(finding["forwards"] for finding in found),
        "seconds": sum(finding["seconds"] for finding in found),
        "warnings": all_lines(found),
    }


def all_lines(found: Sequence[Finding]) -> tuple[str, ...]:
    """Return the warnings of all batches, each once."""
    return tuple(dict.fromkeys(line for finding in found for line in finding["said"]))


def mark(journal: Journal, name: str, batch: int) -> Tensor:
    """Return the marks of one piece."""
    return text_to_marks(journal[name, batch]["marks"])
