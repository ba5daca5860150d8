"""Held-out scores against C, and the two choices that they suggest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sklogloss.displays._plotting import above_the_axes, axes_for, cross_validated
from sklogloss.selection import Selection, select

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from sklearn.base import BaseEstimator

__all__ = ["CVCurveDisplay"]

# Scores that are worse than the best by more standard errors than this are cut off: they would
# press all others into a line.
N_ERRORS = 20
# The default of scoring, which is drawn as a loss.
LOG_LOSS = "neg_log_loss"


class CVCurveDisplay:
    """Mean scores of a cross-validation against C, with standard errors and two choices.

    Create it with `from_estimator`. The band shows one standard error of the mean over the folds. A
    hard fold is hard at every C, so the choice of the best C is more certain than the width of the
    band suggests. The strongest penalty within the band gives a simpler model.

    Parameters
    ----------
    Cs : ndarray of shape (n_Cs,)
        Ascending, finite.
    l1_ratios : ndarray of shape (n_l1_ratios,)
    selection : Selection
        With ``mean`` and ``standard_error`` of shape (n_l1_ratios, n_Cs), and the indices ``best``
        and ``simplest`` of the best score, and of the strongest penalty within one standard error.
    score_name : str
        Name of the scorer; "neg_log_loss" is drawn as a loss.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the curves.
    figure_ : matplotlib Figure
        The figure that contains them.
    lines_ : list of matplotlib Line2D
        One line for each l1_ratio.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklogloss import LogLossClassifierCV
    >>> from sklogloss.displays import CVCurveDisplay
    >>> clf = LogLossClassifierCV().fit(*load_iris(return_X_y=True))
    >>> display = CVCurveDisplay.from_estimator(clf)
    >>> display.ax_.get_ylabel()
    'Held-out log loss (nats)'
    """

    def __init__(
        self, *, Cs: np.ndarray, l1_ratios: np.ndarray, selection: Selection, score_name: str
    ) -> None:
        self.Cs = Cs
        self.l1_ratios = l1_ratios
        self.selection = selection
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, estimator: BaseEstimator, *, ax: Axes | None = None) -> CVCurveDisplay:
        """Draw the scores of a fitted LogLossClassifierCV.

        Parameters
        ----------
        estimator : LogLossClassifierCV or Pipeline that ends with one
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : CVCurveDisplay

        Raises
        ------
        NotFittedError, TypeError
            If the estimator is not fitted, or is not a LogLossClassifierCV.
        ValueError
            If no C is finite.
        """
        estimator = cross_validated(
            estimator, "scores_", "a LogLossClassifierCV or a Pipeline that ends with one"
        )
        order = np.argsort(estimator.Cs_, kind="stable")
        # C = inf cannot be shown on a log scale.
        order = order[np.isfinite(estimator.Cs_[order])]
        if len(order) == 0:
            raise ValueError("estimator must have a finite C among its Cs")
        Cs = estimator.Cs_[order]
        scoring = estimator.scoring
        return cls(
            Cs=Cs,
            l1_ratios=estimator.l1_ratios_,
            selection=select(estimator.scores_[:, :, order], Cs),
            score_name=scoring if isinstance(scoring, str) else "score",
        ).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> CVCurveDisplay:
        """Draw the curves. Scores far worse than the best are cut off.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : CVCurveDisplay
        """
        self.ax_ = ax = axes_for(ax)
        self.figure_ = ax.figure
        sign = -1 if self.score_name == LOG_LOSS else 1
        ratio, best = self.selection.best
        _, simplest = self.selection.simplest
        mean, error = sign * self.selection.mean, self.selection.standard_error
        self.lines_ = []
        for k, l1_ratio in enumerate(self.l1_ratios):
            is_best = k == ratio
            (line,) = ax.plot(
                self.Cs,
                mean[k],
                marker="o",
                markersize=3,
                linewidth=1.5 if is_best else 0.8,
                zorder=3 if is_best else 2,
                label=f"l1_ratio = {l1_ratio:g}",
            )
            self.lines_.append(line)
        color = self.lines_[ratio].get_color()
        low, high = mean[ratio] - error[ratio], mean[ratio] + error[ratio]
        ax.fill_between(
            self.Cs, low, high, color=color, alpha=0.2, linewidth=0, label="± 1 standard error"
        )
        limit = mean[ratio, best] - sign * error[ratio, best]
        ax.axhline(limit, color="0.6", linewidth=0.8, linestyle=":")
        for i, style, name in ((best, "-", "best"), (simplest, "--", "1se")):
            ax.axvline(
                self.Cs[i],
                color="0.4",
                linewidth=1,
                linestyle=style,
                label=f"{name}: C = {self.Cs[i]:.3g}",
            )
        ax.set(
            xscale="log",
            xlabel="C",
            ylabel="Held-out log loss (nats)" if sign < 0 else f"Held-out {self.score_name}",
        )
        self._cut_off(sign, mean[ratio, best], error[ratio, best])
        above_the_axes(ax, n_columns=2)
        return self

    def _cut_off(self, sign: int, best: float, error: float) -> None:
        low, high = self.ax_.get_ylim()
        if sign < 0 and error > 0:
            self.ax_.set_ylim(max(low, best - 4 * error), min(high, best + N_ERRORS * error))
        elif error > 0:
            self.ax_.set_ylim(max(low, best - N_ERRORS * error), min(high, best + 4 * error))
