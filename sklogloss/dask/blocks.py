"""Work on the blocks of a partition: check them, and make Samples of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_array

from sklogloss.inputs.arrays import check_finite, check_same_length
from sklogloss.inputs.offset import check_offset
from sklogloss.inputs.probabilities import normalized_rows
from sklogloss.inputs.targets import (
    Targets,
    encode_known,
    encode_known_probabilities,
    label_column,
    unique_labels,
)
from sklogloss.inputs.weights import as_sample_weight, check_not_negative, scaled_weights
from sklogloss.linear.partitioned_samples import PartitionFacts, facts_of
from sklogloss.linear.samples import Samples, make_design

__all__ = [
    "Block",
    "BlockFacts",
    "Encoding",
    "Layout",
    "check_entries",
    "check_total_weight",
    "checked_weight",
    "in_partition",
    "read_facts",
]


@contextmanager
def in_partition(number: int) -> Iterator[None]:
    """Put the number of the partition before the message of a ValueError or TypeError."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"partition {number}: {error}") from error


@dataclass(frozen=True)
class Block:
    """A partition as it comes from the collections.

    Attributes
    ----------
    number : int
        Its place among all.
    X : ndarray, CSR or CSC matrix or DataFrame
        None where only the other columns are read.
    y : array-like
    sample_weight : array-like, float or None
    offset : array-like or None
    """

    number: int
    X: Any
    y: Any
    sample_weight: Any = None
    offset: Any = None


@dataclass(frozen=True)
class Layout:
    """What the blocks of a collection have in common.

    Attributes
    ----------
    n_features : int
    dtype : dtype
        Of X.
    is_soft : bool
        Whether y holds probabilities of the classes.
    columns : tuple or None
        The names of the columns of a DataFrame X.
    y_columns : tuple or None
        Those of a DataFrame y with probabilities.
    """

    n_features: int
    dtype: np.dtype[Any]
    is_soft: bool
    columns: tuple[Any, ...] | None = None
    y_columns: tuple[Any, ...] | None = None

    def entries(self, X: Any, *, checks: bool) -> Any:
        """Return a block of X as an ndarray, CSR or CSC matrix of the dtype.

        Parameters
        ----------
        X : ndarray, CSR or CSC matrix or DataFrame
        checks : bool
            Whether to look for entries that are not finite.
        """
        is_array = type(X) in (np.ndarray, np.memmap) or sparse.issparse(X)
        if not (is_array or type(X).__module__.partition(".")[0] == "pandas"):
            raise TypeError(
                f"X must have blocks of NumPy, SciPy or pandas, got {type(X).__module__}."
                f"{type(X).__qualname__}"
            )
        if X.ndim != 2 or X.shape[1] != self.n_features:
            raise ValueError(f"X must have {self.n_features} columns, got the shape {X.shape}")
        check_columns("X", X, self.columns)
        is_taken = not sparse.issparse(X) or X.format in ("csr", "csc")
        if not checks and is_array and is_taken and X.dtype == self.dtype:
            return X
        return check_array(
            X,
            accept_sparse=["csr", "csc"],
            dtype=self.dtype,
            ensure_all_finite=checks,
            ensure_min_samples=0,
            input_name="X",
        )


def check_columns(name: str, block: Any, columns: tuple[Any, ...] | None) -> None:
    """Raise a ValueError if a DataFrame lacks the columns of the collection, or their order."""
    if columns is None or not hasattr(block, "columns"):
        return
    found = tuple(block.columns)
    if found != columns:
        pairs = zip(found, columns, strict=False)
        differ = next((i for i, (one, other) in enumerate(pairs) if one != other), None)
        which = (
            f"got {len(found)}, not {len(columns)}"
            if differ is None
            else f"got {found[differ]!r} instead of {columns[differ]!r}"
        )
        raise ValueError(f"{name} must have the columns of the collection in their order, {which}")


@dataclass(frozen=True)
class BlockFacts:
    """What the first pass learns of a partition.

    Attributes
    ----------
    n_samples, n_stored : int
    is_sparse : bool
    labels : ndarray of shape (n_labels,), or None for soft targets
        Those that occur.
    totals : ndarray of shape (n_labels,) or (n_classes,)
        Total sample weight of the labels or classes, divided by 2 to the exponent: the sum itself
        may overflow.
    exponent : int
    largest_weight : float
    fits_float32 : bool
        Whether soft targets keep enough digits in float32, before class weights.
    """

    n_samples: int
    n_stored: int
    is_sparse: bool
    labels: NDArray[Any] | None
    totals: NDArray[np.float64]
    exponent: int
    largest_weight: float
    fits_float32: bool


