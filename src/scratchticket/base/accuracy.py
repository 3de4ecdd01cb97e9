"""Accuracy as two integers, converted to percent only for display."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from scratchticket.base.errors import InputError

_Z95 = 1.959963984540054  # the 97.5 % point of the standard normal distribution


@dataclass(frozen=True)
class Accuracy:
    """The number of correctly classified images and the number of all images.

    Example:
        >>> str(Accuracy(correct=313, total=360))
        '86.9 %'
    """

    correct: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.correct <= self.total or self.total == 0:
            raise InputError(f"an accuracy of {self.correct} out of {self.total} is impossible")

    @property
    def fraction(self) -> float:
        """Fraction of correct images, in [0, 1]."""
        return self.correct / self.total

    @property
    def percent(self) -> float:
        """Percentage of correct images."""
        return percent(self.correct, self.total)

    def interval(self) -> tuple[float, float]:
        """Return the 95 % Wilson score interval (Wilson, 1927), as fractions in [0, 1].

        It accounts for the finite number of test images, not for the spread over seeds.
        """
        return wilson(self.fraction, self.total)

    def __str__(self) -> str:
        return f"{self.percent:.1f} %"


def percent(part: float, whole: float = 1) -> float:
    """Return a part of a whole, or a fraction, in percent.

    Example:
        >>> percent(1, 8), percent(0.125)
        (12.5, 12.5)
    """
    return 100.0 * part / whole


def wilson(fraction: float, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval (1927) of a fraction observed in ``total`` trials."""
    n, p, z2 = total, fraction, _Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)
