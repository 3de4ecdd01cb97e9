"""Every number of a table or figure is read from the job, and the place, that its names mean."""

from __future__ import annotations

import re
from dataclasses import replace
from statistics import mean

import pytest

from made_records import IMAGES, record_of
from scratchticket.base.record import (
    EvaluationRecord,
    FeaturesRecord,
    RunRecord,
    SwitchRecord,
    TransferRecord,
)
from scratchticket.paper import NAMES, SCALES, paper_recipe
from scratchticket.paper.cells import Cell
from scratchticket.sweeps import Job
from scratchticket.sweeps.job import START

PAPER = SCALES["paper"]
ONE_SEED = replace(PAPER, seeds=(0,))
CURVES = [f"figure{n}" for n in (1, 2, 3, 5, 6, 8, 9, 10, 11, 14)]
TICKET, DENSE = (
    "draw {data} {ratio} pgd {epsilon} {network}",
    "train {data} pgd {epsilon} {network}",
)
RTT = "draw {data} {ratio} pgd {epsilon} of "
STORIES = {
    **dict.fromkeys(("ticket", "ticket, robust", "ticket, natural"), TICKET),
    **dict.fromkeys(("dense", "dense, robust", "dense, natural"), DENSE),
    **dict.fromkeys(("element", "pgd", "signed_kaiming_constant"), TICKET),
    "fine-tuned, inherited": f"train {{data}} pgd {{epsilon}} inherited of {TICKET}",
    "fine-tuned, new": f"train {{data}} pgd {{epsilon}} new of {TICKET}",
    "natural RTT": f"{RTT}train {{data}} none {{epsilon}} {{network}}",
    "adversarial RTT": RTT + DENSE,
    "transferred RTT": f"{RTT}train {{other}} pgd {{epsilon}} {{network}}",
    **{name: f"{TICKET} {name}" for name in ("row", "kernel", "channel")},
    **{name: f"{TICKET} {name}" for name in ("kaiming_normal", "kaiming_uniform", "xavier_normal")},
    **{name: TICKET.replace("pgd", name) for name in ("fgsm", "fgsm-rs")},
}
OTHER = {"cifar100": "cifar10", "svhn": "cifar10", "cifar10": "svhn"}  # Figs. 8 and 14


def cells(name: str) -> list[Cell]:
    return list(paper_recipe(name).cells(ONE_SEED))


def story(job: Job) -> str:
    """Return a run in words, with what it starts from: ``draw cifar10 0.05 pgd 8/255 resnet18``."""
    recipe, start = job.recipe, job.needs.get(START)
    words = [recipe.task, recipe.data.name]
    words += [str(recipe.ratio)] if recipe.task == "draw" else []
    words += [recipe.attack.name, str(recipe.attack.epsilon)]
    if start is None:
        words.append(recipe.network.name)
        usual = ("signed_kaiming_constant", "element")
        own = recipe.network.init, recipe.pattern.granularity
        words += [value for value in own if value not in usual]
    else:
        words += [recipe.start.weights] if recipe.task == "train" else []
        words += ["of", story(start)]
    return " ".join(words)


def ticket(network: str, data: str, percent: float) -> str:
    return f"draw {data} {percent / 100:g} pgd 8/255 {network}"


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_is_of_the_runs_that_panel_row_and_ratio_name(name: str) -> None:
    for cell in cells(name):
        network, data = re.findall(r"(\w+) / (\w+)", cell.panel)[0]
        epsilon = (re.findall(r"\d+/255", cell.panel) or ["8/255"])[0]
        ratio = f"{int(cell.column) / 100:g}" if cell.column else ""
        wanted = STORIES[cell.row].format(
            network=network, data=data, epsilon=epsilon, ratio=ratio, other=OTHER.get(data)
        )

        assert story(cell.jobs[0]) == wanted, (cell.panel, cell.row, cell.column)


