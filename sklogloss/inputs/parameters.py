"""Checks of parameters: errors that name the parameter and say what is allowed."""

from numbers import Integral, Real

import numpy as np

__all__ = [
    "check_boolean",
    "check_choice",
    "check_digits",
    "check_fraction",
    "check_integer",
    "check_real",
    "class_factors",
]


def check_real(name, value, low, high, *, include_low=True, include_high=True):
    """Raise an error that names the parameter unless value is a number from low to high."""
    interval = f"{'[' if include_low else '('}{low}, {high}{']' if include_high else ')'}"
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be a number in {interval}, got {value!r}")
    above = value >= low if include_low else value > low
    below = value <= high if include_high else value < high
    if not (above and below):
        raise ValueError(f"{name} must be in {interval}, got {value!r}")


def check_fraction(name, value):
    """Raise an error that names the parameter unless value is a number strictly between 0 and 1."""
    check_real(name, value, 0, 1, include_low=False, include_high=False)


def check_integer(name, value, low=None):
    """Raise an error that names the parameter unless value is an integer of at least low."""
    allowed = "an integer" if low is None else f"an integer >= {low}"
    if not isinstance(value, Integral) or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be {allowed}, got {value!r}")
    if low is not None and value < low:
        raise ValueError(f"{name} must be {allowed}, got {value!r}")


def check_boolean(name, value):
    """Raise an error that names the parameter unless value is a boolean (or 0 or 1)."""
    if not isinstance(value, (bool, np.bool_)) and not (
        isinstance(value, Integral) and value in (0, 1)
    ):
        raise TypeError(f"{name} must be True or False, got {value!r}")


def check_choice(name, value, choices):
    """Raise an error that names the parameter unless value is one of the choices."""
    if not (value is None or isinstance(value, str)) or value not in choices:
        raise ValueError(f"{name} must be one of {list(choices)}, got {value!r}")


def check_digits(name, weights):
    """Raise an error that names the parameter if its largest weight has few digits, or none."""
    if weights.max() < np.finfo(np.float64).tiny:
        raise ValueError(f"{name} must have digits left, but the largest is {weights.max()}")


def class_factors(name, value, n_classes):
    """Return the weights of the classes, float64, that a parameter such as alpha stands for.

    Parameters
    ----------
    name : str
        Of the parameter, for errors.
    value : float or array-like of shape (n_classes,)
        A number in (0, 1), for two classes, is the weight of the second; that of the first is one
        minus it. Weights are finite and not negative.
    n_classes : int
    """
    if isinstance(value, Real):
        check_fraction(name, value)
        if n_classes != 2:
            raise ValueError(
                f"{name} must be None or have {n_classes} weights, one for each class, got "
                f"{value!r}; a number is for two classes"
            )
        return np.array([1 - value, value], dtype=np.float64)
    try:
        weight = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} must be None, a number in (0, 1) or {n_classes} weights, got {value!r}"
        ) from error
    if weight.shape != (n_classes,):
        raise ValueError(f"{name} must have {n_classes} weights, one for each class, got {value!r}")
    if not np.all((weight >= 0) & (weight < np.inf)):
        raise ValueError(f"{name} must be finite and not negative, got {value!r}")
    return weight
