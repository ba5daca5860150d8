"""Labels of classes."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target

from sklogloss.inputs.arrays import check_finite

__all__ = [
    "are_whole_numbers",
    "check_labels",
    "find_labels",
    "group_indices",
    "is_soft",
    "label_column",
    "unique_labels",
]

# Whole numbers with a range up to this are counted, which takes a fraction of the time of sorting.
LARGEST_RANGE = 10_000


def are_whole_numbers(y: NDArray[Any]) -> bool:
    """Return whether all labels are integers, or floats with integer values."""
    if y.dtype.kind != "f":
        return y.dtype.kind in "bui"
    with np.errstate(invalid="ignore"):
        return np.array_equal(y.astype(np.int64), y)


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
    try:
        labels = column_or_1d(y, warn=warn)
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
    if not are_whole_numbers(y):
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
