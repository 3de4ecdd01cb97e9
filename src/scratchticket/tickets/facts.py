"""Descriptions of a ticket, as JSON values and as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from scratchticket.base.accuracy import percent
from scratchticket.tickets.coding import entropy_bits
from scratchticket.tickets.parts import compact
from scratchticket.tickets.ticket import Ticket


class RecordedAccuracy(NamedTuple):
    """Accuracy on test images, as recorded when a ticket was made.

    Attributes:
        natural: Natural accuracy in percent.
        robust: Robust accuracy in percent.
        attack: Title of the attack, such as ``pgd-20, linf, 0.1``.
        images: Number of images attacked.
    """

    natural: float
    robust: float
    attack: str
    images: int


def recorded_accuracy(provenance: Mapping[str, Any]) -> RecordedAccuracy | None:
    """Return the accuracy in a ticket's provenance; None if it is missing or unreadable."""
    try:
        results = provenance["results"]
        natural, attack = results["natural"], results["attacks"][0]
        return RecordedAccuracy(
            percent(natural["correct"], natural["total"]),
            percent(attack["correct"], attack["total"]),
            str(attack["title"]),
            int(attack["total"]),
        )
    except (KeyError, IndexError, TypeError, ValueError, ArithmeticError):
        return None


def summary(ticket: Mapping[str, Any]) -> dict[str, str]:
    """Return a summary of a ticket, one line per topic.

    Args:
        ticket: The :func:`facts` of a ticket that was verified when it was read.
    """
    sizes, dense = ticket["bytes"], ticket["bytes"]["dense_checkpoint"]
    rebuilt = ticket["weights_from"] == "seed"
    ternary = "; ternary: -c, 0 or +c in each layer" if ticket["ternary"] else ""
    share = percent(ticket["remaining_ratio"])
    lines = {
        "network": network_title(ticket),
        "weights": f"rebuilt from the seed, never trained{ternary}"
        if rebuilt
        else "stored in the file",
        "remain": f"{ticket['kept']:,} of {ticket['total']:,} ({share:.4g} %)",
        "images": f"{tuple(ticket['image_shape'])}, {len(ticket['classes'])} classes",
        "file": f"{sizes['alone']:,} bytes; a dense checkpoint has {dense:,} "
        f"({dense / sizes['alone']:.1f} times as many)",
        "compare": "random masks with the same number of kept weights in each layer take "
        f"{sizes['mask_entropy']:,} bytes (their entropy), and batch-norm statistics take "
        f"{sizes['statistics']:,} bytes",
        "proof": "holds: the file matches its hash, and "
        + (
            "the weights rebuilt from the seed match the fingerprint of every layer"
            if rebuilt
            else "every layer in which no weight was pruned matches its fingerprint"
        ),
    }
    if accuracy := recorded_accuracy(ticket["provenance"]):
        lines["accuracy"] = (
            f"natural {accuracy.natural:.1f} %, robust {accuracy.robust:.1f} % "
            f"({accuracy.attack}), on {accuracy.images} test images, recorded when it was made"
        )
    return lines


def network_title(ticket: Mapping[str, Any]) -> str:
    """Return a network's architecture, init and seed as text, from a ticket's :func:`facts`."""
    width = {} if ticket["width"] is None else {"width": ticket["width"]}
    sizes = [f"{name} {value}" for name, value in (width | ticket["arguments"]).items()]
    return ", ".join([ticket["network"], *sizes, ticket["init"], f"seed {ticket['seed']}"])


def facts(ticket: Ticket) -> dict[str, Any]:
    """Return a ticket's network, counts, sizes in bytes and provenance, as JSON values."""
    layers = [
        {
            "name": name,
            "shape": list(mask.shape),
            "kept": int(mask.sum()),
            "total": mask.numel(),
            "fingerprint": ticket.fingerprints[name],
        }
        for name, mask in ticket.mask.items()
    ]
    coded = [compact(mask) for mask in ticket.mask.values()]
    entropy = sum(entropy_bits(bits.numel(), int(bits.sum())) for bits in coded)
    statistics = sum(value.numel() for value in ticket.statistics.values())
    return {
        "network": ticket.network.name,
        "width": ticket.network.width,
        "arguments": dict(ticket.network.arguments),
        "init": ticket.network.init,
        "seed": ticket.seed,
        "weights_from": "seed" if ticket.weights is None else "file",
        "ternary": ticket.ternary,
        "image_shape": list(ticket.image_shape),
        "classes": list(ticket.classes),
        "mean": list(ticket.mean),
        "std": list(ticket.std),
        "kept": ticket.mask.kept,
        "total": ticket.mask.total,
        "remaining_ratio": ticket.remaining_ratio,
        "bytes": {
            "alone": len(ticket.to_bytes()),
            "mask_entropy": round(entropy / 8),
            "statistics": 4 * statistics,
            "dense_checkpoint": 4 * (ticket.mask.total + statistics),
        },
        "layers": layers,
        "provenance": dict(ticket.provenance),
    }
