"""Draw a ticket or train a network in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import nn

from scratchticket.attacks import FGSM, PGD, Attack, AttackRecipe
from scratchticket.base.errors import InputError
from scratchticket.base.processes import ALONE, Group
from scratchticket.data import Data
from scratchticket.evaluation import natural_accuracy, robust_accuracy
from scratchticket.learning import LearningRecipe, SearchRecipe, Session, Validation, Watch
from scratchticket.masks import Pattern, Ratio
from scratchticket.networks import Factory, NetworkRecipe, name_of, register
from scratchticket.runs.recipe import BesideRecipe, Recipe, StartRecipe
from scratchticket.runs.records import usable_device, versions
from scratchticket.runs.start import NEW_INIT, content_hash
from scratchticket.tickets import (
    Finished,
    InitialScores,
    Job,
    Start,
    Task,
    Ticket,
    drawing,
    training,
)

WATCHED = 256  # validation images on which every epoch is checked for catastrophic overfitting


def validator(
    data: Data, judge: Attack, seed: int, group: Group = ALONE
) -> Callable[[nn.Module], Validation]:
    """Return the function that the loop calls to validate a network.

    Args:
        data: Data set; only its validation part is used.
        judge: Attack under which robust accuracy is measured.
        seed: Seed of the attacks' random starts.
        group: The processes that share the run.
    """

    def validate(network: nn.Module) -> Validation:
        return Validation(
            natural=natural_accuracy(network, data.validation, group=group),
            robust=robust_accuracy(network, data.validation, judge, seed=seed, group=group),
        )

    return validate


def watcher(
    data: Data, inner: Attack, seed: int, group: Group = ALONE
) -> Callable[[nn.Module], Watch]:
    """Return the function that the loop calls to detect catastrophic overfitting.

    Args:
        data: Data set; only the first :data:`WATCHED` images of its validation part are used.
        inner: Inner attack; FGSM and PGD-5 are run at its norm and epsilon.
        seed: Seed of the attacks' random starts.
        group: The processes that share the run.
    """
    images = data.validation[: min(WATCHED, len(data.validation))]
    fgsm, pgd = (Attack(method, inner.epsilon, inner.norm) for method in (FGSM(), PGD(5)))

    def watch(network: nn.Module) -> Watch:
        return Watch(
            fgsm=robust_accuracy(network, images, fgsm, seed=seed, group=group),
            pgd=robust_accuracy(network, images, pgd, seed=seed, group=group),
        )

    return watch


def prepare_job(
    recipe: Recipe,
    data: Data,
    device: torch.device | str,
    start: Start | None = None,
    beside: Sequence[Ticket] = (),
    group: Group = ALONE,
) -> Job:
    """Return the job of a recipe, checked but not started.

    Args:
        recipe: Recipe of the run.
        data: Images named by the recipe.
        device: Device to compute on.
        start: Network or ticket that the recipe starts from; None for a random network.
        beside: The recipe's further tickets for the inner attack.
        group: The processes that share the run.

    Raises:
        InputError: If the recipe cannot be run on these data.
    """
    assert recipe.ratio is not None
    smallest = recipe.learning.smallest_batch(len(data.train))
    if group.size > 1 and smallest < 2 * group.size:
        raise InputError(
            f"a batch of {smallest} images is too small for {group.size} processes, which need two "
            "images each; choose another learning.batch_size"
        )
    judged = data.validation.digest()
    task = Task(
        data,
        recipe.network,
        recipe.attack,
        recipe.learning,
        validator(data, recipe.judge, recipe.seed, group),
        recipe.seed,
        device,
        start,
        tuple(beside),
        identity=f"{recipe.id}/{judged}",
        watch=watcher(data, recipe.attack, recipe.seed, group),
    )
    if recipe.task == "train":
        return training(task)
    return drawing(
        task, recipe.ratio, pattern=recipe.pattern, scores=recipe.scores, search=recipe.search
    )


def run_job(recipe: Recipe, job: Job, session: Session) -> Finished:
    """Run a job, and add recipe, versions and epoch to the provenance of its tickets.

    Raises:
        Interrupted: If the session asks to stop.
    """
    done = job.run(session)
    made = {"recipe": recipe.brief(), "versions": versions()}
    return replace(
        done,
        chosen=replace(done.chosen, provenance=made | {"epoch": done.chosen_epoch}),
        other=replace(done.other, provenance=made | {"epoch": done.other_epoch}),
    )


def _network(network: NetworkRecipe | Factory | str | None, start: Start | None) -> NetworkRecipe:
    """Return the network recipe that a user's argument describes."""
    if isinstance(network, NetworkRecipe):
        return network
    if network is None:
        taken = start.ticket.network if start is not None else NetworkRecipe()
        return replace(taken, init=NEW_INIT) if start and start.weights == "new" else taken
    if isinstance(network, str):
        return NetworkRecipe(network)
    name = name_of(network)
    register(name, network)
    return NetworkRecipe(name)


