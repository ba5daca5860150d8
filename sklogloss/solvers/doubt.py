"""Whether a solution misses something that only the whole Hessian shows."""

from __future__ import annotations

import numpy as np

from sklogloss._cython.cholesky import CholeskyFactor
from sklogloss.linear.limits import EPS, ROUNDING, SMALL_PART, SMALL_WORK
from sklogloss.linear.objective import fix_class_shift

from .conjugate_gradients import ConjugateGradients, solve_equations
from .newton import ExactHessian
from .plan import PRODUCTS_PER_STEP
from .stopping import LARGEST_GAP, Verdict, suboptimality_bound

__all__ = ["gain_of_step", "is_doubtful"]

# Multiplications for a Hessian that takes no longer than a step by products of a millisecond.
AFFORDABLE_HESSIAN = PRODUCTS_PER_STEP * SMALL_WORK
# A gain that is not worth more steps, as a fraction of the objective.
SMALL_GAIN = LARGEST_GAP / 10
# Verdicts of a solver that was not cut short.
ENDS = (Verdict.CONVERGED, Verdict.ROUNDING, Verdict.STALLED)


def is_doubtful(result):
    """Return whether a Newton step with the whole Hessian would still gain too much.

    Conjugate gradients and coordinate descent may miss a descent along directions with little
    curvature: nearly equal columns, nearly separated classes. The equations of the nonzero
    coefficients show it. They are solved if that costs little.

    Parameters
    ----------
    result : SolverResult
    """
    objective = result.objective
    if result.verdict not in ENDS or not ExactHessian(objective).cost < AFFORDABLE_HESSIAN:
        return False
    with np.errstate(all="ignore"):
        tolerated = SMALL_GAIN * abs(result.last_point.value)
        point, p = result.last_point, objective.n_features * objective.n_columns
        # The bound assumes curvature along the intercepts. If offsets are large, there may be none.
        of_intercepts = np.abs(point.gradient[p:]) @ np.abs(point.theta[p:])
        bound = max(suboptimality_bound(objective, point), of_intercepts)
        is_solved = result.verdict.is_solved and not result.lacks_curvature
        if is_solved and bound <= tolerated:
            return False
        objective = objective.replace(samples=objective.samples.astype(np.float64))
        point = objective.value_gradient_hessian(result.theta)
        gain = gain_of_step(objective, point)
        if point.factor is not None:
            result.factored_point = point
            result.lacks_curvature = point.factor.is_damped
        return not gain <= tolerated


def gain_of_step(objective, point):
    """Return the gain (nats) promised by Newton's step of the parameters that may move.

    Parameters
    ----------
    objective : Objective
        In float64.
    point : Evaluation
        Has the Hessian, which is overwritten. If all parameters may move, it has the factor
        afterwards.
    """
    theta, penalty = point.theta, objective.penalty_in_theta
    hessian, slope = point.hessian, penalty.subgradient(point.gradient, theta)
    if objective.n_columns > 1:
        fix_class_shift(hessian, objective)
    # At zero or at a bound, a parameter moves if its slope leads away.
    free = np.flatnonzero(penalty.is_free(theta) | (slope != 0))
    if len(free) == 0:
        return 0.0
    if len(free) == len(theta):
        factor = point.factor = CholeskyFactor(hessian)
    else:
        factor = CholeskyFactor(hessian[np.ix_(free, free)])
    slope, point.hessian = slope[free], None
    direction = factor.solve(-slope)
    if factor.is_damped:
        # Along linearly dependent columns, conjugate gradients magnify rounding errors.
        slope[np.abs(slope) <= ROUNDING * EPS * abs(point.value)] = 0
        if not slope.any():
            return 0.0
        point = objective.value_gradient(theta, curvature=True)

        def product(vector):
            step = np.zeros_like(theta)
            step[free] = vector
            return objective.hessian_product(point, step)[free]

        equations = ConjugateGradients(product, slope, factor.solve)
        target = min(EPS * abs(point.value), SMALL_PART**2 * equations.norm)
        if solve_equations(equations, target, 2 * len(free)):
            direction = equations.direction
        # Along a slope without curvature except for the damping, the objective may fall all the way
        # back to zero.
        flat_slope = factor.shortfall(factor.solve(equations.residual))
        along_flat = float(np.abs(flat_slope) @ np.abs(theta[free]))
        return max(-float(slope @ direction) / 2, along_flat)
    return -float(slope @ direction) / 2
