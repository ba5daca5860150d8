"""A problem of more features than samples, in as many features as there are samples."""

import numpy as np
from scipy.linalg import get_lapack_funcs, solve_triangular

from sklogloss._cython import data_pass
from sklogloss.linear.design import make_design

__all__ = ["RowReduction", "is_reducible", "is_reducible_in_single", "sample_rows"]

# Cross-products of the rows cost n_samples / 2 multiplications for each entry of X, the conjugate
# gradients that they save about a hundred.
MAX_SAMPLES = 2000
MIN_FEATURES = 1000
# Rows that tell roughly where the columns lie.
N_SAMPLED = 32
# Rounding errors of cross-products in float32 beside the largest, in eps.
ROUNDING_IN_SINGLE = 4


def is_reducible(design, l2):
    """Return whether the reduction saves time: few rows, dense, many features, and a penalty."""
    n_samples, n_features = design.n_samples, design.n_features
    return (
        l2 > 0
        and not design.is_sparse
        and n_samples <= MAX_SAMPLES
        and n_features >= max(2 * n_samples, MIN_FEATURES)
    )


def sample_rows(X):
    """Return a few rows of X, evenly spaced."""
    return X[:: max(1, len(X) // N_SAMPLED)]


def is_reducible_in_single(objective):
    """Return whether cross-products in float32 are worth a try, where is_reducible.

    Where the columns are far from centred, the rows' mean takes most of their digits.
    """
    X = objective.design.X
    if not (make_design(X.T, objective.dtype).has_single_gram and objective.loss.is_convex):
        return False
    if not objective.fit_intercept:
        return True
    sample = sample_rows(X)
    mean = sample.mean(axis=0)
    return bool(mean @ mean <= np.mean(np.einsum("ij,ij->i", sample, sample)) / 2)


class RowReduction:
    """The same objective in the coordinates of the space that the rows of X span.

    The optimum lies in that space, since anything beside it only adds to the penalty. With the
    centred rows' cross-products X X' = L L' (a Cholesky factor with pivots, as some rows may depend
    on others), the coefficients X' a have raw predictions L v and the length of v = L' a.

    Parameters
    ----------
    objective : LinearObjective
        Of a dense X.
    single : bool
        Whether to take the cross-products of float64 in float32, at twice the speed.

    Attributes
    ----------
    objective : LinearObjective or None
        In v; its minimum is that of the given one, to the accuracy of the cross-products. None if
        these overflow, or vanish beside their rounding errors.
    """

    def __init__(self, objective, *, single=False):
        self.fit_intercept = objective.fit_intercept
        self.X = objective.design.X
        rows = make_design(self.X.T, objective.dtype)
        n = rows.n_features
        zero, one = np.zeros(n, dtype=objective.dtype), np.ones(n, dtype=objective.dtype)
        self.objective = None
        products = data_pass.gram(rows, zero, one, None, False, single, objective.n_threads)
        # Pivots of the size of the products' rounding errors are no directions of the rows.
        if single:
            part = ROUNDING_IN_SINGLE * np.finfo(np.float32).eps
        else:
            part = objective.n_features * np.finfo(objective.dtype).eps
        rounding = part * np.diagonal(products).max()
        self.row_means = np.zeros(n)
        if self.fit_intercept:
            self.row_means = _center(products)
        # LAPACK compares the first pivot with zero alone.
        if not (np.all(np.isfinite(products)) and np.diagonal(products).max() > rounding):
            return
        (pstrf,) = get_lapack_funcs(("pstrf",), (products,))
        # To LAPACK, which is column-major, the lower triangle is the upper one.
        factor, pivots, rank, _ = pstrf(products.T, lower=False, tol=rounding, overwrite_a=True)
        factor = np.tril(factor.T[:, :rank])
        self.pivots = pivots[:rank] - 1
        self.pivot_factor = factor[:rank]
        reduced = np.empty((n, rank), dtype=objective.dtype)
        reduced[pivots - 1] = factor
        self.objective = type(objective)(
            make_design(reduced),
            objective.loss,
            objective.target,
            objective.sample_weight,
            l2=objective.l2,
            fit_intercept=objective.fit_intercept,
            n_threads=objective.n_threads,
        )

    def row_coefficients(self, theta):
        """Return a (n_samples, n_columns) and the intercept in v of a theta in v."""
        v, intercept = self.objective.coef_intercept(theta)
        a = np.zeros((len(self.X), v.shape[1]))
        a[self.pivots] = solve_triangular(self.pivot_factor, v, lower=True, trans="T")
        if self.fit_intercept:
            a -= a.mean(axis=0)
        return a, intercept

    def theta(self, a, intercept):
        """Return the theta in v of the row_coefficients of another reduction."""
        return self.objective.theta(self.objective.design.X.T @ a, intercept)

    def coef_intercept(self, theta):
        """Return coef (n_features, n_columns) and intercept (n_columns,) of a theta in v."""
        a, intercept = self.row_coefficients(theta)
        return self.X.T @ a.astype(self.X.dtype), intercept - self.row_means @ a


def _center(products):
    # Make the rows' cross-products, of which the lower triangle is set and the upper one zero,
    # those of the rows less their mean; return the means of the products that were given.
    mean = products.sum(axis=0) + products.sum(axis=1) - np.diagonal(products)
    mean /= len(mean)
    products -= mean
    products -= (mean - mean.mean())[:, None]
    return mean
