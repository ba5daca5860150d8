"""Corrections of a fit under Jeffreys' prior, which pulls probabilities towards 1/2.

Both are by Puhr, Heinze, Nold, Lusa and Geroldinger, Statistics in Medicine 36, 2017. After either,
the mean probability of each class is its weighted fraction of the samples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sklogloss._cython.cholesky import CholeskyFactor
from sklogloss.linear.limits import EPS
from sklogloss.linear.objective import Coordinates, Objective
from sklogloss.linear.row_functions import changed_samples
from sklogloss.linear.samples import make_design, random_rows
from sklogloss.linear.scores import raw_prediction
from sklogloss.linear.symmetric import symmetric
from sklogloss.losses.log_loss import LogLoss

from .firth import MANY_ROWS_PER_PARAMETER, SUBSET_ROWS_PER_PARAMETER, FirthResult
from .halving import lower_point
from .stopping import ENOUGH, LARGEST_GAP, Verdict

__all__ = ["CORRECTIONS", "correct_intercept"]

CORRECTIONS = ("flac", "flic")


def correct_intercept(result, correction, goal) -> FirthResult:
    """Return the result of Firth's method with its intercept corrected.

    Parameters
    ----------
    result : FirthResult
        Its objective has intercepts.
    correction : {"flac", "flic"}
    goal : Goal

    Returns
    -------
    corrected : FirthResult
        Includes the iterations of the correction and, if it is not solved, its verdict. Where the
        objective overflows, there is nothing to correct.
    """
    if result.verdict is Verdict.OVERFLOW:
        return result
    with np.errstate(all="ignore"):
        objective = (
            InterceptObjective(result.objective, result.theta)
            if correction == "flic"
            else AugmentedObjective(result)
        )
        start = objective.start(goal.part(gap=LARGEST_GAP))
        shift, n_iter, verdict = _minimise(objective, start, goal)
    return replace(
        result,
        theta=objective.theta_of(shift),
        n_iter=result.n_iter + n_iter,
        verdict=result.verdict if verdict.is_solved else verdict,
    )


def _minimise(objective, shift, goal):
    # Newton's method from a shift, with the Hessian of an earlier point where that is good enough.
    decrement = np.inf
    point = objective.look(shift)
    factor = CholeskyFactor(objective.hessian(shift))
    for n_iter in range(goal.max_iter + 1):
        direction = -factor.solve(point.gradient)
        previous, decrement = decrement, -float(point.gradient @ direction)
        if not (np.isfinite(point.value) and np.isfinite(decrement)):
            return shift, n_iter, Verdict.OVERFLOW
        # The last step reduces the decrement at the rate of the step before, but no faster than the
        # missing part of the Hessian allows. Before the first step, the rate is unknown.
        rate = max(decrement / previous, ENOUGH**2) if decrement < previous < np.inf else 1.0
        is_flat = np.abs(point.gradient).max() <= goal.tol
        if is_flat and rate * decrement / 2 <= goal.gap * point.value:
            # The last step costs no pass, because its direction is known.
            if n_iter < goal.max_iter:
                shift, n_iter = shift + direction, n_iter + 1
            return shift, n_iter, Verdict.CONVERGED
        if n_iter == goal.max_iter:
            break
        lower = lower_point(objective.look, shift, direction, point.value, decrement)
        if lower is None:
            is_rounding = decrement / 2 <= np.sqrt(EPS) * point.value
            return shift, n_iter, Verdict.ROUNDING if is_rounding else Verdict.STALLED
        shift, point = lower.shift, lower
        # A Hessian of an earlier point is good enough while its steps leave little of the
        # decrement.
        if decrement > ENOUGH * previous:
            factor = CholeskyFactor(objective.hessian(shift))
    return shift, n_iter, Verdict.MAX_ITER


class ShiftedPoint(NamedTuple):
    """Mean loss, in nats, and its gradient after a shift."""

    shift: np.ndarray
    value: float
    gradient: np.ndarray


class InterceptObjective:
    """Log loss as a function of the intercepts alone, with fixed coefficients: one pass over X.

    FLIC minimises it, and FLAC starts at its minimum. Scores become offsets of samples with a
    column of zeros, so that only the loss is evaluated again.

    Parameters
    ----------
    objective : Objective
    theta : ndarray of shape (n_parameters,)
        The coefficients, and the intercepts to which shifts are added.

    Attributes
    ----------
    n_parameters : int
    """

    def __init__(self, objective, theta):
        self.theta, self.entries = theta, _intercepts(objective)
        samples, k = objective.samples, objective.n_columns
        function = _ScoresAsOffset(*objective.coef_intercept(theta))
        design = {"n_features": 1, "is_sparse": False, "n_stored": samples.n_samples}
        self.objective = objective.replace(
            samples=changed_samples(samples, "scores", function, n_columns=k, **design),
            coordinates=Coordinates(np.zeros(1), np.ones(1), k, fit_intercept=True),
        )
        self.intercepts = _intercepts(self.objective)
        self.n_parameters = len(self.intercepts)

    def start(self, goal):
        """Return no shift, whatever the goal."""
        return np.zeros(self.n_parameters)

    def theta_of(self, shift):
        """Return theta after a shift of the intercepts."""
        return _shifted(self.theta, self.entries, shift)

    def look(self, shift):
        """Return the point after a shift, with the gradient in the intercepts."""
        point = self.objective.value_gradient(self._theta_of_zeros(shift))
        return ShiftedPoint(shift, point.value, point.gradient[self.intercepts])

    def hessian(self, shift):
        """Return the Hessian in the intercepts, its lower triangle."""
        point = self.objective.value_gradient_hessian(self._theta_of_zeros(shift))
        return point.hessian[np.ix_(self.intercepts, self.intercepts)]

    def _theta_of_zeros(self, shift):
        return _shifted(np.zeros(self.objective.n_parameters), self.intercepts, shift)


class AugmentedObjective:
    """Log loss of the samples and of pseudo-samples with separate intercepts: FLAC.

    The parameters are the step of the free parameters, then the differences of the intercepts of
    the pseudo-samples from those of the samples.

    Parameters
    ----------
    result : FirthResult
        The point at which all parameters are zero; has the pseudo-counts.

    Attributes
    ----------
    n_parameters : int
    """

    def __init__(self, result):
        self.penalised = result.penalised
        self.theta = result.theta
        self.information = result.last_point.information
        self.pseudo = _pseudo_objective(result.penalised, result.last_point.counts)
        self.intercepts = _intercepts(result.objective)
        n_free = self.penalised.n_free
        self.n_parameters = n_free + len(self.intercepts)
        n_samples = result.objective.samples.n_samples
        self.has_many_rows = n_samples >= MANY_ROWS_PER_PARAMETER * n_free

    def start(self, goal):
        """Return the best shift for the pseudo-samples alone, or for many of them."""
        shift = np.zeros(self.n_parameters)
        pseudo = self.pseudo
        if self.has_many_rows:
            size = SUBSET_ROWS_PER_PARAMETER * self.penalised.n_free
            samples = pseudo.samples.take(random_rows(pseudo.samples, size))
            pseudo = pseudo.replace(samples=samples)
        alone = InterceptObjective(pseudo, self.theta)
        of_pseudo, _, _ = _minimise(alone, alone.start(goal), goal)
        if np.all(np.isfinite(of_pseudo)):
            shift[self.penalised.n_free :] = of_pseudo
        return shift

    def theta_of(self, shift):
        """Return the theta of the samples after a shift."""
        return self.penalised.moved(self.theta, shift[: self.penalised.n_free])

    def _theta_of_pseudo(self, shift):
        theta = self.theta_of(shift)
        theta[self.intercepts] += shift[self.penalised.n_free :]
        return theta

    def look(self, shift):
        """Return the point after a shift: a pass over the samples, and one over the others."""
        point = self.penalised.objective.value_gradient(self.theta_of(shift))
        other = self.pseudo.value_gradient(
            self._theta_of_pseudo(shift), curvature=self.has_many_rows
        )
        self.of_pseudo = other
        of_free = self.penalised.of_theta(point.gradient + other.gradient)
        gradient = np.append(of_free, other.gradient[self.intercepts])
        return ShiftedPoint(shift, point.value + other.value, gradient)

    def hessian(self, shift):
        """Return the lower triangle of the Hessian at the last point.

        Two passes, or one if theta is not shifted.
        """
        of_samples = self.information
        if shift[: self.penalised.n_free].any():
            theta = self.theta_of(shift)
            of_samples = self.penalised.objective.value_gradient_hessian(theta).hessian
        other, of_intercepts = self._hessian_of_pseudo()
        n_free, size = self.penalised.n_free, self.n_parameters
        hessian = np.zeros((size, size))
        hessian[:n_free, :n_free] = self.penalised.of_hessian(of_samples + other)
        for i, row in enumerate(of_intercepts):
            hessian[n_free + i, :n_free] = self.penalised.of_theta(row)
            hessian[n_free + i, n_free:] = row[self.intercepts]
        return hessian

    def _hessian_of_pseudo(self):
        # The lower triangle, and the full rows of the intercepts. With many rows, the
        # pseudo-samples may have almost no weight compared to the samples. Then passes only pay for
        # the intercepts of the pseudo-samples, which only they determine.
        if self.has_many_rows:
            of_pseudo = self.pseudo.hessian_diagonal(self.of_pseudo)
            of_samples = np.diagonal(self.information)
            if np.all(of_pseudo <= ENOUGH * of_samples):
                units = np.eye(self.pseudo.n_parameters)[self.intercepts]
                return 0.0, [self.pseudo.hessian_product(self.of_pseudo, unit) for unit in units]
        hessian = self.pseudo.value_gradient_hessian(self.of_pseudo.theta).hessian
        return hessian, symmetric(hessian)[self.intercepts]


def _shifted(theta, entries, shift):
    theta = theta.copy()
    theta[entries] += shift
    return theta


def _intercepts(objective):
    # The entries of theta that are intercepts. The first of several classes has no intercept.
    n_own = max(1, objective.n_columns - 1)
    return np.arange(objective.n_parameters - n_own, objective.n_parameters)


def _pseudo_objective(penalised, counts):
    # The objective of pseudo-counts. Its values are added to those of the samples.
    objective = penalised.objective
    k = objective.n_columns
    # The weights may be the given ones divided by a power of two.
    function = _PseudoSamples(penalised.strength * objective.weight_sum, k)
    return Objective(
        changed_samples(objective.samples, "pseudo-samples", function, counts, n_columns=k),
        LogLoss(max(2, k)).kernel(target_is_matrix=k > 1),
        objective.penalty,
        objective.coordinates,
        objective.weight_sum,
    )


# Functions that run where the rows are.


@dataclass(frozen=True)
class _ScoresAsOffset:
    """Samples with a column of zeros, whose offsets are the scores."""

    coef: np.ndarray
    intercept: np.ndarray

    def __call__(self, samples):
        scores = raw_prediction(samples, self.coef, self.intercept)
        if samples.offset is not None:
            scores = scores + samples.offset
        zeros = make_design(np.zeros((samples.n_samples, 1)))
        return replace(samples, design=zeros, offset=np.asfortranarray(scores))


@dataclass(frozen=True)
class _PseudoSamples:
    """Pseudo-counts in place of the targets and weights."""

    strength: float
    n_columns: int

    def __call__(self, samples, counts):
        counts = counts * self.strength
        total = counts.sum(axis=1)
        target = counts[:, 1:] if self.n_columns == 1 else counts
        target = np.asfortranarray(target / np.where(total > 0, total, 1)[:, None])
        return replace(samples, target=target, weight=total)
