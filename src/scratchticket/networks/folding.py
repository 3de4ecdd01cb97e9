"""Batch norm in eval mode is a multiplication and an addition: less work for whoever attacks.

PyTorch's own gradient of it takes several times as long on a processor as a multiplication does.
After a convolution even that is saved: the convolution's weights are multiplied instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from scratchticket.networks.convolutions import Lean, convolve
from scratchticket.networks.resnet import BasicBlock, Bottleneck, PreActivationBlock

FOLLOWED: dict[
    type[nn.Module], tuple[tuple[str, str], ...]
] = {  # convolutions whose output goes to a batch norm and nowhere else, by kind of block
    BasicBlock: (("conv1", "bn1"), ("conv2", "bn2"), ("shortcut.0", "shortcut.1")),
    Bottleneck: tuple((f"conv{i}", f"bn{i}") for i in (1, 2, 3)) + (("shortcut.0", "shortcut.1"),),
    PreActivationBlock: (("conv1", "bn2"),),
}


@contextmanager
def folded(network: object) -> Iterator[None]:
    """Make a module in eval mode cheaper to attack on a processor, and afterwards as it was.

    It computes the same function of the same tensors, which may change meanwhile, but for the
    order of roundings. Modules somebody listens to with a hook are left alone, and subclasses of
    PyTorch's but :class:`Lean`; only in blocks of this package is it known what a convolution is
    for.

    Args:
        network: A module; of any other callable nothing is known, and nothing is changed.
    """
    modules = list(network.modules()) if isinstance(network, nn.Module) else []
    norms = {module: _Norm(module) for module in modules if _plain(module, nn.BatchNorm2d)}
    for module in modules:
        for conv, norm in _pairs(module):
            if _plain(conv, nn.Conv2d, Lean) and norm in norms:
                norms[norm].follow(conv)
    try:
        yield
    finally:
        for folding in norms.values():
            folding.undo()


def _plain(module: nn.Module, *kinds: type[nn.Conv2d | nn.BatchNorm2d]) -> bool:
    """Whether a module is exactly of such a kind, on a processor, constant, and nobody listens."""
    if type(module) not in kinds or "forward" in module.__dict__:
        return False
    listeners = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
    if any(listeners) or module._backward_pre_hooks:
        return False
    if isinstance(module, nn.BatchNorm2d):
        statistics = module.running_mean
        return statistics is not None and not module.training and statistics.device.type == "cpu"
    return isinstance(module, nn.Conv2d) and module.padding_mode == "zeros" and module.bias is None


def _pairs(module: nn.Module) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Yield each convolution in a block of ours with the batch norm after it."""
    inside = dict(module.named_modules())
    for conv, norm in FOLLOWED.get(type(module), ()):
        if conv in inside and norm in inside:
            yield inside[conv], inside[norm]


class _Norm:
    """A batch norm and, where it follows one, the convolution.

    Args:
        norm: In eval mode.
    """

    def __init__(self, norm: nn.Module) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        self._norm, self._done = norm, False
        self._conv: nn.Conv2d | None = None
        norm.__dict__["forward"] = self._normalise

    def follow(self, conv: nn.Module) -> None:
        """Multiply the weights of a convolution instead of what it returns."""
        assert isinstance(conv, nn.Conv2d)
        self._conv = conv
        conv.__dict__["forward"] = self._convolve

    def undo(self) -> None:
        """Leave the modules as they were."""
        for module in (self._norm, self._conv):
            if module is not None:
                module.__dict__.pop("forward", None)

    def _line(self) -> tuple[Tensor, Tensor]:
        """Return what values are multiplied by, and what is added: one of each per channel."""
        norm = self._norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = (norm.running_var + norm.eps).rsqrt_()
        scale = scale if norm.weight is None else scale * norm.weight
        shift = -norm.running_mean * scale
        return scale, shift if norm.bias is None else shift + norm.bias

    def _convolve(self, values: Tensor) -> Tensor:
        """Convolve, with multiplied weights where that is less work."""
        conv = self._conv
        assert conv is not None
        places = values.shape[-1] * values.shape[-2] // (conv.stride[0] * conv.stride[1])
        results = len(values) * places * conv.out_channels
        self._done = values.requires_grad and conv.weight.numel() < results
        weight, shift = conv.weight, None
        if self._done:
            scale, shift = self._line()
            weight = weight * scale.view(-1, 1, 1, 1)
        return convolve(conv, values, weight, shift)

    def _normalise(self, values: Tensor) -> Tensor:
        """Multiply and add, unless the convolution has, or nobody wants a gradient."""
        if self._done:
            self._done = False
            return values
        if not values.requires_grad:
            return nn.BatchNorm2d.forward(self._norm, values)
        scale, shift = self._line()
        return (values * scale.view(-1, 1, 1)).add_(shift.view(-1, 1, 1))
