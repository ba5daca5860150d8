"""From the collections of a fit to blocks that belong together, and what is known before a pass."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import dask.array
import numpy as np
from dask import config
from dask.delayed import Delayed
from scipy import sparse

from sklogloss.dask.blocks import Block, Layout
from sklogloss.dask.partitions import DaskPartitions, PassLog
from sklogloss.inputs.targets import is_soft

__all__ = ["Blocks", "aligned", "blocks_of", "chunk_sizes", "float_dtype", "is_frame"]


def is_frame(collection: Any) -> bool:
    """Return whether a collection is a DataFrame or a Series of Dask."""
    return hasattr(collection, "npartitions") and hasattr(collection, "divisions")


def _is_array(collection):
    return isinstance(collection, dask.array.Array)


@dataclass(frozen=True)
class Blocks:
    """The blocks of X, y, sample_weight and offset, partition by partition.

    Attributes
    ----------
    layout : Layout
    X : list of Delayed
    others : dict
        From the name of an argument to a list of Delayed or arrays, or of a number or None.
    meta : DataFrame or None
        An empty DataFrame with the columns of X.
    n_classes : int or None
        Columns of a y of probabilities, None for labels.
    is_held : bool
        Whether X is persisted.
    """

    layout: Layout
    X: list[Delayed]
    others: dict[str, Any]
    meta: Any
    n_classes: int | None
    is_held: bool

    @classmethod
    def of(cls, X: Any, y: Any, sample_weight: Any, offset: Any) -> Blocks:
        """Return the blocks of collections, after all checks that do not need their entries.

        Raises
        ------
        TypeError, ValueError
            If X has columns that are not numbers, or blocks of another library; if another
            argument has another number of rows or partitions.
        """
        X, n_features, dtype, meta = _checked_features(X)
        has_probabilities = is_soft(y)
        layout = Layout(
            n_features,
            dtype,
            has_probabilities,
            _column_names(meta),
            _column_names(y) if has_probabilities else None,
        )
        others = {"y": y, "sample_weight": sample_weight, "offset": offset}
        others = {name: aligned(name, other, X) for name, other in others.items()}
        return cls(
            layout,
            blocks_of(X),
            others,
            meta,
            int(y.shape[1]) if layout.is_soft else None,
            _is_persisted(X),
        )

    def partitions(self, log: PassLog, *, with_X: bool = True) -> DaskPartitions:
        """Return a `Block` of each partition, not held: the blocks themselves are, or are not."""
        columns = [self.X if with_X else [None] * len(self.X), *self.others.values()]
        return DaskPartitions.made_by(Block, columns, log)


def _checked_features(X):
    # X with one block along the columns, how many columns, their dtype, and an empty DataFrame.
    if is_frame(X):
        if X.ndim != 2:
            raise ValueError("X must be two-dimensional, got a Series; use X.to_frame()")
        dtypes = list(X.dtypes)
        others = [
            f"{name!r} ({dtype})"
            for name, dtype in zip(X.columns, dtypes, strict=True)
            if not _is_number(dtype)
        ]
        if others:
            raise TypeError(
                f"X must have columns of numbers, got {', '.join(others)}; encode these as numbers"
            )
        return X, len(dtypes), float_dtype(X), X._meta
    if not _is_array(X):
        raise TypeError(f"X must be a dask array or a dask DataFrame, got {type(X).__name__}")
    meta = X._meta
    if not (type(meta) is np.ndarray or sparse.issparse(meta)):
        raise TypeError(
            f"X must have blocks of NumPy or SciPy, got {type(meta).__module__}."
            f"{type(meta).__qualname__}"
        )
    if X.ndim != 2:
        raise ValueError(f"X must be two-dimensional, got the shape {X.shape}")
    if X.dtype.kind not in "biuf":
        raise TypeError(f"X must hold numbers, got the dtype {X.dtype}")
    if X.numblocks[1] > 1:
        warnings.warn(
            f"X has {X.numblocks[1]} chunks along the columns, which are merged in each pass; "
            "X.rechunk({1: -1}) merges them once.",
            UserWarning,
            stacklevel=6,
        )
        X = X.rechunk({1: -1})
    if np.isnan(X.shape[1]):
        raise ValueError("X must have a known number of columns")
    return X, X.shape[1], float_dtype(X), None


def _column_names(table):
    columns = getattr(table, "columns", None)
    return None if columns is None else tuple(columns)


def _is_number(dtype):
    return getattr(dtype, "kind", "O") in "biuf"


def float_dtype(X: Any) -> np.dtype[Any]:
    """Return float32 for an array or DataFrame that holds only float32, and float64 otherwise."""
    dtypes = list(X.dtypes) if hasattr(X, "dtypes") else [X.dtype]
    is_single = all(dtype == np.float32 for dtype in dtypes)
    return np.dtype(np.float32 if is_single else np.float64)


def chunk_sizes(X: Any) -> list[float]:
    """Return the number of rows of each partition, NaN if it is unknown."""
    return [np.nan] * X.npartitions if is_frame(X) else list(X.chunks[0])


def aligned(name: str, other: Any, X: Any, of: str = "X") -> list[Any]:
    """Return the block of another argument for each of X: of a number or None, that itself.

    Parameters
    ----------
    name : str
    other : collection, array-like, number or None
    X : dask Array, DataFrame or Series
    of : str, default="X"
        What X is called.

    Raises
    ------
    TypeError, ValueError
        If it has another number of rows or of partitions.
    """
    sizes = chunk_sizes(X)
    if isinstance(other, str):
        raise TypeError(
            f"{name} must be a collection with the partitions of {of}, not a name: got {other!r}; "
            "take the column from the DataFrame"
        )
    if other is None or np.ndim(other) == 0:
        return [other] * len(sizes)
    n_blocks, lengths = len(sizes), None if np.isnan(sizes).any() else tuple(sizes)
    if not (_is_array(other) or is_frame(other)):
        if lengths is None:
            learns = "to_dask_array(lengths=True)" if is_frame(X) else "compute_chunk_sizes()"
            given = type(other).__name__
            raise TypeError(
                f"{name} must be a dask collection with the partitions of {of}, as the numbers of "
                f"rows of these are not known; got {given}. {of}.{learns} counts the rows"
            )
        if len(other) != sum(lengths):
            raise ValueError(_differs(name, len(other), of, sum(lengths)))
        ends = np.cumsum(lengths)
        rows = [slice(end - size, end) for end, size in zip(ends, lengths, strict=True)]
        return [other.iloc[part] if hasattr(other, "iloc") else other[part] for part in rows]
    if _is_array(other) and lengths is not None and not np.isnan(other.shape[0]):
        if other.shape[0] != sum(lengths):
            raise ValueError(_differs(name, other.shape[0], of, sum(lengths)))
        other = other.rechunk({0: lengths})
    n_others = other.numblocks[0] if _is_array(other) else other.npartitions
    if n_others != n_blocks:
        raise ValueError(
            f"{name} must have as many partitions as {of}, {n_blocks}, got {n_others}; their rows "
            "belong together"
        )
    return blocks_of(other)


def _differs(name, n_others, of, n_samples):
    return f"{name} must have as many rows as {of}, {n_samples}, got {n_others}"


def blocks_of(collection: Any) -> list[Delayed]:
    """Return the partitions of a collection, each with all columns."""
    if _is_array(collection) and collection.ndim == 2 and collection.numblocks[1] > 1:
        collection = collection.rechunk({1: -1})
    # Tuned, a few columns of Parquet come in fewer partitions than others of the same rows. The
    # optimised graph of a persisted collection has no futures, but their names alone.
    with config.set({"optimization.tune.active": False}):
        blocks = collection.to_delayed(optimize_graph=not _is_persisted(collection))
    return list(blocks.ravel()) if isinstance(blocks, np.ndarray) else list(blocks)


def _is_persisted(X):
    # Whether the graph has only results, or futures of them, and no tasks to run.
    return not any(map(_is_task, dict(X.__dask_graph__()).values()))


def _is_task(node):
    is_tuple = isinstance(node, tuple) and len(node) > 0
    return callable(node[0] if is_tuple else getattr(node, "func", None))
