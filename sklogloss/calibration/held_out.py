"""Raw predictions of classifiers for samples that they were not fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklogloss.inputs.targets import (
    Targets,
    encode_labels,
    encode_probabilities,
    is_soft,
    label_column,
    require_y,
)
from sklogloss.metrics.responses import decides_by_logits

__all__ = [
    "HeldOut",
    "class_log_proba",
    "class_raw_prediction",
    "finite_raw_prediction",
    "smallest_logarithm",
    "take_over_features",
    "targets_of",
    "with_all_classes",
]


@dataclass
class HeldOut:
    """Held-out predictions, and what happened.

    Attributes
    ----------
    raw_prediction : ndarray of shape (n_rows,) or (n_rows, n_classes)
        One dimension for two classes.
    log_proba : ndarray of shape (n_rows, n_classes) or None
        The logarithms of the classifier's own probabilities, minus infinity for 0. None if it has
        none.
    target : ndarray of shape (n_rows,) or (n_rows, n_classes)
        Indices of the classes, or soft targets.
    weight : ndarray of shape (n_rows,) or None
    fold : ndarray of shape (n_rows,)
    n_classes : int
    """

    raw_prediction: NDArray[Any]
    log_proba: NDArray[Any] | None
    target: NDArray[Any]
    weight: NDArray[Any] | None
    fold: NDArray[np.intp]
    n_classes: int

    def take(self, rows: NDArray[Any]) -> HeldOut:
        """Return some of the rows."""
        return HeldOut(
            self.raw_prediction[rows],
            None if self.log_proba is None else self.log_proba[rows],
            self.target[rows],
            None if self.weight is None else self.weight[rows],
            self.fold[rows],
            self.n_classes,
        )

    def fit(self, calibrator: Any) -> Any:
        """Return a calibrator, fitted to all rows. Its classes are the indices."""
        labels = np.arange(self.n_classes)
        return calibrator.fit(self.raw_prediction, self.target, self.weight, labels=labels)

    def losses(self, log_proba: NDArray[Any]) -> NDArray[Any]:
        """Return the log loss of each row, in nats, of log-probabilities for it."""
        if self.target.ndim == 1:
            return -np.take_along_axis(log_proba, self.target[:, None], axis=1)[:, 0]
        happens = self.target > 0
        return -np.sum(self.target * np.where(happens, log_proba, 0), axis=1)


def targets_of(classifier: Any, y: ArrayLike | None) -> Targets:
    """Return the Targets of the labels, or of class probabilities, that a classifier is given."""
    y = require_y(classifier, y)
    if is_soft(y):
        return encode_probabilities(y)
    return encode_labels(label_column("y", y, warn=True))


def take_over_features(classifier: Any, estimator: Any) -> None:
    """Give a classifier what the fitted estimator inside knows of features, and no more."""
    for name in ("n_features_in_", "feature_names_in_"):
        classifier.__dict__.pop(name, None)
        if hasattr(estimator, name):
            setattr(classifier, name, getattr(estimator, name))


def class_raw_prediction(
    estimator: Any, X: ArrayLike, classes: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the raw predictions of a fitted classifier for all classes.

    They are its decision function. If it has none, or if it is not one of logits, they are the
    logarithms of its probabilities, minus infinity for 0.

    Parameters
    ----------
    estimator : classifier
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    classes : ndarray of shape (n_classes,)
        Those of the estimator, and maybe others, whose raw prediction is the smallest of the
        sample's.

    Returns
    -------
    raw_prediction : ndarray of shape (n_samples, n_classes)
    """
    if _decides_by_pairs(estimator):
        raise ValueError(
            "estimator must have a decision function of one column per class, got "
            'decision_function_shape="ovo", of one per pair of classes; use "ovr"'
        )
    if hasattr(estimator, "decision_function") and decides_by_logits(estimator) is not False:
        raw = np.asarray(estimator.decision_function(X), dtype=np.float64)
        if raw.ndim == 1 or raw.shape[1] == 1:
            raw = raw.reshape(-1, 1) * [-0.5, 0.5]
    else:
        raw = class_log_proba(estimator, X)
    if raw.shape[1] != len(estimator.classes_):
        raise ValueError(
            "estimator must have a decision function of one column per class, got "
            f"{raw.shape[1]} for {len(estimator.classes_)} classes"
        )
    return with_all_classes(raw, estimator.classes_, classes, raw.min(axis=1, keepdims=True))


def _decides_by_pairs(estimator: Any) -> bool:
    final = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    is_of_pairs = getattr(final, "decision_function_shape", None) == "ovo"
    return is_of_pairs and len(estimator.classes_) > 2


def smallest_logarithm(raw_prediction: NDArray[np.float64]) -> float:
    """Return what stands for the logarithm of 0: that of half the smallest positive probability."""
    is_finite = np.isfinite(raw_prediction)
    smallest = raw_prediction[is_finite].min() if is_finite.any() else 0.0
    return float(smallest - np.log(2))


def finite_raw_prediction(raw_prediction: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """Return raw predictions as calibrators take them, minus infinity replaced by floor.

    Their shape is (n_samples,) for two classes.
    """
    raw = np.where(raw_prediction == -np.inf, floor, raw_prediction)
    return raw[:, 1] - raw[:, 0] if raw.shape[1] == 2 else raw


def class_log_proba(estimator: Any, X: ArrayLike) -> NDArray[np.float64]:
    """Return the log-probabilities of a fitted classifier for its own classes."""
    with np.errstate(divide="ignore"):
        if hasattr(estimator, "predict_log_proba"):
            return np.asarray(estimator.predict_log_proba(X), dtype=np.float64)
        return np.log(np.asarray(estimator.predict_proba(X), dtype=np.float64))


def with_all_classes(
    values: NDArray[Any], known: NDArray[Any], classes: NDArray[Any], missing: Any
) -> NDArray[Any]:
    """Return columns for all classes: values for the known ones, `missing` for others."""
    if len(known) == len(classes):
        return values
    result = np.empty((len(values), len(classes)), dtype=values.dtype)
    result[:] = missing
    result[:, np.searchsorted(classes, known)] = values
    return result
