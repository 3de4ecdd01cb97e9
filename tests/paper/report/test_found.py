"""Records become the numbers of cells; what is missing or damaged is no number."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from made_records import found_of, recipe_of, record_of, records_of
from scratchticket.base.errors import InputError
from scratchticket.base.record import Counts, Record, to_json
from scratchticket.paper import NAMES, SCALES, paper_recipe
from scratchticket.paper.cells import Cell, Measured
from scratchticket.paper.claims import Claim, rows
from scratchticket.paper.report import Records, found
from scratchticket.paper.report.found import (
    Filled,
    doubts_about,
    of_paper,
    run_seeds,
    seeds_of_store,
)
from scratchticket.sweeps import Job, Store

ONE, THREE = SCALES["quick"], replace(SCALES["quick"], seeds=(0, 1, 2))
PLACES = [("p", "a", "x"), ("p", "b", "x"), ("q", "a", "x"), ("q", "b", "x")]
HIGHER = Claim("a is higher", ">", rows("a", "b"))


def evaluated(job: Job, fraction: float, images: int = 1000) -> Record:
    natural = Counts(correct=round(fraction * images), total=images, interval=(0, 1))
    return record_of(job).model_copy(update={"natural": natural})


def test_missing_jobs_leave_cells_empty_and_claims_untested() -> None:
    recipe = recipe_of(PLACES, claims=(HIGHER, Claim("b", ">", rows("b", "c"))))
    jobs = recipe.jobs(THREE)
    known = Records({job.id: {"record": evaluated(job, 0.5)} for job in jobs[:6]})  # of panel p

    one = found(recipe, THREE, known)

    assert [len(filled.values) for filled in one.cells] == [3, 3, 0, 0]
    assert (one.done, list(one.panels)) == (2, ["p"])
    assert [judged.verdict for judged in one.claims] == [
        "inconclusive",
        "not tested at this scale",
    ]
    assert one.claims[0].comparison.pairs == 1
    assert list(one.jobs()) == jobs


def test_a_seed_that_is_missing_leaves_the_others_their_seeds() -> None:
    recipe = recipe_of(PLACES[:2], claims=(HIGHER,))
    left, right = (cell.jobs for cell in recipe.cells(THREE))
    accuracies = {left[0]: 0.9, left[2]: 0.6, right[1]: 0.1, right[2]: 0.5}
    known = {job.id: {"record": evaluated(job, a)} for job, a in accuracies.items()}

    one = found(recipe, THREE, Records(known))

    first, second = one.cells
    assert [(v.seed, v.value) for v in first.values] == [(0, 0.9), (2, 0.6)]
    assert [(v.seed, v.value) for v in second.values] == [(1, 0.1), (2, 0.5)]
    assert one.claims[0].comparison.difference == pytest.approx(0.1)  # of seed 2 alone


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (Measured(1.01, 400), "an accuracy outside 0 to 100 %"),
        (Measured(-0.1, 400), "an accuracy outside 0 to 100 %"),
        (Measured(float("nan"), 0), "has no number for p, a, x"),
        (Measured(float("inf"), 0), "has no number for p, a, x"),
        (Measured(0.5, -1), "has no number for p, a, x"),
        (LookupError("no attack"), "has no number for p, a, x"),
        (StopIteration(), "has no number for p, a, x"),
        (ZeroDivisionError(), "has no number for p, a, x"),
        (AttributeError("natural"), "has no number for p, a, x"),
    ],
    ids=str,
)
def test_what_cannot_be_a_number_is_an_error_that_names_job_and_place(
    number: Measured | Exception, said: str
) -> None:
    recipe = recipe_of(PLACES[:1])
    (cell,) = recipe.cells(ONE)
    (job,) = cell.jobs

    def read(record: object) -> Measured:
        if isinstance(number, Exception):
            raise number
        return number

    broken = replace(recipe, cells=lambda scale: iter([replace(cell, read=read)]))
    with pytest.raises(InputError, match=f"record of job {job.id[:16]} .*{said}"):
        found(broken, ONE, Records({job.id: {"record": record_of(job)}}))


def test_numbers_that_are_no_fractions_may_have_any_size() -> None:
    cell = Cell("p", "a", "x", (), lambda record: Measured(7.5, 0))
    filled = Filled(cell, (Measured(7.5, 0), Measured(8.5, 0, 1)))

    assert not filled.fraction
    assert filled.text() == "8.000"
    assert filled.interval() is None


def test_a_cell_shows_mean_and_standard_deviation_over_seeds_in_percent() -> None:
    cell = Cell("p", "a", "x", (), lambda record: Measured(0, 0))
    three = Filled(cell, tuple(Measured(v, 400, s) for s, v in enumerate((0.5, 0.52, 0.57))))
    nothing = Filled(cell, ())

    assert three.mean == pytest.approx(0.53)
    assert three.text() == "53.0 ± 3.6"  # of the sample: 3.61, not 2.94
    assert three.interval() == pytest.approx((48.1, 57.8), abs=0.05)  # of 400 images, not 1200
    assert (nothing.mean, nothing.text(), nothing.interval()) == (None, "–", None)
    assert Filled(cell, three.values[:1]).text() == "50.0"


def test_a_finished_job_is_read_from_its_store_with_its_time_and_name(tmp_path: Path) -> None:
    store, (done, other) = Store(tmp_path), recipe_of(PLACES[:2]).jobs(ONE)
    folder = store.folder(done)
    folder.mkdir()
    said = to_json(evaluated(done, 0.25)) | {"format": 1, "kind": "evaluation"}
    (folder / "record.json").write_text(json.dumps(said))

    read = Records.of(store, [done, other])

    assert read.by_id.keys() == {done.id}
    assert read.by_id[done.id]["job"] == {**done.json(), "label": "p a x"}
    assert read.record(done).natural.fraction == 0.25  # type: ignore[union-attr]
    assert read.record(other) is None


def line(**changes: object) -> str:
    (job,) = recipe_of(PLACES[:1]).jobs(ONE)
    facts = {"id": job.id, "job": job.json(), "seconds": 3.0}
    record = to_json(record_of(job)) | {"kind": "evaluation"}
    return json.dumps(facts | {"record": record} | changes) + "\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "../" + "0" * 61},
        {"id": "0" * 63},
        {"id": "A" * 64},
        {"job": [1]},
        {"seconds": -1},
        {"seconds": 1e11},
        {"seconds": "3"},
        {"record": {"kind": "evaluation"}},
    ],
    ids=str,
)
def test_a_line_that_no_job_has_left_is_refused_by_its_number(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text(line())
    assert len(Records.load(file).by_id) == 1

    file.write_text(line(id="0" * 64) + line(**changes))
    with pytest.raises(InputError, match="line 2 is not a record of a job"):
        Records.load(file)


def test_two_lines_of_one_job_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text(line(id="0" * 64) + line() + line())

    with pytest.raises(InputError, match="line 3 repeats the job of another line"):
        Records.load(file)


def test_seeds_are_those_of_runs_but_not_of_another_network() -> None:
    def job(kind: str, **settings: object) -> dict[str, object]:
        return {"kind": kind, "settings": settings}

    jobs = [job("run", seed=s) for s in (2, 1000, 1002, 999, -1, "3")]
    jobs += [job("run"), job("judge", seed=7)]

    assert run_seeds(jobs) == (0, 2, 999)
    assert Records({str(i): {"job": one} for i, one in enumerate(jobs)}).seeds() == (0, 2, 999)


def test_seeds_of_a_store_are_those_of_finished_jobs(tmp_path: Path) -> None:
    def folder(number: int, job: str, record: bool = True) -> None:
        path = tmp_path / f"{number:016x}"
        path.mkdir()
        (path / "job.json").write_text(job)
        if record:
            (path / "record.json").write_text("{}")

    for number, seed in enumerate((4, 1)):
        folder(number, json.dumps({"kind": "run", "settings": {"seed": seed}}))
    folder(2, json.dumps({"kind": "run", "settings": {"seed": 5}}), record=False)
    for number, damaged in enumerate(("{", "[]", '{"kind": "run"}', '{"settings": 3}'), start=3):
        folder(number, damaged)

    assert seeds_of_store(tmp_path) == (1, 4)


def test_numbers_at_one_place_of_two_panels_are_not_mixed() -> None:
    recipe = recipe_of(PLACES, claims=(HIGHER,))

    one = found_of(recipe, THREE, {PLACES[0]: [0.6] * 3, PLACES[3]: [0.5] * 3})

    assert one.claims[0].verdict == "not tested at this scale"
    assert {name: len(own) for name, own in one.panels.items()} == {"p": 2, "q": 2}


@pytest.mark.parametrize(
    ("name", "doubts"),
    [
        ("table3", ["The printed set ends in 30 %", "the attack stops at its", "Sec. 6.2 gives"]),
        ("table6", ["WideResNet32's ticket of 10 %", "as high as under PGD-20", "Sec. 5.5's 2.80"]),
        ("figure1", ["two drops, 2.08 and 2.43", "Sec. 4.7 prints 51.39"]),
        ("figure7", []),
        ("digits", []),
    ],
)
def test_doubts_stand_with_the_recipe_that_they_are_about(name: str, doubts: list[str]) -> None:
    told = doubts_about(paper_recipe(name))

    assert len(told) == len(doubts)
    assert all(part in doubt for part, doubt in zip(doubts, told, strict=True))


def test_a_report_is_of_the_paper_if_any_recipe_is() -> None:
    study, paper = (found_of(paper_recipe(name), ONE, {}) for name in ("precision", NAMES[0]))

    assert of_paper([study, paper])
    assert not of_paper([study])


def test_records_of_runs_of_another_kind_are_errors_not_numbers() -> None:
    """A switch's cell that is given the record of a run says which job and place."""
    recipe = paper_recipe("table5")
    cell = next(recipe.cells(ONE))
    run = next(job for job in cell.jobs[0].needs.values())
    other = Records({cell.jobs[0].id: {"record": record_of(run)}})

    with pytest.raises(InputError, match="has no number for resnet18 / cifar10, dense, PGD-20"):
        found(recipe, ONE, other)
    assert found(recipe, ONE, records_of([cell.jobs[0]])).done == 6
