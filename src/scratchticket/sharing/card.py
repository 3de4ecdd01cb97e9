"""The model card of a ticket: data, threat model, accuracies, warning signs, how to load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scratchticket.base.accuracy import percent
from scratchticket.base.errors import InputError
from scratchticket.base.record import Accuracies, AttackRow, Counts, EvaluationRecord, Json, read_as
from scratchticket.runs.recipe import data_of
from scratchticket.runs.start import content_hash
from scratchticket.tickets import Ticket

EARLY_SETTINGS = ("steps", "step_size", "random_start")  # of attacks in early records of runs
METADATA = """\
---
license: {licence}
library_name: scratchticket
pipeline_tag: image-classification
tags: [adversarial-robustness, pruning, lottery-ticket, supermask]
---"""
LOADING = """\
    pip install scratchticket

```python
import scratchticket as st

ticket = st.Ticket.load("{place}")  # rebuilds the random weights and verifies them
network = ticket.build()  # a plain PyTorch module, from pixels in [0, 1] to logits
```

    scratchticket show {place}"""
HARMLESS = " .,;:-_+=/%()[]'"  # characters kept in untrusted text, with letters and digits
NOT_EVALUATED = """\
No evaluation record is attached. Accuracy under one attack is only an upper bound on robust
accuracy: run `scratchticket evaluate --suite full` before relying on it."""


def model_card(
    ticket: Ticket,
    records: Sequence[EvaluationRecord] = (),
    *,
    name: str = "ticket",
    licence: str = "mit",
) -> str:
    """Return a model card in Markdown, with metadata at the top.

    Args:
        ticket: The shared ticket.
        records: Records of evaluations of this ticket, made by ``evaluate``.
        name: Name of the model; ``owner/name`` on the hub.
        licence: Licence in the hub's spelling.

    Raises:
        InputError: If a record belongs to another ticket.
    """
    own = content_hash(ticket)
    for record in records:
        if record.subject.get("sha256") != own:
            raise InputError("a record does not belong to this ticket")
    own_data = data_of(ticket)
    data = "unknown data" if own_data is None else Path(own_data.name).name
    parts = [
        METADATA.format(licence=_plain(licence)),
        f"# {_plain(name)}",
        _description(ticket, data),
        "## Threat model",
        _threat_model(ticket),
        "## Accuracy",
        _accuracy(ticket, records),
        "## How to load",
        LOADING.format(place=f"hub:{_plain(name)}" if "/" in name else "ticket.safetensors"),
        "## Limitations",
        f"Robustness is measured on {_plain(data)}, inside the ball above, and nowhere else. The "
        "network has not been checked for fairness, privacy or other harms.",
    ]
    return "\n\n".join(parts) + "\n"


def _plain(text: str) -> str:
    """Return untrusted text without Markdown syntax; other characters become question marks."""
    known = "".join(c if c.isalnum() or c in HARMLESS else "?" for c in text)[:200]
    return known.replace("](", "] (").replace("//", "/ /")  # no links


def _description(ticket: Ticket, data: str) -> str:
    """Return a paragraph that describes the ticket."""
    untrained = (
        "Its weights were never trained: they are random numbers, rebuilt from a seed, and the "
        "ticket's mask says which of them remain"
        if ticket.weights is None
        else "Its weights are stored in the file"
    )
    channels, height, width = ticket.image_shape
    classes = ", ".join(_plain(name) for name in ticket.classes[:20])
    more = f" and {len(ticket.classes) - 20} more" if len(ticket.classes) > 20 else ""
    size = "" if ticket.network.width is None else f" of width {ticket.network.width}"
    return (
        f"A {_plain(ticket.network.name)}{size} for images of {height}x{width} pixels and "
        f"{channels} channel(s), drawn or trained on {_plain(data)}. {untrained} "
        f"({ticket.mask.kept:,} of {ticket.mask.total:,}, {percent(ticket.remaining_ratio):.3g} %; "
        f"Fu et al., Drawing Robust Scratch Tickets, NeurIPS 2021). Classes: {classes}{more}."
    )


def _threat_model(ticket: Ticket) -> str:
    """Return a paragraph on the ticket's threat model."""
    recipe = ticket.provenance.get("recipe")
    attack = recipe.get("attack") if isinstance(recipe, dict) else None
    if not isinstance(attack, dict):
        return "Unknown: the ticket does not say how it was made."
    if attack.get("name") == "none":
        return "None: it was made without an inner attack."
    steps = f" of {attack.get('steps')} steps" if attack.get("name") == "pgd" else ""
    return _plain(
        f"An attacker who knows the network and moves every image by at most "
        f"{attack.get('epsilon')} in the {attack.get('norm')} norm, pixels in [0, 1]. The inner "
        f"attack of the search or training was {attack.get('name')}{steps}."
    )


def _accuracy(ticket: Ticket, records: Sequence[EvaluationRecord]) -> str:
    """Return tables of accuracies, and the warning signs."""
    parts = []
    if (results := ticket.provenance.get("results")) is not None:
        made = read_as(Accuracies, results, "the ticket's provenance")
        parts.append(f"Recorded when the ticket was made:\n\n{_table(made)}")
    for record in records:
        suite = record.plan.get("suite")
        what = f"suite {_plain(str(suite))}" if suite else "one attack"
        title = f"### Evaluated on {record.natural.total:,} images, {what}"
        parts.append(f"{title}\n\n{_table(record)}")
        signs = [f"- {_plain(sign.name)}: {_plain(sign.text)}" for sign in record.warning_signs]
        parts.append("Warning signs:\n\n" + "\n".join(signs) if signs else "No warning signs.")
    return "\n\n".join(parts if records else [*parts, NOT_EVALUATED])


def _table(measured: Accuracies | EvaluationRecord) -> str:
    """Return a table of accuracies and attack settings, the worst case first."""
    cases = measured.worst_cases if isinstance(measured, EvaluationRecord) else ()
    counts = [
        (
            f"**worst case**, {_plain(case.norm)}, {_plain(case.epsilon)}",
            case,
            f"of {len(case.attacks)} attacks",
        )
        for case in cases
    ]
    rows: list[tuple[str, Counts, str]] = [*counts, ("none (natural)", measured.natural, "")]
    rows += [(_plain(row.title), row, _settings(row)) for row in measured.attacks]
    lines = [
        "| attack | correct | images | % | 95 % interval | settings |",
        "|---|---|---|---|---|---|",
    ]
    for title, count, settings in rows:
        share = f"{count.percent:.1f} | {count.interval_text}"
        lines.append(f"| {title} | {count.correct:,} | {count.total:,} | {share} | {settings} |")
    return "\n".join(lines)


def _settings(row: AttackRow) -> str:
    """Return all settings of an attack; for AutoAttack, of each of its four attacks."""
    known = row.settings
    if known is None:  # in early records of runs, settings are stored next to the title
        stored = row.model_extra or {}
        known = {name: stored[name] for name in EARLY_SETTINGS if name in stored}
    if any(isinstance(value, dict) for value in known.values()):
        return "; ".join(f"{_plain(name)}: {_settings_text(own)}" for name, own in known.items())
    return _settings_text(known)


def _settings_text(settings: Json) -> str:
    """Return settings as text, such as ``steps 20, step size 0.0125``."""
    words: dict[Any, str] = {True: "yes", False: "no", None: "none"}
    entries = []
    for name, value in settings.items():
        text = words[value] if value is None or isinstance(value, bool) else str(value)
        entries.append(_plain(f"{name.replace('_', ' ')} {text}"))
    return ", ".join(entries)
