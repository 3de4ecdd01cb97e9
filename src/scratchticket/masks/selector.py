"""From the scores of all layers to the masks of all layers."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from fractions import Fraction
from math import prod
from typing import Any

import torch
from torch import Tensor

from scratchticket.errors import InputError
from scratchticket.masks.pattern import Pattern, Shape, score_bound
from scratchticket.masks.top import Ratio, keep_top, kept_count, parse_ratio
from scratchticket.quantities import fraction_text


class Selector:
    """A pattern and a remaining ratio, made ready for the layers of a network.

    Args:
        pattern: What stands or falls together, and how the ratio is spread.
        remaining_ratio: Fraction of the scores kept, in (0, 1].
        weights: Name and shape of each masked weight, in the network's order.
        classifier: Name of the layer that makes the logits, if there is one.

    Raises:
        InputError: If the ratio lies outside (0, 1], contradicts an N:M pattern, or a ratio by hand
            names no layer.

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
                f"granularity {pattern.granularity} keeps {own} of the weights, "
                f"the remaining ratio must say so, got {remaining_ratio}"
            )
        self.shapes = {
            name: pattern.score_shape(shape, classifier=name == classifier)
            for name, shape in weights.items()
        }
        #: Layers whose scores are of whole channels, which begin normal.
        self.of_channels = {
            name
            for name, shape in self.shapes.items()
            if pattern.granularity == "channel" and shape != tuple(weights[name])
        }
        self._by_hand = _by_hand(pattern.layers, self.shapes)
        self._ratios = dict.fromkeys(self.shapes, self._ratio) | self._by_hand
        if pattern.budget == "erk":
            free = {name: weights[name] for name in self.shapes if name not in self._by_hand}
            self._ratios |= erk_ratios(free, self._ratio)
        pooled = [prod(shape) for name, shape in self.shapes.items() if name not in self._by_hand]
        if pattern.budget == "global" and kept_count(sum(pooled), self._ratio) < len(pooled):
            raise InputError(
                f"a remaining ratio of {remaining_ratio} keeps fewer weights than there are layers"
            )

    def __call__(self, scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Keep the scores of largest magnitude.

        Args:
            scores: Of each layer, of the shapes in :attr:`shapes`.

        Returns:
            Boolean tensors of the same shapes, by layer; ``True`` where weights remain.
        """
        if self._pattern.budget == "global":
            pooled = {n: score.abs() for n, score in scores.items() if n not in self._by_hand}
            kept = keep_top_of_all(pooled, self._ratio)
            return {
                name: kept[name] if name in kept else keep_top(score.abs(), self._ratios[name])
                for name, score in scores.items()
            }
        if self._pattern.groups is not None:
            return {n: keep_groups(s.abs(), *self._pattern.groups) for n, s in scores.items()}
        return {name: keep_top(score.abs(), self._ratios[name]) for name, score in scores.items()}

    def facts(self) -> dict[str, Any]:
        """Return JSON values that differ where two selectors choose differently."""
        pattern = self._pattern
        return {
            "granularity": pattern.granularity,
            "budget": pattern.budget,
            "ratio": fraction_text(self._ratio),
            "shapes": {name: list(shape) for name, shape in self.shapes.items()},
            "layers": dict(pattern.layers),
        }


def keep_top_of_all(importance: Mapping[str, Tensor], remaining_ratio: Ratio) -> dict[str, Tensor]:
    """Keep the highest scores of all layers together, and at least one of each layer.

    Scores are compared in units of their layer's initial bound, so that before the search layers
    have the same chance, except where scores begin normal and not uniform. The ratio must suffice
    for one of each. Ties are broken by the order of layers, then by position.

    Args:
        importance: Magnitude of each score, by layer.
        remaining_ratio: Fraction of all scores kept.
    """
    scaled = []
    for score in importance.values():
        flat = score.detach().reshape(-1) / score_bound(tuple(score.shape))
        flat.scatter_(0, flat.argmax(keepdim=True), torch.inf)  # without waiting for a GPU
        scaled.append(flat)
    mask = keep_top(torch.cat(scaled), remaining_ratio)
    parts = torch.split(mask, [len(flat) for flat in scaled])
    return {
        name: part.view(score.shape)
        for (name, score), part in zip(importance.items(), parts, strict=True)
    }


def keep_groups(score: Tensor, kept: int, of: int) -> Tensor:
    """Keep the ``kept`` highest of every ``of`` consecutive inputs (N:M sparsity).

    Inputs are the second dimension. Where their number is no multiple of ``of``, as in a first
    layer of three channels, the highest of the whole layer remain instead, in the same ratio.

    Args:
        score: Magnitudes, output first.
        kept: How many of a group remain.
        of: Size of a group.
    """
    if score.shape[1] % of:
        return keep_top(score, Fraction(kept, of))
    groups = score.detach().movedim(1, -1)
    inputs_last = groups.shape
    groups = groups.reshape(-1, of)
    chosen = groups.argsort(dim=1, descending=True, stable=True)[:, :kept]
    mask = torch.zeros_like(groups, dtype=torch.bool).scatter_(1, chosen, True)
    return mask.view(inputs_last).movedim(-1, 1).contiguous()


def erk_ratios(weights: Mapping[str, Shape], remaining_ratio: Ratio) -> dict[str, Fraction]:
    """Return the Erdos-Renyi-kernel ratio of each layer (Evci et al., 2020, arXiv:1911.11134).

    A layer's ratio is proportional to the sum of its dimensions over their product. Layers whose
    ratio would exceed 1 keep everything, and the others share what is left.

    Args:
        weights: Shape of each layer's weight.
        remaining_ratio: Fraction of all weights that remain.
    """
    ratio = parse_ratio(remaining_ratio)
    whole: set[str] = set()
    while True:
        free = [name for name in weights if name not in whole]
        left = ratio * sum(prod(shape) for shape in weights.values())
        left -= sum(prod(weights[name]) for name in whole)
        scale = left / max(sum(sum(weights[name]) for name in free), 1)
        ratios = {n: scale * Fraction(sum(weights[n]), prod(weights[n])) for n in free}
        too_many = {name for name, value in ratios.items() if value > 1}
        if not too_many:
            return {name: ratios.get(name, Fraction(1)) for name in weights}
        whole |= too_many


def _by_hand(layers: Mapping[str, str | float], names: Mapping[str, Shape]) -> dict[str, Fraction]:
    """Return the ratio of each layer that is given one; the longest pattern that fits counts."""
    ratios: dict[str, Fraction] = {}
    for wanted, ratio in sorted(layers.items(), key=lambda pair: (len(pair[0]), pair[0])):
        fitting = [name for name in names if fnmatchcase(name, wanted)]
        if not fitting:
            raise InputError(
                f"pattern.layers: no layer is named {wanted!r}; layers: {', '.join(names)}"
            )
        ratios |= dict.fromkeys(fitting, parse_ratio(ratio))
    return ratios
