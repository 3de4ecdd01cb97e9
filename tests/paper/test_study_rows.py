"""Every row of a study is the run that its name says, and is read in the column that says what."""

from __future__ import annotations

import re
from functools import cache

import pytest

from made_records import IMAGES, record_of
from scratchticket.base.record import EvaluationRecord, RunRecord, SwitchRecord
from scratchticket.paper import SCALES, paper_recipe, studies
from scratchticket.paper.cells import Cell
from scratchticket.paper.recipes import digits, searches
from scratchticket.runs.cost import forward_passes
from scratchticket.runs.recipe import all_settings
from scratchticket.sweeps import Job
from scratchticket.sweeps.job import START


@cache
def cells(name: str) -> tuple[Cell, ...]:
    recipe = paper_recipe(name)
    return tuple(recipe.cells(SCALES[recipe.scales[-1]]))


@cache
def runs(name: str, panel: str = "") -> dict[str, Job]:
    """Return the run of each row of a study, in the panels whose names end so."""
    found = {c.row: c.jobs[0] for c in cells(name) if c.panel.endswith(panel)}
    return {row: job.needs.get("subject", job) for row, job in found.items()}


def changes(job: Job, base: Job) -> dict[str, object]:
    """Return the settings of a run that another run does not have, but for what it starts from."""
    own, usual = all_settings(job.recipe.json()), all_settings(base.recipe.json())
    starts = ("start.sha256", "beside.sha256")
    return {p: v for p, v in own.items() if v != usual.get(p) and p not in starts}


TRAINED = {"task": "train", "ratio": "1"}
HALVES = ("0,1,2,3,4", "5,6,7,8,9")
UNLEARNED = {"learning.learning_rate": 0.0, "learning.epochs": 1}
WIDER = {"attack.epsilon": "0.15", "attack.step_size": "0.0375"}
ROWS: dict[str, dict[str, object]] = {  # of digits: what differs from the ticket of 10 %
    "ticket, 10 %": {},
    "ticket, 1 %": {"ratio": "0.01"},
    "ticket, 90 %": {"ratio": "0.9"},
    "dense": TRAINED,
    "init kaiming_uniform": {"network.init": "kaiming_uniform"},
    "init signed_xavier_constant": {"network.init": "signed_xavier_constant"},
    "pattern kernel": {"pattern.granularity": "kernel"},
    "pattern 2:4": {"pattern.granularity": "2:4", "ratio": "0.5"},
    "attack fgsm": {"attack.name": "fgsm"},
    "attack fgsm-rs": {"attack.name": "fgsm-rs"},
    "ticket, 10 %, epsilon x 1.5": WIDER,
    "dense, epsilon x 2": TRAINED | {"attack.epsilon": "0.2", "attack.step_size": "0.05"},
    "digits 0-4, ticket": {"data.classes": HALVES[0]},
    "digits 5-9, trained": TRAINED | {"data.classes": HALVES[1]},
    "control: narrow dense": TRAINED | {"network.width": 5},
    "control: random mask": UNLEARNED,
}
STARTS = {  # of digits: what runs start from
    "fine-tuned inherited": "ticket, 10 %",
    "fine-tuned new": "ticket, 10 %",
    "fine-tuned new, epsilon x 2": "ticket, 10 %, epsilon x 2",
    "RTT natural": "dense natural",
    "RTT natural, epsilon x 2": "dense natural",
    "RTT adversarial": "dense",
    "RTT adversarial, epsilon x 1.5": "dense, epsilon x 1.5",
    "digits 0-4, transferred RTT": "digits 5-9, trained",
    "digits 5-9, transferred RTT": "digits 0-4, trained",
    "control: magnitude-pruned": "dense",
    "control: magnitude-pruned, fine-tuned": "control: magnitude-pruned",
}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_on_digits_differs_from_the_ticket_in_what_its_name_says(row: str) -> None:
    own = runs("digits")

    found = changes(own[row], own["ticket, 10 %"])

    found = {path: value for path, value in found.items() if path != "network.arguments"}
    wanted = ROWS[row]
    if "attack.name" in wanted:  # which has no steps
        assert found["attack.name"] == wanted["attack.name"]
        assert all(path.startswith("attack.") for path in found)
    else:
        assert found == wanted
    assert START not in own[row].needs


