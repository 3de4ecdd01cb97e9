"""Type checks of settings dataclasses, and their differences from the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from scratchticket.base.errors import InputError

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


@cache
def _kinds(described: type) -> dict[str, tuple[Any, ...]]:
    """Return the types that each field of a class may have; empty if they cannot be resolved."""
    try:
        hints = get_type_hints(described)
    except NameError:  # the class is defined inside a function
        return {}
    kinds = {}
    for field in fields(described):
        hint = hints[field.name]
        kinds[field.name] = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return kinds


def check_types(described: Any, where: str = "") -> None:
    """Raise an error for field values whose type is not the declared one.

    NumPy numbers are converted to Python numbers. For a ``Literal``, any text is accepted here: the
    class checks its value, and can suggest the nearest choice.

    Args:
        described: Instance of a frozen dataclass, in its ``__post_init__``.
        where: Prefix of the field's name in messages, such as ``learning.``.

    Raises:
        InputError: If a type is wrong; the message names the field and the right type.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Run:
        ...     epochs: int
        ...     def __post_init__(self): check_types(self, "run.")
        >>> Run(np.int64(3))
        Run(epochs=3)
        >>> Run(1.5)
        Traceback (most recent call last):
        scratchticket.base.errors.InputError: run.epochs must be a whole number, got 1.5
    """
    for name, kinds in _kinds(type(described)).items():  # type: ignore[arg-type]
        given = getattr(described, name)
        value = _fitting(given, kinds)
        if value is NotImplemented:
            known = [_word(kind) for kind in kinds if kind is not NoneType]
            raise InputError(f"{where}{name} must be {' or '.join(known)}, got {given!r}")
        if value is not given:
            object.__setattr__(described, name, value)


def changed(described: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that differ from their defaults, at any depth.

    Hashes of them stay the same when a field with a neutral default is added.

    Example:
        >>> from dataclasses import dataclass, field
        >>> @dataclass(frozen=True)
        ... class Step:
        ...     size: float = 0.1
        ...     momentum: float = 0.9
        >>> @dataclass(frozen=True)
        ... class Run:
        ...     epochs: int
        ...     step: Step = Step()
        ...     seed: int = 0
        >>> changed(Run(3, Step(momentum=0.5)))
        {'epochs': 3, 'step': {'momentum': 0.5}}
    """
    differing = {}
    for name, default in _defaults(type(described)).items():  # type: ignore[arg-type]
        value = getattr(described, name)
        if default is MISSING or value != default:
            if hasattr(value, "changed"):  # a class with defaults of its own
                differing[name] = value.changed()
            else:
                differing[name] = changed(value) if is_dataclass(value) else value
    return differing


@cache
def _defaults(described: type) -> dict[str, Any]:
    """Return the default of each field of a class; ``MISSING`` for a field without one."""
    return {
        field.name: field.default if field.default_factory is MISSING else field.default_factory()
        for field in fields(described)
    }


def _word(kind: Any) -> str:
    """Return the name of a type for messages."""
    if get_origin(kind) is Literal:
        return "text"
    return _WORDS.get(kind, getattr(kind, "__name__", str(kind)))


def plain(value: Any) -> Any:
    """Return a NumPy number as a Python number, any other value unchanged."""
    return value.item() if isinstance(value, np.generic) else value


def _fitting(value: Any, kinds: tuple[Any, ...]) -> Any:
    """Return a value converted to one of the types; ``NotImplemented`` if it fits none."""
    if isinstance(value, bool | np.bool_):
        return plain(value) if bool in kinds else NotImplemented
    if isinstance(value, Integral) and (int in kinds or float in kinds):
        return int(value)
    if isinstance(value, Real) and float in kinds:
        return value if str in kinds or isinstance(value, float) else float(value)
    if isinstance(value, Mapping) and any(get_origin(kind) is Mapping for kind in kinds):
        same = not any(isinstance(inner, np.generic) for inner in value.values())
        return value if same else {key: plain(inner) for key, inner in value.items()}
    for kind in kinds:
        origin = get_origin(kind) or kind
        if origin is Literal:
            fits = isinstance(value, str)
        elif origin is tuple:
            fits = isinstance(value, tuple | list)
        elif origin in (NoneType, str) or is_dataclass(origin):
            fits = isinstance(value, origin)
        else:
            fits = origin not in (bool, int, float, Mapping)  # other types are not checked
        if fits:
            return value
    return NotImplemented
