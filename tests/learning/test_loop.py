"""The loop: deterministic, resumable to the bit, and faithful to its settings."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import scratchticket as st
from scratchticket.base import cores
from scratchticket.base.errors import InputError, Interrupted, ScratchticketError
from scratchticket.data import pixels
from scratchticket.learning import Event, LearningRecipe, Session
from scratchticket.learning.checkpoint import Checkpoint
from scratchticket.masks import Pattern
from scratchticket.networks import maskable
from scratchticket.runs.api import validator
from scratchticket.tickets import drawing, training
from scratchticket.tickets.draw import Finished, Task

ATTACK = st.AttackRecipe(epsilon=0.1, steps=2)


def task(data: st.Data, **changes: object) -> Task:
    learning = LearningRecipe(epochs=2, batch_size=64)
    validate = validator(data, ATTACK, 0)
    whole = Task(data, st.NetworkRecipe(width=4), ATTACK, learning, validate, seed=1)
    return replace(whole, **changes)  # type: ignore[arg-type]


def draw(task: Task, ratio: float, session: Session = Session()) -> Finished:
    return drawing(task, ratio).run(session)


def train(task: Task, session: Session = Session()) -> Finished:
    return training(task).run(session)


def same(first: Finished, second: Finished) -> bool:
    """Return whether two runs have the same tickets and the same log, apart from times."""
    logs = [[replace(e, seconds=0.0) for e in drawn.epochs] for drawn in (first, second)]
    tickets = zip((first.chosen, first.other), (second.chosen, second.other), strict=True)
    return logs[0] == logs[1] and all(a.to_bytes() == b.to_bytes() for a, b in tickets)


def test_random_weights_are_bit_identical_before_and_after_a_draw(few_digits: st.Data) -> None:
    ticket = draw(task(few_digits), 0.3).chosen
    network = st.networks.build("resnet18", classes=10, channels=1, width=4, seed=1)

    built = maskable(ticket.build())
    for name, weight in maskable(network).items():
        mask = ticket.mask[name]
        assert torch.equal(built[name][mask], weight[mask])
        assert built[name][~mask].count_nonzero() == 0


def test_the_same_task_gives_the_same_ticket(few_digits: st.Data) -> None:
    assert same(draw(task(few_digits), 0.3), draw(task(few_digits), 0.3))


@pytest.mark.parametrize("stop_after", [1, 4, 6])  # of 8 steps; 4 is the end of an epoch
@pytest.mark.parametrize("learn", ["draw", "train"])
def test_a_stopped_run_goes_on_to_the_same_bits(
    few_digits: st.Data, tmp_path: Path, stop_after: int, learn: str
) -> None:
    def run(session: Session) -> Finished:
        if learn == "train":
            return train(task(few_digits), session)
        return draw(task(few_digits), 0.3, session)

    steps = 0

    def count(event: Event) -> None:
        nonlocal steps
        steps = event.step

    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(Interrupted, match=f"after step {stop_after} of 8"):
        run(Session(checkpoint, observe=count, stop=lambda: steps >= stop_after))

    resumed = run(Session(checkpoint, observe=count))

    assert same(resumed, run(Session()))


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save after each step, however long it takes."""
    monkeypatch.setattr("scratchticket.learning.loop.SAVING_SHARE", float("inf"))


@pytest.mark.usefixtures("always")
def test_a_resumed_run_keeps_its_number_of_threads(
    few_digits: st.Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in cores.USER_CHOICES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cores, "usable_cores", lambda: range(3))
    path = tmp_path / "checkpoint.safetensors"
    torch.set_num_threads(2)
    try:
        interrupted(few_digits, path, at=3)
        torch.set_num_threads(1)
        draw(task(few_digits), 0.3, Session(path))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_periodic_checkpoints_do_not_disturb_the_run(few_digits: st.Data, tmp_path: Path) -> None:
    saved = Session(tmp_path / "checkpoint.safetensors", save_seconds=0.0)

    assert same(draw(task(few_digits), 0.3, saved), draw(task(few_digits), 0.3))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"attack": st.AttackRecipe(epsilon=0.2)},
        {"network": st.NetworkRecipe(width=2)},
        {"learning": LearningRecipe(epochs=2, batch_size=64, learning_rate=0.2)},
        {"identity": "judged otherwise"},
    ],
)
def test_a_checkpoint_of_other_settings_is_refused(
    few_digits: st.Data, tmp_path: Path, change: dict[str, object]
) -> None:
    session = Session(tmp_path / "checkpoint.safetensors")
    draw(task(few_digits), 0.3, session)

    with pytest.raises(InputError, match="belongs to a run with other settings"):
        draw(task(few_digits, **change), 0.3, session)


