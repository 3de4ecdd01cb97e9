"""An attack: a method and the ball it searches in."""

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
    """A method and the ball it searches in.

    Attributes:
        method: The method, with ball-dependent defaults filled in.
        epsilon: Radius of the ball as text, for pixels in [0, 1], such as ``8/255``. None for
            minimum-norm methods.
        norm: ``linf`` or ``l2``.
        given: The method as passed in, without these defaults.
        radius: The epsilon as an exact fraction; None if there is no epsilon.
        after: The :attr:`stream` of each earlier attack. This attack is run only on images on which
            all of them failed, as in AutoAttack.

    Raises:
        InputError: If the method cannot search in such a ball.

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
    radius: Fraction | None = field(init=False, compare=False, repr=False, default=None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "given", self.method)
        if self.norm not in MAX_EPSILON:
            raise unknown("norm", self.norm, MAX_EPSILON)
        if self.norm not in self.method.norms:
            raise InputError(f"{self.method} searches in {self.method.norms[0]} balls only")
        if (self.epsilon is None) != self.method.nearest:
            raise InputError(
                f"{self.method} minimises the distance and takes no epsilon"
                if self.method.nearest
                else f"{self.method} needs an epsilon"
            )
        if self.epsilon is not None:
            exact = exact_epsilon(self.epsilon, self.norm)
            object.__setattr__(self, "radius", exact)
            object.__setattr__(self, "epsilon", fraction_text(exact))
            object.__setattr__(self, "method", self.method.exact(exact, self.norm))

    @property
    def ball(self) -> Ball:
        """The ball; of infinite radius for minimum-norm methods."""
        if self.radius is None:
            return LinfBall(inf) if self.norm == "linf" else L2Ball(inf)
        return ball_of(self.radius, self.norm)

    def __call__(
        self, network: Network, images: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Result:
        """Search for adversarial images.

        Raises:
            InputError: If the method can only be an inner attack.
        """
        if not self.method.for_evaluation:
            raise InputError(
                f"attack {self.method} may leave its ball: it can only be an inner attack"
            )
        return self.method(Target(network, images, labels, self.ball, generator))

    def __str__(self) -> str:
        return f"{self.label}, {self._ball_text}"

    @property
    def stream(self) -> str:
        """Stable name: the key in journals, and part of the seed of random numbers.

        A title changes if a later version shows more settings in titles; this name does not.
        """
        return f"{self.method}, {self._ball_text}"

    @property
    def _ball_text(self) -> str:
        """The ball as shown in titles."""
        return self.norm if self.epsilon is None else f"{self.norm}, {self.epsilon}"

    @property
    def label(self) -> str:
        """The method's name with every setting that differs from its default.

        Example:
            >>> from scratchticket.attacks.pgd import PGD
            >>> Attack(PGD(step_size="0.001", keep="best"), "0.1").label
            'pgd-20 (best; step size 0.001)'
        """
        name, more = str(self.method), "; ".join(self._hidden_settings())
        if not more:
            return name
        return f"{name[:-1]}; {more})" if name.endswith(")") else f"{name} ({more})"

    def _hidden_settings(self) -> list[str]:
        """Return the settings that differ from their defaults and are not part of the name."""
        if not is_dataclass(self.method):
            return []
        unused = getattr(self.method, "unused", ())
        return [
            _text(setting.name, getattr(self.method, setting.name))
            for setting in fields(self.method)
            if setting.name not in unused and self._is_hidden(setting)
        ]

    def _is_hidden(self, setting: Field[Any]) -> bool:
        """Return whether a setting differs from its default without changing the method's name."""
        factory = setting.default_factory
        default = setting.default if factory is MISSING else factory()
        try:
            with_default: Method = replace(self.method, **{setting.name: default})  # type: ignore[type-var]
        except InputError:
            return True
        if self.radius is not None:
            with_default = with_default.exact(self.radius, self.norm)
        same = getattr(with_default, setting.name) == getattr(self.method, setting.name)
        return not same and str(with_default) == str(self.method)

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row of a record was made by this attack with this epsilon and norm.

        Compares names and settings, not titles, which differ between versions. A setting missing
        from the row counts as its default.
        """
        own = {"name": self.method.name, "norm": self.norm, "epsilon": self.epsilon}
        if any(row[key] != value for key, value in own.items()):
            return False
        recorded, now = row["settings"], json.loads(json.dumps(asdict(self.method)))  # type: ignore[call-overload]
        defaults = asdict(replace(self, method=type(self.method)()).method)  # type: ignore[call-overload]
        return recorded.keys() <= now.keys() and all(
            recorded.get(name, defaults[name]) == value for name, value in now.items()
        )

    @property
    def name(self) -> str:
        """Name of the method in the registry, such as ``pgd``."""
        return key_of(self.method)

    @property
    def gradients(self) -> int:
        """Number of gradient steps per image as an inner attack."""
        return self.method.gradients

    def json(self) -> dict[str, Any]:
        """Return the inner attack as a recipe stores it, see :func:`inner_attack`."""
        return {
            "name": self.name,
            "epsilon": self.epsilon,
            "norm": self.norm,
            **{name: getattr(self.given, name) for name in settings_for_learning(self.given)},
        }

    def changed(self) -> dict[str, Any]:
        """Return the entries of :meth:`json` that differ from a recipe's default attack."""
        defaults = _default_json(self.name) | {"name": "pgd"}
        return {name: value for name, value in self.json().items() if value != defaults[name]}

    def facts(self) -> dict[str, Any]:
        """Return the attack as a record stores it, as JSON values."""
        return {
            "title": str(self),
            "name": self.method.name,
            "norm": self.norm,
            "epsilon": self.epsilon,
            "settings": asdict(self.method),  # type: ignore[call-overload]
        }


