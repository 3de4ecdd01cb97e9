"""Studies beyond the paper: their rows are jobs, and their kept records are theirs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scratchticket.base.errors import InputError
from scratchticket.evaluation import balls, named, suite
from scratchticket.executors import Sweep
from scratchticket.paper import SCALES, paper_recipe, studies
from scratchticket.paper.cells import Measured
from scratchticket.paper.report import Records
from scratchticket.paper.study import DRAW, TRAIN, Rows, attack_settings, job_of
from scratchticket.sweeps.job import START
from scratchticket.sweeps.perform import balls_of_entry

QUICK = SCALES["quick"]
RECORDS = Path(__file__).parents[2] / "records"
KEPT = [
    (name, scale, RECORDS / f"{name}-{scale}.jsonl")
    for name in studies()
    for scale in SCALES
    if (RECORDS / f"{name}-{scale}.jsonl").exists()
]
KEPT.append(("beside", "quick", RECORDS / "paper-quick-beside.jsonl"))  # pages read it with others


def test_there_are_records_of_studies() -> None:
    assert {"digits", "attacks", "fewer-steps", "precision"} <= {name for name, *_ in KEPT}


@pytest.mark.parametrize(("name", "scale", "file"), KEPT, ids=[f.stem for *_, f in KEPT])
def test_every_kept_record_is_of_a_job_of_its_study(name: str, scale: str, file: Path) -> None:
    kept = Records.load(file)
    jobs = paper_recipe(name).jobs(replace(SCALES[scale], seeds=kept.seeds()))

    assert kept.by_id.keys() <= {job.id for job in jobs}


@pytest.mark.parametrize("name", studies())
def test_every_claim_compares_numbers_that_the_study_has(name: str) -> None:
    recipe = paper_recipe(name)
    values = {
        (cell.panel, cell.row, cell.column): [Measured(0.5, 100)]
        for scale in recipe.scales
        for cell in recipe.cells(SCALES[scale])
    }

    for claim in recipe.claims:
        pairs = list(claim.pairs(values))
        assert pairs
        assert all(left and right for left, right in pairs), claim.text


def test_a_row_may_start_from_another_and_be_drawn_beside_others() -> None:
    rows: Rows = {
        "dense": {"network.width": 4} | TRAIN,
        "ticket": {"network.width": 4, "start.file": "dense"} | DRAW,
        "second": {"network.width": 4, "beside.files": ("dense",)} | DRAW,
    }

    dense, ticket, second = (job_of(QUICK, rows, name, 3) for name in rows)

    assert dense.recipe.seed == 3
    assert ticket.needs == {START: dense}
    assert second.needs == {"beside dense": dense}
    assert ticket != replace(ticket, needs={START: job_of(QUICK, rows, "dense", 4)})
    mine = replace(QUICK, changes={"learning.epochs": 2})
    assert job_of(mine, rows, "dense", 3).recipe.learning.epochs == 2


def test_a_judgement_is_by_the_attacks_that_were_given() -> None:
    where = balls("0.1", "linf", (1, 8, 8), epsilons=("0.1", "0.15"))
    attacks = {str(a): a for name in ("quick", "paper") for a in suite(name, where, 10)}  # type: ignore[arg-type]

    settings = attack_settings(tuple(attacks.values()), where.epsilons, where.l2, images=5)

    assert settings["images"] == 5
    again = [
        attack
        for entry in settings["attacks"]
        for attack in named(
            entry["name"], balls_of_entry(where, entry), 10, entry.get("settings", {})
        )
    ]
    assert [str(attack) for attack in again] == list(attacks)


def test_a_study_is_refused_at_a_scale_that_it_lacks() -> None:
    said = "digits has no scale paper, only quick"
    with pytest.raises(InputError, match=said):
        Sweep(("digits",), "paper", "store")
