"""Messages and bytes of fits on Dask, counted in small fits, and a model of larger ones.

"up" is what the partitions send in a fit, "down" what they are sent: a function with the
coefficients. Both are counted on the synchronous scheduler, which runs the same tasks. The
counts are linear in the number of partitions, and do not depend on the rows.

The model takes the passes of the last fit with two classes, the seconds of Dask for a task and of
a worker for an entry, both measured here on a cluster of two processes, and a network of
1.25 GB/s for each machine. With w workers, n rows, p columns and m partitions a pass takes

    n p (seconds for an entry) / w  in the workers,
    m (1 + 1/8 + 1/64 + ...) (seconds for a task)  in the scheduler,
    8 log8(m) (bytes of a sum) / 1.25 GB/s  in the tree that adds the sums.
"""

import argparse
import math
import pickle
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass

import dask
import dask.array as da
import numpy as np

from benchmarks.report import Report, add_arguments
from sklogloss.dask import LogLossClassifier
from sklogloss.dask.partitions import FAN_IN, DaskPartitions

COLUMNS = {
    "rows": "{0.n_samples:,}",
    "columns": "{0.n_features}",
    "classes": "{0.n_classes}",
    "partitions": "{0.n_partitions}",
    "passes": "{0.n_passes:}",
    "messages": "{0.n_messages:,}",
    "up, kB": "{0.up:,.0f}",
    "down, kB": "{0.down:,.0f}",
    "largest, kB": "{0.largest:.1f}",
}
# Rows, columns, classes, partitions.
FITS = [
    (20_000, 20, 2, 8),
    (80_000, 20, 2, 8),
    (80_000, 20, 2, 64),
    (80_000, 40, 2, 8),
    (80_000, 20, 4, 8),
    (80_000, 100, 2, 64),
]
NETWORK = 1.25e9


@dataclass
class Counts:
    """What a fit sends."""

    n_samples: int
    n_features: int
    n_classes: int
    n_partitions: int
    n_passes: int
    n_messages: int
    up: float
    down: float
    largest: float


@contextmanager
def counting():
    """Yield a list that gets the messages, and bytes up and down, of each pass."""
    kept = {name: getattr(DaskPartitions, name) for name in ("collect", "sum", "sum_and_keep")}
    found = []

    def counted(name, method):
        def run(self, what, function, *others):
            result = method(self, what, function, *others)
            sums = result[0] if name == "sum_and_keep" else result
            # All sums of a tree have the same shape.
            n_sent = len(self.keys) if name == "collect" else n_tasks(len(self.keys))
            up = size_of(sums) * (1 if name == "collect" else n_sent)
            found.append((n_sent, up, len(self.keys) * len(pickle.dumps(function)), up / n_sent))
            return result

        return run

    for name, method in kept.items():
        setattr(DaskPartitions, name, counted(name, method))
    try:
        yield found
    finally:
        for name, method in kept.items():
            setattr(DaskPartitions, name, method)


def size_of(result):
    """Return the bytes of a result, as it is sent."""
    return len(pickle.dumps(result))


def draw(n_samples, n_features, n_classes, n_partitions):
    """Return X and y of a logistic model as dask arrays."""
    size = -(-n_samples // n_partitions)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features))
    scores = X @ rng.normal(size=(n_features, n_classes)) / math.sqrt(n_features)
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    return da.from_array(X, chunks=(size, n_features)), da.from_array(y, chunks=size)


def count(*shape):
    """Return the Counts of a fit, and its passes."""
    X, y = dask.persist(*draw(*shape), scheduler="sync")
    with dask.config.set(scheduler="sync"), counting() as found:
        passes = LogLossClassifier().fit(X, y).passes_
    messages, up, down, largest = np.array(found).T
    kilobytes = (each.item() / 1000 for each in (up.sum(), down.sum(), largest.max()))
    return Counts(*shape, len(passes), int(messages.sum()), *kilobytes), passes


def cluster_seconds():
    """Return the seconds of a cluster for a task of no work, and for an entry of X."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        seconds = []
        for shape in ((640, 2, 2, 64), (400_000, 50, 2, 16)):
            X, y = dask.persist(*draw(*shape))
            model = LogLossClassifier().fit(X, y)
            times = []
            for _ in range(3):
                start = time.perf_counter()
                LogLossClassifier().fit(X, y)
                times.append(time.perf_counter() - start)
            seconds.append((min(times), len(model.passes_)))
    (of_tasks, n_passes), (of_work, n_large) = seconds
    of_task = of_tasks / (n_passes * n_tasks(64))
    work = of_work - n_large * n_tasks(16) * of_task
    return of_task, 2 * work / (n_large * 400_000 * 50)


def n_tasks(n_partitions):
    """Return the tasks of a pass."""
    total = n_partitions
    while n_partitions > 1:
        n_partitions = -(-n_partitions // FAN_IN)
        total += n_partitions
    return total


def model_lines(passes, of_task, of_entry, n, p, n_workers, mb):
    """Return lines on a fit of two classes with partitions of some MB."""
    m = -(-n * p * 8 // (mb * 10**6))
    tasks, depth = n_tasks(m), math.ceil(math.log(m, FAN_IN))
    lines, totals = [], np.zeros(3)
    for name, times in Counter(passes).items():
        size = 8 * (p + 1) * (1 + (p + 1 if name == "Hessian" else 0))
        each = np.array(
            [
                n * p * of_entry / n_workers,
                tasks * of_task,
                FAN_IN * depth * size / NETWORK,
            ]
        )
        totals += times * each
        lines.append(
            f"- {times} x {name}: {tasks:,} tasks, sums of {size / 1000:.3g} kB, "
            f"{m * size / 1e6:.3g} MB up; {each[0]:.3g} s of work, {each[1]:.3g} s of the "
            f"scheduler, {1000 * each[2]:.2g} ms of the tree"
        )
    names = ("the work of the workers", "the scheduler, which is one process", "the network")
    reading = n * p * 8 / n_workers / 1e9 * len(passes)
    return [
        f"{n:,} rows x {p} columns, {n_workers} workers, {m:,} partitions of {mb} MB:",
        *lines,
        f"- in all {totals[0]:.3g} s of work, {totals[1]:.3g} s of the scheduler, "
        f"{totals[2]:.2g} s of the tree. The limit is {names[int(totals.argmax())]}. "
        f"If not persisted, {reading:.3g} s more to read 1 GB/s in each worker",
    ]


def main(argv):
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks dask_model",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=10**9)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--workers", type=int, default=64)
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    report = Report(COLUMNS, arguments)
    for shape in FITS:
        counts, passes = count(*shape)
        report.add([counts])
    of_task, of_entry = cluster_seconds()
    lines = [f"{1000 * of_task:.2g} ms of Dask for a task, {1e9 * of_entry:.2g} ns for an entry"]
    size = (arguments.rows, arguments.columns, arguments.workers)
    for mb in (100, 1000):
        lines += ["", *model_lines(passes, of_task, of_entry, *size, mb)]
    report.note(lines)
