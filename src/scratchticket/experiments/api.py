"""Drawing and training in one call, for use from Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from scratchticket.attacks import AttackRecipe
from scratchticket.data import Data
from scratchticket.evaluation import natural_accuracy, robust_accuracy
from scratchticket.experiments.recipe import Recipe
from scratchticket.experiments.records import versions
from scratchticket.learning import LearningRecipe, Session, Validation
from scratchticket.masks import Ratio
from scratchticket.networks import NetworkRecipe
from scratchticket.tickets import Finished, Ticket, draw, train
from scratchticket.tickets.draw import Task


def validator(data: Data, attack: AttackRecipe, seed: int) -> Callable[[nn.Module], Validation]:
    """Return what the loop calls to judge a network on the validation images."""

    def validate(network: nn.Module) -> Validation:
        return Validation(
            natural=natural_accuracy(network, data.validation),
            robust=robust_accuracy(network, data.validation, attack, seed=seed),
        )

    return validate


def learned(recipe: Recipe, data: Data, device: torch.device | str, session: Session) -> Finished:
    """Run a recipe on data; the tickets say in their provenance how they came to be.

    Raises:
        Interrupted: If the session asks to stop.
    """
    assert recipe.ratio is not None
    validate = validator(data, recipe.judge, recipe.seed)
    task = Task(data, recipe.network, recipe.attack, recipe.learning, validate, recipe.seed, device)
    done = draw(task, recipe.ratio, session) if recipe.task == "draw" else train(task, session)
    made = {"recipe": recipe.json(), "versions": versions()}
    return replace(
        done,
        chosen=replace(done.chosen, provenance=made | {"epoch": done.chosen_epoch}),
        other=replace(done.other, provenance=made | {"epoch": done.other_epoch}),
    )


def _recipe(network: NetworkRecipe | str) -> NetworkRecipe:
    return NetworkRecipe(network) if isinstance(network, str) else network


def draw_ticket(  # noqa: PLR0913
    data: Data,
    network: NetworkRecipe | str = "resnet18",
    *,
    ratio: Ratio = 0.1,
    attack: AttackRecipe = AttackRecipe(),
    learning: LearningRecipe = LearningRecipe(),
    seed: int = 0,
    device: torch.device | str = "cpu",
    session: Session = Session(),
) -> Ticket:
    """Draw a robust scratch ticket from a random network (Eq. 1).

    Args:
        data: Images; the training part is searched on, the epoch chosen on the validation part
            under PGD-20, the test part not touched.
        network: Which random network; a name means its default width.
        ratio: Fraction of the weights of each layer that remain, in (0, 1].
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
    recipe = Recipe("draw", data.name, _recipe(network), str(ratio), attack, learning, seed=seed)
    return learned(recipe, data, device, session).chosen


def train_network(  # noqa: PLR0913
    data: Data,
    network: NetworkRecipe | str = "resnet18",
    *,
    attack: AttackRecipe = AttackRecipe(),
    learning: LearningRecipe = LearningRecipe(),
    seed: int = 0,
    device: torch.device | str = "cpu",
    session: Session = Session(),
) -> Ticket:
    """Train the dense network from the same random weights.

    Takes the arguments of :func:`draw_ticket` but no ratio (the attack ``none`` means natural
    training), and returns a ticket whose weights are
    stored and all remain.
    """
    recipe = Recipe(
        "train", data.name, _recipe(network), attack=attack, learning=learning, seed=seed
    )
    return learned(recipe, data, device, session).chosen
