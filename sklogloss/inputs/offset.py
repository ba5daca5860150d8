"""The offset: a term of the raw predictions with a fixed coefficient of 1."""

from typing import Any

from numpy.typing import DTypeLike, NDArray

from sklogloss.inputs.arrays import cast_array, check_finite, real_array
from sklogloss.inputs.columns import column_names, in_order_of_classes

__all__ = ["check_offset"]


def check_offset(
    offset: Any,
    n_samples: int,
    n_columns: int,
    dtype: DTypeLike,
    classes: NDArray[Any] | None = None,
) -> NDArray[Any] | None:
    """Return the offset as an array with one column per raw prediction.

    Parameters
    ----------
    offset : array-like, Series, DataFrame or None
        Shape (n_samples,) or (n_samples, 1) for two classes, else (n_samples, n_columns).
    n_samples : int
    n_columns : int
        1 for two classes, else the number of classes.
    dtype : dtype
    classes : ndarray of shape (n_classes,), default=None
        Sorted. Columns of a DataFrame that are named as the classes are put in this order; names
        that have nothing to do with the classes are ignored.

    Returns
    -------
    offset : Fortran-ordered ndarray of shape (n_samples, n_columns), or None if offset is None

    Raises
    ------
    TypeError
        If offset is sparse, or does not hold real numbers.
    ValueError
        If its shape is wrong, an entry is not finite or too large for the dtype, only some columns
        are named as classes, or the one column of two classes is named as the first.
    """
    if offset is None:
        return None
    array = real_array("offset", offset)
    if array.ndim == 0:
        raise ValueError(
            f"offset must be an array with an entry per sample, got the number {array.item()}"
        )
    if n_columns == 1:
        is_right = array.shape in ((n_samples,), (n_samples, 1))
        allowed = f"({n_samples},) or ({n_samples}, 1) for two classes"
    else:
        is_right = array.shape == (n_samples, n_columns)
        allowed = f"({n_samples}, {n_columns}): pass one column per class"
    if not is_right:
        raise ValueError(f"offset has shape {array.shape}, but must have shape {allowed}")
    check_finite("offset", array)
    columns = column_names(offset)
    if columns and classes is not None:
        array = in_order_of_classes("offset", array, columns, classes)
    return cast_array("offset", array.reshape(n_samples, n_columns), dtype, order="F")
