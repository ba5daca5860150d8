"""Logistic scaling: a line through the raw predictions (Platt scaling)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from sklogloss.calibration.base import LogitCalibrator, soft_forecasts, softened_targets
from sklogloss.calibration.relative import reach_of, relative
from sklogloss.calibration.temperature import finite_slope
from sklogloss.metrics.forecasts import Forecasts
from sklogloss.metrics.recalibration import fit_logits

__all__ = ["LogisticScaling"]


class LogisticScaling(LogitCalibrator):
    r"""Logistic regression on the raw prediction, with Platt's targets.

    For two classes the probability becomes :math:`\sigma(a z + b)`, with the :math:`a` and
    :math:`b` that minimise the log loss for softened targets [1]_: a class with :math:`n` samples
    has the target :math:`(n + 1) / (n + 2)` instead of 1. This keeps the fit finite if the raw
    predictions separate the classes without error.

    For K classes, the probabilities are the softmax of :math:`a z_k + b_k`, and the other K - 1
    classes share the remaining :math:`1 / (n + 2)` of the target. This is one model of all classes,
    not one for each class against the rest. Raw predictions to which `TemperatureScaling` gives a
    probability of 0, such as those of classes that a mask rules out, are first raised to where that
    begins. Otherwise, their share of the target would cost too much.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    slope_ : float
        a
    intercept_ : float or ndarray of shape (n_classes,)
        b; those of more than two classes sum to zero.

    References
    ----------
    .. [1] J. Platt, "Probabilistic Outputs for Support Vector Machines and Comparisons to
       Regularized Likelihood Methods", Advances in Large Margin Classifiers, MIT Press, 1999,
       section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.calibration import LogisticScaling
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=100_000)
    >>> y = rng.logistic(size=100_000) < z
    >>> calibrator = LogisticScaling().fit(2 * z + 1, y)
    >>> print(f"{calibrator.slope_:.2f} {calibrator.intercept_:.2f}")
    0.50 -0.50
    """

    slope_: float
    intercept_: float | NDArray[Any]

    def _fit(self, forecasts: Forecasts, unit: float) -> None:
        softened = soft_forecasts(forecasts, softened_targets(forecasts, unit))
        if forecasts.n_classes > 2:
            self._reach = reach_of(finite_slope(forecasts, unit))
            z = relative(forecasts.logits(), self._reach)
            softened = replace(softened, raw_prediction=z)
        self.slope_, self.intercept_ = fit_logits(softened)

    def _logits(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        if raw_prediction.ndim == 2:
            raw_prediction = relative(raw_prediction, self._reach)
        return self.slope_ * raw_prediction + self.intercept_
