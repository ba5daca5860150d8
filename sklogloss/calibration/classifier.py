"""A classifier with recalibrated probabilities."""

# Annotations stay as they are written: help() shows ArrayLike, not what it stands for.
from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import Bunch, _safe_indexing, indexable
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import _check_method_params, check_is_fitted, has_fit_parameter

from sklogloss.calibration.base import Calibrator, warn_of_shares
from sklogloss.calibration.choice import CALIBRATORS, MethodScore, choose, held_out_scores
from sklogloss.calibration.held_out import (
    HeldOut,
    class_log_proba,
    class_raw_prediction,
    finite_raw_prediction,
    smallest_logarithm,
    take_over_features,
    targets_of,
    with_all_classes,
)
from sklogloss.calibration.wrapper import WrappingClassifier
from sklogloss.inputs.array_api import put_beside, to_numpy
from sklogloss.inputs.arrays import check_same_length
from sklogloss.inputs.errors import shown
from sklogloss.inputs.parameters import check_parameter
from sklogloss.inputs.splits import check_splitter, train_test_rows
from sklogloss.inputs.targets import Targets, is_soft
from sklogloss.inputs.weights import check_sample_weight

__all__ = ["CalibratedClassifier"]

DEFAULT_N_FOLDS = 5


class CalibratedClassifier(WrappingClassifier):
    """A classifier, followed by a calibrator fitted to held-out predictions.

    The calibrator gets the decision function of the classifier or, if it has none, the logarithms
    of its probabilities. A probability of 0 counts as half the smallest positive one.

    Parameters
    ----------
    estimator : classifier
        With `decision_function` or `predict_proba`. To keep a fitted classifier as it is, wrap it
        in scikit-learn's `FrozenEstimator <sklearn.frozen.FrozenEstimator>`. All samples given to
        `fit` are then used for the calibrator, so they must not be those that the classifier was
        fitted to.
    method : {"auto", "none", "temperature", "logistic", "beta", "vector", "structured", \
            "venn-abers", "isotonic"}, default="auto"
        The calibrator: `TemperatureScaling`, `LogisticScaling`, `BetaScaling`, `VectorScaling`,
        `StructuredScaling`, `VennAbers` (two classes) or `IsotonicScaling`; "none" leaves the
        probabilities unchanged. "auto" chooses by held-out log loss. It takes the first method, in
        this order, that is worse than the best by at most one standard error, and never one that is
        worse than "none". For two classes, it omits "vector" and "structured", which are "logistic"
        with other targets. For more classes, it omits "beta".
    cv : int, cross-validation generator or iterable, default=None
        The folds. The estimator is fitted to the training rows, and the calibrator to its
        predictions for the test rows. An integer is a number of stratified folds; None means 5, or
        fewer if no class has 5 samples.
    ensemble : bool, default=False
        If False, the estimator is refitted to all data, and one calibrator is fitted to the
        predictions of all folds; each sample may be a test row only once. If True, the estimator of
        each fold has its own calibrator, and probabilities are means over the folds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    method_ : str
        The method that is used; for "auto", the chosen one.
    scores_ : dict of str to MethodScore
        For "auto": the held-out log loss of each method, its excess over the best, and the standard
        error of the excess. Calibrators are fitted to all folds but one and scored on that fold.
        The log loss of smooth ones is corrected for the smaller number of rows [1]_.
    estimators_ : list of classifiers
        The fitted classifiers: one, or with ensemble=True one for each fold.
    calibrators_ : list of calibrators
        One calibrator for each classifier; None for the method "none". Their classes are the
        indices of ``classes_``.
    n_features_in_ : int
        Number of features seen during fit, if the estimator knows it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen during fit, if the estimator knows them.

    See Also
    --------
    PriorCorrection : For a classifier that was fitted to resampled or weighted data.

    Notes
    -----
    If the training rows of a fold lack a class, test rows of that class are left out, because the
    estimator could not learn it.

    References
    ----------
    .. [1] P. Burman, "A Comparative Study of Ordinary Cross-Validation, v-Fold Cross-Validation and
       the Repeated Learning-Testing Methods", Biometrika 76, 1989.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklogloss.calibration import CalibratedClassifier
    >>> from sklogloss.metrics import log_loss
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> clf = CalibratedClassifier(GaussianNB()).fit(X[::2], y[::2])
    >>> clf.method_
    'beta'
    >>> round(log_loss(y[1::2], clf.predict_proba(X[1::2])), 2)
    0.17
    >>> alone = GaussianNB().fit(X[::2], y[::2])
    >>> round(log_loss(y[1::2], alone.predict_proba(X[1::2])), 2)
    0.62
    """

    def __init__(
        self,
        estimator: Any,
        method: str = "auto",
        *,
        cv: int | BaseCrossValidator | Iterable[Any] | None = None,
        ensemble: bool = False,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.ensemble = ensemble

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **params: Any,
    ) -> Self:
        """Fit the estimator, choose a method, and fit the calibrator.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data of any type that the estimator accepts.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels, or soft targets (the probability of each class) if the estimator accepts them.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative; None means 1 for each sample. Passed to the estimator if it accepts
            weights, and to the calibrator, for which a weight of 2 means two samples. Importance
            weights should have a mean of 1: with weights that sum to 1, "auto" and Platt's targets
            are as cautious as with a single sample.
        **params : dict
            Passed to the `fit` of the estimator. With metadata routing, passed to the estimator and
            the splitter as they request.

        Returns
        -------
        self : object
            Fitted classifier.

        Raises
        ------
        ValueError, TypeError
            If a parameter or an input is out of its range; the message names it.

        Warns
        -----
        UserWarning
            If there are weights that the estimator does not accept, if weights sum to 1 or less, or
            if no sample of a class is held out.
        """
        self._check_parameters()
        X, y, sample_weight = (to_numpy(array) for array in (X, y, sample_weight))
        X, y = indexable(X, y)
        targets = targets_of(self, y)
        check_same_length(X=X, y=targets)
        weight = check_sample_weight(sample_weight, len(targets))
        warn_of_shares(weight)
        routed = self._route(sample_weight, params)
        self.classes_ = targets.classes
        if isinstance(self.estimator, FrozenEstimator) and not is_soft(y):
            check_is_fitted(self.estimator)
            unknown = np.setdiff1d(targets.classes, self.estimator.classes_)
            if len(unknown):
                raise ValueError(
                    "y must have classes of the fitted estimator, "
                    f"{shown(self.estimator.classes_.tolist())}, got {shown(unknown.tolist())}"
                )
            self.classes_ = self.estimator.classes_
        folds = self._folds(X, targets, routed.splitter.split)
        estimators, held_out = self._held_out(X, y, targets, weight, folds, routed.estimator.fit)
        self.method_ = self.method
        self.__dict__.pop("scores_", None)
        if self.method == "auto":
            self.scores_: dict[str, MethodScore] = held_out_scores(held_out)
            self.method_ = choose(self.scores_)
        if self.ensemble:
            self.estimators_ = estimators
            parts = [held_out.take(held_out.fold == number) for number in range(len(folds))]
        else:
            alone = clone(self.estimator)
            self.estimators_ = [alone.fit(X, y, **routed.estimator.fit)]
            parts = [held_out]
        self.calibrators_: list[Calibrator | None] = [
            None if self.method_ == "none" else part.fit(CALIBRATORS[self.method_]())
            for part in parts
        ]
        take_over_features(self, self.estimators_[0])
        return self

    def _check_parameters(self) -> None:
        check_parameter("method", self.method, ("auto", "none", *CALIBRATORS))
        check_parameter("ensemble", self.ensemble, bool)
        if isinstance(self.cv, str):
            hint = ""
            if self.cv == "prefit":
                hint = "; wrap a fitted estimator into sklearn.frozen.FrozenEstimator instead"
            raise ValueError(f"cv must be None, a number or folds, got {shown(self.cv)}{hint}")
        is_estimator = hasattr(self.estimator, "fit") and not isinstance(self.estimator, type)
        if not (is_estimator and is_classifier(self.estimator)):
            raise TypeError(f"estimator must be a classifier, got {shown(self.estimator)}")
        if self.method == "none" and not hasattr(self.estimator, "predict_proba"):
            raise ValueError(
                f'method="none" needs an estimator with predict_proba, got {shown(self.estimator)}'
            )

    def _route(self, sample_weight: ArrayLike | None, params: dict[str, Any]) -> Bunch:
        given = dict(params)
        if sample_weight is not None:
            given["sample_weight"] = sample_weight
        if _routing_enabled():
            return process_routing(self, "fit", **given)
        if "groups" in given and not has_fit_parameter(self.estimator, "groups"):
            raise ValueError(
                "groups reach the splitter only by metadata routing: call "
                "sklearn.set_config(enable_metadata_routing=True) first, or pass the splits as cv, "
                "list(splitter.split(X, y, groups))"
            )
        takes_weight = has_fit_parameter(self.estimator, "sample_weight")
        if sample_weight is not None and not takes_weight:
            del given["sample_weight"]
            if not isinstance(self.estimator, FrozenEstimator):
                warnings.warn(
                    f"{type(self.estimator).__name__} does not appear to accept sample_weight: "
                    "the weights are used only for the calibrator",
                    UserWarning,
                    stacklevel=3,
                )
        return Bunch(estimator=Bunch(fit=given), splitter=Bunch(split={}))

    def _folds(
        self, X: Any, targets: Targets, params: dict[str, Any]
    ) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        # The training and test rows of each split.
        label, cv = targets.most_probable(), self.cv
        n_samples = len(label)
        if cv is None:
            cv = max(2, min(DEFAULT_N_FOLDS, int(np.bincount(label).max())))
        labels = targets.classes[label]
        splitter = check_splitter(cv, labels, classifier=True)
        folds = list(train_test_rows(splitter, X, labels, n_samples, **params))
        times = sum((np.bincount(test, minlength=n_samples) for _, test in folds), np.zeros(1))
        if not times.any():
            raise ValueError("cv must put samples into test sets, got none")
        if times.max() > 1 and not self.ensemble:
            raise ValueError(
                "cv must put no sample into two test sets, or use ensemble=True; got "
                f"{shown(self.cv)}"
            )
        return folds

    def _held_out(
        self,
        X: Any,
        y: Any,
        targets: Targets,
        weight: NDArray[np.float64] | None,
        folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
        fit_params: dict[str, Any],
    ) -> tuple[list[Any], HeldOut]:
        # The estimators of the folds, and what they predict for the test rows.
        estimators, raws, log_probas, rows, of_folds = [], [], [], [], []
        for number, (train, test) in enumerate(folds):
            estimator = clone(self.estimator)
            params = _check_method_params(X, fit_params, indices=train)
            estimator.fit(_safe_indexing(X, train), _safe_indexing(y, train), **params)
            estimators.append(estimator)
            unknown = np.setdiff1d(estimator.classes_, self.classes_)
            if len(unknown):
                raise ValueError(
                    "y must have all classes of a fitted estimator, but lacks "
                    f"{shown(unknown.tolist())}"
                )
            test = self._judged_rows(estimator, targets, test, weight)
            if len(test) == 0:
                continue
            X_test = _safe_indexing(X, test)
            raws.append(class_raw_prediction(estimator, X_test, self.classes_))
            if hasattr(estimator, "predict_proba") and self.method == "auto":
                log_proba = class_log_proba(estimator, X_test)
                log_probas.append(
                    with_all_classes(log_proba, estimator.classes_, self.classes_, -np.inf)
                )
            rows.append(test)
            of_folds.append(np.full(len(test), number))
        if not rows:
            raise ValueError("cv must have test samples, with weight, of classes that are trained")
        raw, index = np.concatenate(raws), np.concatenate(rows)
        self._warn_of_unjudged_classes(targets, index)
        self._floor = smallest_logarithm(raw)
        held_out = HeldOut(
            finite_raw_prediction(raw, self._floor),
            np.concatenate(log_probas) if log_probas else None,
            self._class_targets(targets)[index],
            None if weight is None else weight[index],
            np.concatenate(of_folds),
            len(self.classes_),
        )
        return estimators, held_out

    def _warn_of_unjudged_classes(self, targets: Targets, index: NDArray[np.intp]) -> None:
        if targets.label is None:
            return
        unjudged = np.setdiff1d(targets.classes, targets.classes[targets.label[index]])
        if len(unjudged):
            warnings.warn(
                f"no sample of the classes {shown(unjudged.tolist())} is held out from an "
                "estimator that knows them, so their probabilities are not calibrated. Use folds "
                "that have all classes, or more samples of these",
                UserWarning,
                stacklevel=4,
            )

    def _class_targets(self, targets: Targets) -> NDArray[Any]:
        # Indices among classes_, or soft targets.
        if targets.label is None:
            return np.asarray(targets.proba)
        return np.searchsorted(self.classes_, targets.classes)[targets.label]

    def _judged_rows(
        self,
        estimator: Any,
        targets: Targets,
        test: NDArray[np.intp],
        weight: NDArray[np.float64] | None,
    ) -> NDArray[np.intp]:
        # Test rows that have weight, and a class that the estimator knows.
        is_judged = targets.are_among(np.isin(targets.classes, estimator.classes_))[test]
        if weight is not None:
            is_judged &= weight[test] > 0
        return test[is_judged]

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the calibrated probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Columns as in ``classes_``.
        """
        return put_beside(X, self._proba(to_numpy(X)))

    def _proba(self, X: ArrayLike) -> NDArray[np.float64]:
        check_is_fitted(self)
        probas = []
        for estimator, calibrator in zip(self.estimators_, self.calibrators_, strict=True):
            if calibrator is None:
                proba = np.asarray(estimator.predict_proba(X), dtype=np.float64)
                probas.append(with_all_classes(proba, estimator.classes_, self.classes_, 0.0))
            else:
                raw = class_raw_prediction(estimator, X, self.classes_)
                probas.append(calibrator.predict_proba(finite_raw_prediction(raw, self._floor)))
        return np.mean(probas, axis=0) if len(probas) > 1 else probas[0]

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the logarithms of the calibrated probabilities, in nats.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Columns as in ``classes_``. They have all their digits with one calibrator.
        """
        return put_beside(X, self._log_proba(to_numpy(X)))

    def _log_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        check_is_fitted(self)
        if len(self.estimators_) == 1 and self.calibrators_[0] is not None:
            raw = class_raw_prediction(self.estimators_[0], X, self.classes_)
            finite = finite_raw_prediction(raw, self._floor)
            return self.calibrators_[0].predict_log_proba(finite)
        with np.errstate(divide="ignore"):
            return np.log(self._proba(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels.
        """
        proba = self._proba(to_numpy(X))
        return put_beside(X, self.classes_[proba.argmax(axis=1)])

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing of metadata: to the estimator's fit and to the splitter.

        Returns
        -------
        routing : MetadataRouter
        """
        mapping = MethodMapping().add(caller="fit", callee="split")
        return super().get_metadata_routing().add(splitter=self.cv, method_mapping=mapping)