@pytest.mark.parametrize("name", [*CURVES, "table1"])
def test_natural_and_robust_accuracy_are_those_of_the_chosen_epoch(name: str) -> None:
    for cell in cells(name):
        record = record_of(cell.jobs[0])
        assert isinstance(record, RunRecord)
        best, last = record.results.best, record.results.last
        natural = name in {"figure9", "figure10", "figure11"}
        natural |= "natural" in {cell.row.split(", ")[-1], cell.column}
        if cell.column.startswith("weights"):
            continue

        for selected, result in (("best", best), ("last", last)):
            number = cell.read(record.model_copy(update={"selected": selected}))
            wanted = result.natural if natural else result.attacks[0]
            assert number[:2] == (wanted.correct / IMAGES, IMAGES), (cell.panel, cell.row)


@pytest.mark.parametrize("name", NAMES)
def test_every_seed_has_runs_of_its_own_from_the_network_to_the_ticket(name: str) -> None:
    """Only the tickets of another random network have another seed: one that no run has."""
    three = replace(PAPER, seeds=(0, 4, 2))
    for cell in paper_recipe(name).cells(three):
        for seed, job in zip(three.seeds, cell.jobs, strict=True):
            runs = {label: run for label, run in job.needs.items() if run.kind == "run"}
            others = {run for label, run in runs.items() if label.endswith("other seed")}
            used = {run for run in job.chain() if run.kind == "run"} - others

            assert {run.recipe.seed for run in used} == {seed}, (cell.panel, cell.row)
            assert {run.recipe.seed for run in others} <= {seed + 1000}


def test_imagenet_has_the_three_networks_of_table_1_at_both_epsilons() -> None:
    wanted = {
        "resnet18, dense": "train imagenet fgsm-rs {} imagenet_resnet18",
        "resnet50, ticket of 40 %": "draw imagenet 0.4 fgsm-rs {} imagenet_resnet50",
        "resnet101, ticket of 25 %": "draw imagenet 0.25 fgsm-rs {} imagenet_resnet101",
    }

    for cell in cells("table1"):
        epsilon = cell.panel.removeprefix("imagenet, ")
        assert story(cell.jobs[0]) == wanted[cell.row].format(epsilon)
        if cell.column.startswith("weights"):
            record = record_of(cell.jobs[0])
            assert cell.read(record) == (record.weights.kept / 1e6, 0, 0)  # type: ignore[union-attr]


ATTACKS = {  # of Tables 2 and 6: what an evaluation calls them
    "l2, 0.50": "pgd-20, l2, 0.5",
    "l2, 1.71": "pgd-20, l2, 1.71",
    "l2, 2.00": "pgd-20, l2, 2",
    "AutoAttack, 8/255": "autoattack, linf, 8/255",
    "AutoAttack, 12/255": "autoattack, linf, 12/255",
    "CW-Inf, 8/255": "margin-pgd-100, linf, 8/255",
    "CW-Inf, 12/255": "margin-pgd-100, linf, 12/255",
    "Bandits, 8/255": "bandits-10000, linf, 8/255",
    "Bandits, 12/255": "bandits-10000, linf, 12/255",
    "CW-L2": "cw-l2-1x100 (learning rate 0.01; constant 0.1), l2",
}


@pytest.mark.parametrize("name", ["table2", "table6"])
def test_more_attacks_are_made_on_the_network_of_the_row_and_read_by_column(name: str) -> None:
    for cell in cells(name):
        job = cell.jobs[0]
        network = cell.panel.split(" / ")[0]
        percent = re.findall(r"ticket, (\d+) %", cell.row)
        dense = f"train cifar10 pgd 8/255 {network}"
        record = record_of(job)
        assert isinstance(record, EvaluationRecord)
        (row,) = [row for row in record.attacks if row.title == ATTACKS[cell.column]]

        assert story(job.needs["subject"]) == (
            ticket(network, "cifar10", int(percent[0])) if percent else dense
        )
        assert cell.read(record) == (row.correct / IMAGES, IMAGES, 0)


