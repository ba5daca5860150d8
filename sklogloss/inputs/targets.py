"""From y to the input of the losses: labels, classes and the target of each sample."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target

from sklogloss.inputs.array_api import to_numpy
from sklogloss.inputs.arrays import check_finite, check_same_length
from sklogloss.inputs.columns import order_of_classes, sorted_columns
from sklogloss.inputs.errors import naming
from sklogloss.inputs.probabilities import normalized_rows
from sklogloss.inputs.tables import check_collected
from sklogloss.inputs.weights import scaled_weights

__all__ = [
    "Targets",
    "are_whole_floats",
    "check_labels",
    "encode_known",
    "encode_known_probabilities",
    "encode_labels",
    "encode_probabilities",
    "encode_targets",
    "find_labels",
    "group_indices",
    "is_soft",
    "label_column",
    "require_y",
    "unique_labels",
]

# Whole numbers with a range up to this are counted, which takes a fraction of the time of sorting.
LARGEST_RANGE = 10_000
# How far float32 rounds a number just below 1, at most.
ROUNDING_BELOW_ONE = float(np.finfo(np.float32).epsneg) / 2


@dataclass
class Targets:
    """Classes, and each sample's target.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted.
    label : ndarray of shape (n_samples,) or None
        Index of the class of each sample. None if y holds probabilities.
    proba : ndarray of shape (n_samples, n_classes) or None
        Probabilities of the classes, float64. None if y holds labels.
    """

    classes: np.ndarray
    label: np.ndarray | None
    proba: np.ndarray | None

    def labels_if_hard(self):
        """Return the index of each sample's class, or None if a sample has several classes."""
        if self.proba is None:
            return self.label
        label = self.most_probable()
        is_hard = self.proba[np.arange(len(self)), label] == 1
        return label if is_hard.all() else None

    def most_probable(self):
        """Return the index of each sample's most probable class."""
        return self.label if self.proba is None else self.proba.argmax(axis=1)

    def are_among(self, is_known):
        """Return for each sample whether all classes with a positive probability are known.

        Parameters
        ----------
        is_known : ndarray of shape (n_classes,), bool
        """
        if self.proba is None:
            return is_known[self.label]
        return ~self.proba[:, ~is_known].any(axis=1)

    def class_totals(self, sample_weight):
        """Return the total weight of the samples of each class, shape (n_classes,)."""
        if self.proba is None:
            return np.bincount(self.label, weights=sample_weight, minlength=len(self.classes))
        if sample_weight is None:
            return self.proba.sum(axis=0, dtype=np.float64)
        return sample_weight.astype(np.float64) @ self.proba

    def weighted(self, class_weight, sample_weight, dtype):
        """Return (targets, weights, exponent) with the class weights included.

        A class weight w_k multiplies the weights of the samples of class k. A sample with a soft
        target y is a mixture of classes: its weight is multiplied by sum_k w_k y_k, and its target
        becomes w_k y_k over that sum. The weights are scaled as by `scaled_weights`.

        Parameters
        ----------
        class_weight : ndarray of shape (n_classes,) or None
        sample_weight : ndarray of shape (n_samples,) or None
        dtype : dtype
            Of the weights.

        Returns
        -------
        targets : Targets
        weights : ndarray of shape (n_samples,) or None
        exponent : int
        """
        if class_weight is None:
            return self, *scaled_weights(sample_weight, dtype)
        # Products of weights that are scaled stay within the range of float64.
        class_weight, exponent = scaled_weights(class_weight, np.float64)
        if self.proba is None:
            weight = class_weight[self.label]
            targets = self
        else:
            proba = self.proba * class_weight
            weight = proba.sum(axis=1)
            proba /= np.where(weight > 0, weight, 1)[:, None]
            proba[weight == 0] = self.proba[weight == 0]
            targets = Targets(self.classes, None, proba)
        if sample_weight is not None:
            scaled, of_samples = scaled_weights(sample_weight, np.float64)
            weight, exponent = weight * scaled, exponent + of_samples
        weight, of_products = scaled_weights(weight, dtype)
        return targets, weight, exponent + of_products

    def fit_float32(self, label_smoothing, weight, largest_cost):
        """Return whether rounding the smoothed targets to float32 costs almost nothing.

        Rounding a target of 1 - r by d moves the best probability of a row by d. There, log loss
        has the curvature r (1 - r) along the raw prediction, so that this costs d^2 / (2 r (1 - r))
        nats. No fit has a loss below the entropy of the targets.

        Parameters
        ----------
        label_smoothing : float
        weight : ndarray of shape (n_samples,) or None
        largest_cost : float
            As a fraction of the entropy.
        """
        if self.proba is None and label_smoothing == 0:
            return True
        largest = np.ones(len(self)) if self.proba is None else self.proba.max(axis=1)
        smoothed = label_smoothing * (1 - 1 / len(self.classes))
        rest = (1 - label_smoothing) * (1 - largest) + smoothed
        counts = rest > 0 if weight is None else (rest > 0) & (weight > 0)
        rest, largest = rest[counts], 1 - rest[counts]
        weight = 1.0 if weight is None else weight[counts]
        error = np.minimum(ROUNDING_BELOW_ONE, rest)
        cost = np.sum(weight * error**2 / (2 * rest * largest))
        entropy = -np.sum(weight * (rest * np.log(rest) + largest * np.log(largest)))
        return bool(cost <= largest_cost * entropy)

    def as_array(self, label_smoothing, dtype):
        """Return the target array of the loss, smoothed.

        Returns
        -------
        target : Fortran-ordered ndarray of shape (n_samples, 1) or (n_samples, n_classes)
            For two classes the probability of the second class. For more classes the class index
            of labels without smoothing, else the probabilities.
        """
        eps, n_classes = label_smoothing, len(self.classes)
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


