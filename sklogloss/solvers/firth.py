"""Newton steps with the score that Jeffreys' prior modifies (Firth, Biometrika 80, 1993)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sklogloss.linear.jeffreys import JeffreysObjective, JeffreysPoint
from sklogloss.linear.limits import EPS, MAX_ROUNDS, SMALL_PART
from sklogloss.linear.samples import random_rows

from .halving import lower_point
from .newton import MAX_STEPS, InverseHessian
from .plan import Method, Plan, Start
from .stopping import ENOUGH, FEW_SLOW_STEPS, LARGEST_GAP, Goal, Verdict

__all__ = ["FirthResult", "firth_plan", "solve_firth"]

# With many rows for each parameter, the penalty hardly moves the solution, and a subset of the rows
# gives about the same gradient of the penalty. From the solution on the subset, passes without
# leverages then come close to the solution on all rows (250:
# tests/solvers/test_firth.py::test_few_passes_with_leverages_follow_a_subset fails).
SUBSET_ROWS_PER_PARAMETER = 25
# A subset is a fourth of the rows at most.
MANY_ROWS_PER_PARAMETER = 4 * SUBSET_ROWS_PER_PARAMETER
# A step changes no raw prediction by more than this plus its own size. If probabilities are 0 or 1,
# for example because of offsets at the start, no curvature limits the step. A step that promises
# less than a nat needs no such limit (0.5 or 50:
# tests/solvers/test_firth.py::test_of_several_maxima_the_higher_one_is_taken fails).
LARGEST_CHANGE = 5.0
# From this typical leverage on, the penalised likelihood may have several maxima: 0.24 was the
# smallest of 75 cold starts that ended in a lower one, of 1,100 data sets (2:
# tests/solvers/test_firth.py::test_of_several_maxima_the_higher_one_is_taken fails).
LEVERAGE_OF_MAXIMA = 0.2
# A second start is the optimum under this fraction of the prior, to a relative gap of the same size
# (0.1: tests/solvers/test_firth.py::test_of_several_maxima_the_higher_one_is_taken fails).
WEAKER_PRIOR = 0.01
# Maxima this many standard errors apart are two (10:
# tests/solvers/test_firth.py::test_of_several_maxima_the_higher_one_is_taken fails).
APART = 0.1


@dataclass
class FirthResult:
    """Where the solver stopped.

    Attributes
    ----------
    penalised : JeffreysObjective
    theta : ndarray of shape (n_parameters,)
    n_iter : int
    verdict : Verdict
    last_point : JeffreysPoint
        The last evaluated point, at most one step before theta.
    has_several_maxima : bool
        Whether another start led to another maximum, which is not higher.
    """

    penalised: JeffreysObjective
    theta: np.ndarray
    n_iter: int
    verdict: Verdict
    last_point: JeffreysPoint
    has_several_maxima: bool = False

    @property
    def objective(self):
        """The log loss without the penalty."""
        return self.penalised.objective

    @property
    def value(self):
        """The log loss at theta, in nats: one pass."""
        return self.objective.value_gradient(self.theta).value

    @property
    def max_gradient(self):
        """The largest entry of the gradient at the last point."""
        return self.last_point.max_gradient


def firth_plan(penalised) -> Plan:
    """Return the stages that minimise a JeffreysObjective."""
    samples, n_free = penalised.objective.samples, penalised.n_free
    rows = samples.rows_with_weight
    n_rows = samples.n_samples if rows is None else len(rows)
    plan = Plan("newton-cholesky", (Method.MODIFIED_SCORE,))
    if n_rows < MANY_ROWS_PER_PARAMETER * n_free:
        return plan
    size = SUBSET_ROWS_PER_PARAMETER * n_free
    return replace(plan, start=Start.SUBSET, subset_sizes=(size,))


def solve_firth(plan, penalised, goal, theta=None) -> FirthResult:
    """Minimise log loss penalised by Jeffreys' prior.

    Parameters
    ----------
    plan : Plan
    penalised : JeffreysObjective
    goal : Goal
    theta : ndarray of shape (n_parameters,), default=None
        None for the cold start of the plan. The parameters of the first of several classes are
        zero.

    Returns
    -------
    result : FirthResult
        For the same objective, or for one with a basis if columns of X are linearly dependent.
    """
    point, decrement, n_iter = None, np.inf, 0
    with np.errstate(all="ignore"):
        if theta is None and plan.start is Start.SUBSET and goal.max_iter > 0:
            point, decrement = _point_from_subset(plan, penalised)
            n_iter = 1
        if point is None:
            penalised = penalised.identified()
            start = penalised.start() if theta is None else penalised.within(theta)
            point = penalised.look(start, may_be_flat=True)
        result = FirthNewton(penalised, goal.part(n_iter=n_iter), decrement).solve(point)
        result.n_iter += n_iter
        is_sure = result.last_point.typical_leverage < LEVERAGE_OF_MAXIMA
        if theta is not None or is_sure or not result.verdict.is_solved:
            return result
        return _higher_maximum(result, goal)


def _higher_maximum(result, goal):
    # The better of a result and that of a second start, which is the maximum under a weaker prior.
    # A cold start is at equal probabilities, far from the optimum of separated classes or large
    # offsets.
    penalised = result.penalised
    weaker = JeffreysObjective(
        penalised.objective, WEAKER_PRIOR * penalised.strength, penalised.basis
    )
    of_weaker = FirthNewton(weaker, goal.part("weaker prior", gap=WEAKER_PRIOR)).solve(
        weaker.look(penalised.start(), may_be_flat=True)
    )
    goal = goal.part("second start")
    loose = goal.part(gap=LARGEST_GAP)
    other = FirthNewton(penalised, loose).solve(penalised.look(of_weaker.theta))
    n_iter = result.n_iter + of_weaker.n_iter + other.n_iter
    if other.verdict.is_solved and _are_apart(result, other):
        other = FirthNewton(penalised, goal).solve(penalised.look(other.theta))
        n_iter += other.n_iter
        if other.verdict.is_solved and _are_apart(result, other):
            better = min(result, other, key=lambda each: each.last_point.value)
            return replace(better, n_iter=n_iter, has_several_maxima=True)
    return replace(result, n_iter=n_iter)


def _are_apart(result, other):
    # Whether two results are at different maxima.
    step = result.penalised.of_theta(other.theta - result.theta) @ result.last_point.factor
    return step @ step > APART**2 * result.penalised.strength


def _point_from_subset(plan, penalised):
    # The point on all rows that follows from the solution on a subset and the gradient of its
    # penalty, and the decrement of the first step there. (None, inf) if the subset is of no use.
    objective = penalised.objective
    some = objective.samples.take(random_rows(objective.samples, plan.subset_sizes[0]))
    strength = penalised.strength * objective.weight_sum / some.weight_sum
    of_rows = JeffreysObjective(objective.replace(samples=some), strength)
    if of_rows.identified() is not of_rows:
        return None, np.inf
    goal = Goal(np.inf, MAX_ROUNDS, LARGEST_GAP)
    on_rows = FirthNewton(of_rows, goal).solve(of_rows.look(of_rows.start()))
    start = penalised.look(on_rows.theta)
    if on_rows.verdict is not Verdict.CONVERGED or not np.isfinite(start.value):
        return None, np.inf
    of_penalty = on_rows.last_point.of_penalty * (penalised.strength / strength)
    # The gradient of the penalty on the subset differs from that of all rows by about a sixth.
    # Passes that gain less than about the square of this, as a fraction of the gain of the penalty,
    # are wasted.
    enough = ENOUGH * float(of_penalty @ start.solve(of_penalty))
    gradient, direction, decrements = start.gradient + of_penalty, 0.0, [np.inf]
    inverse = InverseHessian(start.solve)
    for _ in range(MAX_ROUNDS):
        step = inverse @ -gradient
        decrements.append(-float(gradient @ step))
        if not decrements[-1] < decrements[-2] / 2:
            break
        direction = direction + step
        if decrements[-1] <= enough:
            break
        evaluation = objective.value_gradient(penalised.moved(start.theta, direction))
        previous, gradient = gradient, penalised.of_theta(evaluation.gradient) + of_penalty
        inverse.update(step, gradient - previous)
    end = penalised.look(penalised.moved(start.theta, direction))
    if end.value <= start.value:
        return end, decrements[1]
    return start, np.inf


class SecantModel:
    """The information, corrected for the curvature of the penalty along past steps.

    Newton's method with the information alone converges linearly, and slowly if leverages are
    large. The Hessian of the penalised objective is the information minus the Hessian of ln |I| /
    2. Past steps give secants of the latter: they update the information at the current point by
    L-BFGS (structured secants: Dennis, Gay and Welsch, ACM TOMS 7, 1981).
    """

    def __init__(self):
        self.secants = []

    def add(self, step, change):
        """Remember a step of the parameters and the change of the penalty's gradient."""
        self.secants = [*self.secants[1 - MAX_STEPS :], (step, change)]

    def direction(self, point):
        """Return minus the inverse of the model times the gradient of a complete point."""
        pairs = []
        for step, change in self.secants:
            of_information = point.factor @ (step @ point.factor)
            curved = of_information + change
            curvature = step @ curved
            # A secant with almost no curvature relative to the information would lead far away.
            if curvature > SMALL_PART * (step @ of_information):
                pairs.append((step, curved, curvature))
        return InverseHessian(point.solve, pairs) @ -point.gradient


