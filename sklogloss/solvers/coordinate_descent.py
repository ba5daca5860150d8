"""Proximal Newton: coordinate descent on the quadratic model, for an L1 penalty."""

import numpy as np
from scipy.linalg.blas import dsyr

from sklogloss._cython.cholesky import CholeskyFactor
from sklogloss._cython.coordinate_descent import descend, fill_upper_triangle

from .newton_cholesky import NewtonCholeskySolver

__all__ = ["ProximalNewtonSolver", "minimise_model"]

# A model counts as solved when a round gains less than a part of all that was gained. The part is a
# tenth of what the next model is expected to gain, between these two: more digits of a model than
# the model has of the objective are for nothing.
SMALLEST_REST, LARGEST_REST = 1e-6, 1e-3
MAX_ROUNDS = 200
# Sweeps before the equations of the nonzero coefficients are solved instead: that costs as much as
# one sweep for each SWEEP_ROWS of them, or a few where they are few.
MIN_SWEEPS = 8
SWEEP_ROWS = 24
# In theta curvature is one at first, in parts of LossKernel.unit. Where so little of it is left, so
# little is left of the loss.
SMALLEST_CURVATURE = 1e-14


def minimise_model(matrix, gradient, x, l1, previous_gain=np.inf, is_exact=False):
    """Return the minimiser u of a quadratic model plus an L1 penalty.

    The model is gradient (u - x) + (u - x) matrix (u - x) / 2 + sum of l1 |u|. Coordinate descent
    finds which coefficients are zero. The others then solve a system of equations, as long as none
    of them changes its sign.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Positive semi-definite.
    gradient, x, l1 : ndarray of shape (n,)
    previous_gain : float, default=np.inf
        What the model before this one gained. The next is expected to gain less than this one by
        the same factor as this one less than that. Infinity asks for all digits.
    is_exact : bool, default=False
        Whether, once a coefficient has become zero, the others solve their system at once. It is
        worth its cost where the columns are so much alike that coordinate descent gains nothing.

    Returns
    -------
    u : ndarray of shape (n,)
    """
    u, gradient = x.copy(), gradient.copy()
    total, rest = 0.0, LARGEST_REST
    for _ in range(MAX_ROUNDS):
        n_sweeps = MIN_SWEEPS + np.count_nonzero(u) // SWEEP_ROWS
        first_gain, gain, is_done = descend(matrix, gradient, u, l1, None, None, n_sweeps, rest)
        total += gain
        rest = min(max(total / previous_gain / 10, SMALLEST_REST), LARGEST_REST)
        if first_gain <= rest * total or not np.isfinite(gain):
            break
        if not is_done:
            gain, is_cut = _solve_on_support(matrix, gradient, u, l1)
            total += gain
            while is_exact and is_cut:
                gain, is_cut = _solve_on_support(matrix, gradient, u, l1)
                total += gain
    return u


def _solve_on_support(matrix, gradient, u, l1):
    # Newton's step with the signs of u, in place for u and gradient; return by how much the
    # function fell, and whether the step was cut. A coefficient that changes its sign becomes zero;
    # if that is no gain, the step ends where the first one does.
    support = np.flatnonzero((u != 0) | (l1 == 0))
    start, threshold = u[support], l1[support]
    slope = gradient[support] + threshold * np.sign(start)
    step = -CholeskyFactor(matrix[np.ix_(support, support)]).solve(slope)
    if not np.all(np.isfinite(step)):
        return 0.0, False
    has_crossed = (threshold > 0) & ((start + step) * start < 0)
    projected = np.where(has_crossed, -start, step)
    rows = matrix[support]
    moves = [projected]
    if has_crossed.any():
        length = np.min(-start[has_crossed] / step[has_crossed])
        ends_first = has_crossed & (-start / np.where(has_crossed, step, 1) <= length)
        moves.append(np.where(ends_first, -start, length * step))
    for is_cut, move in enumerate(moves):
        change = move @ rows
        gain = -(gradient[support] @ move + change[support] @ move / 2)
        gain -= threshold @ (np.abs(start + move) - np.abs(start))
        if gain > 0:
            u[support] = start + move
            gradient += change
            return gain, bool(is_cut)
    return 0.0, False


class QuadraticModel:
    """A Hessian of an earlier point or of a subset of the rows, and the steps since then.

    As InverseHessian, but the matrix itself: the L1 penalty needs its entries.

    Parameters
    ----------
    hessian : ndarray of shape (n_parameters, n_parameters)
        Lower triangle; overwritten.
    dtype : dtype
        In which it was computed.
    unit : float
        LossKernel.unit.
    """

    def __init__(self, hessian, dtype, unit):
        fill_upper_triangle(hessian)
        # Its rounding errors may leave it with negative curvature where it vanishes, as along equal
        # changes of all classes, and a model without a minimum.
        # They are relative to the diagonal, whose entries may be of very different size.
        diagonal = hessian.reshape(-1)[:: len(hessian) + 1]
        diagonal *= 1 + 100 * np.finfo(dtype).eps
        diagonal += SMALLEST_CURVATURE * unit
        self.matrix = hessian
        self.steps = 0

    def update(self, step, change):
        """Learn that the gradient changes by `change` along `step`: the update of BFGS."""
        expected = self.matrix @ step
        curvature, expected_curvature = float(step @ change), float(step @ expected)
        if curvature > 0 and expected_curvature > 0:
            # The upper triangle of the transpose is the lower one: dsyr may as well take rows.
            dsyr(1 / curvature, change, a=self.matrix.T, overwrite_a=True)
            dsyr(-1 / expected_curvature, expected, a=self.matrix.T, overwrite_a=True)
            fill_upper_triangle(self.matrix)
            self.steps += 1


class ProximalNewtonSolver(NewtonCholeskySolver):
    """Newton's method for an objective with an L1 penalty, with the Hessian at hand.

    The model of a step is the quadratic one of the smooth part plus the penalty as it is.
    """

    # Under a weak penalty, steps are many before the coefficients that stay zero are known; no
    # other solver is better at finding them.
    MAX_SLOW_STEPS = 40
    # The first step on another set of features promises more, but the Hessian changes as little.
    NEARLY_SOLVED = 1e-2

    def keep(self, hessian, dtype):
        return QuadraticModel(hessian, dtype, self.objective.loss.unit)

    def direction_from(self, point, kept_hessian):
        # The first model gains what the objective has at most.
        previous_gain = max(min(self.decrement / 2, point.value), np.finfo(float).tiny)
        is_exact = self.n_without_progress >= self.FEW_SLOW_STEPS
        u = minimise_model(
            kept_hessian.matrix,
            point.gradient,
            point.theta,
            self.objective.l1_in_theta,
            np.inf if is_exact else previous_gain,
            is_exact,
        )
        return u - point.theta
