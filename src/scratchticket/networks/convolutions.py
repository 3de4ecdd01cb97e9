"""Replacements for convolutions that PyTorch computes slowly or wrongly on a CPU.

If a convolution outputs one pixel, as in the last stage of a residual network on 8x8 images, most
of the kernel covers padding, and the rest is a matrix product. oneDNN, PyTorch's library for CPUs,
takes up to four times as long as that product.

A bug in oneDNN crashes the process or corrupts memory: if a strided 1x1 convolution has fewer input
channels than a vector register has lanes (16 with AVX-512, 8 with AVX2) and its images are channels
last, the gradient of its weights is written past the end of a buffer
(https://github.com/uxlfoundation/oneDNN/issues/6035). The shortcuts of narrow residual networks are
such convolutions. Subsampling the pixels, then convolving without a stride, is equivalent.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

_VECTOR_LANES = 16


class FastConv2d(nn.Conv2d):
    """PyTorch's convolution, computed by :func:`convolve`."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002  PyTorch's name
        return convolve(self, input, weight, bias)


def fast_convolutions(network: nn.Module) -> nn.Module:
    """Turn a network's plain convolutions into :class:`FastConv2d`, in place, and return it.

    Weights and names stay the same. Subclasses of ``nn.Conv2d`` are left alone.
    """
    for layer in network.modules():
        if type(layer) is nn.Conv2d:
            layer.__class__ = FastConv2d
    return network


def convolve(layer: nn.Conv2d, images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return a layer's convolution, without multiplying by padding and without oneDNN's bug.

    Args:
        layer: Determines stride, padding and groups.
        images: (batch, channel, height, width).
        weight: Used instead of the layer's weight.
        bias: Used instead of the layer's bias.
    """
    on_cpu = images.device.type == "cpu"
    if on_cpu and (taps := taps_of_one_pixel(layer, images)) is not None:
        down, right = taps
        pixels = images[..., : down.stop - down.start, : right.stop - right.start]
        product = F.linear(_channels_last(pixels), _channels_last(weight[..., down, right]), bias)
        return product[..., None, None]
    if _hits_onednn_bug(layer):
        thinned = images[..., :: layer.stride[0], :: layer.stride[1]]
        return F.conv2d(thinned, weight, bias, groups=layer.groups)
    result: Tensor = nn.Conv2d._conv_forward(layer, images, weight, bias)
    return result


def taps_of_one_pixel(layer: nn.Conv2d, images: Tensor) -> tuple[slice, slice] | None:
    """Return the kernel's rows and columns that cover the image, if the output is one pixel.

    They are multiplied by as many rows and columns at the image's top left. The result is None if
    the output has more than one pixel, or if the layer has groups, dilation, padding other than
    zeros, or padding at least as wide as the kernel.
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
    """Return each image or filter flattened in the order (height, width, channel)."""
    return values.movedim(1, -1).flatten(1)


def _hits_onednn_bug(layer: nn.Conv2d) -> bool:
    unpadded = layer.padding in ((0, 0), "valid")
    return (
        layer.kernel_size == (1, 1)
        and max(layer.stride) > 1
        and unpadded
        and layer.in_channels // layer.groups < _VECTOR_LANES
    )
