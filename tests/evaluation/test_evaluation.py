"""Counts are right, and an attack that cheats is caught."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import scratchticket as st
from scratchticket.attacks import LinfBall, pgd
from scratchticket.base.errors import ScratchticketError
from scratchticket.data import ImageSet, pixels
from scratchticket.evaluation import verified


def brightness_network(images: Tensor) -> Tensor:
    """Class 1 for bright images, class 0 for dark ones: ``(batch, 2)``."""
    mean = images.mean(dim=(1, 2, 3))
    return torch.stack([0.5 - mean, mean - 0.5], dim=1)


def grey(*levels: int) -> ImageSet:
    images = torch.tensor(levels, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    labels = torch.tensor([int(level > 127) for level in levels])
    return ImageSet(images.clone(), labels)


def test_robust_accuracy_counts_the_images_further_than_epsilon_from_the_boundary() -> None:
    images = grey(0, 60, 100, 120, 126, 129, 140, 180, 255)

    assert st.natural_accuracy(brightness_network, images) == st.Accuracy(9, 9)
    attack = st.AttackRecipe(epsilon="20/255", steps=10)
    assert st.robust_accuracy(brightness_network, images, attack) == st.Accuracy(5, 9)
    whole = st.AttackRecipe(epsilon=1, steps=10)
    assert st.robust_accuracy(brightness_network, images, whole) == st.Accuracy(0, 9)


def test_an_image_the_network_gets_wrong_is_not_robust() -> None:
    images = grey(0, 255)
    mislabelled = ImageSet(images.images, 1 - images.labels)
    attack = st.AttackRecipe(epsilon="1/255", steps=1)

    assert st.robust_accuracy(brightness_network, mislabelled, attack) == st.Accuracy(0, 2)


def test_robust_accuracy_agrees_with_pgd_written_out(
    ticket: st.Ticket, few_digits: st.Data
) -> None:
    network, test = ticket.build(), few_digits.test
    images, labels = pixels(test.images), test.labels
    adversarial = images.clone()
    for _ in range(20):
        adversarial.requires_grad_()
        loss = torch.nn.functional.cross_entropy(network(adversarial), labels)
        (gradient,) = torch.autograd.grad(loss, adversarial)
        adversarial = adversarial.detach() + 0.1 / 8 * gradient.sign()
        adversarial = images + (adversarial - images).clamp(-0.1, 0.1)
        adversarial = adversarial.clamp(0, 1)
    by_hand = int((network(adversarial).argmax(dim=1) == labels).sum())

    ours = st.robust_accuracy(network, test, st.AttackRecipe(epsilon=0.1, steps=20))

    assert ours.correct <= st.natural_accuracy(network, test).correct
    assert abs(ours.correct - by_hand) <= 2  # the random start differs


def test_more_epsilon_is_never_better_on_a_linear_network() -> None:
    images = grey(*range(0, 256, 5))
    attacks = [st.AttackRecipe(epsilon=f"{k}/255", steps=5) for k in (1, 10, 30, 100, 200)]

    counts = [st.robust_accuracy(brightness_network, images, a).correct for a in attacks]

    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize(
    ("cheat", "message"),
    [
        (lambda x: x + 0.2, "outside"),
        (lambda x: (x + 0.2).clamp(0, 1), "left the ball: distance 0.2"),
        (lambda x: x * float("nan"), "not finite"),
        (lambda x: x[:, :, :2], "another shape or type"),
        (lambda x: x.double(), "another shape or type"),
    ],
)
def test_an_attack_that_leaves_the_threat_model_is_named(cheat: object, message: str) -> None:
    images = torch.rand(3, 1, 4, 4)
    images[0, 0, 0, 0], images[0, 0, 0, 1] = 0.0, 1.0

    with pytest.raises(ScratchticketError, match=f"attack swindle.*{message}"):
        verified(cheat(images), images, LinfBall(0.1), "swindle")  # type: ignore[operator]


def test_an_honest_attack_is_passed_on() -> None:
    images, labels = torch.rand(3, 1, 4, 4), torch.zeros(3, dtype=torch.int64)
    ball = LinfBall(8 / 255)
    honest = pgd(brightness_network, images, labels, ball, step_size=2 / 255, steps=7)

    assert verified(honest, images, ball, "pgd") is honest
