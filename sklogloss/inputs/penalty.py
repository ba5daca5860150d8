"""The penalty: its strength, its factor for each feature, and the bounds of the coefficients."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklogloss.inputs.arrays import check_finite, first_invalid, real_array

__all__ = ["check_bounds", "check_penalty_factor", "meant_penalty", "resolve_penalty"]

L1_RATIOS_BY_NAME: dict[str | None, float] = {"l2": 0.0, "l1": 1.0}


def meant_penalty(penalty: str | None, C: float, l1_ratio: float | None) -> tuple[float, float]:
    """Return the C and l1_ratio that scikit-learn's three parameters together stand for."""
    if penalty is None:
        return np.inf, 0.0
    if penalty in L1_RATIOS_BY_NAME:
        return C, L1_RATIOS_BY_NAME[penalty]
    return C, 0.0 if l1_ratio is None else float(l1_ratio)


def resolve_penalty(penalty: str | None, C: float, l1_ratio: float | None) -> tuple[float, float]:
    """Return what `meant_penalty` does, with scikit-learn's warnings.

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
        If penalty overrides a C or an l1_ratio that was given.
    """
    if penalty is None:
        if C != 1.0:
            warnings.warn(
                "Setting penalty=None will ignore the C and l1_ratio parameters; "
                "use C=np.inf instead of penalty=None.",
                UserWarning,
                stacklevel=3,
            )
    meant = L1_RATIOS_BY_NAME.get(penalty)
    # 0 is the default of l1_ratio: nobody needs a warning about it.
    if meant is not None and l1_ratio not in (None, 0, meant):
        warnings.warn(
            f"Inconsistent values: penalty={penalty} with l1_ratio={l1_ratio}. l1_ratio parameter "
            f"is only used when penalty is 'elasticnet'. Got (penalty={penalty}), which means "
            f"l1_ratio={meant:g}.",
            UserWarning,
            stacklevel=3,
        )
    return meant_penalty(penalty, C, l1_ratio)


def check_penalty_factor(penalty_factor: Any, n_features: int) -> NDArray[np.float64] | None:
    """Return the factors that multiply the penalty of each feature.

    Parameters
    ----------
    penalty_factor : array-like of shape (n_features,) or None
        Finite and not negative. All may be zero: then nothing is penalised.
    n_features : int

    Returns
    -------
    penalty_factor : ndarray of shape (n_features,), float64
        None if penalty_factor is None or all ones, which changes nothing.

    Raises
    ------
    TypeError
        If penalty_factor is sparse, or does not hold real numbers.
    ValueError
        If its shape is wrong, or an entry is negative or not finite.
    """
    if penalty_factor is None:
        return None
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
    bounds: Any, n_features: int, n_columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the lower and the upper bound of each coefficient.

    Parameters
    ----------
    bounds : pair (lower, upper) or None
        Each is None (no bound), a number, or an array of shape (n_features,) or of the shape of
        ``coef_``, (n_columns, n_features).
    n_features : int
    n_columns : int
        1 for two classes, else the number of classes.

    Returns
    -------
    bounds : tuple (lower, upper) of C-ordered ndarrays of shape (n_features, n_columns), float64
        Infinite where there is no bound. None if nothing is bounded.

    Raises
    ------
    TypeError
        If bounds is not a pair, or a bound is sparse or does not hold real numbers.
    ValueError
        If a shape is wrong, an entry is NaN, or no number lies between lower and upper.
    """
    if bounds is None:
        return None
    lower, upper = _pair(bounds)
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
    return lower, upper


def _pair(bounds: Any) -> tuple[Any, Any]:
    given = repr(bounds)
    is_array = isinstance(bounds, np.ndarray) and bounds.ndim > 0
    if is_array or isinstance(bounds, tuple | list):
        if len(bounds) == 2:
            return bounds
        given = f"{type(bounds).__name__} of {len(bounds)} entries"  # perhaps one per feature
    raise TypeError(f"bounds must be None or a pair (lower, upper), got {given}")


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
