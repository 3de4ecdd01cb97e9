"""The rows of the studies are recipes, and what is said of them follows from their records."""

from __future__ import annotations

from typing import Any

import findings
import pytest
import run_study
from studies import STUDIES

from scratchticket.experiments.recipe import make_recipe


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
        start = settings.get("start.file")
        assert start is None or start in STUDIES[study]
        recipe = make_recipe(settings)
        assert recipe.id not in seen
        seen.add(recipe.id)
        assert label


def test_claims_compare_rows_that_exist() -> None:
    for claim in findings.CLAIMS:
        assert {claim.left, claim.right} <= STUDIES["digits"].keys()
        assert claim.sign in (">", "~")


@pytest.mark.parametrize(
    ("sign", "left", "right", "said"),
    [
        (">", (320, 318, 322), (300, 301, 299), "holds"),
        (">", (300, 301, 299), (320, 318, 322), "does not hold"),
        (">", (320, 318, 299), (300, 301, 310), "cannot be told"),  # the seeds disagree
        (">", (320, 318, 322), (319, 317, 320), "cannot be told"),  # within the noise
        ("~", (320, 318, 322), (319, 317, 330), "holds"),
        ("~", (320, 318, 322), (290, 288, 291), "does not hold"),
        (">", (320,), (300,), "one seed only"),
    ],
)
def test_verdicts(sign: str, left: tuple[int, ...], right: tuple[int, ...], said: str) -> None:
    rows = {
        name: [record(name, seed, robust) for seed, robust in enumerate(values)]
        for name, values in (("a", left), ("b", right))
    }

    line = findings.verdict(findings.Claim("text", "a", sign, "b"), rows)

    assert line.endswith(f"| {said} |")


def test_a_stored_recipe_agrees_if_new_settings_are_at_their_defaults() -> None:
    recipe = make_recipe({"seed": 3, "start.file": "a", "network.width": 16})
    old = recipe.json()
    del old["data"]["train_images"], old["learning"]["warmup"]
    old["start"]["file"] = "elsewhere"

    assert run_study.agrees(old, recipe.json())
    assert not run_study.agrees(old, make_recipe({"seed": 4, "network.width": 16}).json())
    changed = make_recipe({"seed": 3, "network.width": 16, "learning.warmup": 1})
    assert not run_study.agrees(old, changed.json())
