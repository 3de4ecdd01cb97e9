"""Transfer attacks, made on a network or a set of networks and evaluated on every network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from scratchticket.attacks import Attack, Network
from scratchticket.attacks.sets import NetworkSet, chances, randomised_ensemble
from scratchticket.base import rng
from scratchticket.base.errors import InputError
from scratchticket.base.modes import usual_modes
from scratchticket.data import ImageSet
from scratchticket.evaluation.answers import correct
from scratchticket.evaluation.engine import (
    Meter,
    Work,
    are_marks,
    is_cost,
    marks_to_text,
    text_to_marks,
    total_cost,
)
from scratchticket.evaluation.journal import Finding, Journal

NATURAL = "natural"
SET: Literal["the set"] = "the set"
SWITCH: Literal["the switch"] = "the switch"


@dataclass(frozen=True)
class SourcedAttack:
    """An attack and its source: the network or set that it is made on.

    Attributes:
        attack: The attack, with its ball.
        source: Name of a network; :data:`SET`, all members together; or :data:`SWITCH`, which draws
            a member anew for every image and call.
    """

    attack: Attack
    source: str

    def __str__(self) -> str:
        return f"{self.attack}, on {self.source}"

    @property
    def stream(self) -> str:
        """Stable name, part of the seed of random numbers; see :attr:`Attack.stream`."""
        return f"{self.attack.stream}, on {self.source}"


@dataclass(frozen=True)
class TransferRow:
    """Result of one sourced attack on every network: a row of a transfer matrix.

    Attributes:
        sourced: The sourced attack.
        right: By network name, the images still classified correctly: bool, ``(n,)``.
        resisted: Images on which the attack itself reports failure; None if it does not report.
        forwards: Forward passes of the attack through any network, each of one image.
        seconds: Wall-clock time.
        warnings: Warnings of the attack's own code.
    """

    sourced: SourcedAttack
    right: dict[str, Tensor]
    resisted: Tensor | None
    forwards: int
    seconds: float
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class TransferResult:
    """Results of attacks made on some networks and evaluated on all of them.

    Attributes:
        right: By network name, the clean images classified correctly: bool, ``(n,)``.
        rows: One row for each sourced attack.
    """

    right: dict[str, Tensor]
    rows: tuple[TransferRow, ...]


class Transfer(Work):
    """Transfer attacks between networks, done in pieces: every sourced attack on every batch.

    Unlike in :class:`Evaluation`, images that the source misclassifies are attacked too: another
    network may classify them correctly.

    Args:
        networks: Networks by name; each is evaluated on every adversarial image.
        images: Images and labels, on any device.
        attacks: The sourced attacks, in the order of execution.
        members: Names of the networks in the set, if there is one.
        probabilities: Probabilities of the members; equal if not given.
        seed: Seed of all random draws.
        batch_size: Images per piece; if not given, :func:`default_batch_size`.
        prefix: Prefix of the pieces' names, so that several :class:`.engine.Work` share a journal.

    Raises:
        InputError: If a source is unknown, a network has a reserved name, or two sourced attacks
            have the same title.
    """

    def __init__(  # noqa: PLR0913
        self,
        networks: Mapping[str, Network],
        images: ImageSet,
        attacks: Sequence[SourcedAttack],
        *,
        members: Sequence[str] = (),
        probabilities: Sequence[float] | None = None,
        seed: int = 0,
        batch_size: int | None = None,
        prefix: str = "",
    ) -> None:
        super().__init__(list(networks.values()), images, seed=seed, batch_size=batch_size)
        self.networks, self._members, self._prefix = dict(networks), members, prefix
        self._chances = chances(probabilities, len(members)) if members else torch.empty(0)
        self._sourced = {str(sourced): sourced for sourced in attacks}
        if len(self._sourced) < len(attacks):
            raise InputError("two attacks have the same title")
        if taken := {SET, SWITCH} & networks.keys():
            raise InputError(f"no network can be called {min(taken)!r}; rename its file")
        sources = {*networks, *([SET, SWITCH] if members else [])}
        for name in (*members, *(sourced.source for sourced in attacks)):
            if name not in sources:
                raise InputError(f"there is no network {name!r}; there are {', '.join(networks)}")

    @property
    def names(self) -> list[str]:
        """Names of the pieces: natural accuracy and sourced attacks."""
        return [f"{self._prefix}{name}" for name in (NATURAL, *self._sourced)]

    @usual_modes()
    def result(self, journal: Journal) -> TransferResult | None:
        """Return the result of all pieces; None if some are missing."""
        if not self.finished(journal):
            return None
        return TransferResult(
            right=self._right(journal, NATURAL),
            rows=tuple(self._row(journal, title) for title in self._sourced),
        )

    def _piece(self, name: str, batch: int, journal: Journal) -> Finding:
        stored, images = self.batches.batch(batch)
        labels = stored.labels
        title = name.removeprefix(self._prefix)
        if title == NATURAL:
            return {"right": self._correct_by_network(images, labels)}
        sourced, meter = self._sourced[title], Meter()
        stream = self._prefix + sourced.stream
        together = [meter.counted(self.networks[member]) for member in self._members]
        source: Network
        if sourced.source == SET:
            source = NetworkSet(together)
        elif sourced.source == SWITCH:
            draws = rng.generator(self.batches.seed, "switch", stream, batch)
            source = randomised_ensemble(together, self._chances, draws)
        else:
            source = meter.counted(self.networks[sourced.source])
        generator = self.batches.stream(stream, batch)
        found = meter.attack_batch(sourced.attack, source, images, labels, generator)
        return {
            "right": self._correct_by_network(found.images, labels),
            "resisted": None if found.resisted is None else marks_to_text(found.resisted.int()),
            **meter.cost(),
        }

    def _fits(self, name: str, count: int, finding: Finding) -> bool:
        right = finding["right"]
        judged = right.keys() == self.networks.keys() and all(
            are_marks(marks, count, "01") for marks in right.values()
        )
        if not judged or name.removeprefix(self._prefix) == NATURAL:
            return judged
        resisted = finding["resisted"]
        return (resisted is None or are_marks(resisted, count, "01")) and is_cost(finding)

    def _correct_by_network(self, images: Tensor, labels: Tensor) -> dict[str, str]:
        """Return which images each network classifies correctly, as marks."""
        return {
            name: marks_to_text(correct(network, images, labels, self.classes).int())
            for name, network in self.networks.items()
        }

    def _right(self, journal: Journal, title: str) -> dict[str, Tensor]:
        found = [piece["right"] for piece in self.findings(journal, self._prefix + title)]
        return {
            name: text_to_marks("".join(piece[name] for piece in found)) == 1
            for name in self.networks
        }

    def _row(self, journal: Journal, title: str) -> TransferRow:
        """Return the row of one sourced attack from its pieces."""
        found = self.findings(journal, self._prefix + title)
        resisted = [piece["resisted"] for piece in found]
        return TransferRow(
            sourced=self._sourced[title],
            right=self._right(journal, title),
            resisted=None if None in resisted else text_to_marks("".join(resisted)) == 1,
            **total_cost(found),
        )