def require_y(estimator: Any, y: ArrayLike | None) -> ArrayLike:
    """Return y, or raise the ValueError of scikit-learn's classifiers if it is None."""
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y "
            "is None."
        )
    return y


def encode_targets(X, y):
    """Return the Targets of y as a user gives it: labels, or probabilities of the classes.

    Parameters
    ----------
    X : ndarray, sparse matrix or TorchDesign
        Validated; its number of rows counts.
    y : array-like of shape (n_samples,) or (n_samples, n_classes)

    Raises
    ------
    TypeError, ValueError
        If y is not that, or not as long as X.
    """
    if is_soft(y):
        targets = encode_probabilities(y)
        check_same_length(X=X, y=targets)
        return targets
    y = label_column("y", y, warn=True)
    check_same_length(X=X, y=y)
    return encode_labels(y)


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
    if len(y) == 0:
        raise ValueError("y has 0 samples")
    classes, label = unique_labels(y, "y")
    is_whole = classes.dtype.kind in "bui" or are_whole_floats(classes)
    if not is_whole or 2 * len(classes) > len(y):
        # Other whole numbers always pass, and the check takes much of the time of a small fit.
        check_labels("y", y)
    if len(classes) < 2:
        raise ValueError(
            "y must have samples of at least 2 classes, but the data contains only one class: "
            f"{classes.tolist()[0]!r}"
        )
    return Targets(classes, label, None)


