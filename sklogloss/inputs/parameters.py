"""Checks of parameters: errors that name the parameter and say what is allowed."""

import operator
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np

__all__ = [
    "check_boolean",
    "check_choice",
    "check_count",
    "check_fraction",
    "check_integer",
    "check_real",
]


def check_real(
    name: str,
    value: Any,
    low: float,
    high: float,
    *,
    include_low: bool = True,
    include_high: bool = True,
) -> None:
    """Raise an error that names the parameter unless value is a number from low to high."""
    interval = f"{'[' if include_low else '('}{low}, {high}{']' if include_high else ')'}"
    is_number = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    if not is_number:
        raise TypeError(f"{name} must be a number in {interval}, got {value!r}")
    above = value >= low if include_low else value > low
    below = value <= high if include_high else value < high
    if not (above and below):
        raise ValueError(f"{name} must be in {interval}, got {value!r}")


def check_fraction(name: str, value: Any) -> None:
    """Raise an error that names the parameter unless value is a number strictly between 0 and 1."""
    check_real(name, value, 0, 1, include_low=False, include_high=False)


def check_integer(name: str, value: Any, low: int | None = None) -> None:
    """Raise an error that names the parameter unless value is an integer of at least low."""
    allowed = "an integer" if low is None else f"an integer >= {low}"
    if not isinstance(value, Integral) or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be {allowed}, got {value!r}")
    if low is not None and value < low:
        raise ValueError(f"{name} must be {allowed}, got {value!r}")


def check_boolean(name: str, value: Any) -> None:
    """Raise an error that names the parameter unless value is a boolean (or 0 or 1)."""
    if not isinstance(value, (bool, np.bool_)) and not (
        isinstance(value, Integral) and value in (0, 1)
    ):
        raise TypeError(f"{name} must be True or False, got {value!r}")


def check_choice(name: str, value: Any, choices: Iterable[str | None]) -> None:
    """Raise an error that names the parameter unless value is one of the choices."""
    if not (value is None or isinstance(value, str)) or value not in choices:
        raise ValueError(f"{name} must be one of {list(choices)}, got {value!r}")


def check_count(number: int, name: str, smallest: int) -> int:
    """Return number as int, or raise an error that names it unless it is at least `smallest`."""
    try:
        count = operator.index(number)
    except TypeError:
        raise TypeError(
            f"{name} must be an integer, got {number!r} of type {type(number).__name__}."
        ) from None
    if count < smallest:
        raise ValueError(f"{name} must be at least {smallest}, got {count}.")
    return count
