"""Coefficients for a grid of C."""

# Annotations stay as they are written: help() shows ArrayLike, not what it stands for.
from __future__ import annotations

import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import assert_all_finite

from sklogloss.classifiers.base import AUTOMATIC_SOLVERS, fitted_coefficients
from sklogloss.classifiers.log_loss import LogLossClassifier
from sklogloss.inputs.parameters import check_integer, check_real
from sklogloss.linear.threads import effective_n_threads, one_blas_thread
from sklogloss.solvers.path import solve_path
from sklogloss.solvers.select import SMOOTH_SOLVERS

__all__ = [
    "LogLossPath",
    "check_Cs",
    "check_l1_ratios",
    "default_Cs",
    "join_coefficients",
    "logloss_path",
    "path_coefficients",
    "penalties",
    "split_coefficients",
    "warn_of_unconverged",
]

# Grid of C without an L1 penalty, that of LogisticRegressionCV.
LOWEST_C, HIGHEST_C = 1e-4, 1e4
# With one it spans this factor, upwards from where the first coefficient leaves zero.
SPAN = 1e3
# Rounding errors of a gradient, in eps.
GRADIENT_ROUNDING = 64


@dataclass
class LogLossPath:
    """Coefficients for a grid of C, as `logloss_path` returns them.

    Attributes
    ----------
    Cs : ndarray of shape (n_Cs,)
        Inverse strengths of the penalty, as they were given; a grid goes from strong to weak.
    l1_ratio : float
        Part of the penalty that is L1.
    classes : ndarray of shape (n_classes,)
        Labels of the classes.
    coefs : ndarray of shape (n_Cs, 1, n_features) or (n_Cs, n_classes, n_features)
        ``coefs[i]`` is ``coef_`` of ``LogLossClassifier(C=Cs[i], l1_ratio=l1_ratio)``.
    intercepts : ndarray of shape (n_Cs, 1) or (n_Cs, n_classes)
    n_iter : ndarray of shape (n_Cs,), int32
        Iterations of the solver.
    feature_names : ndarray of shape (n_features,) or None
        Names of the features, where X had names that are all strings.
    """

    Cs: np.ndarray
    l1_ratio: float
    classes: np.ndarray
    coefs: np.ndarray
    intercepts: np.ndarray
    n_iter: np.ndarray
    feature_names: np.ndarray | None = None


def check_Cs(Cs):
    """Raise an error unless Cs is a positive number of values, or positive values."""
    if isinstance(Cs, Integral) or np.ndim(Cs) == 0:
        check_integer("Cs", Cs, 1)
        return
    if np.ndim(Cs) != 1 or len(Cs) == 0:
        raise ValueError(
            f"Cs must be an integer or a one-dimensional array with values, got {Cs!r}"
        )
    for C in np.asarray(Cs).tolist():
        check_real("Cs", C, 0, np.inf, include_low=False)


def check_l1_ratios(l1_ratios, penalty, solver):
    """Return the parts of the penalty that are L1, as an array.

    Parameters
    ----------
    l1_ratios : array-like of shape (n_l1_ratios,) or None
    penalty : str
        "l1" and "l2" take the place of l1_ratios.
    solver : str

    Raises
    ------
    ValueError, TypeError
        If l1_ratios are not numbers in [0, 1], or the solver knows no L1 penalty.
    """
    named = {"l1": (1.0,), "l2": (0.0,)}.get(penalty)
    given, l1_ratios = l1_ratios, l1_ratios if named is None else named
    l1_ratios = (0.0,) if l1_ratios is None else l1_ratios
    if np.ndim(l1_ratios) != 1 or len(l1_ratios) == 0:
        raise ValueError(
            f"l1_ratios must be a one-dimensional array of numbers in [0, 1], got {given!r}"
        )
    for l1_ratio in l1_ratios:
        check_real("l1_ratios", l1_ratio, 0, 1)
    if solver in SMOOTH_SOLVERS and np.any(np.asarray(l1_ratios) > 0):
        raise ValueError(
            f"solver={solver!r} knows no L1 penalty, got l1_ratios={given!r}; use solver='auto' or "
            "'coordinate-descent', or l1_ratios=(0,)"
        )
    return np.asarray(l1_ratios, dtype=np.float64)


