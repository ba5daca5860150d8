"""Newton's method with preconditioned conjugate gradients, without forming the Hessian."""

import numpy as np

from .base import NewtonSolver, name_max_iter
from .conjugate_gradients import ConjugateGradients
from .dual_ascent import dual_start, is_worth_ascending
from .softmax_descent import SoftmaxDescent
from .softmax_system import SoftmaxSystem, is_softmax_of_sparse

__all__ = ["NewtonCGSolver", "finish_with_conjugate_gradients"]

MAX_INNER_ITERATIONS = 1000
# A step that promises less than this many times the tolerated suboptimality may be the last one.
DOUBTFUL = 1000
# Part of a step's gain.
SMALL_GAIN = 0.1
# What the preconditioner adds to the diagonal, in geometric means of its smallest and its largest
# entry. Columns that share their samples have less curvature together than each by itself.
DAMPING = 4


class NewtonCGSolver(NewtonSolver):
    """Truncated Newton: each product with the Hessian is one pass over X.

    The conjugate gradients are preconditioned with the Hessian's diagonal, for sparse data of many
    classes with its mean over the classes, and stop early far from the optimum (Nocedal & Wright,
    Numerical Optimization, algorithm 7.1).
    """

    def evaluate(self, theta):
        return self.objective.value_gradient_curvature(theta)

    def setup(self, theta):
        is_softmax = is_softmax_of_sparse(self.objective)
        self.system = SoftmaxSystem(self.objective) if is_softmax else None
        super().setup(theta)
        if not theta.any() and self.max_iter > 0 and is_worth_ascending(self.objective):
            self.start_from_dual()

    def start_from_dual(self):
        """Set point to where the dual and sweeps lead, if it is better than the point.

        Under a weak penalty the dual may need more epochs than there are.
        """
        start = dual_start(self.objective)
        if start is None:
            return
        point = self.evaluate(SoftmaxDescent(self.objective, self.verbose).improve(start))
        if point.value < self.point.value:
            self.point = point

    def inner_solve(self, point):
        direction = self._solve_equations(point)
        if self.system is not None:
            decrement = -self.objective.slope(point, direction)
            # No step gains more than the objective, and each promises less than the one before.
            if not 0 < decrement <= min(2 * point.value, self.decrement):
                # Under a weak penalty float32 has not the digits to solve the equations.
                self.system = None
                direction = self._solve_equations(point)
        return direction

    def _solve_equations(self, point):
        equations = self._equations(point)
        target = self.residual_target(point, equations.norm)
        gains = []
        while len(gains) < MAX_INNER_ITERATIONS and (
            equations.norm > target or self._is_still_gaining(point, gains)
        ):
            gain = equations.advance()
            if not gain > 0:
                break
            gains.append(gain)
        if gains:
            return equations.direction
        return -point.gradient / equations.preconditioner

    def _equations(self, point):
        objective = self.objective
        diagonal = objective.hessian_diagonal(point)
        diagonal = np.where(diagonal > 0, diagonal, 1)
        if self.system is None:
            return ConjugateGradients(objective, point, diagonal)
        # One size for all classes of a feature keeps steps among those whose sum over the classes
        # is zero: along the others there is no curvature but the penalty's.
        diagonal = diagonal.reshape(objective.shape).mean(axis=1)
        penalty = objective.l2_in_theta
        of_coef = diagonal[: len(penalty)]
        of_coef += DAMPING * np.sqrt((of_coef / penalty).max()) * penalty
        self.system.start(point, diagonal)
        return self.system

    def _is_still_gaining(self, point, gains):
        # A small residual says little where the Hessian is close to singular. Before a step can be
        # taken for the last one, the last quarter of its gains must be small beside the rest.
        total = sum(gains)
        if total / 2 > DOUBTFUL * self.tolerated(point):
            return False
        return sum(gains[-1 - len(gains) // 4 :]) > SMALL_GAIN * total


def finish_with_conjugate_gradients(solver):
    """Return the SolverResult of NewtonCGSolver from where another solver has got to.

    Parameters
    ----------
    solver : solver
        Its point is the start, its n_iter iterations count towards its max_iter.
    """
    newton = NewtonCGSolver(
        solver.objective,
        tol=solver.tol,
        max_iter=solver.max_iter - solver.n_iter,
        verbose=solver.verbose,
    )
    newton.suboptimality = solver.suboptimality
    result = newton.solve(solver.point.theta)
    result.n_iter += solver.n_iter
    name_max_iter(result, solver.max_iter)
    return result
