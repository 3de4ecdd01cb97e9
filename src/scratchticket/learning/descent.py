"""Optimisers of the outer minimisation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from scratchticket.learning.checkpoint import prefixed

SECOND_MOMENT = 0.99  # beta2 of Adam: a moving average over about the last 100 steps
SMALL = 1e-12  # epsilon of Adam: far below all gradients, so that their scale has no effect


class Descent:
    """SGD with momentum and weight decay, as PyTorch computes it.

    It calls the functional form of ``torch.optim.SGD``, and :class:`AdamDescent` that of ``AdamW``:
    constructing either class imports PyTorch's compiler, which takes two seconds.

    Args:
        tensors: Tensors to optimise, by name.
        momentum: Momentum, without dampening or Nesterov.

    Attributes:
        velocity: Momentum buffer of each tensor; None before the first step or without momentum.
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

    def _moving(self) -> Iterator[tuple[str, Tensor, Tensor, Tensor]]:
        """Yield name, tensor, gradient and velocity of each tensor that has a gradient."""
        for name, tensor in self._tensors.items():
            if tensor.grad is None:
                continue
            velocity = self.velocity[name]
            if velocity is None:
                velocity = self.velocity[name] = torch.zeros_like(tensor)
            yield name, tensor, tensor.grad, velocity

    def clear(self) -> None:
        """Set all gradients to None."""
        for tensor in self._tensors.values():
            tensor.grad = None

    def state(self) -> dict[str, Tensor]:
        """Return the velocities for a checkpoint, zeros before the first step."""
        return prefixed(
            "momentum",
            {
                name: torch.zeros_like(self._tensors[name]) if velocity is None else velocity
                for name, velocity in self.velocity.items()
            },
        )

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load the velocities of :meth:`state`."""
        for name, tensor in self._tensors.items():
            # Same memory format as the tensor: another format may round differently.
            velocity = torch.empty_like(tensor.detach()).copy_(state[f"momentum/{name}"])
            self.velocity[name] = velocity


class NormalisedDescent(Descent):
    """Normalised SGD: each tensor's step is a fixed fraction of its root mean square (RMS).

    A tensor moves along its velocity by ``learning_rate`` times its RMS, and is then rescaled to
    its initial RMS: the masks of all layers change at the same pace, though their gradients differ
    by orders of magnitude. This is LARS (You et al., 2017, arXiv:1708.03888) on a sphere, where
    weight decay would have no effect, so it is ignored.
    """

    def __init__(self, tensors: Mapping[str, Tensor], momentum: float) -> None:
        super().__init__(tensors, momentum)
        self._size = {name: _rms(tensor) for name, tensor in tensors.items()}

    @torch.no_grad()
    def step(self, learning_rate: float, weight_decay: float) -> None:
        """Update all tensors that have a gradient, and clear their gradients."""
        for name, tensor, gradient, velocity in self._moving():
            velocity.mul_(self._momentum).add_(gradient)
            size = self._size[name]
            tensor.sub_(velocity * (learning_rate * size / _rms(velocity)))
            tensor.mul_(size / _rms(tensor))
        self.clear()


class AdamDescent(Descent):
    """Adam (Kingma and Ba, 2015, arXiv:1412.6980) in units of each tensor's initial RMS.

    Under a constant gradient, an entry moves per step by ``learning_rate`` times the initial root
    mean square (RMS) of its tensor, whatever the scale of gradients and layers. Weight decay is
    decoupled (Loshchilov and Hutter, 2019, arXiv:1711.05101). The momentum is Adam's beta1.
    """

    def __init__(self, tensors: Mapping[str, Tensor], momentum: float) -> None:
        super().__init__(tensors, momentum)
        self._size = {name: float(_rms(tensor)) for name, tensor in tensors.items()}
        self._second = {name: torch.zeros_like(t.detach()) for name, t in tensors.items()}
        self._steps = {name: torch.zeros(()) for name in tensors}

    @torch.no_grad()
    def step(self, learning_rate: float, weight_decay: float) -> None:
        """Update all tensors that have a gradient, and clear their gradients."""
        for name, tensor, gradient, velocity in self._moving():
            adamw(
                [tensor],
                [gradient],
                [velocity],
                [self._second[name]],
                [],
                [self._steps[name]],
                amsgrad=False,
                beta1=self._momentum,
                beta2=SECOND_MOMENT,
                lr=learning_rate * self._size[name],
                weight_decay=weight_decay / self._size[name],
                eps=SMALL,
                maximize=False,
            )
        self.clear()

    def state(self) -> dict[str, Tensor]:
        """Return both moments and the step counts for a checkpoint."""
        return super().state() | prefixed("second", self._second) | prefixed("steps", self._steps)

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load the tensors of :meth:`state`."""
        super().restore(state)
        for name in self._tensors:
            self._second[name].copy_(state[f"second/{name}"])
            self._steps[name].copy_(state[f"steps/{name}"])


def _rms(tensor: Tensor) -> Tensor:
    """Return the root mean square, clamped above 0."""
    values = tensor.detach()
    return (values.square().mean()).sqrt_().clamp_min_(torch.finfo(values.dtype).tiny)
