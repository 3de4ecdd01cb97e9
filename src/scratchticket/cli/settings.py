"""Settings from presets and ``--set``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def with_settings(overrides: dict[str, Any], settings: list[str] | None) -> dict[str, Any]:
    """Return the overrides with the settings of ``--set`` added.

    Args:
        overrides: Values by dotted path, from the other options.
        settings: Settings, each as ``PATH=VALUE``.

    Raises:
        InputError: If a value is missing, a path is given twice, or ``data.classes`` is not a list.
    """
    from scratchticket.base.errors import InputError

    merged = dict(overrides)
    for path, value in name_value_pairs(settings, "--set", "PATH=VALUE"):
        if path in merged:
            raise InputError(f"{path} is given twice: {merged[path]} and {value}")
        merged[path] = value
    if "data.classes" in merged:
        from scratchticket.data.recipe import classes_text

        merged["data.classes"] = classes_text(merged["data.classes"])
    return merged


def name_value_pairs(texts: list[str] | None, option: str, form: str) -> list[tuple[str, str]]:
    """Return the names and values given to a repeatable option.

    Args:
        texts: The values of the option, as the user wrote them.
        option: Name of the option, for error messages.
        form: The expected form, such as ``NAME=VALUE``, for error messages.

    Raises:
        InputError: If a name or a value is missing.
    """
    from scratchticket.base.errors import InputError

    pairs = []
    for text in texts or []:
        name, _, value = text.partition("=")
        if not name or not value:
            raise InputError(f"{option} takes {form}, got {text!r}")
        pairs.append((name, value))
    return pairs


def preset_settings(name: str | None, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a preset that apply to a run.

    Args:
        name: Name of the preset; None for no settings.
        changes: Settings of the run that override the preset, by path.

    Raises:
        InputError: If the preset is unknown, or the ratio is no ratio.
    """
    from scratchticket.base.errors import unknown
    from scratchticket.runs.presets import PRESETS, power_by_size

    if name is None:
        return {}
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    settings = dict(PRESETS[name])
    if changes.get("task", "draw") == "train":  # which has no masks
        return {p: v for p, v in settings.items() if not p.startswith(("ratio", "pattern."))}
    if settings.get("pattern.budget") == "size":
        if changes.get("pattern.budget", "size") != "size":
            return {p: v for p, v in settings.items() if not p.startswith("pattern.")}
        ratio = changes.get("ratio", settings.get("ratio", "0.1"))
        settings["pattern.power"] = power_by_size(ratio)
    return settings
