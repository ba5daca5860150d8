"""Checks of the estimators' parameters, and of what scikit-learn's penalty means."""

import warnings
from numbers import Integral, Real

import numpy as np

__all__ = [
    "check_boolean",
    "check_choice",
    "check_integer",
    "check_real",
    "resolve_penalty",
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


def resolve_penalty(penalty, C, l1_ratio):
    """Return (C, l1_ratio) that scikit-learn's penalty, C and l1_ratio together mean.

    Parameters
    ----------
    penalty : {"elasticnet", "l2", "l1", None}
    C : float
    l1_ratio : float or None

    Returns
    -------
    C : float
    l1_ratio : float

    Warns
    -----
    UserWarning
        If penalty overrules a C or an l1_ratio that was given.
    """
    if penalty is None:
        if C != 1.0:
            warnings.warn(
                "Setting penalty=None will ignore the C and l1_ratio parameters; "
                "use C=np.inf instead of penalty=None.",
                UserWarning,
                stacklevel=4,
            )
        return np.inf, 0.0
    meant = {"l2": 0.0, "l1": 1.0}.get(penalty)
    if meant is None:
        return C, 0.0 if l1_ratio is None else float(l1_ratio)
    # 0 is the default of l1_ratio, and the only value that says nothing.
    if l1_ratio not in (None, 0, meant):
        warnings.warn(
            f"Inconsistent values: penalty={penalty} with l1_ratio={l1_ratio}. "
            f"l1_ratio={meant} is used; leave penalty at its default to choose l1_ratio.",
            UserWarning,
            stacklevel=4,
        )
    return C, meant
