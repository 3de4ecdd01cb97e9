"""The rows of the studies are recipes, and what is said of them follows from their records."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import attack_tables
import findings
import pytest
import run_study
from studies import GALLERY, JUDGED, STUDIES

from scratchticket.attacks import PGD, Attack, Bandits, Stage
from scratchticket.attacks.autoattack import STAGES
from scratchticket.data import load_data
from scratchticket.evaluation.suites import PAPER_CW
from scratchticket.paper.comparison import compared
from scratchticket.runs.recipe import make_recipe


def record(label: str, seed: int, robust: int) -> dict[str, Any]:
    """Return what matters here of a record: robust accuracy of 360 images."""
    counts = {"correct": robust, "total": 360}
    result = {"natural": {"correct": 350, "total": 360}, "attacks": [counts | {"title": "pgd"}]}
    return {
        "label": label,
        "recipe": {"seed": seed},
        "selected": "best",
        "results": {"best": result, "last": result},
        "weights": {"kept": 1, "total": 10},
        "bytes": 100,
        "machine": {"threads": 1, "device": "x"},
    }


@pytest.mark.parametrize("study", STUDIES)
def test_every_row_is_a_recipe_and_starts_from_another(study: str) -> None:
    seen: set[str] = set()
    for label, settings in STUDIES[study].items():
        start, beside = settings.get("start.file"), settings.get("beside.files", ())
        assert start is None or start in STUDIES[study]
        assert set(beside) <= STUDIES[study].keys()
        recipe = make_recipe(settings)
        assert recipe.id not in seen
        seen.add(recipe.id)
        assert label


def test_claims_compare_rows_that_exist() -> None:
    for study, claims in findings.CLAIMS.items():
        for claim in claims:
            assert {claim.left, claim.right} <= STUDIES[study].keys()
            assert claim.sign in (">", "~")


@pytest.mark.parametrize(
    ("sign", "left", "right", "said"),
    [
        (">", (320, 318, 322), (290, 291, 289), "holds"),
        (">", (290, 291, 289), (320, 318, 322), "does not hold"),
        (">", (320, 318, 299), (300, 301, 310), "cannot be told"),  # the seeds disagree
        (">", (320, 318, 322), (319, 317, 320), "cannot be told"),  # within the noise
        ("~", (320, 318, 322), (319, 317, 320), "cannot be told"),  # too few images to tell
        ("~", (320, 318, 322), (270, 268, 271), "does not hold"),
        (">", (320,), (200,), "cannot be told"),  # one seed
    ],
)
def test_verdicts(sign: str, left: tuple[int, ...], right: tuple[int, ...], said: str) -> None:
    rows = {
        name: [record(name, seed, robust) for seed, robust in enumerate(values)]
        for name, values in (("a", left), ("b", right))
    }

    line = findings.verdict(findings.Claim("text", "a", sign, "b"), rows)  # type: ignore[arg-type]

    assert line.endswith(f"| {said} |")
    pair = [findings.measured(rows[name]) for name in ("a", "b")]
    assert compared(sign, [(pair[0], pair[1])]).text() in line  # type: ignore[arg-type]


def test_a_stored_recipe_agrees_if_new_settings_are_at_their_defaults() -> None:
    recipe = make_recipe({"seed": 3, "start.file": "a", "network.width": 16})
    old = recipe.json()
    del old["data"]["train_images"], old["learning"]["warmup"]
    old["start"]["file"] = "elsewhere"

    assert run_study.agrees(old, recipe.json())
    assert not run_study.agrees(old, make_recipe({"seed": 4, "network.width": 16}).json())
    changed = make_recipe({"seed": 3, "network.width": 16, "learning.warmup": 1})
    assert not run_study.agrees(old, changed.json())


def attacked(share: float, correct: int) -> dict[str, Any]:
    """Return what matters here of an evaluation's record."""
    methods = (PGD(), PGD(100, loss="margin"), Bandits())
    attacks = [Attack(method, epsilon) for method in methods for epsilon in ("0.1", "0.15")]
    attacks += [Attack(PAPER_CW, None, "l2"), Attack(PGD(), "0.23", "l2")]
    rows = [attack.facts() | {"correct": correct, "total": 360} for attack in attacks]
    whole = {"name": "autoattack", "settings": {name: asdict(Stage(name)) for name in STAGES}}
    rows += [rows[0] | whole, rows[1] | whole]
    counts = {"correct": correct, "total": 360, "interval": [0.5, 0.6]}
    return {
        "subject": {"kept": round(1000 * share), "of": 1000},
        "plan": {"epsilons": ["0.1", "0.15"], "l2 epsilons": ["0.23", "0.787"]},
        "attacks": rows,
        "natural": counts,
        "worst_case": counts | {"attacks": ["a", "b"]},
        "data": {"of": 360},
        "machine": {"threads": 1, "device": "x"},
        "commit": "c",
        "warning_signs": [{"name": "sample size", "text": "360 images"}] if share == 1 else [],
    }


def test_our_accuracies_stand_beside_the_papers() -> None:
    page = attack_tables.attacks([attacked(1.0, 180), attacked(0.1003, 90)])

    assert "| dense | 50.0 | 50.0 | 50.0 | 50.0 to 60.0 | 2 |" in page
    assert "| 10 % | 25.0 *45.30* | 25.0 *40.84* | 25.0 *47.95* | 25.0 *45.05* |" in page
    assert "| 10 % | 25.0 *63.61* | – *44.49* |" in page
    assert "- dense: sample size: 360 images" in page


def test_rows_that_are_judged_or_kept_are_in_their_study() -> None:
    for name, judged in JUDGED.items():
        assert set(judged.rows) | set(GALLERY.get(name, ())) <= STUDIES[name].keys()


def test_a_row_is_judged_once_by_each_attack() -> None:
    data = load_data("digits")
    for judged in JUDGED.values():
        where, attacks = judged.attacks(data)
        titles = [str(attack) for attack in attacks]
        assert len(titles) == len(set(titles))
        square = [a.epsilon for a in attacks if str(a).startswith("square")]
        assert square == list(where.epsilons[: judged.autoattack])
        budgets = {a.method.queries for a in attacks if str(a).startswith("bandits")}  # type: ignore[attr-defined]
        assert budgets == {judged.queries}
