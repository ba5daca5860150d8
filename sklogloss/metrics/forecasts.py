"""What the metrics take: what happened, and the probabilities that were given to it."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import xlog1py, xlogy
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target

from sklogloss.inputs.labels import is_soft, order_of_classes, sorted_columns, unique_labels
from sklogloss.inputs.parameters import check_digits
from sklogloss.losses import LogLoss

__all__ = ["Forecasts", "check_forecasts", "complements"]

# Rounding of the probabilities of a row that were given in decimals or in float32.
LARGEST_DEVIATION = 1e-5


@dataclass(frozen=True)
class Forecasts:
    """What happened to each sample, and what was forecast. Made by `check_forecasts`.

    Samples of weight zero are not among them.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    label : ndarray of shape (n_samples,) or None
        Index of the class that happened.
    target : ndarray of shape (n_samples, n_classes) or None
        Probabilities of the classes, where y_true gave those.
    proba : ndarray of shape (n_samples,) or (n_samples, n_classes), or None
        Probabilities; for two classes, those of the second will do.
    raw_prediction : ndarray of shape (n_samples,) or (n_samples, n_classes), or None
        Logits, in the place of proba; one column for two classes.
    sample_weight : ndarray of shape (n_samples,) or None
    eps : float
        What "clip" takes for a probability of zero: the rounding error of the type of proba.
    rows : ndarray of shape (n_samples,) or None
        Which of the given samples these are, where some have no weight.
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

    def with_proba(self, proba):
        """Return the same events with other probabilities, float64."""
        return replace(self, proba=proba, raw_prediction=None, eps=np.finfo(np.float64).eps)

    def with_label(self, label):
        """Return the same forecasts of other events."""
        return replace(self, label=label, target=None)

    def with_frequencies(self):
        """Return the same events, the weighted frequencies of the classes forecast for each."""
        frequency = self.frequencies()
        return self.with_proba(np.broadcast_to(frequency, (len(self), self.n_classes)))

    def frequencies(self):
        """Return the weighted frequency of each class, shape (n_classes,)."""
        if self.target is not None:
            total = np.average(self.target, axis=0, weights=self.sample_weight)
        else:
            total = np.bincount(self.label, weights=self.sample_weight, minlength=self.n_classes)
        return total / total.sum()

    def mean(self, values):
        """Return the weighted mean of a value per sample."""
        return float(np.average(values, weights=self.sample_weight))

    def weights(self):
        """Return the weights of the samples, shape (n_samples,); 1 where none were given."""
        return np.ones(len(self)) if self.sample_weight is None else self.sample_weight

    def probabilities(self):
        """Return the probabilities of all classes, (n_samples, n_classes), float64."""
        if self.raw_prediction is not None:
            return LogLoss(self.n_classes).link(self.raw_prediction).astype(np.float64, copy=False)
        proba = self.proba.astype(np.float64, copy=False)
        return proba if proba.ndim == 2 else np.column_stack([1 - proba, proba])

    def log_probabilities(self):
        """Return their logarithms; those of zero are clipped."""
        if self.raw_prediction is not None:
            log_proba = LogLoss(self.n_classes).log_link(self.raw_prediction)
            return log_proba.astype(np.float64, copy=False)
        return np.log(np.maximum(self.probabilities(), self.eps))

    def logits(self):
        """Return raw predictions, (n_samples,) or (n_samples, n_classes), float64 and finite."""
        if self.raw_prediction is not None:
            return self.raw_prediction.astype(np.float64, copy=False)
        log_proba = self.log_probabilities()
        return log_proba[:, 1] - log_proba[:, 0] if self.n_classes == 2 else log_proba

    def targets(self):
        """Return the probabilities of what happened, (n_samples, n_classes), float64."""
        if self.target is not None:
            return self.target
        return (self.label[:, None] == np.arange(self.n_classes)).astype(np.float64)

    def surprise(self, zero):
        """Return the surprise at each sample in nats, shape (n_samples,), float64."""
        if self.raw_prediction is not None:
            value = LogLoss(self.n_classes).value(self.loss_target(), self.raw_prediction)
            return value.astype(np.float64, copy=False)
        with np.errstate(divide="ignore"):
            if self.target is not None:
                surprise = self._surprise_of_soft(self.eps if zero == "clip" else 0)
            else:
                surprise = self._surprise_of_labels()
                if zero == "clip":
                    np.minimum(surprise, -np.log(self.eps), out=surprise)
        if zero == "raise" and np.isinf(surprise).any():
            row = int(np.argmax(np.isinf(surprise)))
            raise ValueError(
                f"y_proba is 0 for what happened to sample "
                f"{row if self.rows is None else self.rows[row]}: the surprise is infinite. Use "
                'zero="inf" to get that, or zero="clip" for a large number.'
            )
        return surprise

    def loss_target(self):
        """Return what the losses take as target."""
        if self.target is None:
            return self.label
        return self.target[:, 1] if self.n_classes == 2 else self.target

    def _surprise_of_labels(self):
        if self.proba.ndim == 2:
            happened = np.take_along_axis(self.proba, self.label[:, None], axis=1)[:, 0]
            return -np.log(happened, dtype=np.float64)
        # Of a small p, log1p loses no digits.
        is_second = self.label == 1
        surprise = np.empty(len(self))
        np.log(self.proba, out=surprise, where=is_second)
        np.log1p(-self.proba, out=surprise, where=~is_second)
        return np.negative(surprise, out=surprise)

    def _surprise_of_soft(self, smallest):
        proba = self.proba.astype(np.float64, copy=False)
        if proba.ndim == 2:
            return -xlogy(self.target, np.maximum(proba, smallest)).sum(axis=1)
        proba = np.clip(proba, smallest, 1 - smallest)
        return -xlogy(self.target[:, 1], proba) - xlog1py(self.target[:, 0], -proba)