@pytest.mark.parametrize("row", STARTS)
def test_a_relative_on_digits_starts_from_the_row_that_it_is_a_relative_of(row: str) -> None:
    own = runs("digits")
    job = own[row]

    assert job.needs == {START: own[STARTS[row]]}
    recipe = job.recipe
    assert recipe.task == ("train" if "tuned" in row else "draw")
    if row.startswith("fine-tuned"):
        assert recipe.start.weights == row.partition(",")[0].removeprefix("fine-tuned ")
    if "transferred" in row:
        assert (
            recipe.data.classes == own[row.replace("transferred RTT", "ticket")].recipe.data.classes
        )
    if row == "control: magnitude-pruned":
        assert (recipe.scores, recipe.learning.learning_rate) == ("weights", 0.0)
    assert own["dense natural"].recipe.attack.name == "none"


def test_tickets_on_digits_are_drawn_beside_all_smaller_ones_of_the_set() -> None:
    own = runs("digits")
    names = [f"ticket, {percent} %" for percent in (5, 7, 10, 15, 20, 30)]
    before = [names[0]]
    for name in names[1:]:
        job = own[f"{name}, beside others"]
        assert job.needs == {f"beside {other}": own[other] for other in before}
        assert job.recipe.ratio == own[name].recipe.ratio
        before.append(f"{name}, beside others")


@pytest.mark.parametrize("name", ["digits", "cifar10", "precision"])
def test_columns_of_runs_are_read_as_they_are_named(name: str) -> None:
    for cell in cells(name):
        record = record_of(cell.jobs[0])
        assert isinstance(record, RunRecord)
        wanted = {
            "natural": record.results.best.natural.fraction,
            "PGD-20": record.results.best.attacks[0].fraction,
            "weights kept (10^3)": record.weights.kept / 1000,
            "size (kB)": record.bytes / 1000,
        }
        assert cell.read(record).value == wanted[cell.column], cell.column


def test_variants_of_precision_change_precision_alone() -> None:
    own = runs("precision")
    base = runs("digits")["ticket, 10 %"]

    assert {row: changes(job, base) for row, job in own.items()} == {
        "float32": {},
        "bfloat16": {"learning.precision": "bfloat16"},
        "contiguous float32": {"learning.memory_format": "contiguous"},
        "compiled float32": {"learning.compile": "default"},
        "compiled bfloat16": {"learning.precision": "bfloat16", "learning.compile": "default"},
    }


def test_rows_on_cifar10_are_three_tickets_and_the_dense_network_of_figure_1() -> None:
    figure = paper_recipe("figure1").cells(SCALES["small"])
    known = {(c.row, c.column): c.jobs for c in figure if c.panel == "resnet18 / cifar10"}

    for cell in cells("cifar10"):
        percent = re.sub(r"\D", "", cell.row)
        where = ("ticket, robust", percent) if percent else ("dense, robust", "")
        assert cell.jobs == known[where]


AT_SCALE = {
    "quick": ("0.1", "0.15", ("0.23", "0.787", "0.92")),
    "small": ("8/255", "12/255", ("0.5", "1.71", "2")),
}


