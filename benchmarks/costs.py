"""What the passes over X and the factorizations cost: the model that solvers are chosen by.

Each step runs on data of several shapes, on one thread, and the smallest processor time of several
runs counts, so that other work on the machine does little harm. The unit costs are those that
explain the times best, by relative error. --write replaces what the package uses.
"""

import argparse
import json
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.optimize import nnls

from benchmarks.machine import describe_machine
from benchmarks.report import Report, add_arguments
from benchmarks.tasks import correlated
from sklogloss import LogLossClassifier
from sklogloss._cython import cholesky
from sklogloss.linear.objective import Coordinates
from sklogloss.linear.samples import Samples, make_design
from sklogloss.linear.threads import one_blas_thread
from sklogloss.losses import LogLoss
from sklogloss.solvers import costs
from sklogloss.solvers.costs import unit_counts

COSTS_FILE = Path(costs.__file__).with_name("costs.json")
# Runs of a step: at least, at most, and the seconds after which there are no more.
MIN_RUNS, MAX_RUNS, SECONDS = 5, 50, 0.5
# (n_samples, n_features), and for sparse X the stored entries of a row before duplicates are added.
DENSE_SHAPES = [(50_000, 2), (50_000, 10), (20_000, 50), (20_000, 200), (4_000, 500), (500, 5_000)]
SPARSE_SHAPES = [(20_000, 100, 10), (20_000, 1_000, 20), (20_000, 1_000, 60), (20_000, 20_000, 60)]
DTYPES = ("float64", "float32")
# Those that share the rows of a pass in the model: a pass takes half the time measured here.
N_THREADS = 2
N_COLUMNS = (1, 3, 10, 20)
# Larger Hessians are seldom formed.
MAX_HESSIAN_FEATURES = 1_000
MAX_HESSIAN_COLUMNS = 3
FACTOR_SIZES = (5, 20, 60, 200, 600, 1_500)

COLUMNS = {
    "cost of one": "{0.what}",
    "dtype": "{0.dtype_or_any}",
    "ns": "{0.nanoseconds:.3g}",
    "times a multiply-add": "{0.ratio:.2g}",
    "measured / model": "{0.range}",
}


@dataclass
class Result:
    """A unit cost, and how far from the model's the times are that it was found from.

    Attributes
    ----------
    ratio : float
        To a multiplication and addition of a gradient pass on dense float64 X, of which each entry
        takes two.
    low, high : float
        Of the measured times divided by those of the model.
    """

    what: str
    dtype: str | None
    nanoseconds: float
    ratio: float = np.nan
    low: float = np.nan
    high: float = np.nan

    @property
    def dtype_or_any(self):
        return self.dtype or "any"

    @property
    def range(self):
        return "" if np.isnan(self.low) else f"{self.low:.2f} to {self.high:.2f}"


@dataclass
class Run:
    """A measured time, and how many of each unit cost it should be the sum of."""

    seconds: float
    counts: dict[str, float]


def seconds_of(function):
    """Return the smallest processor time of several calls."""
    function()
    times = []
    start = time.perf_counter()
    while len(times) < MAX_RUNS:
        before = time.thread_time()
        function()
        times.append(time.thread_time() - before)
        if len(times) >= MIN_RUNS and time.perf_counter() - start > SECONDS:
            break
    return min(times)


class Passes:
    """The passes of log loss over one X, on one thread.

    Parameters
    ----------
    X : ndarray or sparse array
    n_columns : int
    """

    def __init__(self, X, n_columns):
        rng = np.random.default_rng(0)
        n_samples, n_features = X.shape
        n_classes = max(2, n_columns)
        target = rng.integers(0, n_classes, (n_samples, 1))
        self.samples = Samples(make_design(X), np.asfortranarray(target, dtype=X.dtype))
        self.loss = LogLoss(n_classes).kernel()
        coef = rng.standard_normal((n_features, n_columns)) / np.sqrt(n_features)
        self.predictor = (coef, np.zeros(n_columns))
        self.coordinates = Coordinates(np.zeros(n_features), np.ones(n_features), n_columns, True)

    @property
    def n_stored(self):
        return self.samples.design.n_stored

    def gradient(self):
        self.samples.value_gradient(self.loss, self.predictor)

    def hessian(self):
        self.samples.value_gradient_hessian(self.loss, self.predictor, self.coordinates)


def normal(n_samples, n_features, dtype):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n_samples, n_features), dtype=dtype)


def text_like(n_samples, n_features, n_words, dtype):
    """Return rows of word counts, some words far more frequent than others."""
    rng = np.random.default_rng(0)
    words = (n_features * rng.random(n_samples * n_words) ** 3).astype(np.int64)
    rows = np.repeat(np.arange(n_samples), n_words)
    counts = np.ones(words.size, dtype=dtype)
    return sparse.csr_array((counts, (rows, words)), shape=(n_samples, n_features))


