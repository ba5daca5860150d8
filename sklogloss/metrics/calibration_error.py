"""Distance of forecasts from the true probabilities, by cross-fitted recalibration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from sklogloss.inputs.parameters import SEED, check_parameter
from sklogloss.metrics.calibration import binary_events
from sklogloss.metrics.decomposition import make_splitter
from sklogloss.metrics.forecasts import Forecasts
from sklogloss.metrics.recalibration import METHODS, recalibrate

__all__ = ["CalibrationError", "calibration_error"]


class CalibrationError(NamedTuple):
    """Result of `calibration_error`.

    Attributes
    ----------
    l1 : float
        Mean distance of the forecasts from the true probabilities: overconfidence and
        underconfidence together.
    l2 : float
        Root of the mean squared distance; 0 if the estimate of the mean square is negative.
    overconfidence : float
        The part of l1 that comes from forecasts further from 1/2 than they should be.
    underconfidence : float
        The part of l1 that comes from forecasts closer to 1/2 than they should be.
    """

    l1: float
    l2: float
    overconfidence: float
    underconfidence: float


def calibration_error(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    method: str = "isotonic",
    cv: int | BaseCrossValidator | Iterable[Any] = 5,
    multiclass: str = "top-label",
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> CalibrationError:
    r"""Estimate the distance of forecasts from the true probabilities, without bins.

    Each forecast is recalibrated by a fit to the samples of other folds. With :math:`\hat c` the
    recalibrated forecast,

    .. math::
        \text{L}_1 = \text{mean}\left[(p - y) \, \text{sign}(p - \hat c)\right], \quad
        \text{L}_2^2 = \text{mean}\left[(y - p)^2 - (y - \hat c)^2\right].

    Since :math:`\hat c` does not depend on the :math:`y` of its own sample, the expectations are
    zero for the true probabilities. Otherwise they are at most the true distances: the better the
    recalibration, the closer. In contrast, the error of bins [1]_, and that of a recalibration
    fitted to the same samples, is positive even for the true probabilities. Estimates may be
    negative by chance.

    Parameters
    ----------
    y_true, y_proba, raw_prediction, labels
        See `surprise`.
    method : {"isotonic", "logistic", "temperature"}, default="isotonic"
        How to recalibrate the forecasts; see `log_loss_decomposition`.
    cv : int, cross-validation generator or iterable, default=5
        The folds. An int is a number of shuffled folds.
    multiclass : {"top-label", "one-vs-rest"}, default="top-label"
        For more than two classes. "top-label" compares the probability of the most probable class
        with whether that class happened. "one-vs-rest" is the mean over the classes, each against
        the rest (for l2, the mean of the squares).
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative; None means 1 for each sample.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling of the folds.

    Returns
    -------
    error : CalibrationError
        Named tuple of l1, l2, overconfidence and underconfidence.

    Raises
    ------
    ValueError
        As in `log_loss`, and for parameters out of range.

    References
    ----------
    .. [1] A. Kumar, P. Liang and T. Ma, "Verified Uncertainty Calibration", NeurIPS 2019: the bias
       of bins.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.metrics import calibration_error
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=10_000)
    >>> y = rng.logistic(size=10_000) < z
    >>> for scale in (1, 3):
    ...     error = calibration_error(y, raw_prediction=scale * z, random_state=0)
    ...     print(f"{error.l1:.2f} {error.l2:.2f} {error.overconfidence:.2f}")
    0.00 0.00 0.00
    0.16 0.17 0.16
    """
    check_parameter("method", method, METHODS)
    check_parameter("multiclass", multiclass, ("top-label", "one-vs-rest"))
    check_parameter("random_state", random_state, SEED)
    if cv is None:
        raise ValueError("cv must be folds or a number of folds, got None")
    forecasts = Forecasts.of(
        y_true, y_proba, raw_prediction=raw_prediction, sample_weight=sample_weight, labels=labels
    )
    rng = check_random_state(random_state)
    parts = []
    for _, proba, happened in binary_events(forecasts, multiclass):
        event = _event(forecasts, proba, happened)
        splitter = make_splitter(cv, event, rng)
        recalibrated = recalibrate(event, method, splitter)[:, 1]
        parts.append(_parts(proba, happened, recalibrated, forecasts.weights()))
    over, under, square = np.mean(parts, axis=0).tolist()
    return CalibrationError(over + under, float(np.sqrt(max(square, 0.0))), over, under)


def _event(forecasts: Forecasts, proba: NDArray[Any], happened: NDArray[Any]) -> Forecasts:
    # The forecasts of an event against all others.
    if forecasts.n_classes == 2:
        return forecasts
    is_hard = forecasts.target is None
    return replace(
        forecasts,
        classes=np.arange(2),
        label=happened.astype(np.intp) if is_hard else None,
        target=None if is_hard else np.column_stack([1 - happened, happened]),
        proba=proba,
        raw_prediction=None,
    )


def _parts(
    proba: NDArray[Any], happened: NDArray[Any], recalibrated: NDArray[Any], weight: NDArray[Any]
) -> list[float]:
    # Over- and underconfidence, and the mean squared distance.
    distance = (proba - happened) * np.sign(proba - recalibrated)
    is_over = (proba - recalibrated) * (proba - 0.5) > 0
    square = (happened - proba) ** 2 - (happened - recalibrated) ** 2
    over, under = distance * is_over, distance * ~is_over
    return [float(np.average(part, weights=weight)) for part in (over, under, square)]
