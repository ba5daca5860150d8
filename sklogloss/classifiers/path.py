"""Coefficients for a grid of C."""

# Annotations stay as they are written: help() shows ArrayLike, not what it stands for.
from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import assert_all_finite

from sklogloss.classifiers.base import no_l1_error
from sklogloss.classifiers.callbacks import FitTasks, check_callbacks, fit_with_callbacks
from sklogloss.classifiers.grids import HIGHEST_C, check_Cs, default_Cs, sparse_Cs
from sklogloss.classifiers.log_loss import LogLossClassifier
from sklogloss.classifiers.problem import (
    convergence_advice,
    fitted_coefficients,
    warn_of_rounding,
)
from sklogloss.inputs.parameters import Interval, check_parameter, check_parameters
from sklogloss.linear.threads import one_blas_thread
from sklogloss.solvers.path import solve_path
from sklogloss.solvers.plan import SMOOTH_SOLVERS
from sklogloss.solvers.stopping import LARGEST_GAP, Goal

__all__ = [
    "DEFAULT_TOL",
    "LogLossPath",
    "join_coefficients",
    "logloss_path",
    "path_coefficients",
    "penalties",
    "split_coefficients",
    "warn_of_unconverged",
]

DEFAULT_TOL = 1e-4


@dataclass
class LogLossPath:
    """Coefficients for a grid of C, as `logloss_path` returns them.

    Attributes
    ----------
    Cs : ndarray of shape (n_Cs,)
        Inverse strengths of the penalty, as they were given; a grid goes from strong to weak.
    l1_ratio : float
        Fraction of the penalty that is L1.
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


def penalties(problem, Cs, l1_ratio, row_weight=None):
    """Return the Penalty for each C.

    Parameters
    ----------
    problem : Problem
    Cs : ndarray of shape (n_Cs,)
    l1_ratio : float
    row_weight : ndarray of shape (n_samples,), default=None
        As for `Problem.penalty`.
    """
    return [problem.penalty(C, l1_ratio, row_weight) for C in Cs.tolist()]


def path_coefficients(objective, grid, path):
    """Return the coefficients and intercepts of a path, in the dtype of X.

    Parameters
    ----------
    objective : Objective
    grid : list of Penalty
    path : list of PathPoint

    Returns
    -------
    coefs : ndarray of shape (n_Cs, n_columns, n_features)
    intercepts : ndarray of shape (n_Cs, n_columns)
    """
    fitted = [
        fitted_coefficients(
            objective.replace(penalty=penalty), point.theta, objective.samples.dtype
        )
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
        remedies = [
            f"Increase max_iter={max_iter}",
            "standardise X",
            "leave out the largest values of Cs",
        ]
        advice = convergence_advice(remedies, worst.objective.samples)
        warnings.warn(
            f"{len(unconverged)} of {len(results)} fits failed to converge; of the worst, the "
            f"largest entry of the gradient is {worst.max_gradient:.3g}, tol={tol}: "
            f"{worst.verdict.reason(max_iter)}. {advice}",
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
    tol: float = DEFAULT_TOL,
    max_iter: int = 100,
    n_jobs: int | None = None,
    verbose: int = 0,
    offset: ArrayLike | None = None,
    penalty_factor: ArrayLike | None = None,
    bounds: tuple[Any, Any] | None = None,
    callbacks: Sequence[Any] = (),
) -> LogLossPath:
    """Compute the coefficients of `LogLossClassifier` for a grid of C.

    Each fit starts from the one with the next stronger penalty.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        See `LogLossClassifier.fit`.
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        Labels or soft targets.
    Cs : int or array-like of shape (n_Cs,), default=100
        Values of C, or their number. Without an L1 penalty, they are spaced evenly on a log scale
        from 1e-4 to 1e4, as in LogisticRegressionCV. With an L1 penalty, they go from the largest C
        for which all penalised coefficients are zero up to 1000 times that, as in glmnet [1]_.
    l1_ratio : float, default=0.0
        Fraction of the penalty that is L1, from 0 to 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative; None means 1 for each sample.
    fit_intercept, class_weight, label_smoothing, solver, max_iter, n_jobs, verbose
        See `LogLossClassifier`. They apply to each value of C.
    tol : float, default=1e-4
        See `LogLossClassifier`. With an L1 penalty and a tol of 1e-4 or more, each objective is
        within a relative 1e-6 of its optimum. A smaller tol has the same meaning as in
        `LogLossClassifier`.
    offset : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
        See `LogLossClassifier.fit`.
    penalty_factor, bounds
        See `LogLossClassifier`.
    callbacks : sequence of callbacks, default=()
        Callbacks of `sklearn.callback`; they need scikit-learn 1.9. Each value of C is a task.

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
        If some of the fits did not converge, or if X is float32 and the coefficients need more
        digits than that.

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
    check_parameter("l1_ratio", l1_ratio, Interval(0, 1))
    model = LogLossClassifier(
        fit_intercept=fit_intercept,
        class_weight=class_weight,
        label_smoothing=label_smoothing,
        solver=solver,
        tol=tol,
        max_iter=max_iter,
        n_jobs=n_jobs,
        verbose=verbose,
        penalty_factor=penalty_factor,
        bounds=bounds,
    )
    check_parameters(model, model._allowed)
    if l1_ratio > 0 and solver in SMOOTH_SOLVERS:
        raise no_l1_error(solver, f"l1_ratio={l1_ratio}", "l1_ratio=0")
    problem = model._validate_problem(X, y, sample_weight, offset)
    grid = (model, problem, Cs, float(l1_ratio))
    check_callbacks(model, callbacks)
    if callbacks:
        model.set_callbacks(*callbacks)
        path, results = _solve_in_tasks(grid, X, y, sample_weight, offset)
    else:
        path, results = _solve_grid(*grid)
    warn_of_unconverged(results, max_iter, tol, stacklevel=2)
    return path


