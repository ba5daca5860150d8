"""Probabilities of rows and their confidence intervals, computed on the logit scale."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

from sklogloss.inference.rows import row_blocks, rows_in_theta
from sklogloss.linear.entries import Entries
from sklogloss.linear.objective import Coordinates

__all__ = ["PredictionInterval", "logit_intervals"]


class PredictionInterval(NamedTuple):
    """Probabilities of the classes with confidence intervals.

    Attributes
    ----------
    proba, lower, upper : ndarray of shape (n_samples, n_classes)
        Columns as in ``classes_``.
    """

    proba: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


def logit_intervals(
    X: Any,
    offset: NDArray[np.float64] | None,
    theta: NDArray[np.float64],
    covariance: NDArray[np.float64],
    coordinates: Coordinates,
    quantile: float,
) -> PredictionInterval:
    """Return the probabilities of softmax or sigmoid, and intervals.

    The log-odds of each class against all others have standard errors by the delta method.

    Parameters
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_samples, n_features)
    offset : ndarray of shape (n_samples, n_columns) or None
    theta : ndarray of shape (n_parameters,)
    covariance : ndarray of shape (n_parameters, n_parameters)
        Of theta.
    coordinates : Coordinates
    quantile : float
        Half the width of the interval of the log-odds, in standard errors.
    """
    n_terms, n_columns = coordinates.shape
    n_classes = max(2, n_columns)
    entries = Entries(X)
    logit, error = np.empty((2, X.shape[0], n_classes))
    pairs = covariance.reshape(n_terms, n_columns, n_terms, n_columns)
    for block in row_blocks(X.shape[0], n_terms + n_columns**2):
        columns = rows_in_theta(entries, block, coordinates)
        raw_prediction = columns @ theta.reshape(n_terms, n_columns)
        if offset is not None:
            raw_prediction += offset[block]
        variance = np.empty((len(columns), n_columns, n_columns))
        for k in range(n_columns):
            for m in range(n_columns):
                variance[:, k, m] = np.einsum("it,it->i", columns @ pairs[:, k, :, m], columns)
        if n_columns == 1:
            logit[block] = raw_prediction * [-1, 1]
            error[block] = np.sqrt(variance[:, 0])
        else:
            logit[block], error[block] = _against_others(raw_prediction, variance)
    half = quantile * error
    return PredictionInterval(expit(logit), expit(logit - half), expit(logit + half))


def _against_others(
    raw_prediction: NDArray[np.float64], variance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # The log-odds of each class against all others, and their standard errors.
    logit, error = np.empty((2, *raw_prediction.shape))
    for k in range(raw_prediction.shape[1]):
        others = raw_prediction.copy()
        others[:, k] = -np.inf
        of_others = logsumexp(others, axis=1)
        logit[:, k] = raw_prediction[:, k] - of_others
        gradient = -np.exp(others - of_others[:, None])
        gradient[:, k] = 1
        error[:, k] = np.sqrt(np.einsum("ik,ikm,im->i", gradient, variance, gradient))
    return logit, error
