"""The mean penalised loss of a linear model, as a function of scaled parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklogloss._cython.cholesky import CholeskyFactor
from sklogloss._cython.mean_derivatives import center_grams, finish_gradient, join_class_pairs
from sklogloss.linear.limits import EPS, ROUNDING
from sklogloss.linear.samples import Curvature, random_rows
from sklogloss.penalties import Penalty

__all__ = [
    "Coordinates",
    "Evaluation",
    "Objective",
    "balanced_coordinates",
    "balanced_objective",
    "fix_class_shift",
    "least_class_shift",
]


@dataclass(frozen=True, eq=False)
class Coordinates:
    """The linear map between theta, which solvers see, and coefficients and intercepts.

    In theta, column j of X is centred at center[j] and multiplied by scale[j], so that columns of
    very different size or far from zero give a well-conditioned problem. With scale = 1 and center
    = 0, theta is (coef, intercept).

    Attributes
    ----------
    center, scale : ndarray of shape (n_features,), float64
        Scales are powers of two, so that scaling does not round.
    n_columns : int
        Columns of raw_prediction.
    fit_intercept : bool
    constant : ndarray of int, default=()
        Columns of X that are constant but not zero. Once centred, they change no raw prediction.
    """

    center: np.ndarray
    scale: np.ndarray
    n_columns: int
    fit_intercept: bool
    constant: np.ndarray | tuple[()] = ()

    @property
    def shape(self):
        """Shape of theta when it is not flat: (n_features + fit_intercept, n_columns)."""
        return len(self.center) + self.fit_intercept, self.n_columns

    def coef_intercept(self, theta):
        """Return coef (n_features, n_columns) and intercept (n_columns,) of a theta."""
        theta = theta.reshape(-1, self.n_columns)
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

    def gradient_in_coef(self, gradient):
        """Return the gradients in coef and intercept, like `coef_intercept`, of one in theta."""
        gradient = gradient.reshape(-1, self.n_columns)
        of_intercept = gradient[-1] if self.fit_intercept else np.zeros(self.n_columns)
        of_coef = gradient[: len(self.scale)] / self.scale[:, None]
        return of_coef + np.outer(self.center, of_intercept), of_intercept

    def gradient_in_theta(self, of_coef, of_intercept):
        """Return the gradient in theta, given those in coef and intercept."""
        gradient = np.empty(self.shape)
        scale = self.scale[:, None]
        gradient[: len(scale)] = scale * (of_coef - np.outer(self.center, of_intercept))
        if self.fit_intercept:
            gradient[-1] = of_intercept
        return gradient.ravel()

    def columns(self, features) -> Coordinates:
        """Return the coordinates of some columns of X."""
        return Coordinates(
            self.center[features],
            self.scale[features],
            self.n_columns,
            self.fit_intercept,
            np.flatnonzero(np.isin(features, self.constant)) if len(self.constant) else (),
        )

    def center_gram(self, grams):
        """Turn cross-products of scaled columns and 1 into those of centred columns, in place.

        A pass centres a dense X itself. For a sparse X, this has the same effect after the pass.

        Parameters
        ----------
        grams : ndarray of shape (n, n_features + 1, n_features + 1)
            Their lower triangles.
        """
        center_grams(grams, self.center * self.scale)

    def penalty_in_theta(self, penalty) -> Penalty:
        """Return the penalty of coefficients as a function of theta, in flat arrays."""
        p, scale = len(self.center), self.scale[:, None]
        shape = (p + self.fit_intercept, self.n_columns)
        l1, l2 = np.zeros((2, *shape))
        l1[:p] = penalty.l1 * scale
        # The square root of the strength comes first: scale**2 may overflow where the product does
        # not.
        l2[:p] = (np.sqrt(penalty.l2) * scale) ** 2
        if not penalty.is_bounded:
            return Penalty(l1.ravel(), l2.ravel())
        lower, upper = np.full(shape, -np.inf), np.full(shape, np.inf)
        lower[:p], upper[:p] = penalty.lower / scale, penalty.upper / scale
        return Penalty(l1.ravel(), l2.ravel(), lower.ravel(), upper.ravel())


@dataclass
class Evaluation:
    """The objective at one point.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
        The scaled parameters.
    value : float
        Mean penalised loss in nats.
    gradient : ndarray of shape (n_parameters,)
        Gradient in theta of the loss and the L2 penalty.
    max_gradient : float
        Largest absolute entry of the gradient in the coefficients and intercepts themselves. With
        an L1 penalty or bounds, of the subgradient closest to zero.
    hessian : ndarray of shape (n_parameters, n_parameters) or None
        Its lower triangle, in theta.
    curvature : Curvature or None
        Needed for products with the Hessian.
    diagonal : ndarray of shape (n_parameters,) or None
        Diagonal of the Hessian in theta, once it was requested.
    factor : CholeskyFactor or None
        Factor of the Hessian in theta, once an exact step was computed with it.
    """

    theta: np.ndarray
    value: float
    gradient: np.ndarray
    max_gradient: float
    hessian: np.ndarray | None = None
    curvature: Curvature | None = None
    diagonal: np.ndarray | None = None
    factor: CholeskyFactor | None = None


class Objective:
    """Mean loss of X coef + intercept + offset over samples, plus a penalty of the coefficients.

    It has only the evaluations that solvers request.

    Parameters
    ----------
    samples : Samples
    loss : LossKernel
    penalty : Penalty
        Of the coefficients; the intercept has none.
    coordinates : Coordinates
        The map from theta to coefficients and intercept.
    weight_sum : float, default=None
        Divisor of the sum over the samples; None for the sum of their weights.

    Attributes
    ----------
    penalty_in_theta : Penalty
        The same penalty as a function of theta.
    shape : tuple of int
        (n_features + fit_intercept, n_columns), the shape of theta when it is not flat.
    n_parameters : int
        Of theta.
    unpenalised : list of int
        For several classes, the rows of theta that have no L2 penalty.
    """

    def __init__(self, samples, loss, penalty, coordinates, weight_sum=None):
        self.samples = samples
        self.loss = loss
        self.penalty = penalty
        self.coordinates = coordinates
        self.weight_sum = samples.weight_sum if weight_sum is None else weight_sum
        self.penalty_in_theta = coordinates.penalty_in_theta(penalty)
        self.fit_intercept = coordinates.fit_intercept
        self.n_features = len(coordinates.center)
        self.n_columns = k = coordinates.n_columns
        self.shape = (self.n_features + self.fit_intercept, k)
        self.n_parameters = self.shape[0] * k
        of_classes = self.penalty_in_theta.l2[::k] if k > 1 else np.ones(0)
        self.unpenalised = np.flatnonzero(of_classes == 0).tolist()
        self.coef_intercept = coordinates.coef_intercept
        self.theta = coordinates.theta

    def replace(self, **changes) -> Objective:
        """Return the same objective with other samples, loss, penalty or coordinates."""
        kept = {name: getattr(self, name) for name in ("loss", "penalty", "coordinates")}
        if "samples" not in changes:
            kept.update(samples=self.samples, weight_sum=self.weight_sum)
        return Objective(**{**kept, **changes})

    def restricted(self, features) -> Objective:
        """Return the objective as a function of the coefficients of some features.

        The others are zero. Center and scale do not change.

        Parameters
        ----------
        features : ndarray of int
            In ascending order.
        """
        return self.replace(
            weight_sum=self.weight_sum,
            samples=self.samples.columns(features),
            penalty=self.penalty.columns(features),
            coordinates=self.coordinates.columns(features),
        )

    def start(self):
        """Return theta = 0, or the point within the bounds that is closest to it.

        The intercept compensates the median of the offset, because the Hessian vanishes where all
        probabilities are 0 or 1.
        """
        theta = np.zeros(self.n_parameters)
        if self.samples.offset is not None and self.fit_intercept:
            theta[-self.n_columns :] = -self.samples.median_offset()
        return self.penalty_in_theta.project(theta)

    def without_constant(self, theta):
        """Return theta with the coefficients of constant columns at zero, if the bounds allow.

        They only shift the intercepts, and may be rounding errors under a weak penalty.
        """
        theta = theta.copy()
        theta.reshape(self.shape)[self.coordinates.constant] = 0
        return self.penalty_in_theta.project(theta)

    def value_gradient(self, theta, *, curvature=False) -> Evaluation:
        """Evaluate value, gradient and, if requested, the curvature: one pass over X."""
        sums, kept = self.samples.value_gradient(
            self.loss, self.coef_intercept(theta), curvature=curvature
        )
        evaluation = self.evaluation(theta, sums[0], sums[1:])
        evaluation.curvature = kept
        return evaluation

    def value_gradient_hessian(self, theta, *, single=False, stride=1) -> Evaluation:
        """Evaluate value, gradient and Hessian: one pass over X.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
        single : bool
            Whether float32 will do for the products that make the Hessian.
        stride : int
            Only every stride-th block of rows contributes to the Hessian, if these blocks have
            their share of the weight.
        """
        weight = self.weight_sum
        if stride > 1:
            of_blocks = self.samples.weight_of_blocks(stride)
            if 2 * stride * of_blocks < weight:
                stride = 1
            else:
                weight = of_blocks
        sums = self.samples.value_gradient_hessian(
            self.loss, self.coef_intercept(theta), self.coordinates, single=single, stride=stride
        )
        end = 1 + (self.n_features + 1) * self.n_columns
        evaluation = self.evaluation(theta, sums[0], sums[1:end])
        pairs = sums[end:].reshape(-1, self.shape[0], self.shape[0]) / weight
        if self.samples.design.is_sparse and self.fit_intercept:
            self.coordinates.center_gram(pairs)
        hessian = pairs[0] if self.n_columns == 1 else join_class_pairs(pairs, self.n_columns)
        hessian.reshape(-1)[:: self.n_parameters + 1] += self.penalty_in_theta.l2
        evaluation.hessian = hessian
        return evaluation

    def class_mean_hessian(self, theta, curvature=None):
        """Return the mean over the classes of the Hessian's diagonal blocks: two passes over X.

        With the curvature of an evaluation at theta, it is one pass.

        Returns
        -------
        hessian : ndarray of shape (n_features + fit_intercept, n_features + fit_intercept)
            Its lower triangle, in theta.
        """
        if curvature is None:
            curvature = self.value_gradient(theta, curvature=True).curvature
        mean = curvature.class_mean_hessian(self.coordinates)
        mean /= self.weight_sum
        if self.samples.design.is_sparse and self.fit_intercept:
            self.coordinates.center_gram(mean[None])
        # The penalty is the same for all columns of raw_prediction.
        mean.reshape(-1)[:: len(mean) + 1] += self.penalty_in_theta.l2[:: self.n_columns]
        return mean

    def class_hessians(self, theta):
        """Return the Hessian's diagonal block of each class, roughly: two passes over X.

        Returns
        -------
        hessians : ndarray of shape (n_columns, size, size)
            Their lower triangles, in theta, of size n_features + fit_intercept.
        """
        curvature = self.value_gradient(theta, curvature=True).curvature
        hessians = curvature.class_hessians(self.coordinates)
        hessians /= self.weight_sum
        size = self.shape[0]
        diagonals = hessians.reshape(self.n_columns, -1)[:, :: size + 1]
        diagonals += self.penalty_in_theta.l2.reshape(self.shape).T
        return hessians

    def hessian_product(self, evaluation, direction):
        """Return the Hessian at an evaluation with curvature times a direction: one pass."""
        sums = evaluation.curvature.hessian_product(self.coef_intercept(direction))
        return self.evaluation(direction, 0.0, sums).gradient

    def hessian_diagonal(self, evaluation):
        """Return the Hessian's diagonal at an evaluation with curvature: one pass at most."""
        if evaluation.diagonal is None:
            squares, totals = evaluation.curvature.hessian_diagonal(self.coordinates.center)
            if self.loss.is_convex:  # negative by rounding alone
                np.maximum(squares, 0, out=squares)
            diagonal = np.empty(self.shape)
            scale = self.coordinates.scale[:, None]
            diagonal[: self.n_features] = scale**2 * squares / self.weight_sum
            if self.fit_intercept:
                diagonal[-1] = totals / self.weight_sum
            evaluation.diagonal = diagonal.ravel() + self.penalty_in_theta.l2
        return evaluation.diagonal

    def evaluation(self, theta, value, sums) -> Evaluation:
        """Return the Evaluation at theta, given the sums of a pass.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
        value : float
            Sum of the loss.
        sums : ndarray of shape ((n_features + 1) * n_columns,)
            Sums of its gradient, in coef and intercept. Replaced in place by the mean gradient in
            theta, including that of the L2 penalty.
        """
        of_theta = self.penalty_in_theta
        lower, upper = (of_theta.lower, of_theta.upper) if of_theta.is_bounded else (None, None)
        penalty, max_gradient = finish_gradient(
            sums,
            theta,
            self.coordinates.center,
            self.coordinates.scale,
            of_theta.l2,
            of_theta.l1,
            lower,
            upper,
            self.weight_sum,
            self.n_columns,
            self.fit_intercept,
        )
        value = float(value) / self.weight_sum + penalty
        gradient = sums[: self.n_parameters]
        constant = self.coordinates.constant
        if len(constant):
            # The sums of these columns are only rounding errors, which may exceed a small penalty.
            of_penalty = (of_theta.l2 * theta).reshape(self.shape)
            gradient.reshape(self.shape)[constant] = of_penalty[constant]
        return Evaluation(theta, value, gradient, max_gradient)


