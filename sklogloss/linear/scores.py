"""Passes for the scores of the rows: their raw predictions, and cross-products by any weight."""

import numpy as np

from sklogloss._cython import data_pass
from sklogloss.linear.symmetric import symmetric

__all__ = ["raw_prediction", "weighted_gram"]


def raw_prediction(samples, coef, intercept):
    """Return X coef + intercept, without the offset: one pass.

    Parameters
    ----------
    samples : Samples
    coef : ndarray of shape (n_features, n_columns)
    intercept : ndarray of shape (n_columns,)

    Returns
    -------
    raw_prediction : ndarray of shape (n_samples, n_columns), of the dtype of the arithmetic
    """
    dtype, design = samples.dtype, samples.design
    coef = np.ascontiguousarray(coef, dtype=dtype)
    intercept = np.ascontiguousarray(intercept, dtype=dtype)
    if design.is_sparse:
        return design.X @ coef + intercept
    prediction = np.empty((samples.n_samples, coef.shape[1]), dtype=dtype)
    data_pass.predict(design, coef, intercept, None, False, prediction, samples.n_threads)
    return prediction


def weighted_gram(samples, weight, coordinates, *, signed_weight=False):
    """Return the cross-products of the columns of X, and 1, in coordinates: one pass.

    Parameters
    ----------
    samples : Samples
    weight : ndarray of shape (n_samples,)
        Of each row, instead of its own.
    coordinates : Coordinates
    signed_weight : bool
        Whether weights may be negative.

    Returns
    -------
    gram : ndarray of shape (n_features + fit_intercept, n_features + fit_intercept)
    """
    gram = data_pass.gram(
        samples.design,
        coordinates.center.astype(samples.dtype),
        coordinates.scale.astype(samples.dtype),
        np.ascontiguousarray(weight, dtype=samples.dtype),
        coordinates.fit_intercept,
        False,
        samples.n_threads,
        signed_weight,
    )
    if samples.design.is_sparse and coordinates.fit_intercept:
        coordinates.center_gram(gram[None])
    return symmetric(gram)
