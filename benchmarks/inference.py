"""Fits with standard errors against statsmodels, and how often intervals cover the truth.

Times are the least of rounds in which each has its turn. With --processor they are of the
processor, all threads together: for a machine on which other processes run. statsmodels gets the
constant column that it needs before the clock runs.

Coverage is the fraction of data sets whose interval of 95 % has the true coefficient. Beside it is
the largest fraction that misses a coefficient on one side, of all coefficients and both sides;
0.025 is right. The last column has the misses below and above, averaged over the coefficients, and
the median width. Data sets that a linear function separates are left out, and counted.
"""

import argparse
import sys
import time
import warnings
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

import numpy as np
import statsmodels.api as sm
from sklearn.exceptions import ConvergenceWarning

from benchmarks.report import Report, add_arguments
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
# Samples and true coefficients, the intercept first. The likelihood of the last two is skewed.
TRUTHS = [
    (200, [-0.5, 1.0, -0.5, 0.0]),
    (50, [-0.5, 1.0, -0.5, 0.0]),
    (50, [0.0, 2.0]),
    (50, [-2.0, 1.0]),
]


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


def least_seconds(functions, n_rounds, clock):
    """Return the least time of a call of each function, called in turn."""
    seconds = [np.inf] * len(functions)
    for _ in range(n_rounds):
        for i, function in enumerate(functions):
            start = clock()
            function()
            seconds[i] = min(seconds[i], clock() - start)
    return seconds


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
    seconds = least_seconds([ours, theirs], n_rounds, clock)
    of = f"seconds of statsmodels' {model.__name__}"
    what = "fit and standard errors"
    return Result(what, n_samples, n_features, n_classes, *seconds, seconds[1] / seconds[0], of)


def profile_against_fits(n_samples, n_features, n_rounds, clock):
    """Return the Result of the profile intervals of all coefficients, in fits."""
    X, y = draw(n_samples, n_features, 2)
    clf = LogLossClassifier(C=np.inf).fit(X, y)
    result = infer(clf, X, y)
    functions = [partial(result.conf_int, method="profile"), partial(clf.fit, X, y)]
    seconds = least_seconds(functions, n_rounds, clock)
    what = "profile intervals of all coefficients"
    ratio = seconds[0] / seconds[1]
    return Result(what, n_samples, n_features, 2, *seconds, ratio, "seconds of one fit")


def coverage(n_samples, truth, n_sets):
    """Yield a Result of each kind of interval: coverage and the largest miss on one side."""
    kinds = {"Wald's": ("model", "wald"), "robust": ("robust", "wald")}
    kinds["profile"] = ("model", "profile")
    missed = np.zeros((len(kinds), 2, len(truth)))
    widths = [[] for _ in kinds]
    n_kept, n_features = 0, len(truth) - 1
    for seed in range(n_sets):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n_samples, n_features))
        y = (rng.logistic(size=n_samples) < truth[0] + X @ truth[1:]).astype(int)
        clf = fit_if_not_separated(X, y)
        if clf is None:
            continue
        n_kept += 1
        for i, (covariance, method) in enumerate(kinds.values()):
            lower, upper = infer(clf, X, y, covariance=covariance).conf_int(method=method).T
            missed[i] += truth < lower, truth > upper
            widths[i].append(upper - lower)
    coefficients = ", ".join(f"{b:g}" for b in truth)
    for kind, of_kind, width in zip(kinds, missed / n_kept, widths, strict=True):
        what = f"coverage of {kind} intervals, coefficients {coefficients}"
        covered = 1 - of_kind.sum(axis=0).mean()
        high, low = of_kind.mean(axis=1)
        of = (
            f"0.95; {n_kept:,} of {n_sets:,} data sets; truth below {high:.4f}, above {low:.4f}; "
            f"width {np.median(width):.4g}"
        )
        yield Result(what, n_samples, n_features, 2, covered, of_kind.max(), covered / 0.95, of)


def fit_if_not_separated(X, y):
    """Return the fit, None where coefficients are infinite."""
    if len(np.unique(y)) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            return LogLossClassifier(C=np.inf).fit(X, y)
        except ConvergenceWarning:
            return None


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks inference", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sets", type=int, default=2000, help="data sets of the coverage")
    parser.add_argument("--processor", action="store_true", help="measure processor time")
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    clock = time.process_time if arguments.processor else time.perf_counter
    report = Report(COLUMNS, arguments, [f"statsmodels: {version('statsmodels')}"])
    for shape in ((1_000_000, 20, 2), (100_000, 20, 5)):
        report.add([against_statsmodels(*shape, arguments.rounds, clock)])
    report.add([profile_against_fits(100_000, 20, arguments.rounds, clock)])
    for n_samples, truth in TRUTHS:
        report.add(list(coverage(n_samples, np.array(truth), arguments.sets)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
