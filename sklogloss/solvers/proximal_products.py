"""Proximal Newton steps from products with the Hessian, for an L1 penalty or bounds."""

import numpy as np

from sklogloss.linear.limits import MAX_ROUNDS
from sklogloss.linear.objective import least_class_shift

from .conjugate_gradients import ConjugateGradients, solve_equations
from .newton import HessianModel
from .stopping import DAMPING, ENOUGH, decrement_of

__all__ = ["ProximalProducts"]


class ProximalProducts(HessianModel):
    """Products with the Hessian for a penalty that is not smooth; each is a pass over X.

    The model of a step is minimised in turns (Moré and Toraldo, "On the Solution of Large Quadratic
    Programming Problems with Bound Constraints", SIAM Journal on Optimization 1, 1991): a proximal
    step in the metric of the Hessian's diagonal says which coefficients are zero or at a bound,
    conjugate gradients solve for the others.

    Parameters
    ----------
    objective : Objective
    max_products : float
        After this many, another method is better.
    """

    def __init__(self, objective, *, max_products=np.inf):
        self.objective = objective
        # The largest curvature so far, in units of the diagonal.
        self.stretch = 1.0
        self.damping = DAMPING
        self.previous_point = None
        self.n_products, self.max_products = 0, max_products

    def evaluate(self, theta):
        """Evaluate with the curvature that products need."""
        return self.objective.value_gradient(theta, curvature=True)

    def direction(self, point, stopping):
        """Return the direction to the minimum of the damped model."""
        if self.previous_point is not None:
            # Like the radius of a trust region, the damping follows the ratio of actual to
            # predicted decrease.
            actual = self.previous_point.value - point.value
            predicted = stopping.decrement / 2  # zero if only rounding errors are left
            self.damping *= 1 / 4 if actual > predicted / 2 else 4 if actual < predicted / 4 else 1
        self.previous_point = point
        model = Model(self.objective, point, self.damping)
        target = stopping.residual_target(point, model.squared_violation())
        while model.n_products < MAX_ROUNDS:
            self._proximal_step(model)
            self._solve_face(model, target)
            if not model.squared_violation() > target:
                break
        self.n_products += model.n_products
        self.minimiser = model.u
        if self.objective.n_columns > 1 and self.objective.penalty.has_l1:
            # Along it, the model has only the curvature of the penalty and the damping.
            self.minimiser = least_class_shift(self.minimiser, self.objective)
        # The trial of the line search keeps its own: one number for each row and class at a time.
        point.curvature = None
        direction = self.minimiser - point.theta
        # Few steps are left where each promises a small part of what the one before did.
        is_slow = decrement_of(self.objective, point, direction) > ENOUGH * stopping.decrement
        if self.n_products > self.max_products and is_slow:
            self.max_steps = 0
        return direction

    def _proximal_step(self, model):
        for _ in range(MAX_ROUNDS):
            metric = self.stretch * model.diagonal
            u = model.penalty.prox(model.u - model.gradient / metric, metric)
            step = u - model.u
            product = model.product(step)
            size = float(step @ (model.diagonal * step))
            curvature = float(step @ product)
            # A step whose size underflows changes nothing.
            if not curvature > self.stretch * size or size == 0:
                break
            self.stretch = 1.1 * curvature / size
        model.move(u, product)

    def _solve_face(self, model, target):
        # Conjugate gradients with fixed signs; coefficients that are zero or at a bound stay there.
        is_free = model.penalty.is_free(model.u)
        inverse = is_free / model.diagonal
        slope = model.gradient + model.penalty.l1 * np.sign(model.u)
        equations = ConjugateGradients(model.product, slope, lambda vector: inverse * vector)
        enough = max(ENOUGH * equations.norm, target / 4)
        if solve_equations(equations, enough, MAX_ROUNDS):
            image = -slope - equations.residual
            self._move_on_face(model, equations.direction, image, is_free)

    def _move_on_face(self, model, direction, image, is_free):
        # A coefficient that would change its sign or leave its bounds ends there. If that gains
        # nothing, the move is shortened to where half of them end, and so on, down to where the
        # first one does.
        least = np.where((model.penalty.l1 > 0) & (model.u > 0), 0, -np.inf)
        most = np.where((model.penalty.l1 > 0) & (model.u < 0), 0, np.inf)
        if model.penalty.is_bounded:
            least = np.where(is_free, np.maximum(least, model.penalty.lower), -np.inf)
            most = np.where(is_free, np.minimum(most, model.penalty.upper), np.inf)
        ahead = model.u + direction
        places = np.flatnonzero((ahead < least) | (ahead > most))
        limits = np.where(direction < 0, least, most)[places]
        lengths = (limits - model.u[places]) / direction[places]
        length = 1.0
        while True:
            end = model.u + length * direction
            has_ended = lengths <= length
            end[places[has_ended]] = limits[has_ended]
            if not np.any(lengths < length):
                model.move(end, length * image)
                return
            product = model.product(end - model.u)
            if model.change(end, product) < 0:
                model.move(end, product)
                return
            length = np.quantile(lengths[lengths < length], 0.5, method="lower")


class Model:
    """The quadratic model at a point, and the state of its minimisation.

    If the classes are separated, the Hessian nearly vanishes, and a step would be far too long. So
    a number is added to its diagonal that goes to zero with the violation of the optimality
    conditions (Li, Fukushima, Qi and Yamashita, "Regularized Newton Methods for Convex Minimization
    Problems with Singular Solutions", Computational Optimization and Applications 28, 2004).

    Attributes
    ----------
    u : ndarray of shape (n_parameters,)
    gradient : ndarray of shape (n_parameters,)
        Gradient of the quadratic part at u.
    diagonal : ndarray of shape (n_parameters,)
        Diagonal of the Hessian.
    n_products : int
        Products with the Hessian so far.
    """

    def __init__(self, objective, point, damping):
        self.objective = objective
        self.point = point
        self.penalty = objective.penalty_in_theta
        violation = self.penalty.violation(point.gradient, point.theta)
        self.damping = damping * violation.max()
        self.u = point.theta.copy()
        self.gradient = point.gradient.copy()
        self.diagonal = objective.hessian_diagonal(point) + self.damping
        # At an optimum, nothing is damped. A constant column, which has no curvature, then stays.
        self.diagonal[self.diagonal == 0] = 1.0
        self.n_products = 0

    def product(self, direction):
        """Return the Hessian times a direction."""
        self.n_products += 1
        return self.objective.hessian_product(self.point, direction) + self.damping * direction

    def change(self, end, product):
        """Return the change of the model from u to end, given the product with end - u."""
        move = end - self.u
        of_penalty = self.penalty.l1 @ (np.abs(self.u + move) - np.abs(self.u))
        return float(self.gradient @ move + move @ product / 2 + of_penalty)

    def move(self, end, product):
        """Go from u to end."""
        self.u = end
        self.gradient += product

    def squared_violation(self):
        """Return the squared violation of the model's optimality conditions, by the diagonal."""
        violation = self.penalty.violation(self.gradient, self.u)
        return float(violation @ (violation / self.diagonal))
