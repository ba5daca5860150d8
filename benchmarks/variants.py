"""Fits of sklogloss to the same data in float32 and float64, C-ordered and F-ordered."""

import argparse
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np

from benchmarks.adapters.sklogloss import fit
from benchmarks.reference import optimum
from benchmarks.report import Report, add_arguments
from benchmarks.tasks import DEFAULT_TOL, TASKS, Intercept, load_task
from benchmarks.timing import seconds_of_each

# The first is what the others are compared with. F is the order of a DataFrame's columns.
VARIANTS = [*product(["float64", "float32"], "CF")]
COLUMNS = {
    "task": "{0.task}",
    "dtype": "{0.dtype}",
    "order": "{0.order}",
    "ms": "{0.milliseconds:,.1f}",
    "of float64, C": "{0.ratio:.2f}",
    "suboptimality": "{0.suboptimality:.0e}",
}


@dataclass
class Result:
    """One row of the table. The suboptimality is that in float64."""

    task: str
    dtype: str
    order: str
    milliseconds: float
    ratio: float
    suboptimality: float


def measure(task, n_threads, n_rounds):
    """Yield a Result for each variant."""
    fits = [
        partial(
            fit,
            replace(task, X=np.asarray(task.X, dtype=dtype, order=order)),
            "auto",
            DEFAULT_TOL,
            n_threads,
        )
        for dtype, order in VARIANTS
    ]
    best = optimum(task, Intercept.FREE)
    seconds = seconds_of_each(fits, n_rounds)
    for (dtype, order), run, time in zip(VARIANTS, fits, seconds, strict=True):
        coef, intercept = (array.astype(np.float64) for array in run())
        suboptimality = task.objective(coef, intercept) / best - 1
        yield Result(task.name, dtype, order, 1000 * time, time / seconds[0], suboptimality)


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks variants", description=__doc__)
    parser.add_argument(
        "--tasks",
        nargs="+",
        choices=TASKS,
        default=["dense-20", "dense-100"],
        help="dense ones (default: the two with many rows)",
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, help="default: the cores")
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    report = Report(COLUMNS, arguments)
    for name in arguments.tasks:
        report.add([*measure(load_task(name), arguments.threads, arguments.rounds)])
    return 0
