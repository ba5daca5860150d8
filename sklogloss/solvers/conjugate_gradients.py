"""The equations of a Newton step, solved by conjugate gradients."""

import numpy as np
from scipy.linalg.blas import daxpy

__all__ = ["ConjugateGradients", "solve_equations"]


class ConjugateGradients:
    """H direction = -gradient, solved with one product with the Hessian H per step.

    Parameters
    ----------
    product : callable
        Maps a vector to H times the vector.
    gradient : ndarray of shape (n_parameters,)
    precondition : callable
        Maps a vector to its product with an approximate inverse of H.

    Attributes
    ----------
    direction : ndarray of shape (n_parameters,)
    residual : ndarray of shape (n_parameters,)
        -gradient - H direction.
    norm : float
        Squared norm of the residual in the metric of the approximate inverse.
    is_flat : bool
        Whether no curvature is left along the last search.
    """

    def __init__(self, product, gradient, precondition):
        self.product = product
        self.residual = -gradient
        self.direction = np.zeros_like(self.residual)
        self.restart(precondition)

    def restart(self, precondition):
        """Continue from the current direction with another approximate inverse of H."""
        self.precondition = precondition
        preconditioned = precondition(self.residual)
        self.search = preconditioned.copy()
        self.norm = float(self.residual @ preconditioned)
        # Squared norm of `search` in the metric of the approximate H, where its terms are
        # orthogonal.
        self.search_size = self.norm
        self.is_flat = False

    def advance(self):
        """Take one step; return twice the decrease of the model, 0 if no curvature is left."""
        # The size of a residual may underflow.
        if self.norm == 0:
            return 0.0
        search = self.search
        product = self.product(search)
        curvature = float(search @ product)
        # Rounding errors of the product: no curvature is left along this direction.
        if not curvature > np.finfo(np.float64).eps * self.search_size:
            self.is_flat = True
            return 0.0
        step = self.norm / curvature
        gain = step * self.norm
        # In place: new arrays of many parameters cost more than the arithmetic.
        daxpy(search, self.direction, a=step)
        daxpy(product, self.residual, a=-step)
        preconditioned = self.precondition(self.residual)
        previous_norm, self.norm = self.norm, float(self.residual @ preconditioned)
        ratio = self.norm / previous_norm
        search *= ratio
        search += preconditioned
        # A power of a float raises an error where a product overflows to infinity.
        self.search_size = self.norm + ratio * ratio * self.search_size
        return gain


def solve_equations(equations, target, max_products, is_still_gaining=None):
    """Advance until the squared residual is small enough; return the number of steps.

    Parameters
    ----------
    equations : ConjugateGradients or SoftmaxSystem
    target : float
        Bound of equations.norm.
    max_products : int
    is_still_gaining : callable, default=None
        Called with the list of gains so far. Returns whether to continue nevertheless.
    """
    gains = []
    while len(gains) < max_products and (
        equations.norm > target or (is_still_gaining is not None and is_still_gaining(gains))
    ):
        gain = equations.advance()
        if not gain > 0:
            break
        gains.append(gain)
    return len(gains)
