"""Fits of many shapes of data, against scikit-learn at its defaults and at its best.

Each shape has rows, columns, classes and a kind of columns. Four fits are timed in turn, each
library in a process of its own: LogLossClassifier and LogisticRegression as they come, and both at
the loosest tolerance that comes within a relative 1e-6 of the optimum, scikit-learn with the
fastest of its lbfgs, newton-cg and newton-cholesky. A fit that takes longer than --max-seconds is
given up: the ratio is then at least what the table says.
"""

import argparse
import itertools
import math
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.peers import Worker, WorkerError, find_peers
from benchmarks.report import Report, add_arguments, read_rows
from benchmarks.tasks import KINDS, Shape
from benchmarks.timing import PAUSE_SECONDS, check_blas_threads
from sklogloss import LogLossClassifier
from sklogloss.linear.threads import effective_n_threads

SUBOPTIMALITY = 1e-6
TOLERANCES = [10.0**-power for power in range(-1, 10)]
# To this tolerance sklogloss finds the optimum that all are measured against.
TIGHT_TOL = 1e-8
ROWS = (150, 2_000, 20_000, 200_000)
FEATURES = (5, 16, 64, 256, 1_000, 5_000)
CLASSES = (2, 3, 10, 26, 100)
# Smaller data is fitted before a clock can tell; larger takes minutes for each solver.
SMALLEST, LARGEST = 1e5, 4e8
MOST_ENTRIES = 2e7
COLUMNS = {
    "shape": "{0.shape}",
    "ms": "{0.milliseconds:,.1f}",
    "suboptimality": "{0.suboptimality:.0e}",
    "LogisticRegression() ms": "{0.default_milliseconds}",
    "ratio": "{0.default_text}",
    "ms at 1e-6": "{0.milliseconds_to_best:,.1f}",
    "its best at 1e-6": "{0.solver}",
    "best ms": "{0.best_milliseconds}",
    "ratio to the best": "{0.best_text}",
}


@dataclass
class Result:
    """One row of the table; a number of seconds is infinite where a fit was given up.

    seconds and suboptimality are those of sklogloss at its defaults, seconds_to_best at the
    tolerance that is compared with scikit-learn's best.
    """

    shape: str
    seconds: float
    suboptimality: float
    default_seconds: float
    default_suboptimality: float
    seconds_to_best: float
    solver: str
    best_seconds: float
    max_seconds: float

    @property
    def milliseconds(self):
        return 1000 * self.seconds

    @property
    def milliseconds_to_best(self):
        return 1000 * self.seconds_to_best

    @property
    def default_milliseconds(self):
        return f"{1000 * self.default_seconds:,.1f}" if self.default_seconds < math.inf else "-"

    @property
    def best_milliseconds(self):
        return f"{1000 * self.best_seconds:,.1f}" if self.best_seconds < math.inf else "-"

    @property
    def default_ratio(self):
        """How many times as long as ours LogisticRegression takes at its defaults, at least."""
        return self._ratio(self.default_seconds, self.seconds)

    @property
    def best_ratio(self):
        """How many times as long as ours scikit-learn's best takes to a relative 1e-6, at least."""
        return self._ratio(self.best_seconds, self.seconds_to_best)

    def _ratio(self, theirs, ours):
        return min(theirs, self.max_seconds) / min(ours, self.max_seconds)

    @property
    def default_text(self):
        return self._text(self.default_seconds, self.default_ratio)

    @property
    def best_text(self):
        return self._text(self.best_seconds, self.best_ratio)

    @staticmethod
    def _text(seconds, ratio):
        at_least = "> " if seconds == math.inf else ""
        return f"{at_least}{ratio:.2f}"


def shapes(kinds):
    """Yield the shapes of the map."""
    for kind, n, p, k in itertools.product(kinds, ROWS, FEATURES, CLASSES):
        is_sparse = kind == "sparse counts"
        if SMALLEST <= n * p * k <= LARGEST and n * p <= MOST_ENTRIES and n >= 5 * k:
            # Few columns are seldom sparse.
            if p >= 256 or not is_sparse:
                yield Shape(n, p, k, kind)


