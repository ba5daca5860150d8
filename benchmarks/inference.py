"""Fits with standard errors against statsmodels, and profile intervals against fits.

Times are medians of rounds in which each has its turn, after a pause in which OpenBLAS's threads
fall asleep. With --processor they are of the processor, all threads together: for a machine on
which other processes run. statsmodels gets the constant column that it needs before the clock runs.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

import numpy as np
import statsmodels.api as sm

from benchmarks.report import Report, add_arguments
from benchmarks.timing import PAUSE_SECONDS, seconds_of_each
from sklogloss import LogLossClassifier
from sklogloss.inference import infer

COLUMNS = {
    "what": "{0.what}",
    "samples": "{0.n_samples:,}",
    "columns": "{0.n_features}",
    "classes": "{0.n_classes}",
    "figure": "{0.figure:.4g}",
    "beside": "{0.beside:.4g}",
    "ratio": "{0.ratio:.3g}",
    "of": "{0.of}",
}


@dataclass
class Result:
    """One row of the table: a figure beside another, and the second over the first."""

    what: str
    n_samples: int
    n_features: int
    n_classes: int
    figure: float
    beside: float
    ratio: float
    of: str


def draw(n_samples, n_features, n_classes, seed=0):
    """Return X and labels of a softmax model."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    coef = rng.normal(size=(n_features, n_classes)) / np.sqrt(n_features)
    return X, (X @ coef + rng.gumbel(size=(n_samples, n_classes))).argmax(axis=1)


def fit_and_infer(X, y):
    """Return the standard errors of a fit by this package."""
    return infer(LogLossClassifier(C=np.inf).fit(X, y), X, y).bse


def fit_statsmodels(model, X, y):
    """Return the standard errors of a fit by statsmodels."""
    return model(y, X).fit(disp=0, method="newton").bse


def against_statsmodels(n_samples, n_features, n_classes, n_rounds, clock):
    """Return the Result of fit and standard errors, both against both."""
    X, y = draw(n_samples, n_features, n_classes)
    model = sm.Logit if n_classes == 2 else sm.MNLogit
    ours, theirs = (
        partial(fit_and_infer, X, y),
        partial(fit_statsmodels, model, sm.add_constant(X), y),
    )
    difference = np.abs(ours() / theirs() - 1).max()
    if not difference < 1e-4:
        raise RuntimeError(f"the standard errors differ by a relative {difference}")
    seconds = seconds_of_each([ours, theirs], n_rounds, clock, PAUSE_SECONDS)
    of = f"seconds of statsmodels' {model.__name__}"
    what = "fit and standard errors"
    return Result(what, n_samples, n_features, n_classes, *seconds, seconds[1] / seconds[0], of)


def profile_against_fits(n_samples, n_features, n_rounds, clock):
    """Return the Result of the profile intervals of all coefficients, in fits."""
    X, y = draw(n_samples, n_features, 2)
    clf = LogLossClassifier(C=np.inf).fit(X, y)
    result = infer(clf, X, y)
    functions = [partial(result.conf_int, method="profile"), partial(clf.fit, X, y)]
    seconds = seconds_of_each(functions, n_rounds, clock, PAUSE_SECONDS)
    what = "profile intervals of all coefficients"
    ratio = seconds[0] / seconds[1]
    return Result(what, n_samples, n_features, 2, *seconds, ratio, "seconds of one fit")


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks inference", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processor", action="store_true", help="measure processor time")
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    clock = time.process_time if arguments.processor else time.perf_counter
    report = Report(COLUMNS, arguments, [f"statsmodels: {version('statsmodels')}"])
    for shape in ((1_000_000, 20, 2), (100_000, 20, 5)):
        report.add([against_statsmodels(*shape, arguments.rounds, clock)])
    report.add([profile_against_fits(100_000, 20, arguments.rounds, clock)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
