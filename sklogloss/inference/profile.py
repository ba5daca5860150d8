"""Profile likelihood: intervals by the other parameters fitted again."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from sklogloss.inference.covariance import Information
from sklogloss.inference.likelihood import Likelihood, Point
from sklogloss.linear.symmetric import symmetric

__all__ = ["Profile"]

MAX_STEPS = 100
MAX_HALVINGS = 30
# A step may overshoot the end by at most this multiple of the fall.
MOST_FALL = 2
# Stop within this fraction of the half-width.
TOLERANCE = 1e-7
# A step this short leads along the profile likelihood, as a fraction of the half-width.
SHORT = 0.1
# A stale Hessian is recomputed if a step with it brings the end closer by less than this factor.
SLOW = 0.1


class Profile:
    """The profile likelihood around the optimum.

    The end of an interval for the linear function c of theta is where the likelihood, maximised
    over everything else, has fallen by `fall`: there its gradient is a multiple of c. Venzon and
    Moolgavkar [1]_ find the end by Newton's method for all parameters at once, instead of fitting
    the others again for each value that is tried.

    Parameters
    ----------
    likelihood : Likelihood
    optimum : Point
    information : Information
        Of the optimum.

    References
    ----------
    .. [1] D. J. Venzon and S. H. Moolgavkar, "A Method for Computing Profile-Likelihood-Based
       Confidence Intervals", Applied Statistics 37 (1988), 87-94. https://doi.org/10.2307/2347496
    """

    def __init__(self, likelihood: Likelihood, optimum: Point, information: Information) -> None:
        self.likelihood, self.optimum, self.information = likelihood, optimum, information
        self.metric: NDArray[np.float64] = symmetric(optimum.hessian)

    def end(self, c: NDArray[np.float64], fall: float, sign: int) -> float:
        """Return the largest (sign=1) or smallest (sign=-1) value of c @ theta in the interval.

        Parameters
        ----------
        c : ndarray of shape (n_parameters,)
        fall : float
            Of the log-likelihood, in nats.
        sign : {1, -1}

        Returns
        -------
        end : float
            Infinite where the likelihood never falls so far. NaN, with a ConvergenceWarning, where
            rounding errors hide it.
        """
        target = self.optimum.value + fall
        half_width = np.sqrt(2 * fall * (c @ self.information.solve(c[:, None])[:, 0]))
        point, information, is_fresh = self.optimum, self.information, True
        inside, previous = point.theta, None
        for _ in range(MAX_STEPS):
            if point.value <= target:
                inside = point.theta
            step, is_too_far = _newton_step(point, information, c, target, sign)
            # As a fraction of half the width of Wald's interval.
            size = float(np.sqrt(step @ self.metric @ step / (2 * fall)))
            if is_too_far and size <= SHORT:
                # The end is between this point and one inside.
                point, is_fresh = self.likelihood((inside + point.theta) / 2), True
                information, previous = Information(point.hessian), None
                if len(information.dependent):
                    break
                continue
            contraction = 1.0 if previous is None else size / previous
            if contraction > SLOW and not is_fresh:
                point, is_fresh = self.likelihood(point.theta), True
                information = Information(point.hessian)
                if len(information.dependent):
                    break
                continue
            # Where the classes are separable, other parameters may go on to infinity. The gradient
            # is a multiple of c where neither c @ theta nor the likelihood is to change.
            is_there = (
                not is_too_far
                and abs(c @ step) <= TOLERANCE * half_width
                and abs(point.value - target) <= TOLERANCE * fall
            )
            if is_there or not np.isfinite(size) or size * min(contraction, 1) <= TOLERANCE:
                return float(c @ (point.theta + step))
            point = self._moved(point, step / max(1, size), target + MOST_FALL * fall)
            previous, is_fresh = size, False
        diverges = size >= 1 or len(information.dependent) > 0
        if diverges and point.value < target:
            return sign * np.inf
        warnings.warn(
            "An end of a profile interval was not found", ConvergenceWarning, stacklevel=4
        )
        return np.nan

    def _moved(self, point: Point, step: NDArray[np.float64], most: float) -> Point:
        # The end of the step, or of a part of it where the likelihood falls too far.
        for _ in range(MAX_HALVINGS):
            moved = self.likelihood.without_hessian(point.theta + step)
            if moved.value <= most:
                break
            step = step / 2
        return moved


def _newton_step(
    point: Point, information: Information, c: NDArray[np.float64], target: float, sign: int
) -> tuple[NDArray[np.float64], bool]:
    # The step to the point where, in the quadratic model, minus the log-likelihood equals the
    # target and its gradient is a multiple of c. And whether the model is above the target
    # everywhere.
    along, back = information.solve(np.column_stack([c, point.gradient])).T
    curvature = c @ along
    squared = 2 * (target - point.value + point.gradient @ back / 2) / curvature
    if squared >= 0:
        return sign * np.sqrt(squared) * along - back, False
    # Descend first to where c @ theta has its current value.
    return (c @ back / curvature) * along - back, True
