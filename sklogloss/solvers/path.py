"""The solutions of one problem under penalties from strong to weak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .newton import ExactHessian, Newton
from .plan import MANY_PARAMETERS, Facts, Method, Plan, Start, make_plan
from .solve import is_blurred, solve, solve_subsets
from .stopping import SolverResult, Verdict
from .stretch import extrapolated_start, goal_of, solve_ahead

__all__ = ["PathPoint", "solve_from", "solve_path"]


@dataclass
class PathPoint:
    """The solution under one penalty.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
        In the coordinates of the objective that was passed to `solve_path`.
    result : SolverResult
    plan : Plan
    solve_hessian : callable or None
        Maps b to the solution x of hessian x = b, for a Hessian close to that at theta.
    n_kept : int
        Number of PathPoints, each with a Hessian, that are in memory together.
    """

    theta: np.ndarray | None
    result: SolverResult | None
    plan: Plan
    solve_hessian: Callable[[np.ndarray], np.ndarray] | None = None
    n_kept: int = 1


def solve_path(objective, penalties, goal, *, solver, guide=None, guides=False):
    """Minimise an objective under one penalty after the other, starting from what is known.

    Parameters
    ----------
    objective : Objective
    penalties : list of Penalty
        From strong to weak.
    goal : Goal
        max_iter holds for each penalty.
    solver : str
        "auto" or one of SOLVERS.
    guide : list of PathPoint, default=None
        The path of a similar problem under the same penalties, as a function of the same theta. One
        of its points is read when the solution under its penalty is requested.
    guides : bool, default=False
        Whether the result will guide other paths.

    Yields
    ------
    point : PathPoint
        Under each penalty in turn.
    """
    path = []
    while len(path) < len(penalties):
        results = [] if guide is not None else solve_ahead(objective, penalties, goal, path)
        points = [PathPoint(result.theta, result, path[-1].plan) for result in results]
        if not points:
            points = [_solve_next(objective, penalties, goal, solver, path, guide, guides)]
        for point in points:
            path.append(point)
            yield point


def _solve_next(objective, penalties, goal, solver, path, guide, guides):
    # The PathPoint under the next penalty.
    penalty = penalties[len(path)]
    penalised = objective.replace(penalty=penalty)
    facts = Facts.of(objective.samples, objective.loss, penalty, objective.fit_intercept)
    plan = make_plan(facts, solver)
    theta = _start(penalised, path, guide)
    start = PathPoint(theta, None, plan, _nearest_hessian(path, guide), len(penalties))
    stronger = None
    last = path[-1].result if path else None
    # A solution in other coordinates has a gradient in another theta.
    if penalty.has_l1 and path and last.objective.coordinates is objective.coordinates:
        stronger = last.point, np.max(penalties[len(path) - 1].l1)
    of_penalty = goal_of(goal, penalties, len(path))
    task = None if goal.watch is None else goal.watch.begin_fit(of_penalty.name)
    point = solve_from(start, penalised, of_penalty, guides=guides, stronger=stronger)
    if task is not None:
        goal.watch.end_fit(task, point.result.objective, point.result.theta)
    # One factor for each penalty and fold would fill the memory.
    point.result.factored_point = point.result.last_point.factor = None
    other = point.result.objective
    if other.coordinates is not objective.coordinates:
        point.theta = objective.theta(*other.coef_intercept(point.theta))
    return point


def solve_from(start, objective, goal, *, guides=False, stronger=None) -> PathPoint:
    """Minimise an objective from a PathPoint of a similar problem.

    Parameters
    ----------
    start : PathPoint
    objective : Objective
    goal : Goal
    guides : bool
        As for `solve_path`.
    stronger
        As for `solve`.

    Returns
    -------
    point : PathPoint
        Its theta is that of the result's objective.
    """
    plan, theta = start.plan, start.theta
    if goal.verbose:
        goal.report(f"plan: {plan}")
    # All kept Hessians together take no more memory than the largest allowed one.
    fits_memory = objective.n_parameters**2 * start.n_kept <= MANY_PARAMETERS**2
    is_guidable = plan.solver == "newton-cholesky" and fits_memory
    if not (is_guidable and objective.penalty.is_smooth):
        result = solve(plan, objective, theta, goal, stronger=stronger)
        return PathPoint(result.theta, result, plan, n_kept=start.n_kept)
    model = ExactHessian(objective, guide=start.solve_hessian, is_guided=True)
    at_most = np.inf
    if theta is None:
        theta = objective.start()
        if plan.start is Start.SUBSET and plan.methods[0] is Method.EXACT:
            theta, of_subset, at_most = solve_subsets(plan, objective, goal)
            if of_subset is not None:
                model.adopt(of_subset)
    result = Newton(objective, model, goal).solve(theta, at_most=at_most)
    solve_hessian = model.last_solve
    if guides and objective.n_columns > 1 and not model.is_cheap:
        solve_hessian = model.solve_hessian_at(result.theta)
    is_float64 = objective.samples.dtype == np.float64
    is_sound = is_float64 or (result.verdict.is_sound and not is_blurred(result))
    if not (result.converged and is_sound):
        n_iter = result.n_iter
        result = solve(plan.without_start(), objective, result.theta, goal.part(n_iter=n_iter))
        result.n_iter += n_iter
        if not result.converged and result.n_iter >= goal.max_iter:
            result.verdict = Verdict.MAX_ITER
    return PathPoint(result.theta, result, plan, solve_hessian, start.n_kept)


def _nearest_hessian(path, guide):
    if guide is not None and guide[len(path)].solve_hessian is not None:
        return guide[len(path)].solve_hessian
    return path[-1].solve_hessian if path else None


def _start(objective, path, guide):
    # Extrapolate the last two solutions; with a guide, their differences from it.
    if guide is None:
        return extrapolated_start(objective, [point.theta for point in path[-2:]]) if path else None
    near = guide[len(path)].theta
    if not path:
        return near
    last = zip(path[-2:], guide[: len(path)][-2:], strict=True)
    solutions = [near + point.theta - other.theta for point, other in last]
    return extrapolated_start(objective, solutions, near)
