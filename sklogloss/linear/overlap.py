"""Whether the classes certainly overlap: a certificate from a solution, by some of the rows."""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse
from scipy.linalg import eigh
from scipy.linalg.lapack import dpotrf

from sklogloss._cython.loss_evaluation import evaluate
from sklogloss.linear.design import BLOCK_ENTRIES, row_slices
from sklogloss.linear.limits import (
    EPS,
    LARGEST_HESSIAN,
    ROWS_PER_PARAMETER_OF_HESSIAN,
    SMALL_WORK,
)
from sklogloss.linear.samples import random_rows, take_rows

__all__ = ["certainly_overlap"]


def certainly_overlap(objective, point):
    """Return whether no linear function of the unpenalised columns separates the classes.

    The residuals w > 0 of the wrong classes weigh the differences a of a row's wrong and true class
    so that their sum, sum of w a, is the gradient g. A function that separates has a'd <= 0
    everywhere and somewhere less: w' > 0 whose sum of w' a vanishes rules it out (Stiemke's lemma).
    Such are w' = w (1 - a'G^-1 g) with G = sum of w a a', if no a'G^-1 g reaches 1. None does if
    max |a| |g| is less than the smallest eigenvalue of G. Some rows suffice for G: the others keep
    their w.

    The classes may overlap without a certificate: far from the optimum, or where few rows have a
    large residual.

    Parameters
    ----------
    objective : Objective
    point : Evaluation
        Close to the optimum.

    Returns
    -------
    is_certain : bool
    """
    if _is_certain_by_hessian(objective, point):
        return True
    penalty, shape = objective.penalty_in_theta, objective.shape
    is_free = ((penalty.l1 == 0) & (penalty.l2 == 0)).reshape(shape)
    columns = np.flatnonzero(is_free.any(axis=1))
    if len(columns) > LARGEST_HESSIAN:
        return False
    # At a bound, where a gradient of this sign is that of an optimum, it limits the direction, too.
    gradient = penalty.violation(point.gradient, point.theta).reshape(shape)[columns]
    length = float(np.linalg.norm(gradient)) * objective.weight_sum
    samples = objective.samples
    # A block of rows costs next to nothing.
    size = max(
        BLOCK_ENTRIES // samples.design.n_features,
        ROWS_PER_PARAMETER_OF_HESSIAN * len(columns) * objective.n_columns,
    )
    with np.errstate(all="ignore"):
        if samples.n_samples > 2 * size:
            some = _blocks_of_rows(samples, random_rows(samples, size))
            if _Curvature(objective, point, columns, some).outweighs(length):
                return True
        blocks = _blocks_of_rows(samples, samples.rows_with_weight)
        X = samples.X
        if sparse.issparse(X) and X.format == "csc":
            # Each block costs a look at all entries: no more in all than the products that follow.
            if len(blocks) * X.nnz > samples.n_samples * len(columns) ** 2:
                return False
        return _Curvature(objective, point, columns, blocks).outweighs(length)


