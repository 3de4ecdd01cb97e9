"""A scale replaces the paper's networks, data and epsilons, and says so in every name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scratchticket.paper import SCALES, Scale
from scratchticket.paper.parts import CIFAR, PERCENTS
from scratchticket.sweeps.job import START

PAPER, FULL, SMALL, QUICK = (SCALES[name] for name in ("paper", "full", "small", "quick"))
WIDTHS = {"paper": 64, "full": 64, "small": 16, "quick": 16}


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_runs_have_the_network_the_data_and_the_steps_of_the_scale(scale: Scale) -> None:
    ticket = scale.ticket("resnet18", "cifar10", 5, seed=7).recipe
    wide = scale.dense("wideresnet32", "cifar100", 0).recipe
    imagenet = scale.dense("imagenet_resnet50", "imagenet", 0, 4).recipe
    quick, small = scale is QUICK, scale is SMALL

    assert (ticket.task, ticket.ratio, ticket.seed) == ("draw", "0.05", 7)
    assert (ticket.network.name, ticket.network.width) == ("resnet18", WIDTHS[scale.name])
    assert ticket.data.name == ("digits" if quick else "cifar10")
    assert ticket.attack.epsilon == ("0.1" if quick else "8/255")
    assert ticket.attack.gradients == {"full": 1, "small": 3}.get(scale.name, 7)
    epochs = {"paper": 160, "full": 40, "small": 16, "quick": 20}
    assert ticket.learning.epochs == epochs[scale.name]
    assert ticket.learning.batch_size == (256 if scale is PAPER else 64)
    assert ticket.data.train_images == (20_000 if small else None)
    arguments = {"small": (16, 2), "quick": (10, 2)}.get(scale.name)
    assert wide.network.name == ("wide_resnet" if arguments else "wideresnet32")
    if arguments:
        own = wide.network.arguments
        assert (own["depth"], own["widen"]) == arguments
    assert wide.data.classes == ("5,6,7,8,9" if quick else None)
    assert imagenet.network.width == (8 if arguments else 64)
    assert imagenet.attack.name == ("n-fgsm" if scale is FULL else "fgsm-rs")
    assert imagenet.data.size == {"small": 64, "quick": 32}.get(scale.name, 224)


def test_epsilons_are_those_in_place_of_the_papers() -> None:
    levels = (2, 4, 8, 12, 16)
    assert [PAPER.epsilon(level) for level in levels] == [f"{level}/255" for level in levels]
    assert [SMALL.epsilon(level) for level in levels] == [
        *("4/255", "8/255", "8/255", "12/255", "16/255")
    ]
    assert [QUICK.epsilon(level) for level in levels] == ["0.05", "0.1", "0.1", "0.15", "0.2"]


@pytest.mark.parametrize("scale", [SMALL, QUICK], ids=["small", "quick"])
def test_names_say_the_epsilon_that_runs_have(scale: Scale) -> None:
    """What a reader is told is run in place of the paper's is what is run."""
    for level in (2, 4, 8, 12, 16):
        name = f"{level}/255"
        own = scale.epsilon(level)
        assert scale.our_name(name) == (name if own == name else f"epsilon {own}")
    for printed, radius in zip(("0.50", "1.71", "2.00"), scale.l2_radii, strict=True):
        same = float(printed) == float(radius)
        assert scale.our_name(f"l2, {printed}") == f"l2, {printed if same else f'radius {radius}'}"


def test_names_are_replaced_word_by_word() -> None:
    assert QUICK.our_name("wideresnet32 / cifar100") == "WideResNet-10-2 on digits 5-9"
    assert QUICK.our_name("imagenet, 2/255") == "digits, enlarged to 32 pixels, epsilon 0.05"
    assert QUICK.our_name("resnet180 / mine") == "resnet180 / mine"
    assert QUICK.substitutes_in("wideresnet32 / cifar10") == "WideResNet-10-2, digits"
    assert SMALL.substitutes_in("cifar10, 8/255, cifar10") == "20,000 images of CIFAR-10"
    assert SMALL.our_name("resnet18 / svhn") == "resnet18 of width 16 on 20,000 images of SVHN"


