"""Settings from presets and ``--set``."""

from __future__ import annotations

from typing import Any


def with_settings(overrides: dict[str, Any], settings: list[str] | None) -> dict[str, Any]:
    """Add what ``--set`` says.

    Args:
        overrides: Dotted path to value, from options.
        settings: ``PATH=VALUE`` each.

    Raises:
        InputError: If there is no value, a path is given twice, or a list of classes is none.
    """
    from scratchticket.base.errors import InputError

    together = dict(overrides)
    for path, value in pairs(settings, "--set", "PATH=VALUE"):
        if path in together:
            raise InputError(f"{path} is given twice: {together[path]} and {value}")
        together[path] = value
    if "data.classes" in together:
        from scratchticket.data.recipe import classes_text

        together["data.classes"] = classes_text(together["data.classes"])
    return together


def pairs(told: list[str] | None, option: str, form: str) -> list[tuple[str, str]]:
    """Return what an option that may be repeated says, each a name and a value.

    Args:
        told: By the user.
        option: Its name.
        form: How it is written: ``NAME=VALUE``.

    Raises:
        InputError: If there is no name or no value.
    """
    from scratchticket.base.errors import InputError

    found = []
    for text in told or []:
        name, _, value = text.partition("=")
        if not name or not value:
            raise InputError(f"{option} takes {form}, got {text!r}")
        found.append((name, value))
    return found


def preset_settings(name: str | None, task: str) -> dict[str, Any]:
    """Return the settings of a preset, as far as they concern the task.

    Raises:
        InputError: If there is no such preset.
    """
    from scratchticket.base.errors import unknown
    from scratchticket.runs.presets import PRESETS

    if name is None:
        return {}
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    own = ("ratio", "pattern.")  # what training does not have
    return {p: v for p, v in PRESETS[name].items() if task == "draw" or not p.startswith(own)}
