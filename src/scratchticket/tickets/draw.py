"""Where networks and masks meet: the loop, set up to draw a ticket or to train a dense network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from scratchticket.attacks import AttackRecipe
from scratchticket.data import Data
from scratchticket.learning import (
    Epoch,
    Learner,
    LearningRecipe,
    Problem,
    ScoreLearner,
    Session,
    Snapshot,
    Validation,
    WeightLearner,
    learn,
)
from scratchticket.masks import Mask, Ratio, parse_ratio
from scratchticket.networks import NetworkRecipe, maskable, random_network
from scratchticket.tickets.parts import statistics_of
from scratchticket.tickets.ticket import Ticket, fingerprint

Validate = Callable[[nn.Module], Validation]


@dataclass(frozen=True)
class Task:
    """What is learned on, by which rules; shared by every use of the loop.

    Attributes:
        data: Images; only the training part is learned from.
        network: The random network to start from.
        attack: The inner maximisation.
        learning: The outer minimisation.
        validate: Judges a network on the validation part.
        seed: Of weights, scores, batches and attack starts.
        device: Where to compute.
    """

    data: Data
    network: NetworkRecipe
    attack: AttackRecipe
    learning: LearningRecipe
    validate: Validate
    seed: int = 0
    device: torch.device | str = "cpu"


@dataclass(frozen=True)
class Finished:
    """The two tickets a run leaves: of the best epoch on validation, and of the last.

    Attributes:
        chosen: The one the learning recipe selects.
        other: The other one; the same object if best and last are the same epoch.
        chosen_epoch: Counted from 1.
        other_epoch: Counted from 1.
        chosen_is: ``best`` or ``last``.
        epochs: The log.
        seconds: Time spent, over all sessions.
    """

    chosen: Ticket
    other: Ticket
    chosen_epoch: int
    other_epoch: int
    chosen_is: Literal["best", "last"]
    epochs: list[Epoch]
    seconds: float

    @property
    def other_is(self) -> Literal["best", "last"]:
        """What :attr:`other` is."""
        return "last" if self.chosen_is == "best" else "best"


def draw(task: Task, remaining_ratio: Ratio, session: Session = Session()) -> Finished:
    """Draw a ticket: learn which of the random weights remain; the weights never change.

    Raises:
        InputError: If the ratio lies outside (0, 1].
        Interrupted: If the session asks to stop.
    """
    parse_ratio(remaining_ratio)
    return _run(task, session, lambda p: ScoreLearner(p, remaining_ratio, task.seed))


def train(task: Task, session: Session = Session()) -> Finished:
    """Train the dense network from the same random weights: the paper's baseline."""
    return _run(task, session, WeightLearner)


def _run(
    task: Task, session: Session, learner: Callable[[dict[str, nn.Parameter]], Learner]
) -> Finished:
    data = task.data
    network = random_network(
        task.network,
        classes=len(data.classes),
        channels=data.shape[0],
        seed=task.seed,
        mean=data.mean,
        std=data.std,
    )
    network = network.to(task.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    parameters = maskable(network)
    problem = Problem(
        network=network,
        learner=learner(parameters),
        images=data.train.to(task.device),
        attack=task.attack,
        validate=task.validate,
        seed=task.seed,
    )
    fingerprints = {name: fingerprint(parameter) for name, parameter in parameters.items()}
    outcome = learn(problem, task.learning, session)
    names = set(statistics_of(network))

    def ticket(snapshot: Snapshot) -> Ticket:
        result = {name: value.cpu() for name, value in snapshot.result.items()}
        dense = any(value.is_floating_point() for value in result.values())
        return Ticket(
            network=task.network,
            seed=task.seed,
            image_shape=data.shape,
            classes=data.classes,
            mean=data.mean,
            std=data.std,
            mask=Mask({n: torch.ones_like(v, dtype=torch.bool) for n, v in result.items()})
            if dense
            else Mask(result),
            statistics={n: b.cpu() for n, b in snapshot.statistics.items() if n in names},
            fingerprints={n: fingerprint(v) for n, v in result.items()} if dense else fingerprints,
            score_seed=None if dense else task.seed,
            weights=result if dense else None,
        )

    best, last = outcome.best, outcome.last
    chosen, other = (best, last) if task.learning.select == "best" else (last, best)
    first = ticket(chosen)
    return Finished(
        chosen=first,
        other=first if best.epoch == last.epoch else ticket(other),
        chosen_epoch=chosen.epoch,
        other_epoch=other.epoch,
        chosen_is=task.learning.select,
        epochs=outcome.epochs,
        seconds=outcome.seconds,
    )
