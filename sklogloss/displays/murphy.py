"""Murphy diagram: which forecast is better at which threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklogloss.displays._plotting import (
    OfFoldsByName,
    above_the_axes,
    axes_for,
    check_by_name,
    forecasts_by_name,
)
from sklogloss.metrics.calibration import binary_events
from sklogloss.metrics.forecasts import Forecasts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MurphyDisplay"]

# Thresholds at which the curves are drawn.
N_THRESHOLDS = 501


class MurphyDisplay(OfFoldsByName):
    r"""Murphy diagram: the cost of decisions against their threshold.

    Create it with `from_estimators` or `from_predictions`. To decide for the event if its
    probability is at least :math:`\theta` is optimal if a false alarm costs :math:`\theta` and a
    missed event :math:`1 - \theta`. The curve is twice the mean cost. A forecast whose curve lies
    below that of another at all thresholds is better for all costs and by all proper scores [1]_.
    The area below the curve is the Brier score.

    For more than two classes, the event is that the class with the largest forecast happens.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        In increasing order.
    costs : dict of ndarray of shape (n_thresholds,)
        Curve of each model, by name.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the curves.
    figure_ : matplotlib Figure
        The figure that contains them.

    References
    ----------
    .. [1] W. Ehm, T. Gneiting, A. Jordan and F. Krueger, "Of Quantiles and Expectiles: Consistent
       Scoring Functions, Choquet Representations and Forecast Rankings", Journal of the Royal
       Statistical Society B 78 (2016), section 3.3.

    Examples
    --------
    >>> from sklogloss.displays import MurphyDisplay
    >>> y = [0, 0, 1, 1, 1]
    >>> forecasts = {"one": [0.1, 0.4, 0.3, 0.8, 0.9], "two": [0.4, 0.4, 0.5, 0.5, 0.6]}
    >>> display = MurphyDisplay.from_predictions(y, forecasts)
    >>> display.ax_.get_xlabel()
    'Threshold'
    """

    def __init__(
        self, *, thresholds: NDArray[np.float64], costs: dict[str, NDArray[np.float64]]
    ) -> None:
        self.thresholds = thresholds
        self.costs = costs

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, Any],
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        ax: Axes | None = None,
    ) -> MurphyDisplay:
        """Draw fitted classifiers.

        Parameters
        ----------
        estimators : dict
            Fitted classifiers with predict_proba, by name.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative; None means 1 for each sample.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : MurphyDisplay
        """
        return cls._from_arguments(
            y, forecasts_by_name(estimators, X, y), sample_weight=sample_weight, ax=ax
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: Mapping[str, ArrayLike],
        *,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        ax: Axes | None = None,
    ) -> MurphyDisplay:
        """Draw forecasts.

        Parameters
        ----------
        y_true, labels
            See `sklogloss.metrics.surprise`.
        y_proba : dict
            Probabilities of each model, by name; see `sklogloss.metrics.surprise`.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative; None means 1 for each sample.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : MurphyDisplay
        """
        check_by_name("y_proba", y_proba)
        arguments = {name: {"y_proba": proba, "labels": labels} for name, proba in y_proba.items()}
        return cls._from_arguments(y_true, arguments, sample_weight=sample_weight, ax=ax)

    @classmethod
    def _from_arguments(
        cls,
        y_true: ArrayLike,
        arguments: Mapping[str, dict[str, Any]],
        *,
        sample_weight: ArrayLike | None = None,
        ax: Axes | None = None,
    ) -> MurphyDisplay:
        thresholds = np.linspace(0, 1, N_THRESHOLDS)
        costs = {}
        for name, given in arguments.items():
            forecasts = Forecasts.of(
                y_true,
                given.get("y_proba"),
                raw_prediction=given.get("raw_prediction"),
                sample_weight=sample_weight,
                labels=given["labels"],
            )
            ((_, proba, happened),) = binary_events(forecasts, "top-label")
            costs[name] = _costs(proba, happened, forecasts.weights(), thresholds)
        return cls(thresholds=thresholds, costs=costs).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> MurphyDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : MurphyDisplay
        """
        self.ax_ = axes_for(ax)
        self.figure_ = self.ax_.figure
        for name, cost in self.costs.items():
            self.ax_.plot(self.thresholds, cost, linewidth=1.5, label=name)
        self.ax_.set(xlim=(0, 1), ylim=(0, None), xlabel="Threshold", ylabel="Cost of decisions")
        above_the_axes(self.ax_)
        return self


def _costs(
    proba: NDArray[Any],
    happened: NDArray[Any],
    weight: NDArray[Any],
    thresholds: NDArray[np.float64],
) -> NDArray[np.float64]:
    # Twice the mean cost at each threshold. At the threshold itself both decisions cost the same,
    # and the decision is for the event.
    order = np.argsort(proba)
    first = np.searchsorted(proba[order], thresholds)  # of those who decide for the event
    did_not = np.append(0, np.cumsum((weight * (1 - happened))[order]))
    did = np.append(0, np.cumsum((weight * happened)[order]))
    false_alarms, missed = did_not[-1] - did_not[first], did[first]
    return 2 * (thresholds * false_alarms + (1 - thresholds) * missed) / weight.sum()