def test_a_checkpoint_of_another_ratio_task_or_data_is_refused(
    few_digits: st.Data, tmp_path: Path
) -> None:
    session = Session(tmp_path / "checkpoint.safetensors")
    draw(task(few_digits), 0.3, session)
    images = few_digits.train
    other = replace(few_digits, train=replace(images, labels=images.labels.flip(0)))
    pixels = replace(few_digits, train=replace(images, images=images.images.flip(0)))
    normal = replace(few_digits, mean=(0.5,))

    for run in (
        lambda: draw(task(few_digits), 0.4, session),
        lambda: train(task(few_digits), session),
        lambda: draw(task(other), 0.3, session),
        lambda: draw(task(pixels), 0.3, session),
        lambda: draw(task(normal), 0.3, session),
        lambda: drawing(task(few_digits), 0.3, pattern=Pattern("row")).run(session),
    ):
        with pytest.raises(InputError, match="belongs to a run with other settings"):
            run()


def test_a_damaged_checkpoint_is_refused(few_digits: st.Data, tmp_path: Path) -> None:
    session = Session(tmp_path / "checkpoint.safetensors")
    (tmp_path / "checkpoint.safetensors").write_bytes(b"\x10")

    with pytest.raises(InputError, match="is not a usable checkpoint"):
        draw(task(few_digits), 0.3, session)


def interrupted(data: st.Data, checkpoint: Path, at: int) -> None:
    """Leave a checkpoint of this step and of the one before."""
    steps = 0

    def count(event: Event) -> None:
        nonlocal steps
        steps = event.step

    with pytest.raises(Interrupted):
        draw(task(data), 0.3, Session(checkpoint, 0.0, observe=count, stop=lambda: steps >= at))


@pytest.mark.parametrize("damage", ["a byte", "cut off", "missing"])
def test_the_previous_checkpoint_is_used_if_the_newest_is_damaged(
    few_digits: st.Data, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    interrupted(few_digits, path, at=5)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content if damage == "a byte" else content[:5000])
    told: list[str] = []

    resumed = draw(task(few_digits), 0.3, Session(path, tell=told.append))

    assert same(resumed, draw(task(few_digits), 0.3))
    assert len(told) == (0 if damage == "missing" else 1)
    assert all(line.endswith("resuming from the previous checkpoint") for line in told)


@pytest.mark.parametrize("error", [MemoryError(), OSError(5, "Input/output error")])
def test_a_checkpoint_that_cannot_be_read_at_the_moment_is_not_removed(
    few_digits: st.Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    interrupted(few_digits, path, at=5)
    content = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr("scratchticket.learning.checkpoint.safe_open", fail)
        with pytest.raises((MemoryError, InputError), match="^$|Input/output error"):
            draw(task(few_digits), 0.3, Session(path))

    assert path.read_bytes() == content


def test_two_damaged_checkpoints_are_refused(few_digits: st.Data, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    interrupted(few_digits, path, at=3)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:-1])

    with pytest.raises(InputError, match=r"checkpoint.safetensors is not a usable checkpoint"):
        draw(task(few_digits), 0.3, Session(path))


