"""Log loss: per sample, on average, and relative to that of the class frequencies."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import UndefinedMetricWarning

from sklogloss.inputs.parameters import check_parameter
from sklogloss.inputs.weights import as_sample_weight
from sklogloss.metrics.forecasts import Forecasts

__all__ = ["d2_log_loss", "log_loss", "surprise"]

ZERO_POLICIES = ("clip", "inf", "raise")


def surprise(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    zero: str = "inf",
) -> np.ndarray:
    r"""Surprise at each sample: minus the logarithm of the probability of what happened.

    .. math:: s_i = -\ln p_{i, y_i}, \quad \text{for soft targets } -\sum_k y_{ik} \ln p_{ik}.

    It ranges from 0 (the forecast was certain of what happened) to infinity (the forecast ruled it
    out); lower is better. Other names are log score, self-information and pointwise cross-entropy
    [1]_.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_classes)
        Labels, or probabilities of the classes (soft targets), whose rows sum to 1. The column
        names of a DataFrame are the labels.
    y_proba : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
        Probabilities of the classes, in the order of the sorted labels; rows sum to 1. For two
        classes, those of the second are enough. The columns of a DataFrame may be in any order if
        their names are the labels.
    raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
        Logits instead of `y_proba`, with the same columns. Nothing is clipped, and the surprise is
        finite.
    labels : array-like of shape (n_classes,), default=None
        The sorted classes; needed if `y_true` may lack some of them. None means the labels in
        `y_true`, or the columns of a DataFrame.
    zero : {"inf", "clip", "raise"}, default="inf"
        What to do if the probability of what happened is 0. "inf" returns an infinite surprise.
        "clip" raises it, and all other probabilities below the rounding error of the dtype of
        `y_proba`, to that rounding error (36.04 nats in float64). "raise" raises an error.

    Returns
    -------
    surprise : ndarray of shape (n_samples,), float64
        In nats.

    Raises
    ------
    ValueError
        For probabilities outside [0, 1], rows that do not sum to 1 (within 1e-5, or the square root
        of the rounding error of a shorter float), unknown labels, lengths that differ, and columns
        of which only some have labels as names.

    References
    ----------
    .. [1] I. J. Good, "Rational Decisions", Journal of the Royal Statistical Society B 14 (1952),
       107-114.

    Examples
    --------
    >>> from sklogloss.metrics import surprise
    >>> surprise(["rain", "sun"], [0.01, 0.01]).round(4)
    array([0.0101, 4.6052])
    """
    check_parameter("zero", zero, ZERO_POLICIES)
    return Forecasts.of(y_true, y_proba, raw_prediction=raw_prediction, labels=labels).surprise(
        zero
    )


def log_loss(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    normalize: bool = True,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    zero: str = "clip",
) -> float:
    r"""Log loss: the weighted mean, or sum, of the surprise.

    .. math:: L = \sum_i w_i s_i \Big/ \sum_i w_i, \quad s_i = -\ln p_{i, y_i}.

    It ranges from 0 to infinity; lower is better. It is a strictly proper score: in expectation,
    only the true probabilities minimise it [1]_.

    Parameters
    ----------
    y_true, y_proba, raw_prediction, labels
        See `surprise`.
    normalize : bool, default=True
        Whether to divide by the sum of the weights.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative; None means 1 for each sample.
    zero : {"clip", "inf", "raise"}, default="clip"
        What to do if the probability of what happened is 0; see `surprise`. scikit-learn does
        "clip".

    Returns
    -------
    loss : float
        In nats.

    Raises
    ------
    ValueError
        As in `surprise`, and for weights that are negative or all zero.

    References
    ----------
    .. [1] T. Gneiting and A. E. Raftery, "Strictly Proper Scoring Rules, Prediction, and
       Estimation", Journal of the American Statistical Association 102 (2007), 359-378.

    Examples
    --------
    >>> from sklogloss.metrics import log_loss
    >>> round(log_loss([1, 0, 0, 1], [0.9, 0.1, 0.2, 0.65]), 5)
    0.21616
    """
    check_parameter("zero", zero, ZERO_POLICIES)
    check_parameter("normalize", normalize, bool)
    forecasts = Forecasts.of(
        y_true, y_proba, raw_prediction=raw_prediction, sample_weight=sample_weight, labels=labels
    )
    mean = forecasts.mean(forecasts.surprise(zero))
    if normalize:
        return mean
    # The weights in the forecasts are scaled.
    weight = as_sample_weight(sample_weight, len(forecasts))
    return mean * float(len(forecasts) if weight is None else weight.sum())


def d2_log_loss(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    r"""Fraction of the baseline log loss that the forecasts save.

    .. math:: D^2 = 1 - L(y, p) / L(y, \bar y),

    The baseline in the denominator always forecasts the weighted class frequencies of `y_true`. The
    result is at most 1; it is 0 for forecasts no better than the baseline, and negative for worse
    ones; higher is better. It is also known as McFadden's R squared [1]_. If all samples are of one
    class, it is 1 for a loss of zero and 0 otherwise, as in scikit-learn's `r2_score`.

    Parameters
    ----------
    y_true, y_proba, raw_prediction, labels
        See `surprise`. Probabilities below the rounding error of their dtype are clipped to it.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative; None means 1 for each sample.

    Returns
    -------
    d2 : float
        NaN, with a warning, for fewer than two samples.

    Raises
    ------
    ValueError
        As in `log_loss`.

    References
    ----------
    .. [1] D. McFadden, "Conditional Logit Analysis of Qualitative Choice Behavior", Frontiers in
       Econometrics (1974), 105-142.

    Examples
    --------
    >>> from sklogloss.metrics import d2_log_loss
    >>> round(d2_log_loss([1, 0, 0, 1], [0.9, 0.1, 0.2, 0.65]), 4)
    0.6881
    """
    forecasts = Forecasts.of(
        y_true, y_proba, raw_prediction=raw_prediction, sample_weight=sample_weight, labels=labels
    )
    if len(forecasts) < 2:
        warnings.warn(
            "D^2 is not defined for fewer than two samples.", UndefinedMetricWarning, stacklevel=2
        )
        return float("nan")
    loss = forecasts.mean(forecasts.surprise("clip"))
    if np.count_nonzero(forecasts.frequencies()) == 1:
        return 1.0 if loss == 0 else 0.0
    constant = forecasts.with_frequencies()
    return 1 - loss / constant.mean(constant.surprise("clip"))
