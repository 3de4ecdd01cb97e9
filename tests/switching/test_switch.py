"""A random switch answers as its tickets do, and nobody can foresee which."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import scratchticket as st
from scratchticket.attacks.autoattack import flags
from scratchticket.base.errors import InputError
from scratchticket.data import pixels
from scratchticket.masks import Mask
from scratchticket.switching import RandomSwitch
from scratchticket.tickets import load_tickets

KNOWN = Path(__file__).parents[1] / "tickets" / "known"
MODES = ("resident", "packed")


def other(ticket: st.Ticket, seed: int) -> st.Ticket:
    """Return a ticket of the same network with other weights kept."""
    draws = torch.Generator().manual_seed(seed)
    mask = {name: torch.rand(m.shape, generator=draws) < 0.4 for name, m in ticket.mask.items()}
    return replace(ticket, mask=Mask(mask), score_seed=None)


@pytest.fixture(scope="module")
def tickets() -> list[st.Ticket]:
    (ticket,) = load_tickets(KNOWN / "element.safetensors")
    return [ticket, other(ticket, 1), other(ticket, 2)]


@pytest.fixture(scope="module")
def images(digits: st.Data) -> torch.Tensor:
    return pixels(digits.test.images[:60])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("per", ["image", "batch"])
def test_every_answer_is_that_of_the_ticket_drawn(
    mode: str, per: str, tickets: list[st.Ticket], images: torch.Tensor
) -> None:
    switch = RandomSwitch(tickets, mode=mode, per=per, seed=3)  # type: ignore[arg-type]
    foreseen = RandomSwitch(tickets, seed=3).draw(len(images) if per == "image" else 1)

    answers = switch(images)

    alone = torch.stack([ticket.build()(images) for ticket in tickets])
    expected = alone[foreseen.expand(len(images)), torch.arange(len(images))]
    torch.testing.assert_close(answers, expected, rtol=0, atol=1e-5)
    assert len(foreseen.unique()) > 1 or per == "batch"


def test_draws_are_as_likely_as_asked_for(tickets: list[st.Ticket]) -> None:
    switch = RandomSwitch(tickets, [0.2, 0.8, 0.0], seed=0)

    shares = switch.draw(20_000).bincount(minlength=3) / 20_000

    assert shares[2] == 0
    assert abs(float(shares[0]) - 0.2) < 0.015  # five standard errors


def test_nobody_foresees_the_draws_by_seeding_pytorch(tickets: list[st.Ticket]) -> None:
    switch = RandomSwitch(tickets)
    seen = []
    for _ in range(2):
        torch.manual_seed(0)
        seen.append(switch.draw(200))

    assert not torch.equal(*seen)
    assert not torch.equal(RandomSwitch(tickets).draw(200), RandomSwitch(tickets).draw(200))
    before = torch.random.get_rng_state()
    switch.draw(5)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("mode", MODES)
def test_expected_accuracy_is_the_weighted_mean_of_the_tickets(
    mode: str, tickets: list[st.Ticket], digits: st.Data
) -> None:
    switch = RandomSwitch(tickets, [0.5, 0.3, 0.2], mode=mode)  # type: ignore[arg-type]
    alone = [st.natural_accuracy(ticket.build(), digits.test).fraction for ticket in tickets]

    exact = switch.expected_accuracy(pixels(digits.test.images), digits.test.labels)

    assert exact == pytest.approx(0.5 * alone[0] + 0.3 * alone[1] + 0.2 * alone[2], abs=1e-6)


def test_autoattack_sees_that_it_is_random(
    tickets: list[st.Ticket], images: torch.Tensor, digits: st.Data
) -> None:
    pytest.importorskip("pyautoattack")
    switch = RandomSwitch(tickets, seed=0)

    assert any("randomized" in said for said in flags(switch, images, digits.test.labels[:60]))


def test_packed_tickets_take_little_more_than_one_network() -> None:
    recipe = st.NetworkRecipe("resnet18", width=16)
    network = st.networks.random_network(
        recipe, classes=10, image_shape=(1, 8, 8), seed=0, mean=[0.0], std=[1.0]
    )
    blank = st.Ticket(
        network=recipe,
        seed=0,
        image_shape=(1, 8, 8),
        classes=tuple("0123456789"),
        mean=(0.0,),
        std=(1.0,),
        mask=Mask({n: w > 0 for n, w in st.networks.maskable(network).items()}),
        statistics={n: s.clone() for n, s in st.networks.statistics(network).items()},
        fingerprints={},
    )
    six = [replace(other(blank, i), fingerprints=prints(blank)) for i in range(6)]
    dense = 4 * blank.mask.total

    packed, resident = (RandomSwitch(six, mode=mode).memory() for mode in ("packed", "resident"))

    assert packed < 1.5 * dense
    assert resident >= 6 * dense


def prints(ticket: st.Ticket) -> dict[str, str]:
    """Return the fingerprints of a ticket's random weights."""
    from scratchticket.networks import bare
    from scratchticket.tickets.identity import fingerprint

    return {n: fingerprint(w) for n, w in bare(ticket.random_network()).named_parameters()}


def test_tickets_of_a_trained_network_can_be_switched(
    few_digits: st.Data, tmp_path: Path, images: torch.Tensor
) -> None:
    quick = {
        "attack": st.AttackRecipe("none"),
        "learning": st.LearningRecipe(epochs=1, batch_size=256),
    }
    small = st.NetworkRecipe(width=2)
    trained = st.train_network(few_digits, small, **quick)  # type: ignore[arg-type]
    path = tmp_path / "rtt.safetensors"
    loaded = []
    for ratio in (0.2, 0.5):
        rtt = st.draw_ticket(few_digits, small, ratio=ratio, start=trained, **quick)  # type: ignore[arg-type]
        rtt.save(path)
        loaded.append(st.Ticket.load(path))

    switch = RandomSwitch(loaded, mode="packed")

    for said, ticket in zip(switch.logits(images).unbind(dim=1), loaded, strict=True):
        assert torch.equal(said, ticket.build()(images))


def test_what_cannot_be_switched_is_refused(tickets: list[st.Ticket], images: torch.Tensor) -> None:
    (kernel,) = load_tickets(KNOWN / "kernel.safetensors")
    for mode in MODES:
        with pytest.raises(InputError, match="different networks"):
            RandomSwitch([tickets[0], kernel], mode=mode)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one"):
        RandomSwitch([])
    with pytest.raises(InputError, match="3 networks but 2 probabilities"):
        RandomSwitch(tickets, [0.5, 0.5])
    with pytest.raises(InputError, match="unknown mode 'pack'; did you mean 'packed'"):
        RandomSwitch(tickets, mode="pack")  # type: ignore[arg-type]
    packed = RandomSwitch(tickets, mode="packed")
    with pytest.raises(InputError, match="one network at a time"):
        packed.networks  # noqa: B018
    with pytest.raises(InputError, match="cannot be differentiated"):
        packed(images.clone().requires_grad_())
    assert not packed.train().training
    assert packed.to("cpu") is packed
    for change in (packed.double, lambda: packed.to("meta")):
        with pytest.raises(InputError, match="a packed switch cannot be moved or converted"):
            change()
    assert packed(images).dtype == torch.float32
    converted = RandomSwitch(tickets).double()
    assert converted(images.double()).dtype == torch.float64