def test_saving_takes_little_of_the_time(
    few_digits: st.Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves = []

    def slow(self: Checkpoint, path: Path) -> None:
        saves.append(path)
        time.sleep(0.2)

    monkeypatch.setattr(Checkpoint, "save", slow)

    draw(task(few_digits), 0.3, Session(tmp_path / "checkpoint", save_seconds=0.0))

    assert len(saves) <= 3  # the first, the last, and one if a step should take seconds


def test_changing_the_attack_leaves_the_random_network_unchanged(few_digits: st.Data) -> None:
    first = draw(task(few_digits), 0.3).chosen
    second = draw(task(few_digits, attack=st.AttackRecipe("fgsm-rs", 0.2)), 0.3).chosen

    assert first.fingerprints == second.fingerprints
    assert first.mask != second.mask


def test_training_changes_all_weights_and_stores_them(few_digits: st.Data) -> None:
    drawn = train(task(few_digits, attack=st.AttackRecipe("none")))
    start = st.networks.build("resnet18", classes=10, channels=1, width=4, seed=1)

    trained = maskable(drawn.chosen.build())
    for name, weight in maskable(start).items():
        assert (trained[name] != weight).float().mean() > 0.9
    assert drawn.chosen.remaining_ratio == 1.0


def test_the_best_epoch_on_validation_is_chosen_and_the_last_kept_beside_it(
    few_digits: st.Data,
) -> None:
    learning = LearningRecipe(epochs=4, batch_size=64, learning_rate=3.0, schedule="constant")
    drawn = draw(task(few_digits, learning=learning), 0.3)

    judged = {e.epoch: e.validation.robust.correct for e in drawn.epochs if e.validation}
    assert judged[drawn.chosen_epoch] == max(judged.values())
    assert drawn.other_epoch == 4
    last = draw(task(few_digits, learning=replace(learning, select="last")), 0.3)
    assert last.chosen_epoch == 4
    assert last.chosen.to_bytes() == drawn.other.to_bytes()


def test_a_loss_that_is_not_finite_stops_the_run(few_digits: st.Data) -> None:
    learning = LearningRecipe(epochs=1, batch_size=64, learning_rate=1e30)

    with pytest.raises(ScratchticketError, match="no longer finite in epoch 1, between steps 0"):
        train(task(few_digits, learning=learning))


@pytest.mark.usefixtures("always")
def test_what_is_not_finite_is_not_saved(few_digits: st.Data, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    spoilt = task(few_digits)
    job = drawing(spoilt, 0.3)

    def spoil(event: Event) -> None:
        if event.step == 6:
            next(iter(job.learner.tensors().values())).data.fill_(float("nan"))

    with pytest.raises(ScratchticketError, match="is no longer finite in epoch 2, between steps 5"):
        job.run(Session(path, 0.0, observe=spoil))

    assert Checkpoint.load(path).facts["step"] == 5
    assert same(draw(spoilt, 0.3, Session(path)), draw(spoilt, 0.3))


def test_batch_norm_mode_of_the_inner_attack_is_an_option(few_digits: st.Data) -> None:
    learning = LearningRecipe(epochs=1, batch_size=64, statistics="running")
    moved = {}
    for mode in ("train", "eval"):
        changed = replace(learning, batch_norm=mode)  # type: ignore[arg-type]
        ticket = draw(task(few_digits, learning=changed), 0.3).chosen
        moved[mode] = ticket.statistics["bn1.running_var"]

    # 4 steps of 3 forward passes move the running variance further from 1 than 4 of one
    assert (moved["train"] - 1).abs().mean() > (moved["eval"] - 1).abs().mean()


def test_recomputed_statistics_do_not_change_what_is_learned(few_digits: st.Data) -> None:
    last = LearningRecipe(epochs=2, batch_size=64, select="last")
    running = replace(last, statistics="running")
    first = draw(task(few_digits, learning=last), 0.3).chosen
    second = draw(task(few_digits, learning=running), 0.3).chosen

    assert first.mask == second.mask
    name = "layer4.1.bn2.running_mean"
    assert not torch.equal(first.statistics[name], second.statistics[name])


def test_schedules() -> None:
    milestones = LearningRecipe(epochs=160, schedule="milestones")
    rates = [milestones.learning_rate_at(epoch * 5, 5) for epoch in (0, 79, 80, 119, 120, 159)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    thirds = LearningRecipe(epochs=90, schedule="milestones", milestones="1/3,2/3")
    rates = [thirds.learning_rate_at(epoch, 1) for epoch in (29, 30, 59, 60)]
    assert rates == pytest.approx([0.1, 0.01, 0.01, 0.001])
    cosine = LearningRecipe(epochs=10)
    assert [cosine.learning_rate_at(s, 4) for s in (0, 20, 40)] == pytest.approx([0.1, 0.05, 0.0])
    warm = LearningRecipe(epochs=10, warmup=2)
    rates = [warm.learning_rate_at(step, 4) for step in (0, 3, 7, 8, 24)]
    assert rates == pytest.approx([0.0125, 0.05, 0.1, 0.1, 0.05])


def test_a_last_smaller_batch_is_dropped_or_made_a_step(few_digits: st.Data) -> None:
    recipe = LearningRecipe(epochs=1, batch_size=100)
    counts = []
    for last_batch in (False, True):
        steps: list[int] = []
        session = Session(observe=lambda event, steps=steps: steps.append(event.steps))  # type: ignore[misc]
        draw(task(few_digits, learning=replace(recipe, last_batch=last_batch)), 0.3, session)
        counts.append((len(steps), steps[0]))

    assert counts == [(2, 2), (3, 3)]
    assert recipe.steps_per_epoch(50) == 1


def test_augmentation_changes_the_images_but_not_their_order(few_digits: st.Data) -> None:
    plain = LearningRecipe(epochs=1, batch_size=64, select="last")
    tickets = [
        draw(task(few_digits, learning=replace(plain, augmentation=name)), 0.3).chosen  # type: ignore[arg-type]
        for name in ("none", "flip", "flip")
    ]

    assert tickets[0].mask != tickets[1].mask
    assert tickets[1].mask == tickets[2].mask


def test_label_smoothing_is_pytorchs(few_digits: st.Data) -> None:
    learning = LearningRecipe(epochs=1, batch_size=256, learning_rate=0.0, label_smoothing=0.3)
    trained = train(task(few_digits, learning=learning, attack=st.AttackRecipe("none")))

    network = st.networks.build("resnet18", classes=10, channels=1, width=4, seed=1)
    logits = network(pixels(few_digits.train.images))
    expected = F.cross_entropy(logits, few_digits.train.labels, label_smoothing=0.3)
    assert trained.epochs[0].loss == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"schedule": "linear"},
        {"select": "lats"},
        {"batch_norm": "x"},
        {"statistics": "none"},
        {"augmentation": "flop"},
    ],
)
def test_unknown_choices_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(InputError, match=f"unknown learning.{next(iter(wrong))}"):
        LearningRecipe(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": -1.0},
        {"momentum": float("nan")},
        {"label_smoothing": 1.0},
        {"warmup": 21},
        {"milestones": "3/4,1/2"},
        {"milestones": "1/2,1"},
        {"milestones": ""},
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"learning.{next(iter(wrong))} must be"):
        LearningRecipe(**wrong)  # type: ignore[arg-type]


