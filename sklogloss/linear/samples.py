"""The rows that a model is fitted to, and the passes over them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from sklogloss._cython import data_pass
from sklogloss._cython.class_grams import class_grams
from sklogloss._cython.dense_design import DenseDesign
from sklogloss._cython.loss_evaluation import class_curvature, mean_curvature
from sklogloss._cython.sparse_design import SparseDesign
from sklogloss.linear.design import largest_entries, sparse_design, take_columns
from sklogloss.linear.limits import SMALL_PART

__all__ = ["Curvature", "Samples", "make_design", "random_rows", "take_rows"]

# BLAS takes the distance between rows, or columns, as a C int.
LARGEST_STRIDE = np.iinfo(np.intc).max


def make_design(X, dtype=None) -> DenseDesign | SparseDesign:
    """Return a view of X for the data passes.

    Parameters
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_samples, n_features), float64 or float32
    dtype : dtype, default=None
        Of the arithmetic; None for the dtype of X. For float64, the entries of a sparse float32 X
        are copied; those of a dense one are not.

    Returns
    -------
    design : DenseDesign or SparseDesign
        It refers to X, without a copy, if the rows or the columns of X are contiguous in memory;
        for a sparse X see `sparse_design`.
    """
    if dtype is None:
        dtype = X.dtype
    if sparse.issparse(X):
        return sparse_design(X, dtype)
    # Whether the entries of a row, or of a column, are contiguous.
    itemsize, (n_samples, n_features) = X.itemsize, X.shape
    row_stride, column_stride = X.strides
    by_rows = column_stride == itemsize and row_stride >= n_features * itemsize
    by_columns = row_stride == itemsize and column_stride >= n_samples * itemsize
    is_readable = (
        (by_rows or by_columns)
        and X.flags.aligned
        and not (row_stride % itemsize or column_stride % itemsize)
        and max(row_stride, column_stride) // itemsize <= LARGEST_STRIDE
    )
    return DenseDesign(X if is_readable else np.array(X, order="C"), dtype == np.float32)


def take_rows(X, rows):
    """Return a copy of some rows of X, in the memory order of X."""
    if isinstance(X, np.ndarray) and X.flags.c_contiguous:
        return X.take(rows, axis=0)  # three times as fast as X[rows]
    return X[rows]


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows of X with their targets, weights and offsets, always together.

    A pass is a sum over the rows. It returns the sums before the division by the weight, so that
    those of several Samples can be added.

    Attributes
    ----------
    design : DenseDesign or SparseDesign
        A view of X, see `make_design`.
    target : Fortran-ordered ndarray of shape (n_samples, 1) or (n_samples, n_classes)
    weight : ndarray of shape (n_samples,) or None
        None means 1 for each row.
    offset : Fortran-ordered ndarray of shape (n_samples, n_columns) or None
        Added to the raw predictions, with a coefficient of 1.
    n_threads : int
    n_samples : int
    dtype : dtype
        Of the arithmetic of a pass, and of all arrays over rows.
    weight_sum : float
    rows_with_weight : ndarray of shape (n_weighted,) or None
        Indices of the rows whose weight is not zero, None if these are all.
    is_partitioned : bool
        Whether the rows lie in several places, see `PartitionedSamples`.
    """

    # How a design is made of X, and what of X. Tensors have others.
    _make_design: ClassVar[Any] = staticmethod(make_design)
    _take_rows: ClassVar[Any] = staticmethod(take_rows)
    _take_columns: ClassVar[Any] = staticmethod(take_columns)
    is_partitioned: ClassVar[bool] = False

    design: DenseDesign | SparseDesign
    target: np.ndarray
    weight: np.ndarray | None = None
    offset: np.ndarray | None = None
    n_threads: int = 1
    n_samples: int = field(init=False)
    dtype: np.dtype = field(init=False)
    weight_sum: float = field(init=False)
    rows_with_weight: np.ndarray | None = field(init=False)

    def __post_init__(self):
        weight, n_samples = self.weight, self.design.n_samples
        rows = None if weight is None else np.flatnonzero(weight)
        # The class is frozen, and these follow from its fields.
        vars(self).update(
            dtype=np.dtype(np.float32 if self.design.is_float32 else np.float64),
            n_samples=n_samples,
            weight_sum=float(n_samples if weight is None else weight.sum(dtype=np.float64)),
            rows_with_weight=None if rows is None or len(rows) == n_samples else rows,
        )

    def __reduce__(self):
        # A compiled view cannot be pickled. It is made again.
        of_rows = (self.target, self.weight, self.offset, self.n_threads)
        return _made_again, (type(self), self.design.X, self.dtype, *of_rows)

    @property
    def local(self) -> Samples:
        """The same rows, with X in the memory of this process, as an array of NumPy or SciPy."""
        return self

    def rarest_class(self, n_columns) -> float:
        """Return the number of rows with weight of the class that has the fewest."""
        target, rows = self.target, self.rows_with_weight
        if rows is not None:
            target = target[rows]
        if target.shape[1] > 1:
            return float(target.sum(axis=0, dtype=np.float64).min())
        if n_columns > 1:
            return float(np.bincount(target[:, 0].astype(np.intp), minlength=n_columns).min())
        n_positive = float(target.sum(dtype=np.float64))
        return min(n_positive, len(target) - n_positive)

    def lightest_weight(self, n_columns) -> float | None:
        """Return the smallest positive weight of a row, None if a target has several classes."""
        target, weight = self.target, self.weight
        has_labels = n_columns > 1 and target.shape[1] == 1
        if not (has_labels or np.all((target == 0) | (target == 1))):
            return None
        return 1.0 if weight is None else float(weight[weight > 0].min())

    def median_offset(self):
        """Return the median of an offset that is not None over rows with weight.

        That of several classes is taken relative to the largest of each row: a number added to all
        classes of a row changes no probability, and a mask shifts the mean of a row. The medians
        have the mean zero.

        Of many rows it is that of a random few, which takes no time beside a pass. The share of all
        rows below it is half, give or take a few per cent.
        """
        rows, most = self.rows_with_weight, round(1 / SMALL_PART)
        if (self.n_samples if rows is None else len(rows)) > most:
            rows = random_rows(self, most)
        offset = self.offset if rows is None else self.offset[rows]
        if offset.shape[1] > 1:
            offset = offset - offset.max(axis=1, keepdims=True)
        median = np.median(offset, axis=0)
        return median - median.mean() if len(median) > 1 else median

    def take(self, rows) -> Samples:
        """Return a copy of some rows."""
        return type(self)(
            self._make_design(self._take_rows(self.design.X, rows), self.dtype),
            np.asfortranarray(self.target[rows]),
            None if self.weight is None else self.weight[rows],
            None if self.offset is None else np.asfortranarray(self.offset[rows]),
            self.n_threads,
        )

    def columns(self, features) -> Samples:
        """Return the same rows with a copy of some columns of X, given in ascending order."""
        taken = self._take_columns(self.design.X, features, self.n_threads)
        return replace(self, design=self._make_design(taken, self.dtype))

    def astype(self, dtype, *, dense=False) -> Samples:
        """Return the same rows for passes in the arithmetic of dtype; a dense X is not copied.

        With dense=True, a sparse X is copied into a dense one.
        """
        dtype, X = np.dtype(dtype), self.design.X
        if dense and sparse.issparse(X):
            X = sparse.csr_array(X).toarray()
        target = self.target.astype(dtype)
        if target.shape[1] > 1:
            # Rows that do not sum to 1 would pull all classes in the same direction.
            target /= target.sum(axis=1, keepdims=True)
        return type(self)(
            self._make_design(X, dtype),
            target,
            None if self.weight is None else self.weight.astype(dtype),
            None if self.offset is None else self.offset.astype(dtype, order="F"),
            self.n_threads,
        )

    def largest_entries(self, which):
        """Return the largest absolute entry of the columns where `which` is true."""
        return largest_entries(self.design.X, which)

    def constant_columns(self, columns):
        """Return which of some columns of X have the same entry in all rows with weight."""
        if len(columns) == 0:
            return columns
        rows = slice(None) if self.rows_with_weight is None else self.rows_with_weight
        if self.design.is_sparse:
            taken = sparse.csc_array(take_columns(self.design.X, columns, self.n_threads)[rows])
            entries = np.split(taken.data, taken.indptr[1:-1])
            is_constant = [len(entry) == taken.shape[0] and np.ptp(entry) == 0 for entry in entries]
        else:
            is_constant = [np.ptp(self.design.X[rows, column]) == 0 for column in columns]
        return columns[np.array(is_constant, dtype=bool)]

    def moments(self, weight=None, *, centred):
        """Return the total weight, and means and mean squared deviations of the columns.

        Parameters
        ----------
        weight : ndarray of shape (n_samples,) or None
            Used instead of the rows' own weight; None for their own.
        centred : bool
            If false, the means are taken to be zero.

        Returns
        -------
        total : float
        mean, spread : ndarray of shape (n_features,)
        """
        weight = self.weight if weight is None else weight
        p = self.design.n_features
        shift = np.zeros(p, dtype=self.dtype)
        if not self.design.is_sparse:
            # Sums of differences to a row of X lose no digits if the entries are far from zero.
            shift[:] = self.design.X[0 if weight is None else np.argmax(weight)]
        sums = data_pass.moments(self.design, shift, weight, self.n_threads)
        with np.errstate(all="ignore"):
            mean = sums[:p] / sums[-1]
            spread = np.maximum(sums[p : 2 * p] / sums[-1] - mean**2, 0)
            mean += shift
            if not centred:
                spread += mean**2
                mean = np.zeros(p)
        return sums[-1], mean, spread

    def value_gradient(self, loss, predictor, *, curvature=False):
        """Return the sums of the loss and its gradient, and the curvature if requested.

        Parameters
        ----------
        loss : LossKernel
        predictor : tuple
            coef (n_features, n_columns) and intercept (n_columns,).
        curvature : bool
            Whether to keep the curvature, which products with the Hessian need.

        Returns
        -------
        sums : ndarray of shape (1 + (n_features + 1) * n_columns,)
            Value, gradient in coef, gradient in intercept.
        curvature : Curvature or None
        """
        kept = None
        if curvature:
            shape = (self.design.n_samples, loss.n_curvature_columns)
            kept = np.empty(shape, dtype=self.dtype, order="F")
        sums = data_pass.value_gradient(
            self.design,
            loss,
            self.target,
            self.weight,
            self.offset,
            *(np.ascontiguousarray(array, dtype=self.dtype) for array in predictor),
            kept,
            self.n_threads,
        )
        return sums, None if kept is None else Curvature(self, loss, kept)

    def value_gradient_hessian(self, loss, predictor, coordinates, *, single=False, stride=1):
        """Return the sums of the loss, its gradient and its Hessian in theta, in one pass.

        Parameters
        ----------
        loss, predictor
            As for `value_gradient`.
        coordinates : Coordinates
        single : bool
            Whether float32 will do for the products that make the Hessian, if they are finite.
        stride : int
            Every stride-th block of rows contributes to the Hessian.
        """
        of_columns = (*predictor, coordinates.center, coordinates.scale)
        arguments = (
            self.design,
            loss,
            self.target,
            self.weight,
            self.offset,
            *(np.ascontiguousarray(array, dtype=self.dtype) for array in of_columns),
            coordinates.fit_intercept,
        )
        sums = data_pass.value_gradient_hessian(*arguments, single, stride, self.n_threads)
        if single and not np.all(np.isfinite(sums)):
            sums = data_pass.value_gradient_hessian(*arguments, False, stride, self.n_threads)
        return sums

    def weight_of_blocks(self, stride) -> float:
        """Return the weight of every stride-th block of rows."""
        is_taken = np.arange(self.design.n_samples) // self.design.block_rows % stride == 0
        if self.weight is None:
            return float(np.count_nonzero(is_taken))
        return float(self.weight[is_taken].sum(dtype=np.float64))