def complements(proba):
    """Return 1 - p of probabilities, (n_samples, n_classes), that of the largest from the others.

    Nothing cancels.
    """
    rows, top = np.arange(len(proba)), proba.argmax(axis=1)
    others = proba.copy()
    others[rows, top] = 0
    result = 1 - proba
    result[rows, top] = others.sum(axis=1)
    return result


def check_forecasts(y_true, y_proba, *, raw_prediction=None, sample_weight=None, labels=None):
    """Return the Forecasts of the arguments that the metrics share, or raise an error."""
    if (y_proba is None) == (raw_prediction is None):
        raise TypeError("give one of y_proba and raw_prediction, and only one")
    if raw_prediction is None:
        name, proba, eps = "y_proba", *_check_proba(y_proba)
        raw, scores = None, proba
    else:
        name, proba, eps = "raw_prediction", None, np.finfo(np.float64).eps
        raw = scores = _check_raw_prediction(raw_prediction)
    n_columns = 2 if scores.ndim == 1 else scores.shape[1]
    if is_soft(y_true):
        classes, label, target = _check_soft(y_true, labels)
        if target.shape[1] != n_columns:
            raise ValueError(
                f"y_true has probabilities of {target.shape[1]} classes, {name} of {n_columns}"
            )
    else:
        target = None
        classes, label = _encode(column_or_1d(y_true), labels, n_columns, name)
    check_consistent_length(target if label is None else label, scores)
    columns = _column_names(y_proba if raw_prediction is None else raw_prediction)
    if columns:
        scores = _in_order_of_classes(scores, columns, classes, name)
        proba, raw = (scores, None) if raw is None else (None, scores)
    forecasts = Forecasts(classes, label, target, proba, raw, None, float(eps))
    if sample_weight is None:
        return forecasts
    sample_weight = _check_sample_weight(sample_weight, len(scores))
    forecasts = replace(forecasts, sample_weight=sample_weight)
    if sample_weight.min() > 0:
        return forecasts
    rows = np.flatnonzero(sample_weight)
    return replace(forecasts.take(rows), rows=rows)


def _check_proba(y_proba):
    # (n_samples,) or (n_samples, n_classes), and the eps of the dtype that was given.
    proba, eps = _check_matrix(y_proba, "y_proba")
    low, high = proba.min(), proba.max()
    if not (low >= 0 and high <= 1):
        if np.isnan(low):
            raise ValueError("y_proba contains NaN")
        wrong = low if low < 0 else high
        raise ValueError(f"y_proba must hold probabilities between 0 and 1, found {wrong}")
    if proba.ndim == 2:
        _check_row_sums(proba, "y_proba", eps)
    return proba, eps


def _check_raw_prediction(raw_prediction):
    raw, _ = _check_matrix(raw_prediction, "raw_prediction")
    if not np.isfinite(raw).all():
        raise ValueError("raw_prediction contains NaN or infinity")
    return raw[:, 1] - raw[:, 0] if raw.ndim == 2 and raw.shape[1] == 2 else raw


def _check_matrix(array, name):
    # The array, (n_samples,) if it has one column, and the rounding error of its dtype.
    if hasattr(array, "to_numpy"):
        array = array.to_numpy()
    dtype = getattr(array, "dtype", None)
    is_float = isinstance(dtype, np.dtype) and dtype.kind == "f"
    array = check_array(
        array,
        ensure_2d=False,
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
        input_name=name,
    )
    eps = np.finfo(dtype if is_float else array.dtype).eps
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array, float(eps)


def _column_names(data):
    # Those of a DataFrame, and of a Series that has a name: "" is that of polars without one.
    if hasattr(data, "columns"):
        return list(data.columns)
    name = getattr(data, "name", None) if hasattr(data, "to_numpy") else None
    return [] if name is None or name == "" else [name]


