"""Newton's method with preconditioned conjugate gradients, without forming the Hessian."""

import numpy as np

from .base import NewtonSolver

__all__ = ["NewtonCGSolver"]

MAX_INNER_ITERATIONS = 1000


class NewtonCGSolver(NewtonSolver):
    """Truncated Newton: each product with the Hessian is one pass over X.

    The conjugate gradients are preconditioned with the Hessian's diagonal and stop early far from
    the optimum (Nocedal & Wright, Numerical Optimization, algorithm 7.1).
    """

    def evaluate(self, theta):
        return self.objective.value_gradient_curvature(theta)

    def inner_solve(self, point):
        diagonal = self.objective.hessian_diagonal(point)
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
        for _ in range(MAX_INNER_ITERATIONS):
            if not norm > target:
                break
            product = self.objective.hessian_product(point, search)
            curvature = float(search @ product)
            # Rounding level of the product: no curvature left along this direction.
            if curvature <= np.finfo(np.float64).eps * float(search @ (diagonal * search)):
                break
            step = norm / curvature
            direction += step * search
            residual -= step * product
            preconditioned = preconditioner * residual
            previous_norm, norm = norm, float(residual @ preconditioned)
            search = preconditioned + (norm / previous_norm) * search
        if not direction.any():
            direction = preconditioner * -point.gradient
        return direction
