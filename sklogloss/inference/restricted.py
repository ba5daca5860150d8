"""The maximum likelihood with some parameters fixed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sklogloss.inference.covariance import Information
from sklogloss.inference.likelihood import Likelihood, Point
from sklogloss.solvers.halving import lower_point

__all__ = ["maximise_over", "maximise_without", "parameters_of"]

MAX_ITER = 100
# A Newton step that promises less than this many nats leaves about the square of it.
SMALL_DECREMENT = 1e-8
# Rounding errors of the likelihood, as a fraction of it.
ROUNDING = 1e-14


def parameters_of(likelihood: Likelihood, terms: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the places in theta of terms, given as rows of theta, for all columns."""
    n_columns = likelihood.objective.n_columns
    return (terms[:, None] * n_columns + np.arange(n_columns)).ravel()


def maximise_over(
    likelihood: Likelihood, theta: NDArray[np.float64], free: NDArray[np.intp]
) -> Point:
    """Return the point of largest likelihood over some parameters, with the others fixed at theta.

    Newton's method with a line search: one pass for each step.

    Parameters
    ----------
    likelihood : Likelihood
    theta : ndarray of shape (n_parameters,)
        The start.
    free : ndarray of int
        The parameters that may move, in ascending order.
    """
    point = likelihood(theta)
    for _ in range(MAX_ITER if len(free) else 0):
        information = Information(point.hessian[np.ix_(free, free)])
        step = np.zeros_like(theta)
        step[free] = -information.solve(point.gradient[free])
        decrement = -float(point.gradient @ step)
        lower = lower_point(
            likelihood, point.theta, step, point.value, decrement, rounding=ROUNDING
        )
        if lower is None:
            return point
        point = lower
        if decrement <= SMALL_DECREMENT:
            break
    return point


def maximise_without(
    likelihood: Likelihood,
    theta: NDArray[np.float64],
    information: Information,
    held: NDArray[np.intp],
) -> Point:
    """Return the point of largest likelihood where some parameters are zero.

    Parameters
    ----------
    likelihood : Likelihood
    theta : ndarray of shape (n_parameters,)
        The point of largest likelihood without that.
    information : Information
        Of that point.
    held : ndarray of int
        The parameters that are zero, in ascending order.
    """
    unit = np.eye(len(theta))[:, held]
    toward = information.solve(unit)
    # The minimum of the quadratic model on the subspace.
    start = theta - toward @ np.linalg.solve(toward[held], theta[held])
    start[held] = 0
    return maximise_over(likelihood, start, np.setdiff1d(np.arange(len(theta)), held))