def _in_order_of_classes(scores, columns, classes, name):
    # The columns of a DataFrame that has the classes as names, sorted; other names say nothing.
    order = order_of_classes(columns, classes)
    if order is None:
        _check_names(columns, classes.tolist(), name)
        return scores
    if order == sorted(order):
        return scores
    if scores.ndim == 1:  # the difference of two raw predictions
        return -scores
    return scores[:, order]


def _check_names(columns, classes, name):
    # Some classes among the names are a mistake: a label misspelt, or forgotten.
    names, known = list(map(str, columns)), set(map(str, classes))
    if len(names) == 1:
        known.remove(str(classes[1]))  # whose probability one column is taken for
    is_numbered = names == list(map(str, range(len(names))))
    if not is_numbered and not known.isdisjoint(names):
        raise ValueError(
            f"the columns of {name}, {columns}, must be named as the classes, {classes}, in any "
            "order and each once, or have other names, all of them; one column is of the second "
            "class"
        )


def _check_soft(y_true, labels):
    # Classes, None for labels, and probabilities. The columns of a DataFrame are sorted, as
    # classes_ is.
    target, eps = _check_matrix(y_true, "y_true")
    if not target.min() >= 0:
        raise ValueError(
            "y_true has 2 or more columns, so it must hold class probabilities, which are not "
            f"negative or NaN; the smallest is {target.min()}"
        )
    _check_row_sums(target, "y_true", eps)
    target = target.astype(np.float64)
    target /= target.sum(axis=1, keepdims=True)
    columns = getattr(y_true, "columns", None)
    if columns is None:
        if labels is None:
            return np.arange(target.shape[1]), None, target
        return _check_labels(labels, target.shape[1], "y_true"), None, target
    classes, order = sorted_columns(list(columns), "y_true")
    if labels is not None and not np.array_equal(classes, labels):
        raise ValueError(
            f"the columns of y_true, {list(columns)}, are not the classes, {list(labels)}"
        )
    return classes, None, target[:, order]


def _check_row_sums(proba, name, eps):
    total = proba.sum(axis=1)
    off = np.abs(total - 1) > max(LARGEST_DEVIATION, np.sqrt(eps))
    if off.any():
        row = int(np.argmax(off))
        raise ValueError(f"the rows of {name} must sum to 1; row {row} sums to {total[row]}")


def _check_labels(labels, n_columns, name):
    labels = column_or_1d(labels)
    classes = np.unique(labels)
    if not np.array_equal(classes, labels):
        raise ValueError(
            f"labels must be sorted, as classes_ is, and without repetition, got {labels.tolist()}"
        )
    if len(classes) != n_columns:
        raise ValueError(
            f"labels must name the classes of {name}, of which there are {n_columns}; it has "
            f"{len(classes)}: {classes.tolist()}"
        )
    return classes


def _encode(y_true, labels, n_columns, name):
    # Classes and the index of each sample's.
    if len(y_true) == 0:
        raise ValueError("y_true has 0 samples")
    if y_true.dtype.kind not in "buiUS":
        if y_true.dtype.kind == "f" and np.isnan(y_true).any():
            raise ValueError("y_true contains NaN")
        kind = type_of_target(y_true, input_name="y_true")
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"y_true must hold labels of classes, got {kind} values")
    found, label = unique_labels(y_true)
    if labels is None:
        if len(found) != n_columns:
            raise ValueError(
                f"y_true has {len(found)} classes, {found.tolist()[:20]}, and {name} those of "
                f"{n_columns}. Give all of them, sorted as the columns are, as labels."
            )
        return found, label
    classes = _check_labels(labels, n_columns, name)
    place = np.minimum(np.searchsorted(classes, found), len(classes) - 1)
    is_known = classes[place] == found
    if not np.all(is_known):
        raise ValueError(
            f"y_true has labels that are not in labels: {found[~is_known].tolist()[:20]}"
        )
    return classes, label if len(found) == len(classes) else place[label]


def _check_sample_weight(sample_weight, n_samples):
    try:
        sample_weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sample_weight must hold numbers: {error}") from error
    if sample_weight.shape != (n_samples,):
        raise ValueError(f"sample_weight must have shape ({n_samples},), got {sample_weight.shape}")
    if not np.isfinite(sample_weight).all():
        raise ValueError("sample_weight contains NaN or infinity")
    if sample_weight.min() < 0:
        raise ValueError(
            f"sample_weight must not be negative, the smallest is {sample_weight.min()}"
        )
    if not sample_weight.any():
        raise ValueError("sample_weight must not be zero for all samples")
    check_digits("sample_weight", sample_weight)
    # No metric depends on their unit. In this one, sums and squares stay in the range of float64.
    return np.ldexp(sample_weight, -np.frexp(sample_weight.max())[1])
