"""A detour around a fault of oneDNN that ends the process or spoils its memory.

Where the images of a 1x1 convolution with a stride have fewer channels than a vector register has
places (16 with AVX-512, 8 with AVX2) and lie channels last, the gradient of its weights is written
past the end of a workspace (https://github.com/uxlfoundation/oneDNN/issues/6035). The shortcuts of
narrow residual networks are such. Leaving pixels out first, and then convolving without a stride,
is the same function.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

_PLACES = 16


class _Thinned(nn.Conv2d):
    """A 1x1 convolution that leaves out the pixels its stride jumps over before it computes."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  PyTorch's name
        down, right = self.stride
        kept = input[..., ::down, ::right]
        return F.conv2d(kept, self.weight, self.bias, groups=self.groups)


def thin_out(network: nn.Module) -> nn.Module:
    """Let the convolutions that oneDNN gets wrong take the detour; weights and names stay.

    Args:
        network: Changed in place, and returned. Subclasses of ``nn.Conv2d`` are left alone.
    """
    for layer in network.modules():
        if type(layer) is nn.Conv2d and _at_fault(layer):
            layer.__class__ = _Thinned
    return network


def _at_fault(layer: nn.Conv2d) -> bool:
    unpadded = layer.padding in ((0, 0), "valid")
    return (
        layer.kernel_size == (1, 1)
        and max(layer.stride) > 1
        and unpadded
        and layer.in_channels // layer.groups < _PLACES
    )
