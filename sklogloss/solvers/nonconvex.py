"""The lowest of the minima that several starts lead to, for an objective that is not convex."""

from dataclasses import dataclass

import numpy as np

from sklogloss.linear.reduction import RowReduction, is_reducible

from .base import SUBSET_SUBOPTIMALITY, name_max_iter
from .curvature import costs_few_passes, negative_curvature
from .select import make_solver, solve

__all__ = ["NonconvexSolver"]

# Part of the objective to which starts are followed, before it is known where they lead: where
# passes cost little, and else; and to which a loss on the way to the given one is solved.
CLOSE = 1e-6
LOOSE = 1e-2
LOOSE_ON_PATH = 1e-1
# Two ends are the same minimum if the way from one to the other costs less than this many times
# the part to which they are solved, by Hessians that leave out what is negative.
SAME = 4
# Parts of the way to an end at which the objective is looked at. The last piece is short, since it
# tells whether there is a minimum close to the end.
PARTS_OF_WAY = (0, 1 / 3, 2 / 3, 0.95)
# Saddles that are left behind before the solver gives up.
MAX_ESCAPES = 10
# Halvings and doublings of the step that leaves a saddle.
MAX_STEPS = 40


@dataclass
class End:
    """Where a start led to.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
    n_iter : int
        Iterations so far.
    point : Evaluation or None
        With curvature, at theta.
    """

    theta: np.ndarray
    n_iter: int
    point: object = None


