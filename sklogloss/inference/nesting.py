"""Whether a model is nested in another one, as a likelihood-ratio test needs it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sklogloss.inference.covariance import Information
from sklogloss.inference.likelihood import Likelihood
from sklogloss.inference.rows import row_blocks, rows_in_theta, sliceable

__all__ = ["check_same_rows", "is_nested"]

# Scores that columns leave this fraction of are not theirs. Rounding errors leave far less, unless
# columns next to depend on one another.
UNEXPLAINED = 1e-6


def check_same_rows(likelihood: Likelihood, other: Likelihood) -> None:
    """Raise a ValueError unless two likelihoods are of the same targets, weights and offsets."""
    samples, others = likelihood.objective.samples, other.objective.samples
    if samples.n_samples != others.n_samples:
        raise ValueError(
            f"other must be a fit to the same y: it has {others.n_samples} rows, this one "
            f"{samples.n_samples}"
        )
    pairs = {
        "y": (samples.target, others.target),
        "sample_weight": (likelihood.row_weight, other.row_weight),
        "offset": (samples.offset, others.offset),
    }
    for name, (own, theirs) in pairs.items():
        # Where none were given, weights are one and offsets zero.
        default = np.array(float(name == "sample_weight"))
        own, theirs = (default if each is None else each for each in (own, theirs))
        have_one_shape = own.shape == theirs.shape or own.ndim == 0 or theirs.ndim == 0
        if not (have_one_shape and np.all(own == theirs)):
            raise ValueError(f"other must be a fit to the same {name}")


def is_nested(small: Likelihood, theta: NDArray[np.float64], large: Likelihood) -> bool:
    """Return whether the columns of one model can make the scores of another: two passes over X.

    Parameters
    ----------
    small : Likelihood
    theta : ndarray of shape (n_parameters,)
        The parameters of the small model's fit.
    large : Likelihood
        Of the same rows.
    """
    scores, offset = small.raw_prediction(theta), small.objective.samples.offset
    if offset is not None:
        scores = scores - offset
    X, coordinates = sliceable(large.objective.samples.X), large.objective.coordinates
    n_terms = large.objective.shape[0]
    gram, products = np.zeros((n_terms, n_terms)), np.zeros((n_terms, scores.shape[1]))
    for rows in row_blocks(len(scores), n_terms):
        columns = rows_in_theta(X[rows], coordinates)
        gram += columns.T @ columns
        products += columns.T @ scores[rows]
    coef, left = Information(gram).solve(products), 0.0
    for rows in row_blocks(len(scores), n_terms):
        unexplained = scores[rows] - rows_in_theta(X[rows], coordinates) @ coef
        left += float(np.sum(unexplained**2))
    return left <= UNEXPLAINED**2 * float(np.sum(scores**2))
