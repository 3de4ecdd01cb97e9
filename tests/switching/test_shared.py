"""A shared network is each of its tickets, to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import scratchticket as st
from scratchticket.base.errors import InputError
from scratchticket.data import pixels
from scratchticket.networks import maskable
from scratchticket.switching import SharedNetwork
from scratchticket.tickets import load_tickets

KNOWN = Path(__file__).parents[1] / "tickets" / "known"


def test_switching_in_place_is_building_the_ticket(digits: st.Data) -> None:
    tickets = load_tickets(KNOWN / "two_tasks.safetensors")  # ten classes, and five
    shared, images = SharedNetwork(tickets), pixels(digits.test.images[:7])

    module = shared.switch(0)
    for index in (1, 0, 0, 1):
        assert shared.switch(index) is module
        assert shared.active == index
        built = tickets[index].build()
        assert torch.equal(module(images), built(images))
        for name, weight in maskable(module).items():
            assert torch.equal(weight, maskable(built)[name])
            assert not torch.signbit(weight[~tickets[index].mask[name]]).any()


@pytest.mark.parametrize("kind", ["kernel", "channel", "two_of_four", "global"])
def test_every_pattern_can_be_shared(kind: str, digits: st.Data) -> None:
    tickets = load_tickets(KNOWN / f"{kind}.safetensors")
    images = pixels(digits.test.images[:3])

    assert torch.equal(SharedNetwork(tickets).switch(0)(images), tickets[0].build()(images))


def test_another_ticket_costs_a_bit_per_weight_and_its_statistics() -> None:
    (ticket,) = load_tickets(KNOWN / "element.safetensors")
    one, four = (SharedNetwork([ticket] * count).memory() for count in (1, 4))

    assert one["weights"] == four["weights"] <= ticket.mask.total / 8 + len(ticket.mask)
    assert four["tickets"] == 4 * one["tickets"]
    statistics = 4 * sum(value.numel() for value in ticket.statistics.values())
    assert one["tickets"] - statistics <= ticket.mask.total / 8 + 2 * len(ticket.mask) + 8


def test_tickets_that_cannot_share_weights_are_refused() -> None:
    (element,) = load_tickets(KNOWN / "element.safetensors")
    (kernel,) = load_tickets(KNOWN / "kernel.safetensors")
    (dense,) = load_tickets(KNOWN / "dense.safetensors")

    with pytest.raises(InputError, match="different networks"):
        SharedNetwork([element, kernel])
    with pytest.raises(InputError, match="different networks"):
        SharedNetwork([element, dense])
    with pytest.raises(InputError, match="at least one"):
        SharedNetwork([])
    with pytest.raises(InputError, match="no ticket 1; there are 1"):
        SharedNetwork([element]).switch(1)


def perceptron(*, classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
    pixels = image_shape[0] * image_shape[1] * image_shape[2]
    return nn.Sequential(
        nn.Flatten(), nn.Linear(pixels, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, classes)
    )


def test_biases_and_normalisation_are_switched_too(few_digits: st.Data) -> None:
    small = {p: getattr(few_digits, p) for p in ("train", "validation", "test")}
    parts = {name: images[images.labels < 5] for name, images in small.items()}
    low = replace(few_digits, classes=tuple("01234"), mean=(0.3,), std=(0.5,), **parts)
    quick = {
        "attack": st.AttackRecipe("none"),
        "learning": st.LearningRecipe(epochs=1, batch_size=64),
    }
    tickets = [st.draw_ticket(data, perceptron, **quick) for data in (few_digits, low)]  # type: ignore[arg-type]
    shared, images = SharedNetwork(tickets), pixels(few_digits.test.images[:5])

    for index in (1, 0, 1):
        expected = tickets[index].build()(images)
        assert torch.equal(shared.switch(index)(images), expected)


def test_networks_that_differ_in_more_than_their_layers_are_refused(few_digits: st.Data) -> None:
    def activated(
        *, classes: int, image_shape: tuple[int, int, int], tanh: bool = False
    ) -> nn.Module:
        first, last = nn.Linear(64, 8), nn.Linear(8, classes)
        return nn.Sequential(nn.Flatten(), first, nn.Tanh() if tanh else nn.ReLU(), last)

    st.networks.register("activated", activated)
    learning = st.LearningRecipe(epochs=1, batch_size=256)
    tickets = [
        st.draw_ticket(
            few_digits,
            st.NetworkRecipe("activated", arguments={"tanh": tanh}),
            attack=st.AttackRecipe("none"),
            learning=learning,
        )
        for tanh in (False, True)
    ]

    with pytest.raises(InputError, match="different networks: the recipe differs"):
        SharedNetwork(tickets)
