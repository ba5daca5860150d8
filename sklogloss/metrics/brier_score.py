"""Brier score: the squared error of the probabilities."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklogloss.inputs.errors import shown
from sklogloss.metrics.forecasts import Forecasts, complements

__all__ = ["brier_score", "squared_errors"]


def squared_errors(forecasts: Forecasts, scale_by_half: bool | str) -> NDArray[np.float64]:
    """Return the squared error of each sample, shape (n_samples,).

    Summed over the classes, and halved if scale_by_half is True, or "auto" and there are two.
    """
    halved = forecasts.n_classes == 2 if scale_by_half == "auto" else scale_by_half
    proba, targets = forecasts.probabilities(), forecasts.targets()
    error = np.sum(np.where(targets == 1, complements(proba), proba - targets) ** 2, axis=1)
    return error / 2 if halved else error


def brier_score(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    scale_by_half: bool | str = "auto",
) -> float:
    r"""Brier score: the weighted mean of the squared error of the probabilities.

    .. math:: B = \frac1n \sum_i \sum_k (p_{ik} - y_{ik})^2,

    halved for two classes, where it is :math:`(p - y)^2` of either class. It ranges from 0 to 2, or
    to 1 if halved; lower is better. Like the log loss, it is strictly proper. Unlike the log loss,
    it is bounded: a probability of 0.0001 for what happened scores hardly worse than one of 0.01
    [1]_.

    Parameters
    ----------
    y_true, y_proba, raw_prediction, labels
        See `surprise`.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative; None means 1 for each sample.
    scale_by_half : bool or "auto", default="auto"
        Whether to halve the score. "auto" halves it for two classes only, as scikit-learn does.

    Returns
    -------
    score : float

    Raises
    ------
    ValueError
        As in `log_loss`.

    References
    ----------
    .. [1] G. W. Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly
       Weather Review 78 (1950), 1-3.

    Examples
    --------
    >>> from sklogloss.metrics import brier_score
    >>> round(brier_score([1, 0, 0, 1], [0.9, 0.1, 0.2, 0.65]), 6)
    0.045625
    """
    is_boolean = isinstance(scale_by_half, bool | np.bool_ | Integral) and scale_by_half in (0, 1)
    if not (is_boolean or (isinstance(scale_by_half, str) and scale_by_half == "auto")):
        raise ValueError(f"scale_by_half must be True, False or 'auto', got {shown(scale_by_half)}")
    forecasts = Forecasts.of(
        y_true, y_proba, raw_prediction=raw_prediction, sample_weight=sample_weight, labels=labels
    )
    return forecasts.mean(squared_errors(forecasts, scale_by_half))