@pytest.mark.parametrize("scale", AT_SCALE)
def test_the_study_of_attacks_reads_each_attack_in_its_column(scale: str) -> None:
    near, far, radii = AT_SCALE[scale]
    queries = 10_000 if scale == "quick" else 1000
    titles = {
        "PGD-20, 8/255": f"pgd-20, linf, {near}",
        "AutoAttack, 8/255": f"autoattack, linf, {near}",
        "AutoAttack, 12/255": f"autoattack, linf, {far}",
        "CW-Inf, 8/255": f"margin-pgd-100, linf, {near}",
        "CW-Inf, 12/255": f"margin-pgd-100, linf, {far}",
        "Bandits, 8/255": f"bandits-{queries}, linf, {near}",
        "Bandits, 12/255": f"bandits-{queries}, linf, {far}",
        "CW-L2": "cw-l2-1x100 (learning rate 0.01; constant 0.1), l2",
    }
    printed = dict(zip(("l2, 0.50", "l2, 1.71", "l2, 2.00"), radii, strict=True))
    seen = set()
    for cell in paper_recipe("attacks").cells(SCALES[scale]):
        job = cell.jobs[0]
        record = record_of(job)
        assert isinstance(record, EvaluationRecord)
        if cell.column == "natural":
            wanted = record.natural
        elif cell.column == "worst case, 8/255":
            (wanted,) = [c for c in record.worst_cases if (c.norm, c.epsilon) == ("linf", near)]  # type: ignore[assignment]
        else:
            radius = printed.get(cell.column)
            title = f"pgd-20, l2, {radius}" if radius else titles[cell.column]
            (wanted,) = [row for row in record.attacks if row.title == title]  # type: ignore[assignment]

        assert cell.read(record) == (wanted.correct / IMAGES, IMAGES, 0), cell.column
        recipe = job.needs["subject"].recipe
        percent = re.sub(r"\D", "", cell.row)
        assert recipe.task == ("draw" if percent else "train")
        assert not percent or float(str(recipe.ratio)) == int(percent) / 100
        seen.add(cell.column)
    wide = {"AutoAttack, 12/255"} if scale == "small" else set()
    assert seen == {*titles, *printed, "natural", "worst case, 8/255"} - wide


def test_numbers_of_the_paper_stand_beside_the_same_attack_on_the_same_ticket() -> None:
    numbers = {(c.row, c.column): c.published for c in cells("attacks")}

    assert numbers["dense", "CW-Inf, 8/255"] == 48.99  # Table 6
    assert numbers["ticket, 50 %", "Bandits, 12/255"] == 61.43
    assert numbers["ticket, 5 %", "l2, 1.71"] == 43.81  # Table 2
    assert numbers["ticket, 30 %", "l2, 1.71"] is None
    assert numbers["dense", "PGD-20, 8/255"] is None


def test_tickets_of_a_switch_are_drawn_beside_each_other_or_alone() -> None:
    quick = SCALES["quick"]
    for cell in cells("beside"):
        job = cell.jobs[0]
        record = record_of(job)
        assert isinstance(record, SwitchRecord)
        (eot,) = [r for r in record.attacks if r.title == "eot-pgd-20 (last), linf, 0.1"]
        assert record.worst_case is not None
        wanted = {"EOT": eot.expected, "worst case": record.worst_case.expected}
        assert cell.read(record).value == wanted[cell.column]
        before: dict[str, Job] = {}
        for percent in (5, 7, 10, 15, 20, 30):
            alone = quick.ticket("resnet18", "cifar10", percent, 0)
            member = job.needs[f"{percent} %"]
            assert member.settings == alone.settings
            assert member.needs == ({} if cell.row == "drawn alone" else before)
            before[f"beside {percent} %"] = member
        assert job.needs["dense"] == quick.dense("resnet18", "cifar10", 0)


def test_names_of_cheaper_searches_say_their_settings() -> None:
    """Attack, epochs, learning rate, batch size and warm-up of each row, in its own words."""
    for name in ("fewer-steps", "fewer-steps-cifar10"):
        for cell in cells(name):
            if cell.column != "PGD-20":
                continue
            recipe = cell.jobs[0].recipe
            attack, epochs, *more = cell.row.split(", ")
            words = {re.sub(r" [\d.]+$", "", word): float(word.split()[-1]) for word in more}
            assert recipe.learning.epochs == int(epochs.removesuffix(" epochs"))
            assert recipe.attack.gradients == (1 if attack == "FGSM-RS" else int(attack[4:]))
            assert recipe.attack.name == ("fgsm-rs" if attack == "FGSM-RS" else "pgd")
            assert recipe.learning.learning_rate == words.get("rate", 0.1)
            assert recipe.learning.batch_size == words.get("batches of", 64)
            assert recipe.learning.warmup == words.get("warm-up of", 0)
            assert recipe.ratio == "0.1"


