"""Attacks made on one network, or on a set of them, and what every network makes of the images."""

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
    digits,
    evened,
    is_amount,
    is_count,
    text,
)

NATURAL = "natural"
SET: Literal["the set"] = "the set"
SWITCH: Literal["the switch"] = "the switch"


@dataclass(frozen=True)
class Strike:
    """An attack and whom it is made on.

    Attributes:
        attack: How and where.
        source: Name of a network; :data:`SET`, all members together; or :data:`SWITCH`, a network
            that answers with a member drawn anew each time.
    """

    attack: Attack
    source: str

    def __str__(self) -> str:
        return f"{self.attack}, on {self.source}"

    @property
    def stream(self) -> str:
        """What its random numbers are named after; see :attr:`Attack.stream`."""
        return f"{self.attack.stream}, on {self.source}"


@dataclass(frozen=True)
class Struck:
    """What one strike did.

    Attributes:
        strike: Which it is.
        right: Which images each network still gets right, by its name: bool, ``(n,)``.
        resisted: Which images the attack itself takes for not fooled, where it says so.
        forwards: Images that went through any network while the attack was made.
        seconds: Wall-clock time.
        said: Warnings of the attack's own code.
    """

    strike: Strike
    right: dict[str, Tensor]
    resisted: Tensor | None
    forwards: int
    seconds: float
    said: tuple[str, ...]


@dataclass(frozen=True)
class Crossed:
    """Networks under attacks made on each other.

    Attributes:
        right: Which images each network gets right as they are, by its name: bool, ``(n,)``.
        struck: What every strike did.
    """

    right: dict[str, Tensor]
    struck: tuple[Struck, ...]


class Transfer(Work):
    """Networks, images, strikes: work that can be done piece by piece.

    Unlike in :class:`Evaluation`, an attack is made on every image, also where its source is wrong
    already: another network may be right.

    Args:
        networks: By name; each is asked about every adversarial image.
        images: Images and labels, on any device.
        strikes: What to try, in this order.
        members: Names of the networks that make the set, if there is one.
        probabilities: Of the members; equal if not given.
        seed: Of all random draws.
        batch_size: Images per piece; if not given, it depends on their size.
        prefix: Of the names of its pieces, where several share a journal.

    Raises:
        InputError: If a source is not there, a network is called as something else is, or two
            strikes have the same title.
    """

    def __init__(  # noqa: PLR0913
        self,
        networks: Mapping[str, Network],
        images: ImageSet,
        strikes: Sequence[Strike],
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
        self._strikes = {str(strike): strike for strike in strikes}
        if len(self._strikes) < len(strikes):
            raise InputError("two strikes have the same title")
        if taken := {SET, SWITCH} & networks.keys():
            raise InputError(f"no network can be called {min(taken)!r}; rename its file")
        sources = {*networks, *([SET, SWITCH] if members else [])}
        for name in (*members, *(strike.source for strike in strikes)):
            if name not in sources:
                raise InputError(f"there is no network {name!r}; there are {', '.join(networks)}")

    @property
    def networks(self) -> dict[str, Network]:
        """The networks, by name."""
        return self._by_name

    @property
    def names(self) -> list[str]:
        """What there is to do."""
        return [f"{self._prefix}{name}" for name in (NATURAL, *self._strikes)]

    def result(self, journal: Journal) -> Crossed | None:
        """Put the pieces together.

        Returns:
            None if some are missing: another shard's.
        """
        if not self.finished(journal):
            return None
        return Crossed(
            right=self._right(journal, NATURAL),
            struck=tuple(self._struck(journal, title) for title in self._strikes),
        )

    def _piece(self, name: str, batch: int, journal: Journal) -> Finding:
        """Do one piece."""
        images, labels = self.batch(batch)
        title = name.removeprefix(self._prefix)
        if title == NATURAL:
            return {"right": self._judged(images, labels)}
        strike, begun, forwards = self._strikes[title], time.monotonic(), 0
        stream = self._prefix + strike.stream

        def counted(network: Network) -> Network:
            asked = evened(network)

            def count(points: Tensor) -> Tensor:
                nonlocal forwards
                forwards += len(points)
                return asked(points)

            return count

        together = [counted(self._by_name[member]) for member in self._members]
        if strike.source == SET:
            source: Network = NetworkSet(together)
        elif strike.source == SWITCH:
            source = randomised_ensemble(
                together, self._chances, rng.generator(self._seed, "switch", stream, batch)
            )
        else:
            source = counted(self._by_name[strike.source])
        with collected_warnings() as said:
            found = strike.attack(source, images, labels, self.stream(stream, batch))
        adversarial = verified(found.images, images, strike.attack.ball, name)
        return {
            "right": self._judged(adversarial, labels),
            "resisted": None if found.resisted is None else text(found.resisted.int()),
            "forwards": forwards,
            "seconds": round(time.monotonic() - begun, 4),
            "said": said,
        }

    def _fits(self, name: str, count: int, finding: Finding) -> bool:
        """Whether a finding can be one of so many images."""
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

    def _judged(self, images: Tensor, labels: Tensor) -> dict[str, str]:
        """Return which images each network gets right."""
        return {
            name: text(correct(network, images, labels, self.classes).int())
            for name, network in self._by_name.items()
        }

    def _right(self, journal: Journal, title: str) -> dict[str, Tensor]:
        found = [journal[self._prefix + title, batch]["right"] for batch in range(self.batches)]
        return {
            name: digits("".join(piece[name] for piece in found)) == 1 for name in self._by_name
        }

    def _struck(self, journal: Journal, title: str) -> Struck:
        """Put the pieces of one strike together."""
        found = [journal[self._prefix + title, batch] for batch in range(self.batches)]
        resisted = [piece["resisted"] for piece in found]
        said = [line for piece in found for line in piece["said"]]
        return Struck(
            strike=self._strikes[title],
            right=self._right(journal, title),
            resisted=None if None in resisted else digits("".join(resisted)) == 1,
            forwards=sum(piece["forwards"] for piece in found),
            seconds=sum(piece["seconds"] for piece in found),
            said=tuple(dict.fromkeys(said)),
        )
