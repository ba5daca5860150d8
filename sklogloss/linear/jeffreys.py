"""Log loss penalised by Jeffreys' prior: value, information and gradient of the penalty."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.blas import dsymm
from scipy.linalg.lapack import dpotrf, dpotrs, dpstrf, dtrtri

from sklogloss._cython.jeffreys_pass import jeffreys_gradient
from sklogloss.linear.limits import EPS, ROUNDING
from sklogloss.linear.objective import Coordinates
from sklogloss.linear.row_functions import (
    changed_samples,
    of_each_part,
    sum_and_keep,
    sum_over_rows,
)
from sklogloss.linear.scores import raw_prediction

__all__ = ["JeffreysObjective", "JeffreysPoint"]

LEAST = np.finfo(np.float64).tiny


@dataclass
class JeffreysPoint:
    """The penalised objective at one point, as a function of the free parameters.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
        The scaled parameters. Those of the first of several classes are zero.
    value : float
        Mean log loss minus the mean penalty, in nats; infinite if the information is singular.
    gradient : ndarray of shape (n_free,)
        Gradient of the log loss, and of the penalised objective once the point is complete.
    information : ndarray of shape (n_parameters, n_parameters)
        Mean Fisher information of theta, in its lower triangle.
    factor : Fortran-ordered ndarray of shape (n_free, n_free)
        Lower Cholesky factor of the information of the free parameters.
    of_penalty : ndarray of shape (n_free,) or None
        The contribution of the penalty to the gradient.
    max_gradient : float
        Largest absolute entry of the gradient in the coefficients and intercepts themselves.
    counts : Fortran-ordered ndarray of shape (n_samples, n_classes), PartitionedRows or None
        Pseudo-counts of a complete point, if kept: the log loss of this many more samples of each
        class in each row has the same gradient as the penalty. The pseudo-counts of a row sum to
        its leverage; with two classes, each gets half of it.
    typical_leverage : float
        Of a complete point: the leverage of the row that determines a parameter, as a mean over the
        parameters.
    """

    theta: np.ndarray
    value: float
    gradient: np.ndarray
    information: np.ndarray
    factor: np.ndarray
    of_penalty: np.ndarray | None = None
    max_gradient: float = np.inf
    counts: Any = None
    typical_leverage: float = 0.0

    def solve(self, b):
        """Return the solution x of information x = b, for the free parameters."""
        return dpotrs(self.factor, b, lower=True)[0]


class JeffreysObjective:
    """Mean log loss less the mean of ln |I| / 2, where I is the Fisher information.

    With K classes, the parameters of the first class are fixed at zero, and I is the information of
    the others. Its determinant does not depend on the choice of that class.

    Columns of X may depend on others. I is then the information in a basis of the directions that
    change raw predictions, and theta stays within the span of this basis. If the columns have a
    similar spread, this gives the coefficients of smallest norm among all with the same
    probabilities.

    Parameters
    ----------
    objective : Objective
        Log loss without a penalty, with arithmetic in float64.
    strength : float
        One divided by the sum of the given weights.
    basis : ndarray of shape (n_identified, n_free), default=None
        Rows are orthonormal. None if no columns depend on others.

    Attributes
    ----------
    n_free : int
        Number of free parameters.
    """

    def __init__(self, objective, strength, basis=None):
        self.objective = objective
        self.strength = strength
        self.basis = basis
        numbers, n_columns = np.arange(objective.n_parameters), objective.n_columns
        # Entries of theta: the first of several classes has none.
        self.entries = numbers if n_columns == 1 else numbers[numbers % n_columns > 0]
        self.n_free = len(self.entries) if basis is None else len(basis)

    def start(self):
        """Return the theta of a cold start."""
        start = self.objective.start()
        if self.objective.n_columns > 1:
            theta = start.reshape(self.objective.shape)
            start = (theta - theta[:, :1]).ravel()
        return self.within(start)

    def within(self, theta):
        """Return a theta with the same raw predictions, where all but free parameters are zero."""
        return self.moved(np.zeros_like(theta), self.of_theta(theta))

    def moved(self, theta, step):
        """Return theta after a step of the free parameters."""
        theta = theta.copy()
        theta[self.entries] += step if self.basis is None else step @ self.basis
        return theta

    def of_theta(self, vector):
        """Return the free parameters of a theta, or the gradient in them of one in theta."""
        vector = vector[self.entries]
        return vector if self.basis is None else self.basis @ vector

    def of_hessian(self, hessian):
        """Return the Hessian in the free parameters, given the one in theta: lower triangles."""
        if self.n_free == len(hessian):
            return hessian
        if len(self.entries) < len(hessian):
            hessian = np.ascontiguousarray(hessian[np.ix_(self.entries, self.entries)])
        if self.basis is None:
            return hessian
        # To BLAS, which is column-major, the lower triangle is the upper one: no copy.
        return self.basis @ dsymm(1.0, hessian.T, self.basis.T, lower=False)

    def look(self, theta, *, may_be_flat=False) -> JeffreysPoint:
        """Evaluate the penalised objective, and the gradient of the log loss: one pass.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
        may_be_flat : bool
            Whether to return a value even if the determinant consists of rounding errors, as at a
            start.
        """
        point = self.objective.value_gradient_hessian(theta)
        information = self.of_hessian(point.hessian)
        # To LAPACK, which is column-major, a C-ordered lower triangle is an upper one.
        upper, info = dpotrf(information.T, lower=False, clean=True)
        factor, value = np.asfortranarray(upper.T), np.inf
        pivots = np.diagonal(factor)
        # Pivots that consist of rounding errors would keep the determinant from falling, and a
        # coefficient could go to infinity.
        rounding = self.n_free * EPS * np.diagonal(information)
        is_curved = may_be_flat or np.all(pivots**2 > rounding)
        if info == 0 and is_curved and np.isfinite(point.value):
            value = point.value - self.strength * np.log(pivots).sum()
        return JeffreysPoint(theta, value, self.of_theta(point.gradient), point.hessian, factor)

    def complete(self, point, *, keeps_counts=False) -> JeffreysPoint:
        """Add the gradient of the penalty to a point: one pass.

        Parameters
        ----------
        point : JeffreysPoint
        keeps_counts : bool
            Whether to keep the pseudo-counts, which also gives the typical leverage.
        """
        objective = self.objective
        coef, intercept = self._with_factor(point)
        function = _PenaltyGradient(
            objective.loss, coef, intercept, objective.weight_sum, keeps_counts
        )
        if keeps_counts:
            (sums, leverage), point.counts = sum_and_keep(objective.samples, "leverages", function)
            point.typical_leverage = float(leverage[1] / max(leverage[0], LEAST))
        else:
            sums, _ = sum_over_rows(objective.samples, "leverages", function)
        # The factor is that of the mean information.
        sums *= -self.strength / objective.weight_sum
        point.of_penalty = self.of_theta(self._in_theta(sums))
        point.gradient = point.gradient + point.of_penalty
        point.max_gradient = self._largest(point.gradient)
        return point

    def longest_step(self, point, direction, change):
        """Return how far to go along a direction of the free parameters: one or two passes.

        Parameters
        ----------
        point : JeffreysPoint
        direction : ndarray of shape (n_free,)
        change : float
            No raw prediction changes by more than this plus its own size.

        Returns
        -------
        step : float
            The factor of the direction, at most 1.
        """
        along = self.moved(np.zeros_like(point.theta), direction)
        parts = [self.objective.coef_intercept(theta) for theta in (point.theta, along)]
        of_parts = of_each_part(self.objective.samples, "changes", _LargestChange(*parts, change))
        return float(1 / max(1.0, *of_parts))

    def identified(self) -> JeffreysObjective:
        """Return the objective with a basis if columns of X depend on others: one pass.

        Probabilities of 1/2 decide, because those of a start may be rounded to 0 or 1.
        """
        objective, samples = self.objective, self.objective.samples
        if samples.offset is not None:
            n_columns = objective.n_columns
            samples = changed_samples(samples, "rows", _without_offset, n_columns=n_columns)
        even = objective.replace(samples=samples)
        information = even.value_gradient_hessian(np.zeros(objective.n_parameters)).hessian
        information = information[np.ix_(self.entries, self.entries)]
        if not np.all(np.isfinite(information)):
            return self
        diagonal = np.diagonal(information)
        is_constant = diagonal <= self._rounding_of_diagonal()
        root = np.sqrt(np.where(is_constant, 1, diagonal))
        scaled = np.tril(information / root / root[:, None])
        scaled[is_constant] = scaled[:, is_constant] = 0
        rounding = ROUNDING * len(scaled) * EPS
        _, _, rank, _ = dpstrf(scaled.T, lower=False, tol=rounding)
        if rank == len(scaled):
            return self
        # The largest eigenvalues belong to the directions that the pivots have found.
        last = len(scaled) - 1
        vectors = scaled[:, :0]
        if rank > 0:
            _, vectors = eigh(scaled, subset_by_index=[last - rank + 1, last])
        directions, _ = np.linalg.qr(vectors * root[:, None])
        return JeffreysObjective(self.objective, self.strength, directions.T)

    def _rounding_of_diagonal(self):
        # Rounding errors of the information's diagonal. A column far from zero loses digits when it
        # is centred. A sparse one loses more, because it is centred after the pass.
        objective = self.objective
        coordinates, eps = objective.coordinates, np.finfo(np.float64).eps
        shift = np.zeros(objective.shape[0])
        if objective.fit_intercept:
            shift[: objective.n_features] = np.abs(coordinates.center) * coordinates.scale
        size = eps * shift**2 if objective.samples.design.is_sparse else (eps * shift) ** 2
        return np.repeat(ROUNDING * size, max(1, objective.n_columns - 1))

    def _with_factor(self, point):
        # Coefficients and intercepts of the raw predictions, then of L^-1 (I kron x).
        objective, coordinates = self.objective, self.objective.coordinates
        inverse, _ = dtrtri(point.factor, lower=True)
        if self.basis is not None:
            inverse = inverse @ self.basis
        rows = inverse.reshape(self.n_free, objective.shape[0], -1).transpose(1, 0, 2)
        of_factor = Coordinates(
            coordinates.center,
            coordinates.scale,
            self.n_free * rows.shape[2],
            coordinates.fit_intercept,
        )
        parts = (objective.coef_intercept(point.theta), of_factor.coef_intercept(rows))
        coef, intercept = (np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True))
        return np.ascontiguousarray(coef), np.ascontiguousarray(intercept)

    def _in_theta(self, sums):
        # The gradient in theta, given the one in coef, class by class, and in the intercepts.
        objective, coordinates = self.objective, self.objective.coordinates
        k, p = objective.n_columns, objective.n_features
        of_coef, of_intercept = sums[: k * p].reshape(k, p).T, sums[k * p : k * (p + 1)]
        gradient = np.empty(objective.shape)
        gradient[:p] = of_coef - np.outer(coordinates.center, of_intercept)
        gradient[:p] *= coordinates.scale[:, None]
        if objective.fit_intercept:
            gradient[-1] = of_intercept
        return gradient.ravel()

    def _largest(self, gradient):
        # The largest absolute entry in coefficients and intercepts, of a gradient in theta.
        coordinates, p = self.objective.coordinates, self.objective.n_features
        if self.basis is not None:
            gradient = gradient @ self.basis
        gradient = gradient.reshape(self.objective.shape[0], -1)
        of_coef = gradient[:p] / coordinates.scale[:, None]
        if self.objective.fit_intercept:
            of_coef += np.outer(coordinates.center, gradient[-1])
        return float(max(np.abs(of_coef).max(initial=0), np.abs(gradient[p:]).max(initial=0)))


# Functions that run where the rows are.


@dataclass(frozen=True)
class _PenaltyGradient:
    """The sums of the penalty's gradient; of leverages and their squares, and the counts."""

    loss: Any
    coef: np.ndarray
    intercept: np.ndarray
    weight_sum: float
    keeps_counts: bool

    def __call__(self, samples):
        counts = None
        if self.keeps_counts:
            shape = (samples.n_samples, max(2, self.loss.n_columns))
            counts = np.empty(shape, order="F")
        sums = jeffreys_gradient(
            samples.design,
            self.loss,
            samples.weight,
            samples.offset,
            self.coef,
            self.intercept,
            counts,
            samples.n_threads,
        )
        if counts is None:
            return sums, None
        counts /= self.weight_sum
        leverage = counts.sum(axis=1)
        leverages = np.array([leverage.sum(), leverage @ leverage])
        return (sums, leverages), counts


@dataclass(frozen=True)
class _LargestChange:
    """The largest change of a raw prediction along a direction, relative to its own size."""

    point: tuple[np.ndarray, np.ndarray]
    direction: tuple[np.ndarray, np.ndarray]
    change: float

    def __call__(self, samples):
        parts = (self.point, self.direction)
        raw, changes = (np.abs(raw_prediction(samples, *part)) for part in parts)
        offset = samples.offset
        raw += self.change if offset is None else self.change + np.abs(offset)
        return (changes / raw).max()


def _without_offset(samples):
    return replace(samples, offset=None)
