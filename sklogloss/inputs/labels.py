"""Labels of classes, hard and soft."""

import numpy as np

__all__ = ["are_whole_numbers", "is_soft", "order_of_classes", "sorted_columns", "unique_labels"]

# Whole numbers are counted, which takes a fraction of the time of sorting them, if their range is
# no larger than this.
LARGEST_RANGE = 10_000


def are_whole_numbers(y):
    """Return whether all labels are integers, or floats that equal some."""
    if y.dtype.kind != "f":
        return y.dtype.kind in "bui"
    with np.errstate(invalid="ignore"):
        return np.array_equal(y.astype(np.int64), y)


def unique_labels(y):
    """Return np.unique(y, return_inverse=True) of a one-dimensional array that is not empty.

    The inverse may be y itself.
    """
    if not are_whole_numbers(y):
        return np.unique(y, return_inverse=True)
    low, high = int(y.min()), int(y.max())
    if high - low > LARGEST_RANGE or high > np.iinfo(np.intp).max:
        return np.unique(y, return_inverse=True)
    offset = y
    if low != 0 or y.dtype != np.intp:
        offset = np.subtract(y, low, dtype=np.intp, casting="unsafe")
    # The smallest and the largest label are there.
    is_seen = np.ones(high - low + 1, dtype=bool)
    if len(is_seen) > 2:
        is_seen = np.bincount(offset, minlength=len(is_seen)) > 0
    if is_seen.all():
        label = offset
    else:
        label = (np.cumsum(is_seen) - 1)[offset]
    return (np.flatnonzero(is_seen) + low).astype(y.dtype), label


def is_soft(y):
    """Return whether y is a matrix of class probabilities: two-dimensional, 2 or more columns."""
    shape = y.shape if hasattr(y, "shape") else np.asarray(y).shape
    return len(shape) == 2 and shape[1] >= 2


def sorted_columns(columns, name):
    """Return (sorted names, order that sorts them) of the columns of class probabilities.

    Parameters
    ----------
    columns : list
    name : str
        Of the argument, for errors.
    """
    if len(set(columns)) < len(columns):
        raise ValueError(f"{name} must have columns of different names, got {columns}")
    try:
        sorted(columns)
    except TypeError as error:
        raise ValueError(
            f"{name} must have column names that can be sorted, got {columns}"
        ) from error
    names = np.asarray(columns)
    if names.ndim != 1:
        raise ValueError(f"{name} must have one name for each column, got {columns}")
    return np.unique(names, return_index=True)


def order_of_classes(columns, classes):
    """Return the place of each class among columns that have the classes as names.

    Parameters
    ----------
    columns : list
        Columns of polars have no other names than strings: they may be those of the classes.
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    order : list of int, or None if the names are not the classes
    """
    classes = classes.tolist()
    for names, wanted in ((columns, classes), (map(str, columns), map(str, classes))):
        place = {name: i for i, name in enumerate(names)}
        wanted = list(wanted)
        if len(place) == len(columns) and place.keys() == set(wanted):
            return [place[name] for name in wanted]
    return None
