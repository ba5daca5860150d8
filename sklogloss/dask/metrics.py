"""Means of scores over collections: sums over the partitions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from sklogloss import metrics as local
from sklogloss.dask.classifiers import is_collection
from sklogloss.inputs.targets import is_soft
from sklogloss.inputs.weights import scaled_weights

__all__ = ["brier_score", "log_loss"]


def log_loss(
    y_true: Any,
    y_proba: Any = None,
    *,
    raw_prediction: Any = None,
    normalize: bool = True,
    sample_weight: Any = None,
    labels: Any = None,
    zero: str = "clip",
) -> float:
    """Log loss of collections: the weighted mean, or sum, of the surprise, in one pass.

    Parameters
    ----------
    y_true : dask Array, Series or DataFrame of shape (n_samples,) or (n_samples, n_classes)
    y_proba, raw_prediction : dask Array or DataFrame
        One of them, in the partitions of `y_true`.
    normalize : bool, default=True
    sample_weight : dask Array or Series of shape (n_samples,), float, default=None
        Not negative; a number is the weight of every sample, None means 1.
    labels : array-like of shape (n_classes,), default=None
        The classes, sorted; None takes a pass over `y_true` to find them.
    zero : {"clip", "inf", "raise"}, default="clip"
        As for `sklogloss.metrics.log_loss`, as is all else.

    Returns
    -------
    loss : float
        In nats.

    Raises
    ------
    ValueError, TypeError
        As `sklogloss.metrics.log_loss` does, with the number of the partition.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklogloss.dask import log_loss
    >>> y, proba = da.array([1, 0, 0, 1]), da.array([0.9, 0.1, 0.2, 0.65])
    >>> round(log_loss(y.rechunk(2), proba.rechunk(2)), 5)
    0.21616
    """
    score = functools.partial(local.log_loss, zero=zero)
    total, weight = _sums(score, y_true, y_proba, raw_prediction, sample_weight, labels)
    return total / weight if normalize else total


def brier_score(
    y_true: Any,
    y_proba: Any = None,
    *,
    raw_prediction: Any = None,
    sample_weight: Any = None,
    labels: Any = None,
    scale_by_half: bool | str = "auto",
) -> float:
    """Brier score of collections: the weighted mean of the squared error, in one pass.

    Parameters
    ----------
    y_true, y_proba, raw_prediction, sample_weight, labels
        As for `log_loss`.
    scale_by_half : bool or "auto", default="auto"
        As for `sklogloss.metrics.brier_score`.

    Returns
    -------
    score : float

    Raises
    ------
    ValueError, TypeError
        As `sklogloss.metrics.brier_score` does, with the number of the partition.
    """
    score = functools.partial(local.brier_score, scale_by_half=scale_by_half)
    total, weight = _sums(score, y_true, y_proba, raw_prediction, sample_weight, labels)
    return total / weight


def _sums(
    score: Callable[..., float],
    y_true: Any,
    y_proba: Any,
    raw_prediction: Any,
    sample_weight: Any,
    labels: Any,
) -> tuple[float, float]:
    # The weighted sum of a score, given the mean over some rows, and the sum of the weights.
    from sklogloss.dask.blocks import check_total_weight
    from sklogloss.dask.collections import aligned, blocks_of
    from sklogloss.dask.partitions import DaskPartitions

    if not is_collection(y_true):
        raise TypeError(
            "y_true must be a dask array, Series or DataFrame, got "
            f"{type(y_true).__name__}; sklogloss.metrics takes arrays in memory"
        )
    y = DaskPartitions(blocks_of(y_true), False)
    if labels is None and not is_soft(y_true):
        each = [found for found in y.collect("classes", _unique) if len(found)]
        check_total_weight(1.0, len(each))
        labels = np.unique(np.concatenate(each))
    named = {"y_proba": y_proba, "raw_prediction": raw_prediction, "sample_weight": sample_weight}
    blocks = [aligned(name, other, y_true) for name, other in named.items()]
    function = functools.partial(_sums_of_block, score, labels)
    total, weight, n_samples = y.sum("score", function, list(range(len(y.values))), *blocks)
    check_total_weight(weight, n_samples)
    return float(total), float(weight)


def _unique(y: Any) -> Any:
    return np.unique(np.asarray(y))


def _sums_of_block(
    score: Callable[..., float],
    labels: Any,
    y: Any,
    number: int,
    y_proba: Any,
    raw_prediction: Any,
    sample_weight: Any,
) -> tuple[Any, Any, int]:
    from sklogloss.dask.blocks import checked_weight, in_partition

    with in_partition(number):
        weight = checked_weight(sample_weight, len(y))
        total = np.float64(len(y) if weight is None else weight.sum())
        if not total:
            return np.float64(0), total, len(y)
        weight, _ = scaled_weights(weight, np.float64)  # those of a partition alone may be tiny
        mean = score(
            y,
            y_proba=y_proba,
            raw_prediction=raw_prediction,
            sample_weight=weight,
            labels=labels,
        )
    return total * mean, total, len(y)
