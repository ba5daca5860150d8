"""What the displays share: axes, and the probabilities of an estimator."""

import numpy as np

from sklogloss.metrics.scorers import decides_by_logits

__all__ = ["above_the_axes", "axes_for", "estimator_forecasts", "row_weights"]


def axes_for(ax):
    """Return ax, or the axes of a new figure. matplotlib is imported only here."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    return ax


def above_the_axes(ax, title=None):
    """Draw the legend above the axes, where it hides no curve."""
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        fontsize="small",
        frameon=False,
        title=title,
        title_fontsize="small",
        alignment="left",
    )


def estimator_forecasts(estimator, X):
    """Return the arguments of the metrics that an estimator's probabilities are, as a dict."""
    if decides_by_logits(estimator):
        forecast = {"raw_prediction": estimator.decision_function(X)}
    else:
        forecast = {"y_proba": estimator.predict_proba(X)}
    return {**forecast, "labels": estimator.classes_}


def row_weights(forecasts):
    """Return the weights of the samples, which sum to one."""
    if forecasts.sample_weight is None:
        return np.full(len(forecasts), 1 / len(forecasts))
    return forecasts.sample_weight / forecasts.sample_weight.sum()