def _start(start: Start | Ticket | None) -> tuple[Start | None, StartRecipe]:
    """Return the start that a user's argument describes, and its recipe."""
    if start is None:
        return None, StartRecipe()
    start = Start(start) if isinstance(start, Ticket) else start
    return start, StartRecipe(sha256=content_hash(start.ticket), weights=start.weights)


def draw_ticket(  # noqa: PLR0913
    data: Data,
    network: NetworkRecipe | Factory | str | None = None,
    *,
    ratio: Ratio | None = None,
    pattern: Pattern = Pattern(),
    start: Ticket | None = None,
    scores: InitialScores = "random",
    beside: Sequence[Ticket] = (),
    search: SearchRecipe = SearchRecipe(),
    attack: Attack = AttackRecipe(),
    learning: LearningRecipe = LearningRecipe(),
    seed: int = 0,
    device: torch.device | str = "cpu",
    session: Session = Session(),
) -> Ticket:
    """Draw a robust scratch ticket from a random network (Eq. 1).

    Args:
        data: Data set. The mask is searched on the training part, and the epoch is selected on the
            validation part under PGD-20; the test part is not used.
        network: Random network: a recipe; a name, for the default width; or a function of your own,
            see :func:`scratchticket.networks.register`. If not given, ``resnet18``, or the network
            of the start.
        ratio: Fraction of the weights that remain, in (0, 1]; 0.1 if not given.
        pattern: Granularity of the mask, and budget over the layers.
        start: A trained network to draw from instead of a random one (RTT).
        scores: Initial scores: ``random``, or the magnitudes of the start's ``weights``.
        beside: Further tickets for the inner attack, which then maximises the mean cross-entropy of
            all tickets: this ticket learns to resist attacks on a switch between all of them.
        search: How the mask is searched for; by default as in the paper.
        attack: The inner maximisation; epsilon in units of pixels in [0, 1].
        learning: Epochs, batch size, schedule.
        seed: Seed of independent streams for weights, scores, batches and attack starts.
        device: Device to compute on.
        session: Callbacks to watch, stop and resume the run.

    Raises:
        InputError: If an argument is invalid.

    Example:
        >>> from scratchticket.data import load_data
        >>> ticket = draw_ticket(
        ...     load_data("digits"),
        ...     NetworkRecipe("resnet18", width=2),
        ...     ratio=0.5,
        ...     attack=AttackRecipe(epsilon=0.1, steps=1),
        ...     learning=LearningRecipe(epochs=1, batch_size=256),
        ... )
        >>> round(ticket.remaining_ratio, 2)
        0.5
    """
    device = usable_device(str(device))
    origin, described = _start(start)
    recipe = Recipe(
        task="draw",
        data=data.recipe,
        network=_network(network, origin),
        ratio=None if ratio is None else str(ratio),
        pattern=pattern,
        start=described,
        beside=BesideRecipe(sha256=tuple(map(content_hash, beside))),
        scores=scores,
        search=search,
        attack=attack,
        learning=learning,
        seed=seed,
    )
    return run_job(recipe, prepare_job(recipe, data, device, origin, beside), session).chosen


def train_network(  # noqa: PLR0913
    data: Data,
    network: NetworkRecipe | Factory | str | None = None,
    *,
    start: Start | Ticket | None = None,
    attack: Attack = AttackRecipe(),
    learning: LearningRecipe = LearningRecipe(),
    seed: int = 0,
    device: torch.device | str = "cpu",
    session: Session = Session(),
) -> Ticket:
    """Train all weights of a random network, or the remaining weights of a ticket.

    The arguments are those of :func:`draw_ticket`, and equal ones give the same random network; the
    attack ``none`` means natural training. With a start, the mask is fixed and only the ticket's
    remaining weights are trained: from their values in the ticket or, with ``Start(ticket,
    "new")``, from new random values, which are Kaiming normal unless ``network`` has another init.

    Returns:
        A ticket with stored weights.
    """
    device = usable_device(str(device))
    origin, described = _start(start)
    recipe = Recipe(
        task="train",
        data=data.recipe,
        network=_network(network, origin),
        start=described,
        attack=attack,
        learning=learning,
        seed=seed,
    )
    return run_job(recipe, prepare_job(recipe, data, device, origin), session).chosen
