"""Typed records of runs and evaluations, and their reader.

A file has the fields of its class, under the same names and in the same order. Unknown fields are
kept and missing fields are not added, so that :func:`to_json` returns exactly what was read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from scratchticket.base.accuracy import percent
from scratchticket.base.errors import InputError

Json = dict[str, Any]
Count = Annotated[int, Field(ge=0)]
Total = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Interval = Annotated[tuple[Share, ...], Field(min_length=2, max_length=2)]
TASKS = ("draw", "train")


def _of_a_task(recipe: Json) -> Json:
    if recipe.get("task") not in TASKS:
        raise ValueError(f"its task is not one of {', '.join(TASKS)}")
    return recipe


class Stored(BaseModel):
    """Base class of records and their parts."""

    model_config = ConfigDict(frozen=True, extra="allow")


def _interval_text(interval: tuple[float, ...]) -> str:
    low, high = map(percent, interval)
    return f"{low:.1f} to {high:.1f}"


class Counts(Stored):
    """An accuracy, as counts.

    Attributes:
        correct: Number of images classified correctly.
        total: Number of images.
        interval: The 95 % Wilson score interval of the fraction.

    Example:
        >>> str(Counts(correct=313, total=360, interval=(0.83, 0.9)))
        '86.9 %'
    """

    correct: Count
    total: Total
    interval: Interval

    @property
    def fraction(self) -> float:
        """Fraction of images classified correctly, in [0, 1]."""
        return self.correct / self.total

    @property
    def percent(self) -> float:
        """Percentage of images classified correctly."""
        return percent(self.correct, self.total)

    @property
    def interval_text(self) -> str:
        """The interval in percent: ``83.0 to 90.0``."""
        return _interval_text(self.interval)

    def __str__(self) -> str:
        return f"{self.percent:.1f} %"


class Expectation(Stored):
    """The expected accuracy of a random switch.

    Attributes:
        expected: Mean over the images of the probability of being classified correctly.
        total: Number of images.
        interval: The 95 % interval of the mean.
    """

    expected: Share
    total: Total
    interval: Interval

    @property
    def fraction(self) -> float:
        """Expected fraction of images classified correctly, in [0, 1]."""
        return self.expected

    @property
    def percent(self) -> float:
        """Expected percentage of images classified correctly."""
        return percent(self.expected)

    @property
    def interval_text(self) -> str:
        """The interval in percent: ``83.0 to 90.0``."""
        return _interval_text(self.interval)

    def __str__(self) -> str:
        return f"{self.percent:.1f} %"


class MembersExpectation(Expectation):
    """The expected accuracy of a random switch, and the accuracy of its members.

    Attributes:
        all_right: Images that all members classify correctly.
        each: Accuracy of each member, by name.
    """

    all_right: Counts
    each: dict[str, Counts]


Measurement = Counts | Expectation


class Ball(Stored):
    """A ball around each image.

    Attributes:
        norm: ``linf`` or ``l2``.
        epsilon: Radius.
    """

    norm: str
    epsilon: str


class AttackFacts(Stored):
    """An attack, as ``Attack.facts`` describes it.

    Attributes:
        title: Title, for display only.
        name: Name of the method.
        norm: Norm of the ball.
        epsilon: Radius of the ball; None for any distance.
        settings: All settings of the method; None in early records of runs.
    """

    title: str
    name: str
    norm: str
    epsilon: str | None
    settings: Json | None = None


class _AttackDetails(AttackFacts):
    seed: int | None = None
    made_on: Json | None = None
    median_distance: float | None = None
    stages: tuple[Json, ...] | None = None


class AttackRow(Counts, _AttackDetails):
    """The accuracy of one network under one attack.

    Attributes:
        seed: Seed of the attack, in records of runs.
        made_on: The attacked network, if it is not the evaluated one.
        median_distance: Median distance of a minimum-norm attack; None if most images resist it.
        stages: Accuracy after each of AutoAttack's four attacks.
        seconds: Wall-clock time, unless the adversarial images come from a file.
        queries: Forward passes, each of one image.
        median_queries: Median number of queries over the fooled images, if they are counted.
    """

    seconds: Seconds | None = None
    queries: Count | None = None
    median_queries: int | None = None


class WorstCase(Counts, Ball):
    """Accuracy under the worst attack inside a ball for each image.

    Attributes:
        attacks: Titles of the attacks inside the ball.
    """

    attacks: tuple[str, ...] = ()


class Sign(Stored):
    """A warning sign: a reason not to believe an accuracy.

    Attributes:
        name: Name of the check.
        text: The compared numbers.
    """

    name: str
    text: str


@dataclass(frozen=True)
class Check:
    """Result of one check for a warning sign.

    Attributes:
        name: Name of the check.
        verdict: ``warning`` if the accuracy should not be believed.
        text: The compared numbers.
    """

    name: str
    verdict: Literal["clear", "warning", "not tested"]
    text: str


class Matrix(AttackFacts):
    """The transfer matrix of an attack.

    Attributes:
        stops: Whether the attack stops at the first success.
        total: Number of images.
        rows: Images still classified correctly, by attacked and by evaluated network.
        mean: Mean fraction over all pairs, weighted by the probabilities of the networks.
        diagonal: Mean fraction where attacked and evaluated network are the same.
        off_diagonal: Mean fraction where they differ; None for a single network.
        by_source: Mean fraction by attacked network.
        best_source: Smallest of ``by_source``.
    """

    stops: bool
    total: Total
    rows: dict[str, dict[str, Count]]
    mean: Share
    diagonal: Share
    off_diagonal: Share | None
    by_source: dict[str, float]
    best_source: float

    def fraction(self, source: str, network: str) -> float:
        """Return the accuracy of ``network`` on adversarial images made on ``source``."""
        return self.rows[source][network] / self.total

    def percent(self, source: str, network: str) -> float:
        """Return :meth:`fraction` in percent."""
        return percent(self.rows[source][network], self.total)


class Member(Stored):
    """A network of a switch.

    Attributes:
        name: Name.
        probability: Probability of being drawn.
    """

    name: str
    probability: float


class _Sourced(AttackFacts):
    source: str


class SwitchRow(MembersExpectation, _Sourced):
    """The expected accuracy of a switch under one attack.

    Attributes:
        source: The attacked network or set.
        seconds: Wall-clock time.
        queries: Forward passes, each of one image.
        warnings: Warnings of the attack's own code.
        claimed: Accuracy that an attack made on the switch itself reports.
        valid: False if ``claimed`` is given, which is not a valid accuracy; else None.
    """

    seconds: Seconds
    queries: Count = 0
    warnings: tuple[str, ...] = ()
    claimed: Counts | None = None
    valid: bool | None = None


class _Named(Stored):
    name: str


class BestMember(Counts, _Named):
    """The accuracy of the most robust member of a switch.

    Attributes:
        name: Name of the member.
    """


class OwnAttacks(Stored):
    """Accuracy of the members, each under the attacks made on it alone.

    Attributes:
        mean: Mean fraction over the members.
        strong_enough: Whether the switch reaches at least ``mean``; otherwise the attacks on single
            members were too weak.
    """

    mean: float
    strong_enough: bool


class SwitchCase(MembersExpectation, Ball):
    """Expected accuracy of a switch under the worst attack in a ball for each image.

    Attributes:
        tries: Expected fraction of images that the switch classifies correctly every time they are
            submitted, by number of submissions.
        best_member: The most robust single member under the same attacks.
        bound: Expected accuracy if each member met its own worst attack.
        own_attacks: Whether single members were attacked strongly enough.
        gain: ``gain`` or ``loss`` against the best member, or that their intervals overlap.
        strikes: Number of attacks in the ball.
        gain_over_dense: The same against the dense network.
    """

    tries: dict[str, float]
    best_member: BestMember
    bound: float
    own_attacks: OwnAttacks | None = None
    gain: str
    strikes: Count
    gain_over_dense: str | None = None


class Game(Stored):
    """The defender's optimal probabilities, see :mod:`scratchticket.switching.game`.

    Attributes:
        epsilon: Radius of the ball.
        probabilities: Probability of each member.
        value: Expected accuracy under the worst attack for each image.
        rounds: Rounds in which defender and attacker responded to each other.
        answered: Whether new attacks were made in response to the defender's probabilities.
        settled: Whether the game has converged: the last response left the value unchanged.
    """

    epsilon: str
    probabilities: tuple[Share, ...]
    value: Share
    rounds: tuple[Json, ...]
    answered: bool
    settled: bool | None = None


class Accuracies(Stored):
    """Natural accuracy and accuracies under attacks.

    Attributes:
        natural: Natural accuracy.
        attacks: One row per attack.
    """

    natural: Counts
    attacks: tuple[AttackRow, ...]


class Result(Stored):
    """The test accuracies of an epoch of a run.

    Attributes:
        epoch: The epoch.
        natural: Natural accuracy.
        attacks: One row per attack.
    """

    epoch: Count
    natural: Counts
    attacks: Annotated[tuple[AttackRow, ...], Field(min_length=1)]


class Results(Stored):
    """The test accuracies of a run.

    Attributes:
        best: At the epoch that was best on validation images.
        last: At the last epoch.
    """

    best: Result
    last: Result


class Weights(Stored):
    """Numbers of weights.

    Attributes:
        kept: Number of weights that remain.
        total: Number of weights of the network.
    """

    kept: Count
    total: Count


class RunRecord(Stored):
    """The record of a draw or a training.

    Attributes:
        id: Hash of the recipe.
        recipe: The recipe, as JSON values.
        selected: Which epoch's network is in the ticket file: the ``best`` or the ``last``.
        results: Accuracies on the test images.
        warnings: Warnings about the results.
        weights: Numbers of weights.
        bytes: Size of the ticket file.
        seconds: Wall-clock time by phase of the run.
        machine: Hardware.
        versions: Versions of software.
        commit: Commit of the source.
        finished: When the record was written.
    """

    format: int = 1
    id: str = ""
    recipe: Annotated[Json, AfterValidator(_of_a_task)]
    selected: Literal["best", "last"]
    results: Results
    warnings: tuple[str, ...] = ()
    weights: Weights
    bytes: Count
    seconds: dict[str, float] = Field(default_factory=dict)
    machine: Json = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    commit: str | None = None
    finished: str = ""

    @property
    def chosen(self) -> Result:
        """The accuracies of the network in the ticket file."""
        return self.results.best if self.selected == "best" else self.results.last

    @property
    def task(self) -> str:
        """``draw`` or ``train``."""
        return str(self.recipe["task"])


class EvaluationRecord(Stored):
    """The record of an evaluation of one network; docs/evaluation.md explains every field.

    Attributes:
        subject: The network.
        data: Origin of the images.
        natural: Natural accuracy.
        attacks: One row per attack.
        worst_case: The first of the worst cases.
        worst_cases: Accuracy under the worst attack for each image, one per ball.
        checks: Results of all checks for warning signs.
        warning_signs: Checks that warn.
        plan: Everything that decided the result.
        machine: Hardware.
        versions: Versions of software.
        commit: Commit of the source.
        finished: When the record was written.
    """

    format: int = 1
    kind: Literal["evaluation"] = "evaluation"
    subject: Json = Field(default_factory=dict)
    data: Json = Field(default_factory=dict)
    natural: Counts
    attacks: tuple[AttackRow, ...]
    worst_case: WorstCase | None = None
    worst_cases: tuple[WorstCase, ...]
    checks: tuple[Check, ...] = ()
    warning_signs: tuple[Sign, ...]
    plan: Json = Field(default_factory=dict)
    machine: Json = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    commit: str | None = None
    finished: str = ""


class TransferRecord(Stored):
    """The record of transfer matrices.

    Attributes:
        data: Origin of the images.
        networks: Names of the networks.
        natural: Images that each network classifies correctly.
        total: Number of images.
        matrices: One matrix per attack.
        warning_signs: Networks not better than chance.
        plan: Everything that decided the result.
        machine: Hardware.
        versions: Versions of software.
        commit: Commit of the source.
        finished: When the record was written.
    """

    format: int = 1
    kind: Literal["transfer"] = "transfer"
    data: Json = Field(default_factory=dict)
    networks: tuple[str, ...]
    natural: dict[str, Count]
    total: Total
    matrices: tuple[Matrix, ...]
    warning_signs: tuple[Sign, ...] = ()
    plan: Json = Field(default_factory=dict)
    machine: Json = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    commit: str | None = None
    finished: str = ""

    @model_validator(mode="after")
    def _whole(self) -> TransferRecord:
        names = set(self.networks)
        for matrix in self.matrices:
            sources: list[Mapping[str, Any]] = [matrix.rows, *matrix.rows.values()]
            if any(not names <= source.keys() for source in sources):
                raise ValueError("a matrix lacks a network")
        return self


class SwitchReport(Stored):
    """Accuracies of a switch, or of a single network; docs/r2s.md explains every field.

    Attributes:
        members: The networks.
        natural: Expected natural accuracy.
        attacks: One row per attack.
        protocol: Transfer matrices: the paper's protocol.
        worst_case: The first of the worst cases.
        worst_cases: Expected accuracy under the worst attack for each image, one per ball.
    """

    members: tuple[Member, ...]
    natural: MembersExpectation
    attacks: tuple[SwitchRow, ...]
    protocol: tuple[Matrix, ...]
    worst_case: SwitchCase | None = None
    worst_cases: tuple[SwitchCase, ...]


class SwitchRecord(Stored):
    """The record of a random switch.

    Attributes:
        data: Origin of the images.
        suite: Name of the suite of attacks.
        members: This and the next five fields: see :class:`SwitchReport`.
        game: The defender's optimal probabilities.
        dense: Accuracies of a dense network for comparison.
        warning_signs: Networks not better than chance.
        plan: Everything that decided the result.
        machine: Hardware.
        versions: Versions of software.
        commit: Commit of the source.
        finished: When the record was written.
    """

    format: int = 1
    kind: Literal["switch"] = "switch"
    data: Json = Field(default_factory=dict)
    suite: str = ""
    members: tuple[Member, ...]
    natural: MembersExpectation
    attacks: tuple[SwitchRow, ...]
    protocol: tuple[Matrix, ...]
    worst_case: SwitchCase | None = None
    worst_cases: tuple[SwitchCase, ...]
    game: Game
    dense: SwitchReport | None = None
    warning_signs: tuple[Sign, ...] = ()
    plan: Json = Field(default_factory=dict)
    machine: Json = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    commit: str | None = None
    finished: str = ""

    @model_validator(mode="after")
    def _compared(self) -> SwitchRecord:
        if self.dense is None:
            return self
        if len(self.worst_cases) != len(self.dense.worst_cases):
            raise ValueError("switch and dense network have different worst cases")
        if any(case.gain_over_dense is None for case in self.worst_cases):
            raise ValueError("a worst case is not compared with the dense network")
        return self


class FeaturesRecord(Stored):
    """The record of how far features move under noise.

    Attributes:
        data: Origin of the images.
        attacks: The noise, as attacks.
        distances: Mean relative distance, by network and epsilon.
        machine: Hardware.
        versions: Versions of software.
        commit: Commit of the source.
    """

    format: int = 1
    kind: Literal["features"] = "features"
    data: Json = Field(default_factory=dict)
    attacks: tuple[AttackFacts, ...] = ()
    distances: dict[str, dict[str, float]]
    machine: Json = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    commit: str | None = None


Record = RunRecord | EvaluationRecord | TransferRecord | SwitchRecord | FeaturesRecord


class DataFacts(Stored):
    """The data set of adversarial images.

    Attributes:
        name: Name of the data set.
        part: Part that was attacked.
        of: Number of images in that part.
        classes: Class names.
        mean: Per-channel mean of the training pixels.
        std: Per-channel standard deviation.
    """

    name: str
    part: str = ""
    of: int | None = None
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[Annotated[float, Field(gt=0)], ...]


class AttackedNetwork(Stored):
    """The network that adversarial images were made on.

    Attributes:
        file: Name of the network's file.
    """

    file: str


class BallAttack(AttackFacts):
    """The attack that made adversarial images."""

    norm: Literal["linf", "l2"]


class AdversarialMetadata(Stored):
    """Metadata of a file of adversarial images.

    Attributes:
        attack: The attack.
        subject: The attacked network.
        data: The data set.
        seed: Seed of all random draws.
    """

    attack: BallAttack
    subject: AttackedNetwork
    data: DataFacts
    seed: int = 0


_KINDS: dict[str, type[Record]] = {
    "run": RunRecord,
    "evaluation": EvaluationRecord,
    "transfer": TransferRecord,
    "switch": SwitchRecord,
    "features": FeaturesRecord,
}
S = TypeVar("S", bound=Stored)


def to_json(value: Stored) -> Json:
    """Return the JSON values of a record, or of a part of one."""
    return value.model_dump(mode="json", exclude_unset=True)


def read_record(value: Json, where: Path | str) -> Record:
    """Return a record from its JSON values.

    Args:
        value: JSON values.
        where: File, for messages.

    Raises:
        InputError: If a field is missing or impossible; the message names it.
    """
    kind = "run" if "results" in value else str(value.get("kind", "evaluation"))
    if kind not in _KINDS:
        raise InputError(f"{where} is damaged: no record is of kind {kind[:40]!r}")
    return read_as(_KINDS[kind], value, where)


def read_as(kind: type[S], value: Any, where: Path | str) -> S:
    """Return JSON values as a record, or a part of one.

    Args:
        kind: Class of the record or part.
        value: JSON values.
        where: File, for messages.

    Raises:
        InputError: If a field is missing or impossible; the message names it.
    """
    try:
        return kind.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where} is damaged at {place!r}: {first['msg'].lower()}") from None
