"""The lowest of the minima that several starts lead to, for an objective that is not convex."""

from typing import NamedTuple

import numpy as np

from sklogloss.linear.limits import EPS, ROUNDING, SMALL_PART
from sklogloss.linear.reduction import RowReduction
from sklogloss.linear.samples import random_rows

from .curvature import costs_few_passes, negative_curvature
from .plan import Facts, Start, make_plan
from .solve import descend, solve
from .stopping import ENOUGH, LARGEST_GAP, Verdict

__all__ = ["NonconvexSolver"]

# Fractions of the way to an end at which the objective is evaluated. The last piece is short,
# because it shows whether there is a minimum close to the end (0.24 instead of 0.95: +65 % on
# 300 x 300, focal, C = 1e4).
WAY_POINTS = (0, 1 / 3, 2 / 3, 0.95)


class End(NamedTuple):
    """The part of a `SolverResult` from which another run can continue, on any objective.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,) or None
        None is a cold start.
    n_iter : int
        Iterations so far.
    """

    theta: np.ndarray | None
    n_iter: int


class NonconvexSolver:
    """Minimise an objective that is not convex, from two starts.

    One start is theta. The other is the minimum of a convex loss, followed as that loss turns into
    the given one. Far from a minimum, Hessians without their negative terms make every step go
    downhill. Close to it, exact Hessians make the steps fast. A point counts as a minimum after a
    search for negative curvature, which is followed downhill if there is any.

    If the objective is large, the starts are followed on a subset of the rows, or in fewer
    features. If its Hessian is costly, the second start ends at the minimum of the convex loss,
    provided that the objective falls and curves upwards all the way from there to the end of the
    first.

    Parameters
    ----------
    solver : str
        "auto" or one of SOLVERS, for the steps.
    objective : Objective
        Its loss has exact Hessians.
    path : list of LossKernel
        From a convex loss to one with the values and gradients of the given loss. All have positive
        semi-definite Hessians.
    goal : Goal
        max_iter bounds the iterations from each start.

    Attributes
    ----------
    start_values : ndarray of shape (2,)
        The objective (nats) at the minima to which theta and the convex loss led.
    """

    def __init__(self, solver, objective, path, goal):
        self.solver = solver
        self.objective = objective
        self.path = path
        self.convexified = objective.replace(loss=path[-1])
        self.goal = goal
        # With a kink or a bound, the model of a step must be convex.
        self.final_loss = objective.loss if objective.penalty.is_smooth else path[-1]
        self.is_cheap = costs_few_passes(objective)
        # The accuracy to which starts are followed before it is known where they lead.
        self.follow_gap = LARGEST_GAP if self.is_cheap else SMALL_PART
        self.plans = {}
        for loss in (objective.loss, *path):
            facts = Facts.of(objective.samples, loss, objective.penalty, objective.fit_intercept)
            self.plans[loss] = make_plan(facts, solver)

    def solve(self, theta):
        """Return the SolverResult of the lowest minimum; theta None is a cold start."""
        with np.errstate(all="ignore"):
            ends, of_start = self._follow_starts(theta)
            results = [
                self._minimise(self.final_loss, end, f"minimum {i}")
                for i, end in enumerate(ends, start=1)
            ]
            values = [result.point.value for result in results]
            values = [value if np.isfinite(value) else np.inf for value in values]
            rounding = ROUNDING * np.finfo(self.objective.samples.dtype).eps * abs(min(values))
            lowest = [i for i, value in enumerate(values) if not value > min(values) + rounding]
            # Minima that only differ by rounding errors are the same. Take the flattest of them.
            best = min(lowest, key=lambda i: results[i].point.max_gradient)
            if not results[best].curves_upwards:
                results[best] = self._leave_saddles(results[best])
        of_start = [best if i in lowest else i for i in of_start]
        self.start_values = np.array([results[i].point.value for i in of_start])
        return results[best]

    def _follow_starts(self, theta):
        # The different ends, loosely solved, and for each start the index of its end.
        if theta is None and self.goal.max_iter > 0:
            found = self._follow_on_part()
            if found is not None:
                return found
        convex, *others, last = self.path
        start = self.objective.start() if theta is None else theta
        first = self._minimise(last, End(start, 0), "start 1", self.follow_gap)
        second = self._minimise(convex, End(None, 0), "start 2, convex loss", ENOUGH)
        point = self.convexified.value_gradient(first.theta, curvature=True)
        # If passes cost little, following the whole way is safer.
        if not self.is_cheap and self._leads_to(second.theta, point):
            return [first], (0, 0)
        for loss in others:
            second = self._minimise(loss, second, "start 2, loss in between", ENOUGH)
        second = self._minimise(last, second, "start 2", self.follow_gap)
        # Both are the same minimum if the way from one to the other costs no more than the gap to
        # which they are solved, by Hessians without their negative terms.
        points = [point, self.convexified.value_gradient(second.theta, curvature=True)]
        step = second.theta - first.theta
        lowest = min(points, key=lambda point: point.value)
        for point in points:
            cost = float(step @ self.convexified.hessian_product(point, step)) / 2
            cost = max(cost, point.value - lowest.value)
            if not cost <= self.follow_gap * abs(lowest.value):
                return [first, second], (0, 1)
        return [first if lowest is points[0] else second], (0, 0)

    def _follow_on_part(self):
        # The ends, found on a subset of the rows or in the space that the rows span. None if the
        # problem is small, or if a part is not representative of the whole.
        objective, samples, loss = self.objective, self.objective.samples, self.objective.loss
        plan = self.plans[loss]
        reduction = RowReduction.of(objective) if plan.start is Start.ROWS else None
        if reduction is not None:
            part, gap = reduction.objective, 0.0
        elif plan.start is Start.SUBSET:
            rows, gap = random_rows(samples, plan.subset_sizes[-1]), LARGEST_GAP
            part = objective.replace(samples=samples.take(rows))
        elif plan.hessian_stride > 1 or plan.rows_for_starts is None:
            # With a Hessian from some blocks, passes over all rows cost no more than passes over a
            # part.
            return None
        else:
            rows, gap = random_rows(samples, plan.rows_for_starts), None
            part = objective.replace(samples=samples.take(rows))
        goal = self.goal.part("part of the data", gap=self.goal.gap)
        solver = NonconvexSolver(self.solver, part, self.path, goal)
        ends, of_start = solver._follow_starts(None)
        if gap is None:
            # The minima of so few rows may be far from those of all.
            at_zero = objective.value_gradient(objective.start()).value
            values = [objective.value_gradient(end.theta).value for end in ends]
            if not max(values) < at_zero:
                return None
            solver, loss, gap = self, self.path[-1], SMALL_PART
        ends = [
            solver._minimise(loss, end, f"minimum {i}", gap) for i, end in enumerate(ends, start=1)
        ]
        if reduction is not None:
            thetas = [objective.theta(*reduction.coef_intercept(end.theta)) for end in ends]
            ends = [End(theta, end.n_iter) for theta, end in zip(thetas, ends, strict=True)]
        return ends, of_start

    def _leads_to(self, theta, end):
        # Whether the objective falls and curves upwards along the straight line from theta to an
        # end.
        step = end.theta - theta
        values, slopes = [], []
        for fraction in WAY_POINTS:
            point = self.objective.value_gradient(theta + fraction * step)
            values.append(point.value)
            slopes.append(float(point.gradient @ step))
        values.append(end.value)
        slopes.append(float(end.gradient @ step))
        return bool(np.all(np.diff(values) < 0) and np.all(np.diff(slopes) > 0))

    def _minimise(self, loss, end, name, gap=None):
        # The SolverResult of a run from an end, with the accuracy of the goal if gap is None.
        goal = self.goal.part(name, n_iter=end.n_iter, gap=gap)
        run = solve if gap is None else descend
        result = run(self.plans[loss], self.objective.replace(loss=loss), end.theta, goal)
        result.n_iter += end.n_iter
        if gap is None:
            result.objective = result.objective.replace(loss=self.objective.loss)
        return result

    def _leave_saddles(self, result):
        # The loop ends because each point is lower than the saddle before.
        while result.verdict.is_solved and not result.curves_upwards:
            theta = self._lower(result)
            if theta is None:
                break
            if result.n_iter >= self.goal.max_iter:
                result.verdict = Verdict.SADDLE
                break
            start = self.objective.theta(*result.objective.coef_intercept(theta))
            result = self._minimise(
                self.final_loss, End(start, result.n_iter + 1), "below a saddle"
            )
        return result

    def _lower(self, result):
        # A point below a saddle, None if theta is not a saddle.
        objective = result.objective
        direction = negative_curvature(objective, result.theta, result.last_point)
        if direction is None:
            return None
        lowest = result.point.value
        best = None
        for sign in (1, -1):
            step, found = 1.0, False
            while EPS < step < np.inf:
                theta = _with_signs_kept(objective, result.theta, sign * step * direction)
                value = objective.value_gradient(theta).value
                if value < lowest:
                    lowest, best, found = value, theta, True
                    step *= 2
                elif found:
                    break
                else:
                    step /= 2
        return best


def _with_signs_kept(objective, theta, step):
    # theta + step, but parameters with an L1 penalty stop at zero instead of changing their sign.
    moved = theta + step
    moved[(objective.penalty_in_theta.l1 > 0) & (moved * theta < 0)] = 0
    return objective.penalty_in_theta.project(moved)
