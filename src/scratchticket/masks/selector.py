"""Selection of the masks of all layers from their scores."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from fractions import Fraction
from math import floor, prod
from typing import Any

import torch
from torch import Tensor

from scratchticket.base.errors import InputError
from scratchticket.base.quantities import fraction_text
from scratchticket.base.typed import changed
from scratchticket.masks.pattern import Pattern, Shape, score_bound
from scratchticket.masks.top import Ratio, keep_top, kept_count, parse_ratio


class Selector:
    """Selects the weights that remain, by a pattern and a remaining ratio.

    Args:
        pattern: Granularity, and how the ratio is spread over the layers.
        remaining_ratio: Fraction of the scores kept, in (0, 1].
        weights: Name and shape of each masked weight, in the network's order.
        classifier: Name of the classifier's weight, if there is one.

    Raises:
        InputError: If the ratio lies outside (0, 1] or contradicts an N:M pattern, or
            ``pattern.layers`` names no layer.

    Example:
        >>> selector = Selector(Pattern("kernel"), 0.5, {"conv.weight": (2, 1, 3, 3)})
        >>> selector({"conv.weight": torch.tensor([0.1, 0.9]).view(2, 1, 1, 1)})
        {'conv.weight': tensor([[[[False]]],
        <BLANKLINE>
        <BLANKLINE>
                [[[ True]]]])}
    """

    def __init__(
        self,
        pattern: Pattern,
        remaining_ratio: Ratio,
        weights: Mapping[str, Shape],
        classifier: str | None = None,
    ) -> None:
        self._pattern, self._ratio = pattern, parse_ratio(remaining_ratio)
        if pattern.groups is not None and self._ratio != Fraction(*pattern.groups):
            own = fraction_text(Fraction(*pattern.groups))
            raise InputError(
                f"granularity {pattern.granularity} keeps {own} of the weights; "
                f"the remaining ratio must be {own} too, got {remaining_ratio}"
            )
        self.shapes = {
            name: pattern.score_shape(shape, classifier=name == classifier)
            for name, shape in weights.items()
        }
        #: Layers with one score per channel; their initial scores are normal, not uniform.
        self.of_channels = {
            name
            for name, shape in self.shapes.items()
            if pattern.granularity == "channel" and shape != tuple(weights[name])
        }
        self._own_ratios = _layer_ratios(pattern.layers, self.shapes)
        self._ratios = dict.fromkeys(self.shapes, self._ratio) | self._own_ratios
        self._cap = Fraction(pattern.cap or 1)
        if self._cap < self._ratio:
            raise InputError(
                f"pattern.cap={pattern.cap} is below the remaining ratio {remaining_ratio}; "
                "a larger cap is needed"
            )
        free = {n: shape for n, shape in self.shapes.items() if n not in self._own_ratios}
        if pattern.budget == "erk":
            whole = {n: weights[n] for n in free}
            self._ratios |= erk_ratios(whole, self._ratio, self._cap)
        elif pattern.budget == "size":
            sizes = {n: prod(shape) for n, shape in free.items()}
            power = float(Fraction(pattern.power or 1))
            self._ratios |= size_ratios(sizes, self._ratio, power, self._cap)
        pooled = [prod(shape) for shape in free.values()]
        if pattern.budget == "global" and kept_count(sum(pooled), self._ratio) < len(pooled):
            raise InputError(
                f"a remaining ratio of {remaining_ratio} keeps fewer weights than there are layers"
            )

    def __call__(self, importance: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the masks that keep the highest importances.

        Args:
            importance: Importance of each score, by layer, without NaN; for edge-popup, the score's
                magnitude (Ramanujan et al., 2020, arXiv:1911.13299).

        Returns:
            Boolean masks by layer; ``True`` where weights remain.
        """
        if self._pattern.budget == "global":
            pooled = {n: values for n, values in importance.items() if n not in self._own_ratios}
            kept = keep_top_of_all(pooled, self._ratio, self._cap)
            return {
                name: kept[name] if name in kept else keep_top(values, self._ratios[name])
                for name, values in importance.items()
            }
        if self._pattern.groups is not None:
            return {n: keep_groups(v, *self._pattern.groups) for n, v in importance.items()}
        return {name: keep_top(v, self._ratios[name]) for name, v in importance.items()}

    def facts(self) -> dict[str, Any]:
        """Return JSON values that identify the selection: pattern, ratio and shapes."""
        return {
            "pattern": changed(self._pattern),
            "ratio": fraction_text(self._ratio),
            "shapes": {name: list(shape) for name, shape in self.shapes.items()},
        }


def keep_top_of_all(
    importance: Mapping[str, Tensor], remaining_ratio: Ratio, cap: Fraction = Fraction(1)
) -> dict[str, Tensor]:
    """Return the masks of a global top-k over all layers, with at least one score per layer.

    Each layer's importances are divided by the bound of its initial uniform scores, so that all
    layers start with the same distribution (except those with normal initial scores). The ratio
    must be large enough for one score per layer. Ties are broken by the order of layers, then by
    position.

    Args:
        importance: Importance of each score, by layer.
        remaining_ratio: Fraction of all scores to keep.
        cap: Largest ratio of a single layer, at least ``remaining_ratio``.
    """
    scaled = []
    for values in importance.values():
        flat = values.detach().reshape(-1) / score_bound(tuple(values.shape))
        flat.scatter_(0, flat.argmax(keepdim=True), torch.inf)  # no host-device synchronisation
        if cap < 1:
            flat.masked_fill_(~keep_top(flat, cap), -torch.inf)
        scaled.append(flat)
    mask = keep_top(torch.cat(scaled), remaining_ratio)
    parts = torch.split(mask, [len(flat) for flat in scaled])
    return {
        name: part.view(values.shape)
        for (name, values), part in zip(importance.items(), parts, strict=True)
    }