def _text(setting: str, value: object) -> str:
    """Return a setting as shown in titles: ``step size 0.001``, ``no random start``."""
    words = setting.replace("_", " ")
    if isinstance(value, bool):
        return words if value else f"no {words}"
    return f"{words} {value}"


def without_early_stopping(attack: Attack) -> Attack:
    """Return the attack with ``keep="best"`` instead of stopping at the first success.

    Such images transfer better to other networks, and misclassified images are perturbed too.
    """
    if getattr(attack.method, "keep", None) != "first":
        return attack
    return replace(attack, method=replace(attack.method, keep="best"))  # type: ignore[type-var]


STEPS = 7  # default number of steps of an inner attack


def settings_for_learning(method: Method) -> list[str]:
    """Return the names of the method's settings that apply to an inner attack."""
    return [name for name in settings_of(method) if name not in method.evaluation_only]


def inner_attacks() -> dict[str, Method]:
    """Return the built-in methods that can be an inner attack, by name."""
    return {name: method for name, method in METHODS.items() if method.for_learning}


def inner_settings() -> list[str]:
    """Return the names of all settings of the built-in inner attacks."""
    return list(
        dict.fromkeys(s for m in inner_attacks().values() for s in settings_for_learning(m))
    )


@cache
def _default_json(name: str) -> dict[str, Any]:
    """Return the JSON of the named inner attack with default settings."""
    return inner_attack({"name": name}).json()


def inner_attack(settings: Mapping[str, Any]) -> Attack:
    """Return the inner attack with these settings.

    Args:
        settings: ``name``, ``epsilon``, ``norm`` and settings of the method; defaults are those of
            :func:`AttackRecipe`. Settings of other inner attacks are ignored, so that ``name`` can
            be changed alone.

    Raises:
        InputError: If the attack or a setting is unknown, a value is invalid, or the attack is for
            evaluation only.
    """
    more = {"name": "pgd", "epsilon": "8/255", "norm": "linf"} | dict(settings)
    name, epsilon, norm = (more.pop(key) for key in ("name", "epsilon", "norm"))
    method = known_method(name)
    if not method.for_learning:
        known = [*inner_attacks(), *plugin_names("attacks")]
        raise InputError(
            f"attack {name} is for evaluation only; a search can use {', '.join(known)}"
        )
    own, others = settings_for_learning(method), inner_settings()
    for setting in more:
        if setting not in (*own, *others):
            raise unknown(f"setting of attack {name}", setting, own)
    if "steps" in own:
        more = {"steps": STEPS} | more
    used = {setting: value for setting, value in more.items() if setting in own}
    return Attack(make_method(name, used), epsilon, norm)


def AttackRecipe(  # noqa: N802 (a class in earlier versions)
    name: str = "pgd",
    epsilon: str | float = "8/255",
    steps: int = STEPS,
    step_size: str | float | None = None,
    norm: Norm = "linf",
    **settings: Any,
) -> Attack:
    """Return an inner attack, which can also be used in evaluations unless it leaves the ball.

    Args:
        name: Inner attack. ``pgd``; ``fgsm`` (one step of length epsilon from the image itself);
            ``fgsm-rs`` (one step of 1.25 epsilon from a random start); ``n-fgsm`` (one step of
            epsilon from noise of twice epsilon, which may leave the ball, so for learning only);
            ``none``; or another inner attack of :data:`METHODS` or of a plug-in.
        epsilon: Radius of the ball in units of pixels in [0, 1], such as 8/255 or 0.1. Text keeps
            it exact.
        steps: Steps of the inner attack. One-step attacks ignore it.
        step_size: Step size of the attack, in units of pixels in [0, 1]. If not given, 2/255 at
            epsilon 8/255 in the l-inf norm, as in the released code, and 2.5 epsilon / steps
            otherwise.
        norm: Norm of the ball. ``linf`` is the largest difference of a pixel, ``l2`` the Euclidean
            distance.
        settings: Further settings of the method, such as ``loss`` and ``momentum`` of PGD.

    Raises:
        InputError: If a name is unknown, a number is out of range, or a value has the wrong type.

    Example:
        >>> str(AttackRecipe("pgd", "8/255", steps=10, loss="margin"))
        'margin-pgd-10, linf, 8/255'
    """
    own = {"name": name, "epsilon": epsilon, "norm": norm, "steps": steps, "step_size": step_size}
    attack = inner_attack(own | settings)
    for setting, value in {"steps": steps, **settings}.items():
        used = getattr(attack.method, setting, value)
        if isinstance(value, str) and not isinstance(used, str):  # only files and options give text
            raise InputError(f"attack.{setting} must not be text, got {value!r}")
    return attack


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
    """Return the adversarial images of the inner maximisation (Eq. 2), in a search or training.

    Args:
        attack: The inner attack.
        network: Pixels in [0, 1] to logits, or a :class:`.sets.NetworkSet`.
        images: Pixels in [0, 1], ``(batch, channel, height, width)``.
        labels: int64, ``(batch,)``.
        generator: Source of all random draws.
        chances: For a set, the probability of each network; the expected loss is maximised.
        part: If several processes share a batch, the slice of it in ``images``. Random starts are
            drawn for the whole batch.
        whole: Size of the shared batch; None if ``images`` is the whole batch.

    Raises:
        ScratchticketError: If a plug-in returns images outside the threat model.
    """
    target = Target(network, images, labels, attack.ball, generator, True, chances, part, whole)
    adversarial = attack.method(target).images
    if attack.name in METHODS:
        return adversarial
    return verified(adversarial, images, attack.ball, str(attack)).detach()
