"""Convolutions that PyTorch makes more work of than there is, or gets wrong.

Where one pixel comes out of a convolution, as in the last stage of a residual network for images of
8x8, most of a kernel meets padding alone, and what is left is the product of two matrices. oneDNN,
which computes on processors, takes up to four times as long as that product for it.

And a fault of oneDNN ends the process or spoils its memory: where the images of a 1x1 convolution
with a stride have fewer channels than a vector register has places (16 with AVX-512, 8 with AVX2)
and lie channels last, the gradient of its weights is written past the end of a workspace
(https://github.com/uxlfoundation/oneDNN/issues/6035). The shortcuts of narrow residual networks are
such. Leaving pixels out first, and then convolving without a stride, is the same function.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

_PLACES = 16


class Lean(nn.Conv2d):
    """PyTorch's convolution, computed by :func:`convolve`."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002  PyTorch's name
        return convolve(self, input, weight, bias)


def lean(network: nn.Module) -> nn.Module:
    """Make PyTorch's convolutions in a network :class:`Lean`; weights and names stay.

    Args:
        network: Changed in place, and returned. Subclasses of ``nn.Conv2d`` are left alone.
    """
    for layer in network.modules():
        if type(layer) is nn.Conv2d:
            layer.__class__ = Lean
    return network


def convolve(layer: nn.Conv2d, images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve without the work that comes to nothing, and around oneDNN's fault.

    Args:
        layer: Says how.
        images: (batch, channel, height, width).
        weight: In place of the layer's.
        bias: In place of the layer's.
    """
    here = images.device.type == "cpu"
    if here and (seen := taps_of_one_pixel(layer, images)) is not None:
        down, right = seen
        pixels = images[..., : down.stop - down.start, : right.stop - right.start]
        product = F.linear(_channels_last(pixels), _channels_last(weight[..., down, right]), bias)
        return product[..., None, None]
    if _at_fault(layer):
        thinned = images[..., :: layer.stride[0], :: layer.stride[1]]
        return F.conv2d(thinned, weight, bias, groups=layer.groups)
    result: Tensor = nn.Conv2d._conv_forward(layer, images, weight, bias)
    return result


def taps_of_one_pixel(layer: nn.Conv2d, images: Tensor) -> tuple[slice, slice] | None:
    """Return which rows and columns of a kernel meet images if one pixel comes out.

    They meet the first rows and columns of the images, as many as they are. None if more pixels
    come out, and of convolutions with groups, dilation, or other than a small padding with zeros.
    """
    if layer.groups > 1 or layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        return None
    if images.ndim != 4:
        return None
    seen: list[slice] = []
    for axis, size in enumerate(images.shape[-2:]):
        kernel, padding = layer.kernel_size[axis], layer.padding[axis]
        further = size + 2 * padding - kernel
        if not 0 <= further < layer.stride[axis] or layer.dilation[axis] > 1 or padding >= kernel:
            return None
        seen.append(slice(padding, min(kernel, padding + size)))
    return seen[0], seen[1]


def _channels_last(values: Tensor) -> Tensor:
    """Return a row of numbers for each image, or output: all channels of one pixel, of the next."""
    return values.movedim(1, -1).flatten(1)


def _at_fault(layer: nn.Conv2d) -> bool:
    unpadded = layer.padding in ((0, 0), "valid")
    return (
        layer.kernel_size == (1, 1)
        and max(layer.stride) > 1
        and unpadded
        and layer.in_channels // layer.groups < _PLACES
    )
