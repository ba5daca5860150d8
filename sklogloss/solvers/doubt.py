"""Whether a solution is one: a look with the whole Hessian, where others are easily mistaken."""

from __future__ import annotations

import numpy as np
from scipy.linalg import get_lapack_funcs, solve_triangular

from sklogloss._cython.coordinate_descent import fill_upper_triangle
from sklogloss.linear.limits import EPS, SMALL_WORK

from .newton import ExactHessian, fix_class_shift
from .plan import PRODUCTS_PER_STEP
from .stopping import LARGEST_GAP, Verdict, suboptimality_bound

__all__ = ["needs_exact_steps"]

# Multiplications of a Hessian that takes no longer than a step by products of a millisecond.
AFFORDABLE_HESSIAN = PRODUCTS_PER_STEP * SMALL_WORK
# A gain that is not worth more steps, as a part of the objective.
SMALL_GAIN = LARGEST_GAP / 10
# Verdicts of a solver that had the chance to get there.
ENDS = (Verdict.CONVERGED, Verdict.ROUNDING, Verdict.STALLED)


def needs_exact_steps(result, goal):
    """Return whether a Newton step with the whole Hessian would gain more than may be missing.

    Conjugate gradients and coordinate descent do not notice what they miss along directions that
    hardly have curvature: nearly equal columns, classes that are all but told apart. The equations
    of the coefficients that are not zero do. They are solved where that costs little.

    Parameters
    ----------
    result : SolverResult
    goal : Goal
    """
    objective = result.objective
    if result.verdict not in ENDS or result.n_iter >= goal.max_iter:
        return False
    if not (objective.loss.is_convex and ExactHessian(objective).cost < AFFORDABLE_HESSIAN):
        return False
    with np.errstate(all="ignore"):
        tolerated = SMALL_GAIN * abs(result.last_point.value)
        is_solved = result.verdict.is_solved
        if is_solved and suboptimality_bound(objective, result.last_point) <= tolerated:
            return False
        return not gain_of_step(objective, result.theta) <= tolerated


def gain_of_step(objective, theta):
    """Return what Newton's step promises to gain (nats), of the coefficients that may move."""
    point, penalty = objective.value_gradient_hessian(theta), objective.penalty_in_theta
    hessian, slope = point.hessian, point.gradient + penalty.l1 * np.sign(theta)
    if objective.n_columns > 1:
        fix_class_shift(hessian, objective)
    free = np.flatnonzero(penalty.is_free(theta))
    if len(free) == 0:
        return 0.0
    fill_upper_triangle(hessian)
    hessian, slope = hessian[np.ix_(free, free)], slope[free]
    root = np.sqrt(np.diagonal(hessian))
    root[~(root > 0)] = 1
    hessian, slope = hessian / root / root[:, None], slope / root
    # Columns that depend on others, but for rounding errors, are left where they are.
    (pstrf,) = get_lapack_funcs(("pstrf",), (hessian,))
    factor, pivots, rank, _ = pstrf(hessian, lower=True, tol=len(free) * EPS)
    if rank == 0:
        return 0.0
    half_step = solve_triangular(factor[:rank, :rank], slope[pivots[:rank] - 1], lower=True)
    return float(half_step @ half_step) / 2
