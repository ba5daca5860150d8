"""An L1 penalty on many features: solve for those few whose coefficients are not zero."""

from dataclasses import replace

import numpy as np

from sklogloss.penalties import distance_to_subdifferential

from .base import SolverResult, relative_suboptimality, tolerated_suboptimality
from .coordinate_descent import ProximalNewtonSolver
from .proximal_newton_cg import ProximalNewtonCGSolver
from .softmax_descent import SoftmaxDescent

__all__ = ["WorkingSetSolver"]

# Features at least that may turn out to have nonzero coefficients.
SMALLEST_SET = 256
# A set has room for this many times as many, or as have nonzero coefficients.
ROOM = 2
# A set takes in zero coefficients, too, whose gradient is this part of the penalty at least: some
# of them will leave zero once the others have moved.
NEARLY_NONZERO = 0.95
# Part of the features beyond which a set is no better than all.
MOST = 1 / 2
# Part of the suboptimality that a set is solved to, as long as another will follow.
ENOUGH = 1e-1
# Up to this many parameters the Hessian and coordinate descent on it cost less than the passes of
# conjugate gradients.
LARGEST_HESSIAN = 2000


STALLED = "the steps came to gain little"


class WorkingSetSolver:
    """Solve for some features, look at all, and take in those that promise to gain the most.

    Parameters
    ----------
    objective : LinearObjective
    tol : float
        Bound of the largest entry of the subgradient closest to zero.
    max_iter : int
        Most iterations of the solvers of the sets together.
    verbose : int
        Whether to print a line for each iteration.
    """

    def __init__(self, objective, *, tol, max_iter, verbose=0):
        self.objective = objective
        self.tol = tol
        self.max_iter = max_iter
        self.verbose = verbose
        self.suboptimality = relative_suboptimality(tol)
        self.stronger = None

    def start_from(self, result, l1):
        """Take the first set from the solution under a stronger penalty, without a pass.

        The set has the features whose gradient would come up to the weaker penalty if it grew as
        fast as the penalty falls: the strong rule (Tibshirani et al., Journal of the Royal
        Statistical Society B 74, 2012).

        Parameters
        ----------
        result : SolverResult
            With its point.
        l1 : float
            Strength of the stronger penalty.
        """
        self.stronger = result.point, l1

    def solve(self, theta):
        """Minimise the objective from theta; return a SolverResult."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._solve(theta)

    def _solve(self, theta):
        self.n_iter = 0
        if SMALLEST_SET > MOST * self.objective.n_features:
            return self._solve_whole(theta)
        self.previous_value = np.inf
        if self.stronger is not None and not self._is_worth_descending():
            features = self._promising(theta)
            if 0 < len(features) <= MOST * self.objective.n_features:
                # Value and gradient are those under the stronger penalty: their size will do.
                self.point = replace(self.stronger[0], theta=theta)
                self.largest_value = self.point.value
                self._solve_for(features, self._tolerated())
                self.previous_value = np.inf
                return self._solve_sets()
        self.point = self.objective.value_gradient(theta)
        self.largest_value = self.point.value
        if self._is_worth_descending():
            descent = SoftmaxDescent(self.objective, self.verbose)
            self.point, self.n_iter, is_done = descent.solve(self.point, self.max_iter // 2)
            # Of many coefficients, conjugate gradients are even slower where this was slow.
            if not is_done and np.count_nonzero(self.point.theta) > LARGEST_HESSIAN:
                return self._result(f"{self.n_iter} rounds of coordinate descent were not enough")
        return self._solve_sets()

    def _promising(self, theta):
        evaluation, l1 = self.stronger
        limit = (2 - l1 / self.objective.l1) * self.objective.l1_in_theta
        is_promising = (np.abs(evaluation.gradient) >= limit) | (theta != 0)
        return np.flatnonzero(self._of_features(is_promising).any(axis=1))

    def _is_worth_descending(self):
        n_parameters_of_set = ROOM * SMALLEST_SET * self.objective.n_columns
        return (
            self.objective.is_sparse_softmax
            and n_parameters_of_set > LARGEST_HESSIAN
            and self.max_iter > 1
        )

    def _solve_sets(self):
        while True:
            gains = self._gains()
            if self.verbose:
                print(f"all features: {self.objective.progress(self.point)}")
            reason = self._reason_to_stop(gains)
            if reason is not None:
                return self._result(reason)
            features = self._working_set(gains)
            if len(features) > MOST * self.objective.n_features:
                return self._solve_whole(self.point.theta)
            self._solve_for(features, max(self._tolerated(), ENOUGH * gains.sum()))

    def _reason_to_stop(self, gains):
        # "" if the objective is solved, None if it goes on.
        if not np.isfinite(self.point.value):
            return "the objective or its gradient overflows; rescale X"
        if self.point.max_gradient <= self.tol and gains.sum() <= self._tolerated():
            return ""
        if self.n_iter >= self.max_iter:
            return f"max_iter={self.max_iter} iterations were not enough"
        if not self.point.value < self.previous_value:
            return STALLED
        return None

    def _tolerated(self):
        return tolerated_suboptimality(self.objective, self.point.value, self.suboptimality)

    def _gains(self):
        # What each feature promises to gain by itself, then the intercept. In theta the curvature
        # is one at first, and falls with the loss; that of the intercept is 1/4 at most.
        violation = distance_to_subdifferential(
            self.point.gradient, self.point.theta, self.objective.l1_in_theta
        )
        curvature = min(1, self.point.value / self.largest_value)
        gains = (violation.reshape(self.objective.shape) ** 2).sum(axis=1) / (2 * curvature)
        gains[self.objective.n_features :] *= 4
        return gains

    def _of_features(self, theta):
        return theta.reshape(self.objective.shape)[: self.objective.n_features]

    def _working_set(self, gains):
        is_nonzero = self._of_features(self.point.theta).any(axis=1)
        size = ROOM * max(SMALLEST_SET, np.count_nonzero(is_nonzero))
        gains = np.where(is_nonzero, np.inf, gains[: self.objective.n_features])
        is_near = np.abs(self.point.gradient) >= NEARLY_NONZERO * self.objective.l1_in_theta
        candidates = np.flatnonzero((gains > 0) | self._of_features(is_near).any(axis=1))
        if len(candidates) == 0:
            # The intercept is to be found, and a set must not be empty.
            return np.array([0])
        if len(candidates) > size:
            order = np.argpartition(-gains[candidates], size)
            candidates = np.sort(candidates[order[:size]])
        return candidates

    def _solve_whole(self, theta):
        solver = self._inner_solver(self.objective, self.tol)
        solver.suboptimality = self.suboptimality
        result = solver.solve(theta)
        result.n_iter += self.n_iter
        return result

    def _solve_for(self, features, suboptimality):
        restricted = self.objective.restricted(features)
        rows = features
        if self.objective.fit_intercept:
            rows = np.append(features, self.objective.n_features)
        theta = self.point.theta.reshape(self.objective.shape).copy()
        is_last = suboptimality <= self._tolerated()
        solver = self._inner_solver(restricted, self.tol if is_last else np.inf)
        solver.suboptimality = suboptimality / self.point.value
        result = solver.solve(theta[rows].ravel())
        self.n_iter += result.n_iter
        theta[rows] = result.theta.reshape(restricted.shape)
        self.previous_value = self.point.value
        self.point = self.objective.value_gradient(theta.ravel())

    def _inner_solver(self, objective, tol):
        is_small = objective.n_parameters <= LARGEST_HESSIAN
        solver = ProximalNewtonSolver if is_small else ProximalNewtonCGSolver
        return solver(
            objective, tol=tol, max_iter=self.max_iter - self.n_iter, verbose=self.verbose
        )

    def _result(self, reason):
        point = self.point
        converged = reason == "" or (reason == STALLED and point.max_gradient <= self.tol)
        return SolverResult(
            point.theta,
            point.value,
            point.max_gradient,
            self.n_iter,
            converged,
            reason,
            point=point,
            is_sound=reason == "",
        )
