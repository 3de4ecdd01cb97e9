"""The outer minimisation: steps on what is learned."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim.sgd import sgd

from scratchticket.learning.checkpoint import named


class Descent:
    """SGD with momentum and weight decay, as PyTorch computes it.

    The class around it, ``torch.optim.SGD``, imports PyTorch's compiler when it is made: two
    seconds before the first step of every run.

    Args:
        tensors: What is learned, by name.
        momentum: Share of the velocity that stays, without dampening or Nesterov.

    Attributes:
        velocity: Of each tensor; None before its first step, and without momentum.
    """

    def __init__(self, tensors: Mapping[str, Tensor], momentum: float) -> None:
        self._tensors, self._momentum = dict(tensors), momentum
        self.velocity: dict[str, Tensor | None] = dict.fromkeys(tensors)

    @torch.no_grad()
    def step(self, learning_rate: float, weight_decay: float) -> None:
        """Update all tensors that have a gradient, and clear their gradients."""
        some = {name: t for name, t in self._tensors.items() if t.grad is not None}
        gradients = [t.grad for t in some.values() if t.grad is not None]
        velocities = [self.velocity[name] for name in some]
        sgd(
            list(some.values()),
            gradients,
            velocities,
            weight_decay=weight_decay,
            momentum=self._momentum,
            lr=learning_rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )
        self.velocity.update(zip(some, velocities, strict=True))
        self.clear()

    def clear(self) -> None:
        """Forget all gradients."""
        for tensor in self._tensors.values():
            tensor.grad = None

    def state(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps: velocities, zeros where there are none yet."""
        return named(
            "momentum",
            {
                name: torch.zeros_like(self._tensors[name]) if velocity is None else velocity
                for name, velocity in self.velocity.items()
            },
        )

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back what :meth:`state` gave."""
        for name, tensor in self._tensors.items():
            # In the tensor's own memory order: another order may round differently.
            again = torch.empty_like(tensor.detach()).copy_(state[f"momentum/{name}"])
            self.velocity[name] = again


class NormalisedDescent(Descent):
    """Steps whose length is a fixed share of each tensor's own size.

    A tensor moves by ``learning_rate`` times its root mean square, along its velocity, and is then
    scaled back to the root mean square that it began with: layers whose gradients differ by orders
    of magnitude change their masks at the same pace. As in LARS (You et al., 2017,
    arXiv:1708.03888), but on the sphere, so that weight decay has no effect and is ignored.
    """

    def __init__(self, tensors: Mapping[str, Tensor], momentum: float) -> None:
        super().__init__(tensors, momentum)
        self._size = {name: _rms(tensor) for name, tensor in tensors.items()}

    @torch.no_grad()
    def step(self, learning_rate: float, weight_decay: float) -> None:
        """Update all tensors that have a gradient, and clear their gradients."""
        for name, tensor in self._tensors.items():
            if tensor.grad is None:
                continue
            velocity = self.velocity[name]
            if velocity is None:
                velocity = self.velocity[name] = torch.zeros_like(tensor)
            velocity.mul_(self._momentum).add_(tensor.grad)
            size = self._size[name]
            tensor.sub_(velocity * (learning_rate * size / _rms(velocity)))
            tensor.mul_(size / _rms(tensor))
        self.clear()


def _rms(tensor: Tensor) -> Tensor:
    """Return the root mean square, above 0."""
    values = tensor.detach()
    return (values.square().mean()).sqrt_().clamp_min_(torch.finfo(values.dtype).tiny)
