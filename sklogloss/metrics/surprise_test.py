"""Test of whether the surprise of forecasts is as large as they imply."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from sklogloss.metrics.forecasts import Forecasts

__all__ = ["SurpriseTestResult", "surprise_test"]


class SurpriseTestResult(NamedTuple):
    """Result of `surprise_test`.

    Attributes
    ----------
    statistic : float
        Standard normal if the probabilities are right. Positive if the surprise is larger than
        expected (overconfident), negative if it is smaller (underconfident).
    pvalue : float
        Two-sided.
    """

    statistic: float
    pvalue: float


def surprise_test(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> SurpriseTestResult:
    r"""Test whether the observed surprise is the one that the probabilities imply.

    If the forecasts are the true probabilities, the expected surprise at a sample is its entropy
    :math:`H(p)`, with the variance :math:`V(p) = \sum_k p_k \ln^2 p_k - H(p)^2`. Hence

    .. math:: Z = \sum_i w_i \left(-\ln p_{i, y_i} - H(p_i)\right) \Big/ \sqrt{\sum_i w_i^2 V(p_i)}

    is standard normal for a large number of independent samples. Spiegelhalter's test [1]_ is the
    analogue for the Brier score. The test detects over- and underconfidence, but not every error: a
    shift of all logits may leave Z at 0.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_proba, raw_prediction, labels
        See `surprise`.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative; None means 1 for each sample.

    Returns
    -------
    result : SurpriseTestResult
        Named tuple of statistic and pvalue. If all probabilities are 0 or 1, or equal, the surprise
        has no variance: Z is then 0 if the surprise is as expected, and infinite otherwise.

    Raises
    ------
    ValueError
        As in `log_loss`, and for soft targets, whose variance differs.

    References
    ----------
    .. [1] D. J. Spiegelhalter, "Probabilistic Prediction in Patient Management and Clinical
       Trials", Statistics in Medicine 5 (1986), 421-433.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.metrics import surprise_test
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(0.05, 0.95, size=2000)
    >>> y = rng.random(2000) < p
    >>> round(surprise_test(y, p).pvalue, 2)
    0.67
    >>> overconfident = p**2 / (p**2 + (1 - p) ** 2)
    >>> print(f"{surprise_test(y, overconfident).statistic:.1f}")
    22.1
    """
    forecasts = Forecasts.of(
        y_true, y_proba, raw_prediction=raw_prediction, sample_weight=sample_weight, labels=labels
    )
    if forecasts.target is not None:
        raise ValueError("y_true must hold labels; soft targets vary less than the test assumes")
    proba = forecasts.probabilities()
    proba = proba / proba.sum(axis=1, keepdims=True)
    if forecasts.raw_prediction is None:
        log_proba = np.log(np.where(proba > 0, proba, 1))
        happened = forecasts.with_proba(proba).surprise("inf")
    else:
        log_proba = forecasts.log_probabilities()
        happened = forecasts.surprise("inf")
    entropy = -np.sum(proba * log_proba, axis=1)
    variance = np.sum(proba * (log_proba + entropy[:, None]) ** 2, axis=1)
    weight = forecasts.weights()
    excess = float(weight @ (happened - entropy))
    deviation = float(np.sqrt(weight**2 @ variance))
    # Rounding errors of surprises and entropies.
    rounding = 16 * np.finfo(np.float64).eps * float(weight @ (1 + entropy))
    if deviation > rounding:
        statistic = excess / deviation
    else:
        statistic = 0.0 if abs(excess) <= rounding else float(np.copysign(np.inf, excess))
    return SurpriseTestResult(statistic, float(2 * norm.sf(abs(statistic))))
