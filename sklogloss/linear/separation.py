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
    if sample_weight is not None and not np.all(sample_weight > 0):
        X, label = X[sample_weight > 0], label[sample_weight > 0]
    margin = _margins(X, coef, intercept, label)
    largest = margin.max()
    if not largest >= SMALLEST_STEP:
        return False
    if margin.min() >= -ROUNDING * largest:
        return True
    for part in NEARLY_ZERO:
        if margin.min() < -part * largest:
            continue
        on_boundary = np.abs(margin) <= part * largest
        corrected = _with_zero_margins(X, coef, intercept, label, on_boundary, fit_intercept)
        if corrected is None:
            return False
        corrected_margin = _margins(X, *corrected, label)
        largest_corrected = corrected_margin.max()
        if (
            largest_corrected >= SMALLEST_STEP / 2
            and corrected_margin.min() >= -ROUNDING * largest_corrected
        ):
            return True
    return False


def _margins(X, coef, intercept, label):
    # (n_samples, 1), or (n_samples, n_classes) of the label over each class, inf over itself.
    raw_prediction = np.asarray(X @ coef) + intercept
    if coef.shape[1] == 1:
        return np.where(label[:, None] == 1, raw_prediction, -raw_prediction)
    rows = np.arange(len(label))
    margin = raw_prediction[rows, label][:, None] - raw_prediction
    # Over itself it is no margin: the largest one takes its place.
    margin[rows, label] = margin.max()
    return margin


def _with_zero_margins(X, coef, intercept, label, on_boundary, fit_intercept):
    # The closest (coef, intercept) whose margins are zero where on_boundary is set.
    rows, classes = np.nonzero(on_boundary)
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
