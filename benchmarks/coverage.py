"""How often confidence intervals of 95 % have the true coefficient, by simulation.

Data sets are drawn from models whose coefficients are known. An interval misses the truth in one of
two ways: all of it is nearer to zero than the truth, or all of it is farther; 2.5 % are right for
either. All coefficients count alike, the intercept too. "one side" is the mean distance of these
fractions from 2.5 %, over both ways and all coefficients: an interval that is too wide on one side
and too narrow on the other covers 95 % and is wrong all the same.

Maximum likelihood has no estimates of data that a linear function separates: Wald's, robust and
profile intervals are counted over the other data sets. Firth's intervals are counted over all of
them and, where some are separated, once more over those others, to compare like with like.
"""

import argparse
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.report import Report, add_arguments
from sklogloss import FirthLogisticRegression, LogLossClassifier
from sklogloss.inference import infer

COLUMNS = {
    "data": "{0.setting}",
    "samples": "{0.n_samples}",
    "interval": "{0.interval}",
    "data sets": "{0.n_sets:,}",
    "coverage": "{0.coverage:.4f}",
    "too near zero": "{0.near:.4f}",
    "too far": "{0.far:.4f}",
    "one side": "{0.one_side:.4f}",
    "width": "{0.width:.3g}",
}
NOMINAL = 0.025
NOT_SEPARATED = ", not separated"


def normal(rng, shape):
    """Return features that are normally distributed."""
    return rng.normal(size=shape)


def skewed(rng, shape):
    """Return features with a long tail: exponentially distributed."""
    return rng.exponential(size=shape)


def rare_group(rng, shape):
    """Return features that are 1 for a fifth of the samples, else 0."""
    return (rng.random(shape) < 0.2).astype(float)


@dataclass(frozen=True)
class Setting:
    """A model: samples, true coefficients with the intercept first, and how features are drawn."""

    name: str
    n_samples: int
    truth: tuple[float, ...]
    features: object = normal

    def draw(self, seed):
        """Return X and labels."""
        rng = np.random.default_rng(seed)
        truth = np.array(self.truth)
        X = self.features(rng, (self.n_samples, len(truth) - 1))
        return X, (rng.logistic(size=self.n_samples) < truth[0] + X @ truth[1:]).astype(int)


SETTINGS = [
    Setting("many samples", 200, (-0.5, 1.0, -0.5, 0.0)),
    Setting("balanced", 50, (-0.5, 1.0, -0.5, 0.0)),
    Setting("one feature", 50, (0.0, 1.0)),
    Setting("strong effect", 50, (0.0, 2.0)),
    Setting("rare class", 50, (-2.0, 1.0)),
    Setting("skewed feature", 50, (-1.0, 1.0), skewed),
    Setting("rare group", 50, (-0.5, 1.0), rare_group),
]


@dataclass
class Result:
    """One row of the table."""

    setting: str
    n_samples: int
    interval: str
    n_sets: int
    coverage: float
    near: float
    far: float
    one_side: float
    width: float


class Misses:
    """How often the intervals of one kind miss the truth, and how wide they are."""

    def __init__(self, n_coefficients):
        self.counts = np.zeros((2, n_coefficients))
        self.widths = []

    def add(self, interval, truth):
        """Count the interval of one data set, shape (n_coefficients, 2)."""
        lower, upper = interval.T
        misses = np.array([truth > upper, truth < lower])
        self.counts += np.where(truth < 0, misses[::-1], misses)
        self.widths.append(upper - lower)

    def result(self, setting, interval):
        """Return the row of the table."""
        n_sets = len(self.widths)
        missed = self.counts / n_sets
        near, far = missed.mean(axis=1)
        return Result(
            setting.name,
            setting.n_samples,
            interval,
            n_sets,
            1 - near - far,
            near,
            far,
            np.abs(missed - NOMINAL).mean(),
            float(np.median(self.widths)),
        )


def likelihood_intervals(X, y):
    """Yield name and interval for maximum likelihood; nothing where coefficients are infinite."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            clf = LogLossClassifier(C=np.inf).fit(X, y)
        except ConvergenceWarning:
            return
    result = infer(clf, X, y)
    yield "Wald's", result.conf_int()
    yield "robust", infer(clf, X, y, covariance="robust").conf_int()
    yield "profile", result.conf_int(method="profile")


def firth_intervals(X, y):
    """Return name and interval for Firth's method."""
    with warnings.catch_warnings():
        # Of two maxima: the higher one is taken.
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf = FirthLogisticRegression(intercept_correction=None).fit(X, y)
        result = infer(clf, X, y)
        return [
            ("Firth, Wald's", result.conf_int()),
            ("Firth, profile", result.conf_int(method="profile")),
        ]


def misses_of(setting, seeds):
    """Return the Misses of each kind of interval, for the data sets of some seeds."""
    truth, kinds = np.array(setting.truth), {}
    for seed in seeds:
        X, y = setting.draw(seed)
        if len(np.unique(y)) < 2:
            continue
        intervals, of_firth = list(likelihood_intervals(X, y)), firth_intervals(X, y)
        if intervals:
            intervals += [(kind + NOT_SEPARATED, interval) for kind, interval in of_firth]
        for kind, interval in intervals + of_firth:
            kinds.setdefault(kind, Misses(len(truth))).add(interval, truth)
    return kinds


def results_of(setting, kinds):
    """Return the results for one setting, with each kind of interval."""
    results = [misses.result(setting, kind) for kind, misses in kinds.items()]
    n_all = max(result.n_sets for result in results)
    return [
        result
        for result in results
        if not (result.interval.endswith(NOT_SEPARATED) and result.n_sets == n_all)
    ]


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks coverage", description=__doc__)
    parser.add_argument("--sets", type=int, default=2000, help="data sets of each setting")
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    report = Report(COLUMNS, arguments)
    for setting in SETTINGS:
        report.add(results_of(setting, misses_of(setting, range(arguments.sets))))
    return 0
