"""Write src/scratchticket/cli/settings.json, the texts about settings in the command line's help.

    python tools/option_table.py

The file is made from the dataclasses that define the settings and from the registries. These import
PyTorch, which takes a second; `--help` reads the file instead.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from settings_table import meanings

from scratchticket.attacks import METHODS, Attack, AttackRecipe, inner_attacks
from scratchticket.cli.learn import PATHS
from scratchticket.learning.searches.registry import SEARCHES
from scratchticket.masks.pattern import GRANULARITIES
from scratchticket.networks.inits import INITS
from scratchticket.networks.recipe import BUILT_IN, NETWORKS
from scratchticket.runs.recipe import Recipe

FILE = Path(__file__).parents[1] / "src" / "scratchticket" / "cli" / "settings.json"
CHOICES = {
    "network.name": [name for name in NETWORKS if name in BUILT_IN],
    "network.init": list(INITS),
    "pattern.granularity": list(GRANULARITIES),
    "search.name": list(SEARCHES),
    "attack.name": list(inner_attacks()),
}
SENTENCE = re.compile(r"(.*?\.)(?: [A-Z`(]|$)")


def entries(kind: type = Recipe, prefix: str = "") -> dict[str, dict[str, Any]]:
    """Return the settings of a dataclass that have an option, by path."""
    told, hints, blank = meanings(kind), get_type_hints(kind), kind()
    found = dict[str, dict[str, Any]]()
    for item in fields(kind):
        path, value = prefix + item.name, getattr(blank, item.name)
        if isinstance(value, Attack):
            found |= attack(f"{path}.")
        elif is_dataclass(value):
            found |= entries(type(value), f"{path}.")
        elif path in PATHS.values():
            found[path] = entry(path, told[item.name], hints[item.name], value)
    return found


def attack(prefix: str) -> dict[str, dict[str, Any]]:
    """Return the settings of the inner attack that the command line has options for."""
    told, hints = meanings(AttackRecipe), get_type_hints(AttackRecipe)
    usual = AttackRecipe().json()
    return {
        prefix + name: entry(prefix + name, told[name], hints[name], usual[name])
        for name in ("name", "epsilon", "steps", "step_size", "norm")
    }


def entry(path: str, text: str, hint: Any, default: Any) -> dict[str, Any]:
    """Return a setting's help (the first sentence of its documentation), choices and default."""
    sentence = SENTENCE.match(text)
    assert sentence is not None, path
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not type(None)]
    choices = list(kinds) if get_origin(hint) is Literal else CHOICES.get(path, [])
    if "`" in sentence[1]:
        raise SystemExit(
            f"the first sentence on {path} is its help and must have no backquotes: {sentence[1]}"
        )
    return {"help": sentence[1], "choices": choices, "default": default}


def content() -> str:
    """Return the file's content."""
    attacks = [name for name, method in METHODS.items() if method.for_evaluation]
    return json.dumps({"settings": entries(), "attacks": attacks}, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(content())
