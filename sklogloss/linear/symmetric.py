"""Symmetric matrices of which one triangle is known."""

import numpy as np

__all__ = ["symmetric"]


def symmetric(lower):
    """Return the symmetric matrix with this lower triangle, whatever is above the diagonal."""
    lower = np.tril(lower)
    return lower + np.tril(lower, -1).T
