"""Catastrophic overfitting of one-step attacks (Wong et al., 2020, arXiv:2001.03994)."""

from __future__ import annotations

from collections.abc import Sequence

from scratchticket.learning.problem import Epoch, Watch


def catastrophic_overfitting(epochs: Sequence[Epoch]) -> Epoch | None:
    """Return the first epoch with catastrophic overfitting to the one-step attack, if any.

    The criterion: accuracy under PGD is below half of its best value so far, with disjoint 95 %
    intervals, while accuracy under FGSM is no lower than at that best epoch.

    Args:
        epochs: The log; epochs without a ``watch`` are ignored.
    """
    best: Watch | None = None
    for epoch in epochs:
        if (now := epoch.watch) is None:
            continue
        if best is not None:
            halved = 2 * now.pgd.fraction < best.pgd.fraction
            if halved and not _overlap(now, best) and now.fgsm.fraction >= best.fgsm.fraction:
                return epoch
        if best is None or now.pgd.fraction >= best.pgd.fraction:
            best = now
    return None


def sound(epochs: Sequence[Epoch]) -> bool:
    """Return whether the last 95 % interval of accuracy under PGD reaches the best epoch's.

    Args:
        epochs: The log, whose last epoch has a ``watch``.
    """
    watched = [epoch.watch for epoch in epochs if epoch.watch]
    return _overlap(watched[-1], max(watched, key=lambda watch: watch.pgd.fraction))


def _overlap(now: Watch, best: Watch) -> bool:
    """Return whether the 95 % interval of accuracy under PGD reaches that of the best epoch."""
    return now.pgd.interval()[1] >= best.pgd.interval()[0]
