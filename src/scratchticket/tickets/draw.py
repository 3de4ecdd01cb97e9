"""Set up runs of the loop that draw a ticket or train a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from scratchticket.attacks import Attack
from scratchticket.base.errors import InputError, TicketError
from scratchticket.base.modes import usual_modes
from scratchticket.base.typed import changed
from scratchticket.data import Data
from scratchticket.learning import (
    Epoch,
    Learner,
    LearningRecipe,
    Problem,
    ScoreLearner,
    SearchRecipe,
    Session,
    Snapshot,
    Validation,
    Watch,
    WeightLearner,
    learn,
    make_search,
)
from scratchticket.masks import Mask, Pattern, Ratio, Selector
from scratchticket.networks import (
    BUILT_IN,
    NetworkRecipe,
    bare,
    check_logits,
    check_masked,
    check_rebuildable,
    classifier,
    fast_convolutions,
    maskable,
    placed,
    random_network,
    statistics,
)
from scratchticket.tickets.identity import check_one_network, fingerprint
from scratchticket.tickets.start import Start
from scratchticket.tickets.ticket import Ticket

InitialScores = Literal["random", "weights"]
Validate = Callable[[nn.Module], Validation]


@dataclass(frozen=True)
class Task:
    """Data, network and settings of a run that draws or trains.

    Attributes:
        data: Data set; the loop learns only from its training part.
        network: The random network.
        attack: The inner maximisation.
        learning: The outer minimisation.
        validate: Evaluates a network on the validation part.
        seed: Seed of weights, scores, batches and random starts.
        device: Device to compute on.
        start: Ticket or trained network to start from instead of the random network, if any.
        beside: Further tickets; the inner attack attacks the set of them and the new ticket.
        identity: Text that must be the same to resume from a checkpoint, such as the settings of
            ``validate``.
        watch: Evaluates a network for catastrophic overfitting.
    """

    data: Data
    network: NetworkRecipe
    attack: Attack
    learning: LearningRecipe
    validate: Validate
    seed: int = 0
    device: torch.device | str = "cpu"
    start: Start | None = None
    beside: tuple[Ticket, ...] = ()
    identity: str = ""
    watch: Callable[[nn.Module], Watch] | None = None

    def __post_init__(self) -> None:
        if self.beside and self.attack.name == "none":
            raise InputError("drawing beside other tickets needs an inner attack, got none")
        for other in self.beside:
            other.check_data(self.data.shape, self.data.classes, self.data.name)


@dataclass(frozen=True)
class Finished:
    """The two tickets of a finished run: of the best epoch in validation and of the last epoch.

    Attributes:
        chosen: The ticket that the learning recipe selects.
        other: The other ticket; the same object if best and last are the same epoch.
        chosen_epoch: Epoch of :attr:`chosen`, from 1.
        other_epoch: Epoch of :attr:`other`, from 1.
        chosen_is: Whether :attr:`chosen` is the ``best`` or the ``last``.
        epochs: The log of each epoch.
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
        """``last`` if :attr:`chosen` is the best, else ``best``."""
        return "last" if self.chosen_is == "best" else "best"


@dataclass(frozen=True)
class Job:
    """A run that is set up and checked, but not started.

    Attributes:
        task: Data, network and settings.
        network: The initial network.
        learner: Learner of scores or weights.
        ticket: Function from a snapshot of the run to a ticket.
        facts: JSON values that must be the same to resume from a checkpoint.
    """

    task: Task
    network: nn.Module
    learner: Learner
    ticket: Callable[[Snapshot], Ticket]
    facts: Mapping[str, Any]

    def __post_init__(self) -> None:
        now = Snapshot(0, self.learner.result(), statistics(self.network))
        ticket = self.ticket(now)
        try:  # storing must fail now, not after hours of computation
            Ticket.from_bytes(ticket.to_bytes())
        except TicketError as error:
            raise InputError(f"a ticket of this network cannot be stored: {error}") from None
        try:
            if self.task.beside:
                check_one_network([ticket, *self.task.beside])
        except InputError as error:
            raise InputError(
                f"this ticket and those beside it cannot form a switch: {error}"
            ) from None

    @usual_modes()
    def run(self, session: Session = Session()) -> Finished:
        """Run the loop and return the run's tickets.

        Raises:
            Interrupted: If the session asks to stop.
        """
        task = self.task
        problem = Problem(
            network=self.network,
            learner=self.learner,
            images=task.data.train.to(task.device),
            attack=task.attack,
            validate=task.validate,
            watch=task.watch,
            seed=task.seed,
            beside=tuple(placed(other.build(), task.device) for other in task.beside),
            facts=self.facts,
        )
        outcome = learn(problem, task.learning, session)
        best, last = outcome.best, outcome.last
        chosen, other = (best, last) if task.learning.select == "best" else (last, best)
        first = self.ticket(chosen)
        return Finished(
            chosen=first,
            other=first if best.epoch == last.epoch else self.ticket(other),
            chosen_epoch=chosen.epoch,
            other_epoch=other.epoch,
            chosen_is=task.learning.select,
            epochs=outcome.epochs,
            seconds=outcome.seconds,
        )


