"""JSON changed at random, as a careless or hostile hand would: values, names, text, bytes."""

from __future__ import annotations

import json
import random
from typing import Any

ODD: list[Any] = [
    *(None, True, 0, -1, 1, 2**31, 2**63, 10**18, 0.5, 1e308, "", "x", "\n", [], {}, [[]], [0]),
    *({"a": 1}, [2**40], [-1, -1], "ab" * 32, "1/3", "1e400", "../../x", "/etc/passwd", "a\0b"),
    *("\x1b]0;x\x07", "<script>", "$\\foo$", "\u202e", "x" * 5000, float("nan"), float("inf")),
    *(10**5000, "resnet18", "stored", "seed", "element", "os:system", "9" * 5000),
]
RAW = ["1e400", "-1e999", "NaN", "Infinity", "1" * 5000, "[" * 100_000, "[" * 70 + "]" * 70]
RAW += ['"\\ud800"', '{"a":1,"a":2}', '"\x1b[2J"', "tru", "1 2", ""]
HOLE = "a hole for raw text"


def places(value: Any, closed: str = "", path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside a JSON value, not looking into one of this name."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, inner in items:
        found.append((*path, key))
        if isinstance(inner, dict | list) and key != closed:
            found += places(inner, closed, (*path, key))
    return found


def changed_text(text: str, dice: random.Random, closed: str = "") -> str:
    """Return a JSON document with one value or name in it changed, but not inside this one."""
    document = json.loads(text)
    *parents, last = dice.choice(places(document, closed))
    node = document
    for key in parents:
        node = node[key]
    kind = dice.randrange(10)
    if kind == 0:
        del node[last]
    elif kind == 1 and isinstance(node, dict):
        node[dice.choice(["", "unknown", "__class__", "\x1b", "x" * 5000])] = node.pop(last)
    elif kind == 2 and isinstance(node, list):
        node += node
    elif kind == 3:
        node[last] = HOLE
        return _dumps(document).replace(json.dumps(HOLE), dice.choice(RAW), 1)
    else:
        node[last] = dice.choice(ODD)
    return _dumps(document)


def changed_document(text: str, dice: random.Random) -> bytes:
    """Return a JSON document changed as a value, or a few bytes of it."""
    if dice.random() < 0.7:
        return changed_text(text, dice).encode("utf-8", "surrogatepass")
    data = bytearray(text.encode())
    for _ in range(dice.choice([1, 2, 5])):
        start = dice.randrange(len(data))
        if len(data) < 30 or dice.random() < 0.5:
            data[start] = dice.randrange(256)
        else:
            del data[start : start + dice.choice([1, 20])]
    return bytes(data)


def _dumps(value: Any) -> str:
    """Write JSON; integers of any length too."""
    huge = 10**5000

    def shown(inner: Any) -> Any:
        if isinstance(inner, dict):
            return {key: shown(value) for key, value in inner.items()}
        if isinstance(inner, list):
            return [shown(value) for value in inner]
        return "HUGE" if type(inner) is int and inner == huge else inner

    return json.dumps(shown(value)).replace('"HUGE"', "1" + "0" * 5000)
