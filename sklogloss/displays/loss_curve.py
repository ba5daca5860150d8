"""Losses and their gradients against the logit: where learning stalls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklogloss.displays._plotting import check_by_name, new_axes
from sklogloss.inputs.errors import naming, shown
from sklogloss.inputs.parameters import Interval, check_parameter

__all__ = ["LossCurveDisplay"]

N_POINTS = 401


class LossCurveDisplay:
    """Value and gradient of losses for two classes against the raw prediction of the true class.

    Create it with `from_losses`. On the left, a model is confident of the wrong class. A loss whose
    gradient vanishes there, such as the Brier score, hardly learns from the worst mistakes. The
    gradient of log loss is p - 1.

    Parameters
    ----------
    logit : ndarray of shape (n_points,)
    curves : dict of tuple
        (value, gradient) of each loss, by its name.

    Attributes
    ----------
    axes_ : ndarray of shape (2,) of matplotlib Axes
        The axes with the values, and those with the gradients.
    figure_ : matplotlib Figure
        The figure that contains them.

    Examples
    --------
    >>> from sklogloss.displays import LossCurveDisplay
    >>> from sklogloss.losses import LogLoss
    >>> display = LossCurveDisplay.from_losses({"log loss": LogLoss()})
    >>> display.axes_[1].get_ylabel()
    'Gradient'
    """

    def __init__(
        self, *, logit: np.ndarray, curves: dict[str, tuple[np.ndarray, np.ndarray]]
    ) -> None:
        self.logit = logit
        self.curves = curves

    @classmethod
    def from_losses(
        cls,
        losses: Mapping[str, Any],
        *,
        low: float = -8.0,
        high: float = 4.0,
        axes: ArrayLike | None = None,
    ) -> LossCurveDisplay:
        """Draw losses.

        Parameters
        ----------
        losses : dict
            Losses for two classes, by name: losses of `sklogloss.losses`, or other objects with a
            method ``value_gradient(target, raw_prediction)``.
        low, high : float, default=(-8.0, 4.0)
            Range of the logit.
        axes : array-like of two matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : LossCurveDisplay
        """
        check_parameter("low", low, Interval(-np.inf, np.inf, "()"))
        check_parameter("high", high, Interval(-np.inf, np.inf, "()"))
        if not low < high:
            raise ValueError(f"low must be below high, got {shown(low)} and {shown(high)}")
        low, high = float(low), float(high)
        check_by_name("losses", losses)
        for name, loss in losses.items():
            if not hasattr(loss, "value_gradient"):
                raise TypeError(
                    f"losses must have a method value_gradient, got {shown(loss)} as {name!r}"
                )
        logit = np.linspace(low, high, N_POINTS)
        curves = {
            name: loss.value_gradient(np.ones(N_POINTS), logit) for name, loss in losses.items()
        }
        return cls(logit=logit, curves=curves).plot(axes=axes)

    def plot(self, *, axes: ArrayLike | None = None) -> LossCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        axes : array-like of two matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : LossCurveDisplay
        """
        if axes is None:
            axes = new_axes(n_rows=2)
        with naming("axes"):
            self.axes_ = np.asarray(axes).ravel()
        if len(self.axes_) != 2 or not all(hasattr(ax, "plot") for ax in self.axes_):
            raise ValueError(
                f"axes must be two matplotlib Axes, for values and for gradients, got {shown(axes)}"
            )
        self.figure_ = self.axes_[0].figure
        for name, (value, gradient) in self.curves.items():
            self.axes_[0].plot(self.logit, value, linewidth=1.5, label=name)
            self.axes_[1].plot(self.logit, gradient, linewidth=1.5, label=name)
        self.axes_[0].set_ylabel("Loss")
        self.axes_[1].set(xlabel="Raw prediction of the true class", ylabel="Gradient")
        self.axes_[0].legend(fontsize="small", frameon=False)
        return self
