"""Fits under Jeffreys' prior against firthmodels, and how close their coefficients are.

firthmodels has the estimate without a correction of the intercept, at its default tolerance and
with NumPy (Numba is not installed). Seconds are those of the processor, one thread each, in turn.
The difference is the largest of a coefficient, in standard errors, from firthmodels' at a tolerance
of 1e-10.
"""

import argparse
import time
import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from benchmarks.report import Report, add_arguments
from benchmarks.timing import seconds_of_each
from sklogloss import FirthLogisticRegression

SHAPES = [(200, 5), (2_000, 20), (20_000, 50), (200_000, 50)]
COLUMNS = {
    "rows": "{0.n_samples:,}",
    "columns": "{0.n_features}",
    "correction": "{0.correction}",
    "seconds": "{0.seconds:.4f}",
    "firthmodels": "{0.of_firthmodels:.4f}",
    "times as fast": "{0.ratio:.1f}",
    "difference": "{0.difference:.0e}",
}


@dataclass
class Result:
    """One row of the table. The difference is NaN with a correction, which firthmodels lacks."""

    n_samples: int
    n_features: int
    correction: str
    seconds: float
    of_firthmodels: float
    ratio: float
    difference: float


def rare_events(n_samples, n_features, seed=0):
    """Return X and y, one of seven to eight samples of the second class."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    coef = 1.5 * rng.normal(size=n_features) / np.sqrt(n_features)
    return X, (rng.logistic(size=n_samples) < X @ coef - 2).astype(int)


def results_of(n_samples, n_features, n_rounds):
    """Return the results for data of one shape, with each correction."""
    import firthmodels

    X, y = rare_events(n_samples, n_features)
    models = [firthmodels.FirthLogisticRegression(backend="numpy")] + [
        FirthLogisticRegression(intercept_correction=correction, n_jobs=1)
        for correction in (None, "flic", "flac")
    ]
    with threadpool_limits(1):
        seconds = seconds_of_each(
            [partial(model.fit, X, y) for model in models], n_rounds, clock=time.process_time
        )
        with warnings.catch_warnings():
            # It may halve steps at rounding errors.
            warnings.simplefilter("ignore", ConvergenceWarning)
            tight = firthmodels.FirthLogisticRegression(
                backend="numpy", gtol=1e-10, xtol=1e-10
            ).fit(X, y)
    theirs, results = seconds[0], []
    for model, of_model in zip(models[1:], seconds[1:], strict=True):
        difference = np.nan
        if model.intercept_correction is None:
            errors = np.abs(model.coef_[0] - tight.coef_) / tight.bse_[:n_features]
            difference = errors.max()
        correction = model.intercept_correction or "none"
        results.append(
            Result(
                n_samples, n_features, correction, of_model, theirs, theirs / of_model, difference
            )
        )
    return results


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks firth", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    report = Report(COLUMNS, arguments)
    for n_samples, n_features in SHAPES:
        report.add(results_of(n_samples, n_features, arguments.rounds))
    return 0
