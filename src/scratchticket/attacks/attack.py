"""An attack by name and settings: what suites are made of and what records tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields, is_dataclass, replace
from fractions import Fraction
from math import inf
from typing import Any, get_type_hints

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from scratchticket.attacks.balls import Ball, L2Ball, LinfBall
from scratchticket.attacks.gradient import Network
from scratchticket.attacks.method import Method, Result, Target
from scratchticket.attacks.methods import APGD, FGSM, PGD, TargetedAPGD
from scratchticket.attacks.other_methods import Bandits, CarliniWagner, Noise, Stage
from scratchticket.attacks.recipe import LARGEST, AttackRecipe, Norm, ball_of, exact_epsilon
from scratchticket.base.errors import InputError, unknown
from scratchticket.base.plugins import plugin, plugin_names
from scratchticket.base.quantities import fraction_text


@dataclass(frozen=True)
class Attack:
    """A method and where it may search.

    Attributes:
        method: How.
        epsilon: Radius of the ball as text, pixels in [0, 1]: ``8/255``. None, and for methods that
            look for the nearest image alone: any distance.
        norm: ``linf`` or ``l2``.
        after: Attacks that must have failed before this one is tried on an image, by their
            :attr:`stream`: how AutoAttack saves time.

    Raises:
        InputError: If the method cannot search there.

    Example:
        >>> str(Attack(PGD(steps=50, restarts=5), "8/255"))
        'pgd-50 x5, linf, 8/255'
    """

    method: Method
    epsilon: str | None
    norm: Norm = "linf"
    after: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.norm not in LARGEST:
            raise unknown("norm", self.norm, LARGEST)
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
        """Search."""
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
        own = self.facts()
        if any(row[key] != own[key] for key in ("name", "norm", "epsilon")):
            return False
        then, now = row["settings"], json.loads(json.dumps(own["settings"]))
        usual = asdict(replace(self, method=type(self.method)()).method)  # type: ignore[call-overload]
        return then.keys() <= now.keys() and all(
            then.get(name, usual[name]) == value for name, value in now.items()
        )

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


METHODS: dict[str, Method] = {
    "noise": Noise(),
    "fgsm": FGSM(),
    "fgsm-rs": FGSM(random_start=True),
    "pgd": PGD(),
    "cw-inf": PGD(100, loss="margin"),
    "apgd-ce": APGD(),
    "apgd-dlr": APGD(loss="dlr"),
    "apgd-t": TargetedAPGD(),
    "cw-l2": CarliniWagner(),
    "bandits": Bandits(),
    "square": Stage("square"),
}


def method_names() -> list[str]:
    """Return the names of all methods, those of plug-ins too."""
    return [*METHODS, *plugin_names("attacks")]


def make_method(name: str, settings: Mapping[str, Any]) -> Method:
    """Return a method by its name, with some of its settings changed.

    Args:
        name: A name of :data:`METHODS`, or of a plug-in.
        settings: By name; text is read as what the setting is.

    Raises:
        InputError: If there is no such method or setting, or a value is none.

    Example:
        >>> str(make_method("pgd", {"steps": "50", "restarts": 5}))
        'pgd-50 x5'
    """
    if (method := METHODS.get(name)) is None:
        if (made := plugin("attacks", name)) is None:
            raise unknown("attack", name, method_names())
        method = made()
    kinds = get_type_hints(type(method))
    known = [setting.name for setting in fields(method)]  # type: ignore[arg-type]
    values = {}
    for setting, value in settings.items():
        if setting not in known:
            raise unknown(f"setting of {name}", setting, known)
        try:
            values[setting] = TypeAdapter(kinds[setting]).validate_python(value)
        except ValidationError as error:
            why = error.errors()[0]["msg"].lower()
            raise InputError(f"{name}: {setting}={value}: {why}") from None
    changed: Method = replace(method, **values)  # type: ignore[type-var]
    return changed


def unstopped(attack: Attack) -> Attack:
    """Return the attack that goes on after it has fooled, and keeps the image of the largest loss.

    It moves images that the network gets wrong anyway, and fools other networks better. Attacks
    that cannot go on are returned as they are.
    """
    if getattr(attack.method, "keep", None) != "first":
        return attack
    return replace(attack, method=replace(attack.method, keep="best"))  # type: ignore[type-var]


def attack_of(recipe: AttackRecipe) -> Attack:
    """Return what judges under the attack a recipe describes.

    Raises:
        InputError: If that is none.
    """
    if recipe.name == "pgd":
        method: Method = PGD(recipe.steps, recipe.step_size)
    elif recipe.name in ("fgsm", "fgsm-rs"):
        method = FGSM(random_start=recipe.name == "fgsm-rs")
    else:
        what = "no attack" if recipe.name == "none" else f"the inner attack {recipe.name}"
        raise InputError(f"{what} is no judge")
    return Attack(method, str(recipe.epsilon), recipe.norm)