def balanced_coordinates(
    samples, penalty, *, n_columns, fit_intercept, n_rows=None, row_curvature=None, smallest=0.0
) -> Coordinates:
    """Return coordinates in which the Hessian has a diagonal close to one: one pass.

    This is the Hessian of log loss at zero, or at a point whose row curvature is given. The latter
    matters if one row is far from all others. At zero, that row determines center and scale. Once
    it is separated, it has no curvature left. In the first coordinates, the columns of the other
    rows are then nearly constant, and the Hessian is too ill-conditioned to solve its equations.

    Parameters
    ----------
    samples : Samples
        Rows of weight zero do not count.
    penalty : Penalty
        Of the coefficients.
    n_columns : int
    fit_intercept : bool
        If false, columns are not centred.
    n_rows : int, default=None
        How many random rows set center and scale; None for all.
    row_curvature : ndarray of shape (n_samples,), default=None
        Curvature of the weighted loss of each row, see `Curvature.of_rows`.
    smallest : float or ndarray of shape (n_features,), default=0.0
        Floor of the curvature along a coefficient.
    """
    dtype = samples.dtype
    some = samples if n_rows is None else samples.take(random_rows(samples, n_rows))
    total, mean, spread = some.moments(row_curvature, centred=fit_intercept)
    if row_curvature is None:
        n_classes = max(2, n_columns)
        per_row = (1 - 1 / n_classes) / n_classes
    else:
        per_row = total / some.weight_sum
    curvature = np.maximum(per_row * spread, smallest) + np.ravel(penalty.l2)
    with np.errstate(all="ignore"):
        center = mean.astype(dtype)
        scale = 1 / np.sqrt(curvature)
    unusable = ~(np.isfinite(scale) & (scale > 0))
    if unusable.any():
        # There is no penalty, and the column is constant or its squares leave the range of float64.
        with np.errstate(all="ignore"):
            size = some.largest_entries(unusable)
            scale[unusable] = np.where(size > 0, 1 / size, 1)[unusable]
        center[~np.isfinite(center)] = 0
    limits = np.finfo(dtype)
    scale = np.minimum(np.maximum(scale, limits.tiny), limits.max / 2)  # faster than np.clip
    scale = np.exp2(np.round(np.log2(scale)))
    constant = ()
    # Sparse sums are not taken about a row. They have rounding errors of products in the dtype of X
    # and of sums in float64.
    rounding = ROUNDING * limits.eps + some.n_samples * EPS if samples.design.is_sparse else 0
    with np.errstate(all="ignore"):
        is_suspect = spread <= rounding * mean**2
    if fit_intercept and is_suspect.any():
        constant = samples.constant_columns(np.flatnonzero(is_suspect & (center != 0)))
    return Coordinates(
        center.astype(np.float64),
        scale.astype(dtype).astype(np.float64),
        n_columns,
        fit_intercept,
        constant,
    )


