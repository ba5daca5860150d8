"""Lazy predictions, partition by partition."""

from __future__ import annotations

from typing import Any

import dask.array
import numpy as np
from dask.delayed import delayed
from sklearn.utils import multiclass
from sklearn.utils.validation import check_is_fitted

from sklogloss.dask.blocks import check_total_weight, checked_weight, in_partition
from sklogloss.dask.collections import aligned, blocks_of, chunk_sizes, float_dtype
from sklogloss.inputs.arrays import check_same_length
from sklogloss.inputs.errors import naming
from sklogloss.inputs.offset import check_offset
from sklogloss.inputs.targets import check_labels, is_soft, label_column, unique_labels

__all__ = ["accuracy", "predicted"]


def predicted(model: Any, method: str, X: Any, offset: Any) -> Any:
    """Return what a method of a local estimator predicts, as a dask array in the chunks of X.

    Parameters
    ----------
    model : local estimator
    method : str
    X : dask Array or DataFrame
    offset : collection, array-like or None
    """
    blocks = _predicted_blocks(model, method, X, offset)
    n_classes = len(model.classes_)
    width = () if method == "predict" else (n_classes,)
    if method == "decision_function" and n_classes == 2:
        width = ()
    dtype = _of_no_rows(model, method, X._meta).dtype
    parts = [
        dask.array.from_delayed(block, shape=(size, *width), dtype=dtype)
        for block, size in zip(blocks, chunk_sizes(X), strict=True)
    ]
    return dask.array.concatenate(parts, allow_unknown_chunksizes=True)


def _predicted_blocks(model, method, X, offset):
    check_is_fitted(model)
    if np.ndim(offset) == 0:
        check_offset(offset, 1, 1, np.float64)  # which takes no number
    offsets = aligned("offset", offset, X)
    task, shared = delayed(_predict, pure=False), delayed(model, traverse=False)
    return [
        task(shared, method, number, block, offset)
        for number, (block, offset) in enumerate(zip(blocks_of(X), offsets, strict=True))
    ]


def _predict(model, method, number, block, offset):
    with in_partition(number):
        if block.shape[0] == 0:
            return _of_no_rows(model, method, block)
        return getattr(model, method)(block, offset=offset)


def _of_no_rows(model, method, X):
    # Validation rejects an empty block: it gets one row of zeros, which is then dropped.
    columns = getattr(X, "columns", None)
    n_features = model.n_features_in_ if columns is None else len(columns)
    row = np.zeros((1, n_features), dtype=float_dtype(X))
    return getattr(model, method)(row if columns is None else type(X)(row, columns=columns))[:0]


def accuracy(model: Any, X: Any, y: Any, sample_weight: Any, offset: Any) -> Any:
    """Return the weighted fraction of samples classified correctly, as a lazy number."""
    labels = _predicted_blocks(model, "predict", X, offset)
    arguments = (aligned("y", y, X), aligned("sample_weight", sample_weight, X))
    task, total = delayed(_correct, pure=False), delayed(_fraction, pure=False)
    sums = [task(i, *of_block) for i, of_block in enumerate(zip(labels, *arguments, strict=True))]
    return dask.array.from_delayed(total(sums), shape=(), dtype=np.float64)


def _correct(number, predicted, y, sample_weight):
    if is_soft(y):
        raise ValueError(
            "y has 2 or more columns, and the accuracy that score returns is of labels; "
            "log_loss and brier_score of sklogloss.metrics take class probabilities"
        )
    with in_partition(number):
        y = _comparable_labels(y, predicted)
        weight = checked_weight(sample_weight, len(predicted))
    if weight is None:
        weight = np.ones(len(predicted))
    return float(weight @ (predicted == y)), float(weight.sum()), len(predicted)


def _comparable_labels(y, predicted):
    # As accuracy_score checks them, but a partition may have each of many labels once.
    y = label_column("y", y)
    check_same_length(X=predicted, y=y)
    if len(y) and not (y.dtype.kind in "bui" and predicted.dtype.kind in "bui"):
        found = np.tile(unique_labels(y)[0], 3)
        check_labels("y", found)
        with naming("y"):
            multiclass.unique_labels(found, np.tile(np.unique(predicted), 3))
    return y


def _fraction(sums):
    correct, total, n_samples = np.sum(sums, axis=0)
    check_total_weight(total, n_samples)
    return np.float64(correct / total)
