"""The mean penalised loss of a linear model, as a function of scaled parameters."""

import copy
from dataclasses import dataclass

import numpy as np

from sklogloss._cython import data_pass
from sklogloss._cython.loss_evaluation import mean_curvature
from sklogloss._cython.mean_derivatives import finish_gradient, join_class_pairs
from sklogloss.linear.design import make_design
from sklogloss.linear.reduction import is_reducible, sample_rows
from sklogloss.linear.scaling import center_and_scale, column_moments
from sklogloss.linear.subset import (
    blocks_per_block_of_hessian,
    random_rows,
    rows_for_scale,
    rows_for_starts,
    take_columns,
    take_rows,
)

__all__ = ["Evaluation", "LinearObjective"]

# Loss of a sample that leaves no doubt which class it is given, in parts of LossKernel.unit.
SEPARATED = 1e-6
# Curvature along an intercept, where a class happens once in ten thousand samples, in these parts.
SMALLEST_CURVATURE = 1e-4


def add_to_diagonal(matrix, values):
    """Add values to the first entries of the diagonal of a contiguous square matrix, in place."""
    step = len(matrix) + 1
    matrix.reshape(-1)[: len(values) * step : step] += values


def _in_single(sums_in):
    """Return sums_in(True), or sums_in(False) if that overflows."""
    single = sums_in(True)
    return single if np.all(np.isfinite(single)) else sums_in(False)


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
        In theta, of all but the L1 part of the penalty.
    max_gradient : float
        Largest absolute entry of the gradient in the coefficients and intercepts themselves. With
        an L1 penalty, of the subgradient closest to zero.
    hessian : ndarray of shape (n_parameters, n_parameters) or None
        Its lower triangle, in theta.
    curvature : ndarray of shape (n_samples, n_curvature_columns) or None
        What products with the Hessian need.
    diagonal : ndarray of shape (n_parameters,) or None
        That of the Hessian, in theta, once it was asked for.
    """

    theta: np.ndarray
    value: float
    gradient: np.ndarray
    max_gradient: float
    hessian: np.ndarray | None = None
    curvature: np.ndarray | None = None
    diagonal: np.ndarray | None = None


class LinearObjective:
    """Mean loss of X coef + intercept plus l2 / 2 |coef|_2^2 + l1 |coef|_1.

    The solvers see theta: column j of X centred at center[j] and multiplied by scale[j], so that
    columns of very different size or far from zero make an even problem. The objective stays that
    of the given X; with scale = 1 and center = 0, theta is (coef, intercept).

    Parameters
    ----------
    design : Design
    loss : LossKernel
    target : Fortran-ordered ndarray of shape (n_samples, 1) or (n_samples, n_classes)
    sample_weight : ndarray of shape (n_samples,) or None
    l2, l1 : float
        Strengths of the penalty; (1 - l1_ratio) and l1_ratio divided by C * sum of weights in
        scikit-learn's terms.
    fit_intercept : bool
    n_threads : int

    Attributes
    ----------
    l1_in_theta : ndarray of shape (n_parameters,)
        Strength of the L1 penalty of each parameter.
    l2_in_theta : ndarray of shape (n_features,)
        Strength of the L2 penalty of the parameters of each feature.
    center_in_theta : ndarray of shape (n_features,)
        What is taken off the columns of X, scaled as they are.
    n_parameters : int
        Of theta, which has shape (n_features + fit_intercept, n_columns) when not flat.
    subset : LinearObjective or None
        The mean over a random subset of the rows that is worth solving first, with the same
        penalty, center and scale. None where the problem is small.
    every : int
        Every how many blocks of rows one makes a Hessian that stands for that of the whole.
    """

    def __init__(
        self, design, loss, target, sample_weight, *, l2, l1=0.0, fit_intercept, n_threads
    ):
        self.design = design
        self.loss = loss
        self.target = target
        self.sample_weight = sample_weight
        self.l2 = l2
        self.l1 = l1
        self.fit_intercept = fit_intercept
        self.n_threads = n_threads
        self.dtype = np.dtype(np.float32 if design.is_float32 else np.float64)
        self.n_features = design.n_features
        self.n_columns = loss.n_columns
        self.shape = (self.n_features + fit_intercept, self.n_columns)
        self.n_parameters = self.shape[0] * self.shape[1]
        self.subset = self._make_subset()
        self.every = 1
        if self.subset is None:
            self.every = blocks_per_block_of_hessian(design, sample_weight, self.n_parameters)
            self._set_center_and_scale()
        else:
            # They need not be exact.
            self.center, self.scale = self.subset.center, self.subset.scale
            self._set_weight_sum()
        self._use_center_and_scale()

    def is_separated(self, value):
        """Return whether a loss of this value leaves no sample on the wrong side, nor an optimum.

        So it is where the objective has no penalty, the targets are hard, and even the lightest
        sample alone would have a loss of less than SEPARATED.
        """
        small = SEPARATED * self.loss.unit
        if self.l2 > 0 or self.l1 > 0 or value > small:
            return False
        weight = self.sample_weight
        lightest = 1 if weight is None else weight[weight > 0].min()
        if value * self.weight_sum > small * lightest:
            return False
        has_indices = self.n_columns > 1 and self.target.shape[1] == 1
        return has_indices or bool(np.all((self.target == 0) | (self.target == 1)))

    def _make_subset(self):
        X = self.design.X
        if self.design.is_sparse and X.format != "csr":
            return None
        rows = random_rows(self.target, self.sample_weight, self.n_columns, self.n_parameters)
        return None if rows is None else self._of_rows(rows)

    def small_part(self):
        """Return the mean over the random rows that tell where starts lead.

        Their number does not depend on that of the parameters, so that their optimum may be far
        from that of the whole. Penalty and loss are the same, center and scale may be others. None
        where the problem is small.
        """
        if self.design.is_sparse and self.design.X.format != "csr":
            return None
        rows = rows_for_starts(self.target, self.sample_weight, self.n_columns)
        return None if rows is None else self._of_rows(rows)

    @property
    def is_sparse_softmax(self):
        """Whether X is sparse and the loss the log loss of more than two classes."""
        return (
            self.design.is_sparse
            and self.n_columns > 1
            and self.loss.is_log_loss
        )

    def _of_rows(self, rows):
        return LinearObjective(
            make_design(take_rows(self.design.X, rows), self.dtype),
            self.loss,
            np.asfortranarray(self.target[rows]),
            None if self.sample_weight is None else self.sample_weight[rows],
            l2=self.l2,
            l1=self.l1,
            fit_intercept=self.fit_intercept,
            n_threads=self.n_threads,
        )

    def _set_center_and_scale(self):
        # With these scales the Hessian of log loss at theta = 0 has a diagonal close to one. Rows
        # of weight zero have no say.
        n_classes = max(2, self.n_columns)
        curvature = (1 - 1 / n_classes) / n_classes
        design, weight = self.design, self.sample_weight
        if weight is None and self.l1 == 0 and is_reducible(design, self.l2):
            # Of some rows: the solver sees the rows' cross-products instead.
            self._set_weight_sum()
            _, mean, spread = self._moments(make_design(sample_rows(design.X)), None)
        elif self.every > 1:
            self._set_weight_sum()
            rows = rows_for_scale(design.n_samples, weight)
            part = make_design(take_rows(design.X, rows), self.dtype)
            _, mean, spread = self._moments(part, None if weight is None else weight[rows])
        else:
            self.weight_sum, mean, spread = self._moments(design, weight)
        self.center, self.scale = center_and_scale(
            design.X, mean, curvature * spread + self.l2, self.dtype
        )

    def _set_weight_sum(self):
        weight = self.sample_weight
        self.weight_sum = float(len(self.target) if weight is None else weight.sum(dtype=float))

    def _moments(self, design, weight):
        return column_moments(
            design, weight, self.fit_intercept, dtype=self.dtype, n_threads=self.n_threads
        )

    def _use_center_and_scale(self):
        # In the arithmetic of theta, float64.
        self._center = self.center.astype(np.float64)
        self._scale = self.scale.astype(np.float64)[:, None]
        self._penalty = (np.sqrt(self.l2) * self._scale) ** 2
        self.l1_in_theta = np.zeros(self.shape)
        self.l1_in_theta[: self.n_features] = self.l1 * self._scale
        self.l2_in_theta = self._penalty[:, 0]
        self.center_in_theta = self._center * self._scale[:, 0]
        self.l1_in_theta = self.l1_in_theta.ravel()

    def recentred(self, theta):
        """Return the same objective with center and scale for the neighbourhood of theta.

        Rows count as much as their loss curves there. A row far from all others may set center and
        scale at zero, and have no curvature left where it is told apart: the others' columns then
        are all but constant, and the Hessian of too bad a condition to solve with.
        """
        point = self.value_gradient_curvature(theta)
        weight = self._row_curvature(point)
        other = copy.copy(self)
        if weight.any():
            total, mean, spread = self._moments(self.design, weight)
            curvature = total / self.weight_sum * spread
            if self.l1 > 0:
                # Nothing else keeps the curvature of L1's coefficients from zero. No coefficient is
                # larger than the value over the penalty: it may as well be the unit of all those.
                curvature = np.maximum(curvature, (self.l1 / point.value) ** 2)
            other.center, other.scale = center_and_scale(
                self.design.X, mean, curvature + self.l2, self.dtype
            )
            other._use_center_and_scale()
        other.subset, other.every = None, 1
        return other

    def in_double(self):
        """Return the same objective with the arithmetic of float64, in the same theta."""
        other = copy.copy(self)
        other.dtype = np.dtype(np.float64)
        other.design = make_design(self.design.X, other.dtype)
        other.target = self.target.astype(other.dtype)
        if other.target.shape[1] > 1:
            # Rows that do not sum to 1 would pull at all classes at once.
            other.target /= other.target.sum(axis=1, keepdims=True)
        if self.sample_weight is not None:
            other.sample_weight = self.sample_weight.astype(other.dtype)
        other.center, other.scale = self.center.astype(other.dtype), self.scale.astype(other.dtype)
        other.subset, other.every = None, 1
        return other

    def _row_curvature(self, evaluation):
        # The mean over the columns of the curvature of each row's weighted loss.
        curvature = mean_curvature(self.loss, evaluation.curvature)
        if self.sample_weight is not None:
            curvature *= self.sample_weight
        return np.maximum(curvature, 0)  # of a loss that is not convex

    def curved_rows(self, evaluation, part):
        """Return the fewest rows without which only a part of the loss's curvature is missing.

        Parameters
        ----------
        evaluation : Evaluation
            With curvature.
        part : float

        Returns
        -------
        rows : ndarray of int
            In ascending order. Samples that are told apart are not among them.
        """
        curvature = self._row_curvature(evaluation)
        order = np.argsort(curvature)
        missing = np.cumsum(curvature[order], dtype=np.float64)
        if not missing[-1] > 0:
            return np.arange(len(order))
        return np.sort(order[np.searchsorted(missing, part * missing[-1]) :])

    def of_rows(self, rows):
        """Return the part of the objective that some rows and the penalty make, in the same theta.

        It has a copy of these rows, and the weight of all.
        """
        other = copy.copy(self)
        other.design = make_design(take_rows(self.design.X, rows), self.dtype)
        other.target = np.asfortranarray(self.target[rows])
        if self.sample_weight is not None:
            other.sample_weight = self.sample_weight[rows]
        other.subset, other.every = None, 1
        return other

    def with_penalty(self, *, l2, l1=0.0):
        """Return the same objective with another penalty, in the same theta."""
        return self._changed(l2=l2, l1=l1)

    def _changed(self, **attributes):
        # The same with other attributes, in the subset as well.
        other = copy.copy(self)
        vars(other).update(attributes)
        other._use_center_and_scale()
        if self.subset is not None:
            other.subset = self.subset._changed(**attributes)
        return other

    def with_weight(self, sample_weight):
        """Return the same objective for other weights of the rows, in the same theta."""
        other = copy.copy(self)
        other.sample_weight = sample_weight
        other.weight_sum = sample_weight.sum(dtype=np.float64)
        other.subset, other.every = None, 1
        return other

    def for_another_thread(self):
        """Return the same objective, to be evaluated in another Python thread at the same time."""
        other = copy.copy(self)
        other.design = make_design(self.design.X, self.dtype)
        return other

    def with_threads(self, n_threads):
        """Return the same objective for another number of threads."""
        return self._changed(n_threads=n_threads)

    def restricted(self, features):
        """Return the same objective as a function of the coefficients of some features.

        The others are zero. Center and scale stay what they are.

        Parameters
        ----------
        features : ndarray of int
            In ascending order.
        """
        other = copy.copy(self)
        columns = take_columns(self.design.X, features, self.n_threads)
        other.design = make_design(columns, self.dtype)
        other.n_features = len(features)
        other.shape = (len(features) + self.fit_intercept, self.n_columns)
        other.n_parameters = other.shape[0] * other.shape[1]
        other.center, other.scale = self.center[features], self.scale[features]
        other._use_center_and_scale()
        other.subset, other.every = None, 1
        return other

    def with_loss(self, loss):
        """Return the same objective with another LossKernel for the same targets."""
        return self._changed(loss=loss)

    def coef_intercept(self, theta):
        """Return coef (n_features, n_columns) and intercept (n_columns,), float64."""
        theta = theta.reshape(self.shape)
        coef = theta[: self.n_features] * self._scale
        if not self.fit_intercept:
            return coef, np.zeros(self.n_columns)
        return coef, theta[-1] - self._center @ coef

    def theta(self, coef, intercept):
        """Return the flat theta of coef (n_features, n_columns) and intercept (n_columns,)."""
        coef = np.asarray(coef, dtype=np.float64)
        theta = np.empty(self.shape)
        theta[: self.n_features] = coef / self._scale
        if self.fit_intercept:
            theta[-1] = intercept + self._center @ coef
        return theta.ravel()

    def _rows_arguments(self, theta):
        coef, intercept = self.coef_intercept(theta)
        return (
            np.ascontiguousarray(coef, dtype=self.dtype),
            np.ascontiguousarray(intercept, dtype=self.dtype),
        )

    def _finish_gradient(self, sums, theta):
        # Turn the data's sums into the mean gradient in theta, that of the L2 penalty added, in
        # place; return it, the penalty in nats and the largest entry in coef and intercept.
        penalty, max_gradient = finish_gradient(
            sums,
            theta,
            self._center,
            self._scale[:, 0],
            self._penalty[:, 0],
            self.l1,
            self.weight_sum,
            self.n_columns,
            self.fit_intercept,
        )
        return sums[: self.n_parameters], penalty, max_gradient

    def _evaluation(self, theta, sums):
        n_gradient = (self.n_features + 1) * self.n_columns
        gradient, penalty, max_gradient = self._finish_gradient(sums[1 : 1 + n_gradient], theta)
        value = float(sums[0]) / self.weight_sum + penalty
        return Evaluation(theta, value, gradient, max_gradient)

    def slope(self, evaluation, direction):
        """Return by how much the objective changes along a direction, curvature left aside.

        The L1 penalty counts as it is, from one end of the direction to the other.
        """
        slope = float(evaluation.gradient @ direction)
        if self.l1 > 0:
            start = evaluation.theta
            slope += float(self.l1_in_theta @ (np.abs(start + direction) - np.abs(start)))
        return slope

    def progress(self, evaluation):
        """Return a line about an evaluation, for users who asked for one."""
        line = f"objective {evaluation.value:.10g}, largest gradient {evaluation.max_gradient:.3g}"
        if self.l1 > 0 and self.loss.is_convex:
            line += f", duality gap {self.largest_suboptimality(evaluation):.3g}"
        return line

    def largest_suboptimality(self, evaluation):
        """Return a bound of the suboptimality at an evaluation, from its gradient and the penalty.

        It is one for a loss that is convex; else, of what a descent from here gains close by. The
        curvature along a coefficient is at least that of the L2 penalty. With an L1 penalty it
        is the duality gap; without an L2 part, that under the constraint that the L1 norm is no
        larger than the value allows. The intercept's part is an estimate.
        """
        p = self.n_features
        gradient = evaluation.gradient.reshape(self.shape)
        if self.l1 == 0:
            bound = np.sum(gradient[:p] ** 2 / self._penalty) / 2
        else:
            coef = evaluation.theta.reshape(self.shape)[:p]
            l1 = self.l1_in_theta.reshape(self.shape)[:p]
            of_loss = gradient[:p] - self._penalty * coef
            excess = np.maximum(np.abs(of_loss) - l1, 0)
            bound = np.sum(of_loss * coef + l1 * np.abs(coef) + self._penalty / 2 * coef**2)
            if self.l2 > 0:
                bound += np.sum(excess**2 / self._penalty) / 2
            else:
                bound += np.max(excess / l1) * evaluation.value
        if self.fit_intercept:
            bound += np.sum(gradient[-1] ** 2) / (SMALLEST_CURVATURE * self.loss.unit) / 2
        return bound

    def value_gradient(self, theta) -> Evaluation:
        """Evaluate value and gradient: one pass over X."""
        coef, intercept = self._rows_arguments(theta)
        sums = data_pass.value_gradient(
            self.design,
            self.loss,
            self.target,
            self.sample_weight,
            None,
            coef,
            intercept,
            None,
            self.n_threads,
        )
        return self._evaluation(theta, sums)

    def value_gradient_curvature(self, theta) -> Evaluation:
        """Evaluate value, gradient and what hessian_product needs: one pass over X."""
        shape = (self.design.n_samples, self.loss.n_curvature_columns)
        curvature = np.empty(shape, dtype=self.dtype, order="F")
        coef, intercept = self._rows_arguments(theta)
        sums = data_pass.value_gradient(
            self.design,
            self.loss,
            self.target,
            self.sample_weight,
            None,
            coef,
            intercept,
            curvature,
            self.n_threads,
        )
        evaluation = self._evaluation(theta, sums)
        evaluation.curvature = curvature
        return evaluation

    def value_gradient_hessian(self, theta, *, single=False, every=1) -> Evaluation:
        """Evaluate value, gradient and Hessian: one pass over X.

        With single, the products that make the Hessian are taken in float32, if they do not
        overflow. With every = k, it is that of every k-th block of rows, if these have their part
        of the weight.
        """

        weight = self.weight_sum
        if every > 1:
            of_blocks = self._weight_of_blocks(every)
            if 2 * every * of_blocks < weight:
                every = 1
            else:
                weight = of_blocks

        def sums_in(single):
            return data_pass.value_gradient_hessian(
                self.design,
                self.loss,
                self.target,
                self.sample_weight,
                None,
                *self._rows_arguments(theta),
                self.center,
                self.scale,
                self.fit_intercept,
                single,
                every,
                self.n_threads,
            )

        sums = _in_single(sums_in) if single else sums_in(False)
        evaluation = self._evaluation(theta, sums)
        pairs = sums[1 + (self.n_features + 1) * self.n_columns :]
        evaluation.hessian = self._hessian(pairs, weight)
        return evaluation

    def _weight_of_blocks(self, every):
        # That of the rows in every how many blocks one.
        is_taken = np.arange(self.design.n_samples) // self.design.block_rows % every == 0
        if self.sample_weight is None:
            return float(np.count_nonzero(is_taken))
        return self.sample_weight[is_taken].sum(dtype=np.float64)

    def _center_gram(self, pairs):
        # The pass centres a dense X; for a sparse one this is the same in hindsight.
        p = self.n_features
        center = (self.center * self.scale).astype(np.float64)
        with_ones = pairs[:, p, :p]
        for pair, ones, total in zip(pairs, with_ones, pairs[:, p, p], strict=True):
            cross = np.outer(center, ones - total / 2 * center)
            pair[:p, :p] -= cross
            pair[:p, :p] -= cross.T
            ones -= total * center

    def _hessian(self, pairs, weight):
        size, k = self.shape
        pairs = pairs.reshape(-1, size, size)
        pairs /= weight
        if self.design.is_sparse and self.fit_intercept:
            self._center_gram(pairs)
        diagonal = self._penalty.ravel()
        if k == 1:
            hessian = pairs[0]
        else:
            hessian = join_class_pairs(pairs, k)
            diagonal = np.repeat(diagonal, k)
        add_to_diagonal(hessian, diagonal)
        return hessian

    def class_mean_hessian(self, theta):
        """Return the mean over the classes of the Hessian's blocks: two passes over X.

        It is rough anyway, so that the products are taken in float32.

        Returns
        -------
        hessian : ndarray of shape (n_features + fit_intercept, n_features + fit_intercept)
            Its lower triangle, in theta.
        """
        curvature = self.value_gradient_curvature(theta).curvature

        def sums_in(single):
            return data_pass.class_mean_gram(
                self.design,
                self.loss,
                curvature,
                self.sample_weight,
                self.center,
                self.scale,
                self.fit_intercept,
                single,
                self.n_threads,
            )

        hessian = _in_single(sums_in) / self.weight_sum
        if self.design.is_sparse and self.fit_intercept:
            self._center_gram(hessian[None])
        add_to_diagonal(hessian, self._penalty[:, 0])
        return hessian

    def hessian_product(self, evaluation, direction):
        """Return the Hessian at an evaluation with curvature times a direction: one pass."""
        sums = data_pass.hessian_product(
            self.design,
            self.loss,
            evaluation.curvature,
            self.sample_weight,
            *self._rows_arguments(direction),
            self.n_threads,
        )
        return self._finish_gradient(sums, direction)[0]

    def hessian_diagonal(self, evaluation):
        """Return the Hessian's diagonal at an evaluation with curvature: one pass, once."""
        if evaluation.diagonal is None:
            evaluation.diagonal = self._hessian_diagonal(evaluation)
        return evaluation.diagonal

    def _hessian_diagonal(self, evaluation):
        sums = data_pass.hessian_diagonal(
            self.design,
            self.loss,
            evaluation.curvature,
            self.sample_weight,
            self.center,
            self.n_threads,
        )
        p, k = self.n_features, self.n_columns
        squares, totals = sums[: p * k].reshape(p, k), sums[p * k :]
        if self.design.is_sparse:
            squares += np.outer(self._center**2, totals)
        if self.loss.is_convex:  # negative by rounding alone
            np.maximum(squares, 0, out=squares)
        diagonal = np.empty(self.shape)
        diagonal[:p] = self._scale**2 * squares / self.weight_sum + self._penalty
        if self.fit_intercept:
            diagonal[-1] = totals / self.weight_sum
        return diagonal.ravel()
