"""Raw predictions relative to their mean over the classes, and how far apart they may be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["reach_of", "relative"]

# In float64, a class whose raw prediction is less than the largest by this has the probability 0.
LARGEST_DIFFERENCE = -float(np.log(np.finfo(np.float64).smallest_subnormal))


def reach_of(slope: float) -> float:
    """Return the largest difference between classes that matters.

    Parameters
    ----------
    slope : float
        That of temperature scaling. 0 says nothing about differences: all of them matter.
    """
    return LARGEST_DIFFERENCE / slope if slope > 0 else np.inf


def relative(raw_prediction: NDArray[Any], reach: float) -> NDArray[Any]:
    """Return raw predictions minus their mean over the classes.

    Those that are below the largest of the sample by more than reach are raised to this difference
    first. Otherwise, a class that is ruled out would shift the mean, and with it all others.

    Parameters
    ----------
    raw_prediction : ndarray of shape (n_samples, n_classes)
    reach : float
    """
    raw = raw_prediction
    with np.errstate(over="ignore"):
        if raw.size and raw.max() - raw.min() > reach:
            largest = raw.max(axis=1, keepdims=True)
            far = (largest - raw.min(axis=1, keepdims=True) > reach)[:, 0]
            raw = raw.copy()
            raw[far] = np.maximum(raw[far] - largest[far], -reach)
    return raw - raw.mean(axis=1, keepdims=True)
