"""Every table and figure is a recipe that can be built at every scale, and misses nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import median

import pytest

from scratchticket.base.errors import InputError
from scratchticket.learning import SearchRecipe
from scratchticket.paper import (
    NAMES,
    SCALES,
    paper_recipe,
    published,
    scale_named,
    studies,
)
from scratchticket.paper.cells import EVERY, Cell, Measured
from scratchticket.paper.claims import best, columns, off_diagonal, rows, single_pair
from scratchticket.paper.paper import PARTS
from scratchticket.paper.parts import CIFAR, DENSE_ROW, FEWER, PERCENTS
from scratchticket.paper.recipes import searches
from scratchticket.paper.report import Records
from scratchticket.runs.cost import forward_passes
from scratchticket.runs.recipe import all_settings
from scratchticket.sweeps import in_order
from scratchticket.sweeps.cost import operations

PAPER = SCALES["paper"]
ROOT = Path(__file__).parents[2]
MEASURED = {
    scale: Records.load(ROOT / "records" / f"paper-{scale}.jsonl").by_id
    for scale in ("quick", "small")
}


def cells(name: str, scale: str = "paper") -> list[Cell]:
    return list(paper_recipe(name).cells(SCALES[scale]))


@pytest.mark.parametrize(
    ("name", "scale"),
    [(name, scale) for name in (*NAMES, *studies()) for scale in paper_recipe(name).scales],
)
def test_a_recipe_can_be_built(name: str, scale: str) -> None:
    recipe = paper_recipe(name)

    found = cells(name, scale)

    assert recipe.name == name
    assert recipe.claims
    assert recipe.question.endswith(("?", "ratio.", "CIFAR-100.", "CIFAR-10."))
    assert all(recipe.part(part) for part in PARTS)
    where = [(cell.panel, cell.row, cell.column) for cell in found]
    assert len(set(where)) == len(where) > 0
    assert all(len(cell.jobs) == len(SCALES[scale].seeds) for cell in found)
    jobs = recipe.jobs(SCALES[scale])
    assert jobs == in_order(jobs)
    assert all(job.recipe.id for job in jobs if job.kind == "run")


@pytest.mark.parametrize("scale", MEASURED)
def test_operations_explain_the_time_of_the_jobs_that_were_run(scale: str) -> None:
    sized = replace(SCALES[scale], seeds=(0, 1, 2))
    recipes = [paper_recipe(name) for name in NAMES]
    jobs = in_order([job for recipe in recipes for job in recipe.jobs(sized)])
    rates = [
        MEASURED[scale][job.id]["seconds"] / cost
        for job in jobs
        if job.id in MEASURED[scale] and (cost := operations(job))
    ]

    usual = median(rates)
    near = [rate for rate in rates if usual / 3 < rate < 3 * usual]
    assert len(rates) > 10
    assert len(near) > 0.8 * len(rates)


def test_there_are_all_of_the_paper() -> None:
    assert len(NAMES) == 9 + 14
    with pytest.raises(InputError, match="unknown recipe 'table10'; did you mean 'table1'"):
        paper_recipe("table10")
    with pytest.raises(InputError, match="unknown scale 'papr'; did you mean 'paper'"):
        scale_named("papr")


def test_at_scale_paper_every_setting_is_the_papers() -> None:
    job = cells("figure1")[0].jobs[0]
    recipe = job.recipe

    assert [j.recipe.seed for j in cells("figure1")[0].jobs] == [0, 1, 2]
    assert recipe.network.name == "resnet18"
    assert recipe.network.width == 64
    assert (recipe.attack.name, recipe.attack.epsilon, recipe.attack.gradients) == (
        "pgd",
        "8/255",
        7,
    )
    assert recipe.evaluation.steps == 20
    learning = recipe.learning
    assert (learning.epochs, learning.batch_size, learning.learning_rate) == (160, 256, 0.1)
    assert (learning.schedule, learning.milestones, learning.momentum) == (
        "milestones",
        "0.5,0.75",
        0.9,
    )
    svhn = next(c for c in cells("figure14") if "svhn" in c.panel).jobs[0].recipe
    assert svhn.learning.learning_rate == 0.01
    tickets = [c.jobs[0].recipe for c in cells("table1") if "ticket" in c.row]
    networks = [("imagenet_resnet50", "0.4"), ("imagenet_resnet101", "0.25")]
    assert {(r.network.name, r.ratio, r.attack.epsilon) for r in tickets} == {
        (*network, epsilon) for network, epsilon in product(networks, ["2/255", "4/255"])
    }
    imagenet = tickets[0]
    assert imagenet.attack.name == "fgsm-rs"
    assert (imagenet.learning.epochs, imagenet.learning.schedule) == (100, "cosine")


@pytest.mark.parametrize(
    ("name", "percents"),
    [("figure1", PERCENTS), ("figure2", PERCENTS), ("figure3", PERCENTS), ("figure9", FEWER)],
)
def test_curves_have_every_ratio_of_the_paper(name: str, percents: tuple[int, ...]) -> None:
    lines: dict[tuple[str, str], set[str]] = {}
    for cell in cells(name):
        lines.setdefault((cell.panel, cell.row), set()).add(cell.column)

    assert {f"{network} / {data}" for network, data in CIFAR} & {panel for panel, _ in lines} or (
        name == "figure9"
    )
    wanted = {str(percent) for percent in percents}
    full = [found for found in lines.values() if found != {EVERY}]
    assert all(found in (wanted, {str(p) for p in FEWER}) for found in full)
    assert any(found == wanted for found in full)


EVERY_RATIO = {*range(1, 11), 15, *range(20, 100, 10)}
TEN, NINE = {1, 3, 5, 7, 10, 15, 20, 40, 60, 80}, {3, 5, 7, 10, 15, 20, 30, 40, 60}
RATIOS = {
    "table1": {25, 40},
    "table2": {5, 7, 10, 15, 20},
    "table6": {5, 10, 20, 30, 50, 70},
    "figure4": {100},  # a random network as it is
    **dict.fromkeys(("table4", "table5"), {5, 7, 10, 15, 20, 30}),
    **dict.fromkeys(("table3", "table7", "table8", "table9"), NINE),
    **dict.fromkeys(("figure7", "figure12"), NINE),
    **dict.fromkeys(("figure6", "figure8", "figure9", "figure14"), TEN),
    **dict.fromkeys(
        ("figure1", "figure2", "figure3", "figure5", "figure10", "figure11"), EVERY_RATIO
    ),
    "figure13": {3, 5, 7, 10, 15, 20, 40},
}
EPSILONS = {"table1": {"2/255", "4/255"}, "figure6": {"12/255", "16/255"}}
ATTACKED = {
    "table2": {"0.5", "1.71", "2"},
    **dict.fromkeys(("table4", "table5", "table6"), {"8/255", "12/255"}),
}


@pytest.mark.parametrize("name", NAMES)
def test_ratios_and_epsilons_are_the_papers(name: str) -> None:
    jobs = paper_recipe(name).jobs(PAPER)
    runs = [job.recipe for job in jobs if job.kind == "run"]
    trained = [recipe for recipe in runs if recipe.attack.name != "none"]

    assert {round(100 * float(r.ratio)) for r in runs if r.task == "draw"} == RATIOS[name]
    assert {recipe.attack.epsilon for recipe in trained} == EPSILONS.get(name, {"8/255"})
    if name in ATTACKED:
        judged = [job.settings for job in jobs if job.kind in {"judge", "switch"}]
        told = json.dumps(judged)
        assert all(f'"{epsilon}"' in told for epsilon in ATTACKED[name])


@pytest.mark.parametrize("name", [f"table{n}" for n in range(1, 10)])
def test_every_printed_number_has_its_place(name: str) -> None:
    """Each accuracy of a printed table stands beside one of ours, but for what is not one."""
    shown = sorted({c.published for c in cells(name) if c.published is not None})
    skipped = {"remaining_ratio", "epsilon_255", "candidate_set"}
    printed = set()
    for row in published.table(name).rows:
        for column, value in row.items():
            values = value if isinstance(value, list) and column not in skipped else [value]
            if column not in skipped:
                printed |= {float(v) for v in values if isinstance(v, int | float)}

    assert set(shown) == printed


def test_tables_share_their_jobs() -> None:
    third, eighth = (set(paper_recipe(name).jobs(PAPER)) for name in ("table3", "table8"))
    figure = set(paper_recipe("figure12").jobs(PAPER))

    assert third == eighth
    assert {job for job in third if job.kind == "transfer"} < figure
    assert set(paper_recipe("figure9").jobs(PAPER)) < set(paper_recipe("figure1").jobs(PAPER))


def numbers(*values: float) -> list[Measured]:
    return [Measured(value, 400) for value in values]


def test_pairs() -> None:
    values = {
        ("p", "1 %", "1 %"): numbers(0.1),
        ("p", "1 %", "2 %"): numbers(0.2),
        ("p", "2 %", "2 %"): numbers(0.3),
        ("q", "a", "1"): numbers(0.4),
        ("q", "a", "9"): numbers(0.5),
    }

    values[("q", "b", EVERY)] = numbers(0.6)  # of every column
    assert list(rows("a", "b")(values)) == [
        (numbers(0.4), numbers(0.6)),
        (numbers(0.5), numbers(0.6)),
    ]
    assert list(rows("a", "b", percents=[9])(values)) == [(numbers(0.5), numbers(0.6))]
    assert not list(rows("a", "b", panels="p")(values))
    matrix = {where: found for where, found in values.items() if where[0] == "p"}
    assert list(off_diagonal(matrix)) == [(numbers(0.2), numbers(0.3))]
    assert list(columns("a", (9,), (1, 2))(values))[-2:] == [
        (numbers(0.5), numbers(0.4)),
        (numbers(0.5), []),
    ]


def test_attacks_on_dense_networks_are_compared_on_tickets_alone() -> None:
    columns = ("5 %", "10 %", "dense natural", "dense adversarial")
    values = {("p", "dense natural", column): numbers(0.4) for column in columns}
    values |= {("p", "the ticket itself", column): numbers(0.3) for column in columns}

    (claim, *_) = paper_recipe("table7").claims

    assert claim.judged(values).comparison.pairs == 2


def test_every_difference_that_the_text_has_stands_beside_one_of_ours() -> None:
    known = {
        (section, part)
        for section, facts in published.claims().items()
        for part in facts.keys() - {"what", "doubt", "note"}
    }
    shown = {claim.printed for name in NAMES for claim in paper_recipe(name).claims}
    noted = {s for s, facts in published.claims().items() if facts.get("note") in NAMES}

    assert shown - {None} == {(section, part) for section, part in known if section not in noted}
    assert all(published.claims()[section]["doubt"] for section in noted)
    assert published.difference_text("4.2, ResNet18", "robust") == "-2.08"
    assert published.difference_text("5.1", "range") == "-0.22 to +3.52"
    assert published.difference_text("App. I", "most") == "at most +2.75"


def test_pairs_of_single_numbers_and_of_the_best() -> None:
    values = {
        ("p", "a", "x"): numbers(0.1),
        ("p", "b", "x"): numbers(0.3),
        ("q", "c", "y"): numbers(0.2),
        ("p", "dense", "x"): numbers(0.25),
    }

    assert list(single_pair(("p", "a", "x"), ("q", "c", "y"))(values)) == [
        (numbers(0.1), numbers(0.2))
    ]
    assert list(single_pair(("p", "a", "x"), ("q", "c", "z"))(values)) == [(numbers(0.1), [])]
    assert list(best("p", ["a", "b"], "dense", "x")(values)) == [(numbers(0.3), numbers(0.25))]
    assert not list(best("q", ["a", "b"], "dense", "x")(values))


def test_the_study_of_searches_changes_one_part_at_a_time() -> None:
    runs = {
        cell.row: cell.jobs[0].recipe
        for cell in cells("searches", "small")
        if cell.column == "natural" and cell.panel.endswith("cifar10, 10 %")
    }
    paper, base = runs.pop("paper"), runs.pop("N-FGSM")

    assert base.search == paper.search == SearchRecipe()
    assert (paper.attack.name, base.attack.name) == ("pgd", "n-fgsm")
    assert (paper.learning.epochs, base.learning.epochs) == (16, 10)
    old = all_settings(base.json())
    uncropped = runs.pop(searches.PAPER_UNCROPPED)
    assert replace(uncropped.learning, augmentation="crop-flip") == paper.learning
    long = {runs.pop(row).learning.epochs for row in (searches.AS_LONG, searches.ADAM_AS_LONG)}
    long |= {
        runs.pop(row).learning.epochs
        for row in (searches.NORMALISED_AS_LONG, searches.STRONG_AS_LONG)
    }
    assert long == {28}
    pgd_7 = runs.pop(searches.PGD_7)
    assert str(pgd_7.attack).startswith("pgd-7")
    tenths = [runs.pop(row) for row in (searches.TENTH, searches.STRONG_TENTH)]
    for run, step in zip(tenths, ("sgd", "adam"), strict=True):
        assert (run.search.step, run.learning.epochs) == (step, 5)
        assert 9 < forward_passes(pgd_7) / forward_passes(run) < 11
    dense, alike = runs.pop(DENSE_ROW), runs.pop(searches.DENSE_ALIKE)
    assert {dense.task, alike.task} == {"train"}
    assert dense.learning == paper.learning
    assert alike.learning == replace(runs[searches.LEFT_OUT["Adam"]].learning, batch_size=64)
    strong = runs.pop(searches.STRONG)
    assert all(
        getattr(strong, part) == getattr(runs[searches.WITH_ADAM], part)
        for part in ("search", "pattern", "attack")
    )
    left_out = {
        searches.TOGETHER: ("sgd", 16, "size"),
        searches.WITH_ADAM: ("adam", 16, "size"),
        searches.NORMALISED: ("normalised", 16, "size"),
        searches.NO_BUDGET: ("adam", 16, "uniform"),
        searches.NO_SMALL_BATCHES: ("adam", 64, "size"),
    }
    for row, parts in {
        searches.NORMALISED_UNCROPPED: ("normalised", 16, "size"),
        searches.LEFT_OUT["Adam"]: ("sgd", 16, "size"),
        searches.LEFT_OUT["budget by size"]: ("adam", 16, "uniform"),
        searches.LEFT_OUT["batches of 16"]: ("adam", 64, "size"),
    }.items():
        assert (runs[row].learning.epochs, runs[row].learning.augmentation) == (28, "flip")
        left_out[row] = parts
    for row, parts in left_out.items():
        run = runs.pop(row)
        assert parts == (run.search.step, run.learning.batch_size, run.pattern.budget)
    for row, run in runs.items():
        changed = {
            path for path, value in all_settings(run.json()).items() if value != old.get(path)
        }
        assert 1 <= len(changed) <= 3, row
    assert all(
        cell.jobs[0].recipe.ratio in ("0.1", "0.01")
        for cell in cells("searches")
        if cell.jobs[0].kind == "run" and cell.jobs[0].recipe.task == "draw"
    )