def pass_runs(dtype):
    """Return the Runs of gradient passes and of what Hessians add to them."""
    data = [normal(*shape, dtype) for shape in DENSE_SHAPES]
    data += [text_like(*shape, dtype) for shape in SPARSE_SHAPES]
    gradients, hessians = [], []
    for X in data:
        for n_columns in N_COLUMNS:
            passes = Passes(X, n_columns)
            counts = unit_counts(*X.shape, n_columns, passes.n_stored, sparse.issparse(X))
            gradient = seconds_of(passes.gradient)
            gradients.append(Run(gradient, counts["products"] | counts["loss"]))
            if n_columns <= MAX_HESSIAN_COLUMNS and X.shape[1] <= MAX_HESSIAN_FEATURES:
                n_pairs = n_columns * (n_columns + 1) / 2
                of_pair = (seconds_of(passes.hessian) - gradient) / n_pairs
                hessians.append(Run(of_pair, counts["hessian_block"]))
    return gradients, hessians


def factor_runs():
    """Return the Runs of Cholesky factors and of solutions by them."""
    factors, solutions = [], []
    for n in FACTOR_SIZES:
        counts = unit_counts(n, n - 1, 1, n * n, False)
        X = normal(2 * n, n, np.float64)
        matrix = X.T @ X
        copy = np.empty_like(matrix)

        def factor(matrix=matrix, copy=copy):
            copy[:] = matrix  # which the factor overwrites
            return cholesky.CholeskyFactor(copy)

        factors.append(Run(seconds_of(factor), counts["factor"]))
        solutions.append(Run(seconds_of(partial(factor().solve, matrix[0])), counts["solve"]))
    return factors, solutions


def fixed_costs():
    """Return the Results of what costs the same for any number of rows: a pass, a Newton step."""
    passes = Passes(normal(8, 2, np.float64), 1)
    X, y = correlated(64, 2)
    seconds, n_steps = [], []
    for tol in (1e-1, 1e-12):
        estimator = LogLossClassifier(C=1e3, solver="newton-cholesky", tol=tol)
        seconds.append(seconds_of(lambda estimator=estimator: estimator.fit(X, y)))
        n_steps.append(np.max(estimator.n_iter_))
    step = (seconds[1] - seconds[0]) / (n_steps[1] - n_steps[0])
    return [
        Result("pass", None, 1e9 * seconds_of(passes.gradient)),
        Result("newton_step", None, 1e9 * step),
    ]


def unit_costs(runs, dtype=None):
    """Return the Results of the unit costs that explain the Runs best, by relative error."""
    names = sorted({name for run in runs for name in run.counts})
    seconds = np.array([run.seconds for run in runs])
    counts = np.array([[run.counts.get(name, 0) for name in names] for run in runs])
    # Scaled, since nnls takes little numbers for zero.
    scale = 1 / np.max(counts / seconds[:, None], axis=0)
    solution, _ = nnls(counts * scale / seconds[:, None], np.ones(len(runs)))
    in_model = seconds / (counts @ (solution * scale))
    results = []
    for name, value, count in zip(names, solution * scale, counts.T, strict=True):
        ratios = in_model[count > 0]
        results.append(Result(name, dtype, 1e9 * value, low=ratios.min(), high=ratios.max()))
    return results


def measure():
    """Return all Results."""
    results = []
    with one_blas_thread():
        for dtype in DTYPES:
            for runs in pass_runs(np.dtype(dtype)):
                results += unit_costs(runs, dtype)
        for runs in factor_runs():
            results += unit_costs(runs)
    results += fixed_costs()
    of_dense = {result.dtype: result for result in results if result.what == "dense_entry"}
    for result in results:
        result.ratio = result.nanoseconds / (of_dense["float64"].nanoseconds / 2)
    return results


def write(path, results):
    """Write what the package reads: the unit costs in nanoseconds, those of each dtype together."""
    units = {dtype: {} for dtype in DTYPES}
    for result in results:
        for dtype in [result.dtype] if result.dtype else DTYPES:
            units[dtype][result.what] = float(f"{result.nanoseconds:.3g}")
    content = {
        "command": "python -m benchmarks costs --write",
        "machine": describe_machine(),
        "n_threads": N_THREADS,
        **units,
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks costs", description=__doc__)
    parser.add_argument(
        "--write",
        nargs="?",
        type=Path,
        const=COSTS_FILE,
        help=f"write the file that solvers read, by default {COSTS_FILE.name} of the package",
    )
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    report = Report(COLUMNS, arguments)
    results = measure()
    report.add(results)
    if arguments.write:
        write(arguments.write, results)
    return 0
