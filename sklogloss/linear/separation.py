"""Whether a linear function separates the classes."""

import numpy as np
from scipy import sparse

__all__ = ["separates"]

# Part of the largest margin by which a margin may be negative and still count as zero.
ROUNDING = 1e-9
# A step of Newton's method along a separating direction moves the margins by about one.
SMALLEST_STEP = 0.1
# Parts of the largest margin below which margins are tried to be made zero.
NEARLY_ZERO = (1e-4, 1e-3, 1e-2, 1e-1)
# Numbers of a least-squares problem that is worth solving for the sake of a warning.
MAX_EQUATIONS = 10_000_000
# Numbers of X in a block of rows: NumPy converts a block of float32 to float64.
BLOCK_NUMBERS = 262_144


def separates(X, coef, intercept, label, sample_weight, fit_intercept):
    """Return whether a linear function, or one close to it, separates the classes.

    It has no sample on the wrong side then, and some on the right one. Moving along it lowers log
    loss for ever: the unpenalised problem has no minimiser (Albert & Anderson, Biometrika 71,
    1984). Where samples lie on the boundary, a solver knows the function to its tolerance only;
    the closest one with these samples exactly on the boundary is what counts.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    coef : ndarray of shape (n_features, n_columns)
    intercept : ndarray of shape (n_columns,)
    label : ndarray of shape (n_samples,)
        Class indices.
    sample_weight : ndarray of shape (n_samples,) or None
        Samples of weight zero do not count.
    fit_intercept : bool
    """
    seen = None if sample_weight is None or sample_weight.all() else sample_weight > 0
    smallest, largest = _extreme_margins(X, coef, intercept, label, seen)
    if not largest >= SMALLEST_STEP:
        return False
    if smallest >= -ROUNDING * largest:
        return True
    for part in NEARLY_ZERO:
        if smallest < -part * largest:
            continue
        boundary = _boundary(X, coef, intercept, label, seen, part * largest)
        corrected = _with_zero_margins(X, coef, intercept, label, *boundary, fit_intercept)
        if corrected is None:
            return False
        smallest_corrected, largest_corrected = _extreme_margins(X, *corrected, label, seen)
        if (
            largest_corrected >= SMALLEST_STEP / 2
            and smallest_corrected >= -ROUNDING * largest_corrected
        ):
            return True
    return False


def _margins(X, coef, intercept, label, seen):
    # Yield (first row, margins) of blocks of rows: (n, 1), or (n, n_classes) of the label over each
    # class. NaN is no margin: that over the label itself, and those of samples not seen.
    n_rows = max(1, BLOCK_NUMBERS // max(X.shape[1], coef.shape[1]))
    if sparse.issparse(X):
        n_rows = len(label)  # taking rows of it would copy them
    for start in range(0, len(label), n_rows):
        block = slice(start, start + n_rows)
        rows_of_X = X if sparse.issparse(X) else X[block]
        raw_prediction = np.asarray(rows_of_X @ coef) + intercept
        if coef.shape[1] == 1:
            margin = np.where(label[block, None] == 1, raw_prediction, -raw_prediction)
        else:
            rows = np.arange(len(raw_prediction))
            margin = raw_prediction[rows, label[block]][:, None] - raw_prediction
            margin[rows, label[block]] = np.nan
        if seen is not None:
            margin[~seen[block]] = np.nan
        yield start, margin


def _extreme_margins(X, coef, intercept, label, seen):
    # The smallest and the largest margin.
    smallest, largest = np.inf, -np.inf
    for _, margin in _margins(X, coef, intercept, label, seen):
        smallest = np.fmin.reduce(margin, axis=None, initial=smallest)
        largest = np.fmax.reduce(margin, axis=None, initial=largest)
    return smallest, largest


def _boundary(X, coef, intercept, label, seen, width):
    # Rows and columns of the margins that are at most width from zero.
    places = [
        (start + rows, columns)
        for start, margin in _margins(X, coef, intercept, label, seen)
        for rows, columns in [np.nonzero(np.abs(margin) <= width)]
    ]
    return tuple(np.concatenate(part) for part in zip(*places, strict=True))


def _with_zero_margins(X, coef, intercept, label, rows, classes, fit_intercept):
    # The closest (coef, intercept) whose margins of these rows over these classes are zero.
    n_columns = coef.shape[1]
    n_features = coef.shape[0] + fit_intercept
    if len(rows) * n_features * n_columns > MAX_EQUATIONS:
        return None
    part = X[rows].toarray() if sparse.issparse(X) else X[rows]
    part = part.astype(np.float64)
    if fit_intercept:
        part = np.column_stack([part, np.ones(len(rows))])
    difference = np.zeros((len(rows), n_columns))
    if n_columns == 1:
        difference[:] = 1
    else:
        difference[np.arange(len(rows)), label[rows]] = 1
        difference[np.arange(len(rows)), classes] -= 1
    equations = (part[:, :, None] * difference[:, None, :]).reshape(len(rows), -1)
    theta = np.vstack([coef, intercept]) if fit_intercept else coef
    correction = np.linalg.lstsq(equations, equations @ theta.ravel(), rcond=None)[0]
    theta = theta - correction.reshape(theta.shape)
    if fit_intercept:
        return theta[:-1], theta[-1]
    return theta, intercept