def balanced_objective(samples, loss, penalty, *, fit_intercept, n_rows=None) -> Objective:
    """Return the objective in coordinates that make it well-conditioned: one pass over some rows.

    Parameters
    ----------
    samples : Samples
    loss : LossKernel
    penalty : Penalty
        Of the coefficients.
    fit_intercept : bool
    n_rows : int, default=None
        How many random rows set the coordinates; None for all.
    """
    coordinates = balanced_coordinates(
        samples, penalty, n_columns=loss.n_columns, fit_intercept=fit_intercept, n_rows=n_rows
    )
    return Objective(samples, loss, penalty, coordinates)


def fix_class_shift(hessian, objective, rows=None):
    """Make the Hessian of several classes definite, in place, without changing the Newton step.

    Adding the same number to the coefficients of a feature for every class changes no probability.
    Without a penalty, the Hessian and the gradient vanish in that direction. This adds curvature
    along it.

    Parameters
    ----------
    hessian : ndarray of shape (n_parameters, n_parameters)
    objective : Objective
    rows : list of int, default=None
        Rows of theta that get it; None for those without an L2 penalty.
    """
    n_columns = objective.n_columns
    for j in objective.unpenalised if rows is None else rows:
        block = hessian[j * n_columns : (j + 1) * n_columns, j * n_columns : (j + 1) * n_columns]
        block += block.trace() / n_columns**2


