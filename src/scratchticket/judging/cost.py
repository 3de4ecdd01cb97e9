"""The cost of an evaluation in forward passes, computed from its attacks.

It is an upper bound: every attack counts with all its steps on every image, but most stop at the
first success and skip misclassified images.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scratchticket.attacks import Attack
from scratchticket.evaluation import Balls
from scratchticket.evaluation.transfer import SET, SourcedAttack
from scratchticket.switching.suites import (
    SwitchSuite,
    respond_with,
    switch_suite,
    transfer_suite,
)


def evaluation_passes(attacks: Iterable[Attack]) -> int:
    """Return the forward passes per image for evaluating one network."""
    return 1 + sum(attack.method.passes + 1 for attack in attacks)


def transfer_passes(networks: Sequence[str], where: Balls) -> int:
    """Return the forward passes per image of the transfer matrices, summed over all networks."""
    return _sourced_passes(transfer_suite(networks, where), len(networks))


def switch_passes(
    name: SwitchSuite, members: Sequence[str], where: Balls, classes: int, *, dense: bool = False
) -> int:
    """Return the forward passes per image of a switch's evaluation, summed over all networks.

    Args:
        name: Name of the suite; ``full`` is assumed to play one round of the game, as is usual.
        members: Names of the tickets.
        where: The balls of the attacks.
        classes: Number of logits.
        dense: Whether a dense network is evaluated for comparison.
    """
    attacks = [*switch_suite(name, members, where, classes)]
    if name == "full":
        attacks += respond_with((1 / len(members),) * len(members), where)
    passes = _sourced_passes(attacks, len(members))
    if dense:
        passes += _sourced_passes(switch_suite(name, ["dense"], where, classes), 1)
    return passes


def _sourced_passes(attacks: Iterable[SourcedAttack], networks: int) -> int:
    """Return the passes of attacks whose images are evaluated on all networks."""
    return networks + sum(
        sourced.attack.method.passes * (networks if sourced.source == SET else 1) + networks
        for sourced in attacks
    )
