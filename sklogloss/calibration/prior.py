"""Correction of probabilities for class frequencies that differ from those of the fit."""

# Annotations stay as they are written: help() shows ArrayLike, not what it stands for.
from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import _routing_enabled, process_routing
from sklearn.utils.validation import check_is_fitted

from sklogloss.calibration.held_out import (
    class_log_proba,
    take_over_features,
    targets_of,
    with_all_classes,
)
from sklogloss.calibration.wrapper import WrappingClassifier
from sklogloss.inputs.arrays import check_finite, check_same_length, real_array
from sklogloss.inputs.columns import in_order_of_labels
from sklogloss.inputs.errors import shown
from sklogloss.inputs.parameters import Integers, Interval, check_parameter
from sklogloss.inputs.weights import check_sample_weight

__all__ = ["PriorCorrection"]

# Resampling leaves no class with fewer samples. A smaller number is more likely to be a weight.
MIN_SAMPLES = 2


class PriorCorrection(WrappingClassifier):
    r"""A classifier whose probabilities are corrected for the class frequencies.

    If a class was resampled or weighted, or if it is rarer in use than in the training data, the
    probabilities of a classifier belong to other class frequencies. If the distribution within each
    class is the same, the correction is a constant factor for each class:

    .. math:: p'_k \propto p_k \, \pi_k / \pi^\text{fit}_k,

    where :math:`\pi` are the frequencies in use and :math:`\pi^\text{fit}` those that the
    classifier has seen [1]_.

    Parameters
    ----------
    estimator : classifier with `predict_proba`
        It may be a Pipeline of imbalanced-learn that contains a sampler. Wrap a fitted classifier
        in scikit-learn's `FrozenEstimator`.
    class_prior : array-like of shape (n_classes,) or dict, default=None
        The class frequencies in use, in the order of ``classes_``, or by label in a dict or a
        Series. They are divided by their sum. None means the frequencies of y in `fit`, weighted by
        sample_weight. `estimate_prior` estimates them from data without labels.
    sampling : {"balanced"}, dict, array-like of shape (n_classes,) or None, default="balanced"
        How the class frequencies of y were changed before the classifier saw them:

        - "balanced": equal frequencies, as after a sampler of imbalanced-learn with its default
          settings, or with ``class_weight="balanced"``.
        - dict: the number of samples of each class after resampling, by label, as
          ``sampling_strategy`` of imbalanced-learn. Classes that are not in it keep their number.
          It holds no weights, as a dict of ``class_weight`` does: a number below 2 is an error.
        - array or Series: the weights of the classes, in the order of ``classes_`` or by label, as
          by ``scale_pos_weight=w``: ``[1, w]``. For the weights of a dict give
          ``pandas.Series(class_weight)``.
        - None: they were not changed. Then only class_prior matters.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    estimator_ : classifier
        The fitted classifier.
    class_prior_ : ndarray of shape (n_classes,)
        The class frequencies in use.
    fit_prior_ : ndarray of shape (n_classes,)
        The class frequencies that the estimator has seen.
    n_features_in_ : int
        Number of features seen during fit, if the estimator knows it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen during fit, if the estimator knows them.

    See Also
    --------
    CalibratedClassifier : Learns the correction from held-out predictions.

    References
    ----------
    .. [1] M. Saerens, P. Latinne and C. Decaestecker, "Adjusting the Outputs of a Classifier to New
       a Priori Probabilities: A Simple Procedure", Neural Computation 14 (2002), 21-41, equations
       2.4 and 2.9.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss import LogLossClassifier
    >>> from sklogloss.calibration import PriorCorrection
    >>> rng = np.random.default_rng(0)
    >>> y = (rng.random(20_000) < 0.05).astype(int)
    >>> X = rng.normal(size=(20_000, 1)) + y[:, None]
    >>> balanced = LogLossClassifier(class_weight="balanced")
    >>> print(f"{balanced.fit(X, y).predict_proba(X)[:, 1].mean():.2f}")
    0.41
    >>> corrected = PriorCorrection(balanced).fit(X, y)
    >>> print(f"{corrected.predict_proba(X)[:, 1].mean():.2f}")
    0.05
    """

    def __init__(
        self,
        estimator: Any,
        *,
        class_prior: ArrayLike | Mapping[Any, float] | None = None,
        sampling: str | Mapping[Any, float] | ArrayLike | None = "balanced",
    ) -> None:
        self.estimator = estimator
        self.class_prior = class_prior
        self.sampling = sampling

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **params: Any,
    ) -> Self:
        """Fit the estimator, and compute the class frequencies.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data of any type that the estimator accepts.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels before any resampling, or soft targets if the estimator accepts them.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative; None means 1 for each sample. Used for the class frequencies, and passed to
            the estimator.
        **params : dict
            Passed to the `fit` of the estimator. With metadata routing, as it requests.

        Returns
        -------
        self : object
            Fitted classifier.

        Raises
        ------
        ValueError, TypeError
            If a parameter or an input is out of its range; the message names it.
        """
        if not hasattr(self.estimator, "predict_proba") or isinstance(self.estimator, type):
            raise TypeError(
                f"estimator must be a classifier with predict_proba, got {shown(self.estimator)}"
            )
        targets = targets_of(self, y)
        if hasattr(X, "shape") or hasattr(X, "__len__"):
            check_same_length(X=X, y=targets)
        weight = check_sample_weight(sample_weight, len(targets))
        given = dict(params)
        if sample_weight is not None:
            given["sample_weight"] = sample_weight
        routed = Bunch(estimator=Bunch(fit=given))
        if _routing_enabled():
            routed = process_routing(self, "fit", **given)
        classes = targets.classes
        totals = targets.class_totals(weight).astype(np.float64)
        shares = totals / totals.sum()
        self.fit_prior_ = _after_sampling(self.sampling, totals, classes)
        self.class_prior_ = shares
        if self.class_prior is not None:
            self.class_prior_ = _shares("class_prior", self.class_prior, classes)
            unseen = classes[self.fit_prior_ == 0]
            if len(unseen):
                raise ValueError(
                    "class_prior needs samples of all classes in y, with nonzero weight; there "
                    f"are none of {shown(unseen.tolist())}"
                )
        self.classes_ = classes
        self.estimator_ = clone(self.estimator).fit(X, y, **routed.estimator.fit)
        unknown = np.setdiff1d(self.estimator_.classes_, classes)
        if len(unknown):
            raise ValueError(f"y must have all classes of the estimator, but lacks {list(unknown)}")
        take_over_features(self, self.estimator_)
        return self

    def estimate_prior(self, X: ArrayLike, *, tol: float = 1e-8, max_iter: int = 10_000) -> Self:
        r"""Set ``class_prior_`` to the estimated class frequencies of data without labels.

        These are the frequencies with the largest likelihood, computed by expectation-maximisation.
        At the maximum, they equal the means of the corrected probabilities. The probabilities must
        be calibrated for the frequencies of the fit.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples from use.
        tol : float, default=1e-8
            The iteration ends when no frequency changes by more.
        max_iter : int, default=10000

        Returns
        -------
        self : object

        Warns
        -----
        ConvergenceWarning
            If frequencies still change by more than tol after max_iter iterations.
        """
        check_is_fitted(self)
        check_parameter("tol", tol, Interval(0, np.inf, "[)"))
        check_parameter("max_iter", max_iter, Integers(1))
        log_ratio = self._log_proba_of_estimator(X) - _logarithm(self.fit_prior_)
        # Likelihoods of the classes, up to a factor for each sample.
        likelihood = np.exp(log_ratio - log_ratio.max(axis=1, keepdims=True))
        prior = self.fit_prior_
        for _ in range(max_iter):
            before = prior
            posterior = likelihood * prior
            prior = np.mean(posterior / posterior.sum(axis=1, keepdims=True), axis=0)
            change = np.abs(prior - before).max()
            if change <= tol:
                break
        else:
            warnings.warn(
                f"estimate_prior did not converge in max_iter={max_iter} iterations: class "
                f"frequencies still change by {change:.2g}. Increase max_iter or tol",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.class_prior_ = prior
        return self

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the logarithms of the corrected probabilities, in nats.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Columns as in ``classes_``.
        """
        check_is_fitted(self)
        log_proba = self._log_proba_of_estimator(X)
        log_proba = log_proba + (_logarithm(self.class_prior_) - _logarithm(self.fit_prior_))
        log_proba -= log_proba.max(axis=1, keepdims=True)
        with np.errstate(under="ignore"):
            log_proba -= np.log(np.exp(log_proba).sum(axis=1, keepdims=True))
        return log_proba

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the corrected probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Columns as in ``classes_``.
        """
        with np.errstate(under="ignore"):
            return np.exp(self.predict_log_proba(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class with the largest corrected probability for each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels.
        """
        log_proba = self.predict_log_proba(X)
        return self.classes_[log_proba.argmax(axis=1)]

    def _log_proba_of_estimator(self, X: ArrayLike) -> NDArray[np.float64]:
        log_proba = class_log_proba(self.estimator_, X)
        return with_all_classes(log_proba, self.estimator_.classes_, self.classes_, -np.inf)


def _after_sampling(
    sampling: Any, totals: NDArray[np.float64], classes: NDArray[Any]
) -> NDArray[np.float64]:
    # The class frequencies that the estimator has seen.
    if sampling is None:
        after = totals
    elif isinstance(sampling, str):
        check_parameter("sampling", sampling, ("balanced", None))
        after = (totals > 0).astype(np.float64)
    elif isinstance(sampling, Mapping):
        after = totals.copy()
        for label, number in sampling.items():
            after[_index("sampling", label, classes)] = _sample_count(number)
    else:
        weights = in_order_of_labels("sampling", sampling, -1, classes)
        after = totals * _positive_array("sampling", weights, len(classes))
    return after / after.sum()


def _shares(name: str, given: Any, classes: NDArray[Any]) -> NDArray[np.float64]:
    if isinstance(given, Mapping):
        shares = np.full(len(classes), np.nan)
        for label, share in given.items():
            shares[_index(name, label, classes)] = _number(name, share)
        if np.isnan(shares).any():
            raise ValueError(
                f"{name} must have all classes, but lacks {classes[np.isnan(shares)].tolist()}"
            )
    else:
        given = in_order_of_labels(name, given, -1, classes)
        shares = _positive_array(name, given, len(classes))
    return shares / shares.sum()


def _index(name: str, label: Any, classes: NDArray[Any]) -> int:
    found = np.flatnonzero(classes == label)
    if len(found) != 1:
        raise ValueError(f"{name} must have labels of {classes.tolist()}, got {shown(label)}")
    return int(found[0])


def _number(name: str, value: Any) -> float:
    check_parameter(name, value, Interval(0, np.inf, "()"))
    return float(value)


def _sample_count(number: Any) -> float:
    if _number("sampling", number) < MIN_SAMPLES:
        raise ValueError(
            "sampling as a dict must hold numbers of samples after resampling, of "
            f"{MIN_SAMPLES} or more, got {shown(number)}. Weights of the classes are an array, in "
            "the order of classes_, or a Series by label"
        )
    return float(number)


def _positive_array(name: str, given: Any, n_classes: int) -> NDArray[np.float64]:
    array = real_array(name, given).astype(np.float64, copy=False)
    if array.shape != (n_classes,):
        raise ValueError(f"{name} must have shape ({n_classes},), got {array.shape}")
    check_finite(name, array)
    if not (array > 0).all():
        raise ValueError(f"{name} must be positive, got {shown(given)}")
    return array


def _logarithm(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    # A class without samples gets the most negative number, because nothing is known about it.
    return np.log(np.maximum(shares, np.finfo(np.float64).tiny))
