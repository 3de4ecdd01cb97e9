"""Sparsity patterns: which weights of a layer remain or are pruned together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod, sqrt
from typing import Literal

from scratchticket.base.errors import InputError, unknown
from scratchticket.base.plugins import plugin, plugin_names
from scratchticket.base.quantities import fraction, fraction_text
from scratchticket.base.typed import check_types
from scratchticket.masks.top import parse_ratio

Shape = tuple[int, ...]
GRANULARITIES = ("element", "row", "kernel", "channel")
BUDGETS = ("uniform", "global", "erk", "size")
_GROUPS = re.compile(r"([1-9]\d?):([1-9]\d?)")


@dataclass(frozen=True)
class Pattern:
    """Which weights one score covers, and how the remaining ratio is spread over the layers.

    Attributes:
        granularity: Group of weights that one score covers, or N:M sparsity, such as 2:4.
            ``element``: one weight. ``row``: a row of a convolution kernel. ``kernel``: a whole 2-D
            kernel. ``channel``: an output filter. A layer without such groups, as a linear layer
            has no kernels, is masked weight by weight. ``N:M``: N of every M consecutive inputs
            remain, which some hardware computes faster. Or the name of a plug-in: a function from a
            weight's shape, and whether it is the classifier's, to the shape of its scores.
        budget: ``uniform``: every layer keeps the same ratio, as in the paper. ``global``: the
            highest scores of the whole network remain, each divided by its layer's initial bound,
            and at least one in every layer. ``erk``: the Erdos-Renyi-kernel ratios of Evci et al.
            (2020, arXiv:1911.11134). ``size``: a layer of n weights keeps a number proportional
            to n**power (Robust Binary Subnetworks, 2022, arXiv:2202.01341), so that small layers
            keep a larger fraction.
        power: Exponent of the budget ``size``, from 0 (equal counts) to 1 (equal ratios); 1/2 if
            not given.
        cap: Largest ratio of a layer under ``global``, ``erk`` and ``size``; the excess is shared
            by the other layers. In a layer that keeps all weights there is nothing to search.
        mask_classifier: Whether ``channel`` masks the classifier's outputs too, as the released
            code does; at 10 % and 10 classes, one class remains. Otherwise, the classifier's
            weights are masked one by one.
        layers: Ratios of single layers, by the parameter's name or a pattern such as ``layer4.*``;
            the longest matching pattern decides. Other layers follow the budget.

    Raises:
        InputError: If a name is unknown, or settings contradict each other.
    """

    granularity: str = "element"
    budget: Literal["uniform", "global", "erk", "size"] = "uniform"
    mask_classifier: bool = False
    layers: Mapping[str, str | float] = field(default_factory=dict)
    power: str | float | None = None
    cap: str | float | None = None

    def __post_init__(self) -> None:
        check_types(self, "pattern.")
        if not self._builtin and self.granularity not in plugin_names("patterns"):
            known = [*GRANULARITIES, *plugin_names("patterns"), "2:4"]
            raise unknown("granularity", self.granularity, known)
        if self.budget not in BUDGETS:
            raise unknown("budget", self.budget, BUDGETS)
        if self.groups is not None:
            kept, of = self.groups
            if kept >= of:
                raise InputError(f"granularity {self.granularity}: N must be smaller than M")
            if self.budget != "uniform" or self.layers:
                raise InputError(f"granularity {self.granularity} fixes the ratio of every layer")
        self._check_budget()
        ratios = {name: fraction_text(parse_ratio(r)) for name, r in self.layers.items()}
        object.__setattr__(self, "layers", ratios)

    def _check_budget(self) -> None:
        """Check power and cap, and fill in the default power."""
        if self.power is not None and self.budget != "size":
            raise InputError(f"pattern.power needs pattern.budget=size, got {self.budget}")
        if self.budget == "size":
            power = fraction("1/2" if self.power is None else self.power, "pattern.power")
            if not 0 <= power <= 1:
                raise InputError(f"pattern.power must lie in [0, 1], got {self.power}")
            object.__setattr__(self, "power", fraction_text(power))
        if self.cap is not None:
            if self.budget == "uniform":
                raise InputError(
                    f"pattern.cap needs pattern.budget=global, erk or size, got {self.budget}"
                )
            cap = fraction(self.cap, "pattern.cap")
            if not 0 < cap <= 1:
                raise InputError(f"pattern.cap must lie in (0, 1], got {self.cap}")
            object.__setattr__(self, "cap", fraction_text(cap))

    @property
    def _builtin(self) -> bool:
        """Whether the granularity is built in, so that plug-ins need not be loaded."""
        return self.granularity in GRANULARITIES or self.groups is not None

    @property
    def groups(self) -> tuple[int, int] | None:
        """(N, M) of an N:M pattern, else None."""
        match = _GROUPS.fullmatch(self.granularity)
        return (int(match[1]), int(match[2])) if match else None

    def score_shape(self, weight: Shape, *, classifier: bool = False) -> Shape:
        """Return the shape of a layer's scores: the weight's, with size 1 in shared dimensions.

        Args:
            weight: Shape of the weight, output first.
            classifier: Whether this layer is the classifier.
        """
        if not self._builtin:
            shaped = plugin("patterns", self.granularity)
            return self._checked(tuple(shaped(weight, classifier=classifier)), weight)
        dimensions = len(weight)
        by_name = {"row": max(dimensions - 1, 2), "kernel": 2, "channel": 1}
        own = by_name.get(self.granularity, dimensions)  # number of dimensions not shared
        if self.granularity == "channel" and classifier and not self.mask_classifier:
            own = dimensions
        return weight[:own] + (1,) * (dimensions - own)

    def _checked(self, shape: Shape, weight: Shape) -> Shape:
        """Return a plug-in's score shape after checking that it broadcasts to the weight."""
        if len(shape) != len(weight) or any(
            size not in (1, whole) for size, whole in zip(shape, weight, strict=True)
        ):
            raise InputError(
                f"granularity {self.granularity} gives scores of shape {shape} for a weight of "
                f"{weight}: each size must be that of the weight, or 1"
            )
        return shape


def score_bound(shape: Shape) -> float:
    """Return the bound of a layer's initial scores, 1 / sqrt(fan_in), from the scores' shape."""
    return 1 / sqrt(prod(shape[1:]))
