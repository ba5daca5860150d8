"""Checks of parameters: errors that name the parameter and say what is allowed."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from types import NoneType
from typing import Any

import numpy as np

from sklogloss.inputs.errors import shown

__all__ = [
    "FRACTION",
    "LARGEST_COUNT",
    "SEED",
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
        interval = f"{self.brackets[0]}{self.low}, {self.high}{self.brackets[1]}"
        return _or_also(interval, self.also)


@dataclass(frozen=True)
class Integers:
    """The integers from low to high, or all of them.

    Attributes
    ----------
    low, high : int or None
    also : tuple of types
        Their values are allowed, too.
    """

    low: int | None = None
    high: int | None = None
    also: tuple[type, ...] = ()

    def __str__(self) -> str:
        integer = "an integer" if self.low is None else f"an integer >= {self.low}"
        return _or_also(integer + ("" if self.high is None else f" and <= {self.high}"), self.also)


def _or_also(text: str, also: tuple[type, ...]) -> str:
    names = ["None" if kind is NoneType else kind.__name__ for kind in also]
    return " or ".join([text, *names])


# scikit-learn's default of a parameter that nobody should set: accepted, but offered by no error.
NOT_OFFERED = "deprecated"

# The numbers strictly between 0 and 1.
FRACTION = Interval(0, 1, "()")
# Lengths of arrays: larger numbers are a mistake.
LARGEST_COUNT = 2**31 - 1
# What seeds random numbers.
SEED = Integers(0, 2**32 - 1, also=(NoneType, np.random.RandomState))

# What a parameter may be. bool are True and False, as which 1 and 0 count; str is text or None; a
# tuple lists choices.
Allowed = Interval | Integers | type[bool] | type[str] | tuple[str | None, ...]


def check_parameters(parameters: Any, allowed: Mapping[str, Allowed]) -> None:
    """Raise an error that names the first parameter of an object whose value is not allowed.

    Parameters
    ----------
    parameters : object
        The parameters are its attributes.
    allowed : dict of str to Interval, Integers, bool, str or tuple
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
    allowed : Interval, Integers, bool, str or tuple of str or None
        bool are True and False, as which 1 and 0 count. str is text or None. A tuple lists the
        choices.

    Raises
    ------
    TypeError
        If value is no number where a number is asked for, no boolean or no text. Booleans are no
        numbers.
    ValueError
        If value lies outside the interval or is none of the choices.
    """
    is_boolean = isinstance(value, (bool, np.bool_))
    if isinstance(value, getattr(allowed, "also", ())):
        return
    if isinstance(allowed, Interval):
        is_number = isinstance(value, Real) and not is_boolean
        if not is_number:
            raise TypeError(f"{name} must be a number in {allowed}, got {shown(value)}")
        is_above = value > allowed.low or (value == allowed.low and allowed.brackets[0] == "[")
        is_below = value < allowed.high or (value == allowed.high and allowed.brackets[1] == "]")
        if not (is_above and is_below and _fits_in_float64(value)):
            raise ValueError(f"{name} must be in {allowed}, got {shown(value)}")
    elif isinstance(allowed, Integers):
        if is_boolean or not isinstance(value, Integral):
            raise TypeError(f"{name} must be {allowed}, got {shown(value)}")
        number = int(value)
        is_below = allowed.low is not None and number < allowed.low
        if is_below or (allowed.high is not None and number > allowed.high):
            raise ValueError(f"{name} must be {allowed}, got {shown(value)}")
    elif isinstance(allowed, tuple):
        if not (value is None or isinstance(value, str)) or value not in allowed:
            offered = [choice for choice in allowed if choice != NOT_OFFERED]
            raise ValueError(f"{name} must be one of {offered}, got {shown(value)}")
    elif allowed is bool:
        if not (is_boolean or (isinstance(value, Integral) and value in (0, 1))):
            raise TypeError(f"{name} must be True or False, got {shown(value)}")
    elif not (value is None or isinstance(value, str)):
        raise TypeError(f"{name} must be a string or None, got {shown(value)}")


def _fits_in_float64(value: Any) -> bool:
    # As nearly all numbers do, but not all of Python's integers.
    try:
        float(value)
    except OverflowError:
        return False
    return True


def check_count(number: int, name: str, smallest: int) -> int:
    """Return number as int, or raise an error that names it unless it is at least `smallest`."""
    try:
        count = operator.index(number)
    except TypeError:
        raise TypeError(
            f"{name} must be an integer, got {shown(number)} of type {type(number).__name__}."
        ) from None
    if count < smallest:
        raise ValueError(f"{name} must be at least {smallest}, got {count}.")
    if count > LARGEST_COUNT:
        raise ValueError(f"{name} must be at most {LARGEST_COUNT}, got {shown(count)}.")
    return count
