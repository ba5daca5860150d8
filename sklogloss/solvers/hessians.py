"""Models of the Hessian for many columns: a mean over the classes, or products with it.

`newton` says what a model has, and has that of the Hessian itself.
"""

from dataclasses import replace

import numpy as np

from sklogloss._cython.cholesky import CholeskyFactor
from sklogloss.linear.limits import MAX_ROUNDS, SMALL_WORK

from .conjugate_gradients import ConjugateGradients, solve_equations
from .costs import products_per_class_mean
from .newton import ExactHessian, HessianModel, InverseHessian
from .plan import MANY_PARAMETERS, PRODUCTS_PER_STEP
from .sparse_softmax.system import SoftmaxSystem
from .stopping import Knowledge

__all__ = ["ClassMeanHessian", "HessianProducts", "RowSpaceHessian"]


class ClassMeanHessian(HessianModel):
    """The mean over the classes of the Hessian's diagonal blocks.

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
            self._learn(point.theta - previous.theta, point.gradient - previous.gradient)
        direction = self.inverse @ -point.gradient
        # Once a step promises little, it is known which samples are separated already and add no
        # curvature.
        is_near = -float(point.gradient @ direction) / 2 <= 1e-2 * abs(point.value)
        if not self.is_taken_anew and is_near:
            self.is_taken_anew = True
            self._take_hessian(point)
            direction = self.inverse @ -point.gradient
        return direction

    def _learn(self, step, change):
        # For some classes the mean is too small a curvature, and steps are too long: one factor,
        # from the last step, spares halvings (Nocedal & Wright, Numerical Optimization, 7.20).
        self.inverse.update(step, change)
        curvature, expected = float(step @ change), float(change @ self.inverse.solve(change))
        if curvature > 0 and expected > 0:
            self.inverse.scale = min(curvature / expected, 1.0)

    def _take_hessian(self, point):
        shape = self.objective.shape
        factor = CholeskyFactor(self.objective.class_mean_hessian(point.theta))
        self.inverse = InverseHessian(lambda b: factor.solve(b.reshape(shape)).ravel())


class HessianProducts(HessianModel):
    """Products with the Hessian, each a pass over X: conjugate gradients solve for the step.

    They are preconditioned with what another model has learnt of the Hessian before, or with its
    diagonal, for sparse data of many classes with its mean over the classes. Far from the optimum
    they stop early (Nocedal & Wright, Numerical Optimization, algorithm 7.1).

    Parameters
    ----------
    objective : Objective
        With a smooth penalty.
    is_sparse_softmax : bool
        Whether the compiled system of `SoftmaxSystem` serves.
    max_products : float
        After as many, another method is better.
    """

    def __init__(self, objective, *, is_sparse_softmax=False, max_products=np.inf):
        self.objective = objective
        self.system = SoftmaxSystem(objective) if is_sparse_softmax else None
        self.inverse = None
        self.n_products, self.max_products = 0, max_products
        # After how many more products a factor of the class mean pays, and after how many at first.
        self.n_products_left = self.factor_cost = np.inf
        # Cheap steps need none. Where no penalty limits the coefficients and the curvature has
        # nearly vanished, its factor would make steps of rounding errors.
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
            # It has learnt more than a mean.
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
                # Under a weak penalty float32 has too few digits to solve the equations.
                self.system = None
                direction = self._solve_equations(point, stopping)
        if self.n_products > self.max_products:
            self.max_steps = 0
        return direction

    def _solve_equations(self, point, stopping):
        diagonal = self.objective.hessian_diagonal(point)
        diagonal = np.where(diagonal > 0, diagonal, 1)

        def is_still_gaining(gains):
            # A small residual says little where the Hessian is close to singular. Before a step can
            # be taken for the last one, the last quarter of its gains must be small beside the
            # rest.
            total = sum(gains)
            if total / 2 > 1000 * stopping.tolerated(point):
                return False
            return sum(gains[-1 - len(gains) // 4 :]) > 0.1 * total

        n_most = MAX_ROUNDS
        if self.n_products_left <= 0:
            self._take_factor(point)
        else:
            n_most = min(n_most, np.ceil(self.n_products_left))
        equations = self._equations(point, diagonal)
        target = stopping.residual_target(point, equations.norm)
        n_made = solve_equations(equations, target, n_most, is_still_gaining)
        self.n_products += n_made
        self.n_products_left -= n_made
        if n_made == n_most < MAX_ROUNDS:
            self._take_factor(point)
            equations.restart(lambda vector: self.inverse @ vector)
            size = float(point.gradient @ (self.inverse @ point.gradient))
            target = stopping.residual_target(point, size)
            n_more = solve_equations(equations, target, MAX_ROUNDS, is_still_gaining)
            self.n_products += n_more
            self.n_products_left -= n_more
        return equations.direction if n_made else -point.gradient / diagonal

    def _take_factor(self, point):
        # The mean over the classes is formed once the products without it have cost as much: at
        # worst, the two together cost twice the better one of them.
        shape = self.objective.shape
        hessian = self.objective.class_mean_hessian(point.theta, point.curvature)
        factor = CholeskyFactor(hessian)
        self.inverse = InverseHessian(lambda b: factor.solve(b.reshape(shape)).ravel())
        self.n_products_left = self.factor_cost

    def _equations(self, point, diagonal):
        objective = self.objective
        if self.system is None:
            inverse = self.inverse
            return ConjugateGradients(
                lambda vector: objective.hessian_product(point, vector),
                point.gradient,
                lambda vector: vector / diagonal if inverse is None else inverse @ vector,
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


class RowSpaceHessian(HessianModel):
    """The Hessian in the space that the rows span, for the gradient of the whole problem.

    The cross-products of the rows may be in float32, and have rounding errors in any case. The
    gradient of the whole problem shows what these leave, and a step of the reduced one corrects it.

    Parameters
    ----------
    objective : Objective
    reduction : RowReduction
        Of the same objective.
    theta : ndarray of shape (n_reduced_parameters,)
        In the reduction: where the Hessian is taken.
    is_formed : bool
        Whether the Hessian is formed, and not only its products.
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