@dataclass(frozen=True, eq=False)
class Curvature:
    """The curvature of the loss of each row at one point, and the passes that need it.

    Attributes
    ----------
    samples : Samples
    loss : LossKernel
    values : ndarray of shape (n_samples, n_curvature_columns)
        The numbers that the pass at that point kept for each row.
    """

    samples: Samples
    loss: Any
    values: np.ndarray

    def class_mean_hessian(self, coordinates):
        """Return the sum of the mean over the classes of the Hessian's blocks, in float32."""
        samples, of_columns = self.samples, (coordinates.center, coordinates.scale)
        arguments = (
            samples.design,
            self.loss,
            self.values,
            samples.weight,
            *(np.ascontiguousarray(array, dtype=samples.dtype) for array in of_columns),
            coordinates.fit_intercept,
        )
        sums = data_pass.class_mean_gram(*arguments, True, samples.n_threads)
        if not np.all(np.isfinite(sums)):
            sums = data_pass.class_mean_gram(*arguments, False, samples.n_threads)
        return sums

    def gram(self, weight, coordinates):
        """Return the sum of the cross-products of the rows in theta, with weights, in float32."""
        samples, of_columns = self.samples, (coordinates.center, coordinates.scale, weight)
        arguments = [np.ascontiguousarray(array, dtype=samples.dtype) for array in of_columns]
        arguments.append(coordinates.fit_intercept)
        sums = data_pass.gram(samples.design, *arguments, True, samples.n_threads)
        if not np.all(np.isfinite(sums)):
            sums = data_pass.gram(samples.design, *arguments, False, samples.n_threads)
        return sums

    def of_class(self, k):
        """Return the curvature of each row's weighted loss in column k of the raw predictions."""
        curvature = class_curvature(self.loss, self.values, k)
        if self.samples.weight is not None:
            curvature *= self.samples.weight
        return np.maximum(curvature, 0)  # of a loss that is not convex

    def class_hessians(self, coordinates):
        """Return the sums of the Hessian's diagonal block of each class, roughly and in float32.

        Only a design with has_class_grams has them.
        """
        samples, of_columns = self.samples, (coordinates.center, coordinates.scale)
        return class_grams(
            samples.design,
            self.loss,
            self.values,
            samples.weight,
            *(np.ascontiguousarray(array, dtype=samples.dtype) for array in of_columns),
            coordinates.fit_intercept,
            samples.n_threads,
        )

    def hessian_product(self, predictor):
        """Return the sums of the Hessian times a direction, given as coef and intercept."""
        samples = self.samples
        return data_pass.hessian_product(
            samples.design,
            self.loss,
            self.values,
            samples.weight,
            *(np.ascontiguousarray(array, dtype=samples.dtype) for array in predictor),
            samples.n_threads,
        )

    def hessian_diagonal(self, center):
        """Return the sums of the Hessian's diagonal, in coef of centred columns and intercept."""
        samples = self.samples
        sums = data_pass.hessian_diagonal(
            samples.design,
            self.loss,
            self.values,
            samples.weight,
            np.ascontiguousarray(center, dtype=samples.dtype),
            samples.n_threads,
        )
        p, k = samples.design.n_features, self.loss.n_columns
        squares, totals = sums[: p * k].reshape(k, p).T, sums[p * k :]
        if samples.design.is_sparse:
            squares += np.outer(center**2, totals)
        return squares, totals

    def of_rows(self):
        """Return the mean over the columns of the curvature of each row's weighted loss."""
        mean = mean_curvature(self.loss, self.values)
        if self.samples.weight is not None:
            mean *= self.samples.weight
        return np.maximum(mean, 0)  # of a loss that is not convex


def _made_again(cls, X, dtype, *of_rows):
    # Arrays that come from a buffer need not be aligned.
    of_rows = [np.require(a, requirements="A") if np.ndim(a) else a for a in of_rows]
    return cls(cls._make_design(X, dtype), *of_rows)


def random_rows(samples, size):
    """Return the indices of a random draw of the rows that have weight, in ascending order.

    The draw is the same each time. Rows are drawn with replacement and counted once, so there may
    be slightly fewer than size.

    Parameters
    ----------
    samples : Samples
    size : int
    """
    candidates = samples.rows_with_weight
    n_rows = samples.n_samples if candidates is None else len(candidates)
    rows = np.sort(np.random.default_rng(0).integers(n_rows, size=size))
    rows = rows[np.append(True, np.diff(rows) > 0)]
    return rows if candidates is None else candidates[rows]
