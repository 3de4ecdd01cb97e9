"""Natural and robust accuracy, as counts."""

from __future__ import annotations

from scratchticket.attacks import Attack, Network
from scratchticket.base.accuracy import Accuracy
from scratchticket.base.modes import usual_modes
from scratchticket.base.processes import ALONE, Group
from scratchticket.data import ImageSet
from scratchticket.evaluation.answers import check_ready, correct
from scratchticket.evaluation.engine import BATCH_SIZE, Batches, device_of
from scratchticket.evaluation.robustness import evaluate


@usual_modes()
def natural_accuracy(network: Network, images: ImageSet, *, group: Group = ALONE) -> Accuracy:
    """Return the accuracy of a network on clean images.

    Args:
        network: Pixels in [0, 1] to logits; a module must be in eval mode.
        images: Images and labels, on any device.
        group: Processes that share the work.

    Raises:
        InputError: If the network is in training mode, or does not return a logit for every label.
    """
    check_ready(network)
    right, classes = 0, int(images.labels.max()) + 1
    batches = Batches(images, device_of(network))
    for stored, clean in map(batches.batch, range(group.rank, batches.count, group.size)):
        right += int(correct(network, clean, stored.labels, classes).sum())
    return Accuracy(sum(group.gathered(right)), len(images))


def robust_accuracy(
    network: Network,
    images: ImageSet,
    attack: Attack,
    *,
    seed: int = 0,
    group: Group = ALONE,
) -> Accuracy:
    """Return the accuracy of a network under an attack.

    An image counts as correct if the network classifies both the clean image (which lies in its own
    ball) and the adversarial one correctly. Adversarial images are checked for range and distance,
    and predictions are recomputed. Under ``torch.autocast`` the network is evaluated in that
    precision.

    Args:
        network: Pixels in [0, 1] to logits; a module must be in eval mode.
        images: Images and labels, on any device.
        attack: The attack, with its ball.
        seed: Seed of the attack's random starts.
        group: Processes that share the work.

    Raises:
        InputError: As for :func:`natural_accuracy`, or if the attack gets no gradient.
        ScratchticketError: If the attack leaves the threat model.

    Example:
        >>> from scratchticket.data import load_data
        >>> from scratchticket.networks import build
        >>> network = build("resnet18", classes=10, channels=1, width=2).eval()
        >>> from scratchticket.attacks import AttackRecipe
        >>> robust_accuracy(network, load_data("digits").test, AttackRecipe(epsilon="0.1")).total
        360
    """
    if attack.name == "none":
        return natural_accuracy(network, images, group=group)
    evaluated = evaluate(network, images, [attack], seed=seed, batch_size=BATCH_SIZE, group=group)
    return evaluated.robust(evaluated.outcomes[0])
