"""Schemas of stored records: the fields that commands read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from scratchticket.base.errors import InputError
from scratchticket.evaluation.transfer import SET

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Interval = Annotated[list[Share], Field(min_length=2, max_length=2)]


@dataclass
class _Counts:
    correct: Count
    total: Annotated[int, Field(ge=1)]
    interval: Interval


@dataclass
class _Attack(_Counts):
    title: str
    seconds: Annotated[float, Field(ge=0)] = 0.0


@dataclass
class _Result:
    epoch: Count
    natural: _Counts
    attacks: Annotated[list[_Attack], Field(min_length=1)]


@dataclass
class _Results:
    last: _Result
    best: _Result


@dataclass
class _Weights:
    kept: Count
    total: Count


@dataclass
class _Run:
    selected: Literal["best", "last"]
    results: _Results
    weights: _Weights
    bytes: Count


@dataclass
class _Worst(_Counts):
    norm: str
    epsilon: str


@dataclass
class _Sign:
    name: str
    text: str


@dataclass
class _Judgement:
    natural: _Counts
    attacks: list[_Attack]
    worst_cases: list[_Worst]
    warning_signs: list[_Sign]


@dataclass
class _Matrix:
    title: str
    stops: bool
    mean: Share
    diagonal: Share
    off_diagonal: Share | None
    total: Annotated[int, Field(ge=1)]
    rows: dict[str, dict[str, Count]]


@dataclass
class _Transfer:
    networks: list[str]
    matrices: list[_Matrix]
    warning_signs: list[_Sign] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = set(self.networks)
        for matrix in self.matrices:
            sources: list[Any] = [matrix.rows, *matrix.rows.values()]
            if any(not names <= source.keys() for source in sources):
                raise ValueError("a matrix lacks a network")


@dataclass
class _Expected:
    expected: Share
    interval: Interval
    all_right: _Counts


@dataclass
class _Strike(_Expected):
    title: str
    source: str
    seconds: Annotated[float, Field(ge=0)]
    claimed: _Counts | None = None


@dataclass
class _Best(_Counts):
    name: str


@dataclass
class _Case(_Expected):
    norm: str
    epsilon: str
    best_member: _Best
    gain: str


@dataclass
class _Game:
    probabilities: list[Share]
    rounds: list[Any]
    answered: bool
    value: Share


@dataclass
class _Switch:
    members: list[Any]
    natural: _Expected
    attacks: list[_Strike]
    worst_cases: list[_Case]
    protocol: list[_Matrix]
    game: _Game
    warning_signs: list[_Sign] = field(default_factory=list)


@dataclass
class _Compared(_Case):
    gain_over_dense: str


@dataclass
class _Dense:
    worst_cases: list[_Case]


@dataclass
class _WithDense:
    worst_cases: list[_Compared]
    dense: _Dense

    def __post_init__(self) -> None:
        if len(self.worst_cases) != len(self.dense.worst_cases):
            raise ValueError("switch and dense network have other worst cases")


@dataclass
class _Source:
    name: str
    classes: list[str]
    mean: list[float]
    std: list[Annotated[float, Field(gt=0)]]


@dataclass
class _Made:
    title: str
    norm: Literal["linf", "l2"]
    epsilon: str | None


@dataclass
class _Subject:
    file: str


@dataclass
class _Adversarial:
    data: _Source
    attack: _Made
    subject: _Subject


_SHAPES: dict[str, TypeAdapter[Any]] = {
    "run": TypeAdapter(_Run),
    "evaluation": TypeAdapter(_Judgement),
    "transfer": TypeAdapter(_Transfer),
    "switch": TypeAdapter(_Switch),
    "switch with dense": TypeAdapter(_WithDense),
    "adversarial": TypeAdapter(_Adversarial),
}


def check_record(record: dict[str, Any], path: Path) -> None:
    """Raise an error if a record lacks fields that commands read, or has impossible values.

    Raises:
        InputError: If so; the message names the field.
    """
    kind = "run" if "results" in record else str(record.get("kind", "evaluation"))
    if kind not in {"run", "evaluation", "transfer", "switch"}:
        raise InputError(f"{path} is damaged: no record is of kind {kind[:40]!r}")
    _check(kind, record, path)
    if kind == "switch" and "dense" in record:
        _check("switch with dense", record, path)


def all_attacked(record: dict[str, Any]) -> bool:
    """Whether every worst case of a record rests on attacks at its own epsilon.

    For a switch, every member and the set must have been attacked at that epsilon. Records of
    earlier versions have worst cases that only repeat those at a smaller one.
    """
    reports = [record, record["dense"]] if "dense" in record else [record]
    return all(
        _supported(report, case) for report in reports for case in report.get("worst_cases", ())
    )


def _supported(report: dict[str, Any], case: dict[str, Any]) -> bool:
    """Whether a report has the attacks that a worst case needs."""
    inside = [
        row
        for row in report["attacks"]
        if row["norm"] == case["norm"] and row["epsilon"] in (case["epsilon"], None)
    ]
    if "members" not in report:
        return bool(inside)
    sources = {member["name"] for member in report["members"]} | {SET}
    return sources <= {row["source"] for row in inside}


def check_adversarial(facts: dict[str, Any], path: Path) -> None:
    """Raise an error if the metadata of a file of adversarial images is invalid.

    Raises:
        InputError: If so; the message names the field.
    """
    _check("adversarial", facts, path)


def _check(kind: str, value: dict[str, Any], path: Path) -> None:
    try:
        _SHAPES[kind].validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path} is damaged at {where!r}: {first['msg'].lower()}") from None