def keep_groups(score: Tensor, kept: int, of: int) -> Tensor:
    """Return the mask of the ``kept`` highest of every ``of`` consecutive inputs (N:M sparsity).

    If the number of inputs is not a multiple of ``of``, as in a first layer with three channels,
    the layer gets an unstructured mask of the same ratio instead.

    Args:
        score: Magnitudes of the scores, ``(output, input, ...)``.
        kept: Number of weights kept in a group (N).
        of: Number of weights in a group (M).
    """
    if score.shape[1] % of:
        return keep_top(score, Fraction(kept, of))
    groups = score.detach().movedim(1, -1)
    inputs_last = groups.shape
    groups = groups.reshape(-1, of)
    chosen = groups.argsort(dim=1, descending=True, stable=True)[:, :kept]
    mask = torch.zeros_like(groups, dtype=torch.bool).scatter_(1, chosen, True)
    return mask.view(inputs_last).movedim(-1, 1).contiguous()


def erk_ratios(
    weights: Mapping[str, Shape], remaining_ratio: Ratio, cap: Fraction = Fraction(1)
) -> dict[str, Fraction]:
    """Return the Erdos-Renyi-kernel ratio of each layer (Evci et al., 2020, arXiv:1911.11134).

    A layer's ratio is proportional to the sum of its dimensions divided by their product.

    Args:
        weights: Shape of each layer's weight.
        remaining_ratio: Fraction of all weights that remain.
        cap: Largest ratio of a layer, at least ``remaining_ratio``; the excess is shared by the
            other layers.
    """
    sizes = {name: prod(shape) for name, shape in weights.items()}
    shares = {name: Fraction(sum(shape)) for name, shape in weights.items()}
    return _proportional_ratios(sizes, shares, parse_ratio(remaining_ratio), cap)


def size_ratios(
    sizes: Mapping[str, int], remaining_ratio: Ratio, power: float, cap: Fraction = Fraction(1)
) -> dict[str, Fraction]:
    """Return ratios with which a layer of n scores keeps min(cap * n, c * n**power) of them.

    This is the budget of Robust Binary Subnetworks (Liu et al., 2022, arXiv:2202.01341) with a cap.
    The constant c is chosen so that as many scores remain in total as with a uniform ratio. Every
    layer keeps at least one score.

    Args:
        sizes: Number of scores of each layer.
        remaining_ratio: Fraction of all scores that remain.
        power: From 0 (equal counts in all layers) to 1 (equal ratios).
        cap: Largest ratio of a layer, at least ``remaining_ratio``.

    Example:
        >>> size_ratios({"small": 4, "large": 400}, 0.1, power=0.5)
        {'small': Fraction(1, 1), 'large': Fraction(37, 400)}
    """
    total = sum(kept_count(size, remaining_ratio) for size in sizes.values())
    shares = {name: Fraction(size**power) for name, size in sizes.items()}
    exact = _proportional_ratios(sizes, shares, Fraction(total, sum(sizes.values())), cap)
    counts = {name: max(1, floor(exact[name] * size)) for name, size in sizes.items()}
    # Scores lost by rounding down go to the layers with the largest remainders, below the cap.
    order = sorted(sizes, key=lambda name: counts[name] - exact[name] * sizes[name])
    left = total - sum(counts.values())
    for name in [n for n in order if counts[n] < kept_count(sizes[n], cap)][: max(left, 0)]:
        counts[name] += 1
    for _ in range(-left):  # raising layers to one score exceeded the total: take from the largest
        counts[max(counts, key=lambda name: counts[name])] -= 1
    return {name: Fraction(counts[name], size) for name, size in sizes.items()}


def _proportional_ratios(
    sizes: Mapping[str, int], shares: Mapping[str, Fraction], ratio: Fraction, cap: Fraction
) -> dict[str, Fraction]:
    """Return the ratios, none above the cap, whose kept counts are proportional to ``shares``."""
    full: set[str] = set()
    while True:
        free = [name for name in sizes if name not in full]
        left = ratio * sum(sizes.values()) - cap * sum(sizes[name] for name in full)
        scale = left / max(sum(shares[name] for name in free), 1)
        ratios = {name: scale * shares[name] / sizes[name] for name in free}
        too_many = {name for name, value in ratios.items() if value > cap}
        if not too_many:
            return {name: ratios.get(name, cap) for name in sizes}
        full |= too_many


def _layer_ratios(
    layers: Mapping[str, str | float], names: Mapping[str, Shape]
) -> dict[str, Fraction]:
    """Return the ratio of each layer named in ``layers``; the longest matching pattern decides."""
    ratios: dict[str, Fraction] = {}
    for wanted, ratio in sorted(layers.items(), key=lambda pair: (len(pair[0]), pair[0])):
        fitting = [name for name in names if fnmatchcase(name, wanted)]
        if not fitting:
            raise InputError(
                f"pattern.layers: no layer is named {wanted!r}; layers: {', '.join(names)}"
            )
        ratios |= dict.fromkeys(fitting, parse_ratio(ratio))
    return ratios
