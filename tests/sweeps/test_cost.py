"""The cost of jobs in operations, against counts by hand."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from scratchticket.attacks import PGD, AutoAttack, Bandits, CarliniWagner, Noise, TargetedAPGD
from scratchticket.data import DataRecipe, Extent, extent, load_data
from scratchticket.networks import register
from scratchticket.sweeps import Job
from scratchticket.sweeps.cost import operations, seconds_per_operation

TRAIN, TEST = 1257, 360  # images of the digits
PGD_20 = {"name": "pgd"}


class Small(nn.Module):
    """A convolution of 3x3 from 1 to 4 channels, then a linear layer from 4 to the classes."""

    def __init__(self, classes: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(image_shape[0], 4, 3, padding=1)
        self.linear = nn.Linear(4, classes)

    def forward(self, images: Any) -> Any:
        return self.linear(self.convolution(images).relu().mean(dim=(2, 3)))


register("small-for-costs", Small)
PER_IMAGE = 9 * 4 * 64 + 4 * 10  # on 8x8 pixels, in ten classes


def run(**changes: object) -> Job:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    own = {"task": "train", "network.name": "small-for-costs", "learning.epochs": 10}
    return Job("run", own | {"learning.validate_every": 10, "evaluation.steps": 2} | named)


def cost(job: Job) -> float:
    known = operations(job)
    assert known is not None
    return known


def judge(*attacks: dict[str, Any], images: int | None = 50) -> Job:
    settings = {"attacks": list(attacks), "images": images, "epsilons": ["0.1"]}
    return Job("judge", settings, {"it": run()})


def several(kind: Any, settings: dict[str, Any], count: int) -> Job:
    needs = {f"{number} %": run(seed=number) for number in range(count)}
    return Job(kind, settings | {"epsilons": ["0.1"], "images": 50}, needs)


def test_a_run_costs_what_it_computes() -> None:
    step = 2 * 3 + 3  # three gradients for the attack, and a step of learning
    validation = 5 * (1 / 9) + 1  # a ninth as many images are held out; and the statistics
    tests = 2 * 5 * TEST  # of the best epoch and the last

    passes = (10 * step + validation) * TRAIN + tests

    assert cost(run(attack__steps=3)) == pytest.approx(passes * PER_IMAGE)


def test_twice_the_epochs_cost_twice() -> None:
    once, twice, thrice = (
        cost(run(learning__epochs=n, learning__validate_every=n // 10)) for n in (10, 20, 30)
    )

    assert thrice - twice == pytest.approx(twice - once)
    free_of_tests = 2 * 5 * TEST * PER_IMAGE + 10 * (5 / 9 + 1) * TRAIN * PER_IMAGE
    assert twice - free_of_tests == pytest.approx(2 * (once - free_of_tests))


def test_an_attack_on_further_tickets_costs_a_gradient_of_each() -> None:
    alone = run(attack__steps=3)
    beside = Job("run", alone.settings, {f"beside {n} %": run(seed=n) for n in (1, 2)})

    assert cost(beside) - cost(alone) == pytest.approx(10 * 2 * 3 * 2 * TRAIN * PER_IMAGE)


def test_a_run_from_another_has_its_network() -> None:
    start = run()
    own = {path: value for path, value in start.settings.items() if path != "network.name"}

    assert cost(Job("run", own, {"start": start})) == cost(start)


def test_an_evaluation_costs_its_attacks_on_all_images() -> None:
    natural, check = 1, 1

    assert cost(judge(PGD_20)) == 50 * (natural + 40 + check) * PER_IMAGE
    assert cost(judge(PGD_20, images=None)) == TEST * (natural + 40 + check) * PER_IMAGE
    steps = [cost(judge(PGD_20 | {"settings": {"steps": n}})) for n in (10, 20, 40)]
    assert steps[2] - steps[1] == 2 * (steps[1] - steps[0]) > 0
    both = cost(judge(PGD_20, {"name": "fgsm"}))
    assert both == 50 * (natural + 40 + check + 2 + check) * PER_IMAGE


def test_passes_of_attacks() -> None:
    assert PGD(10, restarts=3, keep="best").passes == 2 * 10 * 3
    assert TargetedAPGD(10, targets=4).passes == 2 * 10 * 4
    assert CarliniWagner(search_steps=3, steps=10).passes == 2 * 10 * 3
    assert Bandits(500).passes == 500
    assert Noise(7).passes == 7
    standard = 2 * 10 * (1 + 1 + 9 + 9) + 300  # Auto-PGD twice, APGD-T, FAB-T, Square
    assert AutoAttack(steps=10, queries=300).passes == standard
    assert AutoAttack("rand", steps=10, draws=5).passes == 2 * 10 * (1 + 2 * 5)


def test_a_transfer_matrix_costs_every_network_attacked_and_evaluated() -> None:
    def passes(count: int) -> float:
        return cost(several("transfer", {}, count)) / 50 / PER_IMAGE

    attacks = 4 * 40  # PGD-20 in four versions, on each
    assert passes(3) == 3 + 3 * (attacks + 4 * 3)


def test_a_switch_costs_more_with_more_tickets_and_with_the_full_suite() -> None:
    quick, larger = (cost(several("switch", {"suite": "quick"}, n)) for n in (2, 4))
    full = cost(several("switch", {"suite": "full"}, 2))

    assert quick < larger < full
    compared = several("switch", {"suite": "quick"}, 2)
    with_dense = Job("switch", compared.settings, {**compared.needs, "dense": run(seed=9)})
    assert quick < cost(with_dense) < larger


def test_features_cost_two_passes_of_every_network_at_every_epsilon() -> None:
    assert cost(several("features", {}, 3)) == 50 * 3 * 2 * PER_IMAGE


def test_the_extent_of_the_digits_is_that_of_the_loaded_data() -> None:
    assert extent(DataRecipe()) == Extent(TRAIN, TEST, (1, 8, 8), 10)
    recipe = DataRecipe(classes="1,2,3", size=32)
    assert extent(recipe) == Extent.of(load_data(recipe))


def test_the_extent_of_known_data_follows_their_recipe() -> None:
    assert extent(DataRecipe("svhn", validation="0")) == Extent(73_257, 26_032, (3, 32, 32), 10)
    part = DataRecipe("cifar100", train_images=1000, classes="apple,bee", colour="grey", size=16)
    assert extent(part) == Extent(900, 200, (1, 16, 16), 2)
    imagenet = extent(DataRecipe("imagenet"))
    assert imagenet is not None
    assert imagenet.shape == (3, 224, 224)


def test_the_cost_on_data_that_must_be_read_is_not_known() -> None:
    assert operations(run(data__name="/my/photographs")) is None


def test_a_job_that_must_fail_has_no_cost() -> None:
    assert operations(run(data__classes="1,eleven")) is None
    assert operations(judge({"name": "pdg"})) is None


def test_the_speed_of_a_machine_is_measured_on_the_network_of_a_job() -> None:
    assert 0 < seconds_per_operation(judge(PGD_20), threads=1) < 1
