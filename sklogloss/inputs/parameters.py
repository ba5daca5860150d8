"""Checks of parameters: errors that name the parameter and say what is allowed."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

__all__ = [
    "FRACTION",
    "Allowed",
    "Integers",
    "Interval",
    "check_count",
    "check_parameter",
    "check_parameters",
]


@dataclass(frozen=True)
class Interval:
    """The numbers from low to high.

    Attributes
    ----------
    low, high : float
    brackets : {"[]", "()", "[)", "(]"}
        A round bracket excludes the end.
    also : tuple of types
        Their values are allowed, too.
    """

    low: float
    high: float = np.inf
    brackets: str = "[]"
    also: tuple[type, ...] = ()

    def __str__(self) -> str:
        return f"{self.brackets[0]}{self.low}, {self.high}{self.brackets[1]}"


@dataclass(frozen=True)
class Integers:
    """The integers from low on, or all of them.

    Attributes
    ----------
    low : int or None
    also : tuple of types
        Their values are allowed, too.
    """

    low: int | None = None
    also: tuple[type, ...] = ()

    def __str__(self) -> str:
        return "an integer" if self.low is None else f"an integer >= {self.low}"


# scikit-learn's default of a parameter that nobody should set: accepted, but offered by no error.
NOT_OFFERED = "deprecated"

# The numbers strictly between 0 and 1.
FRACTION = Interval(0, 1, "()")

# What a parameter may be. bool are True and False, as which 1 and 0 count; a tuple lists choices.
Allowed = Interval | Integers | type[bool] | tuple[str | None, ...]


def check_parameters(parameters: Any, allowed: Mapping[str, Allowed]) -> None:
    """Raise an error that names the first parameter of an object whose value is not allowed.

    Parameters
    ----------
    parameters : object
        The parameters are its attributes.
    allowed : dict of str to Interval, Integers, bool or tuple
        As for `check_parameter`, by name.
    """
    for name, of_name in allowed.items():
        check_parameter(name, getattr(parameters, name), of_name)


def check_parameter(name: str, value: Any, allowed: Allowed) -> None:
    """Raise an error that names the parameter unless its value is allowed.

    Parameters
    ----------
    name : str
    value : object
    allowed : Interval, Integers, bool or tuple of str or None
        bool are True and False, as which 1 and 0 count. A tuple lists the choices.

    Raises
    ------
    TypeError
        If value is no number where a number is asked for, or no boolean. Booleans are no numbers.
    ValueError
        If value lies outside the interval or is none of the choices.
    """
    is_boolean = isinstance(value, (bool, np.bool_))
    if isinstance(value, getattr(allowed, "also", ())):
        return
    if isinstance(allowed, Interval):
        is_number = isinstance(value, Real) and not is_boolean
        if not is_number:
            raise TypeError(f"{name} must be a number in {allowed}, got {value!r}")
        is_above = value > allowed.low or (value == allowed.low and allowed.brackets[0] == "[")
        is_below = value < allowed.high or (value == allowed.high and allowed.brackets[1] == "]")
        if not (is_above and is_below):
            raise ValueError(f"{name} must be in {allowed}, got {value!r}")
    elif isinstance(allowed, Integers):
        if is_boolean or not isinstance(value, Integral):
            raise TypeError(f"{name} must be {allowed}, got {value!r}")
        if allowed.low is not None and value < allowed.low:
            raise ValueError(f"{name} must be {allowed}, got {value!r}")
    elif allowed is bool:
        if not (is_boolean or (isinstance(value, Integral) and value in (0, 1))):
            raise TypeError(f"{name} must be True or False, got {value!r}")
    elif not (value is None or isinstance(value, str)) or value not in allowed:
        offered = [choice for choice in allowed if choice != NOT_OFFERED]
        raise ValueError(f"{name} must be one of {offered}, got {value!r}")


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
