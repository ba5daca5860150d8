"""Weights of samples and of classes."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sklogloss.inputs.arrays import check_finite, first_invalid, real_array
from sklogloss.inputs.errors import shown
from sklogloss.inputs.parameters import FRACTION, check_parameter

if TYPE_CHECKING:
    from sklogloss.inputs.targets import Targets

__all__ = [
    "as_sample_weight",
    "check_class_weight",
    "check_largest_weight",
    "check_not_negative",
    "check_sample_weight",
    "class_factors",
    "class_weights",
    "raise_for_sample_weight",
    "scaled_weights",
]


def as_sample_weight(
    sample_weight: Any, n_samples: int, dtype: DTypeLike = np.float64, rows: str = "sample"
) -> NDArray[Any] | None:
    """Return the weights of the samples as an array. Whether they are valid is not checked.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), float or None
        A number is the weight of every sample.
    n_samples : int
    dtype : dtype, default=np.float64
    rows : str, default="sample"
        What has one weight each, for the error.

    Returns
    -------
    sample_weight : ndarray of shape (n_samples,) of the dtype, or None if sample_weight is None

    Raises
    ------
    TypeError
        If sample_weight is sparse, or does not hold real numbers.
    ValueError
        If its shape is wrong.
    """
    if sample_weight is None:
        return None
    weight = real_array("sample_weight", sample_weight)
    if weight.ndim == 0:
        return np.full(n_samples, weight, dtype=dtype)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must have shape ({n_samples},), one entry per {rows}, got "
            f"{weight.shape}"
        )
    return weight.astype(dtype, copy=False)


def check_sample_weight(sample_weight: Any, n_samples: int) -> NDArray[np.float64] | None:
    """Return the weights of the samples in float64.

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
        If sample_weight is sparse.
    ValueError
        If it does not hold real numbers, as in scikit-learn; if its shape is wrong, a weight is
        negative or not finite, all are zero, or all are so small that float64 keeps few of their
        digits.
    """
    if sample_weight is None:
        return None
    numbers = real_array("sample_weight", sample_weight, "numbers", ValueError)
    weight: Any = as_sample_weight(numbers, n_samples)
    check_not_negative(weight)
    check_largest_weight(weight.max())
    return weight


def check_not_negative(weight: NDArray[Any]) -> None:
    """Raise a ValueError if a weight is negative or not finite."""
    check_finite("sample_weight", weight)
    is_valid = weight >= 0
    if not is_valid.all():
        raise ValueError(
            f"sample_weight must not be negative, got {first_invalid(weight, is_valid)}"
        )


def check_largest_weight(largest: float) -> None:
    """Raise a ValueError if the largest weight is zero, or float64 keeps few of its digits."""
    if largest == 0:
        raise ValueError("sample_weight must not be zero for all samples")
    if largest < np.finfo(np.float64).tiny:
        raise ValueError(f"sample_weight must not lose precision, but the largest is {largest}")


def raise_for_sample_weight(sample_weight: NDArray[Any]) -> NoReturn:
    """Raise the error for weights in which a loss's kernel has found an invalid entry."""
    is_valid = (sample_weight >= 0) & np.isfinite(sample_weight)
    raise ValueError(
        "sample_weight must hold finite numbers that are not negative, got "
        f"{first_invalid(sample_weight, is_valid)}."
    )


def scaled_weights(
    weight: NDArray[Any] | None, dtype: DTypeLike
) -> tuple[NDArray[Any] | None, int]:
    """Return (weights divided by 2 ** exponent, exponent): the largest is between 1/2 and 1.

    Neither the weights nor their sums then leave the range of the dtype.
    """
    if weight is None:
        return None, 0
    _, exponent = np.frexp(weight.max())
    return np.ldexp(weight, -exponent).astype(dtype), int(exponent)


def class_weights(
    class_weight: Any, targets: Targets, sample_weight: NDArray[Any] | None
) -> NDArray[np.float64] | None:
    """Return the weights of the classes, or None if there are none.

    Parameters
    ----------
    class_weight : None, "balanced" or dict
    targets : Targets
    sample_weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    weights : ndarray of shape (n_classes,), float64, or None
        "balanced": total weight / (n_classes * weight of the class).

    Raises
    ------
    ValueError
        If the dict has an unknown class or a weight that is negative or not finite.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        scaled, exponent = scaled_weights(sample_weight, np.float64)
        totals = targets.class_totals(scaled)
        # Weight that a class without samples is assumed to have; large enough to divide by.
        one = np.ldexp(1.0, max(-exponent, -1000))
        return totals.sum() / (len(targets.classes) * np.where(totals > 0, totals, one))
    if not isinstance(class_weight, dict):
        raise ValueError(
            f"class_weight must be None, 'balanced' or a dict, got {shown(class_weight)}"
        )
    for weight in class_weight.values():
        is_number = isinstance(weight, Real)
        if not (is_number and 0 <= weight < np.inf):
            raise ValueError(
                f"class_weight must be finite and not negative, got {shown(class_weight)}"
            )
    classes = targets.classes.tolist()
    n_found = sum(label in class_weight for label in classes)
    # As in scikit-learn, a dict with weights for all classes may have weights for others.
    if n_found < min(len(class_weight), len(classes)):
        raise ValueError(
            f"class_weight has unknown classes: it has {list(class_weight)}, y has {classes}"
        )
    return np.array([class_weight.get(label, 1) for label in classes], dtype=np.float64)


def check_class_weight(class_weight: Any, n_classes: int) -> NDArray[np.float64]:
    """Return the weights of the classes that a loss takes, float64; 1 if None.

    Raises
    ------
    TypeError
        If class_weight does not hold real numbers.
    ValueError
        If its shape is not (n_classes,), an entry is negative or not finite, or all are zero.
    """
    if class_weight is None:
        return np.ones(n_classes)
    weight = real_array("class_weight", class_weight).astype(np.float64, copy=False)
    if weight.shape != (n_classes,):
        raise ValueError(f"class_weight must have shape ({n_classes},), got {weight.shape}.")
    if not (_are_factors(weight) and weight.any()):
        raise ValueError(
            "class_weight must hold finite numbers that are not negative, and not only zeros, "
            f"got {weight}."
        )
    return weight


def class_factors(name: str, value: Any, n_classes: int) -> NDArray[np.float64]:
    """Return the weights of the classes, float64, that a parameter such as alpha stands for.

    Parameters
    ----------
    name : str
        The parameter, for errors.
    value : float or array-like of shape (n_classes,)
        A number in (0, 1), for two classes, is the weight of the second; that of the first is one
        minus it. Weights are finite and not negative.
    n_classes : int
    """
    if isinstance(value, Real):
        check_parameter(name, value, FRACTION)
        if n_classes != 2:
            raise ValueError(
                f"{name} must be None or have {n_classes} weights, one for each class, got "
                f"{shown(value)}; a number is for two classes"
            )
        return np.array([1 - value, value], dtype=np.float64)
    try:
        weight = real_array(name, value).astype(np.float64, copy=False)
    except TypeError as error:
        raise TypeError(
            f"{name} must be None, a number in (0, 1) or {n_classes} weights, got {shown(value)}"
        ) from error
    if weight.shape != (n_classes,):
        raise ValueError(
            f"{name} must have {n_classes} weights, one for each class, got {shown(value)}"
        )
    if not _are_factors(weight):
        raise ValueError(f"{name} must be finite and not negative, got {shown(value)}")
    return weight


def _are_factors(weight: NDArray[Any]) -> bool:
    return bool(np.all((weight >= 0) & (weight < np.inf)))
