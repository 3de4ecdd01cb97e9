"""Tickets drawn beside others: the inner attack is made on all of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest
import torch

import scratchticket as st
from scratchticket.attacks import LinfBall, pgd
from scratchticket.attacks.sets import NetworkSet, chances, set_loss
from scratchticket.base.errors import InputError, TicketError
from scratchticket.data import pixels

SMALL = st.NetworkRecipe(width=2)
QUICK: dict[str, Any] = {
    "attack": st.AttackRecipe(epsilon="0.1", steps=2),
    "learning": st.LearningRecipe(epochs=1, batch_size=128),
}


@pytest.fixture(scope="module")
def first(few_digits: st.Data) -> st.Ticket:
    return st.draw_ticket(few_digits, SMALL, ratio="0.3", **QUICK)


def test_the_inner_attack_is_made_on_all_of_them(
    first: st.Ticket, few_digits: st.Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def watched(
        network: Any, images: torch.Tensor, labels: torch.Tensor, *more: Any, **settings: Any
    ) -> torch.Tensor:
        seen.append((network, settings["loss"]))
        return pgd(network, images, labels, *more, **settings)

    monkeypatch.setattr(sys.modules["scratchticket.attacks.pgd"], "pgd", watched)
    second = st.draw_ticket(few_digits, SMALL, ratio="0.5", beside=[first], **QUICK)

    network, loss = seen[0]
    assert isinstance(network, NetworkSet)
    assert len(network.networks) == 2
    images, labels = pixels(few_digits.test.images[:8]), few_digits.test.labels[:8]
    assert torch.equal(network.networks[0](images), first.build()(images))
    expected = set_loss("eot", chances(None, 2))(network(images), labels)
    torch.testing.assert_close(loss(network(images), labels), expected)
    assert second.provenance["recipe"]["beside"]["sha256"]


def test_a_run_beside_no_tickets_is_unchanged(first: st.Ticket, few_digits: st.Data) -> None:
    again = st.draw_ticket(few_digits, SMALL, ratio="0.3", beside=[], **QUICK)

    assert again.to_bytes() == first.to_bytes()
    assert "beside" not in again.provenance["recipe"]


def test_the_set_is_attacked_as_the_switch_will_be() -> None:
    ball, images = LinfBall(0.1), torch.full((3, 1, 2, 2), 0.5)
    labels = torch.tensor([0, 1, 0])
    tilts = [torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    networks = NetworkSet([lambda x, t=t: x.flatten(1) @ t for t in tilts])

    found = pgd(
        networks,
        images,
        labels,
        ball,
        step_size=0.1,
        steps=1,
        loss=set_loss("eot", chances(None, 2)),
    )

    points = images.clone().requires_grad_()
    total = sum(
        torch.nn.functional.cross_entropy(n(points), labels, reduction="sum")
        for n in networks.networks
    )
    (gradient,) = torch.autograd.grad(total, points)
    torch.testing.assert_close(found, images + 0.1 * gradient.sign())


def test_tickets_for_other_images_are_refused(first: st.Ticket, few_digits: st.Data) -> None:
    other = replace(first, image_shape=(1, 9, 9))

    with pytest.raises(TicketError, match="takes images of shape"):
        st.draw_ticket(few_digits, SMALL, beside=[other], **QUICK)
    with pytest.raises(InputError, match="needs an inner attack"):
        natural = QUICK | {"attack": st.AttackRecipe("none")}
        st.draw_ticket(few_digits, SMALL, beside=[first], **natural)
