"""A start from the dual problem, for sparse data with many features and classes."""

import numpy as np

from sklogloss._cython.dual_ascent import ascend_rows
from sklogloss.linear.entries import Entries
from sklogloss.linear.limits import SMALL_PART, SMALL_WORK

__all__ = ["dual_start"]

# Maximum number of passes over the rows (1: +14 % on text, K = 12; 60: +96 % on text, K = 12).
N_EPOCHS = 15


def dual_start(objective):
    """Return theta after some epochs of coordinate ascent on the dual, or None if it overflows.

    Each sample in turn takes its best probabilities q_i while the others are fixed. The
    coefficients follow: sum of x_i (y_i - q_i)' / l2. Far from the optimum, an epoch gains as much
    as many passes of a method that moves all samples at once. The intercept counts as the
    coefficient of a constant feature here.

    Parameters
    ----------
    objective : Objective
        The log loss of more than two classes, X a CSR matrix, the same L2 penalty for all features
        and no offset.
    """
    samples, n_classes = objective.samples, objective.n_columns
    X, n_samples = Entries.of(samples).csr(), samples.n_samples
    target = samples.target
    if target.shape[1] == 1:
        target = target == np.arange(n_classes)
    target = np.ascontiguousarray(target, dtype=np.float64)
    # A small part of the target's probability is divided among all classes.
    q = (1 - SMALL_PART) * target + SMALL_PART / n_classes
    with np.errstate(all="ignore"):
        weight = np.ones(n_samples)
        if samples.weight is not None:
            weight = samples.weight.astype(np.float64)
        scale = weight / (objective.penalty.l2 * objective.weight_sum)
        squares = np.square(X.data, dtype=np.float64)
        length = np.add.reduceat(np.append(squares, 0), X.indptr[:-1])
        length[np.diff(X.indptr) == 0] = 0
        size = scale * (length + objective.fit_intercept)
        dual = (target - q) * scale[:, None]
        coef = np.ascontiguousarray(X.T @ dual)
    intercept = dual.sum(axis=0) if objective.fit_intercept else np.zeros(n_classes)
    if not np.isfinite(size).all():
        return None
    rng = np.random.RandomState(0)
    n_rounds = 1 + int(X.nnz * n_classes / SMALL_WORK)
    for _ in range(N_EPOCHS):
        for rows in np.array_split(rng.permutation(n_samples), n_rounds):
            wrong = ascend_rows(
                X.indptr,
                X.indices,
                X.data,
                rows,
                scale,
                size,
                q,
                coef,
                intercept,
                objective.fit_intercept,
            )
            if not np.isfinite(wrong):
                return None
    return objective.theta(coef, intercept)