class NonconvexSolver:
    """Minimise an objective that is not convex, from two starts.

    One start is theta, the other the minimum of a convex loss, followed as that loss turns into the
    given one. Far from a minimum, Hessians that leave out what is negative make every step one
    downhill; close to it, the exact ones make it fast. Before a minimum is called one, it is looked
    for negative curvature, and left where there is some.

    The starts are followed on a subset of the rows, or in fewer features, where the objective is
    large. Where its Hessian is costly, the second is left at the minimum of the convex loss, if the
    way from there to where the first led falls all along and curves upwards.

    Parameters
    ----------
    name : str
        Solver of the steps, one of SOLVERS.
    objective : LinearObjective
        With the exact Hessians of its loss.
    path : list of LossKernel
        From a convex loss to the given one, the last with the same values and gradients; all with
        positive semi-definite Hessians.
    tol : float
        Bound of the largest entry of the gradient.
    max_iter : int
        Most iterations from each start.
    verbose : int
        Whether to print a line for each iteration.

    Attributes
    ----------
    start_values : ndarray of shape (2,)
        The objective (nats) of the minima that theta and the convex loss led to.
    """

    def __init__(self, name, objective, path, *, tol, max_iter, verbose=0):
        self.name = name
        self.objective = objective
        self.path = path
        self.tol = tol
        self.max_iter = max_iter
        self.verbose = verbose

    def solve(self, theta):
        """Return (objective, SolverResult) of the lowest minimum, as `solve` does."""
        with np.errstate(over="ignore", invalid="ignore"):
            ends, of_start = self._follow_starts(theta)
            results = [self._finish(end) for end in ends]
            best = min(range(len(ends)), key=lambda i: _value(results[i]))
            results[best] = self._leave_saddles(*results[best])
        self.start_values = np.array([results[i][1].value for i in of_start])
        return results[best]

    def _follow_starts(self, theta):
        # The different ends, loosely solved, and the index of that of each start.
        coarse = None if theta.any() or self.max_iter == 0 else self._coarse_problem()
        if coarse is not None:
            objective, lift, part = coarse
            solver = NonconvexSolver(
                self.name, objective, self.path, tol=np.inf, max_iter=self.max_iter
            )
            ends, of_start = solver._follow_starts(np.zeros(objective.n_parameters))
            if part is not None:
                ends = [solver._descend(end, objective.loss, part) for end in ends]
            ends = [End(lift(end.theta), end.n_iter) for end in ends]
            if part is not None:
                return ends, of_start
            # Few rows may know next to nothing about the whole.
            at_zero = self.objective.value_gradient(theta).value
            values = [self.objective.value_gradient(end.theta).value for end in ends]
            if max(values) < at_zero:
                ends = [self._descend(end, self.path[-1], LOOSE) for end in ends]
                return ends, of_start
        first = self._descend(End(theta, 0), self.path[-1], self._part)
        first.point = self._convexified().value_gradient_curvature(first.theta)
        second = self._follow_path(first)
        if second is None:
            return [first], (0, 0)
        second.point = self._convexified().value_gradient_curvature(second.theta)
        if self._is_same(first, second):
            return [min(first, second, key=lambda end: end.point.value)], (0, 0)
        return [first, second], (0, 1)

    def _coarse_problem(self):
        # (objective, function from its theta to that of the given one, part to solve it to, None
        # where its minimum is not close to that of the given one).
        objective = self.objective
        if objective.l1 == 0 and is_reducible(objective.design, objective.l2):
            reduction = RowReduction(objective)
            if reduction.objective is not None:
                return (
                    reduction.objective,
                    lambda theta: objective.theta(*reduction.coef_intercept(theta)),
                    0.0,
                )
        if objective.subset is not None:
            return objective.subset, lambda theta: theta, SUBSET_SUBOPTIMALITY
        if objective.every > 1:
            # With that Hessian, passes over the whole are as good as what others would cost.
            return None
        small = objective.small_part()
        if small is None:
            return None
        return small, lambda theta: objective.theta(*small.coef_intercept(theta)), None

    def _follow_path(self, first):
        # The end of the start from the convex loss, None if it is in the basin of the first end.
        convex, *others, last = self.path
        end = End(np.zeros(self.objective.n_parameters), 0)
        end = self._descend(end, convex, LOOSE_ON_PATH)
        if self._leads_to(end, first):
            return None
        for loss in others:
            end = self._descend(end, loss, LOOSE_ON_PATH)
        return self._descend(end, last, self._part)

    def _leads_to(self, start, end):
        # Whether the objective falls on the straight way from start to end, and curves upwards.
        # Where passes cost little, the safer answer is to go the whole way.
        if costs_few_passes(self.objective):
            return False
        step = end.theta - start.theta
        values, slopes = [], []
        for part in PARTS_OF_WAY:
            point = self.objective.value_gradient(start.theta + part * step)
            values.append(point.value)
            slopes.append(float(point.gradient @ step))
        values.append(end.point.value)
        slopes.append(float(end.point.gradient @ step))
        return bool(np.all(np.diff(values) < 0) and np.all(np.diff(slopes) > 0))

    def _descend(self, end, loss, part):
        solver = make_solver(
            self.name,
            self.objective.with_loss(loss),
            tol=np.inf,
            max_iter=self.max_iter - end.n_iter,
            verbose=self.verbose,
            suboptimality=part,
        )
        result = solver.solve(end.theta)
        return End(result.theta, end.n_iter + result.n_iter)

    @property
    def _part(self):
        # Of the objective, to which starts are followed.
        return CLOSE if costs_few_passes(self.objective) else LOOSE

    def _convexified(self):
        return self.objective.with_loss(self.path[-1])

    def _is_same(self, first, second):
        step = second.theta - first.theta
        lowest = min(first.point.value, second.point.value)
        for point in (first.point, second.point):
            cost = float(step @ self._convexified().hessian_product(point, step)) / 2
            if not max(cost, point.value - lowest) <= SAME * self._part * abs(lowest):
                return False
        return True

    def _finish(self, end):
        # With an L1 penalty the model of a step must be convex.
        objective = self.objective if self.objective.l1 == 0 else self._convexified()
        objective, result = solve(
            self.name,
            objective,
            end.theta,
            tol=self.tol,
            max_iter=self.max_iter - end.n_iter,
            verbose=self.verbose,
        )
        result.n_iter += end.n_iter
        name_max_iter(result, self.max_iter)
        return objective.with_loss(self.objective.loss), result

    def _leave_saddles(self, objective, result):
        for _ in range(MAX_ESCAPES):
            if not result.converged:
                break
            theta = None if result.curves_upwards else self._lower(objective, result)
            if theta is None:
                return objective, result
            start = self.objective.theta(*objective.coef_intercept(theta))
            objective, result = self._finish(End(start, result.n_iter + 1))
        if result.converged:
            result.converged = False
            result.reason = "it stopped at a saddle of the objective"
        return objective, result

    def _lower(self, objective, result):
        # A point below a saddle, None if theta is none.
        direction = negative_curvature(objective, result.theta, result.point)
        if direction is None:
            return None
        lowest = result.value
        best = None
        for sign in (1, -1):
            step, found = 1.0, False
            for _ in range(MAX_STEPS):
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
    # theta + step; parameters that have an L1 penalty stop where they would change their sign.
    moved = theta + step
    moved[(objective.l1_in_theta > 0) & (moved * theta < 0)] = 0
    return moved


def _value(of_end):
    value = of_end[1].value
    return value if np.isfinite(value) else np.inf
