"""Metrics against those of scikit-learn, on the same forecasts, with all checks of the input."""

import argparse
import sys
from dataclasses import dataclass
from functools import partial

import numpy as np
import sklearn.metrics

from benchmarks.report import Report, add_arguments
from benchmarks.timing import seconds_of_each
from sklogloss.metrics import log_loss, log_loss_decomposition, surprise

COLUMNS = {
    "metric": "{0.metric}",
    "samples": "{0.n_samples:,}",
    "classes": "{0.n_classes}",
    "sklogloss s": "{0.sklogloss:.3f}",
    "scikit-learn's log_loss s": "{0.scikit_learn:.3f}",
    "ratio": "{0.ratio:.1f}",
}


@dataclass
class Result:
    """One row of the table; times in seconds."""

    metric: str
    n_samples: int
    n_classes: int
    sklogloss: float
    scikit_learn: float
    ratio: float


def forecasts(n_samples, n_classes):
    """Return labels and the probabilities that they were drawn with."""
    rng = np.random.default_rng(0)
    if n_classes == 2:
        proba = rng.uniform(size=n_samples)
        return (rng.random(n_samples) < proba).astype(np.int64), proba
    proba = rng.exponential(size=(n_samples, n_classes))
    proba /= proba.sum(axis=1, keepdims=True)
    draw = rng.random((n_samples, 1))
    return np.sum(draw >= np.cumsum(proba, axis=1)[:, :-1], axis=1), proba


def measure(metrics, n_samples, n_classes, n_rounds):
    """Yield a Result for each metric."""
    y_true, y_proba = forecasts(n_samples, n_classes)
    theirs = partial(sklearn.metrics.log_loss, y_true, y_proba)
    for metric in metrics:
        seconds = seconds_of_each([partial(metric, y_true, y_proba), theirs], n_rounds)
        yield Result(metric.__name__, n_samples, n_classes, *seconds, seconds[1] / seconds[0])


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks metrics", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    add_arguments(parser)
    arguments = parser.parse_args(argv)

    report = Report(COLUMNS, arguments)
    for metrics, n_samples, n_classes in (
        ((surprise, log_loss), 10_000_000, 2),
        ((surprise, log_loss), 1_000_000, 10),
        ((log_loss_decomposition,), 1_000_000, 2),
    ):
        for result in measure(metrics, n_samples, n_classes, arguments.rounds):
            report.add([result])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
