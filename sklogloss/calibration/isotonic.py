"""Isotonic regression of what happened on the raw predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklogloss.calibration.base import Calibrator
from sklogloss.calibration.one_vs_rest import class_scores, class_targets
from sklogloss.metrics.forecasts import Forecasts
from sklogloss.metrics.recalibration import IsotonicFit

__all__ = ["IsotonicScaling"]


class IsotonicScaling(Calibrator):
    r"""Isotonic calibration: the increasing function that fits the labels best.

    It learns any increasing curve from a thousand samples or more. With fewer, it fits noise
    and becomes overconfident; `BetaScaling` and `LogisticScaling` are then better.

    For more than two classes, it is fitted to each class against the rest, and the probabilities
    are divided by their sum [1]_.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    thresholds_ : list of ndarray
        For each column (one for two classes, else one for each class), the distinct log-odds of the
        training samples, in increasing order.
    values_ : list of ndarray
        The probabilities at the thresholds. Between thresholds, probabilities are interpolated;
        outside, those of the first or last threshold are used.

    Notes
    -----
    Isotonic regression may give the lowest raw predictions the probability 0, and the highest 1. A
    single contrary sample then makes the log loss infinite. So each block of equal values counts as
    if it had one more sample, with the frequency f of all samples: a block of n samples with value
    v has the probability

    .. math:: (n v + f) / (n + 1),

    which is between 0 and 1. A class without any sample with weight has the probability 0.

    References
    ----------
    .. [1] B. Zadrozny and C. Elkan, "Transforming Classifier Scores into Accurate Multiclass
       Probability Estimates", KDD 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.calibration import IsotonicScaling
    >>> calibrator = IsotonicScaling().fit([-2.0, -1.0, 0.0, 1.0], [0, 0, 1, 1])
    >>> calibrator.predict_proba([-3.0, -0.5, 1.0])[:, 1].round(3)
    array([0.167, 0.5  , 0.833])
    """

    thresholds_: list[NDArray[np.float64]]
    values_: list[NDArray[np.float64]]

    def _fit(self, forecasts: Forecasts, unit: float) -> None:
        scores = class_scores(forecasts.logits(), forecasts.n_classes)
        targets = class_targets(forecasts.targets())
        weight = np.maximum(forecasts.weights() * unit, np.finfo(np.float64).tiny)
        self.thresholds_, self.values_ = [], []
        for score, target in zip(scores.T, targets.T, strict=True):
            fit = IsotonicFit(score, weight, counts=True).fit(target)
            self.thresholds_.append(fit.score)
            self.values_.append(fit.predict(fit.score))

    def _log_proba(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        scores = class_scores(raw_prediction, len(self.classes_))
        proba = np.column_stack(
            [
                np.interp(score, thresholds, values)
                for score, thresholds, values in zip(
                    scores.T, self.thresholds_, self.values_, strict=True
                )
            ]
        )
        if len(self.classes_) == 2:
            proba = np.hstack([1 - proba, proba])
        else:
            total = proba.sum(axis=1, keepdims=True)
            proba = np.where(total > 0, proba / np.where(total > 0, total, 1), 1 / proba.shape[1])
        with np.errstate(divide="ignore"):  # of a class that no sample was of
            return np.log(proba)
