"""A problem of more features than samples, reduced to as many features as samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import get_lapack_funcs, solve_triangular

from sklogloss.linear.entries import Entries
from sklogloss.linear.objective import Objective, balanced_objective
from sklogloss.linear.samples import Samples, make_design, random_rows
from sklogloss.penalties import Penalty

__all__ = ["RowReduction", "is_reducible_in_single"]


def is_reducible_in_single(objective):
    """Return whether cross-products in float32 are worth a try.

    If the columns are far from centred, the mean of the rows uses up most of the digits.
    """
    samples = objective.samples
    if samples.dtype == np.float32 or not objective.loss.is_convex:
        return False
    # BLAS gets centred columns.
    if not (objective.fit_intercept and Entries.of(samples).has_row_kernel(samples.dtype)):
        return True
    some = samples.take(random_rows(samples, 32))
    _, mean, spread = some.moments(np.ones(some.n_samples), centred=True)
    return bool(mean @ mean <= spread.sum())


@dataclass(frozen=True, eq=False)
class RowReduction:
    """The same objective in the coordinates of the space that the rows of X span.

    The optimum lies in that space, because a component orthogonal to it only adds to the penalty.
    With the centred rows' cross-products X D X' = L L' (a Cholesky factor with pivots, as some rows
    may depend on others), the coefficients D X' a have raw predictions L v and the length of v = L'
    a. D is the identity, or for a penalty with a factor per feature its inverse.

    Attributes
    ----------
    objective : Objective
        In v; it has the minimum of the given objective, to the accuracy of the cross-products.
    entries : Entries
        Of X.
    factor : ndarray of shape (n_features,) or None
    row_means : ndarray of shape (n_samples,)
        Row means of the cross-products; zero without an intercept.
    pivots : ndarray of shape (rank,)
    pivot_factor : ndarray of shape (rank, rank)
        Rows of L.
    """

    objective: Objective
    entries: Entries
    factor: np.ndarray | None
    row_means: np.ndarray
    pivots: np.ndarray
    pivot_factor: np.ndarray

    @classmethod
    def of(cls, objective, *, single=False) -> RowReduction | None:
        """Return the reduction of an objective: one pass.

        Parameters
        ----------
        objective : Objective
            With a dense X, and an L2 penalty of all coefficients.
        single : bool
            Whether to compute the cross-products of a float64 X in float32, at twice the speed.

        Returns
        -------
        reduction : RowReduction or None
            None if the cross-products overflow, or are no larger than their rounding errors.
        """
        samples, fit_intercept = objective.samples, objective.fit_intercept
        entries, dtype = Entries.of(samples), samples.dtype
        l2, factor, weight = float(np.min(objective.penalty.l2)), None, None
        if np.ndim(objective.penalty.l2):
            factor = np.ravel(objective.penalty.l2) / l2
            weight = (1 / factor).astype(dtype)
        products, row_means = entries.row_products(
            weight, dtype=dtype, single=single, centred=fit_intercept, n_threads=samples.n_threads
        )
        # Pivots of the size of the products' rounding errors stand for no direction of the rows.
        if single:
            # Rounding errors of sums in float32 add up like a random walk.
            eps = np.sqrt(objective.n_features) * np.finfo(np.float32).eps
        else:
            eps = objective.n_features * np.finfo(dtype).eps
        rounding = eps * np.diagonal(products).max()
        if fit_intercept:
            with np.errstate(all="ignore"):  # they may have overflowed
                row_means += _center(products)
        # LAPACK compares the first pivot only with zero.
        if not (np.all(np.isfinite(products)) and np.diagonal(products).max() > rounding):
            return None
        (pstrf,) = get_lapack_funcs(("pstrf",), (products,))
        # To LAPACK, which is column-major, the lower triangle is the upper one.
        lower, pivots, rank, _ = pstrf(products.T, lower=False, tol=rounding, overwrite_a=True)
        lower, pivots = np.tril(lower.T[:, :rank]), pivots - 1
        reduced = np.empty((samples.n_samples, rank), dtype=dtype)
        reduced[pivots] = lower
        in_v = balanced_objective(
            Samples(
                make_design(reduced),
                samples.target,
                samples.weight,
                samples.offset,
                samples.n_threads,
            ),
            objective.loss,
            Penalty(l2=l2),
            fit_intercept=fit_intercept,
        )
        return cls(in_v, entries, factor, row_means, pivots[:rank], lower[:rank])

    @property
    def has_all_rows(self):
        """Whether the rows that were left out, if any, add no direction."""
        return len(self.pivots) >= self.entries.shape[0] - self.objective.fit_intercept

    def row_coefficients(self, theta):
        """Return a (n_samples, n_columns) and the intercept in v of a theta in v."""
        v, intercept = self.objective.coef_intercept(theta)
        a = np.zeros((self.entries.shape[0], v.shape[1]))
        a[self.pivots] = solve_triangular(self.pivot_factor, v, lower=True, trans="T")
        if self.objective.fit_intercept:
            a -= a.mean(axis=0)
        return a, intercept

    def gradient(self, coef_gradient, intercept_gradient):
        """Return the gradient in v and the intercept of a function of the coefficients.

        Parameters
        ----------
        coef_gradient : ndarray of shape (n_features, n_columns)
        intercept_gradient : ndarray of shape (n_columns,)

        Returns
        -------
        v_gradient : ndarray of shape (rank, n_columns)
        intercept_gradient : ndarray of shape (n_columns,)
        """
        if self.factor is not None:
            coef_gradient = coef_gradient / self.factor[:, None]
        of_rows = self._within_range(self.entries.times, coef_gradient)
        of_rows = of_rows - np.outer(self.row_means, intercept_gradient)
        if self.objective.fit_intercept:
            of_rows -= of_rows.mean(axis=0)
        of_pivots = of_rows[self.pivots]
        return solve_triangular(self.pivot_factor, of_pivots, lower=True), intercept_gradient

    def theta(self, a, intercept):
        """Return the theta in v of the row_coefficients of another reduction."""
        v = Entries.of(self.objective.samples).transposed_times(a)
        return self.objective.theta(v, intercept)

    def coef_intercept(self, theta):
        """Return coef (n_features, n_columns) and intercept (n_columns,) of a theta in v."""
        a, intercept = self.row_coefficients(theta)
        coef = self._within_range(self.entries.transposed_times, a)
        if self.factor is not None:
            coef = coef / self.factor[:, None]
        return coef, intercept - self.row_means @ a

    def _within_range(self, multiply, vectors):
        # X @ vectors, or X' @ vectors, in the arithmetic of X. Vectors are scaled, so that neither
        # terms nor sums leave its range.
        _, exponent = np.frexp(np.abs(vectors).max(initial=0) * len(vectors))
        scaled = np.ldexp(vectors, -exponent).astype(self.entries.dtype)
        return np.ldexp(multiply(scaled).astype(np.float64), exponent)


def _center(products):
    # Turn the cross-products of the rows into those of the rows minus their mean, in place, and
    # return the means of the given products. Their lower triangle is set, and the upper one is
    # zero.
    mean = products.sum(axis=0) + products.sum(axis=1) - np.diagonal(products)
    mean /= len(mean)
    products -= mean
    products -= (mean - mean.mean())[:, None]
    return mean
