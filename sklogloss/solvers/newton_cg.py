"""Newton's method with preconditioned conjugate gradients, without forming the Hessian."""

import numpy as np
from scipy.linalg.blas import daxpy

from .base import NewtonSolver
from .dual_ascent import dual_start, is_worth_ascending
from .softmax_descent import SoftmaxDescent

__all__ = ["NewtonCGSolver", "finish_with_conjugate_gradients"]

MAX_INNER_ITERATIONS = 1000
# A step that promises less than this many times the tolerated suboptimality may be the last one.
DOUBTFUL = 1000
# Part of a step's gain.
SMALL_GAIN = 0.1


class NewtonCGSolver(NewtonSolver):
    """Truncated Newton: each product with the Hessian is one pass over X.

    The conjugate gradients are preconditioned with the Hessian's diagonal, after a start from the
    dual with its mean over the classes, and stop early far from the optimum (Nocedal & Wright,
    Numerical Optimization, algorithm 7.1).
    """

    def evaluate(self, theta):
        return self.objective.value_gradient_curvature(theta)

    def setup(self, theta):
        self.averages_classes = False
        if not theta.any() and self.max_iter > 0 and is_worth_ascending(self.objective):
            start = dual_start(self.objective)
            if start is not None:
                theta = SoftmaxDescent(self.objective, self.verbose).improve(start)
                self.averages_classes = True
        super().setup(theta)

    def inner_solve(self, point):
        diagonal = self.objective.hessian_diagonal(point)
        if self.averages_classes:
            # One size for all classes of a feature keeps steps among those whose sum over the
            # classes is zero: along the others there is no curvature but the penalty's.
            means = diagonal.reshape(self.objective.shape).mean(axis=1)
            diagonal = np.repeat(means, self.objective.n_columns)
        preconditioner = 1 / np.where(diagonal > 0, diagonal, 1)
        residual = -point.gradient
        preconditioned = preconditioner * residual
        direction = np.zeros_like(residual)
        search = preconditioned.copy()
        norm = float(residual @ preconditioned)
        # Halve the digits still missing with each outer iteration, but do not go below what the
        # last step may leave.
        forcing = min(0.25, np.sqrt(norm / max(abs(point.value), 1e-300)))
        target = min(max(forcing**2 * norm, self.negligible(point)), 0.0625 * norm)
        gains = []
        scratch = np.empty_like(search)
        while len(gains) < MAX_INNER_ITERATIONS and (
            norm > target or self._is_still_gaining(point, gains)
        ):
            product = self.objective.hessian_product(point, search)
            curvature = float(search @ product)
            # Rounding level of the product: no curvature left along this direction.
            np.multiply(diagonal, search, out=scratch)
            if not curvature > np.finfo(np.float64).eps * float(search @ scratch):
                break
            step = norm / curvature
            gains.append(step * norm)
            # In place: new arrays of many parameters cost more than the arithmetic.
            daxpy(search, direction, a=step)
            daxpy(product, residual, a=-step)
            np.multiply(preconditioner, residual, out=preconditioned)
            previous_norm, norm = norm, float(residual @ preconditioned)
            search *= norm / previous_norm
            search += preconditioned
        if not direction.any():
            direction = preconditioner * -point.gradient
        return direction

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
    if result.n_iter >= solver.max_iter and not result.converged:
        result.reason = f"max_iter={solver.max_iter} iterations were not enough"
    return result
