"""Venn-Abers predictors: isotonic regression that includes the new sample with either label."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklogloss.calibration.base import Calibrator
from sklogloss.metrics.forecasts import Forecasts

__all__ = ["VennAbers"]


class VennAbers(Calibrator):
    r"""Venn-Abers calibration of two classes, with an interval for the probability.

    The new sample is added to the training samples, once with label 0 and once with label 1.
    Isotonic regression gives it the probabilities :math:`p_0` and :math:`p_1 > p_0` [1]_. If
    samples are exchangeable, one of the two is calibrated, without further assumptions. The
    difference is large where few samples have similar raw predictions. The probability

    .. math:: p = p_1 / (1 - p_0 + p_1)

    minimises the largest regret in log loss over both. It is never 0 or 1.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        Labels of the classes.
    thresholds_ : ndarray of shape (n_thresholds,)
        Distinct raw predictions of the training samples, in increasing order.
    lower_, upper_ : ndarray of shape (n_thresholds,)
        :math:`p_0` and :math:`p_1` of a new sample with that raw prediction.

    References
    ----------
    .. [1] V. Vovk, I. Petej and V. Fedorova, "Large-Scale Probabilistic Predictors with and without
       Guarantees of Validity", NeurIPS 2015, algorithms 1 to 4.

    Examples
    --------
    >>> from sklogloss.calibration import VennAbers
    >>> calibrator = VennAbers().fit([-2.0, -1.0, 0.0, 1.0], [0, 0, 1, 1])
    >>> calibrator.predict_interval([-3.0, 1.0]).round(3)
    array([[0.   , 0.333],
           [0.667, 1.   ]])
    >>> calibrator.predict_proba([-3.0, 1.0])[:, 1].round(3)
    array([0.25, 0.75])
    """

    thresholds_: NDArray[np.float64]
    lower_: NDArray[np.float64]
    upper_: NDArray[np.float64]

    def _fit(self, forecasts: Forecasts, unit: float) -> None:
        if forecasts.n_classes != 2:
            raise ValueError(
                f"y must have 2 classes for Venn-Abers calibration, got {forecasts.n_classes}"
            )
        self.thresholds_, place = np.unique(forecasts.logits(), return_inverse=True)
        weight = np.maximum(forecasts.weights() * unit, np.finfo(np.float64).tiny)
        mass = np.bincount(place, weight)
        happened = np.bincount(place, weight * forecasts.targets()[:, 1])
        self.upper_ = _fit_with_event(mass, happened)
        # The same with labels exchanged, from the other end.
        self.lower_ = 1 - _fit_with_event(mass[::-1], (mass - happened)[::-1])[::-1]

    def predict_interval(self, raw_prediction: ArrayLike) -> NDArray[np.float64]:
        r"""Return the two probabilities of the second class.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,) or (n_samples, 2)
            As for `fit`.

        Returns
        -------
        interval : ndarray of shape (n_samples, 2)
            :math:`p_0` and :math:`p_1`.
        """
        return self._interval(self._check(raw_prediction))

    def _interval(self, raw_prediction: NDArray[Any]) -> NDArray[np.float64]:
        # Between two thresholds, an event is pooled with what is above, and a nonevent with what is
        # below.
        above = np.searchsorted(self.thresholds_, raw_prediction, side="left")
        below = np.searchsorted(self.thresholds_, raw_prediction, side="right")
        return np.column_stack(
            [np.append(0.0, self.lower_)[below], np.append(self.upper_, 1.0)[above]]
        )

    def _log_proba(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        lower, upper = self._interval(raw_prediction).T
        return np.log(np.column_stack([1 - lower, upper]) / (1 - lower + upper)[:, None])


def _fit_with_event(mass: NDArray[Any], happened: NDArray[Any]) -> NDArray[Any]:
    # The isotonic regression at each threshold if one more event happened there: the slope of the
    # greatest convex minorant of the cumulative sums. The event moves up one threshold at a time.
    # Each move changes one point; corners to its left are never needed again.
    x = [-1.0, 0.0, *np.cumsum(mass).tolist()]
    y = [-1.0, 0.0, *np.cumsum(happened).tolist()]
    corners: list[tuple[float, float]] = []
    for point in zip(reversed(x), reversed(y), strict=True):
        _add_corner(corners, point)
    slopes = np.empty(len(mass))
    for i in range(len(mass)):
        (x0, y0), (x1, y1) = corners[-1], corners[-2]
        slopes[i] = (y1 - y0) / (x1 - x0)
        moved = x[i + 2] - 1.0, y[i + 2] - 1.0
        if _turn(corners[-1], corners[-2], moved) < 0:  # below the edge
            corners.pop()
            _add_corner(corners, moved)
    return np.clip(slopes, 0, 1)


def _add_corner(corners: list[tuple[float, float]], point: tuple[float, float]) -> None:
    # A point to the left of the corners of a convex curve, the leftmost of which is the last.
    while len(corners) > 1 and _turn(point, corners[-1], corners[-2]) <= 0:
        corners.pop()
    corners.append(point)


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    # Positive if the way from a through b to c turns left.
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
