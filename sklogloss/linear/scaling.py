"""Center and scale of the columns of X, in which a problem is an even one."""

import numpy as np

from sklogloss._cython import data_pass

__all__ = ["center_and_scale", "column_moments"]

# Entries of a sparse X that are looked at at a time.
CHUNK_ENTRIES = 8192


def column_moments(design, weight, fit_intercept, *, dtype, n_threads):
    """Return the weighted means of the columns and their mean squared distances from them.

    Parameters
    ----------
    design : Design
    weight : ndarray of shape (n_samples,) or None
    fit_intercept : bool
        Without, the means are taken to be zero.
    dtype : dtype
        Of the objective.
    n_threads : int

    Returns
    -------
    total : float
        Sum of the weights.
    mean, spread : ndarray of shape (n_features,)
    """
    p = design.n_features
    shift = np.zeros(p, dtype=dtype)
    if not design.is_sparse:
        # Sums about a row of X lose no digits where the entries are far from zero.
        shift[:] = design.X[0 if weight is None else np.argmax(weight)]
    sums = data_pass.moments(design, shift, weight, n_threads)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = sums[:p] / sums[-1]
        spread = np.maximum(sums[p : 2 * p] / sums[-1] - mean**2, 0)
        mean += shift
        if not fit_intercept:
            spread += mean**2
            mean = np.zeros(p)
    return sums[-1], mean, spread


def center_and_scale(X, mean, curvature, dtype):
    """Return the center and the scale of each column, finite and of the dtype.

    Parameters
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_samples, n_features)
    mean : ndarray of shape (n_features,)
    curvature : ndarray of shape (n_features,)
        That of the objective along each coefficient.
    dtype : dtype

    Returns
    -------
    center : ndarray of shape (n_features,)
    scale : ndarray of shape (n_features,)
        Powers of two, so that scaling does not round.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        center = mean.astype(dtype)
        scale = 1 / np.sqrt(curvature)
    unusable = ~(np.isfinite(scale) & (scale > 0))
    if unusable.any():
        # Without penalty: the column is constant, or its squares leave the range of float64.
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            size = _largest_entries(X, unusable)
            scale[unusable] = np.where(size > 0, 1 / size, 1)[unusable]
        center[~np.isfinite(center)] = 0
    limit = np.finfo(dtype).max / 2
    scale = np.clip(scale, 1 / limit, limit)
    return center, np.exp2(np.round(np.log2(scale))).astype(dtype)


def _largest_entries(X, which):
    # Of the columns where `which` is true; of the others it may be too small.
    if isinstance(X, np.ndarray):
        return np.maximum(X.max(axis=0), -X.min(axis=0)).astype(np.float64)
    # SciPy's max copies the matrix.
    size = np.zeros(X.shape[1])
    if X.format == "csc":
        for j in np.flatnonzero(which):
            entries = X.data[X.indptr[j] : X.indptr[j + 1]]
            size[j] = np.abs(entries).max(initial=0)
    else:
        for start in range(0, X.nnz, CHUNK_ENTRIES):
            part = slice(start, min(start + CHUNK_ENTRIES, X.nnz))
            places = np.flatnonzero(which[X.indices[part]])
            if len(places):
                places += start
                np.maximum.at(size, X.indices[places], np.abs(X.data[places]))
    return size
