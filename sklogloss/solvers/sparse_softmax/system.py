"""The equations of a step of Newton's method on the log loss of K classes, for sparse X.

They are in float32, because a step is rough in any case. The gradients, which determine the
optimum, keep all digits.
"""

import numpy as np
from scipy import sparse

from sklogloss._cython.data_pass import N_SLOTS, SMALL_WORK
from sklogloss._cython.softmax_system import (
    PACKED_MULTIPLE,
    columns_pass,
    rows_pass,
    search_pass,
)
from sklogloss.linear.entries import Entries

__all__ = ["SoftmaxSystem"]


class SoftmaxSystem:
    """H direction = -gradient, solved by conjugate gradients; H is the Hessian in theta.

    The numbers of a feature are contiguous in memory, and so are those of a sample. A stored entry
    of X then needs a few vector instructions. X is copied by rows and by columns, so that threads
    share no sum. A step reads and writes each vector once.

    Parameters
    ----------
    objective : Objective
        The log loss of more than two classes, with a sparse X and an L2 penalty of all features.
        Without it, steps that separate the samples depend on curvature that float32 cannot resolve.

    Attributes
    ----------
    norm : float
        Squared norm of the residual in the metric of the inverse preconditioner.
    direction : ndarray of shape (n_parameters,)
        The solution so far.
    """

    def __init__(self, objective):
        self.objective = objective
        samples, coordinates = objective.samples, objective.coordinates
        X = Entries.of(samples).csr()
        with np.errstate(all="ignore"):
            data = (X.data * coordinates.scale[X.indices]).astype(np.float32)
        scaled = sparse.csr_array((data, X.indices, X.indptr), shape=X.shape)
        self._rows, self._columns = _Lines(scaled), _Lines(scaled.tocsc())
        work = scaled.nnz * objective.n_columns
        self._n_threads = samples.n_threads if work >= SMALL_WORK else 1
        self._center = (coordinates.center * coordinates.scale).astype(np.float32)
        l2 = objective.penalty_in_theta.l2[:: objective.n_columns]
        self._penalty = l2[: objective.n_features].astype(np.float32)
        weight = samples.weight
        weight = np.ones(X.shape[0]) if weight is None else weight
        self._weight = (weight / objective.weight_sum).astype(np.float32)

    def start(self, point, preconditioner):
        """Set up the equations at a point.

        Parameters
        ----------
        point : Evaluation
            Has curvature.
        preconditioner : ndarray of shape (n_features + fit_intercept,)
            The diagonal of the preconditioner, the same for all classes.
        """
        p, n_classes = self.objective.n_features, self.objective.n_columns
        n_packed = -(-n_classes // PACKED_MULTIPLE) * PACKED_MULTIPLE
        self.preconditioner = np.repeat(preconditioner, n_classes)
        self._proba = np.zeros((len(point.curvature.values), n_packed), dtype=np.float32)
        self._proba[:, :n_classes] = point.curvature.values
        self._image = np.empty_like(self._proba)
        # The scale keeps numbers near one, far from the limits of float32.
        self._size = np.abs(point.gradient).max() or 1.0
        gradient = point.gradient.reshape(self.objective.shape)
        self._residual = np.zeros((p, n_packed), dtype=np.float32)
        np.divide(gradient[:p], -self._size, out=self._residual[:, :n_classes], casting="same_kind")
        self._search, self._solution = np.zeros((2, p, n_packed), dtype=np.float32)
        self._inverse = (1 / preconditioner[:p]).astype(np.float32)
        # Residual, search direction and solution.
        self._of_intercept = np.zeros((3, n_packed))
        self._inverse_of_intercept = 0.0
        if self.objective.fit_intercept:
            self._of_intercept[0, :n_classes] = gradient[p] / -self._size
            self._inverse_of_intercept = 1 / preconditioner[p]
        self._norm = float(gradient.ravel() ** 2 @ (1 / self.preconditioner)) / self._size**2
        self._search_size = 0.0
        self._turn(0.0)

    @property
    def norm(self):
        return self._norm * self._size**2

    @property
    def direction(self):
        n_classes = self.objective.n_columns
        direction = np.empty(self.objective.shape)
        direction[: len(self._solution)] = self._solution[:, :n_classes]
        direction[len(self._solution) :] = self._of_intercept[2, :n_classes]
        direction *= self._size
        return direction.ravel()

    def advance(self):
        """Take one step; return twice the decrease of the model, 0 if no curvature is left."""
        total, curvature = rows_pass(
            self._rows.slots,
            *self._rows.arrays,
            self._search,
            self._shift,
            self._proba,
            self._weight,
            self._image,
            self._n_threads,
        )
        curvature += self._curvature_of_penalty
        # A sum of squares: its rounding errors are squared, too.
        if not curvature > np.finfo(np.float32).eps ** 2 * self._search_size:
            return 0.0
        step = self._norm / curvature
        norm = columns_pass(
            self._columns.slots,
            *self._columns.arrays,
            self._image,
            self._center,
            total.astype(np.float32),
            self._penalty,
            self._inverse,
            step,
            self._search,
            self._residual,
            self._solution,
            self._n_threads,
        )
        residual, search, solution = self._of_intercept
        solution += step * search
        if self.objective.fit_intercept:
            residual -= step * total
        norm += self._inverse_of_intercept * float(residual @ residual)
        gain = step * self.norm
        ratio, self._norm = norm / self._norm, norm
        self._turn(ratio)
        return gain

    def _turn(self, ratio):
        # Set the next search direction: ratio times the last one plus the preconditioned residual.
        moved, self._curvature_of_penalty = search_pass(
            self._columns.slots,
            self._residual,
            self._inverse,
            ratio,
            self._center,
            self._penalty,
            self._search,
            self._n_threads,
        )
        residual, search, _ = self._of_intercept
        search *= ratio
        search += self._inverse_of_intercept * residual
        self._shift = (search - moved).astype(np.float32)
        self._search_size = self._norm + ratio**2 * self._search_size


class _Lines:
    # The rows or columns of a sparse matrix, and the starts of their slots.

    def __init__(self, X):
        indptr = X.indptr.astype(np.int64)
        self.arrays = indptr, X.indices.astype(np.int32, copy=False), X.data
        # A sample or a feature has a cost besides its entries.
        cost = indptr + np.arange(len(indptr))
        ends = np.linspace(0, cost[-1], N_SLOTS + 1)
        self.slots = np.searchsorted(cost, ends).astype(np.int64)
