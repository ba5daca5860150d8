"""Reliability diagram: forecast probabilities against the frequencies of what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from sklogloss.displays._plotting import (
    OfFolds,
    above_the_axes,
    axes_for,
    estimator_forecasts,
)
from sklogloss.inputs.parameters import (
    FRACTION,
    LARGEST_COUNT,
    SEED,
    Integers,
    check_parameter,
)
from sklogloss.metrics import ScoreDecomposition, log_loss_decomposition
from sklogloss.metrics.calibration import binary_events
from sklogloss.metrics.forecasts import Forecasts
from sklogloss.metrics.recalibration import IsotonicFit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from sklearn.base import BaseEstimator

__all__ = ["ReliabilityCurve", "ReliabilityDisplay"]

# Number of forecasts at which curve and band are drawn: about the width of a figure in pixels.
N_POINTS = 512
N_BINS = 40
# Label of the axes with the distribution of the forecasts.
DISTRIBUTION = "distribution of forecasts"
# How far these reach below the axes with the curves, as a multiple of the height of those.
BELOW = 0.22
# Width of axes for each column of their legend, in inches.
LEGEND_WIDTH = 2.4


@dataclass
class ReliabilityCurve:
    """One curve of a `ReliabilityDisplay`.

    Attributes
    ----------
    label : str
        The event that is forecast.
    forecast : ndarray of shape (n_points,)
        Forecast probabilities, in increasing order.
    frequency : ndarray of shape (n_points,)
        Frequency of the event at that forecast, by isotonic regression.
    low, high : ndarray of shape (n_points,)
        Consistency band: where the curve would lie if the forecasts were the true probabilities.
        NaN for soft targets, which vary less than the labels that are drawn for the band.
    mass : ndarray of shape (n_bins,)
        Weighted fraction of the samples in each of n_bins bins of equal width from 0 to 1.
    decomposition : ScoreDecomposition
        Decomposition of the log loss, for this event against all others.
    """

    label: str
    forecast: np.ndarray
    frequency: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mass: np.ndarray
    decomposition: ScoreDecomposition


class ReliabilityDisplay(OfFolds):
    """Reliability diagram by isotonic regression, with a consistency band.

    Create it with `from_estimator` or `from_predictions`. The curve is that of [1]_ and needs no
    bins. Where it leaves the band, the forecasts are wrong by more than chance: too high if the
    curve is below the diagonal, too low if it is above. The panel below shows the distribution of
    the forecasts. In a figure without ``layout="constrained"``, the panel takes some of the height
    of the axes.

    Parameters
    ----------
    curves : list of ReliabilityCurve
    name : str or None
        Name of the model, for the legend.
    confidence_level : float
        Confidence level of the bands.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the curves.
    distribution_ax_ : matplotlib Axes
        The axes with the distribution of the forecasts.
    figure_ : matplotlib Figure
        The figure that contains them.

    References
    ----------
    .. [1] T. Dimitriadis, T. Gneiting and A. I. Jordan, "Stable Reliability Diagrams for
       Probabilistic Classifiers", PNAS 118 (2021), e2016191118.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.displays import ReliabilityDisplay
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(size=1000)
    >>> display = ReliabilityDisplay.from_predictions(rng.random(1000) < p, p, random_state=0)
    >>> display.ax_.get_ylabel()
    'Observed frequency'
    """

    def __init__(
        self, *, curves: list[ReliabilityCurve], name: str | None, confidence_level: float
    ) -> None:
        self.curves = curves
        self.name = name
        self.confidence_level = confidence_level

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        name: str | None = None,
        **kwargs: Any,
    ) -> ReliabilityDisplay:
        """Draw the diagram of a fitted classifier.

        Parameters
        ----------
        estimator : classifier with predict_proba
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
        name : str, default=None
            None means the name of the estimator's class.
        **kwargs
            Further arguments of `from_predictions`, except `labels`, which come from the estimator.

        Returns
        -------
        display : ReliabilityDisplay
        """
        check_parameter("name", name, str)
        name = type(estimator).__name__ if name is None else name
        return cls.from_predictions(y, name=name, **estimator_forecasts(estimator, X, y), **kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike | None = None,
        *,
        raw_prediction: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        multiclass: str = "top-label",
        confidence_level: float = 0.9,
        n_resamples: int = 100,
        random_state: int | np.random.RandomState | None = None,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> ReliabilityDisplay:
        """Draw the diagram of forecasts.

        Parameters
        ----------
        y_true, y_proba, raw_prediction, labels
            See `sklogloss.metrics.surprise`.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative; None means 1 for each sample.
        multiclass : {"top-label", "one-vs-rest"}, default="top-label"
            For more than two classes. "top-label" draws one curve, for the event that the most
            probable class happened. "one-vs-rest" draws one curve for each class.
        confidence_level : float in (0, 1), default=0.9
            Confidence level of the band.
        n_resamples : int, default=100
            Number of draws of labels from the forecasts, from which the band is computed.
        random_state : int, RandomState instance or None, default=None
        name : str, default=None
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ReliabilityDisplay
        """
        check_parameter("multiclass", multiclass, ("top-label", "one-vs-rest"))
        check_parameter("confidence_level", confidence_level, FRACTION)
        check_parameter("n_resamples", n_resamples, Integers(1, LARGEST_COUNT))
        check_parameter("random_state", random_state, SEED)
        check_parameter("name", name, str)
        rng = check_random_state(random_state)
        forecasts = Forecasts.of(
            y_true,
            y_proba,
            raw_prediction=raw_prediction,
            sample_weight=sample_weight,
            labels=labels,
        )
        curves = [
            _curve(forecasts, event, confidence_level, n_resamples, rng)
            for event in binary_events(forecasts, multiclass)
        ]
        return cls(curves=curves, name=name, confidence_level=confidence_level).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None, name: str | None = None) -> ReliabilityDisplay:
        """Draw the diagram.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        name : str, default=None
            None means the name that was set before.

        Returns
        -------
        display : ReliabilityDisplay
        """
        check_parameter("name", name, str)
        name = self.name if name is None else name
        self.ax_ = axes_for(ax)
        self.figure_ = self.ax_.figure
        self.distribution_ax_ = _distribution_axes(self.ax_)
        self.ax_.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle=":")
        edges = np.linspace(0, 1, N_BINS + 1)
        n_curves = len(self.curves)
        for curve in self.curves:
            (line,) = self.ax_.plot(
                curve.forecast,
                curve.frequency,
                # One point does not make a line.
                marker="o" if len(curve.forecast) == 1 else None,
                linewidth=1.5,
                label=_legend_label(curve, name, on_one_line=n_curves > 1),
            )
            color = line.get_color()
            self.ax_.fill_between(
                curve.forecast,
                curve.low,
                curve.high,
                color=color,
                alpha=0.3 / (1 + n_curves),
                linewidth=0,
            )
            self.distribution_ax_.stairs(curve.mass, edges, color=color, linewidth=1)
        self.ax_.set(xlim=(0, 1), ylim=(0, 1), ylabel="Observed frequency")
        self.ax_.tick_params(labelbottom=False)
        # With several curves, each has a line below the name.
        n_columns = min(n_curves, max(1, int(_width(self.ax_) / LEGEND_WIDTH)))
        above_the_axes(self.ax_, name if n_curves > 1 else None, n_columns)
        self.distribution_ax_.set(xlabel="Forecast probability", yticks=[], ylabel="Share")
        return self


def _legend_label(curve: ReliabilityCurve, name: str | None, *, on_one_line: bool) -> str:
    parts = curve.decomposition
    numbers = (
        f"MCB {parts.miscalibration:.3f}, DSC {parts.discrimination:.3f}, "
        f"UNC {parts.uncertainty:.3f}"
    )
    if on_one_line:
        return f"{curve.label}: {numbers}"
    title = ", ".join(text for text in (name, curve.label) if text)
    return f"{title}\n{numbers}" if title else numbers


def _width(ax: Axes) -> float:
    # In inches, before a layout engine makes room for labels.
    return float(ax.get_window_extent().width / ax.figure.dpi)


def _distribution_axes(ax: Axes) -> Axes:
    # The axes below ax, shared by everything that is drawn in ax.
    for child in ax.child_axes:
        if child.get_label() == DISTRIBUTION:
            return child
    if ax.figure.get_layout_engine() is None:
        # Without a layout engine, both axes share the place of ax.
        place = ax.get_position()
        height = place.height / (1 + BELOW)
        ax.set_position((place.x0, place.y1 - height, place.width, height))
    return ax.inset_axes((0, -BELOW, 1, 0.18), sharex=ax, label=DISTRIBUTION)


def _decomposition(
    forecasts: Forecasts, proba: NDArray[Any], happened: NDArray[Any]
) -> ScoreDecomposition:
    # Decomposition of the log loss of an event against all others.
    soft, weight = np.column_stack([1 - happened, happened]), forecasts.sample_weight
    if forecasts.n_classes == 2 and forecasts.raw_prediction is not None:
        raw_prediction = forecasts.raw_prediction
        return log_loss_decomposition(soft, raw_prediction=raw_prediction, sample_weight=weight)
    return log_loss_decomposition(soft, proba, sample_weight=weight)


def _curve(
    forecasts: Forecasts,
    event: tuple[str, NDArray[Any], NDArray[Any]],
    confidence_level: float,
    n_resamples: int,
    rng: np.random.RandomState,
) -> ReliabilityCurve:
    label, proba, happened = event
    weight = forecasts.weights() / forecasts.weights().sum()
    fit = IsotonicFit(proba, weight)
    points = np.arange(len(fit.score))
    if len(points) > N_POINTS:
        points = np.linspace(0, len(fit.score) - 1, N_POINTS).astype(np.intp)
    low = high = np.full(len(points), np.nan)
    if forecasts.target is None:
        draws = np.empty((n_resamples, len(points)))
        for i in range(n_resamples):
            draw = rng.uniform(size=len(proba)) < proba
            draws[i] = fit.fit(draw).value[points]
        tail = (1 - confidence_level) / 2
        low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    mass, _ = np.histogram(proba, bins=N_BINS, range=(0, 1), weights=weight)
    decomposition = _decomposition(forecasts, proba, happened)
    return ReliabilityCurve(
        label, fit.score[points], fit.fit(happened).value[points], low, high, mass, decomposition
    )
