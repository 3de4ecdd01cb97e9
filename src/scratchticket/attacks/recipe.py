"""An attack, described: what recipes, tickets and records store."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import torch
from torch import Tensor

from scratchticket.attacks.balls import Ball, L2Ball, LinfBall
from scratchticket.attacks.gradient import Keep, Network, pgd
from scratchticket.attacks.losses import Loss, cross_entropy
from scratchticket.attacks.verdict import verified
from scratchticket.base.errors import InputError, unknown
from scratchticket.base.plugins import plugin, plugin_names
from scratchticket.base.quantities import fraction, fraction_text
from scratchticket.base.typed import check_types

Norm = Literal["linf", "l2"]
ATTACKS = ("none", "fgsm", "fgsm-rs", "n-fgsm", "pgd")
ONE_STEP = {"fgsm": Fraction(1), "fgsm-rs": Fraction(5, 4), "n-fgsm": Fraction(1)}  # in epsilons
NOISE = 2  # of N-FGSM, in epsilons
LARGEST = {"linf": 1, "l2": 1000}  # epsilon that is taken for one, by norm
RELEASED_EPSILON, RELEASED_STEP = Fraction(8, 255), Fraction(2, 255)
MAX_STEPS = 100_000


def default_step_size(epsilon: Fraction, steps: int, norm: Norm) -> Fraction:
    """Return the step of PGD: the released 2/255 at l-inf 8/255, else 2.5 epsilon / steps."""
    if epsilon == RELEASED_EPSILON and norm == "linf":
        return RELEASED_STEP
    return Fraction(5, 2) * epsilon / steps


def exact_epsilon(epsilon: str | float, norm: Norm) -> Fraction:
    """Read the radius of a ball.

    Raises:
        InputError: If the norm is unknown or the number out of range.
    """
    if norm not in LARGEST:
        raise unknown("norm", norm, LARGEST)
    exact, largest = fraction(epsilon, "epsilon"), LARGEST[norm]
    if not 0 <= exact <= largest:
        usual = "; the usual 8 is written 8/255" if norm == "linf" else ""
        raise InputError(
            f"epsilon must lie in [0, {largest}], in units of pixels in [0, 1], "
            f"got {epsilon}{usual}"
        )
    return exact


def ball_of(epsilon: Fraction, norm: Norm) -> Ball:
    """Return the ball of a radius and a norm."""
    return LinfBall(float(epsilon)) if norm == "linf" else L2Ball(float(epsilon))


@dataclass(frozen=True)
class AttackRecipe:
    """An attack inside a ball.

    Attributes:
        name: ``pgd``; ``fgsm`` (one step of length epsilon from the image itself); ``fgsm-rs`` (one
            step of 1.25 epsilon from a random start); ``n-fgsm`` (one step of epsilon from noise of
            twice epsilon, which may leave the ball, so for learning only; de Jorge et al., 2022,
            arXiv:2202.01181); ``none``; or the name of a plug-in, which is called as :func:`pgd`
            is.
        epsilon: Radius of the ball in units of pixels in [0, 1], as text: ``8/255`` or ``0.1``.
        steps: Gradient evaluations of ``pgd``; the one-step attacks ignore it.
        step_size: Length of a step of ``pgd``, as text. If not given it is the released code's
            2/255 at epsilon 8/255 in the l-inf norm, and 2.5 epsilon / steps anywhere else.
        norm: ``linf``, the largest difference of a pixel; or ``l2``, the Euclidean distance.

    Raises:
        InputError: If the name is unknown or a number out of range.
    """

    name: str = "pgd"
    epsilon: str | float = "8/255"
    steps: int = 7
    step_size: str | float | None = None
    norm: Norm = "linf"

    def __post_init__(self) -> None:
        check_types(self, "attack.")
        if self.name not in ATTACKS and self.name not in plugin_names("inner_attacks"):
            raise unknown("attack", self.name, [*ATTACKS, *plugin_names("inner_attacks")])
        epsilon, largest = exact_epsilon(self.epsilon, self.norm), LARGEST[self.norm]
        if not 1 <= self.steps <= MAX_STEPS:
            raise InputError(f"attack steps must be from 1 to {MAX_STEPS}, got {self.steps}")
        object.__setattr__(self, "epsilon", fraction_text(epsilon))
        if self.step_size is not None:
            step = fraction(self.step_size, "step size")
            if not 0 < step <= largest:
                raise InputError(f"step size must lie in (0, {largest}], got {self.step_size}")
            object.__setattr__(self, "step_size", fraction_text(step))
        if self.name == "n-fgsm" and self.norm != "linf":
            raise InputError("attack n-fgsm is for the norm linf")

    @property
    def exact_step_size(self) -> Fraction:
        """The step size this attack takes, after the defaults."""
        epsilon = Fraction(self.epsilon)
        if self.name in ONE_STEP:
            return epsilon * ONE_STEP[self.name]
        if self.step_size is not None:
            return Fraction(self.step_size)
        return default_step_size(epsilon, self.steps, self.norm)

    @property
    def exact_steps(self) -> int:
        """The gradient evaluations this attack makes."""
        if self.name == "none":
            return 0
        return 1 if self.name in ONE_STEP else self.steps

    def __str__(self) -> str:
        if self.name == "none":
            return "none"
        if self.name in ONE_STEP:
            return f"{self.name}, {self.norm}, {self.epsilon}"
        usual = default_step_size(Fraction(self.epsilon), self.steps, self.norm)
        step = f" (step size {self.step_size})" if self.exact_step_size != usual else ""
        return f"{self.name}-{self.steps}{step}, {self.norm}, {self.epsilon}"

    @property
    def ball(self) -> Ball:
        """Where the adversarial images may lie; of N-FGSM that is beyond epsilon."""
        reach = 1 + NOISE if self.name == "n-fgsm" else 1
        return ball_of(reach * Fraction(self.epsilon), self.norm)

    @property
    def start_ball(self) -> Ball | None:
        """What the random start is drawn from; none of an attack that begins at the images."""
        if self.name in ("none", "fgsm"):
            return None
        reach = NOISE if self.name == "n-fgsm" else 1
        return ball_of(reach * Fraction(self.epsilon), self.norm)

    def facts(self) -> dict[str, Any]:
        """Return what a record says of the attack, as JSON values."""
        return {
            "name": self.name,
            "norm": self.norm,
            "epsilon": self.epsilon,
            "steps": self.exact_steps,
            "step_size": str(self.exact_step_size),
            "random_start": self.start_ball is not None and self.name in ATTACKS,
            "title": str(self),
        }


def _placed(images: Tensor, part: slice, whole: int) -> Tensor:
    """Return a batch in which the images lie at their place, in their memory order."""
    last = images.is_contiguous(memory_format=torch.channels_last)
    order = torch.channels_last if last else torch.contiguous_format
    size = (whole, *images.shape[1:])
    batch = torch.empty(size, dtype=images.dtype, device=images.device, memory_format=order)
    batch.zero_()[part] = images
    return batch


def perturb(  # noqa: PLR0913
    recipe: AttackRecipe,
    network: Network,
    images: Tensor,
    labels: Tensor,
    *,
    generator: torch.Generator,
    loss: Loss = cross_entropy,
    keep: Keep = "last",
    part: slice = slice(None),
    whole: int | None = None,
) -> Tensor:
    """Run the described attack.

    The images may be a ``part`` of a batch of ``whole`` images; random starts are drawn for all of
    that. See :func:`pgd` for the other arguments.

    Returns:
        Adversarial images; with the attack ``none`` the images themselves.

    Raises:
        ScratchticketError: If a plug-in leaves the threat model.
    """
    if recipe.name == "none":
        return images
    own = recipe.name in ATTACKS
    attack = pgd if own else plugin("inner_attacks", recipe.name)
    begin, start = recipe.start_ball, None
    random = None if begin is None else generator
    if begin is not None and whole is not None and whole != len(images):
        start = begin.random_start(_placed(images, part, whole), generator)[part]
    elif begin is not None and begin != recipe.ball:
        start = begin.random_start(images, generator)
    adversarial: Tensor = attack(
        network,
        images,
        labels,
        recipe.ball,
        step_size=float(recipe.exact_step_size),
        steps=recipe.exact_steps,
        loss=loss,
        generator=random,
        keep=keep,
        start=start,
    )
    return adversarial if own else verified(adversarial, images, recipe.ball, recipe.name).detach()