def _solve_in_tasks(grid, X, y, sample_weight, offset):
    def solve(X, y, **params):
        return _solve_grid(*grid)

    model, _, Cs, _ = grid
    n_tasks = Cs if np.ndim(Cs) == 0 else len(Cs)
    return fit_with_callbacks(model, solve, X, y, sample_weight, offset, n_tasks)


def _solve_grid(model, problem, Cs, l1_ratio):
    # The LogLossPath of a classifier's parameters, and the SolverResults from strong to weak.
    with one_blas_thread():
        weakest = problem.penalty(HIGHEST_C if np.ndim(Cs) == 0 else np.max(Cs), 0.0)
        objective, _ = problem.objective(model, weakest)
        if np.ndim(Cs) > 0:
            Cs = np.array(Cs, dtype=np.float64)
        elif l1_ratio > 0:
            Cs = sparse_Cs(Cs, l1_ratio, objective, problem)
        else:
            Cs = default_Cs(Cs)
        from_strong_to_weak = np.argsort(Cs, kind="stable")
        grid = penalties(problem, Cs[from_strong_to_weak], l1_ratio)
        # More digits than the promised ones are not worth their passes. That of nearly equal
        # columns is predicted to a digit.
        gap = LARGEST_GAP / 10 if l1_ratio > 0 and model.tol >= DEFAULT_TOL else None
        goal = Goal.of(model.tol, model.max_iter, model.verbose, gap)
        if hasattr(model, "_callback_fit_ctx"):
            goal = replace(goal, watch=FitTasks(model, problem))
        points = list(solve_path(objective, grid, goal, solver=model.solver))
        results = [point.result for point in points]
        if not np.all(np.isfinite([result.max_gradient for result in results])):
            assert_all_finite(problem.X, input_name="X")
        coefs, intercepts = path_coefficients(objective, grid, points)
        warn_of_rounding(results, coefs, intercepts)
    as_given = np.argsort(from_strong_to_weak)
    path = LogLossPath(
        Cs,
        l1_ratio,
        problem.targets.classes,
        coefs[as_given],
        intercepts[as_given],
        np.array([result.n_iter for result in results], dtype=np.int32)[as_given],
        getattr(model, "feature_names_in_", None),
    )
    return path, results
