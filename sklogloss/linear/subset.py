"""Parts of X that stand for the whole: a random subset of the rows, blocks of rows; columns."""

import numpy as np

from sklogloss._cython.csr_columns import csr_columns

__all__ = [
    "blocks_per_block_of_hessian",
    "random_rows",
    "rows_for_scale",
    "rows_for_starts",
    "take_columns",
    "take_rows",
]

# A subset of fewer rows than this solves nothing that the whole would not solve as fast.
SMALLEST_SUBSET = 4096
# The subset is this part of the rows at least, and at most twice that.
PART = 1 / 16
# Rows for each parameter of a subset that is solved: the error of a solution on m rows is about
# n_parameters / m nats.
ROWS_PER_PARAMETER = 50
# Rows for each parameter that make a Hessian which stands for that of the whole: with it each pass
# gains about a digit. They come in blocks of neighbours, so that there should be some of those, and
# be few of all. Where parameters are few, the Hessian of the whole costs little more.
ROWS_PER_PARAMETER_OF_HESSIAN = 8
MIN_BLOCKS_OF_HESSIAN = 16
MIN_BLOCKS_PER_BLOCK = 4
MANY_PARAMETERS = 200
# Rows that tell roughly where the columns lie.
ROWS_FOR_SCALE = 1024
# Rows of a subset that tells where starts lead, at least, and at most a quarter of the rows.
ROWS_FOR_STARTS = 2048
# Rows of each class: fewer leave the coefficients of a class to chance.
ROWS_PER_CLASS = 50


def random_rows(target, sample_weight, n_columns, n_parameters):
    """Return the indices of a random subset of the rows that have weight, in ascending order.

    The draw is the same each time. Sorted rows do not matter to it.

    Parameters
    ----------
    target : ndarray of shape (n_samples, 1) or (n_samples, n_classes)
    sample_weight : ndarray of shape (n_samples,) or None
    n_columns : int
        Columns of raw_prediction: 1 for two classes, else the number of classes.
    n_parameters : int

    Returns
    -------
    rows : ndarray of int or None
        None if the problem is too small to gain by a subset, or a class would be rare in it.
    """
    n_rows, candidates = _rows_with_weight(len(target), sample_weight)
    size = max(int(n_rows * PART), ROWS_PER_PARAMETER * n_parameters, SMALLEST_SUBSET)
    if size > 2 * PART * n_rows:
        return None
    return _draw(n_rows, candidates, size, target, n_columns)


def rows_for_starts(target, sample_weight, n_columns):
    """Return the indices of rows on which starts are followed, as random_rows does."""
    n_rows, candidates = _rows_with_weight(len(target), sample_weight)
    size = max(int(n_rows * PART), ROWS_FOR_STARTS)
    if size > 4 * PART * n_rows:
        return None
    return _draw(n_rows, candidates, size, target, n_columns)


def _rows_with_weight(n_samples, sample_weight):
    # Their number and indices, None if these are all.
    if sample_weight is None:
        return n_samples, None
    candidates = np.flatnonzero(sample_weight)
    return len(candidates), candidates


def _draw(n_rows, candidates, size, target, n_columns):
    rows = np.sort(np.random.default_rng(0).integers(n_rows, size=size))
    rows = rows[np.append(True, np.diff(rows) > 0)]
    if candidates is not None:
        rows = candidates[rows]
    return rows if _smallest_class(target[rows], n_columns) >= ROWS_PER_CLASS else None


def blocks_per_block_of_hessian(design, sample_weight, n_parameters):
    """Return k, where every k-th block of rows makes a Hessian that stands for that of the whole.

    It is 1 where the Hessian should be that of all rows.
    """
    if n_parameters < MANY_PARAMETERS:
        return 1
    n_rows, _ = _rows_with_weight(design.n_samples, sample_weight)
    every = min(
        round(n_rows / (ROWS_PER_PARAMETER_OF_HESSIAN * n_parameters)),
        design.n_samples // (MIN_BLOCKS_OF_HESSIAN * design.block_rows),
    )
    return every if every >= MIN_BLOCKS_PER_BLOCK else 1


def rows_for_scale(n_samples, sample_weight):
    """Return the indices of a few rows with weight, evenly spaced."""
    n_rows, candidates = _rows_with_weight(n_samples, sample_weight)
    rows = np.arange(0, n_rows, max(1, n_rows // ROWS_FOR_SCALE))
    return rows if candidates is None else candidates[rows]


def take_rows(X, rows):
    """Return a copy of some rows of X, in the memory order of X."""
    if isinstance(X, np.ndarray) and X.flags.c_contiguous:
        return X.take(rows, axis=0)  # three times as fast as X[rows]
    return X[rows]


def take_columns(X, columns, n_threads):
    """Return a copy of some columns of X, given in ascending order, in the memory order of X."""
    if isinstance(X, np.ndarray):
        return X.take(columns, axis=1) if X.flags.c_contiguous else X.T.take(columns, axis=0).T
    if X.format != "csr":
        return X[:, columns]
    places = np.full(X.shape[1], -1, dtype=np.int32)
    places[columns] = np.arange(len(columns))
    taken = type(X)((X.shape[0], len(columns)), dtype=X.dtype)
    taken.indptr, taken.indices, taken.data = csr_columns(
        X.indptr, X.indices, X.data, places, n_threads
    )
    taken.has_canonical_format = True
    return taken


def _smallest_class(target, n_columns):
    # Number of rows of the class that has the fewest.
    if target.shape[1] > 1:
        return target.sum(axis=0).min()
    if n_columns > 1:
        return np.bincount(target[:, 0].astype(np.intp), minlength=n_columns).min()
    n_positive = target.sum(dtype=np.float64)
    return min(n_positive, len(target) - n_positive)
