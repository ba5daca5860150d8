"""Newton's method with a line search: one skeleton for all models of the Hessian."""

from __future__ import annotations

import numpy as np

from .stopping import SUBSET_GAP, SolverResult, Stopping, Verdict, decrement_of, progress

__all__ = ["Newton"]

# Sufficient decrease of the line search: Nocedal & Wright, Numerical Optimization, 3.1.
ARMIJO = 1e-4
MAX_HALVINGS = 40


class Newton:
    """Steps to the minimum of a model of the objective, one after the other.

    The model computes the direction; see `hessians` for what it may know of the Hessian.

    Parameters
    ----------
    objective : Objective
    model : Hessian model
    goal : Goal
    """

    def __init__(self, objective, model, goal):
        self.objective = objective
        self.model = model
        self.goal = goal
        self.stopping = Stopping(objective, goal)

    def solve(self, theta, *, at_most=np.inf) -> SolverResult:
        """Minimise the objective from theta, or from zero if its value at theta exceeds at_most."""
        # Overflow is noticed by the look at each point.
        with np.errstate(all="ignore"):
            point = self.model.evaluate(theta)
            if at_most < np.inf and not point.value <= at_most:
                self.model.forget()
                point = self.model.evaluate(self.objective.start())
            start_value = point.value
            for n_iter in range(self.goal.max_iter + 1):
                direction = self.model.direction(point, self.stopping)
                decrement = decrement_of(self.objective, point, direction)
                if self.goal.verbose:
                    self.goal.report(
                        f"iteration {n_iter}: {progress(self.objective, point)}, "
                        f"expected decrease {decrement / 2:.3g}"
                    )
                verdict = self.stopping.look(point, decrement, n_iter, self.model)
                if verdict is Verdict.GO_ON:
                    lower = self._line_search(point, direction)
                    if lower is not None:
                        point = lower
                        continue
                    is_end = self.stopping.is_solved_to_rounding(point, self.model)
                    verdict = Verdict.ROUNDING if is_end else Verdict.STALLED
                break
            result = self._result(point, direction, n_iter, verdict)
            result.start_value = start_value
            return result

    def _end_of_step(self, point, direction, step):
        # The model's own minimiser has zeros and bounds that theta + direction would round.
        if step == 1 and self.model.minimiser is not None:
            return self.model.minimiser
        return self.objective.penalty_in_theta.project(point.theta + step * direction)

    def _line_search(self, start, direction):
        # The evaluation of a better point along direction, None if there is none.
        decrement, rounding = self.stopping.decrement, self.stopping.rounding(start)
        step = 1.0
        for halving in range(MAX_HALVINGS):
            theta = self._end_of_step(start, direction, step)
            # The full step is nearly always the one to take: get all that the next step needs.
            if halving == 0:
                trial = self.model.evaluate(theta)
            else:
                trial = self.objective.value_gradient(theta)
            is_lower = trial.value <= start.value - ARMIJO * step * decrement + rounding
            if is_lower or self._is_flatter(start, trial, direction):
                return trial if halving == 0 else self.model.evaluate(theta)
            step /= 2
        return None

    def _is_flatter(self, start, trial, direction):
        # Where rounding errors hide which objective is the lower one, the slope tells (Hager and
        # Zhang, SIAM Journal on Optimization 16, 2005: approximate Wolfe conditions).
        return (
            self.stopping.is_solved_to_rounding(start, self.model)
            and abs(decrement_of(self.objective, trial, direction)) <= self.stopping.decrement / 2
        )

    def _result(self, point, direction, n_iter, verdict):
        result = SolverResult(self.objective, point.theta, n_iter, verdict, point, direction)
        if verdict is Verdict.CONVERGED and n_iter < self.goal.max_iter:
            # The last direction is known and costs no pass: it takes theta from close to the
            # optimum to very close.
            theta = self._end_of_step(point, direction, 1.0)
            result.n_iter += 1
            penalty = self.objective.penalty
            # Without a penalty the classes may be separable and the step a long one. It may promise
            # too much far from the optimum, or where some curvature is all but rounding errors, as
            # it is where all samples are separated.
            may_mislead = (
                penalty.is_none
                or not penalty.is_smooth
                or self.goal.gap > SUBSET_GAP
                or point.value < 0.01 * self.objective.loss.unit
            )
            if not may_mislead:
                result.theta = theta
            else:
                last = self.objective.value_gradient(theta)
                if penalty.is_none:
                    is_better = last.max_gradient <= point.max_gradient
                else:
                    is_better = last.value <= point.value + self.stopping.rounding(point)
                if is_better:
                    result.theta, result.last_point = last.theta, last
        if verdict.is_solved and not self.objective.loss.is_convex:
            result.curves_upwards = self.model.curves_upwards(point)
        return result
