"""Catastrophic overfitting of one-step attacks (Wong et al., 2020, arXiv:2001.03994)."""

from __future__ import annotations

from collections.abc import Sequence

from scratchticket.learning.problem import Epoch


def catastrophic_overfitting(epochs: Sequence[Epoch]) -> Epoch | None:
    """Return the first epoch with catastrophic overfitting to the one-step attack, if any.

    The criterion, on validation images: accuracy under PGD is below half of its best value so far,
    with disjoint 95 % intervals, while accuracy under FGSM is no lower than at that best epoch.

    Args:
        epochs: The log; only epochs validated under both attacks count.
    """
    best = None
    for epoch in epochs:
        now = epoch.validation
        if now is None or now.fgsm is None:
            continue
        if best is not None and best.fgsm is not None:
            collapsed = (
                2 * now.robust.fraction < best.robust.fraction
                and now.robust.interval()[1] < best.robust.interval()[0]
            )
            if collapsed and now.fgsm.fraction >= best.fgsm.fraction:
                return epoch
        if best is None or now.robust.fraction >= best.robust.fraction:
            best = now
    return None
