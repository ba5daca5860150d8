"""From y to what the losses take: classes, targets and weights."""

from dataclasses import dataclass
from numbers import Real

import numpy as np
from sklearn.utils import check_array, column_or_1d, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from sklogloss.inputs.labels import (
    are_whole_numbers,
    order_of_classes,
    sorted_columns,
    unique_labels,
)

__all__ = [
    "Targets",
    "class_weights",
    "encode_known",
    "encode_known_probabilities",
    "encode_labels",
    "encode_probabilities",
]


@dataclass
class Targets:
    """Classes, and each sample's target.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
    label : ndarray of shape (n_samples,) or None
        Index of the class of each sample.
    proba : ndarray of shape (n_samples, n_classes) or None
        Probabilities of the classes, where y gave those.
    """

    classes: np.ndarray
    label: np.ndarray | None
    proba: np.ndarray | None

    @property
    def n_classes(self):
        return len(self.classes)

    def labels_if_hard(self):
        """Return the index of each sample's class, None if some sample has several."""
        if self.proba is None:
            return self.label
        label = self.most_probable()
        is_hard = self.proba[np.arange(len(self)), label] == 1
        return label if is_hard.all() else None

    def most_probable(self):
        """Return the index of each sample's class, of several the most probable one."""
        return self.label if self.proba is None else self.proba.argmax(axis=1)

    def are_among(self, is_known):
        """Return for each sample whether all classes that it may be of are among the known ones."""
        if self.proba is None:
            return is_known[self.label]
        return ~self.proba[:, ~is_known].any(axis=1)

    def class_totals(self, sample_weight):
        """Return the weight of each class in the samples, shape (n_classes,)."""
        if self.proba is None:
            return np.bincount(self.label, weights=sample_weight, minlength=self.n_classes)
        if sample_weight is None:
            return self.proba.sum(axis=0, dtype=np.float64)
        return sample_weight.astype(np.float64) @ self.proba

    def weighted(self, class_weight, sample_weight, dtype):
        """Return (targets, weights, exponent) into which the class weights have gone.

        The weight of a class is that of the samples of the class. A soft target is such a mixture:
        its sample weighs sum_k w_k y_k, its target becomes w_k y_k over that. The weights are
        divided by 2 to the exponent, which puts the largest between 1/2 and 1, so that neither
        they nor their sums leave the range of the dtype.
        """
        if class_weight is None:
            return self, *scaled_weights(sample_weight, dtype)
        if self.proba is None:
            weight = class_weight[self.label]
            targets = self
        else:
            proba = self.proba * class_weight
            weight = proba.sum(axis=1)
            proba /= np.where(weight > 0, weight, 1)[:, None]
            proba[weight == 0] = self.proba[weight == 0]
            targets = Targets(self.classes, None, proba.astype(self.proba.dtype))
        if sample_weight is not None:
            weight = weight * sample_weight
        return targets, *scaled_weights(weight, dtype)

    def as_array(self, label_smoothing, dtype):
        """Return the target array of the loss, smoothed.

        Returns
        -------
        target : Fortran-ordered ndarray of shape (n_samples, 1) or (n_samples, n_classes)
            For two classes the probability of the second; for more the class index if neither
            smoothed nor soft, else the probabilities.
        """
        eps, n_classes = label_smoothing, self.n_classes
        if n_classes == 2:
            target = self.label if self.proba is None else self.proba[:, 1]
            target = target.astype(dtype)
            if eps > 0:
                target *= dtype.type(1 - eps)
                target += dtype.type(eps / 2)
            return target.reshape(-1, 1, order="F")
        if self.proba is None and eps == 0:
            return self.label.astype(dtype).reshape(-1, 1, order="F")
        target = np.full((len(self), n_classes), eps / n_classes, dtype=dtype, order="F")
        if self.proba is None:
            target[np.arange(len(self)), self.label] += dtype.type(1 - eps)
        else:
            target += dtype.type(1 - eps) * self.proba
        return target

    def __len__(self):
        return len(self.label if self.proba is None else self.proba)


def scaled_weights(weight, dtype):
    """Return (weights of the dtype with a largest one between 1/2 and 1, exponent of 2)."""
    if weight is None:
        return None, 0
    _, exponent = np.frexp(weight.max())
    return np.ldexp(weight, -exponent).astype(dtype), int(exponent)


def encode_labels(y):
    """Return the Targets of labels.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)

    Raises
    ------
    TypeError
        If labels are of types that cannot be sorted together.
    ValueError
        If y is continuous or has one class only.
    """
    try:
        classes, label = unique_labels(y)
    except TypeError as error:
        raise TypeError(
            f"y must have labels of one type, such as strings or integers: {error}"
        ) from error
    if not are_whole_numbers(classes) or 2 * len(classes) > len(y):
        # For other whole numbers it says nothing, and takes a good part of a small fit.
        check_classification_targets(y)
    if len(classes) < 2:
        raise ValueError(
            "y must have samples of at least 2 classes, but the data contains only one class: "
            f"{classes.tolist()[0]!r}"
        )
    return Targets(classes, label, None)


