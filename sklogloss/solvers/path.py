"""The solutions of one problem under penalties from strong to weak."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .base import SolverResult
from .guided_newton import GuidedNewtonSolver, is_guidable
from .select import select_solver, solve

__all__ = ["PathPoint", "solve_path"]


@dataclass
class PathPoint:
    """The solution under one penalty.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
        Of the objective that solve_path was given.
    result : SolverResult
    solver : str
    solve_hessian : callable or None
        From b to the solution x of hessian x = b, for a Hessian close to that at theta.
    """

    theta: np.ndarray
    result: SolverResult
    solver: str
    solve_hessian: Callable | None = None


def solve_path(
    objective,
    penalties,
    *,
    solver,
    tol,
    max_iter,
    verbose=0,
    suboptimality=None,
    guide=None,
    guides=False,
):
    """Minimise an objective under one penalty after the other, each from what is known by then.

    Parameters
    ----------
    objective : LinearObjective
    penalties : list of dict
        The arguments l1 and l2 of `LinearObjective.with_penalty`, from strong to weak.
    solver : str
        "auto" or one of SOLVERS.
    tol : float
    max_iter : int
        For each penalty.
    verbose : int
    suboptimality : float, default=None
        The part of the objective within which to come to the optimum, where the solver lets it
        choose; None goes by tol.
    guide : list of PathPoint, default=None
        The path of a similar problem under the same penalties, as a function of the same theta.
    guides : bool, default=False
        Whether the result is to be the guide of others.

    Returns
    -------
    path : list of PathPoint
    """
    path = []
    options = {"tol": tol, "max_iter": max_iter, "verbose": verbose}
    for penalty in penalties:
        penalised = objective.with_penalty(**penalty)
        name = select_solver(penalised) if solver == "auto" else solver
        theta = _start(objective, path, guide)
        result = solve_hessian = None
        if name == "newton-cholesky" and is_guidable(objective):
            newton = GuidedNewtonSolver(
                penalised, solve_hessian=_nearest_hessian(path, guide), **options
            )
            if suboptimality is not None:
                newton.suboptimality = suboptimality
            result = newton.solve(theta)
            theta, solve_hessian = result.theta, newton.solve_hessian
            if guides and objective.n_columns > 1 and not newton.is_cheap:
                solve_hessian = newton.solve_hessian_at(theta)
        if result is None or not result.converged:
            n_iter = 0 if result is None else result.n_iter
            options_left = {**options, "max_iter": max_iter - n_iter}
            other, result = solve(name, penalised, theta, **options_left)
            result.n_iter += n_iter
            theta = objective.theta(*other.coef_intercept(result.theta))
        path.append(PathPoint(theta, result, name, solve_hessian))
    return path


def _nearest_hessian(path, guide):
    if guide is not None and guide[len(path)].solve_hessian is not None:
        return guide[len(path)].solve_hessian
    return path[-1].solve_hessian if path else None


def _start(objective, path, guide):
    # The previous solution, and on from there as far as the last step went. Next to a similar
    # problem, the same for what sets the two apart. What is zero stays zero.
    if guide is None:
        if not path:
            return np.zeros(objective.n_parameters)
        near = path[-1].theta
        start = _extrapolated([point.theta for point in path[-2:]])
    else:
        near = guide[len(path)].theta
        if not path:
            return near
        last = zip(path[-2:], guide[: len(path)][-2:], strict=True)
        start = near + _extrapolated([point.theta - other.theta for point, other in last])
    n_coefficients = objective.n_features * objective.n_columns
    start[:n_coefficients][near[:n_coefficients] == 0] = 0
    return start


def _extrapolated(values):
    return 2 * values[1] - values[0] if len(values) > 1 else values[0]
