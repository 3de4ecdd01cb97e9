"""The verb ``show``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from scratchticket.cli import options as o
from scratchticket.cli.terminal import attack_title, out, percent, user_errors

if TYPE_CHECKING:
    from scratchticket.tickets import Ticket


def show(ticket: o.TicketPath, json_output: o.Json = False) -> None:
    """Tell what a ticket is: network, seed, kept counts, sizes, provenance, proof.

    Loading proves it: every layer's weights are rebuilt from the seed and compared with the
    ticket's fingerprints, and every byte of the file with its hash. A file that fails is refused.
    """
    with user_errors():
        from scratchticket.tickets import Ticket

        loaded = Ticket.load(ticket)
        facts = _facts(loaded, ticket)
        if json_output:
            print(json.dumps(facts, indent=2))
            return
        _print(facts)


def _facts(ticket: Ticket, path: Path) -> dict[str, Any]:
    layers: list[dict[str, Any]]
    from scratchticket.tickets.coding import entropy_bits

    layers = [
        {"name": name, "shape": list(mask.shape), "kept": int(mask.sum()), "total": mask.numel()}
        for name, mask in ticket.mask.items()
    ]
    statistics = sum(value.numel() for value in ticket.statistics.values())
    counts = [(layer["total"], layer["kept"]) for layer in layers]
    return {
        "file": str(path),
        "proof": "holds",
        "network": ticket.network.name,
        "width": ticket.network.width,
        "init": ticket.network.init,
        "seed": ticket.seed,
        "weights_from": "seed" if ticket.weights is None else "file",
        "image_shape": list(ticket.image_shape),
        "classes": list(ticket.classes),
        "mean": list(ticket.mean),
        "std": list(ticket.std),
        "kept": ticket.mask.kept,
        "total": ticket.mask.total,
        "remaining_ratio": ticket.remaining_ratio,
        "bytes": {
            "file": path.stat().st_size,
            "mask_entropy": round(sum(entropy_bits(*pair) for pair in counts) / 8),
            "statistics": 4 * statistics,
            "dense_checkpoint": 4 * (ticket.mask.total + statistics),
        },
        "layers": [
            layer | {"fingerprint": ticket.fingerprints[str(layer["name"])]} for layer in layers
        ],
        "provenance": dict(ticket.provenance),
    }


def _print(facts: dict[str, Any]) -> None:
    sizes, dense = facts["bytes"], facts["bytes"]["dense_checkpoint"]
    rebuilt = facts["weights_from"] == "seed"
    lines = {
        "network": f"{facts['network']}, width {facts['width']}, {facts['init']}, "
        f"seed {facts['seed']}",
        "weights": "rebuilt from the seed, never trained"
        if rebuilt
        else "trained, stored in the file",
        "remain": f"{facts['kept']:,} of {facts['total']:,} "
        f"({100 * facts['remaining_ratio']:.4g} %)",
        "images": f"{tuple(facts['image_shape'])}, {len(facts['classes'])} classes",
        "file": f"{sizes['file']:,} bytes; a dense checkpoint has {dense:,} "
        f"({dense / sizes['file']:.1f} times as many)",
        "compare": f"{sizes['mask_entropy']:,} bytes of entropy in a mask with these counts, "
        f"{sizes['statistics']:,} of batch-norm statistics",
        "proof": "holds: hash of the file, "
        + ("weights rebuilt from the seed" if rebuilt else "stored weights")
        + " against the fingerprint of every layer",
    }
    result = facts["provenance"].get("results")
    if result:
        attack = result["attacks"][0]
        lines["accuracy"] = (
            f"natural {percent(result['natural'])}, {attack_title(attack)} {percent(attack)} "
            f"of {attack['total']} test images, as recorded at its making"
        )
    for name, text in lines.items():
        out.print(f"[bold]{name:<9}[/bold] {text}", soft_wrap=True)
    table = Table()
    table.add_column("layer")
    for heading in ("shape", "kept", "of", "%"):
        table.add_column(heading, justify="right")
    for layer in facts["layers"]:
        shape = "x".join(str(size) for size in layer["shape"])
        kept, total = layer["kept"], layer["total"]
        table.add_row(layer["name"], shape, f"{kept:,}", f"{total:,}", f"{100 * kept / total:.2f}")
    out.print(table)
    recipe = facts["provenance"].get("recipe")
    if recipe:
        out.print("[bold]recipe[/bold]   ", json.dumps(recipe), soft_wrap=True)
