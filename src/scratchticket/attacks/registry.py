"""The registry of attack methods; a new method needs a file and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from scratchticket.attacks.apgd import APGD, TargetedAPGD
from scratchticket.attacks.autoattack import Stage
from scratchticket.attacks.bandits import Bandits
from scratchticket.attacks.cw import CarliniWagner
from scratchticket.attacks.fgsm import FGSM, NoiseFGSM, Nothing
from scratchticket.attacks.method import Method
from scratchticket.attacks.noise import Noise
from scratchticket.attacks.pgd import PGD
from scratchticket.base.errors import InputError, unknown
from scratchticket.base.plugins import plugin, plugin_names

METHODS: dict[str, Method] = {
    "none": Nothing(),
    "noise": Noise(),
    "fgsm": FGSM(),
    "fgsm-rs": FGSM(random_start=True),
    "n-fgsm": NoiseFGSM(),
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
    """Return the names of all methods, plug-ins included."""
    return [*METHODS, *plugin_names("attacks")]


def known_method(name: str) -> Method:
    """Return the method with this name, with default settings.

    Raises:
        InputError: If the name is unknown.
    """
    if not isinstance(name, str):  # from an untrusted file
        raise unknown("attack", str(name), method_names())
    if (method := METHODS.get(name)) is not None:
        return method
    if (factory := plugin("attacks", name)) is None:
        raise unknown("attack", name, method_names())
    plugged: Method = factory()
    return plugged


def key_of(method: Method) -> str:
    """Return the name under which a method is registered, whatever its settings.

    Example:
        >>> key_of(PGD(loss="dlr")), key_of(FGSM(random_start=True))
        ('pgd', 'fgsm-rs')
    """
    same = [name for name, known in METHODS.items() if type(known) is type(method)]
    return method.name if method.name in same or not same else same[0]


def settings_of(method: Method) -> list[str]:
    """Return the names of a method's settings."""
    return [setting.name for setting in fields(method)]  # type: ignore[arg-type]


@cache
def _reader(kind: type, setting: str) -> TypeAdapter[Any]:
    """Return pydantic's adapter, which validates and converts values of a method's setting."""
    return TypeAdapter(get_type_hints(kind)[setting])


def make_method(name: str, settings: Mapping[str, Any]) -> Method:
    """Return the method with this name, with some settings changed.

    Args:
        name: A name of :data:`METHODS`, or of a plug-in.
        settings: Values by name; text is converted to the setting's type.

    Raises:
        InputError: If the method or a setting is unknown, or a value is invalid.

    Example:
        >>> str(make_method("pgd", {"steps": "50", "restarts": 5}))
        'pgd-50 x5'
    """
    method = known_method(name)
    known, values = settings_of(method), {}
    for setting, value in settings.items():
        if setting not in known:
            raise unknown(f"setting of {name}", setting, known)
        try:
            values[setting] = _reader(type(method), setting).validate_python(value)
        except ValidationError as error:
            why = error.errors()[0]["msg"].lower()
            raise InputError(f"{name}: {setting}={value}: {why}") from None
    changed: Method = replace(method, **values)  # type: ignore[type-var]
    return changed