def _is_certain_by_hessian(objective, point):
    # The same by the Hessian of log loss, of few parameters and a dense X: a pass. The sum of p (u
    # - u_y)^2 over the classes is at least that of p (u - mean)^2, the Hessian's: G is no smaller.
    samples, loss = objective.samples, objective.loss
    n_rows = ROWS_PER_PARAMETER_OF_HESSIAN * objective.n_parameters
    if not (
        objective.penalty.is_none
        and loss.is_log_loss
        and not samples.design.is_sparse
        and n_rows * objective.n_parameters**2 <= SMALL_WORK
    ):
        return False
    # A block of rows costs next to nothing.
    size = max(BLOCK_ENTRIES // samples.design.n_features, n_rows)
    some = objective
    if samples.n_samples > 2 * size:
        rows = samples.take(np.arange(size))
        some = objective.replace(samples=rows, weight_sum=objective.weight_sum)
    hessian = some.value_gradient_hessian(point.theta).hessian
    if objective.n_columns > 1:
        # Adding the same to all classes changes nothing.
        k = objective.n_columns
        for start in range(0, len(hessian), k):
            block = hessian[start : start + k, start : start + k]
            block += block.trace() / k**2
    with np.errstate(all="ignore"):
        length = float(np.linalg.norm(point.gradient))
        rounding = len(hessian) * float(np.finfo(samples.dtype).eps) * float(hessian.trace())
        least = 2 * math.sqrt(2) * _longest_row(some) * (length + rounding)
        hessian.reshape(-1)[:: len(hessian) + 1] -= least
        # To LAPACK the lower triangle is the upper one. NaN has no factor.
        return math.isfinite(least) and dpotrf(hessian.T, overwrite_a=True)[1] == 0


def _longest_row(objective):
    # An upper bound of the length of the rows of a dense X in theta. Along an axis, NumPy takes ten
    # times as long.
    X, coordinates = objective.samples.X, objective.coordinates
    farthest = max(float(X.max()), -float(X.min())) + np.abs(coordinates.center)
    return math.sqrt(float(np.sum((farthest * coordinates.scale) ** 2)) + objective.fit_intercept)


def _blocks_of_rows(samples, rows):
    n_rows = samples.n_samples if rows is None else len(rows)
    blocks = row_slices(n_rows, samples.design.n_features, BLOCK_ENTRIES)
    return list(blocks) if rows is None else [rows[block] for block in blocks]


class _Curvature:
    """G of some rows in theta, or for several classes a lower bound, the same for each of them.

    For several classes, the sum over k of w_k (u_k - u_y)^2 is at least the smallest w times the
    sum of the squares of u less its mean.

    Parameters
    ----------
    objective : Objective
    point : Evaluation
    columns : ndarray of int
        Rows of theta.
    blocks : list of slice or ndarray of int
        Rows of X.
    """

    def __init__(self, objective, point, columns, blocks):
        self.objective = objective
        self.columns = columns
        self.matrix = np.zeros((len(columns), len(columns)))
        self.longest = 0.0
        coef, intercept = objective.coef_intercept(point.theta)
        X = objective.samples.X
        for rows in blocks:
            some = X[rows] if isinstance(rows, slice) else take_rows(X, rows)
            residual = _smallest_residual(objective, rows, np.asarray(some @ coef) + intercept)
            scaled = self._scaled(some)
            self.matrix += (scaled.T * residual) @ scaled
            squares = np.einsum("ij,ij->i", scaled, scaled)
            self.longest = max(self.longest, math.sqrt(squares.max(initial=0)))

    def _scaled(self, X):
        coordinates = self.objective.coordinates
        features = self._features()
        if len(features) < X.shape[1]:
            X = X[:, features]
        if sparse.issparse(X):
            X = X.toarray()
        scaled = np.ones((len(X), len(self.columns)))
        scaled[:, : len(features)] = X
        scaled[:, : len(features)] -= coordinates.center[features]
        scaled[:, : len(features)] *= coordinates.scale[features]
        return scaled

    def _features(self):
        return self.columns[self.columns < self.objective.n_features]

    def outweighs(self, length):
        """Return whether the smallest eigenvalue exceeds a gradient's length times |a|.

        Directions along which X does not change have no curvature, nor do they matter.
        """
        # Rounding errors of the sums are like a gradient of that size.
        eps = float(np.finfo(self.objective.samples.dtype).eps)
        rounding = len(self.matrix) * eps * float(self.matrix.trace())
        least = 2 * math.sqrt(2) * self.longest * (length + rounding)
        if not (np.isfinite(least) and np.all(np.isfinite(self.matrix))):
            return False
        shifted = self.matrix.copy()
        shifted.reshape(-1)[:: len(shifted) + 1] -= least
        _, info = dpotrf(shifted, overwrite_a=True)
        if info == 0:
            return True
        eigenvalues, vectors = eigh(self.matrix)
        return self._is_constant_along(vectors[:, ~(eigenvalues > least)])

    def _is_constant_along(self, directions):
        # Whether no row of X changes along any of them, but for rounding errors.
        objective = self.objective
        theta = np.zeros((objective.shape[0], directions.shape[1]))
        theta[self.columns] = directions
        coef = theta[: objective.n_features] * objective.coordinates.scale[:, None]
        change = np.asarray(objective.samples.X @ coef)
        if objective.fit_intercept:
            change += theta[-1] - objective.coordinates.center @ coef
        if objective.samples.rows_with_weight is not None:
            change = change[objective.samples.rows_with_weight]
        return np.abs(change).max(initial=0) <= math.sqrt(EPS) * self.longest


def _smallest_residual(objective, rows, raw_prediction):
    # The smallest residual of a wrong class, times the weight, for each of some rows.
    samples, loss = objective.samples, objective.loss
    if samples.offset is not None:
        raw_prediction += samples.offset[rows]
    raw_prediction = np.asfortranarray(raw_prediction, dtype=samples.dtype)
    gradient = np.empty_like(raw_prediction)
    target = np.asfortranarray(samples.target[rows])
    weight = None if samples.weight is None else samples.weight[rows]
    evaluate(loss, target, raw_prediction, weight, None, gradient, None, 1)
    if loss.n_columns == 1:
        return np.abs(gradient[:, 0], dtype=np.float64)
    if target.shape[1] == 1:
        gradient[np.arange(len(gradient)), target[:, 0].astype(np.intp)] = np.inf
    else:
        gradient[target > 0] = np.inf
    return gradient.min(axis=1).astype(np.float64)
