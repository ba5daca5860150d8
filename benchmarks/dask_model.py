"""Messages and bytes of fits on Dask, counted in small fits, and a model of larger ones.

A fit of m persisted partitions with w workers is run on the synchronous scheduler, and what a
cluster would send is counted. Three passes and the making of rows have a task for each partition,
the others one for each worker, which adds what it can. "up" is what the tasks send, "down" what
they are sent: a function with the coefficients. Neither depends on the number of rows, but for the
random subset of rows, here at most 18 MB, that is the start of the solution.

The model takes the passes of the last fit, the seconds of Dask for a task and of a worker for an
entry, both measured here on a cluster of two processes, and a network of 1.25 GB/s for each
machine. A pass over n rows of p columns takes

    n p (seconds for an entry) / w  in the workers,
    w (or, for each partition, 1.14 m) (seconds for a task)  in the scheduler,
    (bytes of the sums that come together) / 1.25 GB/s  in the network.
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
from sklogloss.dask.partitions import DaskPartitions
from sklogloss.dask.sums import FAN_IN, of_group

COLUMNS = {
    "rows": "{0.n_samples:,}",
    "columns": "{0.n_features}",
    "classes": "{0.n_classes}",
    "partitions": "{0.n_partitions:}",
    "workers": "{0.n_workers:}",
    "passes": "{0.n_passes:}",
    "messages": "{0.n_messages:,}",
    "up, kB": "{0.up:,.0f}",
    "down, kB": "{0.down:,.0f}",
    "largest, kB": "{0.largest:.1f}",
}
# Rows, columns, classes, partitions, workers.
FITS = [
    (20_000, 20, 2, 8, 2),
    (80_000, 20, 2, 8, 2),
    (80_000, 20, 2, 64, 2),
    (80_000, 20, 2, 64, 8),
    (80_000, 40, 2, 64, 8),
    (80_000, 20, 4, 64, 8),
    (80_000, 100, 2, 512, 64),
]
NETWORK = 1.25e9


@dataclass
class Counts:
    """What a fit sends."""

    n_samples: int
    n_features: int
    n_classes: int
    n_partitions: int
    n_workers: int
    n_passes: int
    n_messages: int
    up: float
    down: float
    largest: float


@contextmanager
def counting(n_workers):
    """Yield a list that gets the messages, and bytes up and down and of a message, of a pass."""
    kept = {name: getattr(DaskPartitions, name) for name in ("collect", "sum", "sum_and_keep")}
    found = []

    def counted(name, method):
        def run(self, what, function, *others):
            result = method(self, what, function, *others)
            m = len(self.keys)
            size = len(pickle.dumps(result[0] if name == "sum_and_keep" else result))
            n_sent = m if name == "collect" else n_sums(m, n_workers if self.are_held else 1)
            # All sums have one shape, and what is collected comes in so many parts.
            up = size if name == "collect" else size * n_sent
            n_messages = n_tasks(m, n_workers if self.are_held else None)
            if name == "sum_and_keep":
                n_messages += m
            found.append((n_messages, up, n_messages * len(pickle.dumps(function)), up / n_sent))
            return result

        return run

    for name, method in kept.items():
        setattr(DaskPartitions, name, counted(name, method))
    try:
        yield found
    finally:
        for name, method in kept.items():
            setattr(DaskPartitions, name, method)


def n_sums(m, n_workers):
    """Return how many sums come together, of neighbouring partitions in each worker."""
    parts = [part.tolist() for part in np.array_split(np.arange(m), n_workers) if len(part)]
    return sum(len(of_group(float, [[0]] * len(part), part, m, adds=True)) for part in parts)


def n_tasks(m, n_workers=None):
    """Return the tasks of a pass over m partitions, None for one for each and a tree of sums."""
    if n_workers is not None:
        return min(m, n_workers) + 1
    total = m
    while m > 1:
        m = -(-m // FAN_IN)
        total += m
    return total


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
    *of_data, n_workers = shape
    X, y = dask.persist(*draw(*of_data), scheduler="sync")
    with dask.config.set(scheduler="sync"), counting(n_workers) as found:
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
    of_task = of_tasks / total_tasks(n_passes, 64, 2)
    work = of_work - total_tasks(n_large, 16, 2) * of_task
    return of_task, 2 * work / (n_large * 400_000 * 50)


def total_tasks(n_passes, m, n_workers):
    """Return the tasks of a fit: of rows, of two passes over the blocks, and of the others."""
    return m + 2 * n_tasks(m) + (n_passes - 2) * n_tasks(m, n_workers)


def model_lines(passes, of_task, of_entry, n, p, n_workers, mb):
    """Return lines on a fit of two classes with persisted partitions of some MB."""
    m = -(-n * p * 8 // (mb * 10**6))
    lines, totals = [], np.array([0.0, m * of_task, 0.0])
    for name, times in Counter(passes).items():
        of_blocks = name in ("classes", "weights")
        size = 8 * (p + 1) * (p + 2 if name == "Hessian" else 1)
        tasks = n_tasks(m, None if of_blocks else n_workers)
        up = 18e6 if name == "rows" else size * (m if of_blocks else n_sums(m, n_workers))
        each = np.array([n * p * of_entry / n_workers, tasks * of_task, up / NETWORK])
        totals += times * each
        lines.append(
            f"- {times} x {name}: {tasks:,} tasks, {up / 1e6:.3g} MB up; {each[0]:.3g} s of the "
            f"workers, {each[1]:.2g} s of the scheduler, {each[2]:.2g} s of the network"
        )
    limits = ("the workers", "the scheduler, which is one process", "the network")
    reading = n * p * 8 / n_workers / 1e9 * len(passes)
    return [
        f"{n:,} rows x {p} columns, {n_workers} workers, {m:,} partitions of {mb} MB:",
        "",
        *lines,
        f"- with {m:,} tasks that make rows, {totals[0]:.3g} s of the workers, "
        f"{totals[1]:.3g} s of the scheduler, {totals[2]:.2g} s of the network: the limit is "
        f"{limits[int(totals.argmax())]}. If not persisted, {reading:.3g} s more to read 1 GB/s "
        "in each worker",
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
