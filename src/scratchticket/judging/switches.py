"""The evaluation of several networks: transfer matrices, and switches between tickets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from scratchticket.attacks.sets import chances
from scratchticket.base.accuracy import Accuracy
from scratchticket.base.errors import InputError
from scratchticket.base.files import canonical_json, check_text
from scratchticket.base.record import Game, Json, SwitchRecord, SwitchReport, TransferRecord
from scratchticket.base.rng import check_seed
from scratchticket.data import ImageSet
from scratchticket.evaluation import Balls, Journal, Progress, chance_signs, default_batch_size
from scratchticket.evaluation.transfer import SourcedAttack, Transfer, TransferResult
from scratchticket.judging.evaluation import fingerprint
from scratchticket.judging.subject import Subject
from scratchticket.networks import placed
from scratchticket.pictures import set_figures
from scratchticket.runs.records import versions
from scratchticket.switching.game import ROUNDS, Attacks, Solution, play, settled, solve
from scratchticket.switching.report import Members, gain, matrices, switch_report
from scratchticket.switching.suites import (
    EPSILONS,
    SwitchSuite,
    respond_with,
    switch_suite,
    transfer_suite,
)
from scratchticket.tickets.locate import short_name

DENSE = "dense"  # name of the dense network, and prefix of its pieces


@dataclass(frozen=True)
class _SeveralNetworks:
    """Several networks, and the images they are evaluated on.

    Attributes:
        subjects: Networks by name.
        images: Images to evaluate on.
        source: Origin of the images, as JSON values.
        where: Balls of the attacks.
        classes: Number of logits.
        seed: Seed of all random draws.
        batch_size: Images per piece of work.
    """

    subjects: dict[str, Subject]
    images: ImageSet
    source: Json
    where: Balls
    classes: int
    seed: int = 0
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if not self.subjects:
            raise InputError("give at least one network")
        object.__setattr__(self, "seed", check_seed(self.seed))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the networks."""
        return tuple(self.subjects)

    def common(self) -> Json:
        """Return the entries that all plans share."""
        return {
            "format": 1,
            "networks": {name: subject.description for name, subject in self.subjects.items()},
            "images": fingerprint(self.images),
            "epsilons": list(self.where.epsilons),
            "seed": self.seed,
            "batch size": self.batch_size or default_batch_size(self.images),
            "versions": {name: versions()[name] for name in ("scratchticket", "torch")},
        }

    def work(
        self,
        subjects: dict[str, Subject],
        attacks: Sequence[SourcedAttack],
        device: torch.device | str,
        **more: Any,
    ) -> Transfer:
        """Return the evaluation of attacks between these subjects, with networks on a device."""
        networks = {name: placed(subject.network, device) for name, subject in subjects.items()}
        return Transfer(
            networks, self.images, attacks, seed=self.seed, batch_size=self.batch_size, **more
        )


@dataclass(frozen=True)
class TransferTask(_SeveralNetworks):
    """Transfer matrices of several networks: attacks made on each, evaluated on all."""

    kind = TransferRecord

    def plan(self) -> Json:
        """Return everything that determines the result, as JSON values."""
        return {"kind": "transfer", **self.common(), "strikes": list(map(str, self._sourced()))}

    def works(self, device: torch.device | str) -> list[Transfer]:
        """Return the evaluation to run, with the networks on a device."""
        return [self.work(self.subjects, self._sourced(), device)]

    def report(
        self, works: Sequence[Transfer], journal: Journal, progress: Progress
    ) -> TransferRecord:
        """Return the record of the finished work."""
        result = works[0].result(journal)
        assert result is not None
        equal, natural = chances(None, len(self.names)), _natural(result)
        return TransferRecord(
            format=1,
            kind="transfer",
            data=self.source,
            networks=self.names,
            natural={name: accuracy.correct for name, accuracy in natural.items()},
            total=len(self.images),
            matrices=matrices(result, self.names, equal),
            warning_signs=chance_signs(natural, self.classes),
        )

    def picture(self, record: TransferRecord) -> str:
        """Return the matrices as heat maps, as SVG."""
        return set_figures.transfer(record)

    def _sourced(self) -> tuple[SourcedAttack, ...]:
        return transfer_suite(self.names, self.where)


