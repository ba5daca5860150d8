"""Newton's method with a line search: one skeleton for all models of the Hessian.

A model of the Hessian has

- `evaluate(theta)`: the evaluation that the next direction needs, in one pass;
- `completed(point)`: the same for a point whose value and gradient are known;
- `direction(point, stopping)`: the direction from a point to the minimum of the model;
- `minimiser`: that minimum itself if the penalty is not smooth, else None;
- `knowledge`, `doubt`, `promises_are_real`: what the decrement along the direction means;
- `patience`, `max_steps`: slow steps in a row, and all steps, after which another method is better;
- `curves_upwards`: whether the Hessian is known to be positive definite close to the last point.

`ExactHessian` is here; `hessians` has a class mean and products with the Hessian,
`proximal_products` those for an L1 penalty or bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sklogloss._cython.cholesky import CholeskyFactor
from sklogloss._cython.two_loops import add_steps, take_changes
from sklogloss.linear.limits import EPS, MAX_ROUNDS, ROUNDING, SMALL_PART, SMALL_WORK
from sklogloss.linear.objective import Objective, fix_class_shift, least_class_shift

from .conjugate_gradients import ConjugateGradients, solve_equations
from .coordinate_descent import QuadraticModel, minimise_model
from .costs import costs_of
from .curvature import costs_few_passes, is_definite
from .halving import ARMIJO
from .stopping import (
    FEW_SLOW_STEPS,
    LARGEST_GAP,
    SMALL_LOSS,
    Goal,
    Knowledge,
    SolverResult,
    Stopping,
    Verdict,
    decrement_of,
    progress,
)

__all__ = ["DOUBT", "ExactHessian", "HessianModel", "InverseHessian", "Newton"]

# If fewer rows than this fraction have nearly all the curvature, products only use those rows
# (0.15: +54 % on digits, path).
MOST_ROWS = 0.6
# The suboptimality may be larger by this factor than the Hessian of another problem predicts, or
# than omitted features gain individually (10:
# tests/solvers/test_path.py::test_digits_along_a_path_come_within_the_gap_of_tol fails).
DOUBT = 100
# Steps to remember: more gain little and cost two products each (1: +11 % on 5,000 x 100, K = 6,
# rare classes).
MAX_STEPS = 30


@dataclass
class Newton:
    """Newton's method: steps to the minimum of a model of the objective.

    The model computes the direction; the top of this file says what else a model has.

    Parameters
    ----------
    objective : Objective
    model : Hessian model
    goal : Goal
    """

    objective: Objective
    model: Any
    goal: Goal

    def solve(self, theta, *, at_most=np.inf) -> SolverResult:
        """Minimise the objective from theta, or from zero if its value at theta exceeds at_most."""
        stopping = Stopping(self.objective, self.goal)
        # `look` checks each point for overflow.
        with np.errstate(all="ignore"):
            point = self.model.evaluate(theta)
            if at_most < np.inf and not point.value <= at_most:
                self.model.forget()
                point = self.model.evaluate(self.objective.start())
            start_value, factored = point.value, None
            for n_iter in range(self.goal.max_iter + 1):
                direction = self.model.direction(point, stopping)
                if point.factor is not None:
                    factored = point
                decrement = decrement_of(self.objective, point, direction)
                if self.goal.verbose:
                    self.goal.report(
                        f"iteration {n_iter}: {progress(self.objective, point)}, "
                        f"expected decrease {decrement / 2:.3g}"
                    )
                verdict = stopping.look(point, decrement, n_iter, self.model)
                # The minimiser of the model has exact zeros and bounds. theta + direction would
                # round them.
                end = self.model.minimiser
                if end is None:
                    end = self.objective.penalty_in_theta.project(point.theta + direction)
                if verdict is Verdict.GO_ON:
                    lower = self._line_search(point, direction, end, stopping)
                    if lower is not None:
                        point = lower
                        if self.goal.watch is not None:
                            self.goal.watch.after_step(self.objective, point.theta)
                        continue
                    is_end = stopping.ends_by_rounding(point, self.model)
                    verdict = Verdict.ROUNDING if is_end else Verdict.STALLED
                break
            if verdict is Verdict.CONVERGED and not self.objective.penalty.is_smooth:
                if self.model.hides_curvature(point):
                    verdict = Verdict.ROUNDING
            result = SolverResult(self.objective, point.theta, n_iter, verdict, point, direction)
            result.start_value, result.factored_point = start_value, factored
            if factored is not None:
                # Rounding errors of float32 may hide curvature that is visible in float64.
                eps = float(np.finfo(self.objective.samples.dtype).eps)
                is_hidden = eps > EPS and factored.factor.smallest_pivot < eps / SMALL_PART
                result.lacks_curvature = is_hidden or factored.factor.is_damped
            if verdict is Verdict.CONVERGED and n_iter < self.goal.max_iter:
                self._take_last_step(result, end, stopping.rounding)
                if self.goal.watch is not None:
                    self.goal.watch.after_step(self.objective, result.theta)
            result.curves_upwards = self.model.curves_upwards
            return result

    def _line_search(self, start, direction, end, stopping):
        # The evaluation of a better point along direction, None if there is none. The full step, to
        # `end`, nearly always succeeds, so its evaluation has all that the next step needs.
        trial, step = self.model.evaluate(end), 1.0
        while True:
            least = ARMIJO * step * stopping.decrement
            is_lower = trial.value <= start.value - least + stopping.rounding
            if is_lower or self._is_flatter(start, trial, direction, stopping):
                if step < 1:
                    return self.model.completed(trial)
                left, promised = decrement_of(self.objective, trial, direction), stopping.decrement
                # Far from the optimum, a long step may end where curvature vanishes.
                is_close = promised <= SMALL_PART * abs(trial.value)
                if self.objective.penalty.is_smooth or not is_close or left <= promised / 2:
                    return trial
                return self._longer(start, trial, direction, stopping)
            step /= 2
            # A shorter step changes the objective by less than its rounding errors.
            if step <= np.sqrt(EPS):
                return None
            theta = self.objective.penalty_in_theta.project(start.theta + step * direction)
            trial = self.objective.value_gradient(theta)

    def _longer(self, start, trial, direction, stopping):
        # The evaluation of a multiple of the full step: twice, four times, and so on, as long as
        # this is lower, and more than half of the slope was left: a parabola then has its minimum
        # further on. Along equal columns, the objective has no curvature, and a QuadraticModel has
        # only what its diagonal was raised by.
        best, step = trial, 2.0
        while decrement_of(self.objective, best, direction) > stopping.decrement / 2:
            theta = self.objective.penalty_in_theta.project(start.theta + step * direction)
            longer = self.objective.value_gradient(theta)
            if not longer.value < best.value - stopping.rounding:
                break
            best, step = longer, 2 * step
        return trial if best is trial else self.model.completed(best)

    def _is_flatter(self, start, trial, direction, stopping):
        # If rounding errors hide which value is lower, the slope decides (Hager and Zhang, SIAM
        # Journal on Optimization 16, 2005: approximate Wolfe conditions). The slope of a convex
        # objective can decide even if the promises of the model are not real.
        return (
            stopping.is_lost_in_rounding(start)
            and (self.model.promises_are_real or self.objective.loss.is_convex)
            and abs(decrement_of(self.objective, trial, direction)) <= stopping.decrement / 2
        )

    def _take_last_step(self, result, end, rounding):
        # The last step costs no pass, because its direction is known. It takes theta from close to
        # the optimum to very close.
        point, penalty = result.last_point, self.objective.penalty
        result.n_iter += 1
        # If the classes are separable without a penalty, the step is long. It may promise too much
        # far from the optimum, or if the curvature is mostly rounding errors, as it is when all
        # samples are separated.
        may_mislead = (
            not penalty.is_smooth
            or self.goal.gap > LARGEST_GAP
            # It may promise little and still be long if curvature has vanished. Theta is in units
            # of raw predictions, and the loss of a sample may then change by their square.
            or np.abs(result.direction).max() ** 2 > SMALL_LOSS
            or point.value < 0.01 * self.objective.loss.unit
        )
        if not may_mislead:
            result.theta = end
            return
        last = self.objective.value_gradient(end)
        if penalty.is_none:
            is_better = last.max_gradient <= point.max_gradient
        else:
            is_better = last.value <= point.value + rounding
        if is_better:
            result.theta, result.last_point = last.theta, last


class HessianModel:
    """The defaults of a model: those of an exact Hessian."""

    knowledge = Knowledge.EXACT
    doubt = 1
    promises_are_real = True
    patience = 8
    max_steps = np.inf
    minimiser = None
    curves_upwards = False

    def adopt(self, model):
        """Take over what the model of a subset of the rows knows."""

    def forget(self):
        """Drop what was adopted."""

    def completed(self, point):
        """Complete a point with known value and gradient to that of `evaluate`: one pass."""
        return self.evaluate(point.theta)

    def hides_curvature(self, point):
        """Return whether rounding errors may hide curvature, as for nearly equal columns."""
        return False


class ExactHessian(HessianModel):
    """The Hessian itself, formed and factored: few passes, costly if there are many features.

    Near the optimum, one Hessian serves several steps. Each step then costs only a pass for the
    gradient, and updates the Hessian. A loss that is not convex needs the Hessian of all rows once,
    to distinguish a minimum from a saddle. If this Hessian costs little, it is formed early, and
    serves steps, too.

    Parameters
    ----------
    objective : Objective
    is_rough : bool
        Whether float32 is good enough, because the solution is only a starting point.
    stride : int
        On the way, only every stride-th block of rows contributes to the Hessian.
    guide : callable, default=None
        Maps b to the solution x of hessian x = b, for the Hessian of a similar problem.
    is_guided : bool
        Whether the start is close to the solution. Every Hessian is then kept. With several
        classes, where a Hessian costs tens of passes, conjugate gradients with the kept one as
        their preconditioner replace a new one.
    """

    def __init__(self, objective, *, is_rough=False, stride=1, guide=None, is_guided=False):
        self.objective = objective
        self.is_rough = is_rough
        self.stride = stride
        self.is_guided = is_guided
        self.doubt = DOUBT if is_guided else 1
        self.kept = None
        self.kept_decrement = np.inf
        self.factor = None
        self.previous_point = None
        self.last_matrix = None
        self.last_solve = guide
        convex = objective.loss.is_convex
        self.wants_whole_hessian = not convex and costs_few_passes(objective)
        design, n_columns = objective.samples.design, objective.n_columns
        # Multiplications for half of a symmetric matrix, and for its factor.
        n_products = design.n_stored * objective.n_features * n_columns * (n_columns + 1) / 4
        self.cost = max(n_products, objective.n_parameters**3 / 6)
        self.is_cheap = self.cost <= SMALL_WORK
        self.uses_products = is_guided and n_columns > 1
        if is_guided and guide is not None and not self.is_cheap:
            self.kept = InverseHessian(guide)
        if not objective.penalty.is_smooth:
            # Under a weak L1 penalty, many steps pass before the coefficients that stay zero are
            # known, and no other solver finds them sooner.
            self.patience = 40
        # Once a step promises less than this fraction of the objective, the Hessian hardly
        # changes. The first step on another set of features promises more.
        self.nearly_solved = SMALL_PART if objective.penalty.is_smooth else 1e-2

    def adopt(self, model):
        """Take over the Hessian of a subset of the rows."""
        if self.is_guided:
            self.kept = InverseHessian(model.last_solve)
        elif not self.is_rough:
            # A rough solution computes its own Hessian, which costs little on a subset.
            self.kept = model.kept

    def keep(self, hessian, dtype, value=np.inf):
        """Keep a Hessian in this dtype, of a point of this value; it is overwritten."""
        objective = self.objective
        if not objective.penalty.is_smooth:
            if objective.n_columns > 1 and objective.fit_intercept:
                # Only the intercepts have no L1 penalty and no bounds.
                fix_class_shift(hessian, objective, [objective.n_features])
            self.kept = QuadraticModel(hessian, dtype, min(value, objective.loss.unit))
            self.last_matrix = self.kept.matrix
            return
        if objective.n_columns > 1:
            fix_class_shift(hessian, objective)
        self.factor = CholeskyFactor(hessian)
        self.last_solve = self.factor.solve
        self.kept = InverseHessian(self.last_solve)

    def forget(self):
        """Drop what was adopted."""
        self.kept = None

    def evaluate(self, theta):
        """Evaluate with the Hessian, or without it if the kept one is good enough."""
        is_first = self.previous_point is None
        if self.kept is not None and (is_first or not self.wants_whole_hessian):
            if self.uses_products:
                return self.objective.value_gradient(theta, curvature=True)
            return self.objective.value_gradient(theta)
        if is_first and self.stride > 1:
            point = self.objective.value_gradient_hessian(theta, single=True, stride=self.stride)
            self.keep(point.hessian, np.float32)
            point.hessian = None
            return point
        return self.objective.value_gradient_hessian(theta, single=self.is_rough)

    def direction(self, point, stopping):
        """Return the direction to the minimum of the model, with a new Hessian if it pays."""
        objective = self.objective
        previous, self.previous_point = self.previous_point, point
        if point.hessian is None:
            direction = self._direction_of_kept(point, previous, stopping)
            if direction is not None:
                return direction
            if self.uses_products:
                direction = self._direction_by_products(point, stopping)
                # The error of the kept Hessian here indicates how large it may be at the end.
                wrong = decrement_of(objective, point, direction) / self.kept_decrement
                self.doubt = max(self.doubt, wrong)
                return direction
            if self._some_blocks_will_do(point, stopping):
                return self._direction_by_some_blocks(point, stopping)
            point.hessian = objective.value_gradient_hessian(point.theta).hessian
        self.wants_whole_hessian = False
        whole = None if objective.loss.is_convex or self.is_rough else point.hessian.copy()
        dtype = np.float32 if self.is_rough else objective.samples.dtype
        self.keep(point.hessian, dtype, point.value)
        point.hessian = None
        if objective.penalty.is_smooth:
            point.factor = None if self.is_rough else self.factor
            direction = self.last_solve(-point.gradient)
        else:
            direction = self._direction_of_model(point, stopping)
        decrement = decrement_of(objective, point, direction)
        if whole is not None:
            if objective.n_columns > 1:
                fix_class_shift(whole, objective)
            # The root of the remaining gain, as a fraction of the objective, is the size of the
            # remaining steps.
            size = np.sqrt(max(decrement, 0) / 2 / point.value) if point.value > 0 else np.inf
            self.curves_upwards = is_definite(whole, 10 * size)
        is_nearly_solved = decrement / 2 <= self.nearly_solved * abs(point.value)
        keeps = (self.is_guided or is_nearly_solved) and not self.is_cheap
        self.knowledge = Knowledge.STALE if keeps and self.is_guided else Knowledge.EXACT
        self.promises_are_real = not (keeps and self.is_guided)
        if is_nearly_solved and self.factor is not None and self.factor.is_damped:
            direction = self._without_damping(direction, point, stopping)
        if not keeps:
            self.kept = None
        return direction

    def _without_damping(self, direction, point, stopping):
        # If columns are nearly linearly dependent, the damping of the factor shortens the step too
        # much. If all samples are separated, the curvature has too few digits to solve with.
        if not point.value > SMALL_LOSS * self.objective.loss.unit:
            return direction
        missing = self.factor.shortfall(direction)
        is_noise = float(missing @ self.last_solve(missing)) <= ROUNDING * EPS * point.value
        if is_noise and point.max_gradient <= stopping.goal.tol:
            return direction
        point.curvature = self.objective.value_gradient(point.theta, curvature=True).curvature
        return self._direction_by_products(point, stopping)

    def _direction_of_kept(self, point, previous, stopping):
        # None if the remaining passes at the present rate cost more than a new Hessian.
        if previous is not None:
            self.kept.update(point.theta - previous.theta, point.gradient - previous.gradient)
        is_stale = self.is_guided or len(self.kept.steps) > 0
        self.knowledge = Knowledge.STALE if is_stale else Knowledge.EXACT
        self.promises_are_real = not self.is_guided
        direction = self._direction_of_model(point, stopping)
        decrement = self.kept_decrement = decrement_of(self.objective, point, direction)
        if decrement / 2 <= stopping.rounding_gap * abs(point.value):
            return direction
        is_falling = 0 < decrement < stopping.decrement
        rate = np.log(stopping.decrement / decrement) if is_falling else 0
        left = decrement / 2 / stopping.negligible(point)
        digits = np.log(max(left * self.doubt, 1))
        if self.uses_products:
            # Conjugate gradients halve the number of missing digits.
            is_slow = rate < min(1, digits)
        else:
            samples = self.objective.samples
            costs = costs_of(samples.design, self.objective.n_columns, samples.dtype.name)
            of_step = costs.gradient_pass + costs.newton_step
            # A pass for the Hessian computes the gradient again, and a step follows.
            n_steps = (costs.hessian + costs.factor) / of_step + 2
            is_slow = digits > rate * n_steps
        return None if is_slow else direction

    def _some_blocks_will_do(self, point, stopping):
        # Far from the optimum, a new Hessian from every stride-th block of rows is good enough.
        # Next to it, it is good enough if the other blocks cost more than steps that each leave a
        # tenth of the decrement.
        if stopping.n_slow >= 2 * FEW_SLOW_STEPS:
            self.stride = 1  # the blocks do not represent the others
        if self.stride == 1 or not self.objective.loss.is_convex:
            return False
        if self.kept_decrement / 2 > self.nearly_solved * abs(point.value):
            return True
        samples = self.objective.samples
        costs = costs_of(samples.design, self.objective.n_columns, samples.dtype.name)
        of_others = (1 - 1 / self.stride) * costs.hessian
        left = self.kept_decrement / 2 / stopping.negligible(point)
        return np.log10(left) <= of_others / (costs.gradient_pass + costs.newton_step)

    def _direction_by_some_blocks(self, point, stopping):
        # If steps with a Hessian from next to the optimum are slow, it has too few rows.
        objective = self.objective
        some = objective.value_gradient_hessian(point.theta, single=True, stride=self.stride)
        self.keep(some.hessian, np.float32, point.value)
        self.knowledge = Knowledge.STALE
        direction = self._direction_of_model(point, stopping)
        decrement = decrement_of(objective, point, direction)
        if decrement / 2 <= self.nearly_solved * abs(point.value):
            self.stride = 1
        return direction

    def _direction_of_model(self, point, stopping):
        # The direction to the minimum of the model with the kept Hessian.
        if self.objective.penalty.is_smooth:
            return self.kept @ -point.gradient
        # The first model gains at most the value of the objective.
        gain = max(min(stopping.decrement / 2, point.value), np.finfo(float).tiny)
        is_exact = self.is_cheap or stopping.n_slow >= FEW_SLOW_STEPS
        self.minimiser = minimise_model(
            self.kept.matrix,
            point.gradient,
            point.theta,
            self.objective.penalty_in_theta,
            np.inf if is_exact else gain,
            most=max(point.value, SMALL_LOSS * self.objective.loss.unit) / EPS,
        )
        if self.objective.n_columns > 1 and self.objective.penalty.has_l1:
            # Along it, the only curvature of the model is the one that protects it from rounding
            # errors.
            self.minimiser = least_class_shift(self.minimiser, self.objective)
        return self.minimiser - point.theta

    def _direction_by_products(self, point, stopping):
        objective, rows = self._curved_part(point)
        if rows is not None:
            values = np.asfortranarray(point.curvature.values[rows])
            some = replace(point.curvature, samples=objective.samples, values=values)
            point = replace(point, curvature=some)
        equations = ConjugateGradients(
            lambda vector: objective.hessian_product(point, vector),
            point.gradient,
            lambda vector: self.kept @ vector,
        )
        direction = equations.search.copy()
        target = stopping.residual_target(point, equations.norm)
        if solve_equations(equations, target, MAX_ROUNDS):
            direction = equations.direction
        if equations.is_flat and equations.norm > stopping.rounding:
            # Curvature has vanished but a slope remains: the promise comes from damping alone.
            self.promises_are_real = False
        return direction

    def solve_hessian_at(self, theta):
        """Return the function that maps b to x in hessian x = b, at theta: one pass."""
        point = self.objective.value_gradient(theta, curvature=True)
        hessian = self._curved_part(point)[0].value_gradient_hessian(theta).hessian
        fix_class_shift(hessian, self.objective)
        return CholeskyFactor(hessian).solve

    def _curved_part(self, point):
        # The objective for products with the Hessian, and its rows, None for all. They are the
        # fewest rows with all but a thousandth of the curvature of the loss, so separated samples
        # are not among them.
        samples = self.objective.samples
        if samples.is_partitioned:
            return self.objective, None  # one number per row is too much to transfer
        curvature = point.curvature.of_rows()
        order = np.argsort(curvature)
        missing = np.cumsum(curvature[order], dtype=np.float64)
        rows = order[np.searchsorted(missing, 1e-3 * missing[-1]) :]
        if not missing[-1] > 0 or len(rows) > MOST_ROWS * len(order):
            return self.objective, None
        rows = np.sort(rows)
        weight_sum = self.objective.weight_sum
        return self.objective.replace(samples=samples.take(rows), weight_sum=weight_sum), rows

    def hides_curvature(self, point):
        """Return whether columns with nonzero coefficients look equal in the cross-products."""
        free = np.flatnonzero(self.objective.penalty_in_theta.is_free(point.theta))
        if self.last_matrix is None or len(free) == 0:
            return False
        matrix = self.last_matrix.copy()
        if self.objective.n_columns > 1:
            fix_class_shift(matrix, self.objective)
        # Rounding errors are a large part of such a small pivot.
        hidden = float(np.finfo(self.objective.samples.dtype).eps) / SMALL_PART
        return CholeskyFactor(matrix[np.ix_(free, free)]).smallest_pivot < hidden


@dataclass
class InverseHessian:
    """The inverse Hessian of an earlier point or of a subset of the rows, updated by later steps.

    Each step shows how the gradient changes along it. BFGS updates by the two-loop recursion
    (Nocedal & Wright, Numerical Optimization, algorithm 7.4) keep the inverse positive definite.

    Attributes
    ----------
    solve : callable
        Maps a vector b to the solution x of hessian x = b, for the Hessian of that point.
    steps : list of tuple (step, change of the gradient, curvature along the step)
    scale : float
        Factor of solve.
    max_steps : int
        How many steps are remembered.
    """

    solve: Callable[[np.ndarray], np.ndarray]
    steps: list[tuple[np.ndarray, np.ndarray, float]] = field(default_factory=list)
    scale: float = 1.0
    max_steps: int = MAX_STEPS

    def update(self, step, change):
        """Add an update: the gradient changes by `change` along `step`."""
        curvature = float(step @ change)
        if curvature > 0:
            self.steps.append((step, change, curvature))
            self.steps = self.steps[-self.max_steps :]

    def __matmul__(self, vector):
        """Return the product with a vector of shape (n_parameters,)."""
        product, parts = vector.copy(), np.empty(len(self.steps))
        take_changes(self.steps, product, parts)
        product = self.scale * self.solve(product)
        add_steps(self.steps, product, parts)
        return product
