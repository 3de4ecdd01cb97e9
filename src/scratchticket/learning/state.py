"""The state of a run, and its conversion to and from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor

from scratchticket.base.errors import InputError, first_line
from scratchticket.base.files import canonical_json
from scratchticket.base.typed import changed
from scratchticket.learning.checkpoint import Checkpoint, prefixed
from scratchticket.learning.problem import Epoch, Problem, Snapshot
from scratchticket.learning.recipe import LearningRecipe
from scratchticket.networks import bare


@dataclass
class State:
    """The state of a run, without that of its learner and network.

    Attributes:
        step: Number of steps done.
        loss_sum: Sum of this epoch's losses; float64, on the run's device.
        seconds: Time spent, over all sessions.
        epochs: The log.
        best: The epoch with the best robust validation accuracy so far.
        sound: The last epoch without a sign of catastrophic overfitting, if the run may go back.
    """

    step: int
    loss_sum: Tensor
    seconds: float = 0.0
    epochs: list[Epoch] = field(default_factory=list)
    best: Snapshot | None = None
    sound: Sound | None = None


@dataclass(frozen=True)
class Sound:
    """What a run needs to go back to the end of an epoch.

    Attributes:
        epoch: Counted from 1.
        tensors: State of the learner, and the network's buffers as ``buffers/NAME``.
    """

    epoch: int
    tensors: dict[str, Tensor]


def current(problem: Problem) -> dict[str, Tensor]:
    """Return the state of the learner, and the network's buffers as ``buffers/NAME``."""
    return problem.learner.state() | prefixed("buffers", buffers_of(problem))


def load(problem: Problem, tensors: Mapping[str, Tensor]) -> None:
    """Load what :func:`current` returned into learner and network."""
    problem.learner.restore(tensors)
    with torch.no_grad():
        for name, buffer in buffers_of(problem).items():
            buffer.copy_(tensors[f"buffers/{name}"])


def buffers_of(problem: Problem) -> dict[str, Tensor]:
    """Return the network's persistent buffers."""
    network = bare(problem.network)
    persistent = network.state_dict().keys()
    return {name: buffer for name, buffer in network.named_buffers() if name in persistent}


def identity(problem: Problem, recipe: LearningRecipe) -> str:
    """Return a hash of everything that must be equal for a run to resume from a checkpoint."""
    facts: dict[str, Any] = {
        "learning": changed(recipe),
        "attack": problem.attack.changed(),
        "seed": problem.seed,
        "learner": problem.learner.identity(),
        "labels": sha256(problem.images.labels.cpu().numpy().tobytes()).hexdigest(),
        "images": problem.images.digest(),
        "facts": dict(problem.facts),
    }
    if torch.are_deterministic_algorithms_enabled():
        facts["deterministic"] = True  # must not change during a run
    return sha256(canonical_json(facts).encode()).hexdigest()


def to_checkpoint(problem: Problem, state: State, own: str) -> Checkpoint:
    """Return the checkpoint of a run, whose :func:`identity` is ``own``."""
    best = state.best
    tensors = current(problem)
    if state.sound is not None:
        tensors |= prefixed("sound", state.sound.tensors)
    if best is not None:
        tensors |= prefixed("best", best.result) | prefixed("best-statistics", best.statistics)
    facts = {
        "identity": own,
        "step": state.step,
        "loss_sum": float(state.loss_sum),
        "seconds": state.seconds,
        "epochs": [asdict(epoch) for epoch in state.epochs],
        "best_epoch": best.epoch if best else None,
        "sound_epoch": state.sound.epoch if state.sound else None,
        "threads": torch.get_num_threads(),
    }
    return Checkpoint(tensors, facts)


def from_checkpoint(checkpoint: Checkpoint, problem: Problem, own: str) -> State:
    """Load a checkpoint into learner and network, and return the state of the run.

    Raises:
        InputError: If the checkpoint belongs to a run of another identity, or is damaged.
    """
    if checkpoint.facts.get("identity") != own:
        raise InputError("the checkpoint belongs to a run with other settings")
    try:
        return _from_checkpoint(checkpoint, problem)
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"the checkpoint is damaged: {first_line(error)}") from None


def _from_checkpoint(checkpoint: Checkpoint, problem: Problem) -> State:
    facts = checkpoint.facts
    step, seconds = facts["step"], facts["seconds"]
    if type(step) is not int or step < 0 or not 0 <= float(seconds) < float("inf"):
        raise ValueError("its step or time is invalid")
    device = problem.images.labels.device
    load(problem, checkpoint.tensors)
    state = State(
        step,
        torch.tensor(facts["loss_sum"], dtype=torch.float64, device=device),
        seconds,
        [Epoch.read(entry) for entry in facts["epochs"]],
    )
    if facts["best_epoch"] is not None:
        result, statistics = checkpoint.part("best"), checkpoint.part("best-statistics")
        state.best = Snapshot(  # in the order of the network's parameters
            facts["best_epoch"],
            {name: result[name].to(device) for name in problem.learner.tensors()},
            {name: statistics[name] for name in buffers_of(problem)},
        )
    if facts["sound_epoch"] is not None:
        state.sound = Sound(facts["sound_epoch"], checkpoint.part("sound"))
    return state
