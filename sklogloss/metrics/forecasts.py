"""What the metrics take: what happened, and the probabilities that were given to it."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import xlog1py, xlogy
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from sklogloss.labels import is_soft, unique_labels
from sklogloss.losses import LogLoss

__all__ = ["Forecasts", "check_forecasts"]

# Rounding of the probabilities of a row that were given in decimals or in float32.
LARGEST_DEVIATION = 1e-5


@dataclass(frozen=True)
class Forecasts:
    """What happened to each sample, and what was forecast. Made by `check_forecasts`.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    label : ndarray of shape (n_samples,) or None
        Index of the class that happened.
    target : ndarray of shape (n_samples, n_classes) or None
        Probabilities of the classes, where y_true gave those.
    proba : ndarray of shape (n_samples,) or (n_samples, n_classes), or None
        Probabilities; for two classes, those of the second.
    raw_prediction : ndarray of shape (n_samples,) or (n_samples, n_classes), or None
        Logits, in the place of proba.
    sample_weight : ndarray of shape (n_samples,) or None
    eps : float
        What "clip" takes for a probability of zero: the rounding error of the type of proba.
    """

    classes: np.ndarray
    label: np.ndarray | None
    target: np.ndarray | None
    proba: np.ndarray | None
    raw_prediction: np.ndarray | None
    sample_weight: np.ndarray | None
    eps: float

    def __len__(self):
        return len(self.label if self.target is None else self.target)

    @property
    def n_classes(self):
        return len(self.classes)

    def take(self, rows):
        """Return the forecasts of some rows."""
        arrays = ("label", "target", "proba", "raw_prediction", "sample_weight")
        taken = {name: getattr(self, name) for name in arrays}
        return replace(self, **{k: v if v is None else v[rows] for k, v in taken.items()})

    def with_proba(self, proba):
        """Return the same events with other probabilities, float64."""
        return replace(self, proba=proba, raw_prediction=None, eps=np.finfo(np.float64).eps)

    def with_label(self, label):
        """Return the same forecasts of other events."""
        return replace(self, label=label, target=None)

    def mean(self, values):
        """Return the weighted mean of a value per sample."""
        return float(np.average(values, weights=self.sample_weight))

    def probabilities(self):
        """Return the probabilities of all classes, (n_samples, n_classes), float64."""
        if self.raw_prediction is not None:
            return LogLoss(self.n_classes).link(self.raw_prediction).astype(np.float64, copy=False)
        proba = self.proba.astype(np.float64, copy=False)
        return proba if proba.ndim == 2 else np.column_stack([1 - proba, proba])

    def logits(self):
        """Return raw predictions, (n_samples,) or (n_samples, n_classes), float64 and finite."""
        if self.raw_prediction is not None:
            return self.raw_prediction.astype(np.float64, copy=False)
        proba = self.proba.astype(np.float64, copy=False)
        if proba.ndim == 1:
            return np.log(np.maximum(proba, self.eps)) - np.log(np.maximum(1 - proba, self.eps))
        log_proba = np.log(np.maximum(proba, self.eps))
        return log_proba[:, 1] - log_proba[:, 0] if self.n_classes == 2 else log_proba

    def targets(self):
        """Return the probabilities of what happened, (n_samples, n_classes), float64."""
        if self.target is not None:
            return self.target
        return (self.label[:, None] == np.arange(self.n_classes)).astype(np.float64)

    def with_frequencies(self):
        """Return the same events, the weighted frequencies of the classes forecast for each."""
        if self.target is not None:
            frequency = np.average(self.target, axis=0, weights=self.sample_weight)
        else:
            total = np.bincount(self.label, weights=self.sample_weight, minlength=self.n_classes)
            frequency = total / total.sum()
        return self.with_proba(np.broadcast_to(frequency, (len(self), self.n_classes)))

    def surprise(self, zero):
        """Return the surprise at each sample in nats, shape (n_samples,), float64."""
        if self.raw_prediction is not None:
            target = self.label
            if self.target is not None:
                target = self.target[:, 1] if self.n_classes == 2 else self.target
            value = LogLoss(self.n_classes).value(target, self.raw_prediction)
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
                f"y_proba is 0 for what happened to sample {row}: the surprise is infinite. Use "
                'zero="inf" to get that, or zero="clip" for a large number.'
            )
        return surprise

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


def check_forecasts(y_true, y_proba, *, raw_prediction=None, sample_weight=None, labels=None):
    """Return the Forecasts of the arguments that the metrics share, or raise an error."""
    if (y_proba is None) == (raw_prediction is None):
        raise TypeError("give either y_proba or raw_prediction, not both")
    if raw_prediction is None:
        name, proba, eps = "y_proba", *_check_proba(y_proba)
        raw, scores = None, proba
    else:
        name, proba, eps = "raw_prediction", None, np.finfo(np.float64).eps
        raw = scores = _check_raw_prediction(raw_prediction)
    n_columns = 2 if scores.ndim == 1 else scores.shape[1]
    if is_soft(y_true):
        classes, label, target = _check_soft(y_true)
        check_consistent_length(target, scores)
        if target.shape[1] != n_columns:
            raise ValueError(
                f"y_true has probabilities of {target.shape[1]} classes, {name} of {n_columns}"
            )
        if labels is not None:
            classes = _check_labels(labels, n_columns, name)
    else:
        target = None
        y_true = column_or_1d(y_true)
        check_consistent_length(y_true, scores)
        classes, label = _encode(y_true, labels, n_columns, name)
    if sample_weight is not None:
        sample_weight = _check_sample_weight(sample_weight, len(scores))
    return Forecasts(classes, label, target, proba, raw, sample_weight, float(eps))


def _check_proba(y_proba):
    # (n_samples,) or (n_samples, K), K > 2 or as given, with the eps of its dtype.
    eps = np.finfo(np.float64).eps
    dtype = getattr(y_proba, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind == "f":
        eps = np.finfo(dtype).eps
    proba = _check_scores(y_proba, "y_proba")
    low, high = proba.min(), proba.max()
    if not (low >= 0 and high <= 1):
        if np.isnan(low):
            raise ValueError("y_proba contains NaN")
        wrong = low if low < 0 else high
        raise ValueError(f"y_proba must hold probabilities between 0 and 1, found {wrong}")
    if proba.ndim == 2:
        _check_row_sums(proba, "y_proba", max(LARGEST_DEVIATION, float(np.sqrt(eps))))
    return proba, max(eps, np.finfo(proba.dtype).eps)


def _check_raw_prediction(raw_prediction):
    raw = _check_scores(raw_prediction, "raw_prediction")
    if not np.isfinite(raw).all():
        raise ValueError("raw_prediction contains NaN or infinity")
    return raw[:, 1] - raw[:, 0] if raw.ndim == 2 and raw.shape[1] == 2 else raw


def _check_scores(scores, name):
    scores = check_array(
        scores,
        ensure_2d=False,
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
        input_name=name,
    )
    if scores.ndim == 2 and scores.shape[1] == 1:
        return scores[:, 0]
    return scores


def _check_soft(y_true):
    # Classes, and probabilities; the columns of a DataFrame are sorted, as classes_ is.
    target = check_array(y_true, dtype=np.float64, input_name="y_true")
    if target.min() < 0:
        raise ValueError(
            "y_true has 2 or more columns, so it must hold class probabilities, which are not "
            f"negative; the smallest is {target.min()}"
        )
    _check_row_sums(target, "y_true", LARGEST_DEVIATION)
    columns = getattr(y_true, "columns", None)
    if columns is None:
        return np.arange(target.shape[1]), None, target
    classes, order = np.unique(np.asarray(columns), return_index=True)
    return classes, None, target[:, order]


def _check_row_sums(proba, name, tolerance):
    total = proba.sum(axis=1)
    off = np.abs(total - 1) > tolerance
    if off.any():
        row = int(np.argmax(off))
        raise ValueError(f"the rows of {name} must sum to 1; row {row} sums to {total[row]}")


def _check_labels(labels, n_columns, name):
    classes = np.unique(column_or_1d(labels))
    if len(classes) != n_columns:
        raise ValueError(
            f"labels must name the classes of {name}, of which there are {n_columns}; it has "
            f"{len(classes)}: {classes.tolist()}"
        )
    return classes


def _encode(y_true, labels, n_columns, name):
    # Classes and the index of each sample's.
    if y_true.dtype.kind not in "buiUS":
        check_classification_targets(y_true)
    found, label = unique_labels(y_true)
    if labels is None:
        if len(found) != n_columns:
            raise ValueError(
                f"y_true has {len(found)} classes, {found.tolist()[:20]}, and {name} those of "
                f"{n_columns}. Give all of them, in the order of the columns, as labels."
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
    sample_weight = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if sample_weight.shape != (n_samples,):
        raise ValueError(f"sample_weight must have shape ({n_samples},), got {sample_weight.shape}")
    if sample_weight.min() < 0:
        raise ValueError(
            f"sample_weight must not be negative, the smallest is {sample_weight.min()}"
        )
    if not sample_weight.any():
        raise ValueError("sample_weight must not be zero for all samples")
    return sample_weight
