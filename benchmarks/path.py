"""L1 paths of 100 values of C against other libraries, at equal accuracy.

The values of C go from the smallest for which a coefficient differs from zero up to fifty times
that. Each library makes the path as its users would, each solution the start of the next, and goes
down a ladder of tolerances until every objective is within a relative 1e-6 of the optimum; that run
is timed, all libraries in turn, the median of several rounds. celer fits no intercept: a second
comparison is without one. What a library compiles, it compiles in a run before.
"""

import argparse
import contextlib
import statistics
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.fit import TOLERANCES
from benchmarks.peers import Worker, WorkerError, find_peers
from benchmarks.report import Report, add_arguments
from benchmarks.tasks import PATH_TASKS, load_task
from sklogloss import logloss_path

N_CS = 100
SPAN = 50
SUBOPTIMALITY = 1e-6
REFERENCE_TOL = 1e-10
COLUMNS = {
    "task": "{0.task}",
    "intercept": "{0.intercept}",
    "library": "{0.library}",
    "tol": "{0.tol:.0e}",
    "ms": "{0.milliseconds:,.0f}",
    "times sklogloss": "{0.ratio:.2f}",
    "largest suboptimality": "{0.suboptimality:.1e}",
}


@dataclass
class Result:
    """One row of the table."""

    task: str
    intercept: str
    library: str
    tol: float
    seconds: float
    ratio: float
    suboptimality: float

    @property
    def milliseconds(self):
        return 1000 * self.seconds


def grid(task, fit_intercept):
    """Return the values of C, from strong to weak penalties."""
    is_second = task.class_index == 1
    residual = is_second - (is_second.mean() if fit_intercept else 0.5)
    lowest = 1 / np.abs(task.X.T @ residual).max()
    return np.geomspace(lowest, SPAN * lowest, N_CS)


def objectives(task, Cs, coefs, intercepts):
    """Return the objective at each point of a path."""
    return np.array(
        [
            replace(task, C=C, l1_ratio=1.0).objective(coef[None], intercept)
            for C, coef, intercept in zip(Cs, coefs, intercepts, strict=True)
        ]
    )


class Comparison:
    """All libraries on the path of one task, with or without an intercept."""

    def __init__(self, task, fit_intercept, n_threads):
        self.task = task
        self.Cs = grid(task, fit_intercept)
        self.arguments = (fit_intercept, n_threads)
        reference = logloss_path(
            task.X,
            task.y,
            Cs=self.Cs,
            l1_ratio=1.0,
            fit_intercept=fit_intercept,
            tol=REFERENCE_TOL,
            max_iter=10_000,
        )
        self.minima = self._objectives(reference.coefs[:, 0], reference.intercepts[:, 0])

    def _objectives(self, coefs, intercepts):
        return objectives(self.task, self.Cs, coefs, intercepts)

    def run_one(self, worker, tol):
        """Return the seconds and the largest suboptimality of a path."""
        seconds, coefs, intercepts = worker.ask("path", self.Cs, *self.arguments, tol)
        difference = self._objectives(coefs, intercepts) / self.minima - 1
        if difference.min() < -SUBOPTIMALITY / 10:
            raise RuntimeError(f"{worker.peer.library} found a better optimum than the reference")
        return seconds, difference.max()

    def _climb(self, worker, first_tol):
        # The function that runs the library at the largest tol that will do, and this tol.
        for tol in [tol for tol in TOLERANCES if tol <= first_tol]:
            try:
                _, suboptimality = self.run_one(worker, tol)
            except WorkerError as error:
                print(f"{worker.peer.library} is left out: {error}", file=sys.stderr)
                return None
            if suboptimality <= SUBOPTIMALITY:
                return partial(self.run_one, worker, tol), tol
        print(f"{worker.peer.library} is left out: at no tolerance", file=sys.stderr)
        return None

    def run(self, workers, rounds, first_tol):
        """Return the Results; the first library is the one others are compared with."""
        ours, *others = workers
        found = [(ours, self._climb(ours, np.inf))]
        found += [(worker, self._climb(worker, first_tol)) for worker in others]
        runs = [(worker, *climbed) for worker, climbed in found if climbed is not None]
        answers = [[] for _ in runs]
        for _ in range(rounds):
            for (_, run, _), answers_of_run in zip(runs, answers, strict=True):
                answers_of_run.append(run())
        seconds = [statistics.median(time for time, _ in of_run) for of_run in answers]
        return [
            Result(
                self.task.name,
                "free" if self.arguments[0] else "none",
                worker.peer.library,
                tol,
                time,
                time / seconds[0],
                max(suboptimality for _, suboptimality in of_run),
            )
            for (worker, _, tol), time, of_run in zip(runs, seconds, answers, strict=True)
        ]


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks path", description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=[*PATH_TASKS])
    parser.add_argument("--data", type=Path, help="folder with the data of leukemia, ...")
    parser.add_argument(
        "--environments", type=Path, help="folder with an environment for each library"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-seconds", type=float, default=60, help="for a path (default 60)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--first-tol",
        type=float,
        default=np.inf,
        help="where the ladder of the other libraries begins, if the tolerances above will not do",
    )
    parser.add_argument(
        "--intercepts", nargs="+", choices=["free", "none"], default=["free", "none"]
    )
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    peers = list(find_peers(arguments.environments))
    report = Report(COLUMNS, arguments, [f"{peer.library}: {peer.version}" for peer in peers])
    for name in arguments.tasks:
        task = load_task(name, arguments.data)
        with contextlib.ExitStack() as stack:
            workers = [
                stack.enter_context(Worker(peer, name, arguments.data, arguments.max_seconds))
                for peer in peers
            ]
            for fit_intercept in (each == "free" for each in arguments.intercepts):
                able = [w for w in workers if fit_intercept in w.ask("path_intercepts")]
                comparison = Comparison(task, fit_intercept, arguments.threads)
                report.add(comparison.run(able, arguments.rounds, arguments.first_tol))
    return 0
