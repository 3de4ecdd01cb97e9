"""On a GPU the same things come out, but for rounding: `python -m pytest -m gpu`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import scratchticket as st
from scratchticket.base.errors import Interrupted
from scratchticket.learning import Event, Session
from scratchticket.masks import Pattern, keep_top
from scratchticket.networks import maskable, placed

pytestmark = pytest.mark.gpu

NETWORK = st.NetworkRecipe("resnet18", width=8)
ATTACK = st.AttackRecipe(epsilon=0.1, steps=3)
LEARNING = st.LearningRecipe(epochs=4, batch_size=64)
WARNS = [  # PyTorch, of itself, while it compiles
    pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:TensorFloat32"),
]


def drawn(data: st.Data, session: Session = Session()) -> st.Ticket:
    return st.draw_ticket(
        data,
        NETWORK,
        ratio=0.3,
        attack=ATTACK,
        learning=LEARNING,
        seed=3,
        device="cuda",
        session=session,
    )


def test_a_ticket_drawn_on_a_gpu_is_rebuilt_and_judged_on_both(
    digits: st.Data, tmp_path: Path
) -> None:
    ticket = drawn(digits)
    ticket.save(tmp_path / "ticket.safetensors")

    network = st.Ticket.load(tmp_path / "ticket.safetensors").build()

    assert ticket.remaining_ratio == pytest.approx(0.3, abs=0.01)
    random = maskable(st.networks.build("resnet18", classes=10, channels=1, width=8, seed=3))
    for name, weight in maskable(network).items():
        assert torch.equal(weight[ticket.mask[name]], random[name][ticket.mask[name]])
    counts = {}
    for device in ("cpu", "cuda"):
        there = placed(network, device)
        counts[device] = [
            st.natural_accuracy(there, digits.test).correct,
            st.robust_accuracy(there, digits.test, st.AttackRecipe("fgsm", 0.1)).correct,
        ]
    for here, there_ in zip(counts["cpu"], counts["cuda"], strict=True):
        assert abs(here - there_) <= 2  # images on the boundary, of 360


def test_a_stopped_draw_goes_on_on_a_gpu(digits: st.Data, tmp_path: Path) -> None:
    steps = 0

    def count(event: Event) -> None:
        nonlocal steps
        steps = event.step

    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(Interrupted):
        drawn(digits, Session(path, observe=count, stop=lambda: steps >= 30))
    resumed = drawn(digits, Session(path, observe=count))

    whole = drawn(digits)
    judged = [st.natural_accuracy(t.build(), digits.test).fraction for t in (resumed, whole)]
    assert judged[0] == pytest.approx(judged[1], abs=0.05)


def test_the_search_beats_its_start_on_a_gpu(digits: st.Data) -> None:
    ticket = drawn(digits)

    network = placed(ticket.build(), "cuda")

    assert st.natural_accuracy(network, digits.test).fraction > 0.5
    judge = st.AttackRecipe("pgd", 0.1, steps=20)
    assert st.robust_accuracy(network, digits.test, judge).fraction > 0.2


def test_scores_are_selected_alike_on_a_gpu() -> None:
    scores = torch.rand(300_000, generator=torch.Generator().manual_seed(0)).mul(1000).round()

    here, there = (keep_top(scores.to(device), 0.1) for device in ("cpu", "cuda"))

    assert torch.equal(here, there.cpu())


@pytest.mark.parametrize(
    "faster",
    [
        {"precision": "bfloat16"},
        {"memory_format": "contiguous"},
        pytest.param({"compile": "default"}, marks=WARNS),
        pytest.param({"compile": "reduce-overhead"}, marks=WARNS),
    ],
)
def test_a_fast_draw_finds_as_good_a_ticket(digits: st.Data, faster: dict[str, str]) -> None:
    found = []
    for learning in (LEARNING, replace(LEARNING, **faster)):
        ticket = st.draw_ticket(
            digits, NETWORK, ratio=0.3, attack=ATTACK, learning=learning, seed=3, device="cuda"
        )
        found.append(st.robust_accuracy(ticket.build(), digits.test, ATTACK).fraction)

    assert abs(found[0] - found[1]) < 0.1


@pytest.mark.parametrize(
    ("augmentation", "budget", "beside"),
    [
        ("none", "uniform", False),
        ("crop-flip", "global", False),
        ("resized-crop-flip", "erk", True),
    ],
)
def test_within_a_step_nothing_waits_for_the_gpu(
    augmentation: str, budget: str, beside: bool, digits: st.Data
) -> None:
    first = drawn(digits)  # what is prepared once is; the steps looked at are in the first second

    def watch(event: Event) -> None:
        torch.cuda.set_sync_debug_mode("error" if 3 <= event.step < 6 else "default")

    try:
        st.draw_ticket(
            digits,
            NETWORK,
            ratio=0.3,
            attack=ATTACK,
            learning=replace(LEARNING, epochs=1, augmentation=augmentation),
            pattern=Pattern(budget=budget),
            beside=[first] if beside else [],
            seed=4,
            device="cuda",
            session=Session(observe=watch),
        )
    finally:
        torch.cuda.set_sync_debug_mode("default")
