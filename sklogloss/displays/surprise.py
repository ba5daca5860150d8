"""Surprise of forecasts, class by class: observed and expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklogloss.displays._plotting import (
    OfFolds,
    above_the_axes,
    axes_for,
    estimator_forecasts,
)
from sklogloss.inputs.parameters import Integers, check_parameter
from sklogloss.metrics.forecasts import Forecasts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from sklearn.base import BaseEstimator

__all__ = ["SurpriseCurve", "SurpriseDisplay"]


@dataclass
class SurpriseCurve:
    """The distribution of the surprise for one class.

    Attributes
    ----------
    label : str
    surprise : ndarray of shape (n_observed,)
        Surprise of each sample in nats, in increasing order.
    exceeded : ndarray of shape (n_observed,)
        Fraction of the samples of the class whose surprise is at least that large.
    expected_surprise, expected_exceeded : ndarray of shape (n_samples,)
        The same if the forecasts were the true probabilities.
    mean, expected_mean : float
    """

    label: str
    surprise: np.ndarray
    exceeded: np.ndarray
    expected_surprise: np.ndarray
    expected_exceeded: np.ndarray
    mean: float
    expected_mean: float


class SurpriseDisplay(OfFolds):
    """Fraction of samples whose surprise exceeds a value, observed and expected.

    Create it with `from_estimator` or `from_predictions`. There are two lines for each class: a
    solid one for what happened, and a dashed one for what would happen if the forecasts were the
    true probabilities. A solid line that ends far to the right of the dashed one means that the
    model was confident of another class on some samples. Either their labels are wrong, or the
    model is overconfident.

    Parameters
    ----------
    curves : list of SurpriseCurve
    worst : list of tuple
        (index, label, surprise) of the samples with the largest surprise, the largest first.
    name : str or None

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the curves.
    figure_ : matplotlib Figure
        The figure that contains them.

    Examples
    --------
    >>> from sklogloss.displays import SurpriseDisplay
    >>> display = SurpriseDisplay.from_predictions(["no", "yes", "no"], [0.1, 0.7, 0.9], n_worst=1)
    >>> display.worst
    [(2, 'no', 2.302585092994046)]
    """

    def __init__(
        self, *, curves: list[SurpriseCurve], worst: list[tuple[int, Any, float]], name: str | None
    ) -> None:
        self.curves = curves
        self.worst = worst
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike,
        *,
        name: str | None = None,
        **kwargs: Any,
    ) -> SurpriseDisplay:
        """Draw the surprise of a fitted classifier.

        Parameters
        ----------
        estimator : classifier with predict_proba
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        name : str, default=None
            None means the name of the estimator's class.
        **kwargs
            Further arguments of `from_predictions`, except `labels`, which come from the estimator.

        Returns
        -------
        display : SurpriseDisplay
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
        n_worst: int = 5,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> SurpriseDisplay:
        """Draw the surprise of forecasts.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels.
        y_proba, raw_prediction, labels
            See `sklogloss.metrics.surprise`. A probability of 0 is clipped.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative; None means 1 for each sample.
        n_worst : int, default=5
            Number of samples with the largest surprise to list.
        name : str, default=None
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : SurpriseDisplay
        """
        check_parameter("n_worst", n_worst, Integers(0))
        check_parameter("name", name, str)
        forecasts = Forecasts.of(
            y_true,
            y_proba,
            raw_prediction=raw_prediction,
            sample_weight=sample_weight,
            labels=labels,
        )
        if forecasts.target is not None:
            raise ValueError("y_true must hold labels, not class probabilities")
        surprise = forecasts.surprise("clip")
        log_proba, proba = forecasts.log_probabilities(), forecasts.probabilities()
        weight = forecasts.weights()
        curves = []
        for k, label in enumerate(forecasts.classes):
            rows = forecasts.label == k
            if rows.any():
                at, part, mean = _exceedance(surprise[rows], weight[rows])
                expected = _exceedance(-log_proba[:, k], weight * proba[:, k])
                expected_at, expected_part, expected_mean = expected
                curves.append(
                    SurpriseCurve(
                        str(label), at, part, expected_at, expected_part, mean, expected_mean
                    )
                )
        order = np.argsort(-surprise, kind="stable")[:n_worst]
        happened = forecasts.classes[forecasts.label[order]].tolist()
        rows = order if forecasts.rows is None else forecasts.rows[order]
        worst = list(zip(rows.tolist(), happened, surprise[order].tolist(), strict=True))
        return cls(curves=curves, worst=worst, name=name).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None, name: str | None = None) -> SurpriseDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        name : str, default=None
            None means the name that was set before.

        Returns
        -------
        display : SurpriseDisplay
        """
        check_parameter("name", name, str)
        name = self.name if name is None else name
        self.ax_ = axes_for(ax)
        self.figure_ = self.ax_.figure
        for curve in self.curves:
            (line,) = self.ax_.step(
                curve.surprise,
                curve.exceeded,
                where="pre",
                linewidth=1.5,
                label=f"{curve.label}: {curve.mean:.3f}, expected {curve.expected_mean:.3f}",
            )
            self.ax_.step(
                curve.expected_surprise,
                curve.expected_exceeded,
                where="pre",
                color=line.get_color(),
                linewidth=1,
                linestyle="--",
            )
        smallest = min(curve.exceeded[-1] for curve in self.curves)
        largest = max(curve.surprise[-1] for curve in self.curves)
        self.ax_.set(
            xlabel="Surprise (nats)",
            ylabel="Share of samples that exceed it",
            yscale="log",
            ylim=(smallest / 2, 1.2),
            xlim=(0, 1.05 * largest or 1),
        )
        above_the_axes(self.ax_, title=f"{name}, mean surprise" if name else "Mean surprise")
        if self.worst:
            # The curves fall, so the upper right corner is free.
            listed = [f"{row} ({label}): {value:.2f}" for row, label, value in self.worst]
            self.ax_.text(
                0.98,
                0.97,
                "\n".join(["Worst samples (class):", *listed]),
                transform=self.ax_.transAxes,
                ha="right",
                va="top",
                fontsize="x-small",
            )
        return self


def _exceedance(
    surprise: NDArray[Any], weight: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], float]:
    # Sorted surprise, the fraction of the weight at or beyond it, and the mean.
    total = weight.sum()
    if total == 0:
        return np.empty(0), np.empty(0), 0.0
    order = np.argsort(surprise)
    surprise, weight = surprise[order], weight[order] / total
    exceeded = np.cumsum(weight[::-1])[::-1]
    return surprise, exceeded, float(weight @ surprise)