class FirthNewton:
    """Steps to the minimum of the penalised objective, one after the other.

    Parameters
    ----------
    penalised : JeffreysObjective
    goal : Goal
    decrement : float, default=np.inf
        Twice the decrease that the step to the first point promised.
    """

    def __init__(self, penalised, goal, decrement=np.inf):
        self.penalised = penalised
        self.goal = goal
        self.model = SecantModel()
        self.decrement = self.best_decrement = decrement
        self.n_slow = 0

    def solve(self, point) -> FirthResult:
        """Minimise the penalised objective from a point that is not complete yet."""
        n_iter, verdict = 0, Verdict.OVERFLOW
        if self.penalised.n_free == 0:
            # All columns are zero, and there is no intercept.
            verdict = Verdict.ROUNDING
        elif np.isfinite(point.value):
            self.penalised.complete(point, keeps_counts=True)
            for n_iter in range(self.goal.max_iter + 1):
                direction = self.model.direction(point)
                verdict = self._look(point, direction, n_iter)
                if verdict is not Verdict.GO_ON:
                    break
                lower = self._line_search(point, direction)
                if lower is None:
                    verdict = Verdict.ROUNDING if self._is_rounding(point) else Verdict.STALLED
                    break
                self._remember(point, lower)
                point = lower
        theta = point.theta
        if verdict is Verdict.CONVERGED and n_iter < self.goal.max_iter:
            # The last step costs no pass, because its direction is known.
            theta, n_iter = self.penalised.moved(point.theta, direction), n_iter + 1
        return FirthResult(self.penalised, theta, n_iter, verdict, point)

    def _look(self, point, direction, n_iter):
        previous, self.decrement = self.decrement, -float(point.gradient @ direction)
        self.goal.report(
            f"iteration {n_iter}: penalised objective {point.value:.10g}, largest gradient "
            f"{point.max_gradient:.3g}, expected decrease {self.decrement / 2:.3g}"
        )
        if not np.isfinite(self.decrement):
            return Verdict.OVERFLOW
        if self.decrement <= self.best_decrement / 2:
            self.best_decrement, self.n_slow = self.decrement, 0
        else:
            self.n_slow += 1
        # The rest after the last step falls at the rate of the step before, but no faster than the
        # leverages allow.
        rate = self.decrement / previous if self.decrement < previous < np.inf else 1.0
        left = self.decrement / 2 * min(max(rate, point.typical_leverage**2), 1.0)
        if point.max_gradient <= self.goal.tol and left <= self.goal.gap * abs(point.value):
            return Verdict.CONVERGED
        if self.n_slow >= FEW_SLOW_STEPS and self._is_rounding(point):
            return Verdict.ROUNDING
        return Verdict.MAX_ITER if n_iter >= self.goal.max_iter else Verdict.GO_ON

    def _is_rounding(self, point):
        # The square root is for large entries of X, which increase the rounding errors of raw
        # predictions.
        return abs(self.decrement) / 2 <= np.sqrt(EPS) * abs(point.value)

    def _remember(self, point, lower):
        # Complete the point that a step has led to, and learn from the step.
        point.counts = None  # only one point keeps its counts
        self.penalised.complete(lower, keeps_counts=True)
        step = self.penalised.of_theta(lower.theta - point.theta)
        self.model.add(step, lower.of_penalty - point.of_penalty)

    def _line_search(self, start, direction):
        # A better point along direction, not yet complete; None if there is none.
        decrement, step = self.decrement, 1.0
        if decrement > self.penalised.strength:
            step = self.penalised.longest_step(start, direction, LARGEST_CHANGE)

        def look(moved):
            return self.penalised.look(self.penalised.moved(start.theta, moved))

        return lower_point(look, 0.0, direction, start.value, decrement, step=step)
