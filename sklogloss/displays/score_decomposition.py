"""Models by miscalibration and discrimination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sklogloss.displays._plotting import (
    OfFoldsByName,
    axes_for,
    check_by_name,
    forecasts_by_name,
)
from sklogloss.inputs.parameters import check_parameter
from sklogloss.metrics import (
    ScoreDecomposition,
    brier_decomposition,
    log_loss_decomposition,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ScoreDecompositionDisplay"]

DECOMPOSITIONS = {"log_loss": log_loss_decomposition, "brier_score": brier_decomposition}
N_LINES = 6


class ScoreDecompositionDisplay(OfFoldsByName):
    """Discrimination of models against their miscalibration, one point for each.

    Create it with `from_estimators` or `from_predictions`. The score of a model is ``MCB - DSC +
    UNC``. It is constant along each grey line, and improves upwards and to the left. The
    uncertainty belongs to the data and is the same for all models.

    Parameters
    ----------
    decompositions : dict of ScoreDecomposition
        Decomposition of each model, by name.
    score : {"log_loss", "brier_score"}

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the points.
    figure_ : matplotlib Figure
        The figure that contains them.

    Examples
    --------
    >>> from sklogloss.displays import ScoreDecompositionDisplay
    >>> y = [0, 0, 1, 1, 1]
    >>> forecasts = {"one": [0.1, 0.4, 0.3, 0.8, 0.9], "two": [0.4, 0.4, 0.5, 0.5, 0.6]}
    >>> display = ScoreDecompositionDisplay.from_predictions(y, forecasts)
    >>> sorted(display.decompositions)
    ['one', 'two']
    """

    def __init__(self, *, decompositions: dict[str, ScoreDecomposition], score: str) -> None:
        self.decompositions = decompositions
        self.score = score

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, Any],
        X: ArrayLike,
        y: ArrayLike,
        *,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ScoreDecompositionDisplay:
        """Draw fitted classifiers.

        Parameters
        ----------
        estimators : dict
            Fitted classifiers with predict_proba, by name.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Further arguments of `from_predictions`, except `labels`, which come from the
            estimators.

        Returns
        -------
        display : ScoreDecompositionDisplay
        """
        return cls._from_arguments(y, forecasts_by_name(estimators, X, y), ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: Mapping[str, ArrayLike],
        *,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        score: str = "log_loss",
        method: str = "isotonic",
        ax: Axes | None = None,
    ) -> ScoreDecompositionDisplay:
        """Draw forecasts.

        Parameters
        ----------
        y_true, labels
            See `sklogloss.metrics.surprise`.
        y_proba : dict
            Probabilities of each model, by name; see `sklogloss.metrics.surprise`.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative; None means 1 for each sample.
        score : {"log_loss", "brier_score"}, default="log_loss"
        method : {"isotonic", "logistic", "temperature"}, default="isotonic"
            See `sklogloss.metrics.log_loss_decomposition`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ScoreDecompositionDisplay
        """
        check_by_name("y_proba", y_proba)
        forecasts = {name: {"y_proba": proba, "labels": labels} for name, proba in y_proba.items()}
        return cls._from_arguments(
            y_true, forecasts, sample_weight=sample_weight, score=score, method=method, ax=ax
        )

    @classmethod
    def _from_arguments(
        cls,
        y_true: ArrayLike,
        forecasts: Mapping[str, dict[str, Any]],
        *,
        sample_weight: ArrayLike | None = None,
        score: str = "log_loss",
        method: str = "isotonic",
        ax: Axes | None = None,
    ) -> ScoreDecompositionDisplay:
        check_parameter("score", score, tuple(DECOMPOSITIONS))
        decompositions = {
            name: DECOMPOSITIONS[score](
                y_true, method=method, sample_weight=sample_weight, **arguments
            )
            for name, arguments in forecasts.items()
        }
        return cls(decompositions=decompositions, score=score).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> ScoreDecompositionDisplay:
        """Draw the points and the lines of equal score.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ScoreDecompositionDisplay
        """
        self.ax_ = axes_for(ax)
        self.figure_ = self.ax_.figure
        parts = list(self.decompositions.values())
        x = np.array([part.miscalibration for part in parts])
        y = np.array([part.discrimination for part in parts])
        uncertainty = parts[0].uncertainty
        span = max(np.ptp(x), np.ptp(y), 0.05 * uncertainty, 1e-6)
        xlim = (min(0, x.min() - 0.1 * span), x.max() + 0.2 * span)
        ylim = (y.min() - 0.3 * span, y.max() + 0.3 * span)
        lowest, highest = xlim[0] - ylim[1], xlim[1] - ylim[0]
        for line in np.linspace(lowest, highest, N_LINES + 2)[1:-1]:
            self.ax_.plot(xlim, np.array(xlim) - line, color="0.85", linewidth=0.8, zorder=0)
            at_top = ylim[1] + line
            if xlim[0] < at_top < xlim[1]:
                place, alignment = (at_top, ylim[1]), {"ha": "center", "va": "bottom"}
            else:
                place, alignment = (xlim[1], xlim[1] - line), {"ha": "left", "va": "center"}
            self.ax_.annotate(
                f"{line + uncertainty:.3f}",
                place,
                xytext=(2, 2),
                textcoords="offset points",
                color="0.5",
                fontsize="x-small",
                annotation_clip=True,
                **alignment,
            )
        for name, x_i, y_i in zip(self.decompositions, x, y, strict=True):
            self.ax_.plot(x_i, y_i, "o", markersize=5, label=name)
        self.ax_.set(
            xlim=xlim,
            ylim=ylim,
            xlabel="Miscalibration (MCB)",
            ylabel="Discrimination (DSC)",
        )
        title = f"grey: the same {self.score.replace('_', ' ')}"
        self.ax_.legend(fontsize="small", frameon=False, title=title, title_fontsize="small")
        return self
