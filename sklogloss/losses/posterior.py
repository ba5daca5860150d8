"""From scores back to the true class probabilities."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["undo_weights_and_smoothing"]


def undo_weights_and_smoothing(
    log_proba: NDArray[Any], class_weight: NDArray[Any], label_smoothing: float
) -> NDArray[Any]:
    """Return the log-probabilities that class weights and label smoothing have distorted.

    A model whose raw prediction minimises the expected weighted loss of smoothed targets does so,
    without weights and smoothing, for probabilities u proportional to T (w * eta), where eta are
    the true probabilities, w the class weights and
    T = (1 - label_smoothing) I + label_smoothing / K 11'. Hence eta is proportional to
    T^-1 u / w; a probability that would be negative becomes the smallest positive number.

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_classes)
        Logarithms of u, in nats.
    class_weight : ndarray of shape (n_classes,)
        Weights of the classes during fit. Where a weight is zero, nothing is known of the class:
        its probability is the smallest positive number.
    label_smoothing : float in [0, 1)

    Returns
    -------
    log_posterior : ndarray of shape (n_samples, n_classes), in the dtype of log_proba
    """
    tiny = np.finfo(log_proba.dtype).tiny
    n_classes = log_proba.shape[1]
    if label_smoothing > 0:
        unsmoothed = np.exp(log_proba) - label_smoothing / n_classes
        unsmoothed /= 1 - label_smoothing
        log_eta = np.log(np.maximum(unsmoothed, tiny))
    else:
        log_eta = log_proba.copy()
    seen = class_weight > 0
    log_eta[:, seen] -= np.log(class_weight[seen]).astype(log_proba.dtype)
    log_eta[:, ~seen] = -np.inf
    log_eta -= log_eta.max(axis=1, keepdims=True)
    log_eta -= np.log(np.exp(log_eta).sum(axis=1, keepdims=True))
    log_eta[:, ~seen] = np.log(tiny)
    return log_eta
