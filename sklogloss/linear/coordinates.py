"""Center and scale of the columns of X: the coordinates in which a problem is an even one."""

from __future__ import annotations

import numpy as np

from sklogloss.penalties import Penalty

__all__ = ["Coordinates", "balanced_coordinates"]


class Coordinates:
    """The linear map between theta, which solvers see, and coefficients and intercepts.

    In theta, column j of X is centred at center[j] and multiplied by scale[j], so that columns of
    very different size or far from zero make an even problem. With scale = 1 and center = 0, theta
    is (coef, intercept).

    Parameters
    ----------
    center, scale : ndarray of shape (n_features,), float64
        Scales are powers of two, so that scaling does not round.
    n_columns : int
        Columns of raw_prediction.
    fit_intercept : bool
    constant : ndarray of int, default=()
        Columns that are constant but not zero: centred, they change no raw prediction. Those of
        `balanced_coordinates` may be, by the rows that it has seen.

    Attributes
    ----------
    n_features : int
    shape : tuple of int
        (n_features + fit_intercept, n_columns), that of theta when it is not flat.
    """

    def __init__(self, center, scale, n_columns, fit_intercept, constant=()):
        self.center = center
        self.scale = scale
        self.n_columns = n_columns
        self.fit_intercept = fit_intercept
        self.constant = constant
        self.n_features = len(center)
        self.shape = (len(center) + fit_intercept, n_columns)

    def coef_intercept(self, theta):
        """Return coef (n_features, n_columns) and intercept (n_columns,) of a theta."""
        theta = theta.reshape(self.shape)
        coef = theta[: len(self.scale)] * self.scale[:, None]
        if not self.fit_intercept:
            return coef, np.zeros(self.n_columns)
        return coef, theta[-1] - self.center @ coef

    def theta(self, coef, intercept):
        """Return the flat theta of coef (n_features, n_columns) and intercept (n_columns,)."""
        coef = np.asarray(coef, dtype=np.float64)
        theta = np.empty(self.shape)
        theta[: len(self.scale)] = coef / self.scale[:, None]
        if self.fit_intercept:
            theta[-1] = intercept + self.center @ coef
        return theta.ravel()

    def columns(self, features) -> Coordinates:
        """Return the coordinates of some columns of X."""
        return Coordinates(
            self.center[features],
            self.scale[features],
            self.n_columns,
            self.fit_intercept,
            np.flatnonzero(np.isin(features, self.constant)) if len(self.constant) else (),
        )

    def with_constant(self, constant) -> Coordinates:
        """Return the coordinates with other columns known to be constant."""
        return Coordinates(self.center, self.scale, self.n_columns, self.fit_intercept, constant)

    def center_gram(self, grams):
        """Turn cross-products of scaled columns and 1 into those of centred ones, in place.

        A pass centres a dense X; for a sparse one this is the same in hindsight.

        Parameters
        ----------
        grams : ndarray of shape (n, n_features + 1, n_features + 1)
            Their lower triangles.
        """
        p, center = self.n_features, self.center * self.scale
        with_ones = grams[:, p, :p]
        for gram, ones, total in zip(grams, with_ones, grams[:, p, p], strict=True):
            cross = np.outer(center, ones - total / 2 * center)
            gram[:p, :p] -= cross
            gram[:p, :p] -= cross.T
            ones -= total * center

    def penalty_in_theta(self, penalty) -> Penalty:
        """Return the penalty of coefficients as one of theta, in flat arrays."""
        p, scale = self.n_features, self.scale[:, None]
        l1, l2 = np.zeros((2, *self.shape))
        l1[:p] = penalty.l1 * scale
        # The square root of the strength first: scale**2 may overflow where the product does not.
        l2[:p] = (np.sqrt(penalty.l2) * scale) ** 2
        if not penalty.is_bounded:
            return Penalty(l1.ravel(), l2.ravel())
        lower, upper = np.full(self.shape, -np.inf), np.full(self.shape, np.inf)
        lower[:p], upper[:p] = penalty.lower / scale, penalty.upper / scale
        return Penalty(l1.ravel(), l2.ravel(), lower.ravel(), upper.ravel())


def balanced_coordinates(
    samples, penalty, *, n_columns, fit_intercept, row_curvature=None, smallest=0.0
) -> Coordinates:
    """Return coordinates in which the Hessian has a diagonal close to one: one pass.

    It is the Hessian of log loss at zero, or that of a point whose row curvature is given. There a
    row far from all others may have set center and scale at zero, and have no curvature left once
    it is separated: in the first coordinates the other rows' columns then are all but constant, and
    the Hessian is so ill-conditioned that its equations cannot be solved.

    Parameters
    ----------
    samples : Samples
        They may be a few rows of those that are fitted. Rows of weight zero have no say.
    penalty : Penalty
        Of the coefficients.
    n_columns : int
    fit_intercept : bool
        Without, columns are not centred.
    row_curvature : ndarray of shape (n_samples,), default=None
        Of the weighted loss of each row, see `Samples.row_curvature`.
    smallest : float or ndarray of shape (n_features,), default=0.0
        Floor of the curvature along a coefficient.
    """
    dtype = samples.dtype
    total, mean, spread = samples.moments(row_curvature, centred=fit_intercept)
    if row_curvature is None:
        n_classes = max(2, n_columns)
        per_row = (1 - 1 / n_classes) / n_classes
    else:
        per_row = total / samples.weight_sum
    curvature = np.maximum(per_row * spread, smallest) + np.ravel(penalty.l2)
    with np.errstate(all="ignore"):
        center = mean.astype(dtype)
        scale = 1 / np.sqrt(curvature)
    unusable = ~(np.isfinite(scale) & (scale > 0))
    if unusable.any():
        # Without penalty: the column is constant, or its squares leave the range of float64.
        with np.errstate(all="ignore"):
            size = samples.largest_entries(unusable)
            scale[unusable] = np.where(size > 0, 1 / size, 1)[unusable]
        center[~np.isfinite(center)] = 0
    limits = np.finfo(dtype)
    scale = np.minimum(np.maximum(scale, limits.tiny), limits.max / 2)  # faster than np.clip
    scale = np.exp2(np.round(np.log2(scale)))
    is_suspect = fit_intercept and not spread.all()
    constant = np.flatnonzero((spread == 0) & (center != 0)) if is_suspect else ()
    return Coordinates(
        center.astype(np.float64),
        scale.astype(dtype).astype(np.float64),
        n_columns,
        fit_intercept,
        constant,
    )
