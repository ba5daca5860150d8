"""Beta calibration: a line through the logarithms of p and of 1 - p."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklogloss.calibration.base import Calibrator, soft_forecasts, softened_targets
from sklogloss.calibration.one_vs_rest import class_scores, class_targets, is_separated, joined
from sklogloss.classifiers import LogLossClassifier
from sklogloss.losses import LogLoss
from sklogloss.metrics.forecasts import Forecasts

__all__ = ["BetaScaling"]

# Largest entry of the gradient of the mean loss at the end of a fit.
GRADIENT_TOL = 1e-9


class BetaScaling(Calibrator):
    r"""Beta calibration of the probabilities.

    For two classes, the logit becomes :math:`a \ln p - b \ln(1 - p) + c` with
    :math:`a, b \ge 0` and the smallest log loss, where :math:`p` is the sigmoid of the raw
    prediction [1]_. Unlike a logistic curve, it can leave the probabilities unchanged
    (:math:`a = b = 1, c = 0`), and correct those near 0 and near 1 differently.

    For more than two classes, it is fitted to each class against the rest, and the probabilities
    are divided by their sum.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    coef_ : ndarray of shape (n_columns, 2)
        a and b; one row for two classes, else one for each class.
    intercept_ : ndarray of shape (n_columns,)
        c

    Notes
    -----
    If raw predictions separate a class from the rest without error, no finite parameters are
    optimal. Then the targets are softened by Platt's rule, as in `LogisticScaling`. If raw
    predictions have only two values, as those of a decision tree may, many parameters are optimal.
    Then a and b are equal.

    References
    ----------
    .. [1] M. Kull, T. M. Silva Filho and P. Flach, "Beyond Sigmoids: How to Obtain
       Well-Calibrated Probabilities from Binary Classifiers with Beta Calibration", Electronic
       Journal of Statistics 11 (2017), section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.calibration import BetaScaling
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(size=200_000)
    >>> y = rng.random(200_000) < p**2 / (p**2 + np.sqrt(1 - p))
    >>> calibrator = BetaScaling().fit(np.log(p / (1 - p)), y)
    >>> calibrator.coef_.round(1)
    array([[2. , 0.5]])
    """

    coef_: NDArray[np.float64]
    intercept_: NDArray[np.float64]

    def _fit(self, forecasts: Forecasts, unit: float) -> None:
        scores = class_scores(forecasts.logits(), forecasts.n_classes)
        targets = class_targets(forecasts.targets())
        softened = None
        fits = []
        for k, score in enumerate(scores.T):
            target = targets[:, k]
            if is_separated(score, target, rising=True):
                if softened is None:
                    softened = class_targets(softened_targets(forecasts, unit))
                target = softened[:, k]
            fits.append(_fit_column(forecasts, score, target))
        coefs, intercepts = zip(*fits, strict=True)
        self.coef_, self.intercept_ = np.array(coefs), np.array(intercepts)

    def _log_proba(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        scores = class_scores(raw_prediction, len(self.classes_))
        log_odds = [
            _logarithms(score) @ coef + intercept
            for score, coef, intercept in zip(scores.T, self.coef_, self.intercept_, strict=True)
        ]
        return joined(np.column_stack(log_odds))


def _fit_column(
    forecasts: Forecasts, score: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    # The coefficients of the two logarithms, and the intercept.
    soft = soft_forecasts(forecasts, np.column_stack([1 - target, target]))
    is_line = bool(np.all((score == score.min()) | (score == score.max())))
    X = score[:, None] if is_line else _logarithms(score)
    model = LogLossClassifier(C=np.inf, bounds=(0, None), tol=GRADIENT_TOL, max_iter=1000)
    model.fit(X, soft.target, sample_weight=forecasts.sample_weight)
    return np.broadcast_to(model.coef_[0], 2), model.intercept_[0]


def _logarithms(score: NDArray[np.float64]) -> NDArray[np.float64]:
    # ln p and -ln(1 - p), both rising with the score.
    log_proba = LogLoss(2).log_link(score)
    return np.column_stack([log_proba[:, 1], -log_proba[:, 0]])
