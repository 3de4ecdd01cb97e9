"""What can be told of a ticket."""

from __future__ import annotations

from typing import Any

from scratchticket.tickets.coding import entropy_bits
from scratchticket.tickets.parts import compact
from scratchticket.tickets.ticket import Ticket


def facts(ticket: Ticket) -> dict[str, Any]:
    """Return everything ``show`` tells, as JSON values: counts, sizes in bytes, provenance."""
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
