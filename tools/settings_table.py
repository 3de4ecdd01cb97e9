"""The tables of settings and attacks: values, defaults and meanings, from the program."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from scratchticket.attacks import (
    LOSSES,
    METHODS,
    Attack,
    AttackRecipe,
    AutoAttack,
    inner_attack,
    inner_attacks,
    inner_settings,
)
from scratchticket.attacks.attack import settings_for_learning
from scratchticket.attacks.autoattack import STAGES
from scratchticket.attacks.balls import MAX_EPSILON
from scratchticket.attacks.registry import settings_of
from scratchticket.runs.recipe import OPEN, Recipe, all_settings

ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8,}.*)*)", flags=re.MULTILINE)


def settings(_: list[Any]) -> str:
    """Return a table for each part of a recipe, in Markdown."""
    defaults = all_settings(Recipe().json())
    return "\n".join(_tables(Recipe, "", defaults)) + "\n"


def _tables(kind: type, prefix: str, defaults: dict[str, Any]) -> Iterator[str]:
    """Yield the table of a dataclass's settings, then the tables of its parts."""
    told, hints, parts, blank = meanings(kind), get_type_hints(kind), [], kind()
    yield f"\n## {prefix.rstrip('.') or 'A recipe'}\n"
    yield f"{_markdown(inspect.getdoc(kind) or '').splitlines()[0]}\n"
    yield "| setting | values | default | meaning |\n|---|---|---|---|"
    for item in fields(kind):
        path = prefix + item.name
        if isinstance(getattr(blank, item.name), Attack):
            parts.append((Attack, f"{path}."))
        elif is_dataclass(getattr(blank, item.name)):
            parts.append((type(getattr(blank, item.name)), f"{path}."))
        elif path in OPEN:
            yield f"| `{path}.NAME` |  |  | {told[item.name]} |"
        else:
            values = _values(hints[item.name])
            yield f"| `{path}` | {values} | {_value(defaults[path])} | {told[item.name]} |"
    for part, place in parts:
        if part is Attack:
            yield from _attack(place)
        else:
            yield from _tables(part, place, defaults)


def _attack(prefix: str) -> Iterator[str]:
    """Yield the table of the inner attack: its name, its ball, and the settings of each method."""
    methods, told = inner_attacks(), meanings(AttackRecipe)
    yield f"\n## {prefix.rstrip('.')}\n"
    yield "The inner attack.\n"
    yield "| setting | attacks | values | default | meaning |\n|---|---|---|---|---|"
    usual = AttackRecipe().json()
    for name, values in (
        ("name", ", ".join(f"`{name}`" for name in methods)),
        ("epsilon", "number or fraction"),
        ("norm", ", ".join(f"`{norm}`" for norm in MAX_EPSILON)),
    ):
        yield f"| `{prefix}{name}` | all | {values} | {_value(usual[name])} | {told[name]} |"
    for setting in inner_settings():
        having = {n: m for n, m in methods.items() if setting in settings_for_learning(m)}
        one = "pgd" if "pgd" in having else next(iter(having))
        method = having[one]
        values = _values(get_type_hints(type(method))[setting])
        if setting == "loss":
            values = ", ".join(f"`{loss}`" for loss in LOSSES)
        default = _value(inner_attack({"name": one}).json()[setting])
        meaning = meanings(type(method))[setting]
        of = ", ".join(f"`{name}`" for name in having)
        yield f"| `{prefix}{setting}` | {of} | {values} | {default} | {meaning} |"


def attacks(_: list[Any]) -> str:
    """Return the table of all attacks: description, balls and settings."""
    rows = [
        "| attack | what it is | balls | as inner attack | settings (`--set`) |",
        "|---|---|---|---|---|",
    ]
    first: dict[type, str] = {}
    for name, method in METHODS.items():
        told = _markdown((inspect.getdoc(type(method)) or "").splitlines()[0])
        told = re.sub(r"; see `\w+`", "", told).rstrip(".")
        known = settings_of(method)
        settings = {key: getattr(method, key) for key in known if key not in method.unused}
        if (like := first.setdefault(type(method), name)) != name:
            usual = METHODS[like]
            own = {key: value for key, value in settings.items() if value != getattr(usual, key)}
            told = f"`{like}` with " + ", ".join(f"`{k}={_plain(v)}`" for k, v in own.items())
            shown = f"those of `{like}`"
        else:
            shown = " ".join(f"`{key}={_plain(value)}`" for key, value in settings.items())
        more = "; black-box" * method.black_box + "; for learning only" * (
            not method.for_evaluation
        )
        balls = " ".join(method.norms) + " (minimum norm)" * method.nearest
        learns = "yes" if method.for_learning else "no"
        rows.append(f"| `{name}` | {told}{more} | {balls} | {learns} | {shown} |")
    stages = ", ".join(f"`{name}`" for name in STAGES)
    rows.append(
        f"| `autoattack` | The standard version of AutoAttack: {stages}, by its authors' code | "
        f"linf l2 | no | `steps={AutoAttack.steps}` `queries={AutoAttack.queries}` |"
    )
    return "\n".join(rows) + "\n"


def _plain(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def meanings(kind: Callable[..., Any]) -> dict[str, str]:
    """Return a docstring's text on each attribute or argument, as a line of Markdown."""
    told = re.split(r"(?:Attributes|Args):\n", inspect.getdoc(kind) or "")[-1]
    return {name: " ".join(_markdown(text).split()) for name, text in ATTRIBUTE.findall(told)}


def _markdown(text: str) -> str:
    """Return a docstring's text as Markdown."""
    roles = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text)
    return roles.replace("``", "`").replace("|", "\\|")


def _values(hint: Any) -> str:
    """Return the values that a setting accepts, by its type; None stands for not given."""
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not type(None)]
    if get_origin(hint) is Literal:
        return ", ".join(f"`{name}`" for name in kinds)
    if bool in kinds:
        return "`true`, `false`"
    if float in kinds:
        return "number or fraction" if str in kinds else "number"
    return "whole number" if int in kinds else "text"


def _value(value: Any) -> str:
    if value is None or value == []:
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
