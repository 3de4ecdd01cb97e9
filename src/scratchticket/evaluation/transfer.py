"""Transfer attacks: made on one network or a set of them, evaluated on every network."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from scratchticket.attacks import Attack, Network
from scratchticket.attacks.autoattack import collected_warnings
from scratchticket.attacks.sets import NetworkSet, chances, randomised_ensemble
from scratchticket.attacks.verdict import verified
from scratchticket.base import rng
from scratchticket.base.errors import InputError
from scratchticket.data import ImageSet
from scratchticket.evaluation.answers import correct
from scratchticket.evaluation.journal import Finding, Journal
from scratchticket.evaluation.work import (
    Work,
    are_lines,
    are_marks,
    is_amount,
    is_count,
    marks_to_text,
    pad_batches,
    text_to_marks,
)

NATURAL = "natural"
SET: Literal["the set"] = "the set"
SWITCH: Literal["the switch"] = "the switch"


@dataclass(frozen=True)
class SourcedAttack:
    """An attack and its source: the network or set that it is made on.

    Attributes:
        attack: The attack, with its ball.
        source: Name of a network; :data:`SET`, all members together; or :data:`SWITCH`, a network
            whose every answer comes from a member drawn anew.
    """

    attack: Attack
    source: str

    def __str__(self) -> str:
        return f"{self.attack}, on {self.source}"

    @property
    def stream(self) -> str:
        """Name of its stream of random numbers; see :attr:`Attack.stream`."""
        return f"{self.attack.stream}, on {self.source}"


@dataclass(frozen=True)
class TransferRow:
    """Result of one sourced attack on every network: a row of a transfer matrix.

    Attributes:
        sourced: The sourced attack.
        right: By network name, the images still classified correctly: bool, ``(n,)``.
        resisted: Images that the attack claims not to have fooled; None if it claims nothing.
        forwards: Images passed forward through any network by the attack.
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

    Unlike in :class:`Evaluation`, every image is attacked, even if its source misclassifies it
    already: another network may be right.

    Args:
        networks: Networks by name; each is evaluated on every adversarial image.
        images: Images and labels, on any device.
        attacks: The sourced attacks, in the order they are made.
        members: Names of the networks in the set, if there is one.
        probabilities: Probabilities of the members; equal if not given.
        seed: Seed of all random draws.
        batch_size: Images per piece; if not given, it depends on their size.
        prefix: Prefix of the names of its pieces, if several share a journal.

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
        self._by_name, self._members, self._prefix = dict(networks), members, prefix
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
    def networks(self) -> dict[str, Network]:
        """The networks, by name."""
        return self._by_name

    @property
    def names(self) -> list[str]:
        """Names of the pieces: the natural accuracies, and the titles of the attacks."""
        return [f"{self._prefix}{name}" for name in (NATURAL, *self._sourced)]

    def result(self, journal: Journal) -> TransferResult | None:
        """Return the result of all pieces.

        Returns:
            None if pieces of other shards are missing.
        """
        if not self.finished(journal):
            return None
        return TransferResult(
            right=self._right(journal, NATURAL),
            rows=tuple(self._row(journal, title) for title in self._sourced),
        )

    def _piece(self, name: str, batch: int, journal: Journal) -> Finding:
        """Return the finding of one piece."""
        images, labels = self.batch(batch)
        title = name.removeprefix(self._prefix)
        if title == NATURAL:
            return {"right": self._correct_by_network(images, labels)}
        sourced, begun, forwards = self._sourced[title], time.monotonic(), 0
        stream = self._prefix + sourced.stream

        def counted(network: Network) -> Network:
            asked = pad_batches(network)

            def count(points: Tensor) -> Tensor:
                nonlocal forwards
                forwards += len(points)
                return asked(points)

            return count

        together = [counted(self._by_name[member]) for member in self._members]
        if sourced.source == SET:
            source: Network = NetworkSet(together)
        elif sourced.source == SWITCH:
            source = randomised_ensemble(
                together, self._chances, rng.generator(self._seed, "switch", stream, batch)
            )
        else:
            source = counted(self._by_name[sourced.source])
        with collected_warnings() as said:
            found = sourced.attack(source, images, labels, self.stream(stream, batch))
        adversarial = verified(found.images, images, sourced.attack.ball, name)
        return {
            "right": self._correct_by_network(adversarial, labels),
            "resisted": None if found.resisted is None else marks_to_text(found.resisted.int()),
            "forwards": forwards,
            "seconds": round(time.monotonic() - begun, 4),
            "said": said,
        }

    def _fits(self, name: str, count: int, finding: Finding) -> bool:
        """Whether a finding has the form of one on ``count`` images."""
        right = finding["right"]
        judged = right.keys() == self._by_name.keys() and all(
            are_marks(marks, count, "01") for marks in right.values()
        )
        if not judged or name.removeprefix(self._prefix) == NATURAL:
            return judged
        resisted = finding["resisted"]
        return (
            (resisted is None or are_marks(resisted, count, "01"))
            and is_count(finding["forwards"])
            and is_amount(finding["seconds"])
            and are_lines(finding["said"])
        )

    def _correct_by_network(self, images: Tensor, labels: Tensor) -> dict[str, str]:
        """Return which images each network classifies correctly, as marks."""
        return {
            name: marks_to_text(correct(network, images, labels, self.classes).int())
            for name, network in self._by_name.items()
        }

    def _right(self, journal: Journal, title: str) -> dict[str, Tensor]:
        found = [journal[self._prefix + title, batch]["right"] for batch in range(self.batches)]
        return {
            name: text_to_marks("".join(piece[name] for piece in found)) == 1
            for name in self._by_name
        }

    def _row(self, journal: Journal, title: str) -> TransferRow:
        """Return the row of one sourced attack from its pieces."""
        found = [journal[self._prefix + title, batch] for batch in range(self.batches)]
        resisted = [piece["resisted"] for piece in found]
        said = [line for piece in found for line in piece["said"]]
        return TransferRow(
            sourced=self._sourced[title],
            right=self._right(journal, title),
            resisted=None if None in resisted else text_to_marks("".join(resisted)) == 1,
            forwards=sum(piece["forwards"] for piece in found),
            seconds=sum(piece["seconds"] for piece in found),
            warnings=tuple(dict.fromkeys(said)),
        )
