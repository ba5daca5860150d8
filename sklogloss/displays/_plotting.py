"""What the displays share: axes, and the probabilities of an estimator."""

from sklearn.utils import column_or_1d

from sklogloss.labels import is_soft
from sklogloss.metrics.responses import forecast_arguments, with_unseen_classes

__all__ = ["above_the_axes", "axes_for", "estimator_forecasts"]


def axes_for(ax):
    """Return ax, or the axes of a new figure. matplotlib is imported only here."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    return ax


def above_the_axes(ax, title=None, n_columns=1):
    """Draw the legend above the axes, where it hides no curve."""
    ax.legend(
        ncols=n_columns,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        fontsize="small",
        frameon=False,
        title=title,
        title_fontsize="small",
        alignment="left",
    )


def estimator_forecasts(estimator, X, y):
    """Return the arguments of the metrics that an estimator's probabilities are, as a dict."""
    arguments, classes = forecast_arguments(estimator, X), estimator.classes_
    if not is_soft(y):
        classes, arguments = with_unseen_classes(classes, column_or_1d(y), arguments)
    return {**arguments, "labels": classes}
