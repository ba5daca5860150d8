"""Intervals for a mean that may be checked after every sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import zeta

__all__ = ["anytime_pvalue", "confidence_sequence"]

# Parameters of the stitched boundary: the ratio of the variances at which its pieces meet, the rate
# at which they share the error probability, and the variance, in squared ranges, from which the
# boundary is tight.
RATIO, POWER, SMALLEST_VARIANCE = 2.0, 1.4, 1.0


def confidence_sequence(
    values: NDArray[Any], span: float, confidence_level: float
) -> tuple[float, float]:
    """Return the interval of the mean expectation of bounded values, after the last of them.

    With the probability `confidence_level`, all intervals after each of the values, however many
    come, cover the mean of the expectations of the values so far, each given those before it. It is
    the empirical Bernstein bound of Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform,
    nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49 (2021), theorem 4,
    with the boundary of equation 10.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        In the order of time.
    span : float
        Largest minus smallest possible value.
    confidence_level : float
    """
    mean, variance = _mean_and_variance(values / span)
    width = span * _boundary(variance, (1 - confidence_level) / 2) / len(values)
    return span * mean - width, span * mean + width


def anytime_pvalue(values: NDArray[Any], span: float) -> float:
    """Return the smallest error probability whose interval does not cover zero."""
    mean, variance = _mean_and_variance(values / span)
    target = abs(mean) * len(values)

    def excess(log_alpha: float) -> float:
        return _boundary(variance, np.exp(log_alpha) / 2) - target

    if excess(0.0) >= 0:
        return 1.0
    lowest = -1.0
    while excess(lowest) < 0:
        lowest *= 2
        if lowest < np.log(np.finfo(np.float64).tiny):
            return 0.0
    return float(np.exp(brentq(excess, lowest, 0.0)))


def _mean_and_variance(values: NDArray[Any]) -> tuple[float, float]:
    # The mean, and the sum of squared differences of each value from the mean of those before it.
    number = np.arange(len(values))
    before = np.append(0.0, np.cumsum(values)[:-1]) / np.maximum(number, 1)
    return float(values.mean()), float(np.sum((values - before) ** 2))


def _boundary(variance: float, alpha: float) -> float:
    # Boundary of a sum whose increments have a range of one.
    variance = max(variance, SMALLEST_VARIANCE)
    pieces = POWER * np.log(np.log(RATIO * variance / SMALLEST_VARIANCE))
    pieces += np.log(zeta(POWER) / (alpha * np.log(RATIO) ** POWER))
    root = (RATIO**0.25 + RATIO**-0.25) / np.sqrt(2)
    linear = (np.sqrt(RATIO) + 1) / 2
    return float(np.sqrt(root**2 * variance * pieces + (linear * pieces) ** 2) + linear * pieces)