def encode_known(y, classes):
    """Return the Targets of labels that need not cover all classes.

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
    y = label_column("y", y)
    with naming("y"):
        label, is_known = find_labels(y, classes)
    if not is_known.all():
        unknown = np.unique(y[~is_known])
        raise ValueError(f"y has labels that fit has not seen: {unknown.tolist()}")
    return Targets(classes, label, None)


def encode_probabilities(y):
    """Return the Targets of class probabilities.

    Parameters
    ----------
    y : array-like or DataFrame of shape (n_samples, n_classes)
        The columns of a DataFrame are the classes, which are sorted, as scikit-learn's scorers
        take them to be. Else they are 0 to n_classes - 1.

    Raises
    ------
    ValueError
        If an entry is negative, a row does not sum to 1, two columns have the same name or all
        probability is on one class.
    """
    columns = getattr(y, "columns", None)
    if columns is not None:
        classes, order = sorted_columns(list(columns), "y")
    proba = normalized_rows("y", y)
    if columns is None:
        classes = np.arange(proba.shape[1])
    else:
        proba = proba[:, order]
    if np.count_nonzero(proba.any(axis=0)) < 2:
        raise ValueError("y must have at least 2 classes, but all probability is on only one class")
    return Targets(classes, None, proba)


def encode_known_probabilities(y, classes):
    """Return the Targets of class probabilities, which may be zero for all samples of a class.

    Parameters
    ----------
    y : array-like or DataFrame of shape (n_samples, n_classes)
        The columns of a DataFrame are the classes, in any order.
    classes : ndarray of shape (n_classes,)
        Sorted.

    Raises
    ------
    ValueError
        If y has other classes, and as `encode_probabilities` does.
    """
    proba = normalized_rows("y", y)
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


def are_whole_floats(y: NDArray[Any]) -> bool:
    """Return whether all labels are floats with integer values."""
    with np.errstate(invalid="ignore"):
        return y.dtype.kind == "f" and np.array_equal(y.astype(np.int64), y)


def is_soft(y: ArrayLike) -> bool:
    """Return whether y is a matrix of class probabilities: two-dimensional, 2 or more columns."""
    try:
        shape = y.shape if hasattr(y, "shape") else np.asarray(y).shape
    except ValueError:  # lists of different lengths, of which `label_column` says more
        return False
    return len(shape) == 2 and shape[1] >= 2


def label_column(name: str, y: ArrayLike, warn: bool = False) -> NDArray[Any]:
    """Return labels as an ndarray of shape (n_samples,), or raise an error that names them.

    Parameters
    ----------
    name : str
        The argument, for errors.
    y : array-like of shape (n_samples,) or (n_samples, 1)
    warn : bool, default=False
        Whether to warn of a column, as scikit-learn's classifiers do.
    """
    check_collected(name, y)
    try:
        labels = column_or_1d(to_numpy(y), warn=warn)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} must have one label for each sample: {error}") from error
    if labels.dtype.kind not in "biufOUST":
        given = "Complex data" if labels.dtype.kind == "c" else f"dtype {labels.dtype}"
        raise ValueError(
            f"{name} must have one label for each sample, a number or a string. {given} not "
            "supported"
        )
    return labels


def unique_labels(y: NDArray[Any], name: str = "y") -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return np.unique(y, return_inverse=True) of a one-dimensional array that is not empty.

    The inverse may be y itself.

    Raises
    ------
    TypeError
        If the labels are of types that cannot be sorted together. The error names them.
    """
    if y.dtype.kind not in "bui" and not are_whole_floats(y):
        return _sorted_labels(y, name)
    low, high = int(y.min()), int(y.max())
    if high - low > LARGEST_RANGE or high > np.iinfo(np.intp).max:
        return np.unique(y, return_inverse=True)
    shifted = y
    if low != 0 or y.dtype != np.intp:
        shifted = np.subtract(y, low, dtype=np.intp, casting="unsafe")
    # The smallest and the largest label are present.
    is_seen = np.ones(high - low + 1, dtype=bool)
    if len(is_seen) > 2:
        is_seen = np.bincount(shifted, minlength=len(is_seen)) > 0
    if is_seen.all():
        label = shifted
    else:
        label = (np.cumsum(is_seen) - 1)[shifted]
    return (np.flatnonzero(is_seen) + low).astype(y.dtype), label


def _sorted_labels(y: NDArray[Any], name: str) -> tuple[NDArray[Any], NDArray[np.intp]]:
    try:
        return np.unique(y, return_inverse=True)
    except TypeError as error:
        raise TypeError(
            f"{name} must have labels of one type, such as strings or integers: {error}"
        ) from error


def group_indices(
    name: str, groups: NDArray[Any], what: str = "groups"
) -> tuple[NDArray[np.intp], int]:
    """Return the index of each sample's group, and how many groups there are: two or more.

    Parameters
    ----------
    name : str
        The argument, for errors.
    groups : ndarray of shape (n_samples,)
        Of the samples with weight, as `label_column` returns them.
    what : str, default="groups"
        What they are, for errors.

    Raises
    ------
    ValueError
        For NaN or None, and for fewer than two groups.
    TypeError
        If the labels are of types that cannot be sorted together.
    """
    if np.any((groups != groups) | np.equal(groups, np.array(None))):
        raise ValueError(f"{name} must name a group for each sample, got NaN or None")
    found, index = unique_labels(groups, name)
    if len(found) < 2:
        raise ValueError(f"{name} must name at least 2 {what} with weight, got {len(found)}")
    return index, len(found)


def check_labels(name: str, y: NDArray[Any]) -> None:
    """Raise a ValueError that names the argument unless y holds labels of classes.

    Parameters
    ----------
    name : str
    y : ndarray of shape (n_samples,)

    Warns
    -----
    UserWarning
        If most labels of more than 20 occur once, as scikit-learn does.
    """
    if y.dtype.kind == "f":
        check_finite(name, y)
    kind = type_of_target(y, input_name=name)
    if kind in ("binary", "multiclass"):
        return
    hint = ""
    if y.dtype.kind == "f" and y.min() >= 0 and y.max() <= 1:
        hint = "; if they are class probabilities, pass one column per class"
    raise ValueError(
        f"{name} must hold labels of classes, got {kind} values{hint}. Unknown label type: {kind}"
    )


def find_labels(
    y: NDArray[Any], classes: NDArray[Any]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return (index of each label among the classes, whether it is one of them).

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    classes : ndarray of shape (n_classes,)
        Sorted.
    """
    index = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    return index, classes[index] == y
