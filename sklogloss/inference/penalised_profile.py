"""The penalised likelihood maximised where coefficients are held, and its profile intervals."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from sklogloss.inference.covariance import Information
from sklogloss.inference.likelihood import Likelihood, Point
from sklogloss.solvers.halving import lower_point
from sklogloss.solvers.newton import InverseHessian

__all__ = ["PenalisedProfile"]

MAX_ITER = 200
# A step that promises less than this many nats leaves even less.
SMALL_DECREMENT = 1e-10
# If rounding errors leave no lower point, the step may have promised up to this many nats.
TOLERATED_DECREMENT = 1e-7
# Rounding errors of the penalised likelihood, as a fraction of it.
ROUNDING = 1e-14
MAX_TRIALS = 60
# The error of an end of an interval, as a fraction of its distance from the estimate.
TOLERANCE = 1e-7
# A trial is at most this many times as far out as the one before.
FARTHEST = 3.0
NOT_FOUND = "The largest penalised likelihood with a coefficient held was not found"


class PenalisedProfile:
    """The profile of the penalised likelihood around the optimum.

    The Hessian of the penalty is not known, and a Newton step for all parameters at once, as
    `Profile` takes it, would converge slowly or not at all. Here the likelihood is maximised with
    the coefficient held, at values between which the end of the interval is.

    The penalised likelihood is not concave. Of several maxima, which a few samples for each
    coefficient may have, the one is followed that comes from the optimum.

    Parameters
    ----------
    likelihood : Likelihood
        With the Fisher information instead of the Hessian.
    optimum : Point
    information : Information
        Of the optimum.
    """

    def __init__(self, likelihood: Likelihood, optimum: Point, information: Information) -> None:
        self.likelihood, self.optimum, self.information = likelihood, optimum, information

    def end(self, c: NDArray[np.float64], fall: float, sign: int) -> float:
        """Return the end of the interval for c @ theta: the upper (sign=1) or lower (sign=-1) one.

        The root of twice the fall is about linear in the distance from the estimate. Newton's
        method finds where it is what it should be; halving takes over where a step leaves the
        bracket.

        Parameters
        ----------
        c : ndarray of shape (n_parameters,)
        fall : float
            Of the log-likelihood, in nats.
        sign : {1, -1}

        Returns
        -------
        end : float
            NaN, with a ConvergenceWarning, where it was not found. It is always finite: Jeffreys'
            prior vanishes in all directions.
        """
        estimate, target = float(c @ self.optimum.theta), float(np.sqrt(2 * fall))
        point = self.optimum
        # Distances from the estimate. The first is the end of Wald's interval.
        lower, upper = 0.0, np.inf
        distance = target * float(np.sqrt(c @ self.information.solve(c)))
        for _ in range(MAX_TRIALS):
            value = np.array([estimate + sign * distance])
            found, is_found = self._maximum(c[None], value, point)
            if not np.isfinite(found.value):
                # The step is too long: all probabilities are 0 or 1.
                distance = (lower + distance) / 2
                continue
            if not is_found:
                break
            point = found
            root = np.sqrt(2 * max(point.value - self.optimum.value, 0))
            # The gradient of a constrained maximum is a multiple of c: this is the multiplier.
            slope = sign * float(c @ point.gradient) / float(c @ c) / max(root, ROUNDING)
            step = (target - root) / slope if slope > 0 else np.inf
            if abs(step) <= TOLERANCE * distance:
                return estimate + sign * (distance + step)
            if root < target:
                lower = distance
            else:
                upper = distance
            if upper - lower <= TOLERANCE * distance:
                return estimate + sign * distance
            distance = min(distance + step, FARTHEST * distance)
            if not lower < distance < upper:
                distance = (lower + upper) / 2
        warnings.warn(f"{NOT_FOUND}. An end of a profile interval is NaN", ConvergenceWarning, 4)
        return np.nan

    def maximum(self, constraints: NDArray[np.float64]) -> Point:
        """Return the point of largest likelihood where linear functions of theta are zero.

        Parameters
        ----------
        constraints : ndarray of shape (n_functions, n_parameters)
            They may depend on one another.

        Returns
        -------
        point : Point
            Where it was not found, with a ConvergenceWarning, the last one.
        """
        point, is_found = self._maximum(constraints, np.zeros(len(constraints)), self.optimum)
        if not is_found:
            warnings.warn(NOT_FOUND, ConvergenceWarning, stacklevel=3)
        return point

    def _maximum(
        self, constraints: NDArray[np.float64], values: NDArray[np.float64], start: Point
    ) -> tuple[Point, bool]:
        # The maximum where linear functions of theta have some values, and whether it was found.
        point = self._moved_onto(constraints, values, start)
        if not np.isfinite(point.value):
            return point, False
        model = InverseHessian(lambda b: b)
        for _ in range(MAX_ITER):
            # The information at this point, corrected for the curvature of the penalty along past
            # steps.
            tangent = _TangentSpace(point, constraints)
            model.solve = tangent.solve
            step = model @ -point.gradient
            decrement = -float(point.gradient @ step)
            if decrement <= SMALL_DECREMENT:
                return point, True
            lower = lower_point(
                self.likelihood, point.theta, step, point.value, decrement, rounding=ROUNDING
            )
            if lower is None:
                return point, decrement <= TOLERATED_DECREMENT
            model.update(lower.theta - point.theta, lower.gradient - point.gradient)
            point = lower
        return point, False

    def _moved_onto(
        self, constraints: NDArray[np.float64], values: NDArray[np.float64], start: Point
    ) -> Point:
        # The minimum of the quadratic model among points where the functions have these values.
        tangent = _TangentSpace(start, constraints)
        step = tangent.onto(values - constraints @ start.theta) - tangent.solve(start.gradient)
        return self.likelihood(start.theta + step)


class _TangentSpace:
    # The steps along which linear functions of theta do not change.

    def __init__(self, point: Point, constraints: NDArray[np.float64]) -> None:
        self.constraints, self.information = constraints, Information(point.hessian)
        self.along = self.information.solve(constraints.T)
        self.products = constraints @ self.along

    def onto(self, change: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the smallest step, by the information, that changes the functions by `change`."""
        # Coefficients that sum to zero over the classes are not linearly independent functions.
        return self.along @ np.linalg.lstsq(self.products, change, rcond=1e-12)[0]

    def solve(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the product of the inverse information within the space with a vector."""
        solution = self.information.solve(vector)
        return solution - self.onto(self.constraints @ solution)
