"""Linear probes: fits of hundreds of classes to embeddings, against other libraries.

LogLossClassifier and LogisticRegression as they come, LogLossClassifier where it promises a
relative 1e-6, and the fastest other library that comes within a relative 1e-6 of the optimum, at
the loosest tolerance that does: all in turn, each library in a process of its own. Times are also
given as multiples of two products, X W and X' G, which a pass for the gradient cannot do without.
Peak memory of the fit at its defaults counts arrays with a number of X's type for each row and
class. A fit that takes longer than --max-seconds is given up.
"""

import argparse
import contextlib
import itertools
import math
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.map import TIGHT_TOL, Fits
from benchmarks.peers import Worker, find_peers
from benchmarks.report import Report, add_arguments
from benchmarks.tasks import Embeddings
from benchmarks.timing import check_blas_threads

# At this tol the promise is the relative 1e-6.
LOOSE_TOL = 10
SIZES = ((2_000, 500, 50), (3_000, 200, 1_000), (20_000, 512, 100))
LARGE_SIZES = ((50_000, 512, 1_000), (100_000, 768, 1_000))
PENALTIES = (1, 10, 100)
# Those that fit several classes at once to dense rows, without an L1 penalty.
PEERS = ("sklogloss", "scikit-learn", "cyanure", "torch")
COLUMNS = {
    "data": "{0.data}",
    "ms": "{0.milliseconds:,.0f}",
    "products": "{0.of_products:.0f}",
    "suboptimality": "{0.suboptimality:.0e}",
    "peak arrays": "{0.peak_arrays:.1f}",
    "LogisticRegression() ms": "{0.default_text}",
    "its suboptimality": "{0.default_suboptimality:.0e}",
    "ms to 1e-6": "{0.loose_milliseconds:,.0f}",
    "products to 1e-6": "{0.loose_of_products:.0f}",
    "others' best": "{0.best}",
    "its ms": "{0.best_text}",
    "ratio": "{0.ratio_text}",
}


@dataclass
class Result:
    """One row of the table; a number of seconds is infinite where a fit was given up."""

    data: str
    seconds: float
    suboptimality: float
    default_seconds: float
    default_suboptimality: float
    loose_seconds: float
    best: str
    best_seconds: float
    product_seconds: float
    peak_arrays: float
    max_seconds: float

    @property
    def milliseconds(self):
        return 1000 * self.seconds

    @property
    def loose_milliseconds(self):
        return 1000 * self.loose_seconds

    @property
    def of_products(self):
        return self.seconds / self.product_seconds

    @property
    def loose_of_products(self):
        return self.loose_seconds / self.product_seconds

    @property
    def default_text(self):
        return self._text(self.default_seconds)

    @property
    def best_text(self):
        return self._text(self.best_seconds)

    @property
    def ratio_text(self):
        at_least = "> " if self.best_seconds == math.inf else ""
        return f"{at_least}{min(self.best_seconds, self.max_seconds) / self.loose_seconds:.1f}"

    @staticmethod
    def _text(seconds):
        return f"{1000 * seconds:,.0f}" if seconds < math.inf else "-"


class Measurement(Fits):
    """The fits to some embeddings.

    Parameters
    ----------
    embeddings : Embeddings
    ours : Worker
    others : list of Worker
        That of scikit-learn first.
    n_threads : int
    max_seconds : float
    """

    def __init__(self, embeddings, ours, others, n_threads, max_seconds):
        self.task = embeddings.task()
        self.ours, self.others = ours, others
        self.n_threads, self.max_seconds = n_threads, max_seconds
        _, coef, intercept = ours.ask("fit", "auto", TIGHT_TOL, n_threads)
        self.optimum = self.task.objective(coef.astype(np.float64), intercept)

    def candidates(self):
        """Yield (worker, solver) of the other libraries: a Hessian of so many classes is large."""
        for worker in self.others:
            for solver in worker.ask("solvers"):
                if solver != "newton-cholesky":
                    yield worker, solver

    def seconds_of_products(self):
        """Return how long X W and X' G take."""
        W = np.ones((self.task.X.shape[1], self.task.n_outputs), dtype=self.task.X.dtype)
        start = time.perf_counter()
        self.task.X.T @ (self.task.X @ W)
        return time.perf_counter() - start

    def result(self, n_rounds):
        """Return the Result of n_rounds rounds of each fit."""
        best = self.fastest(self.candidates())
        runs = [
            (self.ours, "auto", None),
            (self.others[0], "lbfgs", None),
            (self.ours, "auto", LOOSE_TOL),
        ]
        if best is not None:
            runs.append(best)
        times, of_products = [[] for _ in runs], []
        for _ in range(n_rounds):
            of_products.append(self.seconds_of_products())
            found = [self.fit(*run) for run in runs]
            for seconds, of_run in zip(found, times, strict=True):
                of_run.append(seconds[0])
        medians = [*map(statistics.median, times), math.inf]
        self.ours.close()  # a new process has no memory to use again
        peak_megabytes, _ = self.ours.ask("cost", "auto", None, self.n_threads)
        X = self.task.X
        array_megabytes = X.itemsize * len(X) * self.task.n_outputs / 2**20
        return Result(
            data=self.task.name,
            seconds=medians[0],
            suboptimality=found[0][1],
            default_seconds=medians[1],
            default_suboptimality=found[1][1],
            loose_seconds=medians[2],
            best="-" if best is None else f"{best[0].peer.library} {best[1]}",
            best_seconds=medians[3],
            product_seconds=statistics.median(of_products),
            peak_arrays=peak_megabytes / array_megabytes,
            max_seconds=self.max_seconds,
        )


def embeddings_of(sizes, dtypes):
    """Yield the Embeddings of the table."""
    for size, dtype, is_separate, C in itertools.product(sizes, dtypes, (False, True), PENALTIES):
        yield Embeddings(*size, C, dtype, is_separate)


def parse(argv):
    parser = argparse.ArgumentParser(prog="python -m benchmarks probes", description=__doc__)
    parser.add_argument("--data", nargs="+", type=Embeddings.of, help="as the table names them")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    parser.add_argument("--large", action="store_true", help="rather than small and middle sizes")
    parser.add_argument(
        "--environments", type=Path, help="folder with an environment for each library"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--max-seconds", type=float, default=60, help="for a fit (default 60)")
    add_arguments(parser)
    return parser.parse_args(argv)


def main(argv):
    """Print the table."""
    arguments = parse(argv)
    peers = [peer for peer in find_peers(arguments.environments) if peer.library in PEERS]
    sizes = LARGE_SIZES if arguments.large else SIZES
    with threadpool_limits(limits=arguments.threads):
        check_blas_threads(arguments.threads)
        notes = [f"{peer.library}: {peer.version}" for peer in peers]
        report = Report(COLUMNS, arguments, notes)
        for embeddings in arguments.data or embeddings_of(sizes, arguments.dtypes):
            with contextlib.ExitStack() as stack:
                ours, *others = (
                    stack.enter_context(Worker(p, str(embeddings), None, arguments.max_seconds))
                    for p in peers
                )
                measured = Measurement(
                    embeddings, ours, others, arguments.threads, arguments.max_seconds
                )
                report.add([measured.result(arguments.rounds)])
    return 0
