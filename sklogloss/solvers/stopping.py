"""Whether to stop: tol, the relative gap, rounding errors and separable data, in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cached_property
from typing import Any

import numpy as np

from sklogloss.linear.limits import EPS, MAX_ROUNDS, ROUNDING
from sklogloss.linear.objective import Evaluation, Objective

__all__ = [
    "LARGEST_GAP",
    "SMALLEST_GAP",
    "SMALL_LOSS",
    "Goal",
    "Knowledge",
    "SolverResult",
    "Stopping",
    "Verdict",
    "decrement_of",
    "progress",
    "suboptimality_bound",
]

# The relative gap that tol means is GAP_PER_SQUARED_TOL * tol^2, within two limits (1e-10: +11 % on
# 100,000 x 20, tol = 1e-1).
GAP_PER_SQUARED_TOL = 1e-7
# It is no smaller than rounding allows (1e-14: +24 % on 11,000 x 6).
SMALLEST_GAP = 1e-11
# It is no larger than is worth a pass. A solution that is only a starting point has this gap: more
# accuracy is wasted (1e-3: +184 % on 200,000 x 100).
LARGEST_GAP = 1e-6
# Loss of a sample that is clearly on the correct side, as a fraction of LossKernel.unit (1e-4:
# tests/solvers/test_stopping.py::test_separable_where_a_loss_this_small_has_no_optimum fails).
SEPARATED = 1e-6
# Floor of the loss in an estimate of rounding errors, and of the curvature along an intercept: that
# of a class with one in ten thousand samples. As a fraction of LossKernel.unit (0.1:
# tests/solvers/test_doubt.py::test_a_slope_where_curvature_has_vanished fails).
SMALL_LOSS = 1e-4
# A problem that another one follows (the features of a working set, a loss on the way to another
# one) is solved at least to this fraction of the possible gain (1e-3: +31 % on breast cancer,
# focal; 1 / 16:
# tests/solvers/test_nonconvex.py::test_minima_that_differ_by_little_of_the_objective_are_two
# fails).
ENOUGH = 0.1
# Initial damping of a Hessian that may vanish, as a fraction of a quantity that is large compared
# to its diagonal (0.025: +31 % on 300 x 2,000, K = 5, L1, bounds; 100: +177 %).
DAMPING = 0.1
# Number of consecutive steps that do not halve the decrement, after which rounding errors are
# suspected (1:
# tests/solvers/test_stopping.py::test_rounding_where_the_decrement_ceases_to_fall_above_tol fails).
FEW_SLOW_STEPS = 3


class Verdict(Enum):
    """The verdict on a point: continue, or the reason to stop.

    Attributes
    ----------
    is_solved : bool
        Whether the objective is as close to its optimum as required, or as rounding errors can
        show.
    is_sound : bool
        Whether the gradient and the steps decided, rather than their rounding errors.
    """

    GO_ON = (1, False, False)
    CONVERGED = (2, True, True)
    SEPARABLE = (3, True, True)
    ROUNDING = (4, True, False)
    STALLED = (5, False, False)
    MAX_ITER = (6, False, False)
    OVERFLOW = (7, False, False)
    SADDLE = (8, False, False)
    LITTLE_LOSS = (9, False, False)
    STOPPED = (10, True, False)

    def __init__(self, number, is_solved, is_sound):
        self.is_solved = is_solved
        self.is_sound = is_sound

    def reason(self, max_iter):
        """Return why the solver failed to converge, "" if it did not fail."""
        return {
            Verdict.STALLED: "the steps came to gain little",
            Verdict.MAX_ITER: f"max_iter={max_iter} iterations were not enough",
            Verdict.SADDLE: "it stopped at a saddle of the objective",
            Verdict.LITTLE_LOSS: "rounding errors hide the optimum, whose loss is next to nothing",
            Verdict.OVERFLOW: "the objective or its gradient overflows",
        }.get(self, "")


@dataclass(frozen=True)
class Goal:
    """The required accuracy, and how much work is allowed.

    Attributes
    ----------
    tol : float
        Bound of the largest entry of the gradient.
    max_iter : int
    gap : float
        Bound of the suboptimality, relative to the objective.
    verbose : int
        Whether to print a line for each iteration.
    name : str
        Identifies one of several fits. The printed lines begin with it.
    is_loose : bool
        Whether the solution is only a starting point.
    watch : object or None
        Its `after_step(objective, theta)` is called after each step, and its `begin_fit(name)` and
        `end_fit(task, objective, theta)` around each fit of a path. Parameters are always those of
        all features.
    """

    tol: float
    max_iter: int
    gap: float
    verbose: int = 0
    name: str = ""
    is_loose: bool = False
    watch: Any = None

    @classmethod
    def of(cls, tol, max_iter, verbose=0, gap=None):
        """Return the goal that tol means, or the same with another relative gap."""
        if gap is None:
            gap = min(max(GAP_PER_SQUARED_TOL * tol**2, SMALLEST_GAP), LARGEST_GAP)
        return cls(tol, max_iter, gap, verbose)

    def part(self, name="", *, n_iter=0, gap=None) -> Goal:
        """Return the goal of a part of the work.

        Parameters
        ----------
        name : str
            Name of the part, added to the names so far.
        n_iter : int
            Number of iterations so far.
        gap : float, default=None
            If the solution is only a starting point: the gap that is enough, whatever the gradient.
        """
        changes = {"max_iter": self.max_iter - n_iter}
        if name:
            changes["name"] = f"{self.name}, {name}" if self.name else name
        if gap is not None:
            changes |= {"tol": np.inf, "gap": gap, "is_loose": True}
        return replace(self, **changes)

    def report(self, line):
        """Print a line if verbose, after the name of the fit."""
        if self.verbose:
            print(f"{self.name}: {line}" if self.name else line)


class Knowledge(Enum):
    """What the Hessian model of a Newton step knows, and so what its decrement means."""

    EXACT = auto()  # the Hessian of the point: a step squares the remaining gap
    STALE = auto()  # the Hessian of another point or problem, updated since
    ROUGH = auto()  # an approximation: a step is one of many with similar gains


@dataclass
class SolverResult:
    """Where a solver stopped.

    Attributes
    ----------
    objective : Objective
    theta : ndarray of shape (n_parameters,)
    n_iter : int
    verdict : Verdict
    last_point : Evaluation
        The last evaluated point, at most one step before theta.
    direction : ndarray of shape (n_parameters,) or None
        Direction of the last step.
    curves_upwards : bool
        Whether the Hessian was found to be positive definite close to theta.
    start_value : float
        The objective where the solver started.
    factored_point : Evaluation or None
        The last one whose Hessian was factored.
    lacks_curvature : bool
        Whether this Hessian vanished along some direction.
    method : Method or None
        The method of the plan that ended last.
    """

    objective: Objective
    theta: np.ndarray
    n_iter: int
    verdict: Verdict
    last_point: Evaluation
    direction: np.ndarray | None = None
    curves_upwards: bool = False
    start_value: float = np.inf
    factored_point: Evaluation | None = None
    lacks_curvature: bool = False
    method: Any = None

    @cached_property
    def point(self) -> Evaluation:
        """The evaluation at theta. It costs a pass if the last step was taken without one."""
        if self.last_point.theta is self.theta:
            return self.last_point
        return self.objective.value_gradient(self.theta)

    @property
    def value(self):
        """The objective at theta, in nats."""
        return self.point.value

    @property
    def max_gradient(self):
        """The largest entry of the gradient at theta, see Evaluation."""
        return self.point.max_gradient

    @property
    def converged(self):
        """Whether the objective is solved."""
        return self.verdict.is_solved


class Stopping:
    """Checks of the points that one run of a solver visits.

    Parameters
    ----------
    objective : Objective
    goal : Goal

    Attributes
    ----------
    decrement : float
        Twice the decrease that the last step promised: g' H^-1 g in Newton's method.
    value : float
        The objective at the last point.
    rounding : float
        The size of the rounding errors of that value.
    rounding_gap : float
        Relative suboptimality that rounding errors of the gradient may cause.
    """

    def __init__(self, objective, goal):
        self.objective = objective
        self.goal = goal
        self.eps = float(np.finfo(objective.samples.dtype).eps)
        self.unit = objective.loss.unit
        # A smaller loss has the rounding errors of this one.
        self.small_loss = SMALL_LOSS * self.unit
        self.rounding_gap = (ROUNDING * self.eps) ** 2
        self.decrement = np.inf
        self.best_decrement = np.inf
        self.rounding = 0.0
        self.value = np.inf
        self.n_slow = 0

    def look(self, point, decrement, n_iter, model) -> Verdict:
        """Return the verdict on a point from which a model promises a decrement.

        If rounding errors keep the gradient above tol, the decrement stops falling although the
        model promises almost nothing. This is an end, too.

        Parameters
        ----------
        point : Evaluation
        decrement : float
        n_iter : int
        model : Hessian model
            With `knowledge`, `doubt`, `patience` and `max_steps`.
        """
        previous, self.decrement = self.decrement, decrement
        gain, self.value = self.value - point.value, point.value
        self.rounding = ROUNDING * self.eps * max(abs(point.value), self.small_loss)
        # If an entry of the direction is not finite, neither is the decrement.
        if not (math.isfinite(point.value) and math.isfinite(decrement)):
            return Verdict.OVERFLOW
        if decrement <= self.best_decrement / 2:
            self.best_decrement, self.n_slow = decrement, 0
        else:
            self.n_slow += 1
        if point.max_gradient <= self.goal.tol:
            # A step that promises to raise the objective consists of rounding errors.
            if decrement >= 0 and self._is_last_step(point, previous, model):
                return Verdict.CONVERGED
            # On the way to infinity, the Hessian loses its rank, and steps lose their meaning.
            if self.objective.penalty.is_none and self.is_separated(point.value):
                return Verdict.SEPARABLE
        n_enough = FEW_SLOW_STEPS
        if not self.objective.penalty.is_smooth:
            # Coordinate descent solves its model to full accuracy only after slow steps.
            n_enough += FEW_SLOW_STEPS
        is_end = self.n_slow >= n_enough and self.ends_by_rounding(point, model)
        # A step that lowers the objective by more than its rounding errors is a real gain, however
        # small, if max_iter such steps would gain more than is promised. A float32 fit continues in
        # float64, which needs steps, too.
        n_steps = min(self.goal.max_iter, MAX_ROUNDS)
        is_gain = gain > self.rounding and n_steps * gain > LARGEST_GAP * abs(point.value)
        if is_end and not (is_gain and self.eps == EPS):
            return Verdict.ROUNDING
        if self.n_slow >= model.patience:
            return Verdict.STALLED
        if n_iter >= self.goal.max_iter:
            # Many more steps of this kind gain more than the next one promises.
            goes_on = is_gain and self.n_slow >= n_enough
            return Verdict.MAX_ITER if goes_on else self.at_max_iter(point, decrement / 2)
        return Verdict.STALLED if n_iter >= model.max_steps else Verdict.GO_ON

    def _is_last_step(self, point, previous, model):
        # Whether the step that was just computed will end close enough to the optimum. The rate of
        # the last step predicts the rest.
        decrement = self.decrement
        rate = decrement / previous if 0 < decrement < previous < np.inf else 1
        left = decrement / 2 * rate
        negligible = self.negligible(point)
        if model.knowledge is Knowledge.ROUGH:
            return decrement / 2 <= negligible
        if model.knowledge is Knowledge.STALE:
            has_stalled = decrement > previous / 4
            is_rounding = decrement / 2 <= self.rounding_gap * abs(point.value)
            return left <= negligible / model.doubt or (has_stalled and is_rounding)
        return decrement / 2 <= self.tolerated(point) or left <= negligible

    def at_max_iter(self, point, decrease) -> Verdict:
        """Return the verdict at max_iter, given the decrease of the last step or of the next.

        A small gradient alone proves little if the loss or the columns are small.
        """
        is_end = (
            not self.objective.penalty.has_l1
            and point.max_gradient <= self.goal.tol
            and abs(decrease) <= self.tolerated(point, LARGEST_GAP)
        )
        return Verdict.CONVERGED if is_end else Verdict.MAX_ITER

    def tolerated(self, point, gap=None):
        """Return the suboptimality at which a point counts as solved (nats)."""
        gap = self.goal.gap if gap is None else gap
        tolerated = gap * abs(point.value)
        return tolerated if tolerated >= EPS * self.unit else max(tolerated, self.least)

    @cached_property
    def least(self):
        """The suboptimality that counts as none (nats): zero unless the objective may vanish.

        It may vanish if only bounds limit a parameter. The intercept is such a parameter if a class
        has no samples. Otherwise the lightest sample that is not separated keeps its loss.
        """
        samples, n_columns = self.objective.samples, self.objective.n_columns
        if samples.rarest_class(n_columns) == 0:
            return EPS * self.unit
        if not self.objective.penalty.is_none:
            return 0.0
        lightest = samples.lightest_weight(n_columns)
        part = 1.0 if lightest is None else lightest / self.objective.weight_sum
        return EPS * self.unit * part

    def negligible(self, point):
        """Return the suboptimality that the last step may leave (nats).

        It falls with the square of the tolerated suboptimality, like the error of Newton's method.
        At the default tol, coefficients are therefore correct to all digits that rounding errors
        allow.
        """
        fraction = min(self.goal.gap / (2 * LARGEST_GAP), 1)
        least = self.eps**2 * abs(point.value)
        return max(fraction * self.tolerated(point), least)

    def residual_target(self, point, norm):
        """Return the squared norm of the residual at which the equations of a step count as solved.

        Each step halves the number of missing digits. The target is one digit smaller than the rest
        that the last step may leave, so that its equations do not use up that rest.

        Parameters
        ----------
        point : Evaluation
        norm : float
            Squared norm of the first residual.
        """
        # Nocedal & Wright, Numerical Optimization, algorithm 7.1.
        size = max(abs(point.value), np.finfo(np.float64).tiny)
        forcing = min(0.25, np.sqrt(norm / size))
        return min(max(forcing**2 * norm, ENOUGH * self.negligible(point)), 0.25**2 * norm)

    def is_solved_to_rounding(self, point, model):
        """Return whether the decrease still expected may consist of rounding errors.

        The square root is for large entries of X, which increase the rounding errors of raw
        predictions. No step gains more than the objective, whatever the model promises.
        """
        return model.promises_are_real and self.is_lost_in_rounding(point)

    def is_lost_in_rounding(self, point):
        """Return whether rounding errors may hide a decrease as small as the model promises."""
        value = abs(point.value)
        decrease = min(abs(self.decrement) / 2, value)
        return decrease <= math.sqrt(self.eps) * max(value, self.small_loss)

    def ends_by_rounding(self, point, model):
        """Return whether rounding errors are an end, because the remaining gain is small, too.

        A float32 fit then continues in float64.
        """
        gap = max(LARGEST_GAP, math.sqrt(self.eps))
        is_small = abs(self.decrement) / 2 <= gap * abs(point.value)
        return is_small and self.is_solved_to_rounding(point, model)

    def is_separated(self, value):
        """Return whether a loss this small means that all samples are separated.

        It does if the objective has no penalty, the targets are hard, and even the lightest sample
        alone would have a loss below SEPARATED. There is no optimum then. If there is an offset, it
        may be what separates the samples.
        """
        objective, small = self.objective, SEPARATED * self.unit
        if not objective.penalty.is_none or value > small or objective.samples.offset is not None:
            return False
        lightest = objective.samples.lightest_weight(objective.n_columns)
        return lightest is not None and value * objective.weight_sum <= small * lightest


def decrement_of(objective, point, direction):
    """Return twice the decrease promised by a quadratic model with its minimum at the end.

    The L1 penalty itself counts, from one end of the direction to the other.
    """
    decrement = -float(point.gradient @ direction)
    if objective.penalty.has_l1:
        l1, theta = objective.penalty_in_theta.l1, point.theta
        decrement -= float(l1 @ (np.abs(theta + direction) - np.abs(theta)))
    return decrement


def suboptimality_bound(objective, point):
    """Return a bound of the suboptimality at a point (nats), from its gradient and the penalty.

    If the loss is not convex, it only bounds the gain of a descent close to the point. The
    curvature along a coefficient is at least that of the L2 penalty. With an L1 penalty, the bound
    is the duality gap; without an L2 part, it is the duality gap if the L1 norm may not exceed what
    the value allows. The part of the intercept is an estimate.
    """
    of_theta, p = objective.penalty_in_theta, objective.n_features * objective.n_columns
    l1, l2 = of_theta.l1[:p], of_theta.l2[:p]
    gradient, coef = point.gradient[:p], point.theta[:p]
    with np.errstate(all="ignore"):
        if not objective.penalty.has_l1:
            bound = np.sum(gradient**2 / l2) / 2
        else:
            of_loss = gradient - l2 * coef
            excess = np.maximum(np.abs(of_loss) - l1, 0)
            bound = np.sum(of_loss * coef + l1 * np.abs(coef) + l2 / 2 * coef**2)
            # No coefficient of an optimum costs more than the value. With L2, it gains at most
            # this.
            bound += min(np.max(excess / l1) * point.value, np.sum(excess**2 / l2) / 2)
        # Curvature along an intercept for a class with one in ten thousand samples, or less if the
        # loss itself is smaller.
        curvature = min(SMALL_LOSS * objective.loss.unit, point.value)
        return bound + np.sum(point.gradient[p:] ** 2) / curvature / 2


def progress(objective, point):
    """Return the line about a point that `verbose` prints."""
    line = f"objective {point.value:.10g}, largest gradient {point.max_gradient:.3g}"
    penalty = objective.penalty
    if penalty.has_l1 and penalty.grows_everywhere and not penalty.is_bounded:
        if objective.loss.is_convex:
            line += f", duality gap {suboptimality_bound(objective, point):.3g}"
    return line
