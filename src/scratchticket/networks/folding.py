"""Folding of batch norms in eval mode, for faster attacks on a CPU.

In eval mode a batch norm is a multiplication and an addition, but on a CPU PyTorch's backward pass
through it takes several times as long. The multiplication is folded into the weights of the
preceding convolution, if there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from scratchticket.networks.convolutions import FastConv2d, convolve
from scratchticket.networks.resnet import BasicBlock, Bottleneck, PreActivationBlock

# For each type of block, its pairs of a convolution and the batch norm that alone reads it.
FOLDABLE: dict[type[nn.Module], tuple[tuple[str, str], ...]] = {
    BasicBlock: (("conv1", "bn1"), ("conv2", "bn2"), ("shortcut.0", "shortcut.1")),
    Bottleneck: tuple((f"conv{i}", f"bn{i}") for i in (1, 2, 3)) + (("shortcut.0", "shortcut.1"),),
    PreActivationBlock: (("conv1", "bn2"),),
}


@contextmanager
def folded(network: object) -> Iterator[None]:
    """Fold the batch norms of a module in eval mode on a CPU while the context is open.

    The module computes the same function up to rounding; changes of parameters and statistics still
    take effect. Layers with hooks and subclasses of PyTorch's layers, except :class:`FastConv2d`,
    are not folded. Convolutions are folded only in the blocks of :data:`FOLDABLE`.

    Args:
        network: A module; any other callable is left unchanged.
    """
    modules = list(network.modules()) if isinstance(network, nn.Module) else []
    norms = {module: _Norm(module) for module in modules if _plain(module, nn.BatchNorm2d)}
    for module in modules:
        for conv, norm in _pairs(module):
            if _plain(conv, nn.Conv2d, FastConv2d) and norm in norms:
                norms[norm].fold_into(conv)
    try:
        yield
    finally:
        for folding in norms.values():
            folding.undo()


def _plain(module: nn.Module, *kinds: type[nn.Conv2d | nn.BatchNorm2d]) -> bool:
    """Return whether a module can be folded and is exactly of one of these types, without hooks."""
    if type(module) not in kinds or "forward" in module.__dict__:
        return False
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
    if any(hooks) or module._backward_pre_hooks:
        return False
    if isinstance(module, nn.BatchNorm2d):
        statistics = module.running_mean
        return statistics is not None and not module.training and statistics.device.type == "cpu"
    return isinstance(module, nn.Conv2d) and module.padding_mode == "zeros" and module.bias is None


def _pairs(module: nn.Module) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Yield the foldable convolutions of a block, each with its batch norm."""
    inside = dict(module.named_modules())
    for conv, norm in FOLDABLE.get(type(module), ()):
        if conv in inside and norm in inside:
            yield inside[conv], inside[norm]


class _Norm:
    """A batch norm in eval mode, replaced by scale and shift or folded into a convolution."""

    def __init__(self, norm: nn.Module) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        self._norm, self._already_folded = norm, False
        self._conv: nn.Conv2d | None = None
        norm.__dict__["forward"] = self._normalise

    def fold_into(self, conv: nn.Module) -> None:
        """Fold the scale into the weights of the preceding convolution."""
        assert isinstance(conv, nn.Conv2d)
        self._conv = conv
        conv.__dict__["forward"] = self._convolve

    def undo(self) -> None:
        """Restore the modules."""
        for module in (self._norm, self._conv):
            if module is not None:
                module.__dict__.pop("forward", None)

    def _scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """Return the scale and the shift of each channel."""
        norm = self._norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = (norm.running_var + norm.eps).rsqrt_()
        scale = scale if norm.weight is None else scale * norm.weight
        shift = -norm.running_mean * scale
        return scale, shift if norm.bias is None else shift + norm.bias

    def _convolve(self, values: Tensor) -> Tensor:
        """Convolve, with scaled weights if there are fewer weights than outputs to scale."""
        conv = self._conv
        assert conv is not None
        pixels = values.shape[-1] * values.shape[-2] // (conv.stride[0] * conv.stride[1])
        outputs = len(values) * pixels * conv.out_channels
        self._already_folded = values.requires_grad and conv.weight.numel() < outputs
        weight, shift = conv.weight, None
        if self._already_folded:
            scale, shift = self._scale_and_shift()
            weight = weight * scale.view(-1, 1, 1, 1)
        return convolve(conv, values, weight, shift)

    def _normalise(self, values: Tensor) -> Tensor:
        """Scale and shift, unless the convolution did; without gradients, use PyTorch's code."""
        if self._already_folded:
            self._already_folded = False
            return values
        if not values.requires_grad:
            return nn.BatchNorm2d.forward(self._norm, values)
        scale, shift = self._scale_and_shift()
        return (values * scale.view(-1, 1, 1)).add_(shift.view(-1, 1, 1))
