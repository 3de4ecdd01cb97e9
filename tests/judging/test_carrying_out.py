"""Evaluations in folders: resumed, shared, refused, and their records the same however made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from linear_networks import known_data, known_images, right_under, subject

from scratchticket.attacks import PGD, Attack
from scratchticket.base.errors import Busy, InputError, OtherEvaluation, Unwritable
from scratchticket.base.record import EvaluationRecord, SwitchRecord, to_json
from scratchticket.evaluation import Journal, Shard, balls
from scratchticket.judging.evaluation import EvaluationTask, evaluation_task
from scratchticket.judging.task import all_attacked, carry_out
from scratchticket.runs.deterministic import deterministic

EPSILONS = ("0.01", "0.02")
PIECES = 3 * (2 + len(EPSILONS))  # batches of 16; natural accuracy, gradients, attacks


def task(**more: Any) -> EvaluationTask:
    """Return an evaluation of the linear network on 40 images under PGD-20 in two balls."""
    asked = {"epsilons": EPSILONS, "batch_size": 16} | more
    return evaluation_task(subject(), known_data(), **asked)


def facts(record: EvaluationRecord | None) -> Any:
    """Return a record without the times."""
    assert record is not None
    text = json.dumps(to_json(record) | {"finished": None})
    return json.loads(text, object_hook=lambda d: {k: v for k, v in d.items() if k != "seconds"})


@pytest.fixture(scope="module")
def whole() -> Any:
    return facts(carry_out(task()))


def stopped(folder: Path, after: int, **more: Any) -> None:
    """Carry out an evaluation that dies after some pieces."""

    class Killed(Exception):
        pass

    def die(name: str, done: int, total: int) -> None:
        if done == after:
            raise Killed

    with pytest.raises(Killed):
        carry_out(task(**more), folder=folder, progress=die)


def test_a_record_says_what_was_found_how_and_where(tmp_path: Path, whole: Any) -> None:
    record = carry_out(task(), folder=tmp_path)

    assert record is not None
    files = {"record.json", "journal.jsonl", "accuracy.svg"}
    assert {file.name for file in tmp_path.iterdir()} == files
    assert json.loads((tmp_path / "record.json").read_text()) == to_json(record)
    assert facts(record) == whole
    robust = [int(right_under(known_images(), float(e)).sum()) for e in EPSILONS]
    assert 0 < robust[1] < robust[0] < record.natural.correct == 40
    assert [row.correct for row in record.attacks] == robust
    assert [(case.epsilon, case.correct) for case in record.worst_cases] == [
        (epsilon, left) for epsilon, left in zip(EPSILONS, robust, strict=True)
    ]
    assert record.subject == {"file": "linear.pt"}
    assert record.data == {"name": "known", "part": "test", "of": 40}
    assert record.plan == json.loads(json.dumps(task().plan()))
    assert record.machine["threads"] == 1
    assert record.versions["torch"] == torch.__version__
    assert (tmp_path / "accuracy.svg").read_text().startswith("<?xml")


def test_the_worst_case_takes_from_each_image_what_any_attack_took() -> None:
    """Auto-PGD with one step, and PGD that hardly moves but for its random start."""
    images, where = known_images(), balls("0.02", "linf", (1, 8, 8), epsilons=("0.02",))
    weak = [Attack(PGD(1, step_size=size), "0.02") for size in ("0.004", "0.02")]
    half = images.labelled(torch.where(torch.arange(40) < 20, images.labels, 1 - images.labels))

    judged = EvaluationTask(subject(), half, {}, weak, where)
    works = judged.works("cpu")
    works[0].run(journal := Journal({}))
    record, result = judged.report(works, journal, lambda *_: None), works[0].result(journal)

    assert result is not None
    left = result.right & ~result.outcomes[0].fooled & ~result.outcomes[1].fooled
    assert record.natural.correct == 20
    assert record.worst_case is not None
    assert record.worst_case.correct == int(left.sum())
    assert record.worst_case.attacks == tuple(map(str, weak))


@pytest.mark.parametrize("after", [1, 5, PIECES])
def test_a_killed_evaluation_goes_on_to_the_same_record(
    tmp_path: Path, after: int, whole: Any
) -> None:
    stopped(tmp_path, after)
    assert not (tmp_path / "record.json").exists()
    before = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert len(before) == 1 + after

    record = carry_out(task(), folder=tmp_path)

    assert facts(record) == whole
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert lines[: len(before)] == before
    assert len(lines) == 1 + PIECES


def test_a_finished_evaluation_is_not_made_again(tmp_path: Path) -> None:
    first = carry_out(task(), folder=tmp_path)
    (tmp_path / "journal.jsonl").unlink()

    def never(name: str, done: int, total: int) -> None:
        raise AssertionError("it began again")

    second = carry_out(task(), folder=tmp_path, progress=never)

    assert second == first


@pytest.mark.parametrize(
    "more", [{"seed": 1}, {"epsilons": ("0.03",)}, {"count": 39}, {"batch_size": 8}]
)
def test_a_folder_with_an_evaluation_of_other_settings_is_left_as_it_is(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    stopped(tmp_path, 2)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}

    with pytest.raises(
        OtherEvaluation, match="journal.jsonl belongs to another .*use --overwrite or"
    ):
        carry_out(task(**more), folder=tmp_path)

    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_overwriting_removes_all_that_an_earlier_evaluation_left(
    tmp_path: Path, whole: Any
) -> None:
    for index in (1, 2):
        carry_out(task(seed=1), folder=tmp_path, shard=Shard(index, 2))
    assert (tmp_path / "record.json").exists()
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="--overwrite would remove the results of other shards"):
        carry_out(task(), folder=tmp_path, shard=Shard(1, 2), overwrite=True)

    record = carry_out(task(), folder=tmp_path, overwrite=True)

    assert facts(record) == whole
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"record.json", "journal.jsonl", "accuracy.svg", "notes.txt"}


def test_a_mistake_is_told_before_files_change(tmp_path: Path) -> None:
    carry_out(task(), folder=tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}

    with pytest.raises(InputError, match="batch size must be at least 1"):
        carry_out(task(batch_size=-1), folder=tmp_path, overwrite=True)

    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_shares_give_the_record_of_the_whole(tmp_path: Path, whole: Any) -> None:
    found = [carry_out(task(), folder=tmp_path, shard=Shard(i, 3)) for i in (2, 3, 1)]

    assert found[:2] == [None, None]
    assert facts(found[2]) == whole
    names = {f"journal-{i}-of-3.jsonl" for i in (1, 2, 3)}
    assert {file.name for file in tmp_path.glob("journal*")} == names
    assert facts(carry_out(task(), folder=tmp_path, shard=Shard(2, 3))) == whole


def test_a_share_sees_what_others_did_meanwhile(tmp_path: Path, whole: Any) -> None:
    others = []

    def meanwhile(name: str, done: int, total: int) -> None:
        if done == 1:
            others.append(carry_out(task(), folder=tmp_path, shard=Shard(2, 2)))

    record = carry_out(task(), folder=tmp_path, shard=Shard(1, 2), progress=meanwhile)

    assert others == [None]
    assert facts(record) == whole


def test_a_folder_at_work_is_left_to_its_process(tmp_path: Path) -> None:
    stopped(tmp_path, 1)
    held = Journal(task().plan(), tmp_path / "journal.jsonl")

    with pytest.raises(Busy, match="another process is writing .*wait until it has ended$"):
        carry_out(task(), folder=tmp_path)

    held.close()
    assert carry_out(task(), folder=tmp_path) is not None


def test_a_folder_that_is_none_or_a_runs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text("{}")

    with pytest.raises(Unwritable, match="cannot use folder"):
        carry_out(task(), folder=tmp_path / "file")
    with pytest.raises(InputError, match="run holds a draw or a training; choose another --out"):
        carry_out(task(), folder=tmp_path / "run", overwrite=True)

    assert [file.name for file in (tmp_path / "run").iterdir()] == ["recipe.json"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("journal.jsonl", "words\n", "journal.jsonl is damaged: .*; use --overwrite or another"),
        ("journal-1-of-2.jsonl", "[]\n", "journal-1-of-2.jsonl is damaged: .*; use --overwrite"),
        ("record.json", "{", "record.json is damaged: not JSON"),
    ],
)
def test_a_damaged_file_is_told_by_its_name(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content)

    for _ in range(2):  # nobody holds the folder after the first
        with pytest.raises(InputError, match=message):
            carry_out(task(), folder=tmp_path)


def test_a_finding_that_does_not_fit_is_damage(tmp_path: Path) -> None:
    stopped(tmp_path, 1)
    journal = tmp_path / "journal.jsonl"
    plan, natural = journal.read_text().splitlines()
    shorter = json.loads(natural)
    shorter["marks"] = shorter["marks"][1:]
    journal.write_text(f"{plan}\n{json.dumps(shorter)}\n")

    with pytest.raises(InputError, match="journal.jsonl is damaged: its entry for natural, ba"):
        carry_out(task(), folder=tmp_path)


def test_a_record_of_another_plan_or_with_a_worst_case_of_no_attack_is_made_again(
    tmp_path: Path, whole: Any
) -> None:
    carry_out(task(), folder=tmp_path)
    file = tmp_path / "record.json"
    right = json.loads(file.read_text())
    repeated = right["worst_cases"][0] | {"epsilon": "0.005"}

    for wrong in (
        {**right, "plan": right["plan"] | {"seed": 1}},
        {**right, "worst_cases": [repeated]},
    ):
        file.write_text(json.dumps(wrong))
        assert facts(carry_out(task(), folder=tmp_path)) == whole
        assert facts(EvaluationRecord(**json.loads(file.read_text()))) == whole


def test_pieces_found_with_deterministic_algorithms_are_not_mixed_with_others(
    tmp_path: Path,
) -> None:
    with deterministic(True):
        record = carry_out(task(), folder=tmp_path)

    assert record is not None
    assert record.plan["deterministic"] is record.machine["deterministic"] is True
    with pytest.raises(OtherEvaluation):
        carry_out(task(), folder=tmp_path)


def row(epsilon: str | None, norm: str = "linf", **more: Any) -> dict[str, Any]:
    return {"title": "", "name": "pgd", "norm": norm, "epsilon": epsilon} | more


COUNTS = {"correct": 1, "total": 2, "interval": (0.1, 0.9)}


@pytest.mark.parametrize(
    ("attacks", "supported"),
    [
        ([row("0.1")], True),
        ([row("0.05"), row("0.2")], False),
        ([row("0.1", "l2")], False),
        ([row(None)], True),
        ([row(None, "l2")], False),
    ],
)
def test_a_worst_case_rests_on_an_attack_in_its_very_ball(
    attacks: list[dict[str, Any]], supported: bool
) -> None:
    case = {"norm": "linf", "epsilon": "0.1"} | COUNTS
    record = EvaluationRecord(
        natural=COUNTS, attacks=[one | COUNTS for one in attacks], worst_cases=[case],
        warning_signs=[],
    )  # fmt: skip

    assert all_attacked(record) == supported


@pytest.mark.parametrize(
    ("missing", "dense", "supported"),
    [(None, None, True), ("a", None, False), ("the set", None, False), (None, "dense", False)],
)
def test_a_worst_case_of_a_switch_rests_on_attacks_on_each_member_and_the_set(
    missing: str | None, dense: str | None, supported: bool
) -> None:
    expected = {"expected": 0.5, "total": 2, "interval": (0.1, 0.9), "all_right": COUNTS}
    expected |= {"each": {}}
    case = {"norm": "linf", "epsilon": "0.1", "tries": {}, "bound": 0.5, "gain": "", "strikes": 1}
    case |= {"best_member": {"name": "a"} | COUNTS, "gain_over_dense": "", **expected}

    def report(members: tuple[str, ...], left_out: str | None) -> dict[str, Any]:
        sources = [name for name in (*members, "the set") if name != left_out]
        rows = [row("0.1", source=name, seconds=0, **expected) for name in sources]
        return {
            "members": [{"name": name, "probability": 0.5} for name in members],
            "natural": expected,
            "attacks": [*rows, row("0.05", source=left_out or "a", seconds=0, **expected)],
            "protocol": [],
            "worst_cases": [case],
        }

    game = {"epsilon": "0.1", "probabilities": (1,), "value": 1, "rounds": [], "answered": False}
    record = SwitchRecord(**report(("a", "b"), missing), game=game, dense=report(("dense",), dense))

    assert all_attacked(record) == supported
