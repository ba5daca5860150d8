"""Log loss before and after calibration, for each method; and the speed of the calibrators.

A classifier is fitted to half of the data, calibrators to a quarter, and all are judged on the
last quarter. The differences from "auto" are paired. Their intervals of 95 % hold for all methods
of a classifier together: the best of several is more often better than "auto" by chance than one
is. With --speed, times against probmetrics, where it is installed, and by which part of its minimum
the objective of a matrix is larger than that.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from benchmarks.report import Report, add_arguments
from benchmarks.sms import MatrixObjective, sms_within
from benchmarks.tasks import load_task
from sklogloss.calibration import CalibratedClassifier, StructuredScaling, TemperatureScaling
from sklogloss.calibration.structured import scaled_logits
from sklogloss.losses import LogLoss
from sklogloss.metrics import compare_log_loss, log_loss
from sklogloss.metrics.forecasts import Forecasts

COLUMNS = {
    "data": "{0.data}",
    "classifier": "{0.classifier}",
    "method": "{0.method}",
    "log loss": "{0.log_loss:.4f}",
    "minus that of auto": "{0.difference:.4f}",
    "from": "{0.low:.4f}",
    "to": "{0.high:.4f}",
}
SPEED_COLUMNS = {
    "calibrator": "{0.calibrator}",
    "samples": "{0.n_samples:,}",
    "classes": "{0.n_classes}",
    "processor s": "{0.seconds:.3f}",
    "above the minimum": "{0.above_minimum:s}",
    "log loss of others": "{0.log_loss:.5f}",
}
CLASSIFIERS = {
    "forest": partial(RandomForestClassifier, 100, random_state=0),
    "boosting": partial(HistGradientBoostingClassifier, random_state=0),
    "naive Bayes": GaussianNB,
}
METHODS = {
    2: ["none", "temperature", "logistic", "beta", "venn-abers", "isotonic"],
    3: ["none", "temperature", "logistic", "beta", "vector", "structured", "isotonic"],
}
WARM_UP_ROWS = 2_000
TEST_ROWS = 50_000
# Matrices are fitted to as many rows and less.
LARGEST_FOR_MATRIX = 50_000
# Of the objective of a matrix, as part of its minimum: what structured scaling promises for many
# samples.
LARGEST_GAP = 1e-6
# Probability that an interval of some method misses its difference (Bonferroni).
ALPHA = 0.05


@dataclass
class Result:
    """One row of the table of log losses, in nats."""

    data: str
    classifier: str
    method: str
    log_loss: float
    difference: float
    low: float
    high: float


@dataclass
class SpeedResult:
    """One row of the table of times."""

    calibrator: str
    n_samples: int
    n_classes: int
    seconds: float
    gap: float
    log_loss: float

    @property
    def above_minimum(self):
        return "" if np.isnan(self.gap) else f"{self.gap:.0e}"


def generated(n_samples, n_classes, seed=0):
    """Return features and labels, 5 % of which are wrong."""
    return make_classification(
        n_samples,
        20,
        n_informative=10,
        n_classes=n_classes,
        flip_y=0.05,
        class_sep=0.7,
        random_state=seed,
    )


def adult(folder):
    """Return features and labels of adult.csv, a column for each category of a feature."""
    table = np.genfromtxt(folder / "adult.csv", delimiter=",", dtype=str, autostrip=True)
    columns = table[:, :-1].T
    is_number = [np.char.isnumeric(column).all() for column in columns]
    parts = [
        column.astype(np.float64)[:, None] if numeric else column[:, None] == np.unique(column)
        for column, numeric in zip(columns, is_number, strict=True)
    ]
    return np.hstack(parts), table[:, -1]


def data_sets(folder):
    """Yield (name, X, y, names of classifiers)."""
    yield "generated, K = 2", *generated(20_000, 2), ["forest", "boosting", "naive Bayes"]
    yield "generated, K = 10", *generated(20_000, 10), ["forest", "naive Bayes"]
    digits = load_task("digits")
    yield digits.name, digits.X, digits.y, ["forest", "naive Bayes"]
    yield (
        "generated, K = 2, another",
        *generated(20_000, 2, 1),
        ["forest", "boosting", "naive Bayes"],
    )
    yield "generated, K = 4", *generated(20_000, 4, 1), ["forest", "boosting", "naive Bayes"]
    if folder is not None:
        task = load_task("mammography", folder)
        yield task.name, task.X, task.y, ["forest", "boosting", "naive Bayes"]
        task = load_task("mnist", folder)
        yield "MNIST 10,000 x 784, K = 10", task.X, task.y, ["forest", "boosting"]
        yield "adult 32,561 x 108", *adult(folder), ["forest", "boosting", "naive Bayes"]


def measure(name, X, y, classifier):
    """Return a Result for each method, "auto" first."""
    X, X_rest, y, y_rest = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
    X_fit, X_test, y_fit, y_test = train_test_split(
        X_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=0
    )
    frozen = FrozenEstimator(CLASSIFIERS[classifier]().fit(X, y))
    auto = CalibratedClassifier(frozen).fit(X_fit, y_fit)
    proba = {"auto": auto.predict_proba(X_test)}
    for method in METHODS[min(3, len(auto.classes_))]:
        calibrated = CalibratedClassifier(frozen, method).fit(X_fit, y_fit)
        proba[method] = calibrated.predict_proba(X_test)
    results = []
    for method, of_method in proba.items():
        comparison = compare_log_loss(
            y_test, of_method, proba["auto"], confidence_level=1 - ALPHA / (len(proba) - 1)
        )
        title = f"auto: {auto.method_}" if method == "auto" else method
        loss = log_loss(y_test, of_method, zero="clip")
        results.append(Result(name, classifier, title, loss, *comparison[:3]))
    return results


def mixed(n_samples, n_classes, seed):
    """Return labels and raw predictions, of which classes should learn from each other."""
    rng = np.random.default_rng(0)
    matrix = 0.7 * np.eye(n_classes)
    matrix += 0.1 * rng.normal(size=matrix.shape) / np.sqrt(n_classes)
    rng = np.random.default_rng(seed)
    z = 1.5 * rng.normal(size=(n_samples, n_classes))
    return (z @ matrix + rng.gumbel(size=z.shape)).argmax(axis=1), z


def speed_results():
    """Yield a SpeedResult for each calibrator."""
    for n_samples, n_classes in ((50_000, 10), (50_000, 100), (1_000_000, 10)):
        y, z = mixed(n_samples, n_classes, seed=1)
        y_test, z_test = mixed(TEST_ROWS, n_classes, seed=2)
        link = LogLoss(n_classes).link
        for name, raw, raw_test, fit in [
            *((name, z, z_test, fit) for name, fit in our_fits(n_samples, n_classes)),
            *((name, link(z), link(z_test), fit) for name, fit in peer_fits(n_samples, n_classes)),
        ]:
            # What is done once in a process is no part of the time.
            fit(raw[:WARM_UP_ROWS], y[:WARM_UP_ROWS])
            fitted, gap, seconds = fit(raw, y)
            loss = log_loss(y_test, fitted.predict_proba(raw_test), zero="clip")
            yield SpeedResult(name, n_samples, n_classes, seconds, gap, loss)


def strength_of_sms(n_classes):
    """Return the C of the penalty that SMS takes for the entries off the diagonal."""
    return 1 / (2 * n_classes * (n_classes - 1))


def our_fits(n_samples, n_classes):
    """Yield names, and functions that return a fitted calibrator, its gap and its time."""
    yield "temperature", partial(timed, TemperatureScaling())
    if n_samples <= LARGEST_FOR_MATRIX:
        C = strength_of_sms(n_classes)
        yield "structured", partial(timed, StructuredScaling())
        yield "structured, one strength", partial(timed_structured, C)


def peer_fits(n_samples, n_classes):
    """Yield the same for probmetrics, with arrays of probabilities, where it is installed."""
    if find_spec("probmetrics") is None:
        return
    from probmetrics.calibrators import SMSCalibrator, get_calibrator

    yield "probmetrics' temperature", partial(timed, get_calibrator("ts-mix"))
    if n_samples <= LARGEST_FOR_MATRIX:
        C = strength_of_sms(n_classes)
        yield "probmetrics' SMS", partial(timed, SMSCalibrator())
        yield "probmetrics' SMS, to the same gap", partial(sms_within, LARGEST_GAP, C)


def timed(calibrator, raw, y):
    """Return a fitted calibrator, nan for its gap, and its time."""
    start = time.process_time()
    fitted = calibrator.fit(raw, y)
    return fitted, np.nan, time.process_time() - start


def timed_structured(C, z, y):
    """Return fitted structured scaling with one strength, its gap, and its time."""
    fitted, _, seconds = timed(StructuredScaling(Cs=[C]), z, y)
    logits = scaled_logits(Forecasts.of(y, None, raw_prediction=z, names={"y_true": "y"}), 1.0)
    matrix = (fitted.coef_ - logits.slope * np.eye(len(fitted.coef_))) / logits.scale
    gap = MatrixObjective(logits.X, logits.offset, y, C).gap(matrix, fitted.intercept_)
    return fitted, gap, seconds


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks calibration", description=__doc__)
    parser.add_argument(
        "folder", type=Path, nargs="?", help="with mammography.csv, adult.csv and MNIST"
    )
    parser.add_argument("--speed", action="store_true", help="measure times instead")
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    if arguments.speed:
        report = Report(SPEED_COLUMNS, arguments)
        for result in speed_results():
            report.add([result])
        return 0
    report = Report(COLUMNS, arguments)
    for name, X, y, classifiers in data_sets(arguments.folder):
        for classifier in classifiers:
            report.add(measure(name, X, y, classifier))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
