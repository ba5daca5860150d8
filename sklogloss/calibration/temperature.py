"""Temperature scaling: one factor for all raw predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklogloss.calibration.base import LogitCalibrator, soft_forecasts, softened_targets
from sklogloss.calibration.slope import SLOPE_TOL, SMALLEST_SIZE, best_slope, check_size
from sklogloss.metrics.forecasts import Forecasts

__all__ = ["TemperatureScaling", "finite_slope"]

# Rounding errors of calibrated raw predictions up to this size are harmless.
LARGEST_ROUNDING = 1e-4


class TemperatureScaling(LogitCalibrator):
    r"""Divide raw predictions by a temperature.

    The probabilities become the sigmoid or softmax of :math:`z / T`, with the :math:`T > 0` that
    has the smallest log loss [1]_. The order of the classes stays the same: only the confidence of
    the forecasts changes. A single number can be learned from few samples.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    temperature_ : float
        Above 1 if the raw predictions are too extreme. Infinite if they contain no information; 1
        if they are all equal.
    slope_ : float
        1 / ``temperature_``.

    Notes
    -----
    If the observed class always has the largest raw prediction, no positive temperature is optimal.
    Then the targets are softened by Platt's rule, as in `LogisticScaling`.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On Calibration of Modern Neural
       Networks", ICML 2017, section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.calibration import TemperatureScaling
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=(50_000, 3))
    >>> y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    >>> calibrator = TemperatureScaling().fit(2 * z, y)
    >>> round(calibrator.temperature_, 1)
    2.0
    >>> calibrator.predict_proba([[2.0, 0.0, 0.0]]).round(2)
    array([[0.58, 0.21, 0.21]])
    """

    temperature_: float
    slope_: float

    def _fit(self, forecasts: Forecasts, unit: float) -> None:
        self.slope_ = finite_slope(forecasts, unit)
        self.temperature_ = 1 / self.slope_ if self.slope_ > 0 else np.inf

    def _logits(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        raw, limits = raw_prediction, np.finfo(raw_prediction.dtype)
        largest = max(raw.max(initial=0), -raw.min(initial=0))
        if raw.ndim == 2 and largest * limits.eps * self.slope_ > LARGEST_ROUNDING:
            # A large common part of all classes would cost the differences their digits.
            with np.errstate(over="ignore"):
                raw = raw - raw.max(axis=1, keepdims=True)
            raw = np.maximum(raw, -limits.max)
        return raw * raw.dtype.type(self.slope_)


def finite_slope(forecasts: Forecasts, unit: float, tol: float = SLOPE_TOL) -> float:
    """Return the best slope or, if that is infinite, the best one for Platt's targets.

    Parameters
    ----------
    forecasts : Forecasts
    unit : float
        The weight of a sample is that of the forecasts times unit.
    tol : float
        Relative error of the slope.

    Raises
    ------
    ValueError
        If raw predictions are so small that no slope is in the range of float64.
    """
    with np.errstate(all="ignore"):
        slope = best_slope(forecasts, tol)
    if not slope < 1 / SMALLEST_SIZE:
        check_size(forecasts.logits())
    if slope == np.inf:
        return best_slope(soft_forecasts(forecasts, softened_targets(forecasts, unit)), tol)
    return slope