SETS = {  # percents of the tickets that an attack is transferred between, by panel or recipe
    "figure13": (3, 5, 7, 10, 15, 20, 40),
    "table9": (3, 5, 7, 10, 15, 20, 40),
    "other": (3, 5, 7, 10, 15, 20, 30, 40, 60),
    "switch": (5, 7, 10, 15, 20, 30),
}


@pytest.mark.parametrize(
    "name", ["figure7", "figure12", "figure13", "table3", "table7", "table8", "table9"]
)
def test_attacks_are_transferred_between_all_tickets_of_one_network(name: str) -> None:
    for cell in cells(name):
        network, data = re.findall(r"(\w+) / (\w+)", cell.panel)[0]
        (job,) = cell.jobs
        if cell.row == "dense" and name != "table7":
            assert story(job) == f"train {data} pgd 8/255 {network}"
            continue
        of_trained = name == "figure13" or (name == "table9" and "random" not in cell.row)
        dense = f"train {data} pgd 8/255 {network}"
        wanted = {
            f"{p} %": f"draw {data} {p / 100:g} pgd 8/255 of {dense}"
            if of_trained
            else ticket(network, data, p)
            for p in SETS[name if of_trained else "other"]
        }
        if (network, data) == ("resnet18", "cifar10") and not of_trained:  # of Table 7
            wanted |= {f"{p} %, other seed": wanted[f"{p} %"] for p in SETS["other"]}
            wanted |= {"dense adversarial": dense, "dense natural": dense.replace("pgd", "none")}

        assert job.kind == "transfer"
        assert {role: story(run) for role, run in job.needs.items()} == wanted


def matrix(record: TransferRecord, title: str) -> dict[str, dict[str, int]]:
    (found,) = [m for m in record.matrices if m.title == title]
    return found.rows


@pytest.mark.parametrize("name", ["figure7", "figure13", "table7"])
def test_a_row_is_the_attacked_network_and_a_column_the_evaluated_one(name: str) -> None:
    """The released protocol stops at the first success; figures show the whole search too."""
    for cell in cells(name):
        record = record_of(cell.jobs[0])
        assert isinstance(record, TransferRecord)
        whole = cell.panel.endswith("to the end")
        source = {
            "same ratio, other seed": f"{cell.column}, other seed",
            "the ticket itself": cell.column,
        }.get(cell.row, cell.row)
        rows = matrix(record, f"pgd-20{' (best)' * whole}, linf, 8/255")

        assert cell.read(record) == (rows[source][cell.column] / IMAGES, IMAGES, 0)


def test_another_seeds_tickets_are_compared_at_the_same_ratio_only() -> None:
    found = {(cell.row, cell.column) for cell in cells("table7")}

    assert ("same ratio, other seed", "3 %") in found
    assert ("the ticket itself", "dense adversarial") in found
    assert ("same ratio, other seed", "dense natural") not in found


@pytest.mark.parametrize("name", ["table3", "table8", "table9"])
def test_r2s_is_the_mean_over_all_pairs_of_its_set_diagonal_included(name: str) -> None:
    for cell in cells(name):
        if cell.row == "dense":
            continue
        record = record_of(cell.jobs[0])
        assert isinstance(record, TransferRecord)
        listed = re.findall(r"R2S, (.*) %", cell.row)[0].split(", ")
        members = [f"{percent} %" for percent in listed]
        rows = matrix(record, "pgd-20, linf, 8/255")
        right = {
            "PGD-20": mean(rows[source][column] for source in members for column in members),
            "natural": mean(record.natural[member] for member in members),
        }

        value, images, _ = cell.read(record)
        assert value == pytest.approx(right[cell.column] / IMAGES)
        assert images == IMAGES


