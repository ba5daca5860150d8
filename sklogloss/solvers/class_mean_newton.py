"""Newton's method for many classes, with one block of the Hessian for all of them."""

import numpy as np

from sklogloss._cython.cholesky import CholeskySolver

from .base import NewtonSolver
from .inverse_hessian import InverseHessian
from .newton_cg import finish_with_conjugate_gradients

__all__ = ["ClassMeanNewtonSolver"]

# The Hessian is taken anew once a step promises less than this part of the objective: by then it is
# known which samples are told apart already and add no curvature.
TAKE_ANEW = 1e-2
# Steps after which, as after MAX_SLOW_STEPS slow ones, conjugate gradients, which know the Hessian
# as it is, are the better choice: rare classes are far from the mean.
MAX_STEPS = 60


class ClassMeanNewtonSolver(NewtonSolver):
    """Quasi-Newton steps from the mean of the blocks that the Hessian has for the classes.

    The Hessian of K classes and p features has K p rows. The mean of its K diagonal blocks, of p
    rows, stands for each of them; what it lacks is learnt step by step, each of which costs a pass
    for the gradient. Where they learn slowly, conjugate gradients take over.
    """

    def setup(self, theta):
        self.is_taken_anew = False
        self.inverse_hessian = None
        self.previous_point = None
        super().setup(theta)

    def evaluate(self, theta):
        return self.objective.value_gradient(theta)

    def inner_solve(self, point):
        previous, self.previous_point = self.previous_point, point
        if previous is None:
            self._take_hessian(point)
        else:
            self.inverse_hessian.update(
                point.theta - previous.theta, point.gradient - previous.gradient
            )
        direction = self.inverse_hessian @ -point.gradient
        decrement = -float(point.gradient @ direction)
        if not self.is_taken_anew and decrement / 2 <= TAKE_ANEW * abs(point.value):
            self.is_taken_anew = True
            self._take_hessian(point)
            direction = self.inverse_hessian @ -point.gradient
        return direction

    def _take_hessian(self, point):
        shape = self.objective.shape
        solve = CholeskySolver(self.objective.class_mean_hessian(point.theta))
        self.inverse_hessian = InverseHessian(lambda b: solve(b.reshape(shape)).ravel())

    def is_last_step(self, point):
        # What a step promises is one of many such gains.
        return self.decrement / 2 <= self.negligible(point)

    def check_convergence(self):
        return super().check_convergence() or self.n_iter >= min(MAX_STEPS, self.max_iter // 2)

    def is_solved_to_rounding(self):
        # A step that promises little may come from too large a curvature.
        return False

    def finalize(self):
        if self.converged or not np.isfinite(self.point.value) or self.n_iter >= self.max_iter:
            return super().finalize()
        return finish_with_conjugate_gradients(self)
