"""Exact rational numbers, written ``8/255`` or ``0.1``.

An epsilon is exact everywhere; it becomes a float only in computations with tensors.
"""

from __future__ import annotations

import re
from fractions import Fraction

from scratchticket.base.errors import InputError

Quantity = str | int | float | Fraction

LONGEST = 64  # largest number of characters in a number's text
_PIXEL_STEPS = (15, 17, 51, 85)  # denominators replaced by 255; not 3, so that 1/3 stays 1/3
_PATTERN = re.compile(r"\s*[+-]?(\d+\s*/\s*\d+|(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?)\s*")


def fraction(value: Quantity, what: str) -> Fraction:
    """Return a number as an exact rational number.

    Args:
        value: ``"8/255"``, ``"0.1"``, or a number; a float means its shortest decimal form,
            so that ``0.1`` is one tenth.
        what: Name of the quantity, for the error message.

    Raises:
        InputError: If the text is not a number or its denominator is 0.

    Example:
        >>> fraction("8/255", "epsilon"), fraction(0.1, "epsilon")
        (Fraction(8, 255), Fraction(1, 10))
    """
    if isinstance(value, Fraction):
        return value
    text = str(value)
    if not _PATTERN.fullmatch(text) or len(text) > LONGEST:
        raise InputError(f"{what} must be a number such as 0.1 or 8/255, got {text[:LONGEST]!r}")
    try:
        return Fraction("".join(text.split()))
    except ZeroDivisionError:
        raise InputError(f"{what} must not have denominator 0, got {text!r}") from None


def fraction_text(value: Fraction) -> str:
    """Return a rational number as text: as a short decimal if there is one, else ``n/d``.

    Multiples of 1/255, the step of 8-bit pixels, are written ``n/255``, except thirds.

    Example:
        >>> fraction_text(Fraction(1, 10)), fraction_text(Fraction(8, 255))
        ('0.1', '8/255')
        >>> fraction_text(Fraction(12, 255))
        '12/255'
    """
    decimal = repr(float(value))
    if "e" not in decimal and Fraction(decimal) == value:
        return decimal.removesuffix(".0")
    if value.denominator in _PIXEL_STEPS:
        return f"{255 * value}/255"
    text = f"{value.numerator}/{value.denominator}"
    return decimal if len(text) > LONGEST and Fraction(decimal) == value else text
