"""Passes for the scores of the rows: raw predictions, gradients, products with any weights."""

import numpy as np

from sklogloss._cython import data_pass
from sklogloss._cython.loss_evaluation import evaluate
from sklogloss.linear.entries import Entries
from sklogloss.linear.symmetric import symmetric

__all__ = ["raw_prediction", "row_gradients", "transposed_product", "weighted_gram"]


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
    samples = samples.local
    dtype, design = samples.dtype, samples.design
    coef = np.ascontiguousarray(coef, dtype=dtype)
    intercept = np.ascontiguousarray(intercept, dtype=dtype)
    if design.is_sparse:
        return Entries.of(samples).times(coef) + intercept
    prediction = np.empty((samples.n_samples, coef.shape[1]), dtype=dtype)
    data_pass.predict(design, coef, intercept, None, False, prediction, samples.n_threads)
    return prediction


def row_gradients(samples, loss, coef, intercept):
    """Return the derivative of each row's loss by its raw prediction, without weight: one pass.

    Parameters
    ----------
    samples : Samples
    loss : LossKernel
    coef : ndarray of shape (n_features, n_columns)
    intercept : ndarray of shape (n_columns,)

    Returns
    -------
    gradients : Fortran-ordered ndarray of shape (n_samples, n_columns)
    """
    prediction = np.asfortranarray(raw_prediction(samples, coef, intercept))
    if samples.offset is not None:
        prediction += samples.offset
    gradients = np.empty_like(prediction)
    evaluate(loss, samples.target, prediction, None, None, gradients, None, samples.n_threads)
    return gradients


def transposed_product(samples, rows):
    """Return X' times the weighted rows, and the sums of the weighted rows: one pass.

    Parameters
    ----------
    samples : Samples
    rows : Fortran-ordered ndarray of shape (n_samples, n_columns)

    Returns
    -------
    sums : C-ordered ndarray of shape (n_columns, n_features + 1)
        The last column has the sums of the rows.
    """
    samples = samples.local
    sums = data_pass.transposed_product(samples.design, rows, samples.weight, samples.n_threads)
    return np.ascontiguousarray(sums.reshape(-1, rows.shape[1]).T)


def weighted_gram(samples, weight, coordinates, *, signed_weight=False):
    """Return the cross-products of the columns of X, and 1, in coordinates: one pass.

    Parameters
    ----------
    samples : Samples
    weight : ndarray of shape (n_samples,)
        Used instead of the rows' own weight.
    coordinates : Coordinates
    signed_weight : bool
        Whether weights may be negative.

    Returns
    -------
    gram : ndarray of shape (n_features + fit_intercept, n_features + fit_intercept)
    """
    samples = samples.local
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
