"""Which images, balls and attacks an evaluation has, if the user says so and if not."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Any

import pytest
import torch
from linear_networks import known_data, known_images, subject

import scratchticket as st
from scratchticket.base.errors import InputError
from scratchticket.data import ImageSet
from scratchticket.judging.evaluation import (
    EvaluationTask,
    balls_of,
    evaluation_task,
    fingerprint,
    fixed_choice,
)
from scratchticket.judging.subject import Subject


def numbered(count: int) -> ImageSet:
    """Return images of one pixel, of which each shows its own number."""
    shown = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1)
    return ImageSet(shown, torch.arange(count) % 2)


def test_a_part_of_the_images_is_always_the_same_part_in_the_old_order() -> None:
    images = numbered(200)

    chosen = fixed_choice(images, 8)

    numbers = chosen.images.flatten().tolist()
    assert numbers == [3, 13, 28, 30, 58, 146, 147, 196]  # records of every version have these
    assert torch.equal(chosen.labels, torch.tensor(numbers) % 2)
    assert torch.equal(fixed_choice(images, 8).images, chosen.images)
    larger = fixed_choice(images, 50).images.flatten().tolist()
    assert set(numbers) < set(larger)
    assert larger == sorted(larger)
    assert len(set(larger)) == 50


def test_all_images_are_judged_if_no_number_or_their_own_is_given() -> None:
    images = numbered(5)

    assert fixed_choice(images, None) is fixed_choice(images, 5) is images
    for count in (0, -1, 6):
        with pytest.raises(
            InputError, match=f"from 1 to 5, the number of test images, got {count}"
        ):
            fixed_choice(images, count)


def test_a_fingerprint_tells_images_labels_and_their_order_apart() -> None:
    images = numbered(4)
    others = (
        images[slice(3)],
        images[torch.tensor([1, 0, 2, 3])],
        images.labelled(1 - images.labels),
        replace(images, images=images.images + 1),
    )

    known = fingerprint(images)

    assert known == fingerprint(numbered(4))
    assert known["total"] == 4
    assert len({known["sha256"], *(fingerprint(other)["sha256"] for other in others)}) == 5


def balls_in(task: EvaluationTask) -> list[tuple[str, str | None]]:
    return [(attack.norm, attack.epsilon) for attack in task.attacks]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [("linf", "0.02")]),  # as the network was made to resist
        ({"norm": "linf"}, [("linf", "0.02")]),
        ({"epsilons": ("0.3", "0.1", "1/10")}, [("linf", "0.1"), ("linf", "0.3")]),
        ({"norm": "l2", "epsilons": ("2",)}, [("l2", "2")]),
        ({"attack": "none"}, []),
        ({"attack": "cw-l2"}, [("l2", None)]),
        ({"attack": "cw-l2", "l2": ("0.5",)}, [("l2", None)]),
    ],
)
def test_one_attack_searches_in_the_ball_of_the_network_or_in_the_given_ones(
    asked: dict[str, Any], found: list[tuple[str, str | None]]
) -> None:
    task = evaluation_task(subject(), known_data(), **asked)

    assert balls_in(task) == found
    assert task.suite is None


def test_a_network_made_for_an_l2_ball_is_attacked_there() -> None:
    made_for_l2 = subject(epsilon="1.5", norm="l2")

    assert balls_in(evaluation_task(made_for_l2, known_data())) == [("l2", "1.5")]
    suite = evaluation_task(made_for_l2, known_data(), suite_name="quick")
    assert suite.where.epsilons == ("1.5", "2.25", "3")
    assert suite.where.l2 == ()
    assert {attack.norm for attack in suite.attacks} == {"l2"}


def test_a_suite_searches_in_wider_balls_and_in_l2_balls_for_the_size_of_the_images() -> None:
    where = evaluation_task(subject(), known_data(), suite_name="quick").where

    assert where.epsilons == ("0.02", "0.03", "0.04")
    scale = 0.02 / (8 / 255) * sqrt(64 / (3 * 32 * 32))
    assert [float(l2) for l2 in where.l2] == pytest.approx(
        [0.5 * scale, 1.71 * scale, 2 * scale], rel=0.01
    )
    given = evaluation_task(
        subject(), known_data(), suite_name="quick", epsilons=("0.1",), l2=("0.7",)
    )
    assert (given.where.epsilons, given.where.l2) == (("0.1",), ("0.7",))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"norm": "l2"}, "--norm l2 needs --epsilon"),
        ({"norm": "l2", "suite_name": "quick"}, "--norm l2 needs --epsilon"),
        ({"attack": "cw-l2", "epsilons": ("0.1",)}, "cw-l2 searches in l2 balls"),
        ({"l2": ("0.5",)}, "but pgd uses linf"),
        ({"seed": -1}, "seed must be an integer"),
        ({"settings": {"restart": 2}}, "did you mean 'restarts'"),
        ({"count": 41}, "--images must be from 1 to 40"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        evaluation_task(subject(), known_data(), **asked)


def test_the_quick_suite_judges_two_hundred_images_and_others_judge_all() -> None:
    many = replace(known_data(), test=numbered_digits(250))

    def count(data: st.Data = many, **asked: Any) -> int:
        return len(evaluation_task(subject(), data, **asked).images)

    assert count(suite_name="quick") == 200
    assert count(suite_name="quick", count=7) == count(count=7) == 7
    assert count() == count(suite_name="paper") == 250
    assert count(known_data(), suite_name="quick") == 40


def numbered_digits(count: int) -> ImageSet:
    return known_images(count, seed=3)


def test_a_task_is_made_of_the_test_images_and_says_where_they_come_from() -> None:
    data = known_data()
    settings = {"steps": 7, "restarts": 2}

    task = evaluation_task(subject(), data, settings=settings, seed=3, batch_size=9)

    assert task.images is data.test
    assert task.source == {"name": "known", "part": "test", "of": 40}
    assert str(task.attacks[0]) == "pgd-7 x2, linf, 0.02"
    assert (task.classes, task.seed, task.batch_size) == (5, 3, 9)
    whole = replace(data, train=data.test, validation=data.test)
    assert evaluation_task(subject(), whole).source["part"] == "all"


def test_all_that_decides_a_result_is_in_the_plan() -> None:
    def plan(about: Subject | None = None, data: st.Data | None = None, **asked: Any) -> Any:
        return evaluation_task(about or subject(), data or known_data(), **asked).plan()

    other_labels = known_images().labelled(1 - known_images().labels)
    plans = [
        plan(),
        plan(subject(file="other.pt")),
        plan(data=known_data(other_labels)),
        plan(count=39),
        plan(seed=1),
        plan(batch_size=16),
        plan(epsilons=("0.03",)),
        plan(attack="fgsm"),
        plan(attack="none"),
        plan(settings={"steps": 21}),
        plan(attack="cw-l2"),
        plan(attack="cw-l2", l2=("0.5",)),
        plan(suite_name="quick", count=40),
        plan(suite_name="quick", count=40, l2=("0.5",)),
    ]

    assert all(one != other for at, one in enumerate(plans) for other in plans[:at])
    assert plan() == plan(batch_size=1024, epsilons=("1/50",), norm="linf", count=40)
    assert plan()["versions"].keys() == {"scratchticket", "torch"}


def test_balls_belong_to_the_network_or_are_given() -> None:
    shape = (1, 8, 8)

    assert balls_of(subject(), shape).epsilons == ("0.02", "0.03", "0.04")
    assert balls_of(subject(), shape, ["0.3"]).epsilons == ("0.3",)
    euclidean = balls_of(subject(), shape, ["1"], "l2")
    assert (euclidean.norm, euclidean.epsilons) == ("l2", ("1",))
    assert balls_of(subject(), shape, norm="linf") == balls_of(subject(), shape)
    assert balls_of(subject(), shape, l2=["0.9"]).l2 == ("0.9",)
