"""Proximal Newton with conjugate gradients, without forming the Hessian."""

import numpy as np

from sklogloss.penalties import distance_to_subdifferential, soft_threshold

from .base import NewtonSolver

__all__ = ["ProximalNewtonCGSolver"]

# Products with the Hessian that one model is worth, and one run of conjugate gradients.
MAX_PRODUCTS = 1000
MAX_PRODUCTS_OF_FACE = 50
# Conjugate gradients end when the squared residual has fallen to this part of what it was.
FACE_REDUCTION = 1e-1
# What is added to the Hessian's diagonal, as part of the largest violation.
FIRST_DAMPING = 0.1
# Attempts to find how much larger than its diagonal the Hessian is.
MAX_ATTEMPTS = 5


class ProximalNewtonCGSolver(NewtonSolver):
    """Newton's method for an objective with an L1 penalty; a product with the Hessian is a pass.

    The model of a step is minimised in turns (Moré and Toraldo, "On the Solution of Large Quadratic
    Programming Problems with Bound Constraints", SIAM Journal on Optimization 1, 1991): a proximal
    step in the metric of the Hessian's diagonal says which coefficients are zero, conjugate
    gradients solve for the others.
    """

    def evaluate(self, theta):
        return self.objective.value_gradient_curvature(theta)

    def setup(self, theta):
        # Largest curvature that was seen, in units of the diagonal's.
        self.stretch = 1.0
        self.damping = FIRST_DAMPING
        self.previous_point = None
        super().setup(theta)

    def inner_solve(self, point):
        if self.previous_point is not None:
            # As trust regions are widened and narrowed: by how much of what was promised came true.
            kept = (self.previous_point.value - point.value) / (self.decrement / 2)
            self.damping *= 1 / 4 if kept > 1 / 2 else 4 if kept < 1 / 4 else 1
        self.previous_point = point
        model = Model(self.objective, point, self.damping)
        target = self.residual_target(point, model.squared_violation())
        while model.n_products < MAX_PRODUCTS:
            self._proximal_step(model)
            self._solve_face(model, target)
            if not model.squared_violation() > target:
                break
        return model.u - point.theta

    def _proximal_step(self, model):
        for _ in range(MAX_ATTEMPTS):
            metric = self.stretch * model.diagonal
            u = soft_threshold(metric * model.u - model.gradient, model.l1) / metric
            step = u - model.u
            product = model.product(step)
            size = float(step @ (model.diagonal * step))
            curvature = float(step @ product)
            if curvature <= self.stretch * size:
                break
            self.stretch = 1.1 * curvature / size
        model.move(step, product)

    def _solve_face(self, model, target):
        # Conjugate gradients with the signs as they are; those of zero coefficients stay zero.
        is_free = (model.u != 0) | (model.l1 == 0)
        threshold = model.l1 * np.sign(model.u)
        preconditioner = is_free / model.diagonal
        residual = -(model.gradient + threshold)
        preconditioned = preconditioner * residual
        search = preconditioned.copy()
        norm = float(residual @ preconditioned)
        enough = max(FACE_REDUCTION * norm, target / 4)
        direction, image = np.zeros_like(search), np.zeros_like(search)
        for _ in range(MAX_PRODUCTS_OF_FACE):
            if not norm > enough:
                break
            product = model.product(search)
            curvature = float(search @ product)
            # Rounding level of the product: no curvature left along this direction.
            if not curvature > np.finfo(np.float64).eps * float(search @ (model.diagonal * search)):
                break
            step = norm / curvature
            direction += step * search
            image += step * product
            residual -= step * product
            preconditioned = preconditioner * residual
            previous_norm, norm = norm, float(residual @ preconditioned)
            search *= norm / previous_norm
            search += preconditioned
        self._move_on_face(model, direction, image, is_free & (model.l1 > 0))

    def _move_on_face(self, model, direction, image, has_sign):
        # A coefficient that would change its sign becomes zero. If that is no gain, the move ends
        # where half of those that have crossed would not have, in the end where the first one does.
        places = np.flatnonzero(has_sign & ((model.u + direction) * model.u < 0))
        lengths = -model.u[places] / direction[places]
        length = 1.0
        while True:
            move = length * direction
            crossed = places[lengths <= length]
            move[crossed] = -model.u[crossed]
            if not np.any(lengths < length):
                model.move(move, length * image)
                return
            product = model.product(move)
            if model.change(move, product) < 0:
                model.move(move, product)
                return
            length = np.quantile(lengths[lengths < length], 0.5, method="lower")


class Model:
    """The quadratic model at a point, and where its minimisation has got to.

    Where the classes are told apart the Hessian all but vanishes, and a step would have no end. So
    its diagonal is raised by a number that goes to zero with the violation of the conditions of the
    optimum (Li, Fukushima, Qi and Yamashita, "Regularized Newton Methods for Convex Minimization
    Problems with Singular Solutions", Computational Optimization and Applications 28, 2004).

    Attributes
    ----------
    u : ndarray of shape (n_parameters,)
    gradient : ndarray of shape (n_parameters,)
        Of the quadratic part at u.
    diagonal : ndarray of shape (n_parameters,)
        Of the Hessian.
    n_products : int
        Products with the Hessian so far.
    """

    def __init__(self, objective, point, damping):
        self.objective = objective
        self.point = point
        self.l1 = objective.l1_in_theta
        violation = distance_to_subdifferential(point.gradient, point.theta, self.l1)
        self.damping = damping * violation.max()
        self.u = point.theta.copy()
        self.gradient = point.gradient.copy()
        self.diagonal = objective.hessian_diagonal(point) + self.damping
        self.n_products = 0

    def product(self, direction):
        """Return the Hessian times a direction."""
        self.n_products += 1
        return self.objective.hessian_product(self.point, direction) + self.damping * direction

    def change(self, move, product):
        """Return by how much the model changes from u to u + move, product being that of move."""
        of_penalty = self.l1 @ (np.abs(self.u + move) - np.abs(self.u))
        return float(self.gradient @ move + move @ product / 2 + of_penalty)

    def move(self, move, product):
        """Go from u to u + move."""
        self.u += move
        self.gradient += product

    def squared_violation(self):
        """Return the squared distance to the model's optimum conditions, by the diagonal."""
        violation = distance_to_subdifferential(self.gradient, self.u, self.l1)
        return float(violation @ (violation / self.diagonal))
