"""Checks of what the losses take: errors that name the argument and say what is allowed."""

from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklogloss.inputs.arrays import first_invalid, real_array
from sklogloss.inputs.errors import naming

__all__ = ["check_out", "check_raw_prediction", "check_target", "raise_for_target"]


class _Loss(Protocol):
    # The attributes of a Loss that the checks use.
    n_classes: int


def check_raw_prediction(loss: _Loss, raw_prediction: ArrayLike) -> NDArray[Any]:
    """Return an aligned array of shape (n_samples,) or (n_samples, n_classes)."""
    with naming("raw_prediction"):
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


def check_target(loss: _Loss, target: ArrayLike, raw_prediction: NDArray[Any]) -> NDArray[Any]:
    """Return the target in the dtype of raw_prediction."""
    target = real_array("target", target)
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


def check_out(out: NDArray[Any], name: str, prototype: NDArray[Any]) -> NDArray[Any]:
    """Return `out` if it can hold the result for `prototype`."""
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


def raise_for_target(loss: _Loss, target: NDArray[Any]) -> NoReturn:
    """Raise the error for a target in which the kernel has found an invalid entry."""
    if target.ndim == 1 and loss.n_classes > 2:
        allowed = f"class indices, whole numbers from 0 to {loss.n_classes - 1}"
        valid = (target >= 0) & (target < loss.n_classes) & (target == np.floor(target))
    else:
        allowed = "probabilities in [0, 1]"
        valid = (target >= 0) & (target <= 1)
    if not valid.all():
        hint = f" {_ask_for_n_classes(loss)}" if loss.n_classes == 2 else ""
        raise ValueError(f"target must hold {allowed}, got {first_invalid(target, valid)}.{hint}")
    row_sum = target.sum(axis=1, dtype=np.float64)
    row = np.argmax(np.abs(row_sum - 1))
    raise ValueError(
        "target must hold probabilities whose rows sum to 1 (within 1e-5), got the sum "
        f"{row_sum[row]} in row {row}."
    )


def _ask_for_n_classes(loss: _Loss) -> str:
    return f"For more than two classes, pass n_classes to {type(loss).__name__}."