def encode_known(y, classes):
    """Return the Targets of labels, of which some classes may lack.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    classes : ndarray of shape (n_classes,)
        Sorted.

    Raises
    ------
    ValueError
        If y has other labels.
    """
    y = column_or_1d(y)
    label = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    if not np.array_equal(classes[label], y):
        unknown = np.setdiff1d(y, classes)
        raise ValueError(f"y has labels that fit has not seen: {unknown.tolist()}")
    return Targets(classes, label, None)


def encode_probabilities(y, dtype):
    """Return the Targets of class probabilities.

    Parameters
    ----------
    y : array-like or DataFrame of shape (n_samples, n_classes)
        The columns of a DataFrame are the classes, which are sorted, as scikit-learn's scorers
        take them to be. Else they are 0 to n_classes - 1.
    dtype : dtype

    Raises
    ------
    ValueError
        If an entry is negative, a row does not sum to 1, two columns have the same name or all
        probability is on one class.
    """
    columns = getattr(y, "columns", None)
    if columns is not None:
        classes, order = sorted_columns(list(columns), "y")
    proba = _check_probabilities(y, dtype)
    if columns is None:
        classes = np.arange(proba.shape[1])
    else:
        proba = proba[:, order]
    if np.count_nonzero(proba.any(axis=0)) < 2:
        raise ValueError("y must have at least 2 classes, but all probability is on only one class")
    return Targets(classes, None, proba)


def encode_known_probabilities(y, classes, dtype):
    """Return the Targets of class probabilities, of which some may be zero for all samples.

    Parameters
    ----------
    y : array-like or DataFrame of shape (n_samples, n_classes)
        The columns of a DataFrame are the classes, in any order.
    classes : ndarray of shape (n_classes,)
        Sorted.
    dtype : dtype

    Raises
    ------
    ValueError
        If y has other classes, and as `encode_probabilities` does.
    """
    proba = _check_probabilities(y, dtype)
    if proba.shape[1] != len(classes):
        raise ValueError(
            f"y has probabilities of {proba.shape[1]} classes, fit has seen {len(classes)}"
        )
    columns = getattr(y, "columns", None)
    if columns is None:
        return Targets(classes, None, proba)
    order = order_of_classes(list(columns), classes)
    if order is None:
        raise ValueError(
            f"the columns of y, {list(columns)}, are not the classes that fit has seen, "
            f"{classes.tolist()}"
        )
    return Targets(classes, None, proba[:, order])


def _check_probabilities(y, dtype):
    # Rows that sum to 1, of the dtype, columns as they are in y.
    try:
        proba = check_array(y, dtype=[np.float64, np.float32], input_name="y")
    except (TypeError, ValueError) as error:
        if "y contains" in str(error):
            raise
        raise ValueError(
            f"y has 2 or more columns, so it must hold class probabilities: {error}"
        ) from error
    if proba.min() < 0:
        raise ValueError(
            f"y has class probabilities, which must not be negative; the smallest is {proba.min()}"
        )
    total = proba.sum(axis=1, dtype=np.float64)
    # Rounding of K probabilities given in float32, or less, and of their sum.
    given = getattr(y, "dtype", None)
    is_float = isinstance(given, np.dtype) and given.kind == "f"
    off = np.abs(total - 1) > max(1e-5, np.finfo(given).eps if is_float else 0)
    if off.any():
        row = int(np.argmax(off))
        raise ValueError(
            "y has 2 or more columns, so its rows are class probabilities and must sum to 1; row "
            f"{row} sums to {total[row]} (y has the shape {proba.shape})"
        )
    # Rows that sum to a little more or less would pull at all classes at once, without end.
    return (proba / total[:, None]).astype(dtype, copy=False)


def class_weights(class_weight, targets, sample_weight):
    """Return the weights of the classes, or None if there are none.

    Parameters
    ----------
    class_weight : None, "balanced" or dict
    targets : Targets
    sample_weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    weights : ndarray of shape (n_classes,), float64, or None
        "balanced": total weight / (n_classes * weight of the class).

    Raises
    ------
    ValueError
        If the dict has an unknown class or a weight that is negative or not finite.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        totals = targets.class_totals(sample_weight)
        return totals.sum() / (targets.n_classes * np.where(totals > 0, totals, 1))
    if not isinstance(class_weight, dict):
        raise ValueError(f"class_weight must be None, 'balanced' or a dict, got {class_weight!r}")
    for weight in class_weight.values():
        if not isinstance(weight, Real) or not 0 <= weight < np.inf:
            raise ValueError(f"class_weight must be finite and not negative, got {class_weight!r}")
    try:
        weights = compute_class_weight(class_weight, classes=targets.classes, y=targets.classes)
    except ValueError as error:
        raise ValueError(
            f"class_weight has unknown classes: it has {list(class_weight)}, y has "
            f"{targets.classes.tolist()}"
        ) from error
    return np.asarray(weights, dtype=np.float64)
