"""The quantile function of the standard normal, computed with + - * / and square roots only.

These operations are rounded correctly on every processor, so the result has the same bits
everywhere. No library promises this of its logarithm or its normal generator.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

# Algorithm AS 241 (Wichura, 1988): numerator and denominator polynomials for each of three regions,
# constant terms first.
# fmt: off
_CENTRE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
     1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
     3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
     5.2264952788528545610e3),
)
_TAIL = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
     3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9),
)
_FAR_TAIL = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
     2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15),
)
# fmt: on
_LOG_2 = 0.6931471805599453
_LOG_SERIES = tuple(1 / (2 * term + 1) for term in range(14))  # the next term is below 2**-60
_CHUNK = 1 << 16  # values at a time, so that intermediate results stay in the cache


def _polynomial(coefficients: tuple[float, ...], x: Doubles) -> Doubles:
    """Return the values of a polynomial, by Horner's rule."""
    value = np.zeros_like(x)
    for coefficient in reversed(coefficients):
        value = value * x + coefficient
    return value


def _ratio(region: tuple[tuple[float, ...], tuple[float, ...]], x: Doubles) -> Doubles:
    """Return the ratio of a region's two polynomials."""
    return _polynomial(region[0], x) / _polynomial(region[1], x)


def log(x: Doubles) -> Doubles:
    """Return the natural logarithm of positive numbers that are not subnormal, within 1e-15.

    It uses ``x = m * 2**e`` with m in [sqrt(1/2), sqrt(2)), and the series of
    ``log m = 2 artanh((m - 1) / (m + 1))``.
    """
    mantissa, exponent = np.frexp(x)
    low = mantissa < 0.7071067811865476
    mantissa = np.where(low, 2 * mantissa, mantissa)
    exponent = exponent - low
    s = (mantissa - 1) / (mantissa + 1)
    square = s * s
    result: Doubles = exponent * _LOG_2 + 2 * s * _polynomial(_LOG_SERIES, square)
    return result


def normal_quantile(offsets: Doubles) -> Doubles:
    """Return the standard normal quantile at ``0.5 + offset`` (Wichura, 1988, AS 241).

    Args:
        offsets: Values in (-0.5, 0.5), ``(n,)``; float64 must represent both ``offset`` and
            ``0.5 - abs(offset)`` exactly.

    Returns:
        float64; the relative error is about 1e-15.
    """
    result = np.empty_like(offsets)
    for start in range(0, len(offsets), _CHUNK):
        q = offsets[start : start + _CHUNK]
        value = q * _ratio(_CENTRE, 0.180625 - q * q)
        outside = np.abs(q) > 0.425
        r = np.sqrt(-log(0.5 - np.abs(q[outside])))
        tail = np.where(r <= 5, _ratio(_TAIL, r - 1.6), _ratio(_FAR_TAIL, r - 5))
        value[outside] = np.where(q[outside] < 0, -tail, tail)
        result[start : start + _CHUNK] = value
    return result