@dataclass(frozen=True)
class SwitchTask(_SeveralNetworks):
    """A random switch between tickets of one network, under attackers who know the tickets.

    Attributes:
        suite: ``quick`` or ``full``.
        probabilities: Probabilities of the tickets; equal if None.
        dense: A single network for comparison, under the same suite.
    """

    suite: SwitchSuite = "quick"
    probabilities: tuple[float, ...] | None = None
    dense: Subject | None = None
    kind = SwitchRecord

    def plan(self) -> Json:
        """Return everything that determines the result, as JSON values."""
        return {
            "kind": "switch",
            **self.common(),
            "suite": self.suite,
            "probabilities": self.probabilities and list(self.probabilities),
            "dense": self.dense and self.dense.description,
            "strikes": list(map(str, self._sourced(self.names))),
        }

    def works(self, device: torch.device | str) -> list[Transfer]:
        """Return the evaluations to run: the switch's and, if given, the dense network's."""
        own = self.work(
            self.subjects,
            self._sourced(self.names),
            device,
            members=self.names,
            probabilities=self.probabilities,
        )
        if self.dense is None:
            return [own]
        alone = {DENSE: self.dense}
        attacks = self._sourced([DENSE], alone=True)
        return [
            own,
            self.work(alone, attacks, device, members=[DENSE], prefix=f"{DENSE}: "),
        ]

    def report(
        self, works: Sequence[Transfer], journal: Journal, progress: Progress
    ) -> SwitchRecord:
        """Return the record of the finished work, after solving the game."""
        found = [work.result(journal) for work in works]
        result = found[0]
        assert result is not None
        members = Members(self.names, chances(self.probabilities, len(self.names)))
        report = switch_report(result, members, self.where)
        game = self._game(result, members, works[0], journal, progress)
        natural = _natural(result)
        compared: Json = {}
        if len(found) > 1 and found[1] is not None:
            single = Members((DENSE,), torch.ones(1, dtype=torch.float64))
            dense = switch_report(found[1], single, self.where)
            natural |= _natural(found[1])
            report, compared = _over_dense(report, dense), {"dense": dense}
        return SwitchRecord(
            format=1,
            kind="switch",
            data=self.source,
            suite=self.suite,
            **dict(report),
            game=game,
            **compared,
            warning_signs=chance_signs(natural, self.classes),
        )

    def picture(self, record: SwitchRecord) -> str:
        """Return a plot of the expected accuracy under every attack, as SVG."""
        return set_figures.switch(record)

    def _sourced(self, names: Sequence[str], alone: bool = False) -> tuple[SourcedAttack, ...]:
        known = None if alone else self.probabilities
        return switch_suite(self.suite, names, self.where, self.classes, known)

    def _game(
        self,
        result: TransferResult,
        members: Members,
        work: Transfer,
        journal: Journal,
        progress: Progress,
    ) -> Game:
        """Return the defender's optimal probabilities at the smallest epsilon."""
        epsilon = self.where.epsilons[0]
        known: Attacks = [members.right(result.right)]
        known += [
            members.right(s.right)
            for s in result.rows
            if s.sourced.attack.epsilon == epsilon and s.sourced.attack.norm == self.where.norm
        ]
        if self.suite == "quick":
            return Game(epsilon=epsilon, **_solved(solve(known)), rounds=(), answered=False)
        count = 0

        def respond(probabilities: tuple[float, ...]) -> Attacks:
            nonlocal count
            count += 1
            attacks = respond_with(probabilities, self.where)
            new = Transfer(
                work.networks,
                self.images,
                attacks,
                members=self.names,
                probabilities=probabilities,
                seed=self.seed,
                batch_size=self.batch_size,
                prefix=f"round {count} of the game ({_digest(probabilities)}): ",
            )
            new.run(journal, progress=progress)
            response = new.result(journal)
            assert response is not None
            return [members.right(row.right) for row in response.rows]

        solution, rounds = play(known, respond, ROUNDS)
        return Game(
            epsilon=epsilon,
            **_solved(solution),
            rounds=tuple(asdict(played) for played in rounds),
            answered=True,
            settled=settled(rounds),
        )


def _solved(solution: Solution) -> Json:
    """Return a solution as stored in a record; a value above 1, due to rounding, becomes 1."""
    return {"probabilities": solution.probabilities, "value": min(1.0, solution.value)}


def _over_dense(report: SwitchReport, dense: SwitchReport) -> SwitchReport:
    """Return the report of a switch, with its worst cases compared to a dense network's."""
    cases = tuple(
        case.model_copy(update={"gain_over_dense": gain(case, other)})
        for case, other in zip(report.worst_cases, dense.worst_cases, strict=True)
    )
    worst = cases[0] if cases else None
    return report.model_copy(update={"worst_case": worst, "worst_cases": cases})


def _natural(result: TransferResult) -> dict[str, Accuracy]:
    """Return the natural accuracy of each network, by name."""
    return {name: Accuracy(int(r.sum()), len(r)) for name, r in result.right.items()}


def check_epsilons(suite: str, epsilons: Sequence[str]) -> None:
    """Check the number of radii given for a suite.

    Raises:
        InputError: If there are more radii than the suite takes.
    """
    most = EPSILONS.get(suite, len(epsilons))  # an unknown suite is refused elsewhere
    if len(epsilons) > most:
        raise InputError(f"suite {suite} takes at most {most} epsilon, got {len(epsilons)}")


def _digest(probabilities: tuple[float, ...]) -> str:
    """Return a hash that identifies these probabilities in the journal."""
    return sha256(canonical_json(probabilities).encode()).hexdigest()[:8]


def unique_names(files: Sequence[tuple[Path, int | None]]) -> list[str]:
    """Return a short unique name for each network: its file's, with folders if names repeat.

    Args:
        files: File of each network, and its index if the file holds several.

    Raises:
        InputError: If a network is given twice.
    """
    if twice := [
        file for file, count in Counter((p.resolve(), n) for p, n in files).items() if count > 1
    ]:
        raise InputError(f"{twice[0][0]} is given twice; give each network once")
    folders = {path: path.resolve().parts[:-1] for path, _ in files}

    def called(path: Path, depth: int) -> str:
        return "/".join([*folders[path][len(folders[path]) - depth :], short_name(path)])

    names = []
    for path, number in files:
        others = [other for other in folders if other.resolve() != path.resolve()]
        depth = 0
        while called(path, depth) in {called(other, depth) for other in others}:
            depth += 1
        check_text(name := called(path, depth), "the file's name")
        names.append(name + ("" if number is None else f"[{number}]"))
    return names
