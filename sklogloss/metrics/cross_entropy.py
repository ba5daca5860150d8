"""Cross-entropy as entropy plus Kullback-Leibler divergence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr, kl_div

from sklogloss.inputs.parameters import check_parameter
from sklogloss.metrics.forecasts import Forecasts

__all__ = ["CrossEntropyDecomposition", "cross_entropy_decomposition"]


class CrossEntropyDecomposition(NamedTuple):
    """Result of `cross_entropy_decomposition`, in nats: numbers, or one per sample.

    Attributes
    ----------
    cross_entropy : float or ndarray of shape (n_samples,)
        Expected surprise; the sum of the other two.
    entropy : float or ndarray of shape (n_samples,)
        What nobody can avoid.
    divergence : float or ndarray of shape (n_samples,)
        What the forecast adds: the Kullback-Leibler divergence of `y_proba` from `y_soft`.
    """

    cross_entropy: float | np.ndarray
    entropy: float | np.ndarray
    divergence: float | np.ndarray


def cross_entropy_decomposition(
    y_soft: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    average: bool = True,
) -> CrossEntropyDecomposition:
    r"""Split the cross-entropy of soft targets into entropy and divergence.

    .. math::

        -\sum_k y_k \ln p_k = -\sum_k y_k \ln y_k + \sum_k y_k \ln \frac{y_k}{p_k} .

    All three are at least 0. A lower cross-entropy and a lower divergence are better; the entropy
    does not depend on the forecast. The divergence is 0 if and only if forecast and target are
    equal. It is infinite if a class with a positive target has the probability 0; nothing is
    clipped [1]_.

    Parameters
    ----------
    y_soft : array-like of shape (n_samples, n_classes) or (n_samples,)
        Probabilities of the classes, or labels, whose entropy is 0.
    y_proba, raw_prediction, labels
        See `surprise`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the means; nonnegative. None means 1 for each sample.
    average : bool, default=True
        Whether to return weighted means. If False, return one value per sample.

    Returns
    -------
    decomposition : CrossEntropyDecomposition
        Named tuple of cross_entropy, entropy and divergence, in nats.

    Raises
    ------
    ValueError
        As in `log_loss`.

    References
    ----------
    .. [1] T. M. Cover and J. A. Thomas, Elements of Information Theory, 2nd ed., Wiley, 2006,
       chapter 2.

    Examples
    --------
    >>> from sklogloss.metrics import cross_entropy_decomposition
    >>> parts = cross_entropy_decomposition([[0.7, 0.2, 0.1]], [[0.5, 0.3, 0.2]])
    >>> print("{:.4f} = {:.4f} + {:.4f}".format(*parts))
    0.8869 = 0.8018 + 0.0851
    """
    check_parameter("average", average, bool)
    forecasts = Forecasts.of(
        y_soft,
        y_proba,
        raw_prediction=raw_prediction,
        sample_weight=sample_weight if average else None,
        labels=labels,
        names={"y_true": "y_soft"},
    )
    target = forecasts.targets()
    entropy = entr(target).sum(axis=1)
    if forecasts.raw_prediction is None:
        # kl_div adds p - y, which sums to zero and keeps every term nonnegative.
        proba = forecasts.probabilities()
        divergence = kl_div(target, proba / proba.sum(axis=1, keepdims=True)).sum(axis=1)
    else:
        log_target = np.log(np.where(target > 0, target, 1))
        terms = target * (log_target - forecasts.log_probabilities())
        divergence = np.maximum(terms.sum(axis=1), 0)
    parts = (entropy + divergence, entropy, divergence)
    if average:
        # The sum of the means instead of the mean of the sums; both are exact up to rounding.
        entropy, divergence = forecasts.mean(entropy), forecasts.mean(divergence)
        parts = (entropy + divergence, entropy, divergence)
    return CrossEntropyDecomposition(*parts)
