"""Drawing and training in one call, for use from Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import nn

from scratchticket.attacks import FGSM, Attack, AttackRecipe
from scratchticket.base.errors import InputError
from scratchticket.base.processes import ALONE, Group
from scratchticket.data import Data
from scratchticket.evaluation import natural_accuracy, robust_accuracy
from scratchticket.learning import LearningRecipe, SearchRecipe, Session, Validation
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


def validator(
    data: Data,
    judge: Attack,
    inner: Sequence[Attack],
    seed: int,
    group: Group = ALONE,
) -> Callable[[nn.Module], Validation]:
    """Return what the loop calls to judge a network on the validation images.

    Args:
        data: Only its validation part is looked at.
        judge: The attack robust accuracy is measured under.
        inner: The attacks of the search, the first first; if one of them makes one step, FGSM is
            measured too, so that catastrophic overfitting can be told.
        seed: Of the attacks' random starts.
        group: The processes that share the run.
    """
    one_step = Attack(FGSM(), inner[0].epsilon, inner[0].norm)
    risky = any(attack.gradients == 1 for attack in inner)

    def validate(network: nn.Module) -> Validation:
        return Validation(
            natural=natural_accuracy(network, data.validation, group=group),
            robust=robust_accuracy(network, data.validation, judge, seed=seed, group=group),
            fgsm=robust_accuracy(network, data.validation, one_step, seed=seed, group=group)
            if risky
            else None,
        )

    return validate


def prepared(
    recipe: Recipe,
    data: Data,
    device: torch.device | str,
    start: Start | None = None,
    beside: Sequence[Ticket] = (),
    group: Group = ALONE,
) -> Job:
    """Set up a recipe on data; whatever is wrong with it is found here.

    Args:
        recipe: What to run.
        data: The images, which the recipe only names.
        device: Where to compute.
        start: What the recipe's start names, loaded.
        beside: The tickets it names beside, loaded.
        group: The processes that share the run.

    Raises:
        InputError: If the recipe cannot be run on these data.
    """
    assert recipe.ratio is not None
    smallest = recipe.learning.smallest_batch(len(data.train))
    if group.size > 1 and smallest < 2 * group.size:
        raise InputError(
            f"a batch of {smallest} images is too small for {group.size} processes; choose another "
            "learning.batch_size"
        )
    judged = data.validation.digest()
    inner = [attack for _, attack in recipe.learning.schedule_of(recipe.attack)]
    task = Task(
        data,
        recipe.network,
        recipe.attack,
        recipe.learning,
        validator(data, recipe.judge, inner, recipe.seed, group),
        recipe.seed,
        device,
        start,
        tuple(beside),
        identity=f"{recipe.id}/{judged}",
    )
    if recipe.task == "train":
        return training(task)
    return drawing(
        task, recipe.ratio, pattern=recipe.pattern, scores=recipe.scores, search=recipe.search
    )


def learned(recipe: Recipe, job: Job, session: Session) -> Finished:
    """Run a prepared recipe; the tickets say in their provenance how they came to be.

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
    """Return the recipe of what the user gave."""
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
    """Return what to start from, and how a recipe says it."""
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
        data: Images; the training part is searched on, the epoch chosen on the validation part
            under PGD-20, the test part not touched.
        network: Which random network; a name means its default width. A function of your own, see
            :func:`scratchticket.networks.register`, is called to make it. If not given,
            ``resnet18``, or the network of the start.
        ratio: Fraction of the scores that are kept, in (0, 1]; 0.1 if not given.
        pattern: What a score decides about, and how the ratio is spread over the layers.
        start: A trained network to draw from instead of a random one (RTT).
        scores: Where the scores start: ``random``, or at the magnitudes of the start's ``weights``.
        beside: Tickets that the inner attack is made on too: it maximises the mean cross-entropy
            of all, so that this ticket learns to be right where a switch of all is attacked.
        search: How the mask is searched for; if not given, as in the paper.
        attack: The inner maximisation; epsilon in units of pixels in [0, 1].
        learning: Epochs, batch size, schedule.
        seed: Of weights, scores, batches and attack starts, each a stream of its own.
        device: Where to compute.
        session: How to watch, stop and resume.

    Raises:
        InputError: If an argument is out of range.

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
    return learned(recipe, prepared(recipe, data, device, origin, beside), session).chosen


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
    """Train a network from the same random weights, or what remains in a ticket.

    Takes the arguments of :func:`draw_ticket` but no ratio or pattern (the attack ``none`` means
    natural training), and returns a ticket whose weights are stored. With a ticket to start from
    its mask stays as it is and only the weights that remain are trained: inherited ones, or with
    ``Start(ticket, "new")`` new ones, Kaiming normal if no network says otherwise.
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
    return learned(recipe, prepared(recipe, data, device, origin), session).chosen
