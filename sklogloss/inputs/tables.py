"""What NumPy would take as numbers, or as one object, although a user does not mean that."""

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["check_collected", "check_holds_no_times"]

# How the names of such types begin in NumPy, pandas, polars and PyArrow.
TYPES_OF_TIME = ("date", "duration", "period", "time")


def check_collected(name: str, value: Any) -> None:
    """Raise a TypeError if a table has no rows yet: a LazyFrame of polars or narwhals.

    Parameters
    ----------
    name : str
        The argument, for the error.
    value : object
    """
    if type(value).__name__ == "LazyFrame":
        raise TypeError(
            f"{name} must have its rows in memory, got a LazyFrame: call .collect() first"
        )


def check_holds_no_times(X: Any) -> None:
    """Raise a TypeError if X holds dates, times or durations, or has no rows yet.

    NumPy, and with it scikit-learn, makes a number of each, in a unit that nobody has chosen.

    Parameters
    ----------
    X : object
        As the user passed it.
    """
    check_collected("X", X)
    advice = "encode dates, times and durations as numbers, for example of days since one date"
    columns = list(_types_of_columns(X))
    of_time = {dtype for dtype in {dtype for _, dtype in columns} if _is_of_time(dtype)}
    if wrong := [name for name, dtype in columns if dtype in of_time]:
        raise TypeError(f"X must hold numbers, but not the columns {wrong}; {advice}")
    # A table may have a column of the name dtype.
    for dtype in _types_of_entries(X) if not columns else ():
        if _is_of_time(dtype):
            raise TypeError(f"X must hold numbers, got {dtype}; {advice}")


def _types_of_columns(X: Any) -> Iterator[tuple[Any, Any]]:
    schema: Any = getattr(X, "schema", None)
    if hasattr(schema, "types"):  # PyArrow
        return zip(schema.names, schema.types, strict=True)
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        return zip(X.columns, X.dtypes, strict=True)
    return iter(())


def _types_of_entries(X: Any) -> list[Any]:
    # Of an array, or of the first row of objects.
    dtype = getattr(X, "dtype", None)
    are_objects = isinstance(X, np.ndarray) and X.dtype.kind == "O" and X.ndim > 0
    if (are_objects or isinstance(X, list | tuple)) and len(X) > 0:
        row = X[0] if isinstance(X[0], list | tuple | np.ndarray) else X[:1]
        return [entry.dtype for entry in row if isinstance(entry, np.generic)]
    return [] if dtype is None else [dtype]


def _is_of_time(dtype: Any) -> bool:
    return str(dtype).lower().startswith(TYPES_OF_TIME)
