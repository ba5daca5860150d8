"""The solutions of one problem under penalties from strong to weak."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import SolverResult, name_max_iter
from .guided_newton import GuidedNewtonSolver, is_guidable
from .select import is_end, select_solver, solve

__all__ = ["PathPoint", "solve_from", "solve_path"]


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
    solve_hessian: Callable[..., Any] | None = None


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
        The part of the objective within which to come to the optimum; None goes by tol.
    guide : list of PathPoint, default=None
        The path of a similar problem under the same penalties, as a function of the same theta. A
        point of it is looked up when the solution under its penalty is asked for.
    guides : bool, default=False
        Whether the result is to be the guide of others.

    Yields
    ------
    point : PathPoint
        Under each penalty in turn.
    """
    path = []
    options = {"tol": tol, "max_iter": max_iter, "verbose": verbose}
    for penalty in penalties:
        penalised = objective.with_penalty(**penalty)
        name = select_solver(penalised) if solver == "auto" else solver
        start = PathPoint(_start(objective, path, guide), None, name, _nearest_hessian(path, guide))
        stronger = None
        is_l1 = name == "coordinate-descent" and penalised.l1 > 0
        if is_l1 and path and path[-1].result.point is not None:
            stronger = path[-1].result, penalties[len(path) - 1]["l1"]
        other, result, solve_hessian = solve_from(
            start,
            penalised,
            suboptimality=suboptimality,
            guides=guides,
            stronger=stronger,
            **options,
        )
        theta = result.theta
        if other is not penalised:
            theta = objective.theta(*other.coef_intercept(theta))
        path.append(PathPoint(theta, result, name, solve_hessian))
        yield path[-1]


def solve_from(start, objective, *, suboptimality=None, guides=False, stronger=None, **options):
    """Minimise an objective from a PathPoint of a similar problem.

    Parameters
    ----------
    start : PathPoint
    objective : LinearObjective
    suboptimality, guides
        As for `solve_path`.
    stronger
        As for `solve`.
    **options
        tol, max_iter and verbose.

    Returns
    -------
    objective : LinearObjective
        The same, maybe with another center and scale: that of the result's theta.
    result : SolverResult
    solve_hessian : callable or None
        As of a PathPoint.
    """
    theta, n_iter, solve_hessian = start.theta, 0, None
    if start.solver == "newton-cholesky" and is_guidable(objective):
        newton = GuidedNewtonSolver(objective, solve_hessian=start.solve_hessian, **options)
        if suboptimality is not None:
            newton.suboptimality = suboptimality
        result = newton.solve(theta)
        theta, n_iter, solve_hessian = result.theta, result.n_iter, newton.solve_hessian
        if guides and objective.n_columns > 1 and not newton.is_cheap:
            solve_hessian = newton.solve_hessian_at(theta)
        if result.converged and (objective.dtype == np.float64 or is_end(result)):
            return objective, result, solve_hessian
    max_iter = options.pop("max_iter")
    objective, result = solve(
        start.solver,
        objective,
        theta,
        max_iter=max_iter - n_iter,
        suboptimality=suboptimality,
        stronger=stronger,
        **options,
    )
    result.n_iter += n_iter
    name_max_iter(result, max_iter)
    return objective, result, solve_hessian


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
