"""Means of scores over collections: sums over the partitions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from sklogloss import metrics as local
from sklogloss.dask.classifiers import is_collection
from sklogloss.inputs.arrays import check_same_length
from sklogloss.inputs.targets import is_soft
from sklogloss.inputs.weights import scaled_weights
from sklogloss.metrics import ScoreDecomposition

__all__ = ["brier_score", "log_loss", "log_loss_decomposition"]


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
        Nonnegative. A number is the weight of every sample; None means 1.
    labels : array-like of shape (n_classes,), default=None
        The sorted classes. None finds them in a pass over `y_true`.
    zero : {"clip", "inf", "raise"}, default="clip"
        See `sklogloss.metrics.log_loss`, also for the other parameters.

    Returns
    -------
    loss : float
        In nats.

    Raises
    ------
    ValueError, TypeError
        As in `sklogloss.metrics.log_loss`. The message has the number of the partition.

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
        See `log_loss`.
    scale_by_half : bool or "auto", default="auto"
        See `sklogloss.metrics.brier_score`.

    Returns
    -------
    score : float

    Raises
    ------
    ValueError, TypeError
        As in `sklogloss.metrics.brier_score`. The message has the number of the partition.
    """
    score = functools.partial(local.brier_score, scale_by_half=scale_by_half)
    total, weight = _sums(score, y_true, y_proba, raw_prediction, sample_weight, labels)
    return total / weight


def log_loss_decomposition(
    y_true: Any,
    y_proba: Any = None,
    *,
    raw_prediction: Any = None,
    sample_weight: Any = None,
    **parameters: Any,
) -> ScoreDecomposition:
    """Split the log loss of collections into miscalibration, discrimination and uncertainty.

    Recalibration sorts all forecasts. So one pass collects y_true, the forecasts and the weights of
    all rows in the process that calls this function: 8 (k + 2) bytes per row for k columns of
    float64 forecasts and numeric labels. `log_loss` is a sum, and collects nothing.

    Parameters
    ----------
    y_true, y_proba, raw_prediction, sample_weight
        See `log_loss`.
    **parameters
        Those of `sklogloss.metrics.log_loss_decomposition`.

    Returns
    -------
    decomposition : ScoreDecomposition
        Named tuple of score, miscalibration, discrimination, uncertainty (nats) and intervals.

    Raises
    ------
    ValueError, TypeError
        As `sklogloss.metrics.log_loss_decomposition` does. If partitions do not belong together.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from sklogloss.dask import log_loss_decomposition
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=5000)
    >>> y = rng.logistic(size=5000) < z
    >>> y, z = da.from_array(y, chunks=1000), da.from_array(3 * z, chunks=1000)
    >>> parts = log_loss_decomposition(y, raw_prediction=z, method="logistic")
    >>> print("{:.3f} = {:.3f} - {:.3f} + {:.3f}".format(*parts[:4]))
    0.756 = 0.163 - 0.100 + 0.693
    """
    named = {"y_proba": y_proba, "raw_prediction": raw_prediction, "sample_weight": sample_weight}
    y, blocks = _aligned_with(y_true, named)
    each = y.collect("forecasts", _gathered, y.numbers, *blocks.values())
    of_true, *others = (_joined(column) for column in zip(*each, strict=True))
    if np.ndim(sample_weight) == 0:
        others[-1] = sample_weight
    return local.log_loss_decomposition(
        of_true, **dict(zip(named, others, strict=True)), **parameters
    )


def _gathered(y: Any, number: int, *others: Any) -> tuple[Any, ...]:
    from sklogloss.dask.blocks import in_partition

    names = ("y_true", "y_proba", "raw_prediction", "sample_weight")
    columns = dict(zip(names, (y, *others), strict=True))
    with in_partition(number):
        check_same_length(**{name: each for name, each in columns.items() if np.ndim(each)})
    return (y, *others)


def _joined(parts: tuple[Any, ...]) -> Any:
    if parts[0] is None:
        return None
    if hasattr(parts[0], "iloc"):
        import pandas

        return pandas.concat(parts)
    return np.concatenate([np.atleast_1d(part) for part in parts])


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

    named = {"y_proba": y_proba, "raw_prediction": raw_prediction, "sample_weight": sample_weight}
    y, blocks = _aligned_with(y_true, named)
    if labels is None and not is_soft(y_true):
        each = [found for found in y.collect("classes", _unique) if len(found)]
        check_total_weight(1.0, len(each))
        labels = np.unique(np.concatenate(each))
    function = functools.partial(_sums_of_block, score, labels)
    total, weight, n_samples = y.sum("score", function, y.numbers, *blocks.values())
    check_total_weight(weight, n_samples)
    return float(total), float(weight)


def _aligned_with(y_true: Any, named: dict[str, Any]) -> tuple[Any, dict[str, list[Any]]]:
    # The partitions of y_true, and the blocks of other arguments.
    from sklogloss.dask.collections import aligned, blocks_of
    from sklogloss.dask.partitions import DaskPartitions

    if not is_collection(y_true):
        raise TypeError(
            "y_true must be a dask array, Series or DataFrame, got "
            f"{type(y_true).__name__}; sklogloss.metrics takes arrays in memory"
        )
    blocks = {name: aligned(name, other, y_true, "y_true") for name, other in named.items()}
    return DaskPartitions.of(blocks_of(y_true), False), blocks


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
