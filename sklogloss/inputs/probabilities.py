"""Probabilities of classes: numbers from 0 to 1, rows that sum to 1."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklogloss.inputs.arrays import check_finite, first_invalid, real_array

__all__ = ["check_probabilities", "check_row_sums", "float_array", "normalized_rows"]

# The sum of a row may deviate this much from 1, because probabilities are often rounded to
# decimals. The kernels of the losses allow the same.
LARGEST_DEVIATION = 1e-5


def float_array(name: str, value: Any) -> tuple[NDArray[Any], float]:
    """Return (array, eps) of probabilities or raw predictions.

    Parameters
    ----------
    name : str
        The argument, for errors.
    value : array-like of shape (n_samples,) or (n_samples, n_columns)

    Returns
    -------
    array : ndarray of shape (n_samples,) or (n_samples, n_columns), float32 or float64
        One column becomes one dimension.
    eps : float
        Rounding error of the dtype that was given.

    Raises
    ------
    TypeError
        If value is sparse.
    ValueError
        If it does not hold real numbers, has no samples, or more than two dimensions.
    """
    array = real_array(name, value, error=ValueError)
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} must have one or two dimensions, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} has 0 samples or columns, its shape is {array.shape}")
    eps = np.finfo(array.dtype if array.dtype.kind == "f" else np.float64).eps
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array, float(eps)


def check_probabilities(name: str, value: Any) -> tuple[NDArray[Any], float]:
    """Return (probabilities, eps), as `float_array`, or raise an error.

    Raises
    ------
    TypeError, ValueError
        As for `float_array`. Also if an entry is not between 0 and 1 or a row does not sum to 1.
    """
    proba, eps = float_array(name, value)
    low, high = proba.min(), proba.max()
    if not (low >= 0 and high <= 1):
        if np.isnan(low):
            raise ValueError(f"{name} contains NaN")
        wrong = low if low < 0 else high
        raise ValueError(f"{name} must hold probabilities between 0 and 1, found {wrong}")
    if proba.ndim == 2:
        check_row_sums(name, proba, eps)
    return proba, eps


def normalized_rows(name: str, value: Any) -> NDArray[np.float64]:
    """Return soft targets, float64, with rows that sum to 1 up to rounding.

    Rows that sum to a little more or less would pull at all classes at once, without end.

    Parameters
    ----------
    name : str
        The argument, for errors.
    value : array-like of shape (n_samples, n_classes)

    Raises
    ------
    ValueError
        If an entry is no number, negative or not finite, or a row does not sum to 1.
    """
    try:
        proba, eps = float_array(name, value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} has 2 or more columns, so it must hold class probabilities: {error}"
        ) from error
    check_finite(name, proba)
    is_valid = proba >= 0
    if not is_valid.all():
        raise ValueError(
            f"{name} has class probabilities, which must not be negative, got "
            f"{first_invalid(proba, is_valid)}; pass probabilities, not negative scores"
        )
    total = check_row_sums(name, proba, eps, is_target=True)
    return proba / total[:, None]


def check_row_sums(
    name: str, proba: NDArray[Any], eps: float, is_target: bool = False
) -> NDArray[np.float64]:
    """Return the sums of the rows in float64, or raise an error unless they are close to 1.

    Parameters
    ----------
    name : str
        The argument, for errors.
    proba : ndarray of shape (n_samples, n_classes)
    eps : float
        Rounding error of the dtype in which the probabilities were given.
    is_target : bool, default=False
        Whether the argument may hold labels as well. Then the error says why it is taken for
        probabilities.
    """
    total = proba.sum(axis=1, dtype=np.float64)
    largest = max(LARGEST_DEVIATION, np.sqrt(eps))
    is_off = np.abs(total - 1) > largest
    if not is_off.any():
        return total
    row = int(np.argmax(is_off))
    problem = f"must sum to 1; row {row} sums to {total[row]}"
    if not is_target:
        raise ValueError(f"the rows of {name} {problem}")
    raise ValueError(
        f"{name} has 2 or more columns, so its rows are class probabilities and {problem} ({name} "
        f"has the shape {proba.shape}). The rows of {name} must sum to 1 within {largest:.1g}"
    )
