"""Code that the linear classifiers share: everything but their loss."""

# Annotations stay as they are written: help() shows ArrayLike, not what it stands for.
from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from types import NoneType
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model._base import LinearClassifierMixin, SparseCoefMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import validate_data

from sklogloss.classifiers.array_api import (
    Scores,
    foreign_error,
    give_back,
    predict_in_place,
    problem_in_place,
)
from sklogloss.classifiers.callbacks import (
    CallbackSupportMixin,
    fit_with_callbacks,
    solve_in_tasks,
)
from sklogloss.classifiers.documentation import DocumentationLinks
from sklogloss.classifiers.export import to_logistic_regression
from sklogloss.classifiers.problem import (
    Problem,
    convergence_advice,
    fitted_coefficients,
    warn_of_rounding,
)
from sklogloss.classifiers.state import plain_state, restored_state
from sklogloss.inputs.array_api import is_foreign, to_numpy
from sklogloss.inputs.arrays import check_same_length
from sklogloss.inputs.errors import naming
from sklogloss.inputs.fitted import check_fitted_state, fitted_class_weight, has_finite_sum
from sklogloss.inputs.offset import check_offset
from sklogloss.inputs.parameters import (
    SEED,
    Allowed,
    Integers,
    Interval,
    check_parameter,
    check_parameters,
    resolve_penalty,
)
from sklogloss.inputs.tables import check_holds_no_times
from sklogloss.inputs.targets import (
    encode_labels,
    encode_targets,
    is_soft,
    label_column,
    require_y,
)
from sklogloss.inputs.weights import check_sample_weight
from sklogloss.linear.design import check_sparse
from sklogloss.linear.optimum import has_no_optimum, no_optimum_of_classes_with_weight
from sklogloss.linear.prediction import predict_rows
from sklogloss.linear.threads import effective_n_threads, one_blas_thread
from sklogloss.losses import LogLoss
from sklogloss.losses.base import Loss
from sklogloss.solvers.plan import SMOOTH_SOLVERS, SOLVERS
from sklogloss.solvers.solve import solve
from sklogloss.solvers.stopping import Goal

__all__ = ["COMMON_PARAMETERS", "BaseLinearClassifier", "no_l1_error"]

# scikit-learn's solvers without a namesake here; "newton-cd" is from version 1.10.
AUTOMATIC_SOLVERS = ("auto", "liblinear", "sag", "saga", "newton-cd", "newton-cd-gram")
PROBABILITIES = ("model", "posterior")
# Below this number of entries of X, NumPy predicts as fast as a pass does.
MANY_ENTRIES = 100_000


def no_l1_error(solver, given, instead):
    """Return the error for an L1 penalty and a solver that knows none.

    Parameters
    ----------
    solver : str
    given, instead : str
        The argument that asks for the penalty, and one that does not.
    """
    return ValueError(
        f"solver={solver!r} knows no L1 penalty, got {given}; use solver='auto' or "
        f"'coordinate-descent', or {instead}"
    )


def separable_message(C, has_free_features):
    """Return the warning that coefficients without a penalty have no optimum.

    Parameters
    ----------
    C : float
    has_free_features : bool
        Whether penalty_factor is zero for some features.
    """
    if C == np.inf:
        cause = (
            "a linear function of X tells the classes apart, so that without a penalty (C=inf) the "
            "coefficients"
        )
        advice = "Set C to a finite value" + (
            " and penalty_factor to positive values." if has_free_features else "."
        )
    else:
        cause = (
            "a linear function of the features without a penalty (penalty_factor=0) tells the "
            "classes apart, so that their coefficients"
        )
        advice = "Set penalty_factor to positive values for these features."
    return (
        f"The data is separable: {cause} have no optimum and grow without bound. The ones returned "
        "are those at which the solver stopped. sklogloss.inference.separation names those that "
        f"have no optimum. {advice}"
    )


def are_plain_labels(y, predicted):
    """Return whether labels and predictions need no validation by scikit-learn.

    The validation takes longer than the fit of a few hundred samples.
    """
    return (
        type(y) is np.ndarray
        and y.shape == predicted.shape
        and y.dtype == predicted.dtype
        and y.dtype.kind in "bui"
    )


def takes_pass(X):
    """Return whether a pass with threads predicts the rows of an array, instead of NumPy."""
    return X.size >= MANY_ENTRIES and X.dtype in (np.float64, np.float32)