def test_sets_and_curves_are_restricted_apart() -> None:
    assert SMALL.restricted((3, 5, 7, 40, 60)) == (5, 40)
    assert SMALL.on_curves(PERCENTS) == (1, 5, 10, 20, 40, 80)
    assert QUICK.restricted((3, 5, 60)) == (3, 5)
    assert QUICK.on_curves(PERCENTS) == (1, 5, 20, 80)
    assert PAPER.restricted((3, 60)) == (3, 60)
    assert PAPER.on_curves(PERCENTS) == PERCENTS
    assert SMALL.reduced_set_label("R2S, 3, 5, 7, 10 %") == "5, 10 %"
    assert SMALL.reduced_set_label("ticket, 7 %") == ""


def test_settings_of_the_user_override_all_others() -> None:
    mine = replace(QUICK, changes={"learning.epochs": 2, "network.width": 4})

    ticket = mine.ticket("resnet18", "cifar10", 5, 0)
    tuned = mine.fine_tuned(ticket, "cifar10", 0, "new")

    assert (ticket.recipe.learning.epochs, ticket.recipe.network.width) == (2, 4)
    assert tuned.recipe.learning.epochs == 2
    assert not any(path.startswith("network.") for path in tuned.settings)  # it has the ticket's
    assert "set by you, overriding the above: learning.epochs=2" in mine.differences


def test_what_is_smaller_begins_with_the_number_of_seeds() -> None:
    assert SMALL.differences[0] == "1 seed instead of 3"
    assert replace(SMALL, seeds=(0, 1)).differences[0] == "2 seeds instead of 3"
    assert replace(SMALL, seeds=(0, 1, 2)).differences == SMALL.reductions
    assert PAPER.differences == ()


def test_a_run_from_another_starts_from_it_with_data_and_seed_of_its_own() -> None:
    dense = PAPER.dense("resnet18", "cifar10", 3, 12, natural=True)
    rtt = PAPER.trained_ticket(dense, "cifar100", 7, 4, 16)
    ticket = PAPER.ticket("resnet18", "cifar10", 7, 3, network__init="xavier_normal")
    tuned = PAPER.fine_tuned(ticket, "cifar10", 3, "new")

    assert (dense.recipe.task, dense.recipe.attack.name) == ("train", "none")
    assert dense.recipe.attack.epsilon == "12/255"  # at which it is evaluated
    assert rtt.needs == {START: dense}
    recipe = rtt.recipe
    assert (recipe.task, recipe.ratio, recipe.data.name) == ("draw", "0.07", "cifar100")
    assert (recipe.seed, recipe.attack.epsilon, recipe.attack.name) == (4, "16/255", "pgd")
    assert (tuned.recipe.task, tuned.recipe.start.weights) == ("train", "new")
    assert ticket.recipe.network.init == "xavier_normal"
    assert dense.label == "dense resnet18, naturally trained, cifar10"
    assert ticket.label == "ticket resnet18 7 %, xavier_normal, cifar10"
    assert tuned.label == f"{ticket.label}, tuned new"
    assert rtt.label == f"RTT 7 % of {dense.label}"


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_networks_are_transferred_from_other_data(scale: Scale) -> None:
    """Digits from the other half of them, but for all ten, which have no other half."""
    for data, source in scale.transfer_source.items():
        own, other = (scale.dense("resnet18", name, 0).recipe.data for name in (data, source))
        assert own != other
        if own.classes is not None:
            assert other.classes is not None
            assert not set(own.classes.split(",")) & set(other.classes.split(","))


def test_every_network_and_data_set_of_the_paper_can_be_named_at_every_scale() -> None:
    for scale in (SMALL, QUICK):
        names = {scale.our_name(f"{network} / {data}") for network, data in CIFAR}
        assert len(names) == len(CIFAR)
        assert not any("/ cifar" in name for name in names)
