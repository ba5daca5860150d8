"""SciPy's L-BFGS on the fused value and gradient."""

import numpy as np
from scipy.optimize import minimize

from .base import (
    LARGEST_SUBOPTIMALITY,
    SolverResult,
    relative_suboptimality,
    tolerated_suboptimality,
)
from .newton_cg import finish_with_conjugate_gradients

__all__ = ["LBFGSSolver"]

# After this many iterations in all, L-BFGS starts afresh in variables scaled by the Hessian's
# diagonal where it has got to. The diagonal at the start is of little use where the loss is small.
RESCALE_AT = (10, 40, 160)
# L-BFGS cannot tell how far the optimum is. Its last decreases can: it stops when this many
# iterations in a row gained less than the tolerated suboptimality.
N_SMALL_DECREASES = 3
# Part of max_iter after which a gradient within tol is enough to leave the rest to conjugate
# gradients: L-BFGS may take thousands of iterations for the last digits.
PART_FOR_LBFGS = 0.75


class LBFGSSolver:
    """Limited-memory BFGS: many cheap iterations, then a Newton step.

    L-BFGS does not know how far the optimum is. A step of Newton's method by conjugate gradients
    does, and takes the coefficients there.

    Parameters
    ----------
    objective : LinearObjective
    tol : float
        Bound of the largest entry of the gradient.
    max_iter : int
    verbose : int
        Whether to print a line for each iteration.
    """

    def __init__(self, objective, *, tol, max_iter, verbose=0):
        self.objective = objective
        self.tol = tol
        self.max_iter = max_iter
        self.verbose = verbose
        self.suboptimality = relative_suboptimality(tol)

    def solve(self, theta):
        """Minimise the objective from theta; return a SolverResult."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._solve(theta)

    def _solve(self, theta):
        self.point = self.objective.value_gradient(theta)
        self.n_iter = 0
        self.decrease = np.inf
        self.n_small_decreases = 0
        self.converged = False
        self.reason = ""
        for end in (*RESCALE_AT, self.max_iter):
            n_iter = min(end, self.max_iter) - self.n_iter
            if n_iter > 0 and not self.converged and not self.reason:
                self._run(n_iter)
        if self.converged and self.n_iter < self.max_iter:
            return finish_with_conjugate_gradients(self)
        if not self.converged and not self.reason:
            # A small gradient alone says little where the loss or the columns are small.
            tolerated = self._tolerated(self.point, LARGEST_SUBOPTIMALITY)
            self.converged = self.point.max_gradient <= self.tol and self.decrease <= tolerated
            self.reason = f"max_iter={self.max_iter} iterations were not enough"
        return SolverResult(
            self.point.theta,
            self.point.value,
            self.point.max_gradient,
            self.n_iter,
            self.converged,
            self.reason,
            is_sound=self.converged,
        )

    def _run(self, n_iter):
        start = self.objective.value_gradient_curvature(self.point.theta)
        diagonal = self.objective.hessian_diagonal(start)
        self.root = np.sqrt(np.where(diagonal > 0, diagonal, 1))
        # SciPy's first step has a length of one. Make it that of Newton's method by the diagonal.
        self.root /= np.linalg.norm(start.gradient / self.root) or 1
        result = minimize(
            self._value_gradient,
            start.theta * self.root,
            method="L-BFGS-B",
            jac=True,
            callback=self._after_iteration,
            options={
                "maxiter": n_iter,
                "maxfun": 50 * n_iter,
                "maxls": 50,
                "gtol": 0.0,
                "ftol": 0.0,
            },
        )
        if not np.isfinite(self.point.value):
            self.reason = "the objective or its gradient overflows; rescale X"
        elif not self.converged and result.nit < n_iter:
            # The line search can gain nothing more at this precision.
            self.converged = True

    def _value_gradient(self, x):
        self.trial = self.objective.value_gradient(x / self.root)
        return self.trial.value, self.trial.gradient / self.root

    def _after_iteration(self, x):
        point = self.trial
        if not np.array_equal(x / self.root, point.theta):
            point = self.objective.value_gradient(x / self.root)
        self.decrease = self.point.value - point.value
        self.point = point
        self.n_iter += 1
        is_small = self.decrease <= self._tolerated(point, self.suboptimality)
        self.n_small_decreases = self.n_small_decreases + 1 if is_small else 0
        if self.verbose:
            print(
                f"iteration {self.n_iter}: objective {point.value:.10g}, "
                f"largest gradient {point.max_gradient:.3g}"
            )
        is_end = (
            self.n_small_decreases >= N_SMALL_DECREASES
            or PART_FOR_LBFGS * self.max_iter <= self.n_iter < self.max_iter
        )
        if point.max_gradient <= self.tol and is_end:
            self.converged = True
            raise StopIteration

    def _tolerated(self, point, part):
        return tolerated_suboptimality(self.objective, point.value, part)
