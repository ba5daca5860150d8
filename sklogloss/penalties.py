"""Penalties of coefficients: L1, L2 and bounds, each a function of one coefficient at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Penalty", "soft_threshold"]

# A number for all entries, or one for each.
Entries = float | NDArray[Any]


def soft_threshold(x: NDArray[Any], threshold: Entries) -> NDArray[Any]:
    """Return the minimiser u of (u - x)^2 / 2 + threshold |u|, entry by entry.

    Parameters
    ----------
    x : ndarray
    threshold : ndarray or float
        Not negative.
    """
    return np.sign(x) * np.maximum(np.abs(x) - threshold, 0)


@dataclass(frozen=True, eq=False)
class Penalty:
    """The penalty l1 |x| + l2 / 2 x^2 of each entry, infinite outside [lower, upper].

    Each strength and each bound is a number for all entries or an array that broadcasts with x.
    The penalty of coefficients has x of shape (n_features, n_columns); that of the scaled
    parameters of a solver has flat arrays, see `Coordinates.penalty_in_theta`.

    Attributes
    ----------
    l1, l2 : float or ndarray
        Strengths in nats of the mean objective, not negative.
    lower, upper : float or ndarray
    has_l1 : bool
        Whether some entry has an L1 penalty.
    has_l2_everywhere : bool
        Whether all entries have an L2 penalty: then an optimum exists and is unique.
    grows_everywhere : bool
        Whether all entries have an L1 or an L2 penalty.
    is_bounded : bool
        Whether some entry has a finite bound.
    is_smooth : bool
        Whether there is neither a kink nor a bound.
    is_none : bool
        Whether the penalty is zero everywhere.
    """

    l1: Entries = 0.0
    l2: Entries = 0.0
    lower: Entries = -np.inf
    upper: Entries = np.inf
    has_l1: bool = field(init=False)
    has_l2_everywhere: bool = field(init=False)
    grows_everywhere: bool = field(init=False)
    is_bounded: bool = field(init=False)
    is_smooth: bool = field(init=False)
    is_none: bool = field(init=False)

    def __post_init__(self) -> None:
        some_l1, some_l2, lacks_l2, lacks_both, some_lower, some_upper = (
            # NumPy's own takes fifty times as long for numbers.
            bool(condition.any() if isinstance(condition, np.ndarray) else condition)
            for condition in (
                self.l1 > 0,
                self.l2 > 0,
                self.l2 <= 0,
                self.l1 + self.l2 <= 0,
                self.lower > -np.inf,
                self.upper < np.inf,
            )
        )
        is_bounded = some_lower or some_upper
        # The class is frozen, and these follow from its fields.
        vars(self).update(
            has_l1=some_l1,
            has_l2_everywhere=not lacks_l2,
            grows_everywhere=not lacks_both,
            is_bounded=is_bounded,
            is_smooth=not (some_l1 or is_bounded),
            is_none=not (some_l1 or some_l2 or is_bounded),
        )

    def columns(self, features: NDArray[Any]) -> Penalty:
        """Return the penalty of the coefficients of some features."""

        def taken(entries: Entries) -> Entries:
            return entries[features] if isinstance(entries, np.ndarray) else entries

        return Penalty(taken(self.l1), taken(self.l2), taken(self.lower), taken(self.upper))

    def scaled(self, factor: float) -> Penalty:
        """Return the penalty that is stronger by a factor, within the same bounds."""
        return Penalty(self.l1 * factor, self.l2 * factor, self.lower, self.upper)

    def project(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the point within the bounds that is closest to x."""
        return np.clip(x, self.lower, self.upper) if self.is_bounded else x

    def prox(self, x: NDArray[Any], metric: NDArray[Any]) -> NDArray[Any]:
        """Return the minimiser u of metric (u - x)^2 / 2 + l1 |u| within the bounds."""
        return self.project(soft_threshold(x, self.l1 / metric))

    def violation(self, gradient: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
        """Return how far -gradient is from the subdifferential of the L1 part and the bounds.

        It is zero everywhere at the minimum of a convex function of this gradient plus l1 |x|
        within the bounds: the Karush-Kuhn-Tucker conditions. The L2 part belongs to the gradient.
        """
        return np.abs(self.subgradient(gradient, x))

    def subgradient(self, gradient: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
        """Return the subgradient closest to zero, of a function as for `violation`."""
        least = np.where(x > 0, self.l1, -self.l1)
        most = np.where(x < 0, -self.l1, self.l1)
        if self.is_bounded:
            least = np.where(x <= self.lower, -np.inf, least)
            most = np.where(x >= self.upper, np.inf, most)
        return np.maximum(gradient + least, 0) + np.minimum(gradient + most, 0)

    def is_free(self, x: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which entries may move both ways from x with no kink or bound at x."""
        free = (x != 0) | (self.l1 == 0)
        if self.is_bounded:
            free &= (x > self.lower) & (x < self.upper)
        return free

    def unlimited_part(self, coef: NDArray[Any]) -> NDArray[Any]:
        """Return the part of coef along which the penalty stays finite and does not grow."""
        blocked = (self.l1 > 0) | (self.l2 > 0)
        blocked = blocked | ((coef > 0) & (self.upper < np.inf))
        blocked = blocked | ((coef < 0) & (self.lower > -np.inf))
        return np.where(blocked, 0.0, coef)
