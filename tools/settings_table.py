"""The page of settings: every path that ``--set`` takes, its default and what it means."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from scratchticket.runs.recipe import OPEN, Recipe, all_settings

ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8,}.*)*)", flags=re.MULTILINE)


def settings(_: list[Any]) -> str:
    """Return a table for each part of a recipe, in Markdown."""
    defaults = all_settings(Recipe().json())
    return "\n".join(_tables(Recipe, "", defaults)) + "\n"


def _tables(kind: type, prefix: str, defaults: dict[str, Any]) -> Iterator[str]:
    """Return the table of some dataclass's settings, then those of its parts."""
    told, hints, parts, blank = meanings(kind), get_type_hints(kind), [], kind()
    yield f"\n## {prefix.rstrip('.') or 'A recipe'}\n"
    yield f"{_markdown(inspect.getdoc(kind) or '').splitlines()[0]}\n"
    yield "| setting | values | default | meaning |\n|---|---|---|---|"
    for item in fields(kind):
        path = prefix + item.name
        if is_dataclass(getattr(blank, item.name)):
            parts.append((type(getattr(blank, item.name)), f"{path}."))
        elif path in OPEN:
            yield f"| `{path}.NAME` |  |  | {told[item.name]} |"
        else:
            values = _values(hints[item.name])
            yield f"| `{path}` | {values} | {_value(defaults[path])} | {told[item.name]} |"
    for part in parts:
        yield from _tables(*part, defaults)


def meanings(kind: type) -> dict[str, str]:
    """Return what the docstring of a dataclass says of each attribute, a line of Markdown each."""
    _, _, told = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    return {name: " ".join(_markdown(text).split()) for name, text in ATTRIBUTE.findall(told)}


def _markdown(text: str) -> str:
    """Return a docstring's text with the marks of Markdown."""
    roles = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text)
    return roles.replace("``", "`").replace("|", "\\|")


def _values(hint: Any) -> str:
    """Return what a setting takes, by its type; none is what it has if it is not given."""
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
