"""A problem of more features than samples, in as many features as there are samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import get_lapack_funcs, solve_triangular

from sklogloss._cython import data_pass
from sklogloss.linear.limits import LARGEST_HESSIAN
from sklogloss.linear.objective import Objective, balanced_objective
from sklogloss.linear.samples import Samples, make_design, random_rows
from sklogloss.penalties import Penalty

__all__ = ["RowReduction", "is_reducible_in_single"]


def is_reducible_in_single(objective):
    """Return whether cross-products in float32 are worth a try.

    Where the columns are far from centred, the mean of the rows uses up most of the digits.
    """
    samples = objective.samples
    X = samples.X
    if samples.dtype == np.float32 or not objective.loss.is_convex:
        return False
    # BLAS gets centred columns.
    if not (objective.fit_intercept and make_design(X.T, samples.dtype).has_single_gram):
        return True
    sample = X[random_rows(samples, 32)]
    mean = sample.mean(axis=0)
    return bool(mean @ mean <= np.mean(np.einsum("ij,ij->i", sample, sample)) / 2)


@dataclass(frozen=True, eq=False)
class RowReduction:
    """The same objective in the coordinates of the space that the rows of X span.

    The optimum lies in that space, since anything beside it only adds to the penalty. With the
    centred rows' cross-products X D X' = L L' (a Cholesky factor with pivots, as some rows may
    depend on others), the coefficients D X' a have raw predictions L v and the length of v = L' a.
    D is the identity, or for a penalty with a factor per feature its inverse.

    Attributes
    ----------
    objective : Objective
        In v; its minimum is that of the given one, to the accuracy of the cross-products.
    X : ndarray of shape (n_samples, n_features)
    factor : ndarray of shape (n_features,) or None
    row_means : ndarray of shape (n_samples,)
        Of the cross-products, zero without an intercept.
    pivots : ndarray of shape (rank,)
    pivot_factor : ndarray of shape (rank, rank)
        Rows of L.
    """

    objective: Objective
    X: np.ndarray
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
            Of a dense X, with an L2 penalty of all coefficients.
        single : bool
            Whether to take the cross-products of float64 in float32, at twice the speed.

        Returns
        -------
        reduction : RowReduction or None
            None if the cross-products overflow, or vanish beside their rounding errors.
        """
        samples, fit_intercept = objective.samples, objective.fit_intercept
        X, dtype = samples.X, samples.dtype
        l2, factor, weight = float(np.min(objective.penalty.l2)), None, None
        if np.ndim(objective.penalty.l2):
            factor = np.ravel(objective.penalty.l2) / l2
            weight = (1 / factor).astype(dtype)
        products, row_means = _cross_products(samples, weight, single, fit_intercept)
        # Pivots of the size of the products' rounding errors are no directions of the rows.
        if single:
            # Those of sums in float32 add up like a random walk.
            eps = np.sqrt(objective.n_features) * np.finfo(np.float32).eps
        else:
            eps = objective.n_features * np.finfo(dtype).eps
        rounding = eps * np.diagonal(products).max()
        if fit_intercept:
            with np.errstate(all="ignore"):  # they may have overflowed
                row_means += _center(products)
        # LAPACK compares the first pivot with zero alone.
        if not (np.all(np.isfinite(products)) and np.diagonal(products).max() > rounding):
            return None
        (pstrf,) = get_lapack_funcs(("pstrf",), (products,))
        # To LAPACK, which is column-major, the lower triangle is the upper one.
        lower, pivots, rank, _ = pstrf(products.T, lower=False, tol=rounding, overwrite_a=True)
        lower, pivots = np.tril(lower.T[:, :rank]), pivots - 1
        reduced = np.empty((len(X), rank), dtype=dtype)
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
        return cls(in_v, X, factor, row_means, pivots[:rank], lower[:rank])

    @property
    def has_all_rows(self):
        """Whether the rows that were left out, if any, are no directions of their own."""
        return len(self.pivots) >= len(self.X) - self.objective.fit_intercept

    def row_coefficients(self, theta):
        """Return a (n_samples, n_columns) and the intercept in v of a theta in v."""
        v, intercept = self.objective.coef_intercept(theta)
        a = np.zeros((len(self.X), v.shape[1]))
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
        of_rows = _product(self.X, coef_gradient)
        of_rows = of_rows - np.outer(self.row_means, intercept_gradient)
        if self.objective.fit_intercept:
            of_rows -= of_rows.mean(axis=0)
        of_pivots = of_rows[self.pivots]
        return solve_triangular(self.pivot_factor, of_pivots, lower=True), intercept_gradient

    def theta(self, a, intercept):
        """Return the theta in v of the row_coefficients of another reduction."""
        return self.objective.theta(self.objective.samples.X.T @ a, intercept)

    def coef_intercept(self, theta):
        """Return coef (n_features, n_columns) and intercept (n_columns,) of a theta in v."""
        a, intercept = self.row_coefficients(theta)
        coef = _product(self.X.T, a)
        if self.factor is not None:
            coef = coef / self.factor[:, None]
        return coef, intercept - self.row_means @ a


def _cross_products(samples, weight, single, fit_intercept):
    # The lower triangle of the cross-products of the rows, and what centring of the columns took
    # from their means: none where the passes have a kernel. With many rows BLAS is faster, some
    # columns at a time.
    X, dtype = samples.X, samples.dtype
    n_rows = len(X)
    rows = make_design(X.T, dtype)
    if rows.has_single_gram or dtype == np.float32:
        zero, one = np.zeros(n_rows, dtype=dtype), np.ones(n_rows, dtype=dtype)
        products = data_pass.gram(rows, zero, one, weight, False, single, samples.n_threads)
        return products, np.zeros(n_rows)
    center = X.mean(axis=0, dtype=dtype) if fit_intercept else np.zeros(X.shape[1])
    of_center = center if weight is None else weight * center
    products, of_means = np.zeros((n_rows, n_rows)), np.zeros(n_rows)
    # A copy of so many columns is no larger than the cross-products of the most rows.
    for start in range(0, X.shape[1], LARGEST_HESSIAN):
        of_block = slice(start, start + LARGEST_HESSIAN)
        block = X[:, of_block].astype(np.float64, copy=False)
        of_means += block @ of_center[of_block]
        block = block - center[of_block]
        if weight is not None:
            block *= np.sqrt(weight[of_block])
        if single:
            block = block.astype(np.float32)
        products += block @ block.T
    return np.tril(products), of_means


def _product(X, vectors):
    # X @ vectors in the arithmetic of X, the range of which neither terms nor sums leave.
    _, exponent = np.frexp(np.abs(vectors).max(initial=0) * len(vectors))
    scaled = np.ldexp(vectors, -exponent).astype(X.dtype)
    return np.ldexp((X @ scaled).astype(np.float64), exponent)


def _center(products):
    # Make the rows' cross-products, of which the lower triangle is set and the upper one zero,
    # those of the rows less their mean; return the means of the products that were given.
    mean = products.sum(axis=0) + products.sum(axis=1) - np.diagonal(products)
    mean /= len(mean)
    products -= mean
    products -= (mean - mean.mean())[:, None]
    return mean
