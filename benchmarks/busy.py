"""Fits beside other processes: how much longer than on a quiet machine, and under a quota.

A neighbour multiplies matrices with as many BLAS threads as there are cores. Beside one, a fair
share of the machine makes a fit take twice as long; beside two, three times; two fits at once, at
most twice. Quiet fits come before each of these, so that a change of the machine's pace shows. The
quota is that of a cgroup, which only some users may make: without, its column stays empty.
"""

import argparse
import contextlib
import math
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.report import Report, add_arguments
from benchmarks.tasks import DEFAULT_TOL, Task, correlated
from benchmarks.timing import PAUSE_SECONDS

COLUMNS = {
    "task": "{0.task}",
    "quiet ms": "{0.quiet:,.1f}",
    "beside one": "{0.beside_one:.2f}",
    "beside two": "{0.beside_two:.2f}",
    "two at once": "{0.two_at_once:.2f}",
    "quota of 1 core": "{0.quota:.2f}",
}
SHAPES = ((200_000, 20, 2), (20_000, 256, 3), (2_000, 1_000, 3))
NEIGHBOUR = """
import numpy as np
A = np.random.default_rng(0).standard_normal((1000, 1000))
print("ready", flush=True)
while True:
    A @ A
"""
CGROUPS = Path("/sys/fs/cgroup")
QUOTA_PERIOD = 100_000  # microseconds, as container engines set it


@dataclass
class Result:
    """One row of the table: milliseconds of a quiet fit, and how many times as long others take."""

    task: str
    quiet: float
    beside_one: float
    beside_two: float
    two_at_once: float
    quota: float


def name_of(shape):
    return "{:,} x {:,}, K = {}".format(*shape)


def make_task(n_samples, n_features, n_classes):
    """Return a task with correlated features; the classes are intervals of a noisy score."""
    X, y = correlated(n_samples, n_features)
    if n_classes > 2:
        rng = np.random.default_rng(1)
        score = X @ rng.standard_normal(n_features) / np.sqrt(n_features)
        score += rng.logistic(size=n_samples)
        y = np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes))
    return Task(name_of((n_samples, n_features, n_classes)), X, y)


@contextlib.contextmanager
def neighbours(count):
    """Run so many processes that keep all cores busy."""
    n_threads = str(os.cpu_count())
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(variables, n_threads)}
    command = [sys.executable, "-c", NEIGHBOUR]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(count)
    ]
    try:
        for process in processes:
            process.stdout.readline()
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()


@contextlib.contextmanager
def quota_of_one_core():
    """Yield a cgroup that grants one core's time, None if this user may not make one."""
    is_v2 = (CGROUPS / "cgroup.controllers").exists()
    group = (CGROUPS if is_v2 else CGROUPS / "cpu") / f"sklogloss-busy-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        yield None
        return
    try:
        if is_v2:
            (group / "cpu.max").write_text(f"{QUOTA_PERIOD} {QUOTA_PERIOD}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(QUOTA_PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(QUOTA_PERIOD))
        yield group
    except OSError:
        yield None
    finally:
        group.rmdir()


def serve(connection, shape, group):
    """Answer each number of seconds with the times of fits in that many seconds, at least one."""
    if group is not None:
        # Before the number of cores is asked for.
        (group / "cgroup.procs").write_text(str(os.getpid()))
    from benchmarks.adapters.sklogloss import fit

    task = make_task(*shape)
    fit(task, "auto", DEFAULT_TOL, None)
    connection.send(None)
    while (seconds := connection.recv()) is not None:
        times, start = [], time.perf_counter()
        while not times or time.perf_counter() - start < seconds:
            before = time.perf_counter()
            fit(task, "auto", DEFAULT_TOL, None)
            times.append(time.perf_counter() - before)
        connection.send(times)


class Fits(contextlib.AbstractContextManager):
    """A process that fits to data of one shape, in a cgroup if there is one."""

    def __init__(self, shape, group=None):
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=serve, args=(other, shape, group), daemon=True)
        self._process.start()
        self._connection.recv()

    def start(self, seconds):
        """Start fits that go on for some seconds."""
        self._connection.send(seconds)

    def times(self):
        """Return the times of the fits that were started."""
        return self._connection.recv()

    def run(self, seconds):
        """Return the times of fits in some seconds."""
        time.sleep(PAUSE_SECONDS)
        self.start(seconds)
        return self.times()

    def __exit__(self, *exception):
        self._connection.send(None)
        self._process.join()


def measure(shape, n_rounds, seconds):
    """Return the Result of one shape: medians over all fits of all rounds."""
    with contextlib.ExitStack() as stack:
        group = stack.enter_context(quota_of_one_core())
        fits, others = (stack.enter_context(Fits(shape)) for _ in range(2))
        limited = None if group is None else stack.enter_context(Fits(shape, group))
        quiet, beside, at_once, in_quota = [], {1: [], 2: []}, [], []
        for _ in range(n_rounds):
            for count, times in beside.items():
                quiet += fits.run(seconds)
                with neighbours(count):
                    times += fits.run(seconds)
            quiet += fits.run(seconds)
            others.start(seconds)
            at_once += fits.run(seconds)
            at_once += others.times()
            if limited is not None:
                in_quota += limited.run(seconds)
    median = statistics.median(quiet)
    ratios = [statistics.median(times) / median for times in (*beside.values(), at_once)]
    ratios.append(statistics.median(in_quota) / median if in_quota else math.nan)
    return Result(name_of(shape), 1000 * median, *ratios)


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks busy", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="of fits in a row, in each round (default 1)"
    )
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    report = Report(COLUMNS, arguments)
    for shape in SHAPES:
        report.add([measure(shape, arguments.rounds, arguments.seconds)])
    return 0