def test_on_a_part_of_the_images_the_dense_network_is_evaluated_on_the_same_part() -> None:
    small = SCALES["small"]
    dense = [c for c in paper_recipe("table3").cells(small) if c.row == "dense"]
    natural, robust = dense[:2]

    (job,) = robust.jobs
    record = record_of(job)
    assert isinstance(record, EvaluationRecord)
    assert job == natural.jobs[0]
    assert job.needs == {"subject": small.dense("resnet18", "cifar10", 0)}
    assert job.settings["images"] == small.matrix_images
    assert (natural.read(record).value, robust.read(record).value) == (
        record.natural.fraction,
        record.attacks[0].fraction,
    )


@pytest.mark.parametrize("name", ["table4", "table5"])
def test_a_switch_is_of_the_set_of_table_3_and_stands_beside_its_dense_network(name: str) -> None:
    for cell in cells(name):
        network, data = cell.panel.split(" / ")
        (job,) = cell.jobs
        wanted = {f"{p} %": ticket(network, data, p) for p in SETS["switch"]}
        wanted["dense"] = f"train {data} pgd 8/255 {network}"

        assert {role: story(run) for role, run in job.needs.items()} == wanted
        assert job.settings["epsilons"] == ["8/255", "12/255"]
        assert job.settings["suite"] == ("full" if data == "cifar10" else "quick")


def test_table_4_reads_the_protocol_and_the_attack_on_the_switch_itself() -> None:
    for cell in cells("table4"):
        record = record_of(cell.jobs[0])
        assert isinstance(record, SwitchRecord)
        assert record.dense is not None
        name, epsilon = cell.column.split(", ")
        title = {"AutoAttack": "autoattack-100", "CW-Inf": "margin-pgd-100"}[
            name
        ] + f", linf, {epsilon}"
        own, dense = (
            next(m.mean for m in report.protocol if m.title == title)
            for report in (record, record.dense)
        )
        wanted = {"dense": dense, "R2S": own}
        for row in record.attacks:
            if row.source == "the switch" and row.title == title:
                assert row.claimed is not None
                wanted["R2S, AutoAttack on the switch, accuracy it reports"] = row.claimed.fraction
                wanted["R2S, AutoAttack on the switch, expected accuracy"] = row.expected

        assert cell.read(record).value == pytest.approx(wanted[cell.row])


def test_table_5_reads_both_adaptive_attacks_and_the_worst_case_at_the_smaller_epsilon() -> None:
    for cell in cells("table5"):
        record = record_of(cell.jobs[0])
        assert isinstance(record, SwitchRecord)
        assert record.dense is not None
        on_set = {row.title: row.expected for row in record.attacks if row.source == "the set"}
        (protocol,) = [m for m in record.dense.protocol if m.title == "pgd-20, linf, 8/255"]
        wanted = {
            "dense, PGD-20": protocol.mean,
            "R2S, EOT": on_set["eot-pgd-20 (last), linf, 8/255"],
            "R2S, Ensemble": on_set["mean-probabilities-pgd-20 (last), linf, 8/255"],
            "dense, worst case": record.dense.worst_cases[0].expected,
            "R2S, worst case": record.worst_cases[0].expected,
            "its best ticket, worst case": record.worst_cases[0].best_member.fraction,
        }

        assert cell.read(record).value == pytest.approx(wanted[cell.row])


def test_figure_4_reads_the_distance_of_each_network_at_each_epsilon() -> None:
    networks = {
        "random": "draw cifar10 1 pgd 8/255 resnet18",
        "naturally trained": "train cifar10 none 8/255 resnet18",
        "adversarially trained": "train cifar10 pgd 8/255 resnet18",
    }
    for cell in cells("figure4"):
        (job,) = cell.jobs
        record = record_of(job)
        assert isinstance(record, FeaturesRecord)

        assert {role: story(run) for role, run in job.needs.items()} == networks
        assert cell.read(record) == (record.distances[cell.row][cell.column], 0, 0)
        learning = job.needs["random"].recipe.learning
        assert (learning.learning_rate, learning.epochs) == (0.0, 1)
