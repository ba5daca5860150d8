"""Scores and probabilities of many rows: one pass, which shows if all entries are finite."""

import numpy as np

from sklogloss._cython import data_pass
from sklogloss.linear.samples import make_design
from sklogloss.linear.threads import one_blas_thread

__all__ = ["predict_rows"]


def predict_rows(X, coef, intercept, loss=None, *, logarithm=False, n_threads):
    """Return the scores of the rows of X, or the probabilities that a loss makes of them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float64 or float32
    coef : ndarray of shape (n_columns, n_features), of the dtype of X
    intercept : array-like of shape (n_columns,), (1,) or (1, n_columns), or float
    loss : Loss, default=None
        Its link turns scores into probabilities. None for scores.
    logarithm : bool, default=False
        Whether to return log-probabilities.
    n_threads : int

    Returns
    -------
    prediction : ndarray of shape (n_samples, n_columns) or (n_samples, n_classes), or None
        None if an entry of X, or a sum, is not finite.
    """
    n_columns = len(coef) if loss is None else loss.n_classes
    # It may have been set by hand.
    intercept = np.broadcast_to(np.ravel(intercept), len(coef))
    prediction = np.empty((len(X), n_columns), dtype=X.dtype)
    with one_blas_thread():
        total = data_pass.predict(
            make_design(X),
            np.ascontiguousarray(coef.T),
            np.ascontiguousarray(intercept, dtype=X.dtype),
            None if loss is None else loss.kernel(),
            logarithm,
            prediction,
            n_threads,
        )
    return prediction if np.isfinite(total) else None
