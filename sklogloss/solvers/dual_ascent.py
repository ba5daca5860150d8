"""A start from the dual problem, for sparse data with many features and classes."""

import numpy as np

from sklogloss._cython.dual_ascent import ascend_rows

__all__ = ["dual_start", "is_worth_ascending"]

N_EPOCHS = 15
# Probability that a start takes from what happened and gives to all classes alike.
SMOOTHING = 1e-3
# Stored entries times classes that are gone through between two looks for Ctrl-C.
ROUND_WORK = 20_000_000


def is_worth_ascending(objective):
    """Return whether the dual of log loss is easier: many classes, fewer rows than features."""
    design = objective.design
    return (
        objective.is_sparse_softmax
        and design.X.format == "csr"
        and objective.l2 > 0
        and design.n_features >= design.n_samples
    )


def dual_start(objective):
    """Return theta after some epochs of coordinate ascent on the dual, or None if it overflows.

    Each sample in turn takes the probabilities that are best for it, the others' fixed, and the
    coefficients follow: sum of x_i (y_i - q_i)' / l2. Far from the optimum, an epoch gains what
    many passes of a method that moves all samples at once do. The intercept counts as the
    coefficient of a constant feature here.

    Parameters
    ----------
    objective : LinearObjective
        One for which `is_worth_ascending` holds.
    """
    X, n_classes = objective.design.X, objective.n_columns
    n_samples = X.shape[0]
    target = objective.target
    if target.shape[1] == 1:
        target = target == np.arange(n_classes)
    target = np.ascontiguousarray(target, dtype=np.float64)
    q = (1 - SMOOTHING) * target + SMOOTHING / n_classes
    with np.errstate(over="ignore", invalid="ignore"):
        weight = np.ones(n_samples)
        if objective.sample_weight is not None:
            weight = objective.sample_weight.astype(np.float64)
        scale = weight / (objective.l2 * objective.weight_sum)
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
    n_rounds = 1 + int(X.nnz * n_classes / ROUND_WORK)
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