# Allowed values of the parameters that all estimators have.
COMMON_PARAMETERS: dict[str, Allowed] = {
    "dual": bool,
    "tol": Interval(0, np.inf, "[)"),
    "fit_intercept": bool,
    "intercept_scaling": Interval(0, np.inf, "(]"),
    "solver": (*AUTOMATIC_SOLVERS, *SOLVERS),
    "max_iter": Integers(0),
    "verbose": Integers(0, also=(bool,)),
    "n_jobs": Integers(also=(NoneType,)),
    "random_state": SEED,
    "label_smoothing": Interval(0, 1, "[)"),
    "probabilities": PROBABILITIES,
}


@functools.cache
def _param_names(cls):
    # scikit-learn looks them up in the signature each time, several times for each clone.
    return super(BaseLinearClassifier, cls)._get_param_names()


class BaseLinearClassifier(
    CallbackSupportMixin,
    DocumentationLinks,
    LinearClassifierMixin,
    SparseCoefMixin,
    BaseEstimator,
):
    """A linear model of the classes' scores that minimises a loss: log loss, or a subclass's."""

    # The offset of a call that passes none. Scorers call predict_proba(X), so they get a copy of
    # the estimator that knows the offset of their rows.
    _known_offset: ArrayLike | None = None
    # Allowed values of the parameters.
    _allowed: ClassVar[dict[str, Allowed]] = {
        **COMMON_PARAMETERS,
        # "deprecated" is LogisticRegression's default: get_params brings it from there.
        "penalty": ("l1", "l2", "elasticnet", "deprecated", None),
        "C": Interval(0, np.inf, "(]"),
        "l1_ratio": Interval(0, 1, also=(NoneType,)),
        "warm_start": bool,
    }
    # From the number of classes to one of sklogloss.losses. Log loss has no parameters: one object
    # serves all fits.
    _loss: Callable[[int], Loss] = staticmethod(functools.cache(LogLoss))
    # Whether a fit takes arrays of other libraries, and returns them.
    _takes_array_api: ClassVar[bool] = False
    # From plan, objective, start and goal to a SolverResult.
    _solve = staticmethod(solve)

    @classmethod
    def _get_param_names(cls):
        # A new list each time: callers may change it.
        return list(_param_names(cls))

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Arrays, sparse matrices and pandas columns of NumPy's float32 stay float32. Everything
            else becomes float64, including nullable columns and polars DataFrames. C- and F-ordered
            arrays and CSR and CSC matrices of these types are read in place.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels, or soft targets: the probability of each class, one column for each class, rows
            that sum to 1. The sorted column names of a DataFrame become ``classes_``; for an array,
            these are 0, 1, ...
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative; None means 1 for each sample.
        offset : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Added to the decision function of each sample, like a feature whose coefficient is 1.
            For more than two classes, one column per class. The columns of a DataFrame may be in
            any order if their names are the classes. None means 0.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or an input is out of its range; the message names it.

        Warns
        -----
        ConvergenceWarning
            If the solver did not converge; if there is no optimum, because a linear function
            separates the classes and there is no penalty; or if X is float32 and the coefficients
            need more digits than that.
        UserWarning
            If sample_weight, class_weight or alpha is zero for all samples of a class.
        """
        if hasattr(self, "_skl_callbacks") and not hasattr(self, "_callback_fit_ctx"):
            return fit_with_callbacks(self, self.fit, X, y, sample_weight, offset)
        check_parameters(self, self._allowed)
        C, l1_ratio = resolve_penalty(self.penalty, self.C, self.l1_ratio)
        if l1_ratio > 0 and C < np.inf and self.solver in SMOOTH_SOLVERS:
            raise no_l1_error(self.solver, f"l1_ratio={l1_ratio}", "l1_ratio=0")
        if type(X) is not np.ndarray and self._takes_array_api and is_foreign(X):
            problem = problem_in_place(self, X, y, sample_weight, offset)
        else:
            problem = self._validate_problem(X, y, sample_weight, offset)
        with one_blas_thread():
            objective, plan = problem.objective(self, problem.penalty(C, l1_ratio))
            self.plan_, self.solver_ = plan, plan.solver
            goal = Goal.of(self.tol, self.max_iter, self.verbose)
            if self.verbose:
                goal.report(f"plan: {plan}")
            start = self._start(objective) if self.warm_start and hasattr(self, "coef_") else None
            if hasattr(self, "_callback_fit_ctx"):
                result = solve_in_tasks(self, problem, plan, objective, start, goal)
            else:
                result = self._solve(plan, objective, start, goal)
            last = result.last_point
            if not (np.isfinite(last.value) and np.isfinite(last.max_gradient)):
                problem.check_finite(type(self).__name__)
            self._warn_of_no_optimum(result, problem.targets, C)
            objective, dtype = result.objective, problem.X.dtype
            self.coef_, self.intercept_ = fitted_coefficients(objective, result.theta, dtype)
            if objective.samples.dtype != dtype:
                warn_of_rounding([result], [self.coef_], [self.intercept_])
            self.n_iter_ = np.array([result.n_iter], dtype=np.int32)
        self._set_classes(problem.targets.classes, problem.class_weight)
        if problem.places is not None:
            give_back(self, problem.places)
        return self

    def _validate_problem(self, X, y, sample_weight, offset=None):
        """Return the Problem of the arguments of fit."""
        every_row_counts = sample_weight is None and not isinstance(self.class_weight, dict)
        arguments = {
            "accept_sparse": ["csr", "csc"],
            "accept_large_sparse": True,
            "dtype": [np.float64, np.float32],
            # A pass for this alone would cost as much as one of the few that the solver makes,
            # whose sums show it as well. Rows of weight zero do not contribute to those.
            "ensure_all_finite": not every_row_counts,
        }
        # Validation would return these unchanged, and take much of the time of a small fit.
        takes_no_validation = (
            every_row_counts
            and type(X) is np.ndarray
            and type(y) is np.ndarray
            and X.ndim == 2
            and X.dtype in (np.float64, np.float32)
            and X.size > 0
            and y.shape == X.shape[:1]
            and y.dtype.kind in "bui"
        )
        if takes_no_validation:
            self.n_features_in_ = X.shape[1]
            if hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
            targets = encode_labels(y)
        else:
            y = require_y(self, y)
            if is_foreign(X):
                raise foreign_error(self, "X", X)
            y, sample_weight, offset = (to_numpy(array) for array in (y, sample_weight, offset))
            check_holds_no_times(X)
            with naming("X"):
                X = validate_data(self, X, **arguments)
            targets = encode_targets(X, y)
        return Problem.of(self, X, targets, sample_weight, offset)

    def _start(self, objective):
        coef = self.coef_.toarray() if sparse.issparse(self.coef_) else to_numpy(self.coef_)
        coef = np.asarray(coef)
        expected = (objective.n_columns, objective.n_features)
        if coef.shape != expected:
            raise ValueError(
                f"warm_start=True starts from coef_, which has shape {coef.shape}; this data needs "
                f"{expected}"
            )
        intercept = to_numpy(getattr(self, "intercept_", 0.0))
        intercept = np.asarray(intercept, dtype=np.float64)
        start = objective.theta(coef.T, intercept.ravel())
        start = objective.penalty_in_theta.project(start)
        # A start that is worse than zero may lie where every probability is 0 or 1. There the
        # Hessian vanishes, and Newton's method has no step.
        nothing = objective.start()
        is_better = objective.value_gradient(start).value < objective.value_gradient(nothing).value
        return start if is_better else None

    def _warn_of_no_optimum(self, result, targets, C):
        has_optimum = result.objective.penalty.grows_everywhere or self.label_smoothing > 0
        if not has_optimum and self._is_separable(result, targets):
            has_free = self.penalty_factor is not None and not np.all(self.penalty_factor)
            warnings.warn(separable_message(C, has_free), ConvergenceWarning, stacklevel=3)
        elif not result.verdict.is_solved:
            remedies = ["Increase max_iter", "standardise X", "lower C"]
            advice = convergence_advice(remedies, result.objective.samples)
            reason = result.verdict.reason(self.max_iter)
            warnings.warn(
                f"{self.solver_} failed to converge: {reason}; the largest entry of the "
                f"gradient is {result.max_gradient:.3g}, tol={self.tol}. {advice}",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _is_separable(self, result, targets):
        objective, label = result.objective, targets.labels_if_hard()
        if label is None:
            return False
        point = result.last_point
        if objective.loss.is_log_loss and result.factored_point is not None:
            point = result.factored_point  # whose factor tells as much as a pass
        if not has_no_optimum(objective, point, (result.theta, result.direction), label):
            return False
        # If a class has no weight, the intercept separates it. Another warning says so.
        has_weights = objective.samples.rarest_class(objective.n_columns) > 0
        if has_weights or not objective.fit_intercept:
            return True
        return objective.n_columns > 1 and no_optimum_of_classes_with_weight(objective, label)

    def _set_classes(self, classes, class_weight):
        self.classes_ = classes
        self.class_weight_ = np.ones(len(classes)) if class_weight is None else class_weight
        # The posterior undoes what the fit did, whatever parameters have been set since.
        self._fitted_loss = self._loss(len(classes))
        self._fitted_label_smoothing = self.label_smoothing

    def decision_function(self, X: ArrayLike, offset: ArrayLike | None = None) -> np.ndarray:
        """Return the scores of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Added to the scores; see `fit`. The offset of `fit` is not used here, because it belongs
            to other samples.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            X coef + intercept + offset; for two classes, the score of ``classes_[1]``. With
            ``probabilities="model"``, scores are log-odds for two classes, and the softmax of the
            scores is the probabilities for more.
        """
        if self._lies_elsewhere(X):
            return predict_in_place(self, "decision_function", X, offset)
        return self._linear_scores(X, offset)

    def _lies_elsewhere(self, X):
        # Whether X, or the X of the fit, is an array of another library than NumPy.
        return any(
            type(array) is not np.ndarray and is_foreign(array)
            for array in (X, getattr(self, "coef_", None))
        )

    def _linear_scores(self, X, offset):
        check_fitted_state(self)
        scores = None
        if self._is_plain(X):
            if takes_pass(X):
                scores = self._predict_rows(X)
            elif has_finite_sum(X):
                scores = X @ self.coef_.T
                scores += self.intercept_
        elif type(X) is Scores:
            scores = X.values
        if scores is None:
            if sparse.issparse(X) and X.format in ("csr", "csc"):
                check_sparse(X)
            check_holds_no_times(X)
            with naming("X"):
                scores = super().decision_function(X)
        elif scores.shape[1] == 1:
            scores = scores[:, 0]
        offset = self._known_offset if offset is None else offset
        if offset is None:
            return scores
        n_columns = 1 if scores.ndim == 1 else scores.shape[1]
        classes = getattr(self, "classes_", None)
        offset = check_offset(offset, len(scores), n_columns, scores.dtype, classes)
        return scores + offset.reshape(scores.shape)

    def _predict_rows(self, X, loss=None, **options):
        n_threads = effective_n_threads(self.n_jobs)
        return predict_rows(X, self.coef_, self.intercept_, loss, n_threads=n_threads, **options)

    def _is_plain(self, X):
        # Whether scikit-learn's validation would convert nothing, and only find entries that are
        # not finite. It takes several times as long as the prediction for a few samples.
        return (
            type(X) is np.ndarray
            and type(getattr(self, "coef_", None)) is np.ndarray
            and X.dtype == self.coef_.dtype
            and X.ndim == 2
            and X.shape[0] > 0
            and X.shape[1] == self.coef_.shape[-1]
            and self.coef_.ndim == 2
            and not hasattr(self, "feature_names_in_")
        )

    @property
    def decides_by_logits(self):
        """Whether the decision function returns the logits of the probabilities."""
        return self.probabilities == "model"

    def predict(self, X: ArrayLike, offset: ArrayLike | None = None) -> np.ndarray:
        """Return the class with the highest score for each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            See `decision_function`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels.
        """
        if self._lies_elsewhere(X):
            return predict_in_place(self, "predict", X, offset)
        scores = self.decision_function(X, offset=offset)
        is_binary = scores.ndim == 1
        return self.classes_[(scores > 0).astype(np.intp) if is_binary else scores.argmax(axis=1)]

    def predict_proba(self, X: ArrayLike, offset: ArrayLike | None = None) -> np.ndarray:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            See `decision_function`.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Columns as in ``classes_``, in the dtype of ``coef_``. If the classifier has a parameter
            ``probabilities``, it says which probabilities these are.
        """
        if self._lies_elsewhere(X):
            return predict_in_place(self, "predict_proba", X, offset)
        check_parameter("probabilities", self.probabilities, PROBABILITIES)
        if self.probabilities == "posterior":
            with np.errstate(under="ignore"):
                return np.exp(self.predict_log_proba(X, offset=offset))
        return self._link(X, offset, logarithm=False)

    def predict_log_proba(self, X: ArrayLike, offset: ArrayLike | None = None) -> np.ndarray:
        """Return the log-probabilities of the classes in nats, finite for finite scores.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            See `decision_function`.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Columns as in ``classes_``.
        """
        if self._lies_elsewhere(X):
            return predict_in_place(self, "predict_log_proba", X, offset)
        check_parameter("probabilities", self.probabilities, PROBABILITIES)
        if self.probabilities == "posterior":
            raw_prediction = self._raw_prediction(X, offset)
            return self._fitted_loss.log_posterior(
                raw_prediction, fitted_class_weight(self), self._fitted_label_smoothing
            )
        return self._link(X, offset, logarithm=True)

    def _link(self, X, offset, *, logarithm):
        has_offset = offset is not None or self._known_offset is not None
        if self._is_plain(X) and takes_pass(X) and not has_offset:
            # If X is large, the scores are not kept.
            check_fitted_state(self)
            loss = self._loss(len(self.classes_))
            proba = self._predict_rows(X, loss, logarithm=logarithm)
            if proba is not None:
                return proba
        raw_prediction = self._raw_prediction(X, offset)
        loss = self._loss(len(self.classes_))
        return loss.log_link(raw_prediction) if logarithm else loss.link(raw_prediction)

    def _raw_prediction(self, X, offset=None):
        raw_prediction = np.asarray(self._linear_scores(X, offset))
        if raw_prediction.dtype not in (np.float64, np.float32):
            raw_prediction = raw_prediction.astype(np.float64)
        return raw_prediction

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """Return the accuracy of the predicted classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
        offset : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            See `decision_function`.

        Returns
        -------
        accuracy : float
            Weighted fraction of samples classified correctly.

        Raises
        ------
        ValueError
            For soft targets. Use log_loss or brier_score of `sklogloss.metrics` for these.
        """
        if self._lies_elsewhere(X):
            return predict_in_place(self, "score", X, y, sample_weight, offset)
        predicted = self.predict(X, offset=offset)
        if sample_weight is None and are_plain_labels(y, predicted):
            return float(np.mean(predicted == y))
        if is_soft(y):
            raise ValueError(
                "y has 2 or more columns, and the accuracy that score returns is of labels; "
                "log_loss and brier_score of sklogloss.metrics take class probabilities"
            )
        sample_weight = check_sample_weight(sample_weight, len(predicted))
        y = label_column("y", y)
        check_same_length(X=predicted, y=y)
        with naming("y"):
            return accuracy_score(y, predicted, sample_weight=sample_weight)

    def to_sklearn(self, *, offset: ArrayLike | None = None) -> LogisticRegression:
        """Return a fitted LogisticRegression with the same predictions.

        Use it for exporters such as skl2onnx, m2cgen and hummingbird, and for machines without
        sklogloss. The fitted attributes are copies.

        Parameters
        ----------
        offset : float or array-like of shape (n_classes,), default=None
            Added to the decision function of every sample: it becomes part of ``intercept_``. For
            two classes, one number.

        Returns
        -------
        model : LogisticRegression
            It has ``classes_``, ``coef_`` (sparse if it was), ``intercept_``, ``n_features_in_``,
            ``feature_names_in_``, ``n_iter_`` (after cross-validation, the largest number) and the
            current values of the parameters that LogisticRegression has; ``solver`` is one that
            finds the same optimum. Bounds, penalty factors, label smoothing and focal loss are not
            among these parameters, so a refit is without them.

        Raises
        ------
        NotFittedError
            If the classifier has not been fitted.
        ValueError
            If ``probabilities="posterior"`` is used with focal loss, label smoothing or classes of
            weight zero, because no linear model has these probabilities. If the offset differs
            between samples. If fitted attributes do not match each other.

        Notes
        -----
        With ``probabilities="posterior"``, the class weights become part of ``intercept_``.
        `predict` of the result then uses these probabilities. `predict` of the classifier uses its
        decision function, which the weights have shifted.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklogloss import LogLossClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = LogLossClassifier().fit(X, y)
        >>> exported = clf.to_sklearn()
        >>> type(exported).__module__
        'sklearn.linear_model._logistic'
        >>> bool(abs(exported.predict_proba(X) - clf.predict_proba(X)).max() < 1e-14)
        True
        """
        return to_logistic_regression(self, offset)

    def __getstate__(self):
        return plain_state(super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(restored_state(state, type(self).__name__))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = self._takes_array_api
        return tags
