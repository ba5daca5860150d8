"""An L1 penalty on many features: solve for the few whose coefficients are not zero."""

from dataclasses import replace

import numpy as np

from sklogloss.linear.limits import LARGEST_HESSIAN

from .newton import DOUBT, ExactHessian, Newton
from .plan import SMALLEST_SET
from .proximal_products import ProximalProducts
from .sparse_softmax.descent import SoftmaxDescent
from .stopping import (
    ENOUGH,
    LARGEST_GAP,
    SolverResult,
    Stopping,
    Verdict,
    suboptimality_bound,
)

__all__ = ["WorkingSets"]

# A set has room for this many times SMALLEST_SET features, or this many times the nonzero ones. If
# it has more than one in this many of all features, it is no better than all of them (1: +737 % on
# 300 x 2,000, K = 5, L1, bounds).
ROOM = 2
# A set also includes zero coefficients whose gradient is at least this fraction of the penalty:
# some of them will leave zero once the others have moved (1: +103 % on 300 x 2,000, K = 5, L1,
# bounds).
NEARLY_NONZERO = 0.95


class WorkingSets:
    """Solve for some features, check all, and include those that promise the largest gain.

    Parameters
    ----------
    objective : Objective
        Has an L1 penalty. The start must lie within the bounds.
    goal : Goal
        max_iter bounds the iterations for all sets together.
    descends : bool
        Whether coordinate descent on the objective itself runs first.
    stronger : tuple of Evaluation and float, default=None
        A solution's point under a stronger L1 penalty, and that strength. They determine the first
        set without a pass: the features whose gradient would reach the weaker penalty if it grew as
        fast as the penalty falls. This is the strong rule (Tibshirani et al., Journal of the Royal
        Statistical Society B 74, 2012).
    """

    def __init__(self, objective, goal, *, descends=False, stronger=None):
        self.objective = objective
        self.goal = goal
        self.descends = descends
        self.stronger = stronger
        self.stopping = Stopping(objective, goal)
        self.n_iter = 0
        self.previous_value = np.inf

    def solve(self, theta):
        """Minimise the objective from theta; return a SolverResult."""
        with np.errstate(all="ignore"):
            if self.stronger is not None and not self.descends:
                features = self._promising(theta)
                if 0 < len(features) <= self.objective.n_features // ROOM:
                    # Value and gradient are those under the stronger penalty. Their size is good
                    # enough.
                    self.point = replace(self.stronger[0], theta=theta)
                    self._solve_for(features, self.stopping.tolerated(self.point))
                    self.previous_value = np.inf
                    return self._solve_sets()
            self.point = self.objective.value_gradient(theta)
            if self.descends:
                half = replace(self.goal, max_iter=self.goal.max_iter // 2)
                descent = SoftmaxDescent(self.objective, half)
                self.point, self.n_iter, is_done = descent.solve(self.point)
                # Where descent was slow, conjugate gradients on many coefficients are even slower.
                if not is_done and np.count_nonzero(self.point.theta) > LARGEST_HESSIAN:
                    return self._result(Verdict.STALLED)
            return self._solve_sets()

    def result_at(self, point, n_iter, solved):
        """Return the SolverResult of a point that n_iter iterations led to.

        Its verdict is GO_ON if features promise to gain more than tol allows.

        Parameters
        ----------
        point : Evaluation
        n_iter : int
        solved : ndarray of int
            Rows of theta that the problem was solved for.
        """
        self.point, self.n_iter = point, n_iter
        gains = self._gains()
        is_other = np.ones(len(gains), dtype=bool)
        is_other[solved] = False
        # Other coefficients move with an omitted feature, so it may gain more than it does alone.
        gains[is_other] *= DOUBT
        return self._result(self._look(gains))

    def _promising(self, theta):
        evaluation, l1 = self.stronger
        of_theta = self.objective.penalty_in_theta
        limit = (2 - l1 / np.max(self.objective.penalty.l1)) * of_theta.l1
        is_promising = (np.abs(evaluation.gradient) >= limit) | (theta != 0)
        return np.flatnonzero(self._of_features(is_promising).any(axis=1))

    def _solve_sets(self):
        while True:
            gains = self._gains()
            verdict = self._look(gains)
            if verdict is not Verdict.GO_ON:
                return self._result(verdict)
            features = self._working_set(gains)
            if len(features) > self.objective.n_features // ROOM:
                return self._solve_whole(self.point.theta)
            # Together, many features promise more than the largest possible gain.
            gain = min(gains.sum(), abs(self.point.value))
            self._solve_for(features, max(self.stopping.tolerated(self.point), ENOUGH * gain))

    def _look(self, gains):
        point = self.point
        is_flat = point.max_gradient <= self.goal.tol
        if not np.isfinite(point.value):
            return Verdict.OVERFLOW
        if is_flat and gains.sum() <= self.stopping.tolerated(point):
            # At a start, several features may gain together even if none of them gains alone.
            gap = 0.0 if self.n_iter > 0 else suboptimality_bound(self.objective, point)
            if gap <= LARGEST_GAP * abs(point.value):
                return Verdict.CONVERGED
        if self.n_iter >= self.goal.max_iter:
            return Verdict.MAX_ITER
        if not point.value < self.previous_value:
            return Verdict.ROUNDING if is_flat else Verdict.STALLED
        return Verdict.GO_ON

    def _gains(self):
        # The gain that each feature promises alone, then that of the intercept. In theta, the
        # curvature is one at first and falls with the loss. That of the intercept is at most 1/4.
        violation = self.objective.penalty_in_theta.violation(self.point.gradient, self.point.theta)
        curvature = min(1, self.point.value / self.objective.loss.unit)
        gains = (violation.reshape(self.objective.shape) ** 2).sum(axis=1) / (2 * curvature)
        gains[self.objective.n_features :] *= 4
        return gains

    def _of_features(self, theta):
        return theta.reshape(self.objective.shape)[: self.objective.n_features]

    def _working_set(self, gains):
        l1 = self.objective.penalty_in_theta.l1
        # Without an L1 penalty, a coefficient does not stay zero.
        is_nonzero = self._of_features((self.point.theta != 0) | (l1 == 0)).any(axis=1)
        size = ROOM * max(SMALLEST_SET, np.count_nonzero(is_nonzero))
        gains = np.where(is_nonzero, np.inf, gains[: self.objective.n_features])
        is_near = np.abs(self.point.gradient) >= NEARLY_NONZERO * l1
        candidates = np.flatnonzero((gains > 0) | self._of_features(is_near).any(axis=1))
        if len(candidates) == 0:
            # Only the intercept can gain, but a set must not be empty.
            return np.array([0])
        if len(candidates) > size:
            order = np.argpartition(-gains[candidates], size)
            candidates = np.sort(candidates[order[:size]])
        return candidates

    def _solve_whole(self, theta):
        result = _newton(self.objective, self.goal.part(n_iter=self.n_iter)).solve(theta)
        result.n_iter += self.n_iter
        return result

    def _solve_for(self, features, suboptimality):
        restricted = self.objective.restricted(features)
        rows = features
        if self.objective.fit_intercept:
            rows = np.append(features, self.objective.n_features)
        theta = self.point.theta.reshape(self.objective.shape).copy()
        gap = suboptimality / self.point.value
        # To the watch, a whole set is one step.
        goal = replace(self.goal.part(n_iter=self.n_iter), watch=None)
        if suboptimality <= self.stopping.tolerated(self.point):
            goal = replace(goal, gap=gap)
        else:
            goal = goal.part(gap=gap)
        result = _newton(restricted, goal).solve(theta[rows].ravel())
        self.n_iter += result.n_iter
        theta[rows] = result.theta.reshape(restricted.shape)
        self.previous_value = self.point.value
        self.point = self.objective.value_gradient(theta.ravel())
        if self.goal.watch is not None:
            self.goal.watch.after_step(self.objective, self.point.theta)

    def _result(self, verdict):
        return SolverResult(self.objective, self.point.theta, self.n_iter, verdict, self.point)


def _newton(objective, goal):
    if objective.n_parameters <= LARGEST_HESSIAN:
        model = ExactHessian(objective, is_rough=goal.is_loose)
    else:
        model = ProximalProducts(objective)
    return Newton(objective, model, goal)