class Fits:
    """Fits of workers to one task, each with its distance to the optimum.

    Attributes
    ----------
    task : Task
    n_threads : int
    optimum : float
        The least objective.
    """

    def fit(self, worker, solver, tol):
        """Return the seconds of a fit, infinite if it takes too long, and its suboptimality."""
        try:
            seconds, coef, intercept = worker.ask("fit", solver, tol, self.n_threads)
        except WorkerError:
            return math.inf, math.inf
        value = self.task.objective(coef.astype(np.float64), intercept)
        return seconds, value / self.optimum - 1

    def fastest(self, candidates):
        """Return (worker, solver, tol) of the fastest accurate fit, None if there is none.

        Parameters
        ----------
        candidates : iterable of tuple (worker, solver)
        """
        best, least = None, math.inf
        for worker, solver in candidates:
            for tol in TOLERANCES:
                seconds, suboptimality = self.fit(worker, solver, tol)
                # A tighter tolerance takes longer.
                if seconds >= least:
                    break
                if suboptimality <= SUBOPTIMALITY:
                    best, least = (worker, solver, tol), seconds
                    break
        return best


class Measurement(Fits):
    """The fits of one shape.

    Parameters
    ----------
    shape : Shape
    ours, theirs : Worker
    n_threads : int
    max_seconds : float
    """

    def __init__(self, shape, ours, theirs, n_threads, max_seconds):
        self.task = shape.task()
        self.ours, self.theirs = ours, theirs
        self.n_threads = n_threads
        self.max_seconds = max_seconds
        tight = LogLossClassifier(tol=TIGHT_TOL).fit(self.task.X, self.task.y)
        self.optimum = self.task.objective(tight.coef_, tight.intercept_)

    def result(self, n_rounds):
        """Return the Result of n_rounds rounds of each fit, more where they are short."""
        best = self.fastest([(self.theirs, solver) for solver in self.theirs.ask("solvers")])
        default = self.ours, "auto", None
        runs = [default, (self.theirs, "lbfgs", None)]
        runs.append(self.fastest([(self.ours, "auto")]) or default)
        if best is not None:
            runs.append(best)
        first = [self.fit(*run) for run in runs]
        longest = max((seconds for seconds, _ in first if seconds < math.inf), default=math.inf)
        n_rounds = min(max(n_rounds, math.ceil(1 / longest)), 5 * n_rounds)
        times = [[] for _ in runs]
        for _ in range(n_rounds):
            for run, (seconds, _), of_run in zip(runs, first, times, strict=True):
                if seconds < math.inf:
                    time.sleep(PAUSE_SECONDS)
                    seconds, _ = self.fit(*run)
                of_run.append(seconds)
        medians = [*map(statistics.median, times), math.inf]
        return Result(
            self.task.name,
            medians[0],
            first[0][1],
            medians[1],
            first[1][1],
            medians[2],
            "-" if best is None else best[1],
            medians[3],
            self.max_seconds,
        )


def summary(results):
    """Return lines on what the table says as a whole."""
    lines = []
    for text, ratios in (
        ("LogisticRegression()", [r.default_ratio for r in results]),
        ("its best solver at 1e-6", [r.best_ratio for r in results]),
    ):
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        lines.append(
            f"against {text}: geometric mean {mean:.1f} times as fast over {len(ratios)} shapes, "
            f"least {min(ratios):.2f}, {sum(r < 1 for r in ratios)} slower, "
            f"{sum(r < 1.5 for r in ratios)} less than 1.5 times as fast"
        )
    return lines


