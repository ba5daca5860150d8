"""Scorers: metrics of probabilities for scikit-learn's model selection."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics._scorer import _BaseScorer
from sklearn.utils.validation import check_is_fitted

from sklogloss.inputs.array_api import to_numpy
from sklogloss.inputs.errors import naming
from sklogloss.inputs.targets import is_soft, label_column
from sklogloss.metrics.brier_score import brier_score
from sklogloss.metrics.decomposition import log_loss_decomposition
from sklogloss.metrics.focal_loss import focal_loss
from sklogloss.metrics.log_loss import d2_log_loss, log_loss
from sklogloss.metrics.responses import forecast_arguments, with_unseen_classes

__all__ = [
    "ProbabilityScorer",
    "d2_log_loss_scorer",
    "discrimination_scorer",
    "make_focal_loss_scorer",
    "neg_brier_scorer",
    "neg_focal_loss_scorer",
    "neg_log_loss_scorer",
    "neg_miscalibration_scorer",
    "probability_scorers",
]

# With fewer samples, isotonic regression finds a miscalibration of more than 0.05 nats on average,
# even for the true probabilities.
FEW_SAMPLES = 200


class ProbabilityScorer(_BaseScorer):
    """A scorer of predict_proba that knows the classes of the estimator.

    scikit-learn's scorers take the classes from `y_true`, and fail if a test set lacks one. This
    scorer takes them from the estimator. A class in `y_true` that the estimator has never seen has
    the probability 0. `y_true` may hold class probabilities, with columns in the order of
    ``estimator.classes_``. For two classes, the probability of the second is scored, as in
    scikit-learn. For classifiers of sklogloss, also in a Pipeline or a search, the scorer uses the
    decision function or predict_log_proba, so no probability is rounded to 0.

    With metadata routing, `sample_weight` goes to the metric and `offset` to the estimator's
    prediction: ``scorer.set_score_request(offset=True)``.
    """

    def _score(
        self,
        method_caller: Callable[..., Any],
        estimator: Any,
        X: ArrayLike,
        y_true: ArrayLike,
        offset: ArrayLike | None = None,
        **kwargs: Any,
    ) -> float:
        self._warn_overlap(
            message=(
                "There is an overlap between set kwargs of this scorer instance and passed "
                "metadata. Please pass them either as kwargs to the scorer or metadata, but not "
                "both."
            ),
            kwargs=kwargs,
        )
        if not hasattr(estimator, "classes_"):
            with naming("estimator"):
                check_is_fitted(estimator)
            raise TypeError(f"{self!r} scores classifiers; {estimator!r} has no classes_")
        if not hasattr(estimator, "predict_proba"):
            raise AttributeError(
                f"{self!r} scores probabilities; {estimator!r} has no predict_proba. "
                "CalibratedClassifierCV makes probabilities of its predictions"
            )
        arguments = forecast_arguments(estimator, X, method_caller, offset=offset)
        classes, y_true = to_numpy(estimator.classes_), to_numpy(y_true)
        if is_soft(y_true):
            if hasattr(y_true, "columns"):
                arguments["labels"] = classes
        else:
            y_true = label_column("y_true", y_true)
            known, arguments = with_unseen_classes(classes, y_true, arguments)
            # Indices, because there may be no label for a second class.
            y_true = np.searchsorted(known, y_true)
            arguments["labels"] = np.arange(max(2, len(known)))
        return self._sign * self._score_func(y_true, **arguments, **{**self._kwargs, **kwargs})


def _miscalibration(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    """MCB of `log_loss_decomposition`."""
    _warn_of_few_samples(y_true)
    return log_loss_decomposition(
        y_true, y_proba, raw_prediction=raw_prediction, sample_weight=sample_weight, labels=labels
    ).miscalibration


def _discrimination(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    """DSC of `log_loss_decomposition`."""
    _warn_of_few_samples(y_true)
    return log_loss_decomposition(
        y_true, y_proba, raw_prediction=raw_prediction, sample_weight=sample_weight, labels=labels
    ).discrimination


def _warn_of_few_samples(y_true: ArrayLike) -> None:
    n_samples = len(np.asarray(y_true))
    if n_samples < FEW_SAMPLES:
        warnings.warn(
            f"miscalibration and discrimination of {n_samples} samples are too large: isotonic "
            "regression overfits so few. Pool the predictions of the folds, as cross_val_predict "
            "does, and use log_loss_decomposition with bias_correction=True",
            UserWarning,
            stacklevel=2,
        )


def _make_scorer(
    score_func: Callable[..., float], *, greater_is_better: bool, **kwargs: Any
) -> ProbabilityScorer:
    sign = 1 if greater_is_better else -1
    return ProbabilityScorer(score_func, sign, kwargs, response_method="predict_proba")


def make_focal_loss_scorer(
    gamma: float = 2.0, alpha: float | ArrayLike | None = None
) -> ProbabilityScorer:
    """Return the scorer of minus `focal_loss`.

    It scores the result of predict_proba. The true probabilities do not minimise focal loss; those
    of a model that was trained with it do. So score `FocalLogisticRegression` with
    ``probabilities="model"``.

    Parameters
    ----------
    gamma : float, default=2.0
        Focusing parameter, nonnegative.
    alpha : float or array-like of shape (n_classes,), default=None
        Weights of the classes; see `focal_loss`.

    Returns
    -------
    scorer : ProbabilityScorer
        Call it as ``scorer(estimator, X, y)``.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklogloss import LogLossClassifier
    >>> from sklogloss.metrics import make_focal_loss_scorer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> cross_val_score(LogLossClassifier(), X, y, scoring=make_focal_loss_scorer(gamma=1)).shape
    (5,)
    """
    return _make_scorer(focal_loss, greater_is_better=False, gamma=gamma, alpha=alpha)


_SCORERS = {
    "neg_log_loss": _make_scorer(log_loss, greater_is_better=False),
    "neg_focal_loss": make_focal_loss_scorer(),
    "neg_brier": _make_scorer(brier_score, greater_is_better=False),
    "d2_log_loss": _make_scorer(d2_log_loss, greater_is_better=True),
    "neg_miscalibration": _make_scorer(_miscalibration, greater_is_better=False),
    "discrimination": _make_scorer(_discrimination, greater_is_better=True),
}

neg_log_loss_scorer: ProbabilityScorer
neg_focal_loss_scorer: ProbabilityScorer
neg_brier_scorer: ProbabilityScorer
d2_log_loss_scorer: ProbabilityScorer
neg_miscalibration_scorer: ProbabilityScorer
discrimination_scorer: ProbabilityScorer
probability_scorers: dict[str, ProbabilityScorer]


def __getattr__(name: str) -> Any:
    # Each import of a scorer makes a copy, like scikit-learn's get_scorer, because
    # set_score_request changes a scorer, and other code must not see that.
    if name == "probability_scorers":
        return copy.deepcopy(_SCORERS)
    scorer = _SCORERS.get(name.removesuffix("_scorer"))
    if scorer is None or name not in __all__:
        raise AttributeError(f"sklogloss.metrics has no attribute {name!r}")
    return copy.deepcopy(scorer)
