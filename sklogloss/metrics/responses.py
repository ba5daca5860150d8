"""The probabilities of a classifier as arguments of the metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline

from sklogloss.inputs.array_api import is_foreign, to_numpy
from sklogloss.inputs.targets import check_labels
from sklogloss.losses import LogLoss

__all__ = ["decides_by_logits", "forecast_arguments", "with_unseen_classes"]


def forecast_arguments(
    estimator: Any,
    X: ArrayLike,
    call: Callable[..., Any] | None = None,
    *,
    offset: ArrayLike | None = None,
) -> dict[str, Any]:
    """Return the classifier's logits or probabilities, by the name of the argument that takes them.

    Parameters
    ----------
    estimator : classifier
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    call : callable, default=None
        As scikit-learn passes it to scorers: ``call(estimator, method, X, pos_label=...)``.
    offset : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
        For an estimator whose methods take one.

    Returns
    -------
    arguments : dict
    """
    classes = to_numpy(estimator.classes_)
    if len(classes) == 1:
        # An estimator with one class is sure of it.
        return {"y_proba": np.ones((len(estimator.predict(X)), 1))}
    metadata = {} if offset is None else {"offset": offset}
    decides = decides_by_logits(estimator)
    if decides is False:
        # Log-probabilities are logits, too. For two classes, scikit-learn's function returns one
        # column.
        log_proba = to_numpy(estimator.predict_log_proba(X, **metadata))
        if len(classes) == 2:
            log_proba = log_proba[:, 1] - log_proba[:, 0]
        return {"raw_prediction": log_proba}
    if decides:
        argument, method = "raw_prediction", "decision_function"
    else:
        argument, method = "y_proba", "predict_proba"
    # Not all callers in scikit-learn accept arrays of other libraries.
    if call is None or metadata or is_foreign(X):
        forecast = to_numpy(getattr(estimator, method)(X, **metadata))
        is_pair = argument == "y_proba" and len(classes) == 2
        return {argument: forecast[:, 1] if is_pair and call is not None else forecast}
    pos_label = classes[1] if len(classes) == 2 else None
    return {argument: call(estimator, method, X, pos_label=pos_label)}


def decides_by_logits(estimator: Any) -> bool | None:
    """Return whether the decision function of an estimator is the logits of its predict_proba.

    None if it is not one of sklogloss. Of a Pipeline or a search, it is that of what they end with.
    """
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return getattr(estimator, "decides_by_logits", None)


def with_unseen_classes(
    classes: NDArray[Any], y_true: NDArray[Any], arguments: dict[str, Any]
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return all classes, sorted, and the arguments with a column for each, and at least two.

    What the estimator has never seen has the probability 0. Labels of another kind than its classes
    are a mistake.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Those of the estimator.
    y_true : ndarray of shape (n_samples,)
    arguments : dict
        What `forecast_arguments` returned.
    """
    _check_labels(y_true, classes)
    known = np.union1d(classes, y_true)
    n_classes = max(2, len(known))
    if n_classes == len(classes):
        return known, arguments
    proba = arguments.get("y_proba")
    if proba is None:
        proba = LogLoss(len(classes)).link(arguments["raw_prediction"])
    elif proba.ndim == 1:
        proba = np.column_stack([1 - proba, proba])
    padded = np.zeros((len(proba), n_classes), dtype=proba.dtype)
    padded[:, np.searchsorted(known, classes)] = proba
    return known, {"y_proba": padded}


def _check_labels(y_true: NDArray[Any], classes: NDArray[Any]) -> None:
    if not _kinds(y_true) <= _kinds(classes):
        raise ValueError(
            f"y_true must have labels of the type of the estimator's classes_, {classes.tolist()}, "
            f"got {y_true[:3].tolist()}, ..."
        )
    if y_true.dtype.kind == "f":
        check_labels("y_true", y_true)


def _kinds(labels: NDArray[Any]) -> set[Any]:
    if labels.dtype != object:
        return {"text" if labels.dtype.kind in "UST" else "number"}
    kinds: dict[type, str] = {str: "text", bool: "number", int: "number", float: "number"}
    return {kinds.get(type(label), type(label)) for label in labels.tolist()}
