"""An attack on one image, step by step, with every network's prediction at each step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from scratchticket.attacks import METHODS, Attack, Network, Norm, Settings, Target, make_method
from scratchticket.attacks.registry import known_method, settings_of
from scratchticket.attacks.sets import NetworkSet
from scratchticket.attacks.verdict import verified
from scratchticket.base import rng
from scratchticket.base.errors import InputError, unknown
from scratchticket.base.plugins import plugin_names
from scratchticket.data import pixels
from scratchticket.page.sets import TicketSet

SWITCH = "the switch"  # a request's source: the switch itself, not a single network
_TITLES = {
    "pgd": "PGD on the cross-entropy",
    "cw-inf": "PGD on the margin (CW-Inf)",
    "fgsm-rs": "FGSM from a random start",
    "fgsm": "FGSM",
    "noise": "random noise, a draw per step",
    "apgd-ce": "Auto-PGD on the cross-entropy",
    "apgd-dlr": "Auto-PGD on the difference of logits ratio",
}
COUNTS = ("steps", "draws")  # settings of attacks that receive the page's number of steps
MAX_STEPS = 50
BATCH_SIZE = 16  # images per forward pass
DRAWS = 10  # predictions of the switch shown for each step


def attacks() -> dict[str, str]:
    """Return the titles of all attacks that can be tried, by name; plug-ins come last."""
    usable = {
        name for name, kind in METHODS.items() if kind.for_evaluation and kind.for_learning
    } - {"none"}
    titled = {name: title for name, title in _TITLES.items() if name in usable}
    untitled = [*sorted(usable - titled.keys()), *plugin_names("attacks")]
    return titled | {name: name for name in untitled}


@dataclass(frozen=True)
class AttackRequest:
    """An attack to try on an image.

    Attributes:
        tickets: Names of the tickets in the switch, drawn with equal probability.
        source: The attacked network: :data:`SWITCH`, the expectation over all its tickets; or the
            name of one ticket or dense network of the set.
        attack: A name of :func:`attacks`.
        epsilon: Radius of the ball as text, for pixels in [0, 1].
        norm: Norm of the ball.
        steps: Number of steps, from 1 to 50; FGSM takes one.
        made: The attack that these settings describe.

    Raises:
        InputError: If a name is unknown or a number is out of range.
    """

    tickets: tuple[str, ...]
    source: str = SWITCH
    attack: str = "pgd"
    epsilon: str = "8/255"
    norm: Norm = "linf"
    steps: int = 20
    made: Attack = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.attack not in attacks():
            raise unknown("attack", self.attack, attacks())
        if not 1 <= self.steps <= MAX_STEPS:
            raise InputError(f"steps must be from 1 to {MAX_STEPS}, got {self.steps}")
        known = settings_of(known_method(self.attack))
        settings = {name: self.steps for name in COUNTS if name in known}
        made = Attack(make_method(self.attack, settings), self.epsilon, self.norm)
        object.__setattr__(self, "made", made)
        object.__setattr__(self, "epsilon", made.epsilon)

    def __str__(self) -> str:
        return str(self.made)


@dataclass(frozen=True, eq=False)
class Trial:
    """The result of an attack: position 0 is the clean image, position ``k`` is step ``k``.

    Attributes:
        request: The attack that was tried.
        classes: Class names.
        images: Pixels in [0, 1], ``(position, channel, height, width)``.
        distances: Distances from the clean image, in the norm of the ball, ``(position,)``.
        label: The class with which predictions are compared: the true class if known, else the
            prediction of the tickets' mean probabilities on the clean image.
        known: Whether ``label`` is the true class.
        probabilities: Probabilities of the tickets, ``(position, ticket, class)``.
        dense: Probabilities of each dense network, by name, ``(position, class)``.
        drawn: Predictions of the switch, ``(position, draw)``, each by a newly drawn ticket.
    """

    request: AttackRequest
    classes: tuple[str, ...]
    images: Tensor
    distances: Tensor
    label: int
    known: bool
    probabilities: Tensor
    dense: dict[str, Tensor]
    drawn: Tensor

    def __len__(self) -> int:
        """Return the number of positions."""
        return len(self.images)

    @property
    def answers(self) -> Tensor:
        """Prediction of each ticket: int64, ``(position, ticket)``."""
        return self.probabilities.argmax(dim=2)

    @property
    def right(self) -> Tensor:
        """Exact probability that the switch predicts :attr:`label`: ``(position,)``."""
        return (self.answers == self.label).double().mean(dim=1)

    @property
    def expected(self) -> Tensor:
        """Probability of :attr:`label`, averaged over the tickets: ``(position,)``."""
        return self.probabilities[:, :, self.label].mean(dim=1)


def try_attack(
    ticket_set: TicketSet,
    image: Tensor,
    request: AttackRequest,
    *,
    label: int | None = None,
    seed: int = 0,
    stopped: Callable[[], bool] = lambda: False,
) -> Trial:
    """Attack an image and evaluate every network after each step.

    Args:
        ticket_set: Set of tickets and dense networks.
        image: uint8, ``(channel, height, width)``.
        request: The attack, its source, and the tickets of the switch.
        label: The true class; if not given, the prediction of the tickets' mean probabilities.
        seed: Seed of the attack's random draws.
        stopped: Called before each step; if it returns true, the attack is cancelled.

    Raises:
        InputError: If the image does not fit, the source is unknown, or the attack was cancelled.
    """
    if tuple(image.shape) != ticket_set.shape:
        raise InputError(f"the image has shape {tuple(image.shape)}, not {ticket_set.shape}")
    if label is not None and not 0 <= label < len(ticket_set.classes):
        last = len(ticket_set.classes) - 1
        raise InputError(f"there is no class {label}; classes are numbered 0 to {last}")
    switch, dense = ticket_set.switch(request.tickets), ticket_set.dense_networks()
    clean = pixels(image[None]).to(ticket_set.device)
    if label is None:
        with torch.no_grad():
            mean = switch.logits(clean).softmax(dim=2).mean(dim=1)
        truth = int(mean.argmax())
    else:
        truth = label
    made, chances = request.made, None
    network: Network
    if request.source == SWITCH:
        network, chances = NetworkSet(switch.networks), switch.probabilities
        # An attack that inherits ``path`` takes single networks only.
        if getattr(type(made.method), "path", None) is Settings.path:

            def network(images: Tensor) -> Tensor:
                return switch.logits(images).softmax(dim=2).mean(dim=1).log()

            chances = None
    elif request.source in dense:
        network = dense[request.source]
    else:
        network = ticket_set.switch((request.source,)).networks[0]
    labels = torch.tensor([truth], device=clean.device)
    generator = rng.generator(seed, "attack", device=clean.device)
    target = Target(network, clean, labels, made.ball, generator, chances=chances)
    iterates = (
        verified(images, clean, made.ball, str(made)).detach()
        for images in made.method.path(target)
    )
    images = torch.cat([clean, *_unless(stopped, iterates)])
    with torch.no_grad():
        batches = torch.split(images, BATCH_SIZE)
        probabilities = torch.cat(
            [switch.logits(batch).softmax(dim=2) for batch in _unless(stopped, batches)]
        )
        dense_probabilities = {
            name: torch.cat([member(batch).softmax(dim=1) for batch in batches]).cpu()
            for name, member in dense.items()
        }
    probabilities = probabilities.cpu()
    drawn = switch.draw(len(images) * DRAWS).view(len(images), DRAWS)
    return Trial(
        request,
        ticket_set.classes,
        images.cpu(),
        made.ball.distance(images, clean.expand_as(images)).cpu(),
        truth,
        label is not None,
        probabilities,
        dense_probabilities,
        probabilities.argmax(dim=2).gather(1, drawn),
    )


def _unless(stopped: Callable[[], bool], images: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield images; raise an InputError once ``stopped`` returns true."""
    for batch in images:
        if stopped():
            raise InputError("the attack was stopped")
        yield batch
