"""An attack: a method and where it searches. Searches, judgements and pages use the same value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, is_dataclass, replace
from fractions import Fraction
from functools import cache
from math import inf
from typing import Any

import torch
from torch import Tensor

from scratchticket.attacks.balls import (
    MAX_EPSILON,
    Ball,
    L2Ball,
    LinfBall,
    Norm,
    ball_of,
    exact_epsilon,
)
from scratchticket.attacks.gradient import Network
from scratchticket.attacks.method import Method, Result, Target
from scratchticket.attacks.registry import METHODS, key_of, known_method, make_method, settings_of
from scratchticket.attacks.verdict import verified
from scratchticket.base.errors import InputError, unknown
from scratchticket.base.plugins import plugin_names
from scratchticket.base.quantities import fraction_text


@dataclass(frozen=True)
class Attack:
    """A method and where it may search.

    Attributes:
        method: How, with the settings that follow from the ball filled in.
        epsilon: Radius of the ball as text, pixels in [0, 1]: ``8/255``. None, and for methods that
            look for the nearest image alone: any distance.
        norm: ``linf`` or ``l2``.
        given: The method as it was given.
        after: Attacks that must have failed before this one is tried on an image, by their
            :attr:`stream`: how AutoAttack saves time.

    Raises:
        InputError: If the method cannot search there.

    Example:
        >>> from scratchticket.attacks.pgd import PGD
        >>> str(Attack(PGD(steps=50, restarts=5), "8/255"))
        'pgd-50 x5, linf, 8/255'
    """

    method: Method
    epsilon: str | None
    norm: Norm = "linf"
    after: tuple[str, ...] = ()
    given: Method = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "given", self.method)
        if self.norm not in MAX_EPSILON:
            raise unknown("norm", self.norm, MAX_EPSILON)
        if self.norm not in self.method.norms:
            raise InputError(f"{self.method} searches in {self.method.norms[0]} balls only")
        if (self.epsilon is None) != self.method.nearest:
            raise InputError(
                f"{self.method} looks for the nearest image and takes no epsilon"
                if self.method.nearest
                else f"{self.method} needs an epsilon"
            )
        if self.epsilon is not None:
            exact = exact_epsilon(self.epsilon, self.norm)
            object.__setattr__(self, "epsilon", fraction_text(exact))
            object.__setattr__(self, "method", self.method.exact(exact, self.norm))

    @property
    def ball(self) -> Ball:
        """Where adversarial images may lie."""
        if self.epsilon is None:
            return LinfBall(inf) if self.norm == "linf" else L2Ball(inf)
        return ball_of(Fraction(self.epsilon), self.norm)

    def __call__(
        self, network: Network, images: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Result:
        """Search for images that fool.

        Raises:
            InputError: If the method is for learning only.
        """
        if not self.method.judges:
            raise InputError(
                f"attack {self.method} may leave its ball: it is for learning, not for judging"
            )
        return self.method(Target(network, images, labels, self.ball, generator))

    def __str__(self) -> str:
        return f"{self.label}, {self._where}"

    @property
    def stream(self) -> str:
        """Its name in journals and of its random numbers: the title without what labels add.

        Titles may come to show more settings; journals go on, and the numbers stay the same.
        """
        return f"{self.method}, {self._where}"

    @property
    def _where(self) -> str:
        """The ball as a title shows it."""
        return self.norm if self.epsilon is None else f"{self.norm}, {self.epsilon}"

    @property
    def label(self) -> str:
        """The method's name with every setting that differs from its default.

        Example:
            >>> from scratchticket.attacks.pgd import PGD
            >>> Attack(PGD(step_size="0.001", keep="best"), "0.1").label
            'pgd-20 (best; step size 0.001)'
        """
        name, more = str(self.method), "; ".join(self._unnamed())
        if not more:
            return name
        return f"{name[:-1]}; {more})" if name.endswith(")") else f"{name} ({more})"

    def _unnamed(self) -> list[str]:
        """Return the settings that differ from their defaults and that the name does not show."""
        if not is_dataclass(self.method):
            return []
        unused = getattr(self.method, "unused", ())
        return [
            _text(setting.name, getattr(self.method, setting.name))
            for setting in fields(self.method)
            if setting.name not in unused and self._hides(setting)
        ]

    def _hides(self, setting: Field[Any]) -> bool:
        """Whether a setting differs from its default without changing the method's name."""
        factory = setting.default_factory
        default = setting.default if factory is MISSING else factory()
        try:
            usual: Method = replace(self.method, **{setting.name: default})  # type: ignore[type-var]
        except InputError:
            return True
        if self.epsilon is not None:
            usual = usual.exact(Fraction(self.epsilon), self.norm)
        same = getattr(usual, setting.name) == getattr(self.method, setting.name)
        return not same and str(usual) == str(self.method)

    def made(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of a record is of this attack, at this epsilon and in this norm.

        Told by name and settings, which records of every version have, never by the title. Settings
        that a row lacks had their defaults when it was written.
        """
        own = {"name": self.method.name, "norm": self.norm, "epsilon": self.epsilon}
        if any(row[key] != value for key, value in own.items()):
            return False
        then, now = row["settings"], json.loads(json.dumps(asdict(self.method)))  # type: ignore[call-overload]
        usual = asdict(replace(self, method=type(self.method)()).method)  # type: ignore[call-overload]
        return then.keys() <= now.keys() and all(
            then.get(name, usual[name]) == value for name, value in now.items()
        )

    @property
    def name(self) -> str:
        """The name of its method in the registry: ``pgd``."""
        return key_of(self.method)

    @property
    def gradients(self) -> int:
        """How many gradients of the network it takes for an image, at most."""
        return self.method.gradients

    def json(self) -> dict[str, Any]:
        """Return what a recipe stores of an inner attack, see :func:`inner_attack`."""
        return {
            "name": self.name,
            "epsilon": self.epsilon,
            "norm": self.norm,
            **{name: getattr(self.given, name) for name in learned_settings(self.given)},
        }

    def changed(self) -> dict[str, Any]:
        """Return what of :meth:`json` differs from the attack that a recipe has by itself."""
        usual = _usual(self.name) | {"name": "pgd"}
        return {name: value for name, value in self.json().items() if value != usual[name]}

    def facts(self) -> dict[str, Any]:
        """Return what a record says of the attack, as JSON values."""
        return {
            "title": str(self),
            "name": self.method.name,
            "norm": self.norm,
            "epsilon": self.epsilon,
            "settings": asdict(self.method),  # type: ignore[call-overload]
        }


def _text(setting: str, value: object) -> str:
    """Write a setting as a title shows it: ``step size 0.001``, ``no random start``."""
    words = setting.replace("_", " ")
    if isinstance(value, bool):
        return words if value else f"no {words}"
    return f"{words} {value}"


def unstopped(attack: Attack) -> Attack:
    """Return the attack that goes on after it has fooled, and keeps the image of the largest loss.

    It moves images that the network gets wrong anyway, and fools other networks better. Attacks
    that cannot go on are returned as they are.
    """
    if getattr(attack.method, "keep", None) != "first":
        return attack
    return replace(attack, method=replace(attack.method, keep="best"))  # type: ignore[type-var]


STEPS = 7  # of an inner attack, unless it is told otherwise


def learned_settings(method: Method) -> list[str]:
    """Return the names of the settings that an inner attack of this method has."""
    return [name for name in settings_of(method) if name not in method.only_judging]


def inner_attacks() -> dict[str, Method]:
    """Return the built-in methods that a search can use, by name."""
    return {name: method for name, method in METHODS.items() if method.learns}


def inner_settings() -> list[str]:
    """Return every setting of a built-in inner attack."""
    return list(dict.fromkeys(s for m in inner_attacks().values() for s in learned_settings(m)))


@cache
def _usual(name: str) -> dict[str, Any]:
    """Return the JSON of an attack with nothing but its name given."""
    return inner_attack({"name": name}).json()


def inner_attack(told: Mapping[str, Any]) -> Attack:
    """Return the attack of a search.

    Args:
        told: ``name``, ``epsilon`` and ``norm``, and settings of the method; as in
            :func:`AttackRecipe` where nothing is said. Settings that only other inner attacks have
            are passed over, so that an attack can be changed by its name alone.

    Raises:
        InputError: If there is no such attack or setting, a value is none, or the attack is for
            judging only.
    """
    more = {"name": "pgd", "epsilon": "8/255", "norm": "linf"} | dict(told)
    name, epsilon, norm = (more.pop(key) for key in ("name", "epsilon", "norm"))
    method = known_method(name)
    if not method.learns:
        known = [*inner_attacks(), *plugin_names("attacks")]
        raise InputError(f"attack {name} is for judging; a search can use {', '.join(known)}")
    own, others = learned_settings(method), inner_settings()
    for setting in more:
        if setting not in (*own, *others):
            raise unknown(f"setting of attack {name}", setting, own)
    if "steps" in own:
        more = {"steps": STEPS} | more
    settings = {setting: value for setting, value in more.items() if setting in own}
    return Attack(make_method(name, settings), epsilon, norm)


def AttackRecipe(  # noqa: N802 (its public name since before attacks were one value)
    name: str = "pgd",
    epsilon: str | float = "8/255",
    steps: int = STEPS,
    step_size: str | float | None = None,
    norm: Norm = "linf",
    **settings: Any,
) -> Attack:
    """Return an attack by name, for a search or to judge with.

    Args:
        name: Inner attack. ``pgd``; ``fgsm`` (one step of length epsilon from the image itself);
            ``fgsm-rs`` (one step of 1.25 epsilon from a random start); ``n-fgsm`` (one step of
            epsilon from noise of twice epsilon, which may leave the ball, so for learning only);
            ``none``; another method of :data:`METHODS` or of a plug-in.
        epsilon: Radius of the ball, pixels in [0, 1]: 8/255 or 0.1. Text keeps it exact.
        steps: Steps of the inner attack. Attacks of one step ignore it.
        step_size: Length of a step of the attack, pixels in [0, 1]. If not given it is the released
            code's 2/255 at epsilon 8/255 in the l-inf norm, and 2.5 epsilon / steps anywhere else.
        norm: Norm of the ball. ``linf`` is the largest difference of a pixel, ``l2`` the Euclidean
            distance.
        settings: Others of the method, such as ``loss`` and ``momentum`` of PGD.

    Raises:
        InputError: If a name is unknown or a number out of range.

    Example:
        >>> str(AttackRecipe("pgd", "8/255", steps=10, loss="margin"))
        'margin-pgd-10, linf, 8/255'
    """
    told = {"name": name, "epsilon": epsilon, "norm": norm, "steps": steps, "step_size": step_size}
    return inner_attack(told | settings)


def perturb(  # noqa: PLR0913
    attack: Attack,
    network: Network,
    images: Tensor,
    labels: Tensor,
    *,
    generator: torch.Generator,
    chances: Tensor | None = None,
    part: slice = slice(None),
    whole: int | None = None,
) -> Tensor:
    """Return images to learn from: the inner maximisation (Eq. 2).

    Args:
        attack: Which.
        network: Pixels in [0, 1] to logits; of several networks, to all their logits.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        generator: Of all random draws.
        chances: Of several networks the probability of each: the expected loss is ascended.
        part: The place of the images in a batch of ``whole`` images; random starts are drawn for
            all of that.
        whole: Images of that batch; none if it is these.

    Raises:
        ScratchticketError: If a plug-in leaves the threat model.
    """
    target = Target(network, images, labels, attack.ball, generator, True, chances, part, whole)
    found = attack.method(target).images
    if attack.name in METHODS:
        return found
    return verified(found, images, attack.ball, str(attack)).detach()
