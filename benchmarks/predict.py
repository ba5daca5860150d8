"""predict_proba of sklogloss and scikit-learn, for one row and for many."""

import argparse
from dataclasses import dataclass
from functools import partial

from sklearn.linear_model import LogisticRegression

from benchmarks.report import Report, add_arguments
from benchmarks.tasks import correlated
from benchmarks.timing import PAUSE_SECONDS, seconds_of_each
from sklogloss import LogLossClassifier

N_FEATURES = 20
N_TRAINING_ROWS = 10_000
# A call for one row takes microseconds: that many are timed together.
N_CALLS_OF_ONE_ROW = 1_000
COLUMNS = {
    "rows": "{0.n_samples:,}",
    "sklogloss µs": "{0.sklogloss:,.0f}",
    "scikit-learn µs": "{0.scikit_learn:,.0f}",
    "ratio": "{0.ratio:.2f}",
}


@dataclass
class Result:
    """One row of the table; times of a call in microseconds."""

    n_samples: int
    sklogloss: float
    scikit_learn: float
    ratio: float


def repeat(function, n_calls):
    for _ in range(n_calls):
        function()


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks predict", description=__doc__)
    parser.add_argument("--n-samples", type=int, nargs="+", default=[1, 1_000_000])
    parser.add_argument("--rounds", type=int, default=7)
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    X, y = correlated(max([N_TRAINING_ROWS, *arguments.n_samples]), N_FEATURES)
    models = [
        model.fit(X[:N_TRAINING_ROWS], y[:N_TRAINING_ROWS])
        for model in (LogLossClassifier(), LogisticRegression())
    ]
    report = Report(COLUMNS, arguments)
    for n_samples in arguments.n_samples:
        n_calls = N_CALLS_OF_ONE_ROW if n_samples == 1 else 1
        calls = [
            partial(repeat, partial(model.predict_proba, X[:n_samples]), n_calls)
            for model in models
        ]
        ours, theirs = (
            1e6 * seconds / n_calls
            for seconds in seconds_of_each(calls, arguments.rounds, pause=PAUSE_SECONDS)
        )
        report.add([Result(n_samples, ours, theirs, ours / theirs)])
    return 0
