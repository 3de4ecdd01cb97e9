"""Settings from presets and ``--set``."""

from __future__ import annotations

from typing import Any


def with_settings(overrides: dict[str, Any], settings: list[str] | None) -> dict[str, Any]:
    """Add what ``--set`` says.

    Args:
        overrides: Dotted path to value, from options.
        settings: ``PATH=VALUE`` each.

    Raises:
        InputError: If there is no value, or a path is given twice.
    """
    from scratchticket.errors import InputError

    together = dict(overrides)
    for setting in settings or []:
        path, equals, value = setting.partition("=")
        if not equals:
            raise InputError(f"--set takes PATH=VALUE, got {setting!r}")
        if path in together:
            raise InputError(f"{path} is given twice: {together[path]} and {value}")
        together[path] = value
    return together


def preset_settings(name: str | None, task: str) -> dict[str, Any]:
    """Return the settings of a preset, as far as they concern the task.

    Raises:
        InputError: If there is no such preset.
    """
    from scratchticket.errors import unknown
    from scratchticket.experiments.presets import PRESETS

    if name is None:
        return {}
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    own = ("ratio", "pattern.")  # what training does not have
    return {p: v for p, v in PRESETS[name].items() if task == "draw" or not p.startswith(own)}
