"""Calibrators of two classes, for more: each class against the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklogloss.losses import LogLoss

__all__ = ["class_scores", "class_targets", "is_separated", "joined"]


def class_scores(raw_prediction: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """Return the log-odds of each class against the rest, shape (n_samples, n_columns).

    One column for two classes: the second against the first.
    """
    raw = raw_prediction.astype(np.float64, copy=False)
    if n_classes == 2:
        return raw[:, None]
    scores = np.empty_like(raw)
    for k in range(n_classes):
        others = np.delete(raw, k, axis=1)
        top = others.max(axis=1)
        with np.errstate(under="ignore"):
            scores[:, k] = raw[:, k] - top - np.log(np.exp(others - top[:, None]).sum(axis=1))
    return scores


def class_targets(targets: NDArray[Any]) -> NDArray[Any]:
    """Return the targets of the columns of `class_scores`."""
    return targets[:, 1:] if targets.shape[1] == 2 else targets


def joined(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log-probabilities of all classes from the columns' calibrated log-odds.

    Those of more than two classes are the probabilities of each against the rest, divided by their
    sum.
    """
    binary = LogLoss(2)
    if log_odds.shape[1] == 1:
        return binary.log_link(log_odds[:, 0])
    log_proba = np.column_stack([binary.log_link(column)[:, 1] for column in log_odds.T])
    return LogLoss(len(log_proba.T)).log_link(log_proba)


def is_separated(
    score: NDArray[np.float64], target: NDArray[np.float64], *, rising: bool = False
) -> bool:
    """Return whether a score separates an event from its absence without error.

    Parameters
    ----------
    score, target : ndarray of shape (n_samples,)
        Each target is the probability of the event.
    rising : bool, default=False
        Whether only larger scores may stand for the event.
    """
    # Scores of samples in which the event may have happened, and of those in which it may not have.
    happened, did_not = score[target > 0], score[target < 1]
    if len(happened) == 0 or len(did_not) == 0:
        return True
    if happened.min() >= did_not.max():
        return True
    return not rising and bool(happened.max() <= did_not.min())
