"""What the loop is given, what it tells while it runs, and what it leaves."""

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
        natural: Without an attack.
        robust: Under the attack that judges.
        fgsm: Under FGSM, where the inner attack makes one step; else none.
    """

    natural: Accuracy
    robust: Accuracy
    fgsm: Accuracy | None = None


@dataclass(frozen=True)
class Problem:
    """Eq. 1 with everything filled in.

    Attributes:
        network: A plain module; its parameters are those the learner writes.
        learner: What is learned.
        images: Training images, on the network's device.
        attack: The inner maximisation.
        validate: Judges the network, in eval mode; never sees the test images.
        seed: Of batches, attack starts and whatever the network draws.
        beside: Other networks, in eval mode, that the inner attack is made on too: it then
            maximises the mean cross-entropy of all.
        facts: JSON values that differ where two problems must not share a checkpoint, beyond what
            the other attributes tell.
    """

    network: nn.Module
    learner: Learner
    images: ImageSet
    attack: Attack
    validate: Callable[[nn.Module], Validation]
    seed: int
    beside: tuple[nn.Module, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Epoch:
    """One line of the log.

    Attributes:
        epoch: Counted from 1.
        loss: Mean training loss, under the inner attack.
        learning_rate: Of the last step.
        seconds: Since the run began, over all sessions; before this epoch's validation.
        validation: Accuracies, if they were taken.
        signs: What seemed wrong with the network then, see :func:`.health.signs`.
    """

    epoch: int
    loss: float
    learning_rate: float
    seconds: float
    validation: Validation | None
    signs: tuple[str, ...] = ()

    @staticmethod
    def read(entry: dict[str, Any]) -> Epoch:
        """Return the log line of its JSON form."""
        judged = entry["validation"]
        if judged is not None:
            judged = {name: counts and Accuracy(**counts) for name, counts in judged.items()}
            judged = Validation(**judged)
        signs = tuple(entry.get("signs", ()))
        return Epoch(**(entry | {"validation": judged, "signs": signs}))


@dataclass(frozen=True)
class Event:
    """Where a run stands, told after each step.

    Attributes:
        step: Steps done, of ``steps``.
        steps: Steps of the whole run.
        loss: Mean loss of the epoch so far, or of the one just finished; a tensor, so that telling
            it costs no synchronisation.
        epochs: Finished epochs.
        total_epochs: Epochs of the whole run.
        judging: What follows the last step, in the time of steps.
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
        checkpoint: File to save to and, if it exists, to go on from; none to keep nothing.
        save_seconds: Time between two saves, once the run has gone on for a while.
        observe: Called after each step.
        stop: Asked before each step; if true, the run saves and raises :class:`Interrupted`.
        tell: Called with a warning.
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
    """The network at the end of an epoch, as far as a ticket needs it.

    Attributes:
        epoch: Counted from 1.
        result: Bool masks or float weights, by parameter name.
        statistics: The network's buffers: running statistics of batch norm.
    """

    epoch: int
    result: dict[str, Tensor]
    statistics: dict[str, Tensor]


@dataclass(frozen=True)
class Outcome:
    """What a finished run leaves: the best epoch under attack on validation, the last, the log.

    ``seconds`` is the time spent over all sessions, validation included.
    """

    best: Snapshot
    last: Snapshot
    epochs: list[Epoch]
    seconds: float
