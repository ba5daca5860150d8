"""Temperature scaling: one factor for all raw predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklogloss.calibration.base import LogitCalibrator, soft_forecasts, softened_targets
from sklogloss.calibration.slope import best_slope
from sklogloss.metrics.forecasts import Forecasts

__all__ = ["TemperatureScaling"]


class TemperatureScaling(LogitCalibrator):
    r"""Divide raw predictions by a temperature.

    The probabilities become the sigmoid or softmax of :math:`z / T`, with the :math:`T > 0` of the
    smallest log loss [1]_. No class gains on another: predictions stay what they are, and only how
    sure the forecasts are changes. It takes few samples to learn one number.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    temperature_ : float
        Above 1 where the raw predictions are too extreme. Infinite where they are no better than
        none; 1 where they are all the same.
    slope_ : float
        1 / ``temperature_``.

    Notes
    -----
    Where the class that happened always has the largest raw prediction, no temperature is small
    enough. Then the targets are softened by Platt's rule, as for `LogisticScaling`.

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
        slope = best_slope(forecasts)
        if slope == np.inf:
            slope = best_slope(soft_forecasts(forecasts, softened_targets(forecasts, unit)))
        self.slope_ = slope
        self.temperature_ = 1 / slope if slope > 0 else np.inf

    def _logits(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        return raw_prediction * raw_prediction.dtype.type(self.slope_)
