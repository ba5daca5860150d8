"""Models of the Hessian for many columns: a mean over the classes, or products with it.

`newton` documents the interface of a model, and has the model that is the Hessian itself.
"""

from dataclasses import replace

import numpy as np

from sklogloss._cython.cholesky import CholeskyFactor, solve_blocks
from sklogloss.linear.class_rows import ClassRows
from sklogloss.linear.limits import LARGEST_HESSIAN, MAX_ROUNDS, SMALL_WORK

from .conjugate_gradients import ConjugateGradients, solve_equations
from .costs import products_per_class_mean, steps_per_class_blocks, steps_per_class_rows
from .newton import ExactHessian, HessianModel, InverseHessian
from .plan import MANY_PARAMETERS, PRODUCTS_PER_STEP
from .sparse_softmax.system import SoftmaxSystem
from .stopping import FEW_SLOW_STEPS, Knowledge

__all__ = ["ClassMeanHessian", "HessianProducts", "RowSpaceHessian"]


class ClassMeanHessian(HessianModel):
    """The mean over the classes of the Hessian's diagonal blocks, and then the blocks themselves.

    The Hessian of K classes and p features has K p rows. The mean of its K diagonal blocks, of p
    rows each, replaces all of them. BFGS updates add what it lacks; each step costs a pass for the
    gradient. At zero, the blocks are equal. Further away, each sample has curvature in few classes.
    The blocks themselves are computed once the remaining passes would cost more. If the updates
    converge slowly, products with the exact Hessian are better.
    """

    knowledge = Knowledge.ROUGH
    # A step may promise little because the curvature of the model is too large.
    promises_are_real = False

    def __init__(self, objective, max_iter):
        self.objective = objective
        self.max_steps = min(60, max_iter // 2)
        self.inverse = None
        self.is_taken_anew = self.has_blocks = False
        self.previous_point = None
        # Since the blocks were computed.
        self.n_steps, self.largest_decrement, self.value_of_blocks = 0, 0.0, np.inf
        self.cost_of_blocks = np.inf
        samples, n_columns = objective.samples, objective.n_columns
        # If there are at least as many classes as features, the cross-products of the rows of all
        # classes cost no more than products with X.
        self.cost_of_rows = np.inf
        is_wide = objective.n_features <= n_columns <= samples.n_samples
        if samples.design.has_class_grams and is_wide:
            self.cost_of_rows = steps_per_class_rows(objective)
        n_entries = n_columns * objective.shape[0] ** 2
        if samples.design.has_class_grams and n_entries <= MANY_PARAMETERS**2:
            self.cost_of_blocks = steps_per_class_blocks(objective)

    def evaluate(self, theta):
        """Evaluate value and gradient, at first with the curvature that the mean is taken of."""
        return self.objective.value_gradient(theta, curvature=self.inverse is None)

    def completed(self, point):
        """Return the point: a direction needs only its value and gradient."""
        return point

    def direction(self, point, stopping):
        """Return the quasi-Newton direction."""
        previous, self.previous_point = self.previous_point, point
        if previous is None:
            self._take_mean(point)
            # Far from the optimum, the curvature changes with each step. Old steps still help if
            # they are many compared to the parameters.
            if self.objective.n_parameters > LARGEST_HESSIAN:
                self.inverse.max_steps = FEW_SLOW_STEPS
        else:
            self._learn(point.theta - previous.theta, point.gradient - previous.gradient)
            self.n_steps += 1
        direction, inverse = self.inverse @ -point.gradient, self.inverse
        decrement = -float(point.gradient @ direction)
        self.largest_decrement = max(self.largest_decrement, decrement)
        # Once a step promises little, the separated samples, which add no curvature, are known.
        is_near = decrement / 2 <= 1e-2 * abs(point.value)
        # If samples are separated, curvature is proportional to the loss. Under a weak penalty, the
        # loss falls for a long time before a step promises little, so slow steps decide. Without a
        # penalty, there may be no optimum, and the blocks may consist of rounding errors.
        is_stuck = stopping.n_slow >= FEW_SLOW_STEPS and self.objective.penalty.grows_everywhere
        is_due = (is_near or is_stuck) and point.value <= self.value_of_blocks / 2
        n_left = self._steps_left(point, decrement, stopping)
        if is_due and n_left > self.cost_of_blocks:
            self._take_blocks(point)
        elif is_near and n_left > 1 and not (self.has_blocks or self.is_taken_anew):
            # A new mean costs more than one step.
            self.is_taken_anew = True
            if n_left > self.cost_of_rows:
                self._take_class_rows(point)
            else:
                self._take_mean(point)
        return direction if self.inverse is inverse else self.inverse @ -point.gradient

    def _steps_left(self, point, decrement, stopping):
        # The number of remaining steps at the rate so far, 0 if there is none.
        if not 0 < decrement < self.largest_decrement:
            return 0
        rate = np.log(self.largest_decrement / decrement) / self.n_steps
        return np.log(decrement / 2 / stopping.negligible(point)) / rate

    def _learn(self, step, change):
        self.inverse.update(step, change)
        if self.has_blocks:
            return
        # For some classes, the curvature is larger than the mean, and steps are too long. One
        # factor, computed from the last step, avoids halvings (Nocedal & Wright, Numerical
        # Optimization, 7.20). It costs one solution.
        curvature, expected = float(step @ change), float(change @ self.inverse.solve(change))
        if curvature > 0 and expected > 0:
            self.inverse.scale = min(curvature / expected, 1.0)

    def _take_blocks(self, point):
        self.value_of_blocks, self.n_steps, self.largest_decrement = point.value, 0, 0.0
        hessians = self.objective.class_hessians(point.theta)
        if not np.all(np.isfinite(hessians)):
            self.cost_of_blocks = np.inf
            return
        self.has_blocks = True
        diagonal = np.diagonal(hessians, axis1=1, axis2=2).T.copy()
        factors = [CholeskyFactor(hessian) for hessian in hessians]
        blocks = ClassBlocks(diagonal, lambda b: solve_blocks(factors, b))
        self.inverse = InverseHessian(blocks.solve)

    def _take_class_rows(self, point):
        curvature = self.objective.value_gradient(point.theta, curvature=True).curvature
        of_classes = ClassRows(self.objective, curvature)
        self.inverse = InverseHessian(ClassBlocks(of_classes.diagonal, of_classes.solve).solve)

    def _take_mean(self, point):
        shape = self.objective.shape
        factor = CholeskyFactor(self.objective.class_mean_hessian(point.theta, point.curvature))
        point.curvature = None
        self.inverse = InverseHessian(lambda b: factor.solve(b.reshape(shape)).ravel())


class ClassBlocks:
    """The Hessian's diagonal blocks, one for each class, as an approximate Hessian.

    The blocks ignore the coupling of the classes: adding the same number to the coefficients of a
    feature for every class changes no probability. So solutions are restricted to steps whose sum
    over the classes is zero, like that of the gradient. The remainder, from rounding errors or a
    start, is divided by the mean of the diagonal.

    Parameters
    ----------
    diagonal : ndarray of shape (size, n_columns)
        Of the Hessian.
    solve_blocks : callable
        Maps b of that shape to the solution of each block for its column.
    """

    def __init__(self, diagonal, solve_blocks):
        mean = diagonal.mean(axis=1, keepdims=True)
        self.mean_diagonal = np.where(mean > 0, mean, 1)
        self.solve_blocks = solve_blocks

    def solve(self, b):
        """Return the approximate solution x of hessian x = b, of shape (n_parameters,)."""
        b = b.reshape(len(self.mean_diagonal), -1)
        mean = b.mean(axis=1, keepdims=True)
        x = self.solve_blocks(b - mean)
        x += mean / self.mean_diagonal - x.mean(axis=1, keepdims=True)
        return x.ravel()


class HessianProducts(HessianModel):
    """Products with the Hessian, each a pass over X: conjugate gradients solve for the step.

    The preconditioner is the approximate inverse of an earlier model, or the diagonal; for sparse
    data with many classes, the diagonal's mean over the classes. Far from the optimum, conjugate
    gradients stop early (Nocedal & Wright, Numerical Optimization, algorithm 7.1).

    Parameters
    ----------
    objective : Objective
        With a smooth penalty.
    is_sparse_softmax : bool
        Whether to use the compiled `SoftmaxSystem`.
    max_products : float
        After this many, another method is better.
    """

    def __init__(self, objective, *, is_sparse_softmax=False, max_products=np.inf):
        self.objective = objective
        self.system = SoftmaxSystem(objective) if is_sparse_softmax else None
        self.inverse = None
        self.n_products, self.max_products = 0, max_products
        # The number of products after which a factor of the class mean pays: from now on, and at
        # first.
        self.n_products_left = self.factor_cost = np.inf
        # Cheap steps need no factor. If no penalty limits the coefficients and the curvature has
        # nearly vanished, steps with the factor would consist of rounding errors.
        work = PRODUCTS_PER_STEP * objective.samples.design.n_stored * objective.n_columns
        is_worth_it = (
            work > SMALL_WORK
            and objective.shape[0] <= MANY_PARAMETERS
            and objective.penalty.grows_everywhere
        )
        if self.system is None and is_worth_it:
            self.n_products_left = self.factor_cost = products_per_class_mean(objective)

    def adopt(self, model):
        """Take over the approximate inverse of another model, None if it has none."""
        self.inverse = model.inverse
        if self.inverse is not None:
            # It knows more than a mean does.
            self.n_products_left = np.inf

    def evaluate(self, theta):
        """Evaluate with the curvature that products need."""
        return self.objective.value_gradient(theta, curvature=True)

    def direction(self, point, stopping):
        """Return the truncated Newton direction."""
        direction = self._solve_equations(point, stopping)
        if self.system is not None:
            decrement = -float(point.gradient @ direction)
            # No step gains more than the objective, and each promises less than the one before.
            if not 0 < decrement <= min(2 * point.value, stopping.decrement):
                # Under a weak penalty, float32 has too few digits to solve the equations.
                self.system = None
                direction = self._solve_equations(point, stopping)
        if self.n_products > self.max_products:
            self.max_steps = 0
        # The trial of the line search keeps its own: one number for each row and class at a time.
        point.curvature = None
        return direction

    def _solve_equations(self, point, stopping):
        def is_still_gaining(gains):
            # A small residual proves little if the Hessian is close to singular. Before a step may
            # be the last one, the last quarter of its gains must be small compared to the rest.
            total = sum(gains)
            if total / 2 > 1000 * stopping.tolerated(point):
                return False
            return sum(gains[-1 - len(gains) // 4 :]) > 0.1 * total

        n_most = MAX_ROUNDS
        if self.n_products_left <= 0:
            self._take_factor(point)
        else:
            n_most = min(n_most, np.ceil(self.n_products_left))
        equations = self._equations(point)
        target = stopping.residual_target(point, equations.norm)
        n_made = solve_equations(equations, target, n_most, is_still_gaining)
        self.n_products += n_made
        self.n_products_left -= n_made
        if n_made == n_most < MAX_ROUNDS:
            self._take_factor(point)
            equations.restart(self._preconditioner(point))
            size = float(point.gradient @ (self.inverse @ point.gradient))
            target = stopping.residual_target(point, size)
            n_more = solve_equations(equations, target, MAX_ROUNDS, is_still_gaining)
            self.n_products += n_more
            self.n_products_left -= n_more
        return equations.direction if n_made else self._preconditioner(point)(-point.gradient)

    def _take_factor(self, point):
        # The mean over the classes is formed once the products without it have cost as much. At
        # worst, the two together cost twice as much as the cheaper one alone.
        shape = self.objective.shape
        hessian = self.objective.class_mean_hessian(point.theta, point.curvature)
        factor = CholeskyFactor(hessian)
        self.inverse = InverseHessian(lambda b: factor.solve(b.reshape(shape)).ravel())
        self.n_products_left = self.factor_cost

    def _diagonal(self, point):
        diagonal = self.objective.hessian_diagonal(point)
        return np.where(diagonal > 0, diagonal, 1)

    def _preconditioner(self, point):
        # The diagonal costs a pass. An available inverse avoids it.
        inverse = self.inverse
        if inverse is not None:
            return lambda vector: inverse @ vector
        diagonal = self._diagonal(point)
        if self.objective.n_columns == 1:
            return lambda vector: vector / diagonal
        diagonal = diagonal.reshape(self.objective.shape)
        return ClassBlocks(diagonal, lambda b: b / diagonal).solve

    def _equations(self, point):
        objective = self.objective
        if self.system is None:
            return ConjugateGradients(
                lambda vector: objective.hessian_product(point, vector),
                point.gradient,
                self._preconditioner(point),
            )
        # The same number for all classes of a feature restricts steps to those whose sum over the
        # classes is zero. All others have only the curvature of the penalty.
        of_features = self._diagonal(point).reshape(objective.shape).mean(axis=1)
        penalty = objective.penalty_in_theta.l2[:: objective.n_columns][: objective.n_features]
        of_coef = of_features[: len(penalty)]
        # Columns that are nonzero in the same samples have less curvature together than each alone.
        of_coef += 4 * np.sqrt((of_coef / penalty).max()) * penalty
        self.system.start(point, of_features)
        return self.system


class RowSpaceHessian(HessianModel):
    """The Hessian in the space that the rows span, for the gradient of the whole problem.

    The cross-products of the rows may be in float32, and always have rounding errors. The gradient
    of the whole problem shows the remaining error, and a step of the reduced problem corrects it.

    Parameters
    ----------
    objective : Objective
    reduction : RowReduction
        Of the same objective.
    theta : ndarray of shape (n_reduced_parameters,)
        Where the Hessian is computed, in the reduction.
    is_formed : bool
        Whether to form the Hessian, instead of computing products with it.
    """

    knowledge = Knowledge.STALE
    patience = 2

    def __init__(self, objective, reduction, theta, *, is_formed=False):
        self.objective = objective
        self.reduction = reduction
        if is_formed:
            self.solve = ExactHessian(reduction.objective).solve_hessian_at(theta)
        else:
            self.products = HessianProducts(reduction.objective)
            self.reduced_point = self.products.evaluate(theta)
            self.solve = None

    def evaluate(self, theta):
        """Evaluate value and gradient."""
        return self.objective.value_gradient(theta)

    def direction(self, point, stopping):
        """Return the Newton direction of the reduced problem."""
        of_v = self.reduction.gradient(*self.objective.coordinates.gradient_in_coef(point.gradient))
        gradient = self.reduction.objective.coordinates.gradient_in_theta(*of_v)
        if self.solve is None:
            point = replace(self.reduced_point, gradient=gradient)
            direction = self.products.direction(point, stopping)
        else:
            direction = self.solve(-gradient)
        return self.objective.theta(*self.reduction.coef_intercept(direction))
