"""Checks of what the losses take: errors that name the argument and say what is allowed."""

import operator

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "check_count",
    "check_numbers",
    "check_out",
    "check_raw_prediction",
    "check_sample_weight",
    "check_target",
    "raise_for_sample_weight",
    "raise_for_target",
]


def check_count(number: int, name: str, smallest: int) -> int:
    """Return `number` as int, or raise an error that names it."""
    try:
        count = operator.index(number)
    except TypeError:
        raise TypeError(
            f"{name} must be an integer, got {number!r} of type {type(number).__name__}."
        ) from None
    if count < smallest:
        raise ValueError(f"{name} must be at least {smallest}, got {count}.")
    return count


def check_numbers(array: ArrayLike, name: str) -> NDArray:
    """Return `array` as an aligned ndarray of real numbers."""
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}.")
    return np.require(array, requirements="A")


def check_raw_prediction(loss, raw_prediction):
    """Return an aligned array of shape (n_samples,) or (n_samples, n_classes)."""
    raw_prediction = np.asarray(raw_prediction)
    if raw_prediction.dtype not in (np.float32, np.float64):
        raise TypeError(
            f"raw_prediction must have dtype float32 or float64, got {raw_prediction.dtype}."
        )
    raw_prediction = np.require(raw_prediction, requirements="A")
    if loss.n_classes == 2:
        if raw_prediction.ndim == 2 and raw_prediction.shape[1] == 1:
            raw_prediction = raw_prediction[:, 0]
        if raw_prediction.ndim != 1:
            raise ValueError(
                "raw_prediction must have shape (n_samples,) or (n_samples, 1) for two "
                f"classes, got {raw_prediction.shape}. {_ask_for_n_classes(loss)}"
            )
    elif raw_prediction.ndim != 2 or raw_prediction.shape[1] != loss.n_classes:
        raise ValueError(
            f"raw_prediction must have shape (n_samples, {loss.n_classes}) for "
            f"{loss.n_classes} classes, got {raw_prediction.shape}."
        )
    return raw_prediction


def check_target(loss, target, raw_prediction):
    """Return the target in the dtype of raw_prediction."""
    target = check_numbers(target, "target")
    n_samples = raw_prediction.shape[0]
    if target.shape != (n_samples,) and (
        loss.n_classes == 2 or target.shape != raw_prediction.shape
    ):
        allowed = f"({n_samples},)"
        if loss.n_classes > 2:
            allowed += f" or {raw_prediction.shape}"
        raise ValueError(
            f"target must have shape {allowed} to match raw_prediction, got {target.shape}."
        )
    return target.astype(raw_prediction.dtype, copy=False)


def check_sample_weight(sample_weight, raw_prediction):
    """Return the weights in the dtype of raw_prediction, None where there are none."""
    if sample_weight is None:
        return None
    sample_weight = check_numbers(sample_weight, "sample_weight")
    if sample_weight.shape != raw_prediction.shape[:1]:
        raise ValueError(
            f"sample_weight must have shape {raw_prediction.shape[:1]}, one entry per "
            f"row of raw_prediction, got {sample_weight.shape}."
        )
    return sample_weight.astype(raw_prediction.dtype, copy=False)


def check_out(out, name, prototype):
    """Return `out` if it can take what is computed for `prototype`."""
    if not isinstance(out, np.ndarray) or out.dtype != prototype.dtype:
        given = out.dtype if isinstance(out, np.ndarray) else type(out).__name__
        raise TypeError(
            f"{name} must be an ndarray of the dtype of raw_prediction, {prototype.dtype}, got "
            f"{given}."
        )
    if out.shape != prototype.shape:
        raise ValueError(f"{name} must have shape {prototype.shape}, got {out.shape}.")
    if not (out.flags.writeable and out.flags.aligned):
        raise ValueError(f"{name} must be writeable and aligned.")
    return out


def raise_for_target(loss, target):
    """Raise the error for a target in which the kernel has found an invalid entry."""
    if target.ndim == 1 and loss.n_classes > 2:
        allowed = f"class indices, whole numbers from 0 to {loss.n_classes - 1}"
        valid = (target >= 0) & (target < loss.n_classes) & (target == np.floor(target))
    else:
        allowed = "probabilities in [0, 1]"
        valid = (target >= 0) & (target <= 1)
    if not valid.all():
        hint = f" {_ask_for_n_classes(loss)}" if loss.n_classes == 2 else ""
        raise ValueError(f"target must hold {allowed}, got {_first(target, valid)}.{hint}")
    row_sum = target.sum(axis=1, dtype=np.float64)
    row = np.argmax(np.abs(row_sum - 1))
    raise ValueError(
        "target must hold probabilities whose rows sum to 1 (within 1e-5), got the sum "
        f"{row_sum[row]} in row {row}."
    )


def raise_for_sample_weight(sample_weight):
    """Raise the error for weights in which the kernel has found an invalid entry."""
    valid = (sample_weight >= 0) & np.isfinite(sample_weight)
    raise ValueError(
        "sample_weight must hold finite numbers that are not negative, got "
        f"{_first(sample_weight, valid)}."
    )


def _first(array, valid):
    """Describe the first entry that is not valid."""
    first = np.unravel_index(np.argmin(valid), array.shape)
    return f"{array[first]} at [{', '.join(str(index) for index in first)}]"


def _ask_for_n_classes(loss):
    return f"For more than two classes, pass n_classes to {type(loss).__name__}."