def read_facts(
    block: Block, layout: Layout, checks: bool, *, label_smoothing: float, largest_cost: float
) -> BlockFacts:
    """Return the facts of a block, and check all of it but the offset.

    Parameters
    ----------
    block : Block
    layout : Layout
    checks : bool
        Whether to look for entries of X that are not finite.
    label_smoothing, largest_cost : float
        See `Targets.fit_float32`.

    Raises
    ------
    TypeError, ValueError
        With the number of the partition.
    """
    with in_partition(block.number):
        X = layout.entries(block.X, checks=checks)
        check_columns("y", block.y, layout.y_columns)
        if layout.is_soft and len(block.y) > 0:
            y = normalized_rows("y", block.y)
        else:
            y = np.asarray(block.y) if layout.is_soft else label_column("y", block.y)
        check_same_length(X=X, y=y)
        weight = checked_weight(block.sample_weight, len(y))
        scaled, exponent = None, 0
        if len(y) > 0:
            scaled, exponent = scaled_weights(weight, np.float64)
        fits = True
        if layout.is_soft:
            labels, totals = None, np.ones(len(y)) @ y if scaled is None else scaled @ y
            if layout.dtype == np.float32 and len(y) > 0:
                targets = Targets(np.arange(y.shape[1]), None, y)
                fits = targets.fit_float32(label_smoothing, scaled, largest_cost)
        else:
            labels, totals = _label_totals(y, scaled)
    largest = 1.0 if weight is None else float(weight.max(initial=0))
    n_stored = X.nnz if sparse.issparse(X) else X.size
    is_sparse = sparse.issparse(X)
    return BlockFacts(len(y), n_stored, is_sparse, labels, totals, exponent, largest, fits)


def check_entries(block: Block, layout: Layout) -> None:
    """Raise a ValueError, with the number of the partition, unless all entries of X are finite."""
    with in_partition(block.number):
        layout.entries(block.X, checks=True)


def _label_totals(y, weight):
    if len(y) == 0:
        return y, np.zeros(0)
    if y.dtype.kind == "f":
        check_finite("y", y)
    labels, index = unique_labels(y, "y")
    return labels, np.bincount(index, weights=weight, minlength=len(labels)).astype(np.float64)


def checked_weight(sample_weight: Any, n_samples: int) -> NDArray[np.float64] | None:
    """Return the weights of the samples of a partition in float64; all may be zero.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), float or None
        A number is the weight of every sample.
    n_samples : int

    Returns
    -------
    sample_weight : ndarray of shape (n_samples,), float64, or None if sample_weight is None

    Raises
    ------
    TypeError
        If it does not hold real numbers.
    ValueError
        If its shape is wrong, or a weight is negative or not finite.
    """
    weight = as_sample_weight(sample_weight, n_samples)
    if weight is not None:
        check_not_negative(weight)
    return weight


def check_total_weight(total: float, n_samples: int) -> None:
    """Raise a ValueError unless the partitions together have a sample with weight.

    Parameters
    ----------
    total : float
        Of the weights of all samples.
    n_samples : int
    """
    if n_samples == 0:
        raise ValueError("at least one sample is required, but all partitions are empty")
    if total == 0:
        raise ValueError("sample_weight must not be zero for all samples")


@dataclass(frozen=True)
class Encoding:
    """What turns a block into rows, once the classes are known.

    Attributes
    ----------
    layout : Layout
    classes : ndarray of shape (n_classes,)
    class_weight : ndarray of shape (n_classes,) or None
    has_weight : bool
        Whether rows have weights.
    exponent : int
        Weights are divided by 2 to it.
    label_smoothing : float
    dtype : dtype
        Of the arithmetic.
    n_threads : int
    """

    layout: Layout
    classes: NDArray[Any]
    class_weight: NDArray[np.float64] | None
    has_weight: bool
    exponent: int
    label_smoothing: float
    dtype: np.dtype[Any]
    n_threads: int

    @property
    def n_columns(self) -> int:
        """Columns of raw_prediction."""
        return 1 if len(self.classes) == 2 else len(self.classes)

    def facts(self, block: Block) -> PartitionFacts:
        """Return the facts of a block, without reading its X."""
        rows = np.empty((len(block.y), 1), dtype=self.dtype)  # never read, so not even in memory
        with in_partition(block.number):
            return facts_of(self._samples(rows, block), self.n_columns)

    def samples(self, block: Block) -> Samples:
        """Return the Samples of a block."""
        with in_partition(block.number):
            return self._samples(self.layout.entries(block.X, checks=False), block)

    def targets(self, block: Block) -> Targets:
        """Return the targets of a block, without smoothing."""
        if self.layout.is_soft:
            return encode_known_probabilities(block.y, self.classes)
        return encode_known(block.y, self.classes)

    def weighted(self, targets: Targets, block: Block) -> tuple[Targets, Any]:
        """Return the targets with class weights, and the weights of the rows, None for equal ones.

        Parameters
        ----------
        targets : Targets
            Those of the block.
        block : Block
        """
        weight = as_sample_weight(block.sample_weight, len(block.y))
        if not (self.has_weight and len(block.y)):
            return targets, weight
        targets, weight, exponent = targets.weighted(self.class_weight, weight, self.dtype)
        return targets, np.ldexp(weight, exponent - self.exponent)

    def _samples(self, X: Any, block: Block) -> Samples:
        n_samples, offset = len(block.y), None
        targets, weight = self.weighted(self.targets(block), block)
        if block.offset is not None:
            offset = check_offset(block.offset, n_samples, self.n_columns, self.dtype, self.classes)
        target = targets.as_array(self.label_smoothing, self.dtype)
        return Samples(make_design(X, self.dtype), target, weight, offset, self.n_threads)
