"""Arrays of real numbers, and errors that say which entry is wrong."""

from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy import sparse

from sklogloss.inputs.array_api import to_numpy
from sklogloss.inputs.errors import shown
from sklogloss.inputs.tables import check_collected

__all__ = ["cast_array", "check_finite", "check_same_length", "first_invalid", "real_array"]


def real_array(
    name: str,
    value: Any,
    allowed: str = "real numbers",
    error: type[Exception] = TypeError,
) -> NDArray[Any]:
    """Return an array-like as an aligned ndarray of booleans, integers or floats.

    Parameters
    ----------
    name : str
        The argument, for errors.
    value : array-like, or Series or DataFrame of pandas or polars
    allowed : str, default="real numbers"
        What the argument must hold, for the error.
    error : type, default=TypeError
        Exception to raise if the entries are not real numbers.

    Returns
    -------
    array : ndarray
        Shares memory with `value` where possible.

    Raises
    ------
    TypeError
        If value is sparse, or a LazyFrame.
    ValueError
        If an integer is too large for float64.
    error
        If the entries are not real numbers: strings, complex numbers, dates, lists of different
        lengths.
    """
    if sparse.issparse(value):
        raise TypeError(f"{name} must be a dense array, got {type(value).__name__}")
    check_collected(name, value)
    value = to_numpy(value)
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    try:
        array = np.asarray(value)
    except ValueError as cause:  # lists of different lengths
        raise error(f"{name} must hold {allowed}: {cause}") from cause
    if array.dtype.kind == "O":
        array = _from_objects(name, array, allowed, error)
    if array.dtype.kind not in "biuf":
        raise error(f"{name} must hold {allowed}, got dtype {array.dtype}")
    return np.require(array, requirements="A")


def _from_objects(
    name: str, array: NDArray[Any], allowed: str, error: type[Exception]
) -> NDArray[np.float64]:
    # float("1.5") is a number, but "1.5" is not: it is likely a column that was read wrongly.
    for entry in array.flat:
        if isinstance(entry, str | bytes):
            raise error(f"{name} must hold {allowed}, got {shown(entry)}")
    try:
        return array.astype(np.float64)
    except OverflowError as cause:  # integers of Python have no end
        raise ValueError(f"{name} must hold {allowed} that fit in float64: {cause}") from cause
    except (TypeError, ValueError) as cause:
        raise error(f"{name} must hold {allowed}: {cause}") from cause


def check_finite(name: str, array: NDArray[Any]) -> None:
    """Raise a ValueError that names the argument and its first entry that is NaN or infinite."""
    is_finite = np.isfinite(array)
    if not is_finite.all():
        first = array[np.unravel_index(np.argmin(is_finite), array.shape)]
        what = "NaN" if np.isnan(first) else f"infinity or a value too large for {array.dtype!r}"
        raise ValueError(
            f"Input {name} contains {what}, but must be finite: got "
            f"{first_invalid(array, is_finite)}"
        )


def cast_array(
    name: str, array: NDArray[Any], dtype: DTypeLike, order: Literal["K", "C", "F"] = "K"
) -> NDArray[Any]:
    """Return a finite array in another dtype.

    Raises
    ------
    ValueError
        If an entry is too large for the dtype.
    """
    with np.errstate(over="ignore"):
        cast = np.asarray(array, dtype=dtype, order=order)
    if cast is not array:
        fits = np.isfinite(cast)
        if not fits.all():
            raise ValueError(
                f"{name} must fit in {np.dtype(dtype)}, got {first_invalid(array, fits)}"
            )
    return cast


def check_same_length(**arrays: Any) -> None:
    """Raise a ValueError that names the arguments unless they have the same number of samples."""
    lengths = {
        name: array.shape[0] if hasattr(array, "shape") else len(array)  # sparse ones have no len
        for name, array in arrays.items()
    }
    if len(set(lengths.values())) > 1:
        given = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {given}")


def first_invalid(array: NDArray[Any], is_valid: NDArray[np.bool_]) -> str:
    """Return "value at [place]" of the first entry that is not valid, "value" of a number."""
    if array.ndim == 0:
        return f"{array}"
    first = np.unravel_index(np.argmin(is_valid), array.shape)
    return f"{array[first]} at [{', '.join(str(index) for index in first)}]"
