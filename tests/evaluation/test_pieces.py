"""Batches, shards and their random numbers; every image's result stands in its own row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import Tensor

import scratchticket as st
from scratchticket.attacks import FGSM, PGD, Attack, Bandits, CarliniWagner, Noise
from scratchticket.base.errors import InputError, OutOfMemory
from scratchticket.base.processes import Group
from scratchticket.data import ImageSet
from scratchticket.evaluation import Evaluation, EvaluationResult, Journal, Shard
from scratchticket.evaluation.engine import (
    Batches,
    attacked_batches,
    default_batch_size,
    marks_to_text,
    text_to_marks,
)

PIXELS = 64
EPSILON = 0.1


def network(images: Tensor) -> Tensor:
    """Tell bright images, class 0, from dark ones: the margin is ten times the distance."""
    bright = 5 * (images.mean((1, 2, 3)) - 0.5)
    low = -9 - torch.arange(3) + 0 * bright[:, None]
    return torch.cat([bright[:, None], -bright[:, None], low], dim=1)


def grey(count: int = 23) -> tuple[ImageSet, Tensor]:
    """Return grey images in a mixed order, every fifth mislabelled, and how far each may move."""
    levels = torch.randint(60, 196, (count,), generator=torch.Generator().manual_seed(0))
    levels[levels == 128] = 129
    labels = (levels < 127.5).long()
    labels[::5] = 1 - labels[::5]
    images = levels.to(torch.uint8).view(-1, 1, 1, 1).repeat(1, 1, 8, 8)
    return ImageSet(images, labels), (levels / 255 - 0.5).abs()


def run(attacks: list[Attack], images: ImageSet, **more: object) -> EvaluationResult:
    work, journal = Evaluation(network, images, attacks, **more), Journal({})  # type: ignore[arg-type]
    work.run(journal)
    result = work.result(journal)
    assert result is not None
    return result


@pytest.mark.parametrize("batch_size", [4, 100])
def test_results_stand_in_the_rows_of_their_images(batch_size: int) -> None:
    images, room = grey()
    attacks = [
        Attack(FGSM(), str(EPSILON)),
        Attack(CarliniWagner(2, 50, learning_rate=0.02), None, "l2"),
        Attack(Bandits(90), str(EPSILON)),
    ]

    evaluated = run(attacks, images, batch_size=batch_size, seed=2)

    right = torch.arange(23) % 5 != 0
    assert torch.equal(evaluated.right, right)
    step, nearest, bandits = evaluated.outcomes
    assert torch.equal(step.fooled, right & (room < EPSILON))
    torch.testing.assert_close(
        step.distance[step.fooled], torch.full_like(room, EPSILON)[step.fooled]
    )
    assert torch.equal(nearest.fooled, right)
    torch.testing.assert_close(nearest.distance[right], 8 * room[right], rtol=0.05, atol=0.01)
    assert bandits.queries is not None
    assert torch.equal(bandits.queries > 0, right)
    assert bool((bandits.queries[right & ~bandits.fooled] == 90).all())
    early = room < 0.03
    assert bool((bandits.queries[right & early] < 90).all())
    assert evaluated.robust(step).correct == int((right & (room >= EPSILON)).sum())


def test_no_two_batches_names_or_seeds_share_their_random_numbers() -> None:
    images, _ = grey(6)
    batches, other = (Batches(images, torch.device("cpu"), seed, size=2) for seed in (3, 4))
    places = [(name, batch) for name in ("a", "b") for batch in range(3)]

    def numbers(of: Batches) -> list[float]:
        return [float(torch.rand((), generator=of.stream(*place))) for place in places]

    assert len({*numbers(batches), *numbers(other)}) == 12
    assert numbers(batches) == numbers(batches)


def touched(images: Tensor) -> Tensor:
    """Tell even grey images, class 0, from all others."""
    moved = (images - 0.2).abs().amax((1, 2, 3)) - 1e-6
    return torch.stack([-moved, moved], dim=1)


def test_equal_images_are_moved_differently_in_every_batch_and_by_every_attack() -> None:
    even = ImageSet(torch.full((6, 1, 8, 8), 51, dtype=torch.uint8), torch.zeros(6).long())
    attacks = [Attack(Noise(1), epsilon, "l2") for epsilon in ("0.3", "0.30001")]

    def distances(seed: int) -> list[Tensor]:
        work, journal = Evaluation(touched, even, attacks, seed=seed, batch_size=2), Journal({})
        work.run(journal)
        result = work.result(journal)
        assert result is not None
        return [outcome.distance for outcome in result.outcomes]

    first, second = distances(1)
    assert bool((first < 0.31).all())
    assert len(first.unique()) == 6
    assert float((first - second).abs().mean()) > 5e-4
    assert torch.equal(distances(1)[0], first)
    assert not torch.equal(distances(2)[0], first)


def test_batches_of_a_file_are_moved_differently() -> None:
    even = ImageSet(torch.full((300, 1, 2, 2), 51, dtype=torch.uint8), torch.zeros(300).long())

    first, second = attacked_batches(Attack(Noise(1), "0.1"), touched, even, 0)

    assert [len(first[0]), len(second[0])] == [256, 44]
    assert not (first[2][:44] == second[2]).flatten(1).all(dim=1).any()


def test_images_that_are_wrong_already_are_attacked_too_for_files() -> None:
    images, _ = grey()

    ((stored, clean, adversarial),) = attacked_batches(
        Attack(FGSM(), str(EPSILON)), network, images, 0
    )

    assert torch.equal(stored.labels, images.labels)
    moved = (adversarial - clean).mean((1, 2, 3))
    torch.testing.assert_close(moved, EPSILON * (2 * images.labels - 1).float())


@settings(deadline=None)
@given(some.integers(1, 40), some.integers(1, 12), some.integers(1, 50))
def test_every_image_is_in_one_batch_and_every_batch_in_one_shard(
    images: int, size: int, shards: int
) -> None:
    stored = torch.arange(images, dtype=torch.uint8).view(-1, 1, 1, 1)
    batches = Batches(
        ImageSet(stored, torch.zeros(images, dtype=torch.int64)), torch.device("cpu"), 0, size
    )

    parts = [batches.batch(number)[0].images.flatten() for number in range(batches.count)]

    assert torch.cat(parts).tolist() == list(range(images))
    assert all(len(part) == size for part in parts[:-1])
    owners = [[n for n in range(1, shards + 1) if b in Shard(n, shards)] for b in range(len(parts))]
    assert all(len(owner) == 1 for owner in owners)


@pytest.mark.parametrize(("index", "count"), [(0, 3), (4, 3), (1, 0)])
def test_shards_are_numbered_from_one(index: int, count: int) -> None:
    with pytest.raises(InputError, match=f"from 1 to {count}, got {index}"):
        Shard(index, count)


@pytest.mark.parametrize(
    ("side", "size"), [(8, 1024), (16, 1024), (17, 907), (32, 256), (64, 64), (224, 8)]
)
def test_batches_of_larger_images_are_smaller(side: int, size: int) -> None:
    images = ImageSet(torch.zeros(1, 3, side, side, dtype=torch.uint8), torch.tensor([0]))

    assert default_batch_size(images) == size
    with pytest.raises(InputError, match="at least 1, got 0"):
        Evaluation(network, images, [], batch_size=0)


def test_a_batch_too_large_for_the_memory_is_an_error_that_names_one_that_fits() -> None:
    images, _ = grey()

    def greedy(points: Tensor) -> Tensor:
        if len(points) > 5:
            raise MemoryError
        return network(points)

    with pytest.raises(OutOfMemory, match="in natural with 16 images .* room for 4 "):
        Evaluation(greedy, images, [], batch_size=16).run(Journal({}))
    with pytest.raises(RuntimeError, match="a bug"):
        Evaluation(_broken, images, [], batch_size=16).run(Journal({}))


def _broken(images: Tensor) -> Tensor:
    raise RuntimeError("a bug")


@settings(deadline=None)
@given(some.lists(some.integers(0, 2)))
def test_marks_survive_as_text(marks: list[int]) -> None:
    assert text_to_marks(marks_to_text(torch.tensor(marks, dtype=torch.int64))).tolist() == marks


class Waiting(Exception):
    """Not all processes have sent their part."""


@dataclass(frozen=True)
class Rank(Group):
    """One of several processes that run one after another; only the last gets an answer."""

    sent: list[Any] = field(default_factory=list)

    def gathered(self, value: Any) -> list[Any]:
        self.sent.append(value)
        if len(self.sent) < self.size:
            raise Waiting
        return self.sent


@pytest.mark.parametrize("robust", [False, True])
def test_processes_share_the_batches_and_add_up_what_they_counted(robust: bool) -> None:
    images, _ = grey(600)  # three batches
    passed = []

    def counted(points: Tensor) -> Tensor:
        passed.append(len(points))
        return network(points)

    def measured(group: Group) -> st.Accuracy:
        if robust:
            return st.robust_accuracy(counted, images, Attack(PGD(2), "0.1"), group=group)
        return st.natural_accuracy(counted, images, group=group)

    alone, times = measured(Group()), sum(passed)
    passed.clear()
    sent: list[Any] = []
    for rank in (0, 1):
        with pytest.raises(Waiting):
            measured(Rank(rank, 3, sent))

    assert measured(Rank(2, 3, sent)) == alone
    assert sum(passed) == times
    assert 0 < alone.correct < alone.total == 600
