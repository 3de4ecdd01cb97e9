"""Feature distance: how far features move under attack (Fig. 4 of Fu et al.)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scratchticket.attacks import Attack, without_early_stopping
from scratchticket.base.errors import InputError, unknown
from scratchticket.base.modes import usual_modes
from scratchticket.data import ImageSet
from scratchticket.evaluation.engine import attacked_batches


@dataclass(frozen=True)
class FeatureDistance:
    """Distances between the features of clean and of perturbed images, at one layer.

    Attributes:
        layer: Name of the module whose output is measured.
        attack: Title of the attack.
        distances: ``||f(x') - f(x)|| / ||f(x)||`` of each image, in the Euclidean norm over all
            features: ``(n,)``.
    """

    layer: str
    attack: str
    distances: Tensor

    @property
    def mean(self) -> float:
        """Mean over the images."""
        return float(self.distances.mean())


@usual_modes()
def feature_distance(
    network: nn.Module,
    images: ImageSet,
    attack: Attack,
    *,
    layer: str | None = None,
    seed: int = 0,
) -> FeatureDistance:
    """Measure how far a layer's features move when images are attacked or perturbed by noise.

    Args:
        network: A network in eval mode.
        images: Images and labels.
        attack: The perturbation; ``Noise(1)`` is one random point of the ball. It is run without
            early stopping, so that misclassified images are perturbed too.
        layer: Name of a module of the network; the last convolution if not given.
        seed: Seed of the attack's random draws.

    Raises:
        InputError: If the network is in training mode, the layer is unknown, or its output is not a
            tensor with one row per image, or has a row of zeros.

    Example:
        >>> from scratchticket.attacks import Noise
        >>> from scratchticket.data import load_data
        >>> from scratchticket.networks import build
        >>> network = build("resnet18", classes=10, channels=1, width=2).eval()
        >>> images = load_data("digits").test[slice(8)]
        >>> small, large = (
        ...     feature_distance(network, images, Attack(Noise(1), epsilon)).mean
        ...     for epsilon in ("0.01", "0.1")
        ... )
        >>> 0 < small < large
        True
    """
    name, attack = layer or last_convolution(network), without_early_stopping(attack)
    features, distances = _tap(network, name), []
    for _, clean, adversarial in attacked_batches(attack, network, images, seed):
        before, after = features(clean), features(adversarial)
        norm = torch.linalg.vector_norm(before, dim=1)
        if not norm.all():
            raise InputError(f"layer {name} outputs only zeros for an image; name another layer")
        distances.append((torch.linalg.vector_norm(after - before, dim=1) / norm).cpu())
    return FeatureDistance(name, str(attack), torch.cat(distances))


def last_convolution(network: nn.Module) -> str:
    """Return the name of the last convolution in module order.

    Raises:
        InputError: If there is none.
    """
    modules = network.named_modules()
    names: list[str] = [name for name, module in modules if isinstance(module, nn.Conv2d)]
    if not names:
        raise InputError("the network has no convolution; name a layer")
    return names[-1]


def _tap(network: nn.Module, layer: str) -> Callable[[Tensor], Tensor]:
    """Return a function from images to the flattened output of a layer."""
    modules = dict(network.named_modules())
    if layer not in modules:
        raise unknown("layer", layer, [name for name in modules if name])

    def features(images: Tensor) -> Tensor:
        outputs: list[object] = []
        hook = modules[layer].register_forward_hook(lambda module, given, out: outputs.append(out))
        try:
            with torch.no_grad():
                network(images)
        finally:
            hook.remove()
        if not outputs or not isinstance(outputs[-1], Tensor) or len(outputs[-1]) != len(images):
            raise InputError(f"layer {layer} does not return a tensor with one row per image")
        return outputs[-1].flatten(1)

    return features
