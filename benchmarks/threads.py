"""Fits of sklogloss with one thread and with two: how much faster, and whether the same bits."""

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.adapters.sklogloss import fit
from benchmarks.report import Report, add_arguments
from benchmarks.tasks import DEFAULT_TOL, FOLDER_TASKS, TASKS, load_task
from benchmarks.timing import seconds_of_each

COLUMNS = {
    "task": "{0.task}",
    "ms, n_jobs=1": "{0.one_thread:,.1f}",
    "ms, n_jobs=2": "{0.two_threads:,.1f}",
    "times faster": "{0.speedup:.2f}",
    "same bits": "{0.same_bits}",
}


@dataclass
class Result:
    """One row of the table; times in milliseconds."""

    task: str
    one_thread: float
    two_threads: float
    speedup: float
    same_bits: bool


def measure(task, n_rounds):
    """Return the Result of one task, at the default tolerance."""
    fits = [partial(fit, task, "auto", DEFAULT_TOL, n_threads) for n_threads in (1, 2)]
    one, two = (run() for run in fits)
    same_bits = all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    seconds = seconds_of_each(fits, n_rounds)
    return Result(task.name, *(1000 * s for s in seconds), seconds[0] / seconds[1], same_bits)


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks threads", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the data of the last four tasks")
    parser.add_argument(
        "--tasks", nargs="+", choices=[*TASKS, *FOLDER_TASKS], help="default: as for fit"
    )
    parser.add_argument("--rounds", type=int, default=7)
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    names = arguments.tasks or [*TASKS, *(FOLDER_TASKS if arguments.data else [])]
    report = Report(COLUMNS, arguments)
    for name in names:
        report.add([measure(load_task(name, arguments.data), arguments.rounds)])
    return 0
