"""Coefficients with their confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklogloss.displays._plotting import above_the_axes, axes_for, check_by_name
from sklogloss.inputs.errors import shown
from sklogloss.inputs.parameters import check_parameter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CoefficientIntervalDisplay"]

# Fraction of the range of the intervals that is left free on both sides.
MARGIN = 0.05
# Larger log odds ratios, of either sign, are drawn like infinite ones: floats end at 709.
LARGEST_LOG_ODDS = 500


class CoefficientIntervalDisplay:
    """Coefficients, or odds ratios, with confidence intervals.

    Create it with `from_result` or `from_results`. The dotted line marks no effect: a coefficient
    of 0, or an odds ratio of 1. The intercept is left out. An interval without an end reaches the
    edge of the axes.

    Parameters
    ----------
    estimates : dict of str to ndarray of shape (n_features,)
        The coefficients of each result, by name.
    intervals : dict of str to ndarray of shape (n_features, 2)
        The lower and the upper end of the intervals of each result.
    feature_names : list of str
    quantity : str
        Label of the axis.
    odds_ratios : bool
        Whether to draw exp of the estimates and intervals, on a logarithmic axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the intervals.
    figure_ : matplotlib Figure
        The figure that contains them.
    lines_ : list of matplotlib LineCollection
        The intervals of each result.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklogloss import LogLossClassifier
    >>> from sklogloss.displays import CoefficientIntervalDisplay
    >>> from sklogloss.inference import infer
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> X = X[["mean radius", "mean texture"]]
    >>> result = infer(LogLossClassifier(C=np.inf).fit(X, y), X, y)
    >>> display = CoefficientIntervalDisplay.from_result(result, odds_ratios=True)
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['mean radius', 'mean texture']
    """

    def __init__(
        self,
        *,
        estimates: dict[str, NDArray[np.float64]],
        intervals: dict[str, NDArray[np.float64]],
        feature_names: list[str],
        quantity: str = "Coefficient",
        odds_ratios: bool = False,
    ) -> None:
        self.estimates = estimates
        self.intervals = intervals
        self.feature_names = feature_names
        self.quantity = quantity
        self.odds_ratios = odds_ratios

    @classmethod
    def from_result(
        cls,
        result: Any,
        *,
        level: float = 0.95,
        method: str = "wald",
        odds_ratios: bool = False,
        label: Any = None,
        ax: Axes | None = None,
    ) -> CoefficientIntervalDisplay:
        """Draw the coefficients of a result of `sklogloss.inference.infer`.

        Parameters
        ----------
        result : InferenceResult
        level : float in (0, 1), default=0.95
        method : {"wald", "profile"}, default="wald"
            See `InferenceResult.conf_int`.
        odds_ratios : bool, default=False
            Whether to draw odds ratios instead of coefficients.
        label : object, default=None
            For more than two classes, the class whose coefficients to draw.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : CoefficientIntervalDisplay

        Raises
        ------
        TypeError
            If `infer` has not returned result.
        ValueError
            If the result has no coefficients for label.
        """
        return cls._of({"": (result, method)}, "result", level, odds_ratios, label, ax)

    @classmethod
    def from_results(
        cls,
        results: Mapping[str, Any],
        *,
        level: float = 0.95,
        method: str | Mapping[str, str] = "wald",
        odds_ratios: bool = False,
        label: Any = None,
        ax: Axes | None = None,
    ) -> CoefficientIntervalDisplay:
        """Draw the coefficients of several results beside each other.

        Parameters
        ----------
        results : dict of str to InferenceResult
            By name, all for the same columns of X.
        level, odds_ratios, label, ax
            See `from_result`.
        method : {"wald", "profile"} or dict of them, default="wald"
            For all results, or for each by name.

        Returns
        -------
        display : CoefficientIntervalDisplay

        Raises
        ------
        TypeError
            If results is not a dict of what `infer` returns.
        ValueError
            If the results have different columns, or no coefficients for label, or if method lacks
            a name.
        """
        check_by_name("results", results)
        methods = method if isinstance(method, Mapping) else dict.fromkeys(results, method)
        if methods.keys() != results.keys():
            raise ValueError(
                f"method must have the names of results, {shown(list(results))}, got "
                f"{shown(list(methods))}"
            )
        given = {name: (result, methods[name]) for name, result in results.items()}
        return cls._of(given, "results", level, odds_ratios, label, ax)

    @classmethod
    def _of(
        cls,
        given: Mapping[str, tuple[Any, str]],
        argument: str,
        level: float,
        odds_ratios: bool,
        label: Any,
        ax: Axes | None,
    ) -> CoefficientIntervalDisplay:
        check_parameter("odds_ratios", odds_ratios, bool)
        for result, _ in given.values():
            if not (hasattr(result, "conf_int") and hasattr(result, "params")):
                raise TypeError(f"{argument} must come from infer, got {shown(result)}")
        feature_names, *others = (result.feature_names for result, _ in given.values())
        if any(names != feature_names for names in others):
            raise ValueError(f"{argument} must all have the same columns of X")
        estimates, intervals = {}, {}
        for name, (result, method) in given.items():
            of_class = _index_of_label(result.labels, label)
            shape = (len(result.labels), -1, 2)
            interval = np.asarray(result.conf_int(level, method)).reshape(shape)[of_class]
            coef = np.asarray(result.params).reshape(len(interval), -1)[:, of_class]
            # The intercept, if there is one, comes first.
            first = len(coef) - len(feature_names)
            estimates[name], intervals[name] = coef[first:], interval[first:]
        quantity = "Odds ratio" if odds_ratios else "Coefficient"
        return cls(
            estimates=estimates,
            intervals=intervals,
            feature_names=feature_names,
            quantity=quantity if label is None else f"{quantity} of class {label}",
            odds_ratios=odds_ratios,
        ).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> CoefficientIntervalDisplay:
        """Draw the intervals, the first feature at the top.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : CoefficientIntervalDisplay
        """
        n_features, n_results = len(self.feature_names), len(self.intervals)
        is_new = ax is None
        self.ax_ = ax = axes_for(ax)
        self.figure_ = ax.figure
        if is_new:
            ax.figure.set_figheight(1 + n_features * (0.2 + 0.2 * n_results))
        left, right = self._limits()
        scaled = np.exp if self.odds_ratios else np.asarray
        if self.odds_ratios:
            ax.set_xscale("log")
        self.lines_ = []
        for k, (name, interval) in enumerate(self.intervals.items()):
            heights = np.arange(n_features) + (k - (n_results - 1) / 2) / (n_results + 1)
            # Without an end, up to the edge.
            lower, upper = scaled(np.clip(interval, left, right)).T
            color = f"C{k}"
            self.lines_.append(
                ax.hlines(heights, lower, upper, linewidth=3, color=color, label=name, alpha=0.6)
            )
            estimate = self.estimates[name]
            is_inside = (estimate >= left) & (estimate <= right)
            estimate = scaled(np.where(is_inside, estimate, np.nan))
            ax.plot(estimate, heights, "o", color=color, markersize=6)
        ax.axvline(scaled(0.0), color="0.4", linewidth=1, linestyle=":")
        ax.set(xlabel=self.quantity, xlim=scaled([left, right]))
        ax.set_yticks(np.arange(n_features), self.feature_names)
        ax.set_ylim(n_features - 0.5, -0.5)
        if self.odds_ratios:
            _round_ticks(ax)
        if n_results > 1:
            above_the_axes(ax, n_columns=n_results)
        return self

    def _limits(self) -> tuple[float, float]:
        # The smallest and the largest finite number to be drawn, as coefficients, and a margin.
        drawn = np.concatenate([*self.estimates.values(), *map(np.ravel, self.intervals.values())])
        most = LARGEST_LOG_ODDS if self.odds_ratios else np.inf
        finite = np.append(drawn[np.abs(drawn) < most], 0.0)
        low, high = float(finite.min()), float(finite.max())
        margin = MARGIN * (high - low) or 1.0
        return low - margin, high + margin


def _round_ticks(ax: Axes) -> None:
    # Numbers in place of powers of ten: odds ratios are often between 0.1 and 10.
    from matplotlib.ticker import LogLocator

    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()


def _index_of_label(labels: list[Any], label: Any) -> int:
    if label is None and len(labels) == 1:
        return 0
    for place, known in enumerate(labels):
        if np.isscalar(label) and known == label:
            return place
    raise ValueError(f"label must be one of {labels}, got {shown(label)}")
