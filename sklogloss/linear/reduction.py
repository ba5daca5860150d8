"""A problem of more features than samples, in as many features as there are samples."""

import numpy as np
from scipy.linalg import get_lapack_funcs, solve_triangular

from sklogloss._cython import data_pass
from sklogloss.linear.design import make_design

__all__ = ["RowReduction", "is_reducible"]

# Cross-products of the rows cost n_samples / 2 multiplications for each entry of X, the conjugate
# gradients that they save about a hundred.
MAX_SAMPLES = 2000
MIN_FEATURES = 1000


def is_reducible(design, l2):
    """Return whether the reduction saves time: few rows, dense, many features, and a penalty."""
    n_samples, n_features = design.n_samples, design.n_features
    return (
        l2 > 0
        and not design.is_sparse
        and n_samples <= MAX_SAMPLES
        and n_features >= max(2 * n_samples, MIN_FEATURES)
    )


class RowReduction:
    """The same objective in the coordinates of the space that the rows of X span.

    The optimum lies in that space, since anything beside it only adds to the penalty. With the
    centred rows' cross-products X X' = L L' (a Cholesky factor with pivots, as some rows may depend
    on others), the coefficients X' a have raw predictions L v and the length of v = L' a.

    Parameters
    ----------
    objective : LinearObjective
        Of a dense X.

    Attributes
    ----------
    objective : LinearObjective or None
        In v; its minimum is that of the given one, to the accuracy of the cross-products. None if
        these overflow, or vanish beside their rounding errors.
    """

    def __init__(self, objective):
        self.X = objective.design.X
        self.fit_intercept = objective.fit_intercept
        rows = make_design(self.X.T, objective.dtype)
        n = rows.n_features
        zero, one = np.zeros(n, dtype=objective.dtype), np.ones(n, dtype=objective.dtype)
        self.objective = None
        products = data_pass.gram(rows, zero, one, None, False, objective.n_threads)
        # Pivots of the size of the products' rounding errors are no directions of the rows.
        eps = np.finfo(objective.dtype).eps
        rounding = objective.n_features * eps * np.diagonal(products).max()
        if self.fit_intercept:
            products = _centered(products)
        if not np.all(np.isfinite(products)):
            return
        (pstrf,) = get_lapack_funcs(("pstrf",), (products,))
        factor, pivots, rank, _ = pstrf(products, lower=True, tol=rounding)
        if rank == 0:
            return
        factor = np.tril(factor)[:, :rank]
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

    def coef_intercept(self, theta):
        """Return coef (n_features, n_columns) and intercept (n_columns,) of a theta in v."""
        v, intercept = self.objective.coef_intercept(theta)
        of_pivots = solve_triangular(self.pivot_factor, v, lower=True, trans="T")
        of_rows = np.zeros((len(self.X), v.shape[1]))
        of_rows[self.pivots] = of_pivots
        if self.fit_intercept:
            of_rows -= of_rows.mean(axis=0)
        coef = self.X.T @ of_rows.astype(self.X.dtype)
        if self.fit_intercept:
            intercept = intercept - self.X.mean(axis=0) @ coef
        return coef, intercept


def _centered(products):
    # Cross-products of the rows less their mean, from the lower triangle of those of the rows.
    products = np.tril(products) + np.tril(products, -1).T
    mean = products.mean(axis=0)
    products -= mean
    products -= mean[:, None]
    products += mean.mean()
    return products