def test_what_a_network_draws_itself_follows_from_the_seed(few_digits: st.Data) -> None:
    def dropping(*, classes: int, image_shape: object) -> nn.Module:
        first, last = nn.Linear(64, 32), nn.Linear(32, classes)
        return nn.Sequential(nn.Flatten(), first, nn.ReLU(), nn.Dropout(0.5), last)

    st.networks.register("dropping", dropping)
    first, second = (
        draw(task(few_digits, network=st.NetworkRecipe("dropping")), 0.3) for _ in range(2)
    )
    state = torch.get_rng_state()
    draw(task(few_digits, network=st.NetworkRecipe("dropping")), 0.3)

    assert same(first, second)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_batch_of_one_image_is_refused(few_digits: st.Data) -> None:
    with pytest.raises(InputError, match="batch of one image has no batch statistics"):
        draw(task(few_digits, learning=LearningRecipe(epochs=1, batch_size=1)), 0.3)


def test_a_network_whose_ticket_cannot_be_stored_is_refused_before_the_run(
    few_digits: st.Data,
) -> None:
    class Odd(nn.Module):
        def __init__(self, classes: int) -> None:
            super().__init__()
            self.register_buffer("empty", torch.zeros(0))
            self.last = nn.Linear(64, classes)

        def forward(self, images: Tensor) -> Tensor:
            return self.last(images.flatten(1))

    def odd(*, classes: int, image_shape: object) -> nn.Module:
        return Odd(classes)

    st.networks.register("unstorable", odd)
    with pytest.raises(InputError, match="cannot be stored: .*a shape is empty"):
        drawing(task(few_digits, network=st.NetworkRecipe("unstorable")), 0.3)