def penalties(problem, Cs, l1_ratio, row_weight=None):
    """Return the arguments l2 and l1 of LinearObjective.with_penalty for each C.

    Parameters
    ----------
    problem : Problem
    Cs : ndarray of shape (n_Cs,)
    l1_ratio : float
    row_weight : ndarray of shape (n_samples,), default=None
        As for `Problem.strength`.
    """
    strength = problem.strength(1.0, row_weight)
    return [
        {"l2": (1 - l1_ratio) * strength / C, "l1": l1_ratio * strength / C} for C in Cs.tolist()
    ]


def default_Cs(n_Cs):
    """Return n_Cs values of C, from strong to weak: those of LogisticRegressionCV."""
    return np.logspace(np.log10(LOWEST_C), np.log10(HIGHEST_C), n_Cs)


def sparse_Cs(n_Cs, l1_ratio, objective, problem):
    """Return n_Cs values of C, from the largest for which all coefficients are zero upwards."""
    largest = _largest_gradient_at_zero(objective)
    if not largest > 0:
        raise ValueError(
            "Cs must be an array: no feature has a part in the targets, so that there is no C from "
            "which on coefficients differ from zero"
        )
    # Rounding errors of the gradient must not lift the first of them from zero.
    lowest = problem.strength(1.0) * l1_ratio / largest * (1 - GRADIENT_ROUNDING * _eps(objective))
    return np.geomspace(lowest, lowest * SPAN, n_Cs)


def _largest_gradient_at_zero(objective):
    # The largest entry, over the coefficients, of the gradient of the mean loss where all of them
    # are zero and the intercept is at its optimum: from it on an L1 penalty keeps them there.
    coef = np.zeros((objective.n_features, objective.n_columns))
    intercept = np.zeros(objective.n_columns)
    if objective.fit_intercept:
        share = _class_shares(objective)
        intercept = np.log(share) if len(share) > 1 else np.log(share / (1 - share))
    gradient = objective.value_gradient(objective.theta(coef, intercept)).gradient
    in_coef = gradient.reshape(objective.shape)[: objective.n_features]
    in_coef = np.abs(in_coef / objective.scale[:, None]).max(axis=1)
    # That of a constant column is made of rounding errors.
    rounding = GRADIENT_ROUNDING * _eps(objective) * np.abs(objective.center)
    return np.where(in_coef > rounding, in_coef, 0).max()


def _eps(objective):
    return np.finfo(objective.dtype).eps


def _class_shares(objective):
    # The mean targets: of the second class of two, or of each of several.
    target, weight = objective.target, objective.sample_weight
    if target.shape[1] == objective.n_columns:
        share = np.average(target.astype(np.float64), axis=0, weights=weight)
    else:
        total = np.bincount(target[:, 0].astype(np.intp), weight, objective.n_columns)
        share = total / total.sum()
    tiny = np.finfo(np.float64).eps
    return np.clip(share, tiny, 1 - tiny)


def path_coefficients(objective, grid, path):
    """Return the coefficients and intercepts of a path, in the dtype of X.

    Parameters
    ----------
    objective : LinearObjective
    grid : list of dict
        The penalties, as `penalties` returns them.
    path : list of PathPoint

    Returns
    -------
    coefs : ndarray of shape (n_Cs, n_columns, n_features)
    intercepts : ndarray of shape (n_Cs, n_columns)
    """
    fitted = [
        fitted_coefficients(objective, point.theta, penalty["l1"], objective.dtype)
        for penalty, point in zip(grid, path, strict=True)
    ]
    coefs, intercepts = zip(*fitted, strict=True)
    return np.array(coefs), np.array(intercepts)


def join_coefficients(coefs, intercepts, fit_intercept):
    """Return coefficients with the intercepts, if there are any, as their last column."""
    return np.concatenate([coefs, intercepts[..., None]], axis=-1) if fit_intercept else coefs


def split_coefficients(joined, fit_intercept):
    """Return the coefficients and the intercepts from what `join_coefficients` returned."""
    if fit_intercept:
        return joined[..., :-1], joined[..., -1]
    return joined, np.zeros(joined.shape[:-1], dtype=joined.dtype)


def warn_of_unconverged(results, max_iter, tol, stacklevel):
    """Warn if some of the SolverResults did not converge."""
    unconverged = [result for result in results if not result.converged]
    if unconverged:
        worst = max(unconverged, key=lambda result: result.max_gradient)
        warnings.warn(
            f"{len(unconverged)} of {len(results)} fits failed to converge; of the worst, the "
            f"largest entry of the gradient is {worst.max_gradient:.3g}, tol={tol}: "
            f"{worst.reason}. Increase max_iter={max_iter}, standardise X or leave out the largest "
            "values of Cs.",
            ConvergenceWarning,
            stacklevel=stacklevel + 1,
        )


