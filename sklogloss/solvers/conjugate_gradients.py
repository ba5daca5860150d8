"""The equations of a step of Newton's method, solved by conjugate gradients."""

import numpy as np
from scipy.linalg.blas import daxpy

__all__ = ["ConjugateGradients"]


class ConjugateGradients:
    """H direction = -gradient, H the Hessian in theta: each step is one product, a pass over X.

    Parameters
    ----------
    objective : LinearObjective
    point : Evaluation
        With curvature.
    preconditioner : ndarray of shape (n_parameters,)
        Its diagonal.

    Attributes
    ----------
    direction : ndarray of shape (n_parameters,)
    norm : float
        Of the residual, squared, in the inverse of the preconditioner.
    """

    def __init__(self, objective, point, preconditioner):
        self.objective = objective
        self.point = point
        self.preconditioner = preconditioner
        self.residual = -point.gradient
        self.preconditioned = self.residual / preconditioner
        self.direction = np.zeros_like(self.residual)
        self.search = self.preconditioned.copy()
        self.norm = float(self.residual @ self.preconditioned)

    def advance(self):
        """Take one step; return twice what the model gains, 0 where no curvature is left."""
        search, preconditioned = self.search, self.preconditioned
        product = self.objective.hessian_product(self.point, search)
        curvature = float(search @ product)
        # Rounding level of the product: no curvature left along this direction.
        np.multiply(self.preconditioner, search, out=preconditioned)
        if not curvature > np.finfo(np.float64).eps * float(search @ preconditioned):
            return 0.0
        step = self.norm / curvature
        gain = step * self.norm
        # In place: new arrays of many parameters cost more than the arithmetic.
        daxpy(search, self.direction, a=step)
        daxpy(product, self.residual, a=-step)
        np.divide(self.residual, self.preconditioner, out=preconditioned)
        previous_norm, self.norm = self.norm, float(self.residual @ preconditioned)
        search *= self.norm / previous_norm
        search += preconditioned
        return gain
