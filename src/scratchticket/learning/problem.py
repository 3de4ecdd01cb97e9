"""Inputs, progress events and results of the loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from scratchticket.attacks import Attack
from scratchticket.base.accuracy import Accuracy
from scratchticket.base.processes import ALONE, Group
from scratchticket.data import ImageSet
from scratchticket.learning.learners import Learner


@dataclass(frozen=True)
class Validation:
    """Accuracies on the validation images.

    Attributes:
        natural: Natural accuracy.
        robust: Robust accuracy under the validation attack.
    """

    natural: Accuracy
    robust: Accuracy


@dataclass(frozen=True)
class Watch:
    """Accuracies on some validation images, compared to notice catastrophic overfitting.

    Attributes:
        fgsm: Robust accuracy under FGSM.
        pgd: Robust accuracy under PGD of a few steps.
    """

    fgsm: Accuracy
    pgd: Accuracy


@dataclass(frozen=True)
class Problem:
    """The minimax problem of Eq. 1: network, learner, data and attack.

    Attributes:
        network: A plain module, whose parameters the learner writes.
        learner: Learner of scores or weights.
        images: Training images, on the network's device.
        attack: The inner maximisation.
        validate: Evaluates the network, in eval mode; never sees the test images.
        seed: Seed of batches, attack starts and random numbers the network draws.
        beside: Further networks, in eval mode, to attack together with this one: the inner attack
            then maximises the mean cross-entropy of all.
        facts: Further JSON values that must be equal to resume from a checkpoint.
        watch: Evaluates the network, in eval mode, for catastrophic overfitting; called after each
            epoch whose inner attack has one step.
    """

    network: nn.Module
    learner: Learner
    images: ImageSet
    attack: Attack
    validate: Callable[[nn.Module], Validation]
    seed: int
    beside: tuple[nn.Module, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    watch: Callable[[nn.Module], Watch] | None = None


@dataclass(frozen=True)
class Epoch:
    """The log of one epoch.

    Attributes:
        epoch: Number of the epoch, from 1.
        loss: Mean training loss, under the inner attack.
        learning_rate: Learning rate of the last step.
        seconds: Time since the start, over all sessions, without this epoch's validation.
        validation: Validation accuracies; None if not validated.
        signs: Health warnings, see :func:`.health.signs`.
        watch: Accuracies compared to notice catastrophic overfitting; None if not watched.
        back_from: If the run returned to the end of this epoch because of catastrophic overfitting:
            the later epoch in which it was noticed.
    """

    epoch: int
    loss: float
    learning_rate: float
    seconds: float
    validation: Validation | None
    signs: tuple[str, ...] = ()
    watch: Watch | None = None
    back_from: int | None = None

    @staticmethod
    def read(entry: dict[str, Any]) -> Epoch:
        """Return the epoch from its JSON form."""
        read = dict(entry)
        for name, kind in (("validation", Validation), ("watch", Watch)):
            if (accuracies := entry.get(name)) is not None:
                read[name] = kind(**{key: Accuracy(**counts) for key, counts in accuracies.items()})
        return Epoch(**read | {"signs": tuple(entry.get("signs", ()))})


@dataclass(frozen=True)
class Event:
    """The progress of a run, reported after each step.

    Attributes:
        step: Number of steps done.
        steps: Number of steps of the whole run.
        loss: Mean loss of the epoch so far, or of the epoch just finished; a tensor, to avoid a
            device synchronisation.
        epochs: Log of the finished epochs.
        total_epochs: Number of epochs of the whole run.
        judging: Estimated cost of the evaluation after the last step, in steps.
    """

    step: int
    steps: int
    loss: Tensor
    epochs: list[Epoch]
    total_epochs: int
    judging: float = 0.0


@dataclass(frozen=True)
class Session:
    """How a run is watched, stopped and resumed.

    Attributes:
        checkpoint: File to save to and, if it exists, to resume from; None saves nothing.
        save_seconds: Longest time between two saves.
        observe: Called after each step.
        stop: Called before each step; if it returns true, the run saves a checkpoint and raises
            :class:`Interrupted`.
        tell: Called with each warning.
        group: The processes that share the run; the first of them saves and observes.
    """

    checkpoint: Path | None = None
    save_seconds: float = 30.0
    observe: Callable[[Event], None] = lambda event: None
    stop: Callable[[], bool] = lambda: False
    tell: Callable[[str], None] = lambda warning: None
    group: Group = ALONE


@dataclass(frozen=True)
class Snapshot:
    """Masks or weights, and buffers, at the end of an epoch.

    Attributes:
        epoch: Number of the epoch, from 1.
        result: Bool masks or float weights, by parameter name.
        statistics: The network's buffers: running statistics of batch norm.
    """

    epoch: int
    result: dict[str, Tensor]
    statistics: dict[str, Tensor]


@dataclass(frozen=True)
class Outcome:
    """The result of a finished run.

    Attributes:
        best: The epoch with the best robust validation accuracy.
        last: The last epoch.
        epochs: The log.
        seconds: Time spent, over all sessions, validation included.
    """

    best: Snapshot
    last: Snapshot
    epochs: list[Epoch]
    seconds: float