def least_class_shift(theta, objective):
    """Return theta with the same number added to a feature's coefficients of all classes.

    This changes no probability. For features with an L1 penalty, the number minimises the penalty
    within the bounds.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
    objective : Objective
    """
    penalty, n_classes = objective.penalty_in_theta, objective.n_columns
    shape = objective.n_features, n_classes
    size = shape[0] * n_classes
    l1, l2, lower, upper = (
        np.broadcast_to(part, theta.shape)[:size].reshape(shape)
        for part in (penalty.l1, penalty.l2, penalty.lower, penalty.upper)
    )
    l1, l2 = l1[:, :1], l2[:, :1]
    coef = theta[:size].reshape(shape)
    mean = coef.mean(axis=1, keepdims=True)
    # The minimum without kinks, if this many coefficients are below the shift and as many above.
    excess = np.arange(-n_classes, n_classes + 1, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = mean - excess * (l1 / l2) / n_classes
    # With as many above as below, an L1 penalty alone is constant in between. At either end, a
    # coefficient is zero.
    nearest = np.take_along_axis(coef, np.abs(coef).argmin(axis=1)[:, None], axis=1)
    between = np.where(excess == 0, np.where(l2 > 0, mean, nearest), between)
    # Li and Osher, "A new median formula with applications to PDE based denoising", Communications
    # in Mathematical Sciences 7 (2009).
    shift = np.median(np.hstack([coef, between]), axis=1, keepdims=True)
    if penalty.is_bounded:
        smallest, largest = (coef - upper).max(axis=1), (coef - lower).min(axis=1)
        shift = np.clip(shift, smallest[:, None], largest[:, None])
    shifted = theta.copy()
    shifted[:size] = np.where(l1 > 0, coef - shift, coef).ravel()
    return penalty.project(shifted)
