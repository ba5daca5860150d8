"""Checks of parameters: errors that name the parameter and say what is allowed."""

import operator
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from types import NoneType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sklogloss.inputs.arrays import check_finite, first_invalid, real_array
from sklogloss.inputs.columns import in_order_of_labels
from sklogloss.inputs.errors import shown

__all__ = [
    "FRACTION",
    "LARGEST_COUNT",
    "SEED",
    "Allowed",
    "Integers",
    "Interval",
    "check_bounds",
    "check_count",
    "check_parameter",
    "check_parameters",
    "check_penalty_factor",
    "resolve_penalty",
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


# scikit-learn's default of a parameter that should not be set: accepted, but no error mentions it.
NOT_OFFERED = "deprecated"

# The l1_ratio that each name of scikit-learn's penalty stands for.
L1_RATIOS_BY_NAME: dict[str | None, float] = {"l2": 0.0, "l1": 1.0}
# The numbers strictly between 0 and 1.
FRACTION = Interval(0, 1, "()")
# The largest number in float64.
LARGEST_FLOAT = sys.float_info.max
# Counts are lengths of arrays or the like: larger numbers are a mistake.
LARGEST_COUNT = 2**31 - 1
# Seeds of random numbers.
SEED = Integers(0, 2**32 - 1, also=(NoneType, np.random.RandomState))

# The allowed values of a parameter. bool means True and False, and 1 and 0 count as these; str
# means text or None; a tuple lists choices.
Allowed = Interval | Integers | type[bool] | type[str] | tuple[str | None, ...]


def check_parameter(name: str, value: Any, allowed: Allowed) -> None:
    """Check one value as `check_parameters` does."""
    check_parameters(SimpleNamespace(**{name: value}), {name: allowed})


def check_parameters(parameters: Any, table: Mapping[str, Allowed]) -> None:
    """Raise an error that names the first parameter of an object whose value is not allowed.

    Parameters
    ----------
    parameters : object
        The parameters are its attributes.
    table : dict of str to Interval, Integers, bool, str or tuple of str or None
        What each may be. bool are True and False, as which 1 and 0 count. str is text or None. A
        tuple lists the choices.

    Raises
    ------
    TypeError
        If a value is no number where a number is asked for, no boolean or no text. Booleans are no
        numbers.
    ValueError
        If a value lies outside the interval or is not one of the choices.
    """
    for name, allowed in table.items():
        value = getattr(parameters, name)
        is_boolean = isinstance(value, bool | np.bool_)
        if isinstance(value, getattr(allowed, "also", ())):
            continue
        if isinstance(allowed, Interval):
            is_number = isinstance(value, Real) and not is_boolean
            if not is_number:
                raise TypeError(f"{name} must be a number in {allowed}, got {shown(value)}")
            is_above = value > allowed.low or (value == allowed.low and allowed.brackets[0] == "[")
            is_below = value < allowed.high or (
                value == allowed.high and allowed.brackets[1] == "]"
            )
            # Nearly all numbers fit in float64, but not all of Python's integers.
            fits_in_float64 = isinstance(value, float | np.number) or abs(value) <= LARGEST_FLOAT
            if not (is_above and is_below and fits_in_float64):
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


def resolve_penalty(
    penalty: str | None, C: float, l1_ratio: float | None, *, warn: bool = True
) -> tuple[float, float]:
    """Return the C and l1_ratio that scikit-learn's three parameters together stand for.

    Parameters
    ----------
    penalty : {"elasticnet", "l2", "l1", None}
    C : float
    l1_ratio : float or None
    warn : bool, default=True
        Whether to give scikit-learn's warnings.

    Returns
    -------
    C : float
    l1_ratio : float

    Warns
    -----
    UserWarning
        If penalty overrides a C or an l1_ratio that was given.
    """
    if penalty is None:
        if warn and C != 1.0:
            warnings.warn(
                "Setting penalty=None will ignore the C and l1_ratio parameters; "
                "use C=np.inf instead of penalty=None.",
                UserWarning,
                stacklevel=3,
            )
        return np.inf, 0.0
    meant = L1_RATIOS_BY_NAME.get(penalty)
    if meant is None:
        return C, 0.0 if l1_ratio is None else float(l1_ratio)
    # 0 is the default of l1_ratio, so it needs no warning.
    if warn and l1_ratio not in (None, 0, meant):
        warnings.warn(
            f"Inconsistent values: penalty={penalty} with l1_ratio={l1_ratio}. l1_ratio parameter "
            f"is only used when penalty is 'elasticnet'. Got (penalty={penalty}), which means "
            f"l1_ratio={meant:g}.",
            UserWarning,
            stacklevel=3,
        )
    return C, meant


def check_penalty_factor(
    penalty_factor: Any, n_features: int, feature_names: NDArray[Any] | None = None
) -> NDArray[np.float64] | None:
    """Return the factors that multiply the penalty of each feature.

    Parameters
    ----------
    penalty_factor : array-like of shape (n_features,)
        Finite and not negative. All may be zero: then nothing is penalised. A Series with the
        names of the features may have them in any order.
    n_features : int
    feature_names : ndarray of shape (n_features,), default=None
        None if X has no names.

    Returns
    -------
    penalty_factor : ndarray of shape (n_features,), float64
        None if all are one, which changes nothing.

    Raises
    ------
    TypeError
        If penalty_factor is sparse, or does not hold real numbers.
    ValueError
        If its shape or its names are wrong, or an entry is negative or not finite.
    """
    penalty_factor = in_order_of_labels("penalty_factor", penalty_factor, -1, feature_names)
    factor = real_array("penalty_factor", penalty_factor)
    if factor.shape != (n_features,):
        raise ValueError(
            f"penalty_factor must have shape ({n_features},), one entry per feature, got shape "
            f"{factor.shape}"
        )
    check_finite("penalty_factor", factor)
    is_valid = factor >= 0
    if not is_valid.all():
        raise ValueError(
            f"penalty_factor must not be negative, got {first_invalid(factor, is_valid)}"
        )
    return None if np.all(factor == 1) else factor.astype(np.float64)


def check_bounds(
    bounds: Any,
    n_features: int,
    n_columns: int,
    feature_names: NDArray[Any] | None = None,
    classes: NDArray[Any] | None = None,
    dtype: DTypeLike = np.float64,
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the lower and the upper bound of each coefficient.

    Parameters
    ----------
    bounds : pair (lower, upper)
        Each is None (no bound), a number, or an array of shape (n_features,) or of the shape of
        ``coef_``, (n_columns, n_features). A Series or DataFrame with the names of the features,
        and of the classes as its index, may have them in any order.
    n_features : int
    n_columns : int
        1 for two classes, else the number of classes.
    feature_names : ndarray of shape (n_features,), default=None
        None if X has no names.
    classes : ndarray of shape (n_classes,), default=None
        Labels of the classes; needed where there are more than two.
    dtype : dtype, default=np.float64
        That of the coefficients. A bound that is no number of it becomes the next one within the
        bounds, if there is any.

    Returns
    -------
    bounds : tuple (lower, upper) of C-ordered ndarrays of shape (n_features, n_columns), float64
        Infinite where there is no bound. None if nothing is bounded.

    Raises
    ------
    TypeError
        If bounds is not a pair, or a bound is sparse or does not hold real numbers.
    ValueError
        If a shape or a name is wrong, an entry is NaN, or no number lies between lower and upper.
        If four numbers for two features may be a pair for each feature.
    """
    lower, upper = _pair(bounds, n_features)
    labels = (feature_names, classes if n_columns > 1 else None)
    lower = _in_order("bounds[0]", lower, *labels)
    upper = _in_order("bounds[1]", upper, *labels)
    lower = _bound("bounds[0]", lower, -np.inf, n_features, n_columns)
    upper = _bound("bounds[1]", upper, np.inf, n_features, n_columns)
    is_empty = lower > upper
    if is_empty.any():
        feature, column = np.argwhere(is_empty)[0]
        of_class = f" of class {column}" if n_columns > 1 else ""
        raise ValueError(
            f"bounds[0] must not be above bounds[1], got {lower[feature, column]} > "
            f"{upper[feature, column]} for feature {feature}{of_class}"
        )
    if np.isneginf(lower).all() and np.isposinf(upper).all():
        return None
    return _rounded_inwards(lower, upper, dtype)


def _rounded_inwards(
    lower: NDArray[np.float64], upper: NDArray[np.float64], dtype: DTypeLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    with np.errstate(over="ignore"):
        low, high = lower.astype(dtype), upper.astype(dtype)
    low = np.where(low < lower, np.nextafter(low, np.inf, dtype=dtype), low)
    high = np.where(high > upper, np.nextafter(high, -np.inf, dtype=dtype), high)
    is_between = (low <= high) & (low < np.inf) & (high > -np.inf)
    return np.where(is_between, low, lower), np.where(is_between, high, upper)


def _pair(bounds: Any, n_features: int) -> tuple[Any, Any]:
    given = repr(bounds)
    is_array = isinstance(bounds, np.ndarray) and bounds.ndim > 0
    if is_array or isinstance(bounds, tuple | list):
        if len(bounds) == 2:
            if n_features == 2 and _may_be_pairs(bounds):
                lower, upper = np.asarray(bounds).tolist()
                raise ValueError(
                    f"bounds={bounds!r} may be (lower, upper) or a pair for each of the two "
                    f"features; pass (lower, upper) as a tuple of lists: ({lower}, {upper}) if "
                    "that is meant"
                )
            return bounds[0], bounds[1]
        given = f"{type(bounds).__name__} of {len(bounds)} entries"  # perhaps one per feature
    raise TypeError(f"bounds must be None or a pair (lower, upper), got {given}")


def _may_be_pairs(bounds: Any) -> bool:
    # Whether two bounds look like SciPy's list of pairs, or an array of shape (n_features, 2).
    if isinstance(bounds, np.ndarray):
        return bounds.shape == (2, 2)
    kinds = tuple if isinstance(bounds, tuple) else tuple | list
    return all(isinstance(each, kinds) and len(each) == 2 for each in bounds)


def _in_order(
    name: str, bound: Any, feature_names: NDArray[Any] | None, classes: NDArray[Any] | None
) -> Any:
    # A Series or DataFrame in the order of the features and classes.
    bound = in_order_of_labels(name, bound, -1, feature_names)
    is_table = len(getattr(bound, "axes", ())) == 2
    return in_order_of_labels(name, bound, 0, classes) if is_table else bound


def _bound(
    name: str, value: Any, unbounded: float, n_features: int, n_columns: int
) -> NDArray[np.float64]:
    # One end of the bounds, (n_features, n_columns); `unbounded` is what None stands for.
    if value is None:
        return np.full((n_features, n_columns), unbounded)
    bound = real_array(name, value)
    shapes = ((n_features,), (n_columns, n_features))
    if bound.ndim > 0 and bound.shape not in shapes:
        raise ValueError(
            f"{name} must be None, a number, or an array of shape {shapes[0]} or {shapes[1]}, got "
            f"shape {bound.shape}"
        )
    is_valid = ~(np.isnan(bound) | (bound == -unbounded))
    if not is_valid.all():
        end = "a lower" if unbounded < 0 else "an upper"
        wrong = first_invalid(bound, is_valid)
        raise ValueError(f"{name} must not be NaN or {-unbounded}, as {end} bound, got {wrong}")
    return np.array(np.broadcast_to(bound, shapes[1]).T, dtype=np.float64, order="C")
