"""How far probabilities are from observed frequencies."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import brentq

from sklogloss.inputs.parameters import LARGEST_COUNT, Integers, check_parameter
from sklogloss.metrics.forecasts import Forecasts
from sklogloss.metrics.recalibration import fit_logits

__all__ = [
    "CalibrationLine",
    "binary_events",
    "calibration_slope_intercept",
    "expected_calibration_error",
]

# Points of the grid on which the smooth error is computed.
GRID_SIZE = 4096


class CalibrationLine(NamedTuple):
    """Result of `calibration_slope_intercept`.

    Attributes
    ----------
    slope : float
        1 if the forecasts are right, below 1 if they are too extreme.
    intercept : float or ndarray of shape (n_classes,)
        0 if the forecasts are right; in logits.
    """

    slope: float
    intercept: float | np.ndarray


def calibration_slope_intercept(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> CalibrationLine:
    r"""Slope and intercept that would calibrate the logits.

    They minimise the log loss of :math:`\sigma(a z + b)`, where :math:`z` is the logit of the
    forecast. This is Cox's recalibration [1]_. For K classes, they minimise the log loss of the
    softmax of :math:`a z_k + b_k`, and the intercepts sum to zero.

    Parameters
    ----------
    y_true, y_proba, raw_prediction, labels
        See `surprise`. Probabilities closer to 0 or 1 than the rounding error of their dtype are
        moved to that distance, so that all logits are finite.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative; None means 1 for each sample.

    Returns
    -------
    line : CalibrationLine
        Named tuple of slope and intercept. If the forecasts separate the classes without error, no
        finite slope is optimal, and a large number is returned. If all samples have the same
        forecast, the slope is 1.

    Raises
    ------
    ValueError
        As in `log_loss`.

    References
    ----------
    .. [1] D. R. Cox, "Two Further Applications of a Model for Binary Regression", Biometrika 45
       (1958), 562-565.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.metrics import calibration_slope_intercept
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=100_000)
    >>> y = rng.logistic(size=100_000) < z
    >>> line = calibration_slope_intercept(y, raw_prediction=2 * z + 1)
    >>> print(f"{line.slope:.2f} {line.intercept:.2f}")
    0.50 -0.50
    """
    forecasts = Forecasts.of(
        y_true, y_proba, raw_prediction=raw_prediction, sample_weight=sample_weight, labels=labels
    )
    return CalibrationLine(*fit_logits(forecasts))


def expected_calibration_error(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    method: str = "quantile",
    n_bins: int = 15,
    multiclass: str = "top-label",
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    r"""Mean distance between forecast probabilities and observed frequencies.

    It ranges from 0 to 1; lower is better. With bins B of the forecasts,

    .. math:: \text{ECE} = \sum_B \Big| \sum_{i \in B} w_i (y_i - p_i) \Big| \Big/ \sum_i w_i .

    "smooth" needs no bins: it is the mean absolute residual y - p, after smoothing over p with a
    Gaussian kernel whose width is the error itself [1]_. On a finite sample, neither is zero for
    the true probabilities. Neither says how well the forecasts separate the classes;
    `log_loss_decomposition` does.

    Parameters
    ----------
    y_true, y_proba, raw_prediction, labels
        See `surprise`.
    method : {"quantile", "uniform", "smooth"}, default="quantile"
        Bins of equal mass, bins of equal width, or no bins. Equal forecasts are always in one bin.
    n_bins : int, default=15
        Number of bins. Without effect on "smooth".
    multiclass : {"top-label", "one-vs-rest"}, default="top-label"
        For more than two classes. "top-label" compares the probability of the most probable class
        with whether that class happened. "one-vs-rest" is the mean over the classes, each against
        the rest.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative; None means 1 for each sample.

    Returns
    -------
    error : float

    Raises
    ------
    ValueError
        As in `log_loss`, and for parameters out of range.

    References
    ----------
    .. [1] J. Blasiok and P. Nakkiran, "Smooth ECE: Principled Reliability Diagrams via Kernel
       Smoothing", ICLR 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.metrics import expected_calibration_error
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(size=100_000)
    >>> y = rng.random(100_000) < p
    >>> round(expected_calibration_error(y, p), 3), round(expected_calibration_error(y, p**2), 2)
    (0.004, 0.17)
    """
    check_parameter("method", method, ("quantile", "uniform", "smooth"))
    check_parameter("multiclass", multiclass, ("top-label", "one-vs-rest"))
    check_parameter("n_bins", n_bins, Integers(1, LARGEST_COUNT))
    forecasts = Forecasts.of(
        y_true, y_proba, raw_prediction=raw_prediction, sample_weight=sample_weight, labels=labels
    )
    weight = forecasts.weights() / forecasts.weights().sum()
    errors = [
        _calibration_error(p, weight * (y - p), weight, method, n_bins)
        for _, p, y in binary_events(forecasts, multiclass)
    ]
    return float(np.mean(errors))


def binary_events(
    forecasts: Forecasts, multiclass: str
) -> list[tuple[str, NDArray[Any], NDArray[Any]]]:
    """Return [(name, probability, target)] of the events whose probabilities are examined.

    Parameters
    ----------
    forecasts : Forecasts
    multiclass : {"top-label", "one-vs-rest"}
    """
    proba, targets = forecasts.probabilities(), forecasts.targets()
    if forecasts.n_classes == 2:
        return [(str(forecasts.classes[1]), proba[:, 1], targets[:, 1])]
    if multiclass == "top-label":
        rows, top = np.arange(len(proba)), proba.argmax(axis=1)
        return [("most probable class", proba[rows, top], targets[rows, top])]
    names = [str(label) for label in forecasts.classes]
    return list(zip(names, proba.T, targets.T, strict=True))


def _calibration_error(
    p: NDArray[Any], residual: NDArray[Any], weight: NDArray[Any], method: str, n_bins: int
) -> float:
    if method == "smooth":
        return _smooth_error(p, residual)
    if method == "uniform":
        index = np.minimum((p * n_bins).astype(np.intp), n_bins - 1)
    else:
        distinct, place = np.unique(p, return_inverse=True)
        mass = np.bincount(place, weight, minlength=len(distinct))
        middle = np.cumsum(mass) - mass / 2
        index = np.minimum((middle / mass.sum() * n_bins).astype(np.intp), n_bins - 1)[place]
    return np.abs(np.bincount(index, residual, minlength=n_bins)).sum()


def _smooth_error(p: NDArray[Any], residual: NDArray[Any]) -> float:
    # Residuals on a grid; "reflect" keeps the mass of the kernel inside [0, 1].
    index = np.minimum((p * GRID_SIZE).astype(np.intp), GRID_SIZE - 1)
    on_grid = np.bincount(index, residual, minlength=GRID_SIZE)

    def error(width: float) -> float:
        return np.abs(gaussian_filter1d(on_grid, width * GRID_SIZE, mode="reflect")).sum()

    # The error falls as the width grows: one width equals its error.
    narrowest = 1 / GRID_SIZE
    if error(narrowest) <= narrowest:
        return error(narrowest)
    return error(brentq(lambda width: error(width) - width, narrowest, 2.0, xtol=1e-6))
