"""Newton's method with the exact Hessian and its Cholesky factor."""

import numpy as np
from scipy.linalg import get_lapack_funcs

from .base import NewtonSolver

__all__ = ["NewtonCholeskySolver", "cholesky_solver"]

# Once a step promises less than this part of the objective, the Hessian hardly changes any more.
NEARLY_SOLVED = 1e-3
# A step with an old factor that leaves more than this part of the decrement is the last one.
CONTRACTION = 1e-2


class NewtonCholeskySolver(NewtonSolver):
    """Newton's method with the exact Hessian: few passes, each costly in the number of features.

    Near the optimum a factor serves several steps, each of which then costs a pass for the gradient
    only.
    """

    def setup(self, theta):
        self.solve_system = None
        self.factor_decrement = np.inf  # the decrement when the factor was last of use
        super().setup(theta)

    def adopt(self, solver):
        self.solve_system = solver.solve_system

    def abandon(self, solver):
        self.solve_system = None

    def evaluate(self, theta):
        if self.solve_system is not None:
            return self.objective.value_gradient(theta)
        return self.objective.value_gradient_hessian(theta)

    def inner_solve(self, point):
        if point.hessian is None:
            direction = self.solve_system(-point.gradient)
            decrement = -float(point.gradient @ direction)
            if decrement <= CONTRACTION * self.factor_decrement:
                self.factor_decrement = decrement
                return direction
            point.hessian = self.objective.value_gradient_hessian(point.theta).hessian
        solve_system = cholesky_solver(point.hessian, self.objective)
        point.hessian = None
        direction = solve_system(-point.gradient)
        decrement = -float(point.gradient @ direction)
        is_nearly_solved = decrement / 2 <= NEARLY_SOLVED * abs(point.value)
        self.solve_system = solve_system if is_nearly_solved else None
        self.factor_decrement = decrement
        return direction


def cholesky_solver(hessian, objective):
    """Return a function that solves hessian x = b, for a positive semi-definite Hessian.

    Parameters
    ----------
    hessian : ndarray of shape (n_parameters, n_parameters)
        Lower triangle; overwritten.
    objective : LinearObjective

    Notes
    -----
    The Hessian is scaled to a unit diagonal. Directions in which it vanishes, as for duplicated
    columns without penalty, get as much curvature as keeps the factor well defined: the gradient
    vanishes in them, so that the step does, too.
    """
    n = len(hessian)
    _fix_class_shift(hessian, objective)
    diagonal = np.diagonal(hessian).copy()
    has_curvature = diagonal > 0
    root = np.sqrt(np.where(has_curvature, diagonal, 1))
    hessian /= root
    hessian /= root[:, None]
    damping = 0.0
    smallest_pivot = n * np.finfo(hessian.dtype).eps
    (potrf, potrs) = get_lapack_funcs(("potrf", "potrs"), (hessian,))
    while True:
        system = hessian.copy()
        system[np.arange(n), np.arange(n)] = 1 + damping
        # The transpose of a C-ordered lower triangle is what LAPACK calls upper.
        factor, info = potrf(system.T, lower=False, overwrite_a=True, clean=False)
        if info == 0 and np.min(np.diagonal(factor)) ** 2 > smallest_pivot * (1 + damping):
            break
        damping = max(10 * damping, 10 * smallest_pivot)
        if damping > 1e10:
            return lambda b: np.full_like(b, np.nan)

    def solve(b):
        x, _ = potrs(factor, b / root, lower=False)
        return x / root

    return solve


def _fix_class_shift(hessian, objective):
    # Adding the same number to the coefficients of a feature for every class changes no
    # probability: without penalty the Hessian vanishes in that direction, and so does the
    # gradient. Curvature along it makes the Hessian definite and leaves the Newton step as it is.
    size, n_columns = objective.shape
    if n_columns == 1:
        return
    unpenalised = range(size) if objective.l2 == 0 else range(objective.n_features, size)
    for j in unpenalised:
        block = hessian[j * n_columns : (j + 1) * n_columns, j * n_columns : (j + 1) * n_columns]
        block += np.trace(block) / n_columns**2
