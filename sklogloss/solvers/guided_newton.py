"""Newton's method next to the solution of a similar problem."""

from dataclasses import replace

import numpy as np

from sklogloss._cython.cholesky import CholeskyFactor
from sklogloss.linear.design import passes_per_newton_step

from .base import NewtonSolver
from .inverse_hessian import InverseHessian
from .newton_cholesky import fix_class_shift

__all__ = ["GuidedNewtonSolver", "is_guidable"]

# Up to this number of parameters the Hessian and its factor are kept, one for each penalty.
MANY_PARAMETERS = 1000
# Below this number of multiplications a Hessian costs no more than what surrounds it.
CHEAP_HESSIAN = 1_000_000
# Natural logarithm of the factor by which a step must lower the decrement, or be followed by one
# of another kind. That of conjugate gradients halves the remaining digits.
SMALLEST_RATE = 1.0
MAX_INNER_ITERATIONS = 200
# By this factor the suboptimality may be larger than a Hessian of another point says.
DOUBT = 100
PASSES_WITH_HESSIAN = 3
# Where a small part of the rows has all but this part of the loss's curvature, products with the
# Hessian are of those rows.
MISSING_CURVATURE = 1e-3
MOST_ROWS = 0.6


def is_guidable(objective):
    """Return whether an objective has few enough parameters for GuidedNewtonSolver."""
    return objective.n_parameters <= MANY_PARAMETERS


class GuidedNewtonSolver(NewtonSolver):
    """Newton's method with the Hessian of a similar problem, as long as that serves.

    Each step costs a pass for the gradient, and brings the Hessian up to date. Where steps come to
    gain little, the Hessian is taken anew; for several classes, whose Hessian costs tens of passes,
    conjugate gradients take the step instead, with the one at hand as their preconditioner.

    Parameters
    ----------
    objective : LinearObjective
    solve_hessian : callable, default=None
        From b to the solution x of hessian x = b, for the Hessian of the similar problem. None
        takes that of the start.
    **options
        As for NewtonSolver.

    Attributes
    ----------
    solve_hessian : callable
        That of the last Hessian that was taken.
    """

    def __init__(self, objective, *, solve_hessian=None, **options):
        super().__init__(objective, **options)
        self.solve_hessian = solve_hessian
        n_pairs = objective.n_columns * (objective.n_columns + 1) // 2
        n_products = objective.design.n_stored * objective.n_features * n_pairs
        self.is_cheap = max(n_products / 8, objective.n_parameters**3 / 24) < CHEAP_HESSIAN

    def setup(self, theta):
        self.previous_point = None
        self.inverse_hessian = None
        if self.solve_hessian is not None and not self.is_cheap:
            self.inverse_hessian = InverseHessian(self.solve_hessian)
        super().setup(theta)

    def adopt(self, solver):
        self.inverse_hessian = InverseHessian(solver.solve_hessian)

    def abandon(self, solver):
        self.inverse_hessian = None

    def evaluate(self, theta):
        if self.inverse_hessian is None:
            return self.objective.value_gradient_hessian(theta)
        if self.objective.n_columns > 1:
            return self.objective.value_gradient_curvature(theta)
        return self.objective.value_gradient(theta)

    def inner_solve(self, point):
        previous, self.previous_point = self.previous_point, point
        if point.hessian is None:
            if previous is not None:
                self.inverse_hessian.update(
                    point.theta - previous.theta, point.gradient - previous.gradient
                )
            direction = self.inverse_hessian @ -point.gradient
            if not self._gains_little(point, direction):
                return direction
            if point.curvature is not None:
                return self._conjugate_gradients(point)
            point.hessian = self.objective.value_gradient_hessian(point.theta).hessian
        self.solve_hessian = self._solver(point.hessian)
        point.hessian = None
        if self.is_cheap:
            return self.solve_hessian(-point.gradient)
        self.inverse_hessian = InverseHessian(self.solve_hessian)
        return self.inverse_hessian @ -point.gradient

    def solve_hessian_at(self, theta):
        """Return solve_hessian for the Hessian at theta: one pass."""
        objective, _ = self._curved_part(self.objective.value_gradient_curvature(theta))
        return self._solver(objective.value_gradient_hessian(theta).hessian)

    def _curved_part(self, point):
        # The objective for products with the Hessian, and the rows it is made of, None for all.
        rows = self.objective.curved_rows(point, MISSING_CURVATURE)
        if len(rows) > MOST_ROWS * self.objective.design.n_samples:
            return self.objective, None
        return self.objective.of_rows(rows), rows

    def _solver(self, hessian):
        fix_class_shift(hessian, self.objective)
        return CholeskyFactor(hessian).solve

    def _gains_little(self, point, direction):
        decrement = -float(point.gradient @ direction)
        if not 0 < decrement < self.decrement:
            return self.decrement < np.inf
        rate = np.log(self.decrement / decrement)
        digits = np.log(max(decrement / 2 / self.negligible(point) * DOUBT, 1))
        if point.curvature is not None:
            return rate < min(SMALLEST_RATE, digits)
        n_passes = passes_per_newton_step(self.objective.design, 1) + PASSES_WITH_HESSIAN
        return digits > rate * n_passes

    def _conjugate_gradients(self, point):
        # Nocedal & Wright, Numerical Optimization, algorithm 7.1, preconditioned.
        objective, rows = self._curved_part(point)
        if rows is not None:
            curvature = np.asfortranarray(point.curvature[rows])
            point = replace(point, curvature=curvature)
        residual = -point.gradient
        preconditioned = self.inverse_hessian @ residual
        direction = np.zeros_like(residual)
        search = preconditioned.copy()
        norm = float(residual @ preconditioned)
        target = self.residual_target(point, norm)
        for _ in range(MAX_INNER_ITERATIONS):
            product = objective.hessian_product(point, search)
            curvature = float(search @ product)
            # Nothing but rounding errors left: the Hessian vanishes along this direction.
            size = np.sqrt(float(search @ search) * float(product @ product))
            if not curvature > np.finfo(np.float64).eps * size:
                break
            step = norm / curvature
            direction += step * search
            residual -= step * product
            preconditioned = self.inverse_hessian @ residual
            previous_norm, norm = norm, float(residual @ preconditioned)
            if not norm > target:
                break
            search *= norm / previous_norm
            search += preconditioned
        return direction if direction.any() else preconditioned

    def is_solved_to_rounding(self):
        # What a Hessian of another point promises says nothing about rounding.
        return self.inverse_hessian is None and super().is_solved_to_rounding()

    def is_last_step(self, point):
        # A step squares what is left only if the Hessian is that of the point.
        if self.inverse_hessian is not None:
            return self.left_after_step() <= self.negligible(point) / DOUBT
        if super().is_last_step(point):
            return True
        # The rate itself is squared from step to step.
        rate = 2 * self.left_after_step() / self.decrement
        return rate * self.left_after_step() <= self.negligible(point)
