"""From raw predictions to the true class probabilities, and back."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklogloss.inputs.arrays import real_array
from sklogloss.inputs.loss_arguments import check_raw_prediction, check_target
from sklogloss.inputs.parameters import Interval, check_parameter
from sklogloss.inputs.weights import as_sample_weight, check_class_weight

__all__ = ["PosteriorMap", "undo_weights_and_smoothing"]

# Assumed fraction of a class that does not occur: its best raw prediction would be infinite.
SMALLEST_SHARE = 1e-15


class PosteriorMap(ABC):
    """The part of a loss that maps raw predictions to true class probabilities, and back."""

    n_classes: int

    @abstractmethod
    def value(
        self,
        target: ArrayLike,
        raw_prediction: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        value_out: NDArray[Any] | None = None,
        n_threads: int = 1,
    ) -> NDArray[Any]:
        """As in `Loss`."""

    @abstractmethod
    def log_link(self, raw_prediction: ArrayLike) -> NDArray[Any]:
        """As in `Loss`."""

    def posterior(
        self,
        raw_prediction: ArrayLike,
        class_weight: ArrayLike | None = None,
        label_smoothing: float = 0.0,
    ) -> NDArray[Any]:
        r"""Compute the probabilities of the classes in the population that was fitted.

        They are the :math:`\eta_k` under which no other raw prediction has a smaller expected loss:

        .. math:: \sum_k \eta_k w_k \frac{\partial \ell(y_k, z)}{\partial z} = 0,

        where :math:`w_k` are the class weights and :math:`y_k` the smoothed targets. For a proper
        loss without weights and smoothing they are those of `link`.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)
            See `value`.
        class_weight : array-like of shape (n_classes,), default=None
            Factors of the loss by the sample's class, finite and not negative, not all zero; None
            means 1. Nothing is known about a class of weight zero: its probability is the smallest
            positive normal number.
        label_smoothing : float, default=0.0
            In [0, 1): the targets were (1 - label_smoothing) y + label_smoothing / n_classes.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes)
            Probabilities, two columns for two classes.

        Raises
        ------
        TypeError, ValueError
            As in `value`, and for class weights or smoothing out of range.
        """
        with np.errstate(under="ignore"):
            return np.exp(self.log_posterior(raw_prediction, class_weight, label_smoothing))

    def log_posterior(
        self,
        raw_prediction: ArrayLike,
        class_weight: ArrayLike | None = None,
        label_smoothing: float = 0.0,
    ) -> NDArray[Any]:
        """Compute the logarithms of `posterior`, finite for any finite raw prediction.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)
            See `value`.
        class_weight : array-like of shape (n_classes,), default=None
            See `posterior`.
        label_smoothing : float, default=0.0
            See `posterior`.

        Returns
        -------
        log_probability : ndarray of shape (n_samples, n_classes)
            Log-probabilities in nats, two columns for two classes.

        Raises
        ------
        TypeError, ValueError
            See `posterior`.
        """
        class_weight = check_class_weight(class_weight, self.n_classes)
        check_parameter("label_smoothing", label_smoothing, Interval(0, 1, "[)"))
        return undo_weights_and_smoothing(
            self._log_minimised(check_raw_prediction(self, raw_prediction)),
            class_weight,
            label_smoothing,
        )

    def init_score(
        self, target: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float | NDArray[Any]:
        """Compute the constant raw prediction that has the smallest loss.

        Parameters
        ----------
        target : array-like of shape (n_samples,) or (n_samples, n_classes)
            See `value`.
        sample_weight : array-like of shape (n_samples,), default=None
            Factor of each sample, finite and not negative, not all zero; None means 1.

        Returns
        -------
        raw_prediction : float or ndarray of shape (n_classes,)
            A number for two classes, else one for each class, with mean zero. It is finite: a class
            that does not occur is assumed to have a fraction of 1e-15.

        Raises
        ------
        TypeError, ValueError
            See `value`.
        """
        target = real_array("target", target)
        n_samples = target.shape[0] if target.ndim else 0
        if n_samples == 0:
            raise ValueError(f"target must hold samples, its shape is {target.shape}")
        shape = (n_samples,) if self.n_classes == 2 else (n_samples, self.n_classes)
        nothing = np.zeros(shape)
        self.value(target, nothing, sample_weight)  # raises the errors
        target = check_target(self, target, nothing)
        weight = as_sample_weight(sample_weight, n_samples)
        if weight is None:
            weight = np.ones(n_samples)
        elif not weight.any():
            raise ValueError("sample_weight must not be zero for all samples.")
        if target.ndim == 1 and self.n_classes > 2:
            share = np.bincount(target.astype(np.intp), weight, minlength=self.n_classes)
        else:
            share = weight @ target
        share = share / weight.sum()
        if self.n_classes == 2:
            share = np.array([1 - share, share])
        minimiser = self._minimiser(np.log(np.maximum(share, SMALLEST_SHARE)))
        if self.n_classes == 2:
            return float(minimiser[1] - minimiser[0])
        return minimiser - minimiser.mean()

    def _log_minimised(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        """Return the log-probabilities whose expected loss a raw prediction minimises.

        Those of the link for a proper loss. Shape (n_samples, n_classes), finite.
        """
        return self.log_link(raw_prediction)

    def _minimiser(self, log_proba: NDArray[Any]) -> NDArray[Any]:
        """Return the raw prediction, of n_classes entries, whose `_log_minimised` is log_proba."""
        return log_proba


def undo_weights_and_smoothing(
    log_proba: NDArray[Any], class_weight: NDArray[Any], label_smoothing: float
) -> NDArray[Any]:
    """Return log-probabilities without the effect of class weights and label smoothing.

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
        Weights of the classes during fit. Nothing is known about a class of weight zero: its
        probability is the smallest positive number.
    label_smoothing : float in [0, 1)

    Returns
    -------
    log_posterior : ndarray of shape (n_samples, n_classes), in the dtype of log_proba
    """
    tiny = np.finfo(log_proba.dtype).tiny
    n_classes = log_proba.shape[1]
    if label_smoothing > 0:
        with np.errstate(under="ignore"):
            unsmoothed = np.exp(log_proba) - label_smoothing / n_classes
        unsmoothed /= 1 - label_smoothing
        log_eta = np.log(np.maximum(unsmoothed, tiny))
    else:
        log_eta = log_proba.copy()
    seen = class_weight > 0
    log_eta[:, seen] -= np.log(class_weight[seen]).astype(log_proba.dtype)
    log_eta[:, ~seen] = -np.inf
    log_eta -= log_eta.max(axis=1, keepdims=True)
    with np.errstate(under="ignore"):
        log_eta -= np.log(np.exp(log_eta).sum(axis=1, keepdims=True))
    log_eta[:, ~seen] = np.log(tiny)
    return log_eta