@pytest.mark.parametrize("name", ["fewer-steps", "fewer-steps-cifar10"])
def test_cheaper_searches_are_cheaper(name: str) -> None:
    costs: dict[str, list[float]] = {}
    for cell in cells(name):
        record = record_of(cell.jobs[0])
        if cell.column == "forward passes":
            assert isinstance(record, RunRecord)
            number = cell.read(record)
            assert number == (forward_passes(cell.jobs[0].recipe), 0, 0)
            costs.setdefault(cell.panel, []).append(number.value)
        elif cell.column == "worst case":
            assert isinstance(record, EvaluationRecord)
            assert cell.read(record).value == record.worst_cases[0].fraction

    for first, *others in costs.values():
        assert max(others) <= first * 1.05
        assert min(others) < first / 5


def test_the_fast_preset_is_among_the_cheaper_searches() -> None:
    short = [c.text for c in paper_recipe("fewer-steps").claims if c.short]

    assert short == [
        "PGD-7, 40 epochs, is no more robust than FGSM-RS, 30 epochs, batches of 32 "
        "(digits, 40 epochs)",
        "PGD-7, 20 epochs, is no more robust than FGSM-RS, 15 epochs, batches of 32 "
        "(digits, the defaults)",
    ]


def test_columns_of_searches_are_read_as_they_are_named() -> None:
    for cell in cells("searches"):
        record = record_of(cell.jobs[0])
        percent = cell.panel.split(", ")[-1]
        run = cell.jobs[0].needs.get("subject", cell.jobs[0])
        kept = 1 if "dense" in cell.row else {"10 %": 0.1, "1 %": 0.01}[percent]
        assert float(str(run.recipe.ratio)) == kept
        if cell.column == searches.APGD_WORST:
            assert isinstance(record, EvaluationRecord)
            assert cell.read(record).value == record.worst_cases[0].fraction
            continue
        if isinstance(record, EvaluationRecord):
            assert (cell.column, record.attacks[0].title) == (
                "margin-PGD-20",
                "margin-pgd-20, linf, 0.1",
            )
            assert cell.read(record).value == record.attacks[0].fraction
            continue
        assert isinstance(record, RunRecord)
        wanted = {
            "natural": record.results.best.natural.fraction,
            "PGD-20": record.results.best.attacks[0].fraction,
            "forward passes": forward_passes(run.recipe),
        }
        assert cell.read(record).value == wanted[cell.column]


@pytest.mark.parametrize("scale", SCALES)
def test_the_long_search_costs_what_the_papers_does(scale: str) -> None:
    own = searches.searches(SCALES[scale])

    long, paper, base = (
        forward_passes(searches.ticket(SCALES[scale], own[row], 10, 0).recipe)
        for row in (searches.AS_LONG, searches.PAPER, searches.BASE)
    )

    assert long == pytest.approx(paper, rel=0.05)
    assert base == paper if scale == "full" else base < paper  # there the paper's has N-FGSM too


def test_a_budget_by_size_has_the_power_that_belongs_to_the_ratio() -> None:
    for percent, power in ((10, "0.5"), (1, "0.2")):
        row = runs("searches", f", {percent} %")["budget by size"]
        assert (row.recipe.pattern.budget, row.recipe.pattern.power) == ("size", power)


def test_studies_have_the_seeds_of_their_scale() -> None:
    for name in studies():
        for cell in cells(name):
            used = {
                run.recipe.seed for job in cell.jobs for run in job.chain() if run.kind == "run"
            }
            assert used == {0}, (name, cell.row)
    assert digits.study()["dense"]["learning.epochs"] == 40