def logloss_path(
    X: ArrayLike,
    y: ArrayLike,
    *,
    Cs: int | ArrayLike = 100,
    l1_ratio: float = 0.0,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool = True,
    class_weight: dict[Any, float] | str | None = None,
    label_smoothing: float = 0.0,
    solver: str = "auto",
    tol: float = 1e-4,
    max_iter: int = 100,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> LogLossPath:
    """Compute the coefficients of `LogLossClassifier` for a grid of C.

    Each fit starts from the one with the next stronger penalty.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        As for `LogLossClassifier.fit`.
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        Labels or soft targets.
    Cs : int or array-like of shape (n_Cs,), default=100
        Values of C, or how many. Without an L1 penalty these are spaced evenly on a log scale from
        1e-4 to 1e4, as those of LogisticRegressionCV. With one, they go from the largest C for
        which all coefficients are zero up to 1000 times that, as glmnet's [1]_.
    l1_ratio : float, default=0.0
        Part of the penalty that is L1, from 0 to 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights; 1 if None.
    fit_intercept, class_weight, label_smoothing, solver, tol, max_iter, n_jobs, verbose
        As for `LogLossClassifier`, for each value of C.

    Returns
    -------
    path : LogLossPath

    Raises
    ------
    ValueError, TypeError
        If a parameter or an input is out of its range; the message names it.

    Warns
    -----
    ConvergenceWarning
        If some of the fits did not converge.

    References
    ----------
    .. [1] J. Friedman, T. Hastie and R. Tibshirani, "Regularization Paths for Generalized Linear
       Models via Coordinate Descent", Journal of Statistical Software 33 (2010), section 2.5.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklogloss import logloss_path
    >>> X, y = load_iris(return_X_y=True)
    >>> path = logloss_path(X, y, Cs=[0.01, 1, 100])
    >>> path.coefs.shape
    (3, 3, 4)
    >>> path.coefs[:, 0].round(2)
    array([[-0.14,  0.1 , -0.43, -0.18],
           [-0.42,  0.97, -2.52, -1.08],
           [-0.39,  3.41, -6.4 , -3.51]])
    """
    check_Cs(Cs)
    check_real("l1_ratio", l1_ratio, 0, 1)
    model = LogLossClassifier(
        fit_intercept=fit_intercept,
        class_weight=class_weight,
        label_smoothing=label_smoothing,
        solver=solver,
        tol=tol,
        max_iter=max_iter,
        n_jobs=n_jobs,
        verbose=verbose,
    )
    model._check_parameters()
    if l1_ratio > 0 and solver in SMOOTH_SOLVERS:
        raise ValueError(
            f"solver={solver!r} knows no L1 penalty, got l1_ratio={l1_ratio}; use solver='auto' or "
            "'coordinate-descent', or l1_ratio=0"
        )
    problem = model._validate_problem(X, y, sample_weight)
    with one_blas_thread():
        objective = problem.objective(
            model._loss(problem.targets.n_classes),
            l2=problem.strength(HIGHEST_C if np.ndim(Cs) == 0 else np.max(Cs)),
            fit_intercept=fit_intercept,
            n_threads=effective_n_threads(n_jobs),
        )
        if np.ndim(Cs) > 0:
            all_Cs = np.array(Cs, dtype=np.float64)
        elif l1_ratio > 0:
            all_Cs = sparse_Cs(Cs, l1_ratio, objective, problem)
        else:
            all_Cs = default_Cs(Cs)
        from_strong_to_weak = np.argsort(all_Cs, kind="stable")
        grid = penalties(problem, all_Cs[from_strong_to_weak], float(l1_ratio))
        steps = solve_path(
            objective,
            grid,
            solver="auto" if solver in AUTOMATIC_SOLVERS else solver,
            tol=tol,
            max_iter=max_iter,
            verbose=verbose,
        )
        path = list(steps)
        results = [point.result for point in path]
        if not np.all(np.isfinite([result.max_gradient for result in results])):
            assert_all_finite(problem.X, input_name="X")
        coefs, intercepts = path_coefficients(objective, grid, path)
    warn_of_unconverged(results, max_iter, tol, stacklevel=2)
    as_given = np.argsort(from_strong_to_weak)
    return LogLossPath(
        all_Cs,
        float(l1_ratio),
        problem.targets.classes,
        coefs[as_given],
        intercepts[as_given],
        np.array([result.n_iter for result in results], dtype=np.int32)[as_given],
        getattr(model, "feature_names_in_", None),
    )
