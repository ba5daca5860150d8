"""Whether a model is nested in another one, as a likelihood-ratio test needs it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklogloss.inference.covariance import Information
from sklogloss.inference.likelihood import Likelihood
from sklogloss.inference.rows import row_blocks, rows_in_theta
from sklogloss.linear.entries import Entries
from sklogloss.linear.partitioned_samples import PartitionedRows
from sklogloss.linear.samples import Samples
from sklogloss.linear.scores import raw_prediction
from sklogloss.linear.threads import one_blas_thread

__all__ = ["check_same_rows", "is_nested"]

# If the columns leave more than this fraction of the scores unexplained, the scores are not theirs.
# Rounding errors leave far less, unless columns are nearly linearly dependent.
UNEXPLAINED = 1e-6


def check_same_rows(likelihood: Likelihood, other: Likelihood) -> None:
    """Raise a ValueError unless two likelihoods are of the same targets, weights and offsets."""
    samples, others = likelihood.objective.samples, other.objective.samples
    if samples.n_samples != others.n_samples:
        raise ValueError(
            f"other must be a fit to the same y: it has {others.n_samples} rows, this one "
            f"{samples.n_samples}"
        )
    _check_same_parts(samples, others)
    differ = likelihood.of_each_part("rows", _differing, other.exponent, rows=_rows_of(others))
    for name in ("y", "sample_weight", "offset"):
        if any(name in each for each in differ):
            raise ValueError(f"other must be a fit to the same {name}")


def _check_same_parts(samples: Any, others: Any) -> None:
    if samples.is_partitioned != others.is_partitioned or (
        samples.is_partitioned
        and [each.n_samples for each in samples.facts] != [each.n_samples for each in others.facts]
    ):
        raise ValueError("other must be a fit to rows in the same partitions")


def _rows_of(samples: Any) -> tuple[Any, ...]:
    # Wraps samples as the rows that another likelihood reads.
    return (PartitionedRows(samples.partitions) if samples.is_partitioned else samples,)


def _differing(likelihood: Likelihood, exponent: int, others: Samples) -> list[str]:
    # The names of the arrays that differ between both.
    samples, weight = likelihood.objective.samples, others.weight
    pairs = {
        "y": (samples.target, others.target),
        "sample_weight": (
            likelihood.row_weight,
            None if weight is None else np.ldexp(weight, exponent),
        ),
        "offset": (samples.offset, others.offset),
    }
    differ = []
    for name, (own, theirs) in pairs.items():
        # If none were given, weights are one and offsets zero.
        default = np.array(float(name == "sample_weight"))
        own, theirs = (default if each is None else each for each in (own, theirs))
        have_one_shape = own.shape == theirs.shape or own.ndim == 0 or theirs.ndim == 0
        if not (have_one_shape and np.all(own == theirs)):
            differ.append(name)
    return differ


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
    parts = small.objective.coef_intercept(theta)
    rows = _rows_of(small.objective.samples)
    each = large.of_each_part("scores", _normal_equations, *parts, rows=rows)
    gram, products, squares = (sum(terms) for terms in zip(*each, strict=True))
    coef = Information(gram).solve(products)
    left = sum(large.of_each_part("scores", _unexplained, *parts, coef, rows=rows))
    return bool(left <= UNEXPLAINED**2 * squares)


def _normal_equations(
    likelihood: Likelihood,
    coef: NDArray[np.float64],
    intercept: NDArray[np.float64],
    others: Samples,
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    # The normal equations of the least squares that explain the other scores, and the scores' sum
    # of squares.
    scores = _scores(others, coef, intercept)
    objective = likelihood.objective
    entries = Entries.of(objective.samples)
    n_terms = objective.shape[0]
    gram, products = np.zeros((n_terms, n_terms)), np.zeros((n_terms, scores.shape[1]))
    for rows in row_blocks(len(scores), n_terms):
        columns = rows_in_theta(entries, rows, objective.coordinates)
        gram += columns.T @ columns
        products += columns.T @ scores[rows]
    return gram, products, float(np.sum(scores**2))


def _unexplained(
    likelihood: Likelihood,
    coef: NDArray[np.float64],
    intercept: NDArray[np.float64],
    solution: NDArray[np.float64],
    others: Samples,
) -> float:
    scores, left = _scores(others, coef, intercept), 0.0
    objective = likelihood.objective
    entries = Entries.of(objective.samples)
    for rows in row_blocks(len(scores), objective.shape[0]):
        explained = rows_in_theta(entries, rows, objective.coordinates) @ solution
        left += float(np.sum((scores[rows] - explained) ** 2))
    return left


def _scores(
    samples: Samples, coef: NDArray[np.float64], intercept: NDArray[np.float64]
) -> NDArray[np.float64]:
    with one_blas_thread():
        scores: NDArray[np.float64] = raw_prediction(samples, coef, intercept)
    return scores
