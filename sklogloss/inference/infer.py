"""From a fitted classifier and its data to standard errors, intervals and tests."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from sklogloss.classifiers import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
)
from sklogloss.inference.checks import (
    COVARIANCES,
    check_bounds_inactive,
    check_covariance,
    classifier_and_data,
    cluster_indices,
)
from sklogloss.inference.covariance import (
    Information,
    cluster_products,
    sandwich,
    score_products,
)
from sklogloss.inference.firth import FirthInference, PenalisedLikelihood, check_firth
from sklogloss.inference.likelihood import Likelihood, Point
from sklogloss.inference.results import InferenceResult
from sklogloss.inference.terms import Terms
from sklogloss.inputs.errors import stacklevel_of_user
from sklogloss.inputs.parameters import (
    check_parameter,
    resolve_penalty,
)
from sklogloss.linear.objective import Objective, balanced_objective
from sklogloss.linear.optimum import has_no_optimum, has_no_optimum_in_partitions
from sklogloss.linear.samples import Samples
from sklogloss.linear.threads import one_blas_thread
from sklogloss.solvers.plan import MOST_ENTRIES_TAKEN, SMALLEST_SUBSET
from sklogloss.solvers.stopping import SMALLEST_GAP

__all__ = ["infer"]

# Coefficients further from their optimum than this many standard errors give a warning.
FAR_FROM_OPTIMUM = 0.1
# A Newton step at separated data moves the margins by about one, however small the gradient.
SEPARATED_STEP = 0.01
# With relative rounding errors of variances above this, standard errors have fewer than four
# digits.
FEW_DIGITS = 1e-4
# A column is part of a linear dependency if its weight is at least this fraction of the largest.
DEPENDS = 1e-6
SEPARATED = (
    "a linear function of X separates the classes: some coefficients are infinite, and the "
    "standard errors are meaningless. "
    "sklogloss.inference.separation names them, and FirthLogisticRegression has finite ones"
)


def infer(
    clf: LogLossClassifier | FocalLogisticRegression | FirthLogisticRegression | Pipeline,
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    covariance: str = "model",
    groups: ArrayLike | None = None,
    baseline: Any = None,
) -> InferenceResult:
    r"""Compute standard errors, intervals and tests for the coefficients of a fitted classifier.

    With H the Hessian of minus the log-likelihood :math:`\sum_i s_i l(y_i, z_i)` and
    :math:`g_i` the derivative of row i's loss in the coefficients, the covariance is

    - "model": :math:`H^{-1}`. The weights are frequencies: 2 means that a row was seen twice.
    - "robust", or "HC0": :math:`H^{-1} (\sum_i s_i^2 g_i g_i') H^{-1}` [1]_. The weights are
      sampling weights, and the model need not be true. "HC1" multiplies it by n / (n - k), for n
      rows and k coefficients.
    - "cluster": the same with the sums of :math:`s_i g_i` within each group, times
      G / (G - 1) (n - 1) / (n - k) for G groups. Rows of a group may depend on each other.
    - "laplace": :math:`(H + I / C)^{-1}`, for a fit with an L2 penalty. It is the covariance of the
      Gaussian that approximates the posterior, with the penalty as the prior.

    Rows with weight zero, and groups of such rows, do not count in n and G.

    Parameters
    ----------
    clf : LogLossClassifier, FocalLogisticRegression, FirthLogisticRegression or Pipeline
        Fitted, with ``C=np.inf`` unless covariance is "laplace". The last step of a Pipeline is
        the classifier.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The X of the fit. It is read in place, and the result keeps a reference to it. For
        classifiers of `sklogloss.dask`, X and the other arrays are Dask collections. Only sums over
        the partitions are collected and, for "cluster", the score of each group: G k numbers.
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        The y of the fit: labels or soft targets.
    sample_weight : array-like of shape (n_samples,), default=None
    offset : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
        Those of the fit.
    covariance : {"model", "robust", "HC0", "HC1", "cluster", "laplace"}, default="model"
    groups : array-like of shape (n_samples,), default=None
        The cluster of each row: numbers or strings. For "cluster" only.
    baseline : object, default=None
        The class that others are compared with: coefficients are those of ln(p_k / p_baseline).
        None means the first of ``classes_``. "mean" returns coefficients of all classes, which sum
        to zero, as in ``coef_`` for more than two classes.

    Returns
    -------
    result : InferenceResult
        For FirthLogisticRegression, a FirthInference, which uses the penalised likelihood. It
        requires covariance="model" and a fit with ``intercept_correction=None``.

    Raises
    ------
    ValueError
        If the covariance is not valid for the fit. With an L2 penalty, only "laplace" is valid;
        with an L1 penalty or a coefficient at its bound, none is; with class_weight,
        label_smoothing or focal loss, only robust ones are. If columns of X are linearly dependent;
        the message names them. If X, y or another argument does not match the classifier.
    TypeError
        If clf is an estimator of another kind.

    Warns
    -----
    ConvergenceWarning
        If a coefficient is more than a tenth of its standard error away from the optimum for this
        data: either this is not the data of the fit, or the fit has not converged. If a linear
        function separates the classes, so that coefficients are infinite.
    UserWarning
        If there are fewer than 20 clusters: standard errors then tend to be too small [2]_. If
        columns are so close to dependent that rounding errors leave standard errors few digits.

    References
    ----------
    .. [1] H. White, "Maximum Likelihood Estimation of Misspecified Models", Econometrica 50 (1982),
       1-25. https://doi.org/10.2307/1912526
    .. [2] A. C. Cameron and D. L. Miller, "A Practitioner's Guide to Cluster-Robust Inference",
       Journal of Human Resources 50 (2015), 317-372. https://doi.org/10.3368/jhr.50.2.317

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklogloss import LogLossClassifier
    >>> from sklogloss.inference import infer
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> X = X[["mean texture", "mean symmetry"]]
    >>> clf = LogLossClassifier(C=np.inf).fit(X, y)
    >>> result = infer(clf, X, y)
    >>> result.bse.round(3)
    intercept        1.031
    mean texture     0.028
    mean symmetry    4.154
    dtype: float64
    """
    # The matrices are small, and OpenBLAS wakes all its threads even for the smallest.
    with one_blas_thread():
        result = _infer(clf, X, y, sample_weight, offset, covariance, groups, baseline)
    return result


def _infer(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    offset: Any,
    covariance: str,
    groups: Any,
    baseline: Any,
) -> InferenceResult:
    clf, X, columns = classifier_and_data(estimator, X)
    check_parameter("covariance", covariance, COVARIANCES)
    is_firth = isinstance(clf, FirthLogisticRegression)
    if is_firth:
        C = np.inf
        check_firth(clf, covariance)
    else:
        C, l1_ratio = resolve_penalty(clf.penalty, clf.C, clf.l1_ratio)
        check_covariance(clf, covariance, C, l1_ratio)
        check_bounds_inactive(clf)
    problem = _problem(clf, X, y, sample_weight, offset)
    likelihood, label = _likelihood(clf, problem, C)
    samples = likelihood.objective.samples
    clusters = cluster_indices(covariance, groups, problem, samples, X)
    terms = Terms.of(columns, clf.n_features_in_, bool(clf.fit_intercept), clf.classes_, baseline)
    point = likelihood(_fitted_theta(clf, likelihood.objective))
    if not (np.isfinite(point.value) and np.all(np.isfinite(point.hessian))):
        problem.check_finite(type(clf).__name__)
    information = _factored(point, likelihood.objective, terms, label)
    n_rows = _n_rows(samples)
    _warn_of_few_digits(information)
    of_theta = _covariance(covariance, likelihood, point, information, terms, clusters, n_rows)
    _warn_of_distance(likelihood, point, information, of_theta, terms, label)
    return (FirthInference if is_firth else InferenceResult)(
        estimator,
        likelihood,
        point,
        information,
        terms,
        of_theta,
        covariance=covariance,
        nobs=likelihood.total if covariance in ("model", "laplace") else float(n_rows),
    )


def _problem(clf: Any, X: Any, y: Any, sample_weight: Any, offset: Any) -> Any:
    # The data as the fit takes it. The checks of the data change a copy of the classifier.
    of_collections = type(clf).__module__.startswith("sklogloss.dask")
    if hasattr(X, "__dask_graph__") and not of_collections:
        raise TypeError(
            f"X is a Dask collection, and clf is a {type(clf).__name__} for rows in memory; fit "
            f"sklogloss.dask.{type(clf).__name__}"
        )
    if of_collections and not hasattr(X, "__dask_graph__"):
        raise TypeError(
            f"X must be the Dask collection that clf was fitted to, got {type(X).__name__}; "
            "clf.to_local() is for rows in memory"
        )
    checker = copy.copy(clf)
    problem = checker._validate_problem(X, y, sample_weight, offset)
    _check_same_data(clf, checker, problem.targets.classes)
    problem.bounds = None  # active ones have already raised an error
    return problem


def _likelihood(clf: Any, problem: Any, C: float) -> tuple[Likelihood, NDArray[np.intp] | None]:
    # The likelihood of the data, and the labels that might be separated: None for soft targets or
    # under Jeffreys' prior.
    loss = clf._loss(len(clf.classes_))
    samples = problem.make_samples(clf.n_jobs)
    if samples.dtype == np.float32:
        samples = samples.astype(np.float64)
    # With many rows, a few show the location and size of the columns.
    has_many_rows = samples.n_samples > 16 * SMALLEST_SUBSET
    with one_blas_thread():
        objective = balanced_objective(
            samples,
            loss.kernel(target_is_matrix=problem.target.shape[1] > 1),
            problem.penalty(C, 0.0),
            fit_intercept=bool(clf.fit_intercept),
            n_rows=SMALLEST_SUBSET if has_many_rows else None,
        )
    with np.errstate(over="ignore"):
        total = float(np.ldexp(samples.weight_sum, problem.exponent))
    if not np.isfinite(total):
        raise ValueError(
            f"sample_weight must sum to at most {np.finfo(np.float64).max:.2g}, got a larger sum; "
            "divide the weights by a number"
        )
    parts = (objective, loss, total, problem.exponent, problem.sample_weight)
    if isinstance(clf, FirthLogisticRegression):
        return PenalisedLikelihood(*parts), None
    return Likelihood(*parts), problem.targets.labels_if_hard()


def _check_same_data(clf: Any, checker: Any, classes: NDArray[Any]) -> None:
    # Whether the data has the columns and classes of the fit.
    if checker.n_features_in_ != clf.n_features_in_:
        raise ValueError(
            f"X has {checker.n_features_in_} columns, but clf was fitted to {clf.n_features_in_}"
        )
    names, fitted = (getattr(each, "feature_names_in_", None) for each in (checker, clf))
    if names is not None and fitted is not None and not np.array_equal(names, fitted):
        raise ValueError(
            f"X has the columns {names.tolist()}, but clf was fitted to {fitted.tolist()}"
        )
    if not np.array_equal(classes, clf.classes_):
        raise ValueError(
            f"y has the classes {classes.tolist()}, but clf was fitted to {clf.classes_.tolist()}"
        )


def _fitted_theta(clf: Any, objective: Objective) -> NDArray[np.float64]:
    coef = clf.coef_.toarray() if sparse.issparse(clf.coef_) else np.asarray(clf.coef_)
    intercept = np.broadcast_to(np.ravel(clf.intercept_), len(coef)).astype(np.float64)
    return objective.theta(coef.T, intercept)


def _n_rows(samples: Samples) -> int:
    rows = samples.rows_with_weight
    return samples.n_samples if rows is None else len(rows)


def _factored(
    point: Point, objective: Objective, terms: Terms, label: NDArray[np.intp] | None
) -> Information:
    information = Information(point.hessian)
    if not len(information.dependent):
        return information
    if label is not None and _is_separated(objective, point, [point.theta], label):
        raise ValueError(f"{SEPARATED}. Almost no rows inform the finite coefficients")
    n_columns = objective.n_columns
    names = [*terms.names[1:], terms.names[0]] if objective.fit_intercept else terms.names
    parameter = int(information.dependent[0])
    combination = np.abs(information.dependencies(parameter))
    of_terms = combination.reshape(-1, n_columns).max(axis=1)
    name = names[parameter // n_columns]
    others = [
        other
        for other, size in zip(names, of_terms, strict=True)
        if size > DEPENDS * of_terms.max() and other != name
    ]
    if not others and objective.fit_intercept and name != names[-1]:
        others = names[-1:]  # a constant column
    raise ValueError(
        f"the columns of X are linearly dependent: {name!r} is a combination of {others}, so "
        "their coefficients have no separate standard errors. Drop one of these columns"
    )


def _covariance(
    covariance: str,
    likelihood: Likelihood,
    point: Point,
    information: Information,
    terms: Terms,
    clusters: tuple[Any, int] | None,
    n_rows: int,
) -> NDArray[np.float64]:
    # Of theta.
    if covariance in ("model", "laplace"):
        return information.inverse()
    n_free = terms.n_free_parameters
    if covariance in ("HC1", "cluster") and n_rows <= n_free:
        raise ValueError(
            f"covariance={covariance!r} divides by n - k, the number of rows with weight minus "
            f"that of coefficients, which must be positive: got n={n_rows} and k={n_free}. "
            "'robust' does not divide by it"
        )
    if likelihood.exponent != 0:
        # The scale of the weights cancels; their squares may leave the range of float64.
        total = float(np.ldexp(likelihood.total, -likelihood.exponent))
        information = Information(np.ldexp(point.hessian, -likelihood.exponent))
        likelihood = replace(likelihood, total=total, exponent=0)
    if clusters is None:
        products = score_products(likelihood, point.theta)
        factor = n_rows / (n_rows - n_free) if covariance == "HC1" else 1.0
    else:
        cluster, n_clusters = clusters
        products = cluster_products(likelihood, point.theta, cluster, n_clusters)
        factor = n_clusters / (n_clusters - 1) * (n_rows - 1) / (n_rows - n_free)
    return factor * sandwich(information, products)


def _warn_of_few_digits(information: Information) -> None:
    if information.rounding > FEW_DIGITS:
        warnings.warn(
            "columns of X are next to linearly dependent: rounding errors leave standard errors "
            f"a relative error of about {information.rounding:.1g}. Drop one of these columns, or "
            "put its difference from the others in its place",
            UserWarning,
            stacklevel=stacklevel_of_user(),
        )


def _warn_of_distance(
    likelihood: Likelihood,
    point: Point,
    information: Information,
    covariance: NDArray[np.float64],
    terms: Terms,
    label: NDArray[np.intp] | None,
) -> None:
    # Warn of coefficients that are not at the optimum, or that are infinite there.
    objective = likelihood.objective
    step = -information.solve(point.gradient)
    if label is not None and np.abs(step).max() > SEPARATED_STEP and objective.penalty.is_none:
        if _is_separated(objective, point, [point.theta, step], label):
            warnings.warn(SEPARATED, ConvergenceWarning, stacklevel=stacklevel_of_user())
            return
    # No fit comes closer, however many samples the weights represent.
    if -float(point.gradient @ step) / 2 <= SMALLEST_GAP * abs(point.value):
        return
    linear_map = terms.linear_map(objective.coordinates)
    variance = np.einsum("ij,ij->i", linear_map @ covariance, linear_map)
    # Rounding errors may make the variance too small, or negative.
    size = np.abs(linear_map) @ np.sqrt(np.diagonal(covariance))
    variance = np.maximum(variance, len(size) * np.finfo(np.float64).eps * size**2)
    distance = np.abs(linear_map @ step / np.sqrt(variance)).max()
    if not distance <= FAR_FROM_OPTIMUM:
        warnings.warn(
            f"a coefficient is {distance:.2g} standard errors from its optimum for this data: "
            "X, y, sample_weight or offset is not that of the fit, or the fit has not converged "
            "(decrease tol, increase max_iter)",
            ConvergenceWarning,
            stacklevel=stacklevel_of_user(),
        )


def _is_separated(
    objective: Objective,
    point: Point,
    directions: list[NDArray[np.float64]],
    label: NDArray[np.intp],
) -> bool:
    evaluation = objective.value_gradient(point.theta)
    if objective.samples.is_partitioned:
        return has_no_optimum_in_partitions(objective, evaluation, directions, MOST_ENTRIES_TAKEN)
    return has_no_optimum(objective, evaluation, directions, label)
