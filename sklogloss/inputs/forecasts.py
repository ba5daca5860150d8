"""The input of metrics: events, and the probabilities that were forecast for them."""

from dataclasses import dataclass, replace

import numpy as np

from sklogloss.inputs.array_api import to_numpy
from sklogloss.inputs.arrays import check_finite, check_same_length
from sklogloss.inputs.columns import column_names, in_order_of_classes, sorted_columns
from sklogloss.inputs.errors import shown
from sklogloss.inputs.probabilities import check_probabilities, float_array, normalized_rows
from sklogloss.inputs.targets import check_labels, find_labels, is_soft, label_column, unique_labels
from sklogloss.inputs.weights import check_sample_weight, scaled_weights

__all__ = ["ForecastArrays", "check_forecasts"]

# An error shows at most this many labels.
MAX_LABELS = 20


@dataclass(frozen=True)
class ForecastArrays:
    """Checked arguments of a metric. Made by `check_forecasts`.

    Samples of weight zero are left out.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    label : ndarray of shape (n_samples,) or None
        Index of the class that happened.
    target : ndarray of shape (n_samples, n_classes) or None
        Probabilities of the classes, if y_true holds those.
    proba : ndarray of shape (n_samples,) or (n_samples, n_classes), or None
        Forecast probabilities. One dimension: those of the second of two classes.
    raw_prediction : ndarray of shape (n_samples,) or (n_samples, n_classes), or None
        Logits, in place of proba. One dimension for two classes.
    sample_weight : ndarray of shape (n_samples,) or None
        Scaled so that the largest is between 1/2 and 1: no metric depends on their unit, and sums
        and squares stay within the range of float64.
    eps : float
        Rounding error of the dtype of proba.
    rows : ndarray of shape (n_samples,) or None
        Which of the given samples these are. None if they are all of them.
    """

    classes: np.ndarray
    label: np.ndarray | None
    target: np.ndarray | None
    proba: np.ndarray | None
    raw_prediction: np.ndarray | None
    sample_weight: np.ndarray | None
    eps: float
    rows: np.ndarray | None = None

    def __len__(self):
        return len(self.label if self.target is None else self.target)

    @property
    def n_classes(self):
        return len(self.classes)

    def take(self, rows):
        """Return the forecasts of some rows."""
        arrays = ("label", "target", "proba", "raw_prediction", "sample_weight", "rows")
        taken = {name: getattr(self, name) for name in arrays}
        return replace(self, **{k: v if v is None else v[rows] for k, v in taken.items()})


def check_forecasts(
    y_true, y_proba, *, raw_prediction=None, sample_weight=None, labels=None, names=None
):
    """Return the ForecastArrays of the arguments that the metrics share, or raise an error.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_classes)
        Labels or soft targets.
    y_proba, raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes), or None
        One of the two must be given.
    sample_weight : array-like of shape (n_samples,), default=None
    labels : array-like of shape (n_classes,), default=None
    names : dict, default=None
        What errors call "y_true", "y_proba" and "raw_prediction" where a metric names them
        differently.

    Raises
    ------
    TypeError
        If not exactly one of y_proba and raw_prediction is given, or an argument is sparse.
    ValueError
        If an argument is out of its range. The message names it.
    """
    y_true, y_proba, raw_prediction, sample_weight = (
        to_numpy(array) for array in (y_true, y_proba, raw_prediction, sample_weight)
    )
    names = names or {}
    true_name = names.get("y_true", "y_true")
    if (y_proba is None) == (raw_prediction is None):
        raise TypeError("pass either y_proba or raw_prediction, not both")
    if raw_prediction is None:
        name, given = names.get("y_proba", "y_proba"), y_proba
        scores, eps = check_probabilities(name, given)
    else:
        name, given = names.get("raw_prediction", "raw_prediction"), raw_prediction
        scores, eps = _check_raw_prediction(name, given), float(np.finfo(np.float64).eps)
    n_columns = 2 if scores.ndim == 1 else scores.shape[1]
    label = target = None
    if is_soft(y_true):
        classes, target = _soft_events(true_name, y_true, labels)
        if target.shape[1] != n_columns:
            raise ValueError(
                f"{true_name} has probabilities of {target.shape[1]} classes, {name} of {n_columns}"
            )
    else:
        y_true = label_column(true_name, y_true)
        classes, label = _labelled_events(true_name, y_true, labels, n_columns, name)
    check_same_length(**{true_name: target if label is None else label, name: scores})
    columns = column_names(given)
    if columns:
        scores = in_order_of_classes(name, scores, columns, classes)
    proba, raw = (scores, None) if raw_prediction is None else (None, scores)
    forecasts = ForecastArrays(classes, label, target, proba, raw, None, eps)
    if sample_weight is None:
        return forecasts
    weight, _ = scaled_weights(check_sample_weight(sample_weight, len(scores)), np.float64)
    forecasts = replace(forecasts, sample_weight=weight)
    if weight.min() > 0:
        return forecasts
    rows = np.flatnonzero(weight)
    return replace(forecasts.take(rows), rows=rows)


def _check_raw_prediction(name, raw_prediction):
    # One dimension for two classes; two columns become their difference, second minus first.
    raw, _ = float_array(name, raw_prediction)
    check_finite(name, raw)
    return raw[:, 1] - raw[:, 0] if raw.ndim == 2 and raw.shape[1] == 2 else raw


def _soft_events(name, y_true, labels):
    # Classes and probabilities. The columns of a DataFrame are sorted, like classes_.
    target = normalized_rows(name, y_true)
    columns = getattr(y_true, "columns", None)
    if columns is None:
        if labels is None:
            return np.arange(target.shape[1]), target
        return _check_classes(labels, target.shape[1], name), target
    classes, order = sorted_columns(list(columns), name)
    if labels is not None and not np.array_equal(classes, label_column("labels", labels)):
        raise ValueError(
            f"the columns of {name}, {list(columns)}, are not the classes, {list(labels)}"
        )
    return classes, target[:, order]


def _labelled_events(true_name, y_true, labels, n_columns, name):
    # Classes, and the index of the class of each sample.
    if len(y_true) == 0:
        raise ValueError(f"{true_name} has 0 samples")
    if y_true.dtype.kind not in "buiUS":
        check_labels(true_name, y_true)
    found, label = unique_labels(y_true, true_name)
    if labels is None:
        if len(found) != n_columns:
            raise ValueError(
                f"{true_name} has {len(found)} classes, {found.tolist()[:MAX_LABELS]}, and {name} "
                f"those of {n_columns}. Pass all classes as labels, sorted like the columns."
            )
        return found, label
    classes = _check_classes(labels, n_columns, name)
    place, is_known = find_labels(found, classes)
    if not is_known.all():
        raise ValueError(
            f"{true_name} has labels that are not in labels: "
            f"{found[~is_known].tolist()[:MAX_LABELS]}"
        )
    return classes, label if len(found) == len(classes) else place[label]


def _check_classes(labels, n_columns, name):
    given, labels = labels, label_column("labels", labels)
    if len(labels) == 0:
        raise ValueError(f"labels must name the classes of {name}, got {shown(given)}")
    classes, _ = unique_labels(labels, "labels")
    if not np.array_equal(classes, labels):
        raise ValueError(f"labels must be sorted and unique, like classes_, got {labels.tolist()}")
    if len(classes) != n_columns:
        raise ValueError(
            f"labels must name the classes of {name}, of which there are {n_columns}; it has "
            f"{len(classes)}: {classes.tolist()}"
        )
    return classes
