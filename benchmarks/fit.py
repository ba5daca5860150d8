"""Fits compared at equal accuracy: how long, and how much memory, each solver takes.

A tolerance means something different to each solver. So each climbs a ladder of tolerances until
its objective is within a relative 1e-6 of the optimum, and that run is timed: all libraries in
turn, each in a process of its own, the median of several rounds. A library that cannot leave the
intercept free is measured against its own optimum, and the table says so.
"""

import argparse
import contextlib
import math
import statistics
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.adapters import LIBRARIES
from benchmarks.peers import Worker, WorkerError, find_peers
from benchmarks.reference import optimum
from benchmarks.report import Report, add_arguments
from benchmarks.tasks import FOLDER_TASKS, L1_TASKS, TASKS, Intercept, load_task
from benchmarks.timing import PAUSE_SECONDS, check_blas_threads
from sklogloss.linear.threads import effective_n_threads

SUBOPTIMALITY = 1e-6
TOLERANCES = [step * 10.0**-power for power in range(-1, 13) for step in (1, 0.3)]
# What a user gets who chooses nothing; the other libraries are shown at their best.
SHOWN = ("sklogloss", "auto")
# Times are given as ratios to the fastest solver of this library.
BASELINE = "scikit-learn"
COLUMNS = {
    "task": "{0.task}",
    "solver": "{0.label}",
    "ms": "{0.milliseconds:,.1f}",
    "of scikit-learn's best": "{0.ratio:.3f}",
    "of one X @ w": "{0.products:,.0f}",
    "suboptimality": "{0.suboptimality:.0e}",
    "peak MB": "{0.peak_megabytes:,.0f}",
    "first call s": "{0.first_call_seconds:.1f}",
}


@dataclass
class Result:
    """One row of the table.

    What follows tol is NaN if no tolerance was tight enough, but for suboptimality: it is then the
    smallest that was reached. note says what kept the solver from more.
    """

    task: str
    library: str
    solver: str
    intercept: str
    tol: float = math.nan
    seconds: float = math.nan
    suboptimality: float = math.nan
    peak_megabytes: float = math.nan
    first_call_seconds: float = math.nan
    ratio: float = math.nan
    products: float = math.nan
    note: str = ""

    @property
    def milliseconds(self):
        return 1000 * self.seconds

    @property
    def label(self):
        marks = "; ".join(mark for mark in (self.intercept, self.note) if mark)
        return f"{self.library} {self.solver}" + (f" ({marks})" if marks else "")


class Comparison:
    """All solvers of all libraries on one task."""

    def __init__(self, task, repeats, max_seconds, n_threads):
        self.task = task
        self.repeats = repeats
        self.max_seconds = max_seconds
        self.n_threads = n_threads
        self._optimum = cache(lambda intercept_is: optimum(task, intercept_is))
        self._weights = np.ones((task.X.shape[1], task.n_outputs))

    def run(self, workers):
        """Return the results."""
        runs = []
        for worker in workers:
            for solver, intercept in solvers_of(worker).items():
                result = Result(self.task.name, worker.peer.library, solver, intercept)
                runs.append((worker, result))
        seconds = [self._climb(worker, result) for worker, result in runs]
        timed = [run for run in runs if not math.isnan(run[1].tol)]
        longest = max((time for time in seconds if not math.isnan(time)), default=math.inf)
        # Fits of milliseconds need more rounds than fits of seconds.
        n_rounds = min(max(self.repeats, math.ceil(1 / longest)), 10 * self.repeats)
        product_seconds = self._time(timed, n_rounds)
        for worker, result in timed:
            self._measure_cost(worker, result)
        baseline = min((r.seconds for _, r in timed if r.library == BASELINE), default=math.nan)
        for _, result in timed:
            result.ratio = result.seconds / baseline
            result.products = result.seconds / product_seconds
        return [result for _, result in runs]

    def _fit(self, worker, result, tol):
        """Return the seconds that a fit takes and its suboptimality."""
        seconds, coef, intercept = worker.ask("fit", result.solver, tol, self.n_threads)
        kind = Intercept(result.intercept)
        suboptimality = self.task.objective(coef, intercept, kind) / self._optimum(kind) - 1
        if suboptimality < -SUBOPTIMALITY / 10:
            raise RuntimeError(f"{result.label} found a better optimum than the reference")
        return seconds, suboptimality

    def _climb(self, worker, result):
        """Set the first tolerance that comes close to the optimum; return the time of its run."""
        result.suboptimality = math.inf
        for tol in TOLERANCES:
            try:
                seconds, suboptimality = self._fit(worker, result, tol)
            except WorkerError as error:
                result.note = str(error)
                return math.nan
            result.suboptimality = min(result.suboptimality, suboptimality)
            if suboptimality <= SUBOPTIMALITY:
                result.tol = tol
                return seconds
        result.note = "at no tolerance"
        return math.nan

    def _time(self, runs, n_rounds):
        """Set the median seconds of each run; return those of one product of X and weights."""
        times = [[] for _ in runs]
        product_times = []
        for _ in range(n_rounds):
            for (worker, result), seconds_of_run in zip(runs, times, strict=True):
                time.sleep(PAUSE_SECONDS)
                try:
                    seconds, result.suboptimality = self._fit(worker, result, result.tol)
                except WorkerError as error:
                    result.note = str(error)
                else:
                    seconds_of_run.append(seconds)
            time.sleep(PAUSE_SECONDS)
            product_times += self._seconds_of_products()
        for (_, result), seconds_of_run in zip(runs, times, strict=True):
            result.seconds = statistics.median(seconds_of_run) if seconds_of_run else math.nan
        return statistics.median(product_times)

    def _seconds_of_products(self):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            self.task.X @ self._weights
            times.append(time.perf_counter() - start)
        return times[1:]

    def _measure_cost(self, worker, result):
        worker.close()  # only a new process has compiled nothing, and has no memory to use again
        try:
            result.peak_megabytes, result.first_call_seconds = worker.ask(
                "cost", result.solver, result.tol, self.n_threads
            )
        except WorkerError as error:
            result.note = str(error)


