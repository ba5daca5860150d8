"""Focal loss: log loss in which well-predicted samples count little."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from sklogloss.inputs.parameters import Interval, check_parameter
from sklogloss.inputs.weights import class_factors
from sklogloss.metrics.forecasts import Forecasts, complements

__all__ = ["focal_loss"]


def focal_loss(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    gamma: float = 2.0,
    alpha: float | ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    r"""Focal loss: the weighted mean of the surprise times a power of the error.

    .. math:: F = \frac1n \sum_i \alpha_{y_i} (1 - p_{i, y_i})^\gamma (-\ln p_{i, y_i}).

    For soft targets, it is the mean over the classes, weighted by their probabilities. It ranges
    from 0 to infinity; lower is better. ``gamma=0`` is the log loss. For ``gamma > 0`` it is not a
    proper score: probabilities other than the true ones minimise it [1]_, [2]_. So do not use it to
    judge probabilities. Use it to compare models that were trained with it, by the probabilities of
    ``probabilities="model"``.

    Parameters
    ----------
    y_true, y_proba, raw_prediction, labels
        See `surprise`. Probabilities below the rounding error of their dtype are clipped to it.
    gamma : float, default=2.0
        Focusing parameter, nonnegative.
    alpha : float or array-like of shape (n_classes,), default=None
        Weight of each class. For two classes, a number in (0, 1) is the weight of the second, and
        the first has one minus it. The mean is not divided by these weights. None means 1 for each
        class.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative; None means 1 for each sample.

    Returns
    -------
    loss : float
        In nats.

    Raises
    ------
    ValueError
        As in `log_loss`, and for `gamma` or `alpha` out of range.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollar, "Focal Loss for Dense Object
       Detection", ICCV 2017.
    .. [2] N. Charoenphakdee, J. Vongkulbhisal, N. Chairatanakul and M. Sugiyama, "On Focal Loss for
       Class-Posterior Probability Estimation: A Theoretical Perspective", CVPR 2021.

    Examples
    --------
    >>> from sklogloss.metrics import focal_loss
    >>> round(focal_loss([1, 0, 0, 1], [0.9, 0.1, 0.2, 0.65], gamma=2), 6)
    0.015951
    """
    check_parameter("gamma", gamma, Interval(0, np.inf, "[)"))
    forecasts = Forecasts.of(
        y_true, y_proba, raw_prediction=raw_prediction, sample_weight=sample_weight, labels=labels
    )
    class_weight = np.ones(forecasts.n_classes)
    if alpha is not None:
        class_weight = class_factors("alpha", alpha, forecasts.n_classes)
    return forecasts.mean(_focal_losses(forecasts, gamma, class_weight))


def _focal_losses(
    forecasts: Forecasts, gamma: float, class_weight: NDArray[Any] | float
) -> NDArray[Any]:
    # Focal loss of each sample.
    proba, log_proba = forecasts.probabilities(), forecasts.log_probabilities()
    with np.errstate(under="ignore"):
        losses = -class_weight * np.exp(xlogy(gamma, complements(proba))) * log_proba
    if forecasts.target is None:
        return losses[np.arange(len(forecasts)), forecasts.label]
    return np.sum(forecasts.target * losses, axis=1)
