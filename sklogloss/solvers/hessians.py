"""What a Newton step knows of the Hessian: exact, kept and updated, a class mean, or products.

A model of the Hessian has

- `evaluate(theta)`: the evaluation with what the next direction needs, in one pass;
- `direction(point, stopping)`: the way from a point to the minimum of the model;
- `minimiser`: that minimum itself where the penalty is not smooth, else None;
- `knowledge`, `doubt`, `promises_are_real`: what the decrement along the direction means;
- `patience`, `max_steps`: slow steps in a row, and steps, after which another method is better;
- `curves_upwards(point)`: whether the Hessian is known to be positive definite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from sklogloss._cython.cholesky import CholeskyFactor

from .conjugate_gradients import ConjugateGradients, solve_equations
from .coordinate_descent import QuadraticModel
from .curvature import costs_few_passes, is_definite, passes_per_hessian
from .sparse_softmax.system import SoftmaxSystem
from .stopping import Knowledge, decrement_of

__all__ = ["ClassMeanHessian", "ExactHessian", "HessianProducts", "InverseHessian"]

# Below this number of multiplications a Hessian costs no more than what surrounds it.
CHEAP_HESSIAN = 1_000_000
# Passes that a new Hessian costs beside the Hessian: the gradient again, and those that are left.
PASSES_WITH_HESSIAN = 3
# Where fewer rows than this fraction have nearly all the curvature, products are of those rows.
MOST_ROWS = 0.6
# By this factor the suboptimality may be larger than the Hessian of another problem says.
DOUBT = 100
# Steps that are remembered: more gain little and cost two products each.
MAX_STEPS = 30


class HessianModel:
    """What the models share: the knowledge of an exact Hessian, and patience."""

    knowledge = Knowledge.EXACT
    doubt = 1
    promises_are_real = True
    patience = 8
    max_steps = np.inf
    minimiser = None

    def adopt(self, model):
        """Take over what the model of a subset of the rows knows."""

    def forget(self):
        """Give back what was adopted."""

    def curves_upwards(self, point):
        """Return whether the Hessian close to a point is known to be positive definite."""
        return False


class ExactHessian(HessianModel):
    """The Hessian itself, formed and factored: few passes, each costly in the number of features.

    Near the optimum a Hessian serves several steps, each of which then costs a pass for the
    gradient only, and updates it. A loss that is not convex needs that of all rows once, to tell a
    minimum from a saddle: where it costs little, it is taken early enough to be of use.

    Parameters
    ----------
    objective : Objective
    is_rough : bool
        Whether float32 will do, since the solution is only a starting point.
    stride : int
        At the start, every stride-th block of rows stands for all.
    guide : callable, default=None
        From b to the solution x of hessian x = b, for the Hessian of a similar problem.
    is_guided : bool
        Whether the start is next to the solution: every Hessian is kept, and for several classes,
        whose Hessian costs tens of passes, conjugate gradients with the kept one as their
        preconditioner take the place of a new one.
    """

    def __init__(self, objective, *, is_rough=False, stride=1, guide=None, is_guided=False):
        self.objective = objective
        self.is_rough = is_rough
        self.stride = stride
        self.is_guided = is_guided
        self.doubt = DOUBT if is_guided else 1
        self.kept = None
        self.previous_point = None
        self.last_hessian = None
        self.last_solve = guide
        convex = objective.loss.is_convex
        self.wants_whole_hessian = not convex and costs_few_passes(objective)
        design, n_columns = objective.samples.design, objective.n_columns
        n_products = design.n_stored * objective.n_features * n_columns * (n_columns + 1) / 2
        self.is_cheap = max(n_products / 8, objective.n_parameters**3 / 24) < CHEAP_HESSIAN
        self.uses_products = is_guided and n_columns > 1
        if is_guided and guide is not None and not self.is_cheap:
            self.kept = InverseHessian(guide)
        if not objective.penalty.is_smooth:
            # Under a weak L1 penalty, steps are many before the coefficients that stay zero are
            # known; no other solver is better at finding them.
            self.patience = 40
        # Once a step promises less than this fraction of the objective, the Hessian hardly
        # changes. The first step on another set of features promises more.
        self.nearly_solved = 1e-3 if objective.penalty.is_smooth else 1e-2

    def adopt(self, model):
        """Take over the Hessian of a subset of the rows."""
        if self.is_guided:
            self.kept = InverseHessian(model.last_solve)
        elif not self.is_rough:
            # A rough solution takes a Hessian of its own: it costs little on a subset.
            self.kept = model.kept

    def keep(self, hessian, dtype):
        """Keep a Hessian that was computed in dtype; it is overwritten."""
        self.kept = self._kept_form_of(hessian, dtype)

    def forget(self):
        """Give back what was adopted."""
        self.kept = None

    def evaluate(self, theta):
        """Evaluate with the Hessian, or without where the one that is kept will do."""
        is_first = self.previous_point is None
        if self.kept is not None and (is_first or not self.wants_whole_hessian):
            if self.uses_products:
                return self.objective.value_gradient_curvature(theta)
            return self.objective.value_gradient(theta)
        if is_first and self.stride > 1:
            point = self.objective.value_gradient_hessian(theta, single=True, stride=self.stride)
            self.keep(point.hessian, np.float32)
            point.hessian = None
            return point
        return self.objective.value_gradient_hessian(theta, single=self.is_rough)

    def direction(self, point, stopping):
        """Return the direction to the minimum of the model, with a new Hessian if it pays."""
        previous, self.previous_point = self.previous_point, point
        if point.hessian is None:
            if previous is not None:
                self.kept.update(point.theta - previous.theta, point.gradient - previous.gradient)
            is_stale = self.is_guided or len(self.kept.steps) > 0
            self.knowledge = Knowledge.STALE if is_stale else Knowledge.EXACT
            self.promises_are_real = not self.is_guided
            direction = self._direction_from(point, self.kept, stopping)
            if not self._wants_new_hessian(point, direction, stopping):
                return direction
            if self.uses_products:
                return self._direction_by_products(point, stopping)
            point.hessian = self.objective.value_gradient_hessian(point.theta).hessian
        return self._direction_of_hessian(point, stopping)

    def _direction_of_hessian(self, point, stopping):
        objective = self.objective
        self.wants_whole_hessian = False
        if not objective.loss.is_convex:
            self.last_hessian = point.hessian.copy()
            if objective.n_columns > 1:
                fix_class_shift(self.last_hessian, objective)
        dtype = np.float32 if self.is_rough else objective.samples.dtype
        kept, point.hessian = self._kept_form_of(point.hessian, dtype), None
        direction = self._direction_from(point, kept, stopping)
        self.hessian_decrement = decrement_of(objective, point, direction)
        is_nearly_solved = self.hessian_decrement / 2 <= self.nearly_solved * abs(point.value)
        keeps = (self.is_guided or is_nearly_solved) and not self.is_cheap
        self.kept = kept if keeps else None
        self.knowledge = Knowledge.STALE if keeps and self.is_guided else Knowledge.EXACT
        self.promises_are_real = not (keeps and self.is_guided)
        return direction

    def _kept_form_of(self, hessian, dtype):
        # The Hessian, which is overwritten, in the form that _direction_from takes.
        if not self.objective.penalty.is_smooth:
            return QuadraticModel(hessian, dtype, self.objective.loss.unit)
        if self.objective.n_columns > 1:
            fix_class_shift(hessian, self.objective)
        self.last_solve = CholeskyFactor(hessian).solve
        return InverseHessian(self.last_solve)

    def _direction_from(self, point, kept, stopping):
        if self.objective.penalty.is_smooth:
            return kept @ -point.gradient
        # The first model gains what the objective has at most.
        previous_gain = max(min(stopping.decrement / 2, point.value), np.finfo(float).tiny)
        self.minimiser = kept.minimise(
            point, self.objective.penalty_in_theta, previous_gain, is_exact=stopping.n_slow >= 3
        )
        return self.minimiser - point.theta

    def _wants_new_hessian(self, point, direction, stopping):
        # Whether the passes that are left to do at the present rate cost more than a new Hessian.
        decrement = decrement_of(self.objective, point, direction)
        if stopping.is_rounding(point, decrement):
            return False
        is_falling = 0 < decrement < stopping.decrement
        rate = np.log(stopping.decrement / decrement) if is_falling else 0
        left = decrement / 2 / stopping.negligible(point)
        digits = np.log(max(left * self.doubt, 1))
        if self.uses_products:
            # Conjugate gradients halve the digits that are missing.
            return rate < min(1, digits)
        return digits > rate * (passes_per_hessian(self.objective) + PASSES_WITH_HESSIAN)

    def _direction_by_products(self, point, stopping):
        objective, rows = self._curved_part(point)
        if rows is not None:
            point = replace(point, curvature=np.asfortranarray(point.curvature[rows]))
        equations = ConjugateGradients(
            lambda vector: objective.hessian_product(point, vector),
            point.gradient,
            lambda vector: self.kept @ vector,
        )
        preconditioned = equations.search.copy()
        target = stopping.residual_target(point, equations.norm)
        return equations.direction if solve_equations(equations, target, 200) else preconditioned

    def solve_hessian_at(self, theta):
        """Return the function from b to x of hessian x = b, for the Hessian at theta: a pass."""
        point = self.objective.value_gradient_curvature(theta)
        hessian = self._curved_part(point)[0].value_gradient_hessian(theta).hessian
        fix_class_shift(hessian, self.objective)
        return CholeskyFactor(hessian).solve

    def _curved_part(self, point):
        # The objective for products with the Hessian, and the rows it is made of, None for all:
        # the fewest without which only a thousandth of the loss's curvature is missing. Samples
        # that are separated are not among them.
        samples = self.objective.samples
        curvature = samples.row_curvature(self.objective.loss, point.curvature)
        order = np.argsort(curvature)
        missing = np.cumsum(curvature[order], dtype=np.float64)
        rows = order[np.searchsorted(missing, 1e-3 * missing[-1]) :]
        if not missing[-1] > 0 or len(rows) > MOST_ROWS * len(order):
            return self.objective, None
        rows = np.sort(rows)
        weight_sum = self.objective.weight_sum
        return self.objective.replace(samples=samples.take(rows), weight_sum=weight_sum), rows

    def curves_upwards(self, point):
        """Return whether the last Hessian, some steps before the point, says so of the point."""
        if self.last_hessian is None or not point.value > 0:
            return False
        # The root of what those steps gain, as a fraction of the objective, is their size.
        size = np.sqrt(max(self.hessian_decrement, 0) / 2 / point.value)
        return is_definite(self.last_hessian, 10 * size)


class ClassMeanHessian(HessianModel):
    """The mean of the blocks that the Hessian has for the classes.

    The Hessian of K classes and p features has K p rows. The mean of its K diagonal blocks, of p
    rows, stands for each of them; what it lacks is learnt step by step, each of which costs a pass
    for the gradient. Where they learn slowly, products with the Hessian as it is are better: rare
    classes are far from the mean.
    """

    knowledge = Knowledge.ROUGH
    # A step that promises little may come from too large a curvature.
    promises_are_real = False

    def __init__(self, objective, max_iter):
        self.objective = objective
        self.max_steps = min(60, max_iter // 2)
        self.inverse = None
        self.is_taken_anew = False
        self.previous_point = None

    def evaluate(self, theta):
        """Evaluate value and gradient."""
        return self.objective.value_gradient(theta)

    def direction(self, point, stopping):
        """Return the quasi-Newton direction."""
        previous, self.previous_point = self.previous_point, point
        if previous is None:
            self._take_hessian(point)
        else:
            self.inverse.update(point.theta - previous.theta, point.gradient - previous.gradient)
        direction = self.inverse @ -point.gradient
        # Once a step promises little, it is known which samples are separated already and add no
        # curvature.
        is_near = -float(point.gradient @ direction) / 2 <= 1e-2 * abs(point.value)
        if not self.is_taken_anew and is_near:
            self.is_taken_anew = True
            self._take_hessian(point)
            direction = self.inverse @ -point.gradient
        return direction

    def _take_hessian(self, point):
        shape = self.objective.shape
        factor = CholeskyFactor(self.objective.class_mean_hessian(point.theta))
        self.inverse = InverseHessian(lambda b: factor.solve(b.reshape(shape)).ravel())


class HessianProducts(HessianModel):
    """Products with the Hessian, each a pass over X: conjugate gradients solve for the step.

    They are preconditioned with the Hessian's diagonal, for sparse data of many classes with its
    mean over the classes, and stop early far from the optimum (Nocedal & Wright, Numerical
    Optimization, algorithm 7.1).

    Parameters
    ----------
    objective : Objective
        With a smooth penalty.
    is_sparse_softmax : bool
        Whether the compiled system of `SoftmaxSystem` serves.
    """

    def __init__(self, objective, *, is_sparse_softmax=False):
        self.objective = objective
        self.system = SoftmaxSystem(objective) if is_sparse_softmax else None

    def evaluate(self, theta):
        """Evaluate with the curvature that products need."""
        return self.objective.value_gradient_curvature(theta)

    def direction(self, point, stopping):
        """Return the truncated Newton direction."""
        direction = self._solve_equations(point, stopping)
        if self.system is not None:
            decrement = -float(point.gradient @ direction)
            # No step gains more than the objective, and each promises less than the one before.
            if not 0 < decrement <= min(2 * point.value, stopping.decrement):
                # Under a weak penalty float32 has not the digits to solve the equations.
                self.system = None
                direction = self._solve_equations(point, stopping)
        return direction

    def _solve_equations(self, point, stopping):
        diagonal = self.objective.hessian_diagonal(point)
        diagonal = np.where(diagonal > 0, diagonal, 1)
        equations = self._equations(point, diagonal)

        def is_still_gaining(gains):
            # A small residual says little where the Hessian is close to singular. Before a step can
            # be taken for the last one, the last quarter of its gains must be small beside the
            # rest.
            total = sum(gains)
            if total / 2 > 1000 * stopping.tolerated(point):
                return False
            return sum(gains[-1 - len(gains) // 4 :]) > 0.1 * total

        target = stopping.residual_target(point, equations.norm)
        if solve_equations(equations, target, 1000, is_still_gaining):
            return equations.direction
        return -point.gradient / diagonal

    def _equations(self, point, diagonal):
        objective = self.objective
        if self.system is None:
            return ConjugateGradients(
                lambda vector: objective.hessian_product(point, vector),
                point.gradient,
                lambda vector: vector / diagonal,
            )
        # One size for all classes of a feature keeps steps among those whose sum over the classes
        # is zero: along the others there is no curvature but the penalty's.
        of_features = diagonal.reshape(objective.shape).mean(axis=1)
        penalty = objective.penalty_in_theta.l2[:: objective.n_columns][: objective.n_features]
        of_coef = of_features[: len(penalty)]
        # Columns that share their samples have less curvature together than each by itself.
        of_coef += 4 * np.sqrt((of_coef / penalty).max()) * penalty
        self.system.start(point, of_features)
        return self.system


@dataclass
class InverseHessian:
    """The inverse Hessian of an earlier point or of a subset of the rows, and the steps since then.

    Each step tells how the gradient changes along it. The update is that of BFGS, by the two-loop
    recursion (Nocedal & Wright, Numerical Optimization, algorithm 7.4), so that the inverse stays
    positive definite.

    Attributes
    ----------
    solve : callable
        From a vector b to the solution x of hessian x = b, for the Hessian of that point.
    steps : list of tuple (step, change of the gradient, curvature along the step)
    """

    solve: Callable[[np.ndarray], np.ndarray]
    steps: list[tuple[np.ndarray, np.ndarray, float]] = field(default_factory=list)

    def update(self, step, change):
        """Learn that the gradient changes by `change` along `step`."""
        curvature = float(step @ change)
        if curvature > 0:
            self.steps.append((step, change, curvature))
            self.steps = self.steps[-MAX_STEPS:]

    def __matmul__(self, vector):
        """Return the product with a vector of shape (n_parameters,)."""
        product = vector.copy()
        parts = []
        for step, change, curvature in reversed(self.steps):
            part = float(step @ product) / curvature
            product -= part * change
            parts.append(part)
        product = self.solve(product)
        for (step, change, curvature), part in zip(self.steps, reversed(parts), strict=True):
            product += (part - float(change @ product) / curvature) * step
        return product


def fix_class_shift(hessian, objective):
    """Make the Hessian of several classes definite, in place, and leave the Newton step as it is.

    Adding the same number to the coefficients of a feature for every class changes no probability:
    without penalty the Hessian vanishes in that direction, and so does the gradient. Here it gets
    curvature along it.
    """
    n_columns = objective.n_columns
    for j in objective.unpenalised:
        block = hessian[j * n_columns : (j + 1) * n_columns, j * n_columns : (j + 1) * n_columns]
        block += block.trace() / n_columns**2