def solvers_of(worker):
    """Return the solvers of a worker's library; none, with a line that says so, if it fails."""
    try:
        return worker.ask("solvers")
    except WorkerError as error:
        print(f"{worker.peer.library} is left out: {error}", file=sys.stderr)
        return {}


def best_of_each(results):
    """Return sklogloss's default and the fastest solver of each other library.

    Of a library that reached the accuracy with no solver, the one that came closest.
    """
    chosen = [result for result in results if (result.library, result.solver) == SHOWN]
    for library in LIBRARIES:
        of_library = [result for result in results if result.library == library]
        if library != SHOWN[0] and of_library:
            timed = [result for result in of_library if not math.isnan(result.seconds)]
            chosen.append(
                min(timed, key=lambda result: result.seconds)
                if timed
                else min(of_library, key=lambda result: result.suboptimality)
            )
    return chosen


def parse(argv):
    parser = argparse.ArgumentParser(prog="python -m benchmarks fit", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with a9a, MNIST, news20 and mammography")
    parser.add_argument(
        "--environments",
        type=Path,
        help="folder that `python -m benchmarks environments` made; without it, and for a library "
        "without environment, the libraries that this Python can import",
    )
    parser.add_argument(
        "--tasks",
        nargs="+",
        choices=[*TASKS, *L1_TASKS, *FOLDER_TASKS],
        help="default: all, those of the folder if --data is given",
    )
    parser.add_argument("--repeats", type=int, default=5, help="rounds, at least (default 5)")
    parser.add_argument("--threads", type=int, help="of BLAS and OpenMP (default: the cores)")
    parser.add_argument(
        "--max-seconds",
        type=float,
        default=120,
        help="give a solver up if a run, or loading the data, takes longer (default 120)",
    )
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    if arguments.tasks is None:
        arguments.tasks = [*TASKS, *L1_TASKS, *(FOLDER_TASKS if arguments.data else [])]
    elif arguments.data is None and set(arguments.tasks) & set(FOLDER_TASKS):
        parser.error(f"--data is needed for {', '.join(FOLDER_TASKS)}")
    return arguments


def main(argv):
    """Print the table of fits, the best solver of each library in it."""
    arguments = parse(argv)
    n_threads = arguments.threads or effective_n_threads(None)
    peers = list(find_peers(arguments.environments))
    with threadpool_limits(limits=n_threads):
        check_blas_threads(n_threads)
        report = Report(COLUMNS, arguments, [f"{p.library}: {p.version}" for p in peers])
        for name in arguments.tasks:
            task = load_task(name, arguments.data)
            comparison = Comparison(task, arguments.repeats, arguments.max_seconds, n_threads)
            with contextlib.ExitStack() as stack:
                workers = [
                    stack.enter_context(Worker(p, name, arguments.data, arguments.max_seconds))
                    for p in peers
                ]
                results = comparison.run(workers)
            report.add(results, best_of_each(results))
    return 0