@usual_modes()
def drawing(
    task: Task,
    remaining_ratio: Ratio,
    *,
    pattern: Pattern = Pattern(),
    scores: InitialScores = "random",
    search: SearchRecipe = SearchRecipe(),
) -> Job:
    """Set up a run that draws a ticket: the mask is learned, the weights are frozen.

    The weights are random or, with a start, trained, which gives a trained ticket (RTT).

    Args:
        task: Data, network and settings.
        remaining_ratio: Fraction of the scores kept, in (0, 1].
        pattern: Granularity, and how the remaining ratio is distributed over the layers.
        scores: Initial scores: ``random``, or ``weights`` for the magnitudes of the start's
            weights. With ``weights`` and a learning rate of 0, the mask is that of magnitude
            pruning.
        search: Initial scores, ranking of weights and step rule.

    Raises:
        InputError: If ratio, pattern, start, scores or search is invalid.
    """
    if task.start is not None:
        task.start.check_dense()
    elif scores == "weights":
        raise InputError("scores=weights needs a trained network to start from")
    score_seed = task.seed if scores == "random" else None
    network = _network(task)
    parameters = maskable(network)
    shapes = {name: tuple(p.shape) for name, p in parameters.items()}
    last = classifier(network, len(task.data.classes))
    selector = Selector(pattern, remaining_ratio, shapes, last)
    learner = ScoreLearner(parameters, selector, score_seed, task.learning, make_search(search))

    def ticket(snapshot: Snapshot) -> Ticket:
        weights = dict(bare(network).named_parameters()) | learner.weights
        return _ticket(
            task,
            snapshot,
            mask=Mask(snapshot.result),
            weights={name: weight.detach().cpu() for name, weight in weights.items()},
            stored=task.start is not None,
            score_seed=score_seed,
        )

    return Job(task, network, learner, ticket, _facts(task) | {"scores": scores})


@usual_modes()
def training(task: Task) -> Job:
    """Set up a run that trains all weights of a random network, or a ticket's remaining weights.

    Raises:
        InputError: If the start is invalid.
    """
    network = _network(task)
    mask = Mask({n: torch.ones_like(p, dtype=torch.bool) for n, p in maskable(network).items()})
    score_seed = None
    if task.start is not None:
        given = task.start.ticket.mask
        if [(n, m.shape) for n, m in given.items()] != [(n, m.shape) for n, m in mask.items()]:
            raise InputError("the ticket's mask does not fit this network and number of classes")
        mask, score_seed = given, task.start.ticket.score_seed
    learner = WeightLearner(
        dict(bare(network).named_parameters()),
        {name: layer for name, layer in mask.items() if not bool(layer.all())},
        task.learning,
    )

    def ticket(snapshot: Snapshot) -> Ticket:
        weights = {name: value.cpu() for name, value in snapshot.result.items()}
        return _ticket(
            task, snapshot, mask=mask, weights=weights, stored=True, score_seed=score_seed
        )

    return Job(task, network, learner, ticket, _facts(task))


def _facts(task: Task) -> dict[str, Any]:
    """Return what must be the same to resume a run, apart from learner, images and attack."""
    data = task.data
    return {
        "network": changed(task.network),
        "classes": list(data.classes),
        "normalisation": [list(data.mean), list(data.std)],
        "identity": task.identity,
    }


def _network(task: Task) -> nn.Module:
    """Return a task's initial network, on its device.

    Raises:
        InputError: If the network has no maskable weight, or cannot take the data's images.
    """
    data = task.data
    network = random_network(
        task.network,
        classes=len(data.classes),
        image_shape=data.shape,
        seed=task.seed,
        mean=data.mean,
        std=data.std,
    )
    classes, recipe = len(data.classes), task.network
    check_masked(network, recipe.name)
    if not maskable(network):
        raise InputError(f"network {task.network.name} has no weight that a mask can cover")
    if task.start is not None:
        task.start.copy_weights(network, data.classes, data.shape)
    check_logits(network, data.shape, classes, exactly=True)
    if recipe.name not in BUILT_IN:
        check_rebuildable(recipe, network, data.shape, classes)
    return fast_convolutions(placed(network, task.device))


def _ticket(  # noqa: PLR0913
    task: Task,
    snapshot: Snapshot,
    *,
    mask: Mask,
    weights: dict[str, Tensor],
    stored: bool,
    score_seed: int | None,
) -> Ticket:
    """Return the ticket with a snapshot's batch-norm statistics and the given mask and weights."""
    data = task.data
    return Ticket(
        network=task.network,
        seed=task.seed,
        image_shape=data.shape,
        classes=data.classes,
        mean=data.mean,
        std=data.std,
        mask=mask,
        statistics={n: b.cpu() for n, b in snapshot.statistics.items() if b.is_floating_point()},
        fingerprints={name: fingerprint(value) for name, value in weights.items()},
        score_seed=score_seed,
        weights=weights if stored else None,
    )
