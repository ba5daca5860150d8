"""Execute a plan: from a start, through the methods, to the optimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sklogloss.linear.entries import Entries
from sklogloss.linear.limits import EPS, MAX_ROUNDS
from sklogloss.linear.objective import balanced_coordinates
from sklogloss.linear.reduction import RowReduction, is_reducible_in_single
from sklogloss.linear.samples import random_rows

from .costs import products_per_exact_step
from .doubt import is_doubtful
from .hessians import ClassMeanHessian, HessianProducts, RowSpaceHessian
from .lbfgs import LBFGS
from .newton import ExactHessian, Newton
from .plan import PRODUCTS_PER_STEP, Method, Start
from .proximal_products import ProximalProducts
from .sparse_softmax.descent import SoftmaxDescent
from .sparse_softmax.dual_ascent import dual_start
from .stopping import (
    LARGEST_GAP,
    SMALL_LOSS,
    SolverResult,
    Stopping,
    Verdict,
    suboptimality_bound,
)
from .working_set import WorkingSets

__all__ = ["descend", "is_blurred", "method_for", "solve", "solve_subsets"]


def solve(plan, objective, theta, goal, *, stronger=None) -> SolverResult:
    """Minimise an objective from theta; continue with more digits if rounding errors stop it.

    Parameters
    ----------
    plan : Plan
    objective : Objective
    theta : ndarray of shape (n_parameters,) or None
        None for the cold start of the plan.
    goal : Goal
    stronger : tuple or None
        As for `WorkingSets`.

    Returns
    -------
    result : SolverResult
        For the same objective, possibly with another center and scale.
    """
    result = descend(plan, objective, theta, goal, stronger=stronger)
    is_float32 = result.objective.samples.dtype == np.float32
    if is_float32 and result.verdict.is_sound and is_blurred(result):
        result.verdict = Verdict.ROUNDING
    if not (result.verdict.is_sound and result.last_point.max_gradient <= goal.tol):
        result = _with_more_digits(plan, result, goal)
    # Newton's method with the whole Hessian misses nothing if it ends with one of these verdicts
    # before max_iter, and if the Hessian has curvature along all directions.
    is_smooth = result.objective.penalty.is_smooth
    sure = [each for each in Verdict if (each.is_solved if is_smooth else each.is_sound)]
    is_sure = result.method is Method.EXACT and result.verdict in sure
    is_sure = is_sure and not result.lacks_curvature and result.n_iter < goal.max_iter
    if not is_sure and is_doubtful(result):
        is_missing = True
        if result.n_iter < goal.max_iter:
            exact = replace(plan.without_start(), methods=(Method.EXACT,))
            objective = _in_float64(result.objective)
            if objective is not None:
                # Values are compared in float64, because rounding errors make some float32 values
                # too low.
                point = objective.value_gradient(result.theta)
                result = replace(result, objective=objective, last_point=point)
            again = _solve_again(exact, result.objective, result.theta, goal, result)
            is_missing = again.verdict not in sure or again.lacks_curvature
            is_missing = is_missing or again.n_iter >= goal.max_iter
            if _is_better(again, result, goal):
                result = again
                is_missing = is_missing and result.verdict.is_solved and is_doubtful(result)
        if is_missing and result.verdict.is_solved:
            result.verdict = Verdict.STALLED
    if not result.verdict.is_solved and result.n_iter >= goal.max_iter:
        result.verdict = Verdict.MAX_ITER
    elif result.verdict is Verdict.STALLED and _has_little_loss(result):
        result.verdict = Verdict.LITTLE_LOSS
    return result


def is_blurred(result):
    """Return whether rounding errors of float32 may change the objective by more than is promised.

    Those of the raw predictions grow with columns that are far from zero.
    """
    objective, value = result.objective, abs(result.last_point.value)
    eps = float(np.finfo(np.float32).eps)
    coef, _ = objective.coef_intercept(result.theta)
    size = np.abs(objective.coordinates.center) + 1 / objective.coordinates.scale
    squares = size**2 @ coef**2
    return not eps**2 * np.max(squares) / 8 <= LARGEST_GAP * value


def _with_more_digits(plan, result, goal):
    # Continue with smaller rounding errors if these may have ended the run.
    for with_more_digits in (_in_float64, _densified):
        if result.verdict.is_sound or result.n_iter >= goal.max_iter:
            break
        objective = with_more_digits(result.objective)
        if objective is not None:
            plan = plan.for_design(objective.samples.design)
            start = result.theta if result.verdict is not Verdict.OVERFLOW else objective.start()
            result = _solve_again(plan, objective, start, goal, result)
    while result.n_iter < goal.max_iter and _has_stalled(result, goal):
        # A better conditioned Hessian has smaller rounding errors.
        other = _recentred(result.objective, result.theta)
        start = other.theta(*result.objective.coef_intercept(result.theta))
        again = _solve_again(plan, other, start, goal, result)
        if not _is_better(again, result, goal):
            break
        goes_on = again.n_iter > result.n_iter and _gains(again, result, goal)
        result = again
        if not goes_on:
            break
    return result


def descend(plan, objective, theta, goal, *, stronger=None) -> SolverResult:
    """Minimise an objective from theta by the stages of a plan, once. See `solve`."""
    n_iter, model, at_most = 0, None, np.inf
    if theta is None and goal.max_iter > 0:
        if plan.start is Start.ROWS:
            result = _solve_in_row_space(plan, objective, goal)
            if result is not None:
                if result.converged:
                    return result
                theta, n_iter = result.theta, result.n_iter
                goal = goal.part(n_iter=n_iter)
        elif plan.start is Start.SUBSET:
            theta, model, at_most = solve_subsets(plan, objective, goal)
        elif plan.start is Start.DUAL:
            theta = _dual_start(objective, goal)
        elif plan.start is Start.STRONGER:
            theta, stronger, n_iter = _solve_stronger(plan, objective, goal)
            goal = goal.part(n_iter=n_iter)
    elif plan.start is Start.SUBSET and plan.methods[0] is Method.EXACT:
        model = _hessian_of_subset(plan, objective, theta)
    for i, method in enumerate(plan.methods):
        solver = method_for(method, plan, objective, goal, stronger=stronger)
        if model is not None:
            solver.model.adopt(model)
        if i == 0 and at_most < np.inf:
            result = solver.solve(theta, at_most=at_most)
        else:
            result = solver.solve(objective.start() if theta is None else theta)
        n_iter += result.n_iter
        if result.verdict is not Verdict.STALLED or result.n_iter >= goal.max_iter:
            break
        theta, goal = result.theta, goal.part(n_iter=result.n_iter)
        model = solver.model if method is Method.CLASS_MEAN else None
    result.n_iter, result.method = n_iter, method
    return result


def method_for(method, plan, objective, goal, *, stronger=None):
    """Return the solver of a method, set up for an objective."""
    if method is Method.LBFGS:
        return LBFGS(objective, goal)
    if method is Method.WORKING_SETS:
        return WorkingSets(
            objective, goal, descends=plan.descends and goal.max_iter > 1, stronger=stronger
        )
    if method is Method.EXACT:
        model = ExactHessian(objective, is_rough=goal.is_loose, stride=plan.hessian_stride)
    elif method is Method.CLASS_MEAN:
        model = ClassMeanHessian(objective, goal.max_iter)
    else:
        model = _products_model(method, plan, objective)
    return Newton(objective, model, goal)


def _products_model(method, plan, objective):
    # If the exact Hessian may follow, products end once they have cost as much as a solution by it.
    # At worst, the two together cost twice as much as the cheaper one alone. Coordinate descent
    # follows where a thousand products have not solved the problem.
    most = np.inf
    if plan.methods[-1] is Method.EXACT:
        most = PRODUCTS_PER_STEP * products_per_exact_step(objective)
    elif plan.methods[-1] is Method.WORKING_SETS:
        most = MAX_ROUNDS
    if not objective.penalty.is_smooth:
        return ProximalProducts(objective, max_products=most)
    is_sparse_softmax = method is Method.SPARSE_SOFTMAX
    return HessianProducts(objective, is_sparse_softmax=is_sparse_softmax, max_products=most)


def solve_subsets(plan, objective, goal):
    """Return the solution on nested subsets of the rows as a start for all rows.

    Returns
    -------
    theta : ndarray of shape (n_parameters,)
    model : Hessian model or None
        The model that led to theta.
    at_most : float
        The value at zero, which theta must not exceed on all rows.
    """
    samples, nested = objective.samples, []
    for size in reversed(plan.subset_sizes):
        samples = samples.take(random_rows(samples, size))
        nested.insert(0, samples)
    theta, model, at_most = objective.start(), None, np.inf
    for samples in nested:
        of_rows = objective.replace(samples=samples)
        solver = method_for(plan.methods[0], plan, of_rows, goal.part(gap=LARGEST_GAP))
        if model is not None:
            solver.model.adopt(model)
        result = solver.solve(theta, at_most=at_most)
        if at_most == np.inf:
            # The value at zero. Later subsets start elsewhere.
            at_most = result.start_value
        if result.verdict is Verdict.OVERFLOW:
            theta, model = objective.start(), None
        else:
            theta, model = result.theta, solver.model
    return theta, model, at_most


def _hessian_of_subset(plan, objective, theta):
    # A warm start has no Hessian yet. The Hessian of a subset of the rows replaces that of all
    # rows.
    if theta is None:
        return None
    rows = random_rows(objective.samples, plan.subset_sizes[-1])
    some = objective.replace(samples=objective.samples.take(rows))
    model = ExactHessian(some)
    model.keep(some.value_gradient_hessian(theta, single=True).hessian, np.float32)
    return model


def _solve_in_row_space(plan, objective, goal):
    # The solution in the space of the rows, improved by the gradient of the whole problem. None if
    # the rows span nothing.
    found = result = None
    attempts = [(objective, False)]
    if is_reducible_in_single(objective):
        attempts.insert(0, (objective, True))
    elif objective.samples.dtype == np.float32:
        # If the entries are of very different size, float32 loses too much of their squares.
        attempts.append((_in_float64(objective), False))
    n_iter = 0
    for objective, single in attempts:
        reduction = RowReduction.of(objective, single=single)
        if reduction is None:
            continue
        reduced = reduction.objective
        # Cross-products in float32 do not allow more digits.
        of_reduced = goal.part(n_iter=n_iter, gap=LARGEST_GAP if single else None)
        of_reduced = replace(of_reduced, watch=None)
        start = reduced.start() if found is None else reduction.theta(*found)
        of_rows = method_for(plan.method_of_rows, plan, reduced, of_reduced).solve(start)
        n_iter += of_rows.n_iter
        found = reduction.row_coefficients(of_rows.theta)
        theta = objective.theta(*reduction.coef_intercept(of_rows.theta))
        is_formed = plan.method_of_rows is Method.EXACT
        model = RowSpaceHessian(objective, reduction, of_rows.theta, is_formed=is_formed)
        if reduction.has_all_rows:
            result = Newton(objective, model, goal.part(n_iter=n_iter)).solve(theta)
        else:
            result = _certified(Newton(objective, model, goal.part(n_iter=n_iter)), theta)
        n_iter += result.n_iter
        if result.converged:
            break
    if result is not None:
        result.n_iter = n_iter
    return result


def _certified(newton, theta):
    # The result of a model that misses some directions. It is STALLED unless the gradient and the
    # strong convexity of the penalty bound the remaining gain along these directions, too.
    objective, goal = newton.objective, newton.goal
    # A hundred times as accurate in the coefficients as tol requires.
    newton.goal = replace(goal, tol=goal.tol / 100, gap=goal.gap / 100**2)
    result = newton.solve(theta)
    point = result.point
    tolerated = Stopping(objective, goal).tolerated(point)
    if point.max_gradient <= goal.tol and suboptimality_bound(objective, point) <= tolerated:
        result.verdict = Verdict.CONVERGED
    else:
        result.verdict = Verdict.STALLED
    return result


def _solve_stronger(plan, objective, goal):
    # The solution under stronger penalties, the `stronger` of `WorkingSets`, and the number of
    # iterations. Coefficients leave zero once the penalty is weaker than their gradient.
    theta, stronger, n_iter = objective.start(), None, 0
    factors = _stronger_factors(objective, theta)
    # The other half of the iterations is for the penalty itself.
    half = replace(goal, max_iter=goal.max_iter // 2)
    for i, factor in enumerate(factors):
        if n_iter >= half.max_iter:
            break
        harder = objective.replace(penalty=objective.penalty.scaled(factor))
        of_stage = half.part(f"stronger penalty {i + 1} of {len(factors)}", n_iter=n_iter)
        result = method_for(plan.methods[0], plan, harder, of_stage, stronger=stronger).solve(theta)
        n_iter += result.n_iter
        if not np.isfinite(result.value):
            break
        theta, stronger = result.theta, (result.point, np.max(harder.penalty.l1))
    return theta, stronger, n_iter


def _stronger_factors(objective, theta):
    # The factors of the stronger penalties, one for each decade. The first is close to the smallest
    # factor under which all coefficients are zero.
    gradient, l1 = objective.value_gradient(theta).gradient, objective.penalty_in_theta.l1
    strongest = np.max(np.abs(gradient[l1 > 0]) / l1[l1 > 0])
    if not 1 < strongest < np.inf:
        return []
    n_steps = int(np.log10(strongest))
    # If a penalty must be 1 / eps times as strong to make all coefficients zero, almost no loss is
    # left.
    weakest = max(0, n_steps - round(-np.log10(EPS)))
    return [10.0**decade for decade in range(n_steps, weakest, -1)]


def _dual_start(objective, goal):
    # The start from the dual and sweeps. None if it is no better than zero, because under a weak
    # penalty, the dual may need more epochs than it gets.
    start = dual_start(objective)
    if start is None:
        return None
    theta = SoftmaxDescent(objective, goal).improve(objective.value_gradient(start))
    is_better = (
        objective.value_gradient(theta).value < objective.value_gradient(objective.start()).value
    )
    return theta if is_better else None


def _solve_again(plan, objective, start, goal, result):
    # The start is already a solution, so the cold start of the plan does not apply.
    again = descend(plan.without_start(), objective, start, goal.part(n_iter=result.n_iter))
    again.n_iter += result.n_iter
    return again


def _in_float64(objective):
    # A float32 X has few digits, but the sums over its rows need not lose any of them.
    if objective.samples.dtype == np.float64:
        return None
    return objective.replace(samples=objective.samples.astype(np.float64))


def _densified(objective):
    # Dense columns are centred before the sums, sparse ones after them. If sparse columns are far
    # from zero and have few zeros, they lose digits there.
    samples, design = objective.samples, objective.samples.design
    if samples.is_partitioned or not (design.is_sparse and objective.fit_intercept):
        return None
    # The dense entries must not take more memory than the sparse ones with their indices.
    if not Entries.of(samples).is_full:
        return None
    return objective.replace(samples=samples.astype(samples.dtype, dense=True))


def _recentred(objective, theta):
    # The same objective, with center and scale for the neighbourhood of theta.
    samples, point = objective.samples, objective.value_gradient(theta, curvature=True)
    weight = point.curvature.of_rows()
    if not weight.any():
        return objective
    smallest = 0.0
    if objective.penalty.has_l1:
        # Without this limit, the curvature along coefficients with an L1 penalty may vanish. No
        # such coefficient exceeds the value divided by the penalty, so this is their unit.
        with np.errstate(over="ignore"):
            smallest = np.ravel(objective.penalty.l1 / point.value) ** 2
    coordinates = balanced_coordinates(
        samples,
        objective.penalty,
        n_columns=objective.n_columns,
        fit_intercept=objective.fit_intercept,
        row_curvature=weight,
        smallest=smallest,
    )
    coordinates = replace(coordinates, constant=objective.coordinates.constant)
    return objective.replace(coordinates=coordinates)


def _has_stalled(result, goal):
    # Whether rounding errors ended a solver, rather than the optimum or overflow.
    if result.verdict is Verdict.OVERFLOW:
        return False
    if result.verdict.is_sound and result.last_point.max_gradient <= goal.tol:
        return False
    if not result.max_gradient < np.inf:
        return False
    return not Stopping(result.objective, goal).is_separated(result.value)


def _is_better(again, result, goal):
    # Whether to keep another result of the same objective.
    if _is_lower(again, result, goal):
        return True
    is_higher = _is_lower(result, again, goal)
    is_lost = result.converged and not again.converged
    is_flatter = again.max_gradient < result.max_gradient or again.max_gradient <= goal.tol
    return is_flatter and not (is_higher or is_lost)


def _has_little_loss(result):
    return result.value < SMALL_LOSS * result.objective.loss.unit


def _gains(again, result, goal):
    # Whether it is so much better that another attempt may also gain.
    is_flatter = again.max_gradient < result.max_gradient
    return _is_lower(again, result, goal) or (is_flatter and result.max_gradient > goal.tol)


def _is_lower(result, other, goal):
    tolerated = Stopping(result.objective, goal).tolerated(result.point, LARGEST_GAP)
    return other.value - result.value > tolerated