def plot(results, path):
    """Draw the ratios as colours: one panel for each kind and number of classes."""
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    by_panel = {}
    for result in results:
        shape = Shape.of(result.shape)
        panel = by_panel.setdefault((shape.kind, shape.n_classes), {})
        panel[shape.n_samples, shape.n_features] = result.default_ratio
    kinds = [kind for kind in KINDS if any(kind == of_panel for of_panel, _ in by_panel)]
    classes = sorted({n_classes for _, n_classes in by_panel})
    figure = Figure(figsize=(2.2 * len(classes), 1.7 * len(kinds) + 0.6), layout="constrained")
    grid = figure.subplots(len(kinds), len(classes), squeeze=False, sharex=True, sharey=True)
    norm = LogNorm(1 / 16, 16)  # as fast is in the middle
    for (i, kind), (j, n_classes) in itertools.product(enumerate(kinds), enumerate(classes)):
        axes, panel = grid[i, j], by_panel.get((kind, n_classes), {})
        ratios = np.array([[panel.get((n, p), np.nan) for p in FEATURES] for n in ROWS])
        image = axes.imshow(ratios, norm=norm, cmap="RdYlGn", aspect="auto", origin="lower")
        for (row, column), ratio in np.ndenumerate(ratios):
            if np.isfinite(ratio):
                text = f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"
                axes.text(column, row, text, ha="center", va="center", fontsize=7)
        axes.set_xticks(range(len(FEATURES)), [f"{p:,}" for p in FEATURES], rotation=45, fontsize=7)
        axes.set_yticks(range(len(ROWS)), [f"{n:,}" for n in ROWS], fontsize=7)
        if i == 0:
            axes.set_title(f"{n_classes} classes", fontsize=9)
        if j == 0:
            axes.set_ylabel(kind, fontsize=9)
    figure.supxlabel("columns", fontsize=9)
    figure.supylabel("rows", fontsize=9)
    bar = figure.colorbar(image, ax=grid, label="times as fast as LogisticRegression()")
    bar.set_ticks([1 / 16, 1 / 4, 1, 4, 16], labels=["1/16", "1/4", "1", "4", "16"])
    bar.minorticks_off()
    figure.savefig(path, dpi=150)


def read(path):
    """Return the Results in a CSV file that --output wrote."""
    return [
        Result(
            **{
                name: text if name in ("shape", "solver") else float(text)
                for name, text in row.items()
            }
        )
        for row in read_rows(path)
    ]


def parse(argv):
    parser = argparse.ArgumentParser(prog="python -m benchmarks map", description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--shapes", nargs="+", type=Shape.of, help="these, as the table names them")
    parser.add_argument("--rounds", type=int, default=3, help="at least (default 3)")
    parser.add_argument("--threads", type=int, help="of BLAS and OpenMP (default: the cores)")
    parser.add_argument("--max-seconds", type=float, default=20)
    parser.add_argument("--plot", type=Path, help="PNG file to write")
    parser.add_argument("--of", type=Path, help="only draw the results in this CSV file")
    add_arguments(parser)
    return parser.parse_args(argv)


def main(argv):
    """Print the table, and draw it where --plot says."""
    arguments = parse(argv)
    if arguments.of:
        plot(read(arguments.of), arguments.plot)
        return 0
    n_threads = arguments.threads or effective_n_threads(None)
    peers = {peer.library: peer for peer in find_peers(None)}
    results = []
    with threadpool_limits(limits=n_threads):
        check_blas_threads(n_threads)
        report = Report(COLUMNS, arguments)
        for shape in arguments.shapes or shapes(arguments.kinds):
            options = str(shape), None, arguments.max_seconds
            with (
                Worker(peers["sklogloss"], *options) as ours,
                Worker(peers["scikit-learn"], *options) as theirs,
            ):
                measured = Measurement(shape, ours, theirs, n_threads, arguments.max_seconds)
                results.append(measured.result(arguments.rounds))
            report.add(results[-1:])
        report.note(summary(results))
    if arguments.plot:
        plot(results, arguments.plot)
    return 0
