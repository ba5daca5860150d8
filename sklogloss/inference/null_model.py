"""Models that a fit is compared with: one without columns, and one that knows the targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from sklogloss.inference.likelihood import Likelihood
from sklogloss.inference.restricted import maximise_over, parameters_of
from sklogloss.losses import LogLoss

__all__ = ["null_log_likelihood", "target_entropy"]


def null_log_likelihood(likelihood: Likelihood) -> float:
    """Return the largest log-likelihood of intercepts, and the offset, alone.

    Intercepts are there also if the fit has none, unless there is an offset.
    """
    samples = likelihood.objective.samples
    if samples.offset is None and isinstance(likelihood.loss, LogLoss):
        totals = likelihood.sum_over_rows("totals", _class_totals)
        return float(xlogy(totals, totals / totals.sum()).sum())
    objective = likelihood.objective
    start = objective.start()
    free = np.arange(objective.n_features, objective.shape[0])
    return -maximise_over(likelihood, start, parameters_of(likelihood, free)).value


def target_entropy(likelihood: Likelihood) -> float:
    """Return the weighted sum of the entropies of the targets in nats: zero for labels."""
    return float(likelihood.sum_over_rows("entropy", _entropy))


def _entropy(likelihood: Likelihood) -> float:
    target = likelihood.objective.samples.target
    if target.shape[1] == 1 and likelihood.objective.n_columns > 1:
        return 0.0
    rows, columns = np.nonzero((target > 0) & (target < 1))  # others have none
    probability = target[rows, columns]
    entropy = -probability * np.log(probability)
    if target.shape[1] == 1:
        entropy -= (1 - probability) * np.log1p(-probability)
    weight = likelihood.row_weight
    return float(entropy.sum() if weight is None else weight[rows] @ entropy)


def _class_totals(likelihood: Likelihood) -> NDArray[np.float64]:
    # The weight of each class.
    target, weight = likelihood.objective.samples.target, likelihood.row_weight
    n_columns = likelihood.objective.n_columns
    if target.shape[1] > 1:
        return target.sum(axis=0) if weight is None else weight @ target
    if n_columns > 1:
        return np.bincount(target[:, 0].astype(np.intp), weight, n_columns).astype(np.float64)
    of_second = target.sum() if weight is None else weight @ target[:, 0]
    total = len(target) if weight is None else weight.sum()
    return np.array([total - of_second, of_second])
