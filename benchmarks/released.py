"""The reference for timing a draw: the procedure of the paper's released code, reimplemented.

It follows RICE-EIC/Robust-Scratch-Ticket at f77b41c: every forward pass sorts the magnitudes of all
scores of every layer (utils/conv_type.py); the inner attack calls ``backward()``, so gradients of
the scores are computed and discarded (trainers/default.py); everything is float32, in the
contiguous memory format. Nothing here is slower than in that code.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import scratchticket as st
from scratchticket.learning.searches import initial_scores
from scratchticket.networks import maskable

MOMENTUM, DECAY = 0.9, 5e-4


class TopMask(torch.autograd.Function):
    """Set the largest values to 1 and all others to 0; the backward pass is the identity."""

    @staticmethod
    def forward(ctx: object, values: Tensor, kept: float) -> Tensor:
        mask = values.clone()
        _, order = values.flatten().sort()
        zeros = int((1 - kept) * values.numel())
        flat = mask.flatten()
        flat[order[:zeros]] = 0
        flat[order[zeros:]] = 1
        return mask

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class Masked(nn.Module):
    """A convolution or linear layer that computes its mask anew in every forward pass.

    Args:
        layer: The layer with its random weights.
        name: Name of the weight, which determines the initial scores.
        kept: Fraction of weights that remain.
    """

    def __init__(self, layer: nn.Conv2d | nn.Linear, name: str, kept: float) -> None:
        super().__init__()
        self.kept, self.layer = kept, layer
        layer.weight.requires_grad_(False)
        self.scores = nn.Parameter(initial_scores(0, name, tuple(layer.weight.shape)))

    def forward(self, values: Tensor) -> Tensor:
        mask: Tensor = TopMask.apply(self.scores.abs(), self.kept)  # type: ignore[no-untyped-call]
        layer, weight = self.layer, self.layer.weight * mask
        if isinstance(layer, nn.Conv2d):
            return F.conv2d(values, weight, None, layer.stride, layer.padding)
        return F.linear(values, weight)


def masked(network: nn.Module, kept: float) -> nn.Module:
    """Replace the maskable layers of a network with :class:`Masked`, in place, and return it."""
    for name in list(maskable(network)):
        path = name.removesuffix(".weight")
        parent = network.get_submodule(path.rpartition(".")[0])
        layer = network.get_submodule(path)
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        setattr(parent, path.rpartition(".")[2], Masked(layer, name, kept))
    for parameter in network.parameters():
        parameter.data = parameter.data.contiguous()
    return network


def stepper(
    network: nn.Module, epsilon: float, step_size: float, steps: int, *, one_step: bool = False
) -> Callable[[Tensor, Tensor], None]:
    """Return a function that takes one step of the search on a batch.

    Args:
        network: Network returned by :func:`masked`.
        epsilon: Radius of the l-inf ball.
        step_size: Step size of the attack.
        steps: Number of steps of the attack.
        one_step: Whether to attack with FGSM-RS instead: one step of 1.25 epsilon.
    """
    scores = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(scores, lr=0.1, momentum=MOMENTUM, weight_decay=DECAY)
    size, count = (1.25 * epsilon, 1) if one_step else (step_size, steps)
    network.train()

    def step(images: Tensor, labels: Tensor) -> None:
        adversarial = attacked(network, images, labels, epsilon, size, count)
        optimiser.zero_grad()
        loss = F.cross_entropy(network(adversarial), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def attacked(  # noqa: PLR0913
    network: nn.Module, images: Tensor, labels: Tensor, epsilon: float, step_size: float, steps: int
) -> Tensor:
    """Return the last iterate of PGD from a random start; every image takes all steps."""
    delta = torch.zeros_like(images).uniform_(-epsilon, epsilon)
    delta.data = (images + delta).clamp(0, 1) - images
    delta.requires_grad_()
    for _ in range(steps):
        loss = F.cross_entropy(network(images + delta), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        gradient = delta.grad
        assert gradient is not None
        delta.data = (delta + step_size * gradient.sign()).clamp(-epsilon, epsilon)
        delta.data = (images + delta).clamp(0, 1) - images
        gradient.zero_()
    return (images + delta).detach()


def of_ticket(network: nn.Module, mask: st.Mask) -> nn.Module:
    """Return a ticket's network with scores that reproduce the ticket's mask in every pass."""
    network = masked(network, 1.0)
    for name, layer in mask.items():
        module = network.get_submodule(name.removesuffix(".weight"))
        assert isinstance(module, Masked)
        module.scores.data = torch.where(layer, 1.0, 1e-3) * (1 + module.scores.data.abs())
        # The forward pass rounds the count up, so that exactly the mask's weights remain.
        module.kept = (int(layer.sum()) - 0.5) / layer.numel()
    return network.eval()
