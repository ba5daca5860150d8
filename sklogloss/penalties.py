"""The L1 penalty, which has a kink at zero: its prox and the distance to its subdifferential."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["distance_to_subdifferential", "soft_threshold"]


def soft_threshold(x: NDArray[Any], threshold: NDArray[Any] | float) -> NDArray[Any]:
    """Return the minimiser u of (u - x)^2 / 2 + threshold |u|, entry by entry.

    Parameters
    ----------
    x : ndarray
    threshold : ndarray or float
        Not negative.
    """
    return np.sign(x) * np.maximum(np.abs(x) - threshold, 0)


def distance_to_subdifferential(
    gradient: NDArray[Any], x: NDArray[Any], l1: NDArray[Any] | float
) -> NDArray[Any]:
    """Return how far -gradient is from the subdifferential of l1 |x|, entry by entry.

    It is zero everywhere at the minimum of a convex function of this gradient plus l1 |x|.

    Parameters
    ----------
    gradient, x : ndarray
        Of one shape.
    l1 : ndarray or float
        Not negative.
    """
    at_zero = np.maximum(np.abs(gradient) - l1, 0)
    return np.where(x == 0, at_zero, np.abs(gradient + l1 * np.sign(x)))
