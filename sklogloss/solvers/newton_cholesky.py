"""Newton's method with the exact Hessian and its Cholesky factor."""

import numpy as np

from sklogloss._cython.cholesky import CholeskyFactor
from sklogloss.linear.design import passes_per_newton_step

from .base import LARGEST_ROUNDING, NewtonSolver
from .curvature import costs_few_passes, is_definite
from .inverse_hessian import InverseHessian

__all__ = ["NewtonCholeskySolver", "fix_class_shift"]

# Below this number of entries of X a Hessian costs nothing worth saving.
FEW_ENTRIES = 100_000
# Passes that a new Hessian costs beside the Hessian: the gradient again, and those that are left.
PASSES_WITH_HESSIAN = 3
# A Hessian of some steps before the end tells about the end if its scaled eigenvalues are above as
# many times the size of those steps: the root of what they gain, in parts of the objective.
MARGIN_PER_STEP = 10


class NewtonCholeskySolver(NewtonSolver):
    """Newton's method with the exact Hessian: few passes, each costly in the number of features.

    Near the optimum a Hessian serves several steps, each of which then costs a pass for the
    gradient only, and which update it. A loss that is not convex needs that of the whole once, to
    tell a minimum from a saddle: where it costs little, it is taken early enough to be of use.
    """

    # Once a step promises less than this part of the objective, the Hessian hardly changes.
    NEARLY_SOLVED = 1e-3

    def setup(self, theta):
        self.kept_hessian = None
        self.previous_point = None
        self.last_hessian = None
        self.wants_whole_hessian = not self.objective.loss.is_convex and costs_few_passes(
            self.objective
        )
        if self.objective.subset is not None and theta.any():
            hessian = self.objective.subset.value_gradient_hessian(theta, single=True).hessian
            self.kept_hessian = self.keep(hessian, np.float32)
        super().setup(theta)

    @property
    def is_for_start(self):
        """Whether the solution is but a start for more rows."""
        return self.tol == np.inf

    def adopt(self, solver):
        # A subset takes a Hessian of its own: it costs little there, and serves the whole better
        # than that of the subset's subset.
        if not self.is_for_start:
            self.kept_hessian = solver.kept_hessian

    def abandon(self, solver):
        self.kept_hessian = None

    def keep(self, hessian, dtype):
        """Return a Hessian in the form that direction and update take.

        It may be overwritten; dtype is that of the arithmetic behind it.
        """
        fix_class_shift(hessian, self.objective)
        return InverseHessian(CholeskyFactor(hessian).solve)

    def direction_from(self, point, kept_hessian):
        """Return the step to the minimum of the model that a Hessian and a point make."""
        return kept_hessian @ -point.gradient

    def evaluate(self, theta):
        is_first = self.previous_point is None
        if self.kept_hessian is not None and (is_first or not self.wants_whole_hessian):
            return self.objective.value_gradient(theta)
        if is_first and self.objective.every > 1:
            every = self.objective.every
            point = self.objective.value_gradient_hessian(theta, single=True, every=every)
            self.kept_hessian = self.keep(point.hessian, np.float32)
            point.hessian = None
            return point
        return self.objective.value_gradient_hessian(theta, single=self.is_for_start)

    def inner_solve(self, point):
        previous, self.previous_point = self.previous_point, point
        if point.hessian is None:
            if previous is not None:
                self.kept_hessian.update(
                    point.theta - previous.theta, point.gradient - previous.gradient
                )
            direction = self.direction_from(point, self.kept_hessian)
            if not self._wants_new_hessian(point, direction):
                return direction
            point.hessian = self.objective.value_gradient_hessian(point.theta).hessian
        self.wants_whole_hessian = False
        if not self.objective.loss.is_convex:
            self.last_hessian = point.hessian.copy()
            fix_class_shift(self.last_hessian, self.objective)
        dtype = np.float32 if self.is_for_start else self.objective.dtype
        kept_hessian = self.keep(point.hessian, dtype)
        point.hessian = None
        direction = self.direction_from(point, kept_hessian)
        decrement = -self.objective.slope(point, direction)
        self.hessian_decrement = decrement
        is_nearly_solved = decrement / 2 <= self.NEARLY_SOLVED * abs(point.value)
        is_costly = self.objective.design.n_stored > FEW_ENTRIES
        self.kept_hessian = kept_hessian if is_nearly_solved and is_costly else None
        return direction

    def is_last_step(self, point):
        # A step squares what is left only if the Hessian is that of the point.
        if self.kept_hessian is not None and self.kept_hessian.steps:
            has_stalled = self.decrement > self.previous_decrement / 4
            return self.left_after_step() <= self.negligible(point) or (
                has_stalled and self._is_rounding(point, self.decrement)
            )
        return super().is_last_step(point)

    def finalize(self):
        result = super().finalize()
        if self.converged and self.last_hessian is not None and result.value > 0:
            step = np.sqrt(max(self.hessian_decrement, 0) / 2 / result.value)
            result.curves_upwards = is_definite(self.last_hessian, MARGIN_PER_STEP * step)
        return result

    def _is_rounding(self, point, decrement):
        # Whether rounding errors of the gradient may be all there is left.
        return decrement / 2 <= self.left_by_rounding(point, LARGEST_ROUNDING)

    def _wants_new_hessian(self, point, direction):
        # Whether the passes that are left to do at the present rate cost more than a new Hessian.
        decrement = -self.objective.slope(point, direction)
        if self._is_rounding(point, decrement):
            return False
        digits = np.log(max(decrement / 2 / self.negligible(point), 1))
        rate = np.log(self.decrement / decrement) if 0 < decrement < self.decrement else 0
        n_passes = passes_per_newton_step(self.objective.design, self.objective.n_columns)
        return digits > rate * (n_passes + PASSES_WITH_HESSIAN)


def fix_class_shift(hessian, objective):
    """Make the Hessian of several classes definite, in place, and leave the Newton step as it is.

    Adding the same number to the coefficients of a feature for every class changes no probability:
    without penalty the Hessian vanishes in that direction, and so does the gradient. Here it gets
    curvature along it.
    """
    size, n_columns = objective.shape
    if n_columns == 1:
        return
    unpenalised = range(size) if objective.l2 == 0 else range(objective.n_features, size)
    for j in unpenalised:
        block = hessian[j * n_columns : (j + 1) * n_columns, j * n_columns : (j + 1) * n_columns]
        block += np.trace(block) / n_columns**2
