"""Fits compared at equal accuracy: how long, and how much memory, each solver takes.

A tolerance means something different to each solver. So each climbs a ladder of tolerances until
its objective is within a relative 1e-6 of the optimum, and that run is timed: all libraries in
turn, in one process, the median of several rounds. The peak of the memory is measured in a process
of its own.
"""

import argparse
import csv
import math
import multiprocessing
import statistics
import sys
import time
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.adapters import ADAPTERS
from benchmarks.machine import check_blas_threads, describe_machine
from benchmarks.tasks import FOLDER_TASKS, TASKS, Task
from sklogloss.linear.threads import effective_n_threads

SUBOPTIMALITY = 1e-6
TOLERANCES = [step * 10.0**-power for power in range(1, 13) for step in (1, 0.3)]
# What a user gets who chooses nothing; the other libraries are shown at their best.
SHOWN = ("sklogloss", "auto")
# Times are given as ratios to the fastest solver of this library.
BASELINE = "scikit-learn"


@dataclass
class Result:
    """One row of the table. seconds and what follows are NaN if no tolerance was tight enough."""

    task: str
    library: str
    solver: str
    tol: float
    seconds: float = math.nan
    suboptimality: float = math.nan
    peak_megabytes: float = math.nan
    ratio: float = math.nan


def timed_fit(task, library, solver, tol):
    """Return the seconds that a fit takes and the objective it reaches."""
    start = time.perf_counter()
    coef, intercept = ADAPTERS[library].fit(task, solver, tol)
    seconds = time.perf_counter() - start
    return seconds, task.objective(coef, intercept)


def climb(task, library, solver, optimum, max_seconds):
    """Return the first tolerance, with the time of its run, that comes close to the optimum."""
    for tol in TOLERANCES:
        seconds, objective = timed_fit(task, library, solver, tol)
        if objective <= optimum * (1 + SUBOPTIMALITY):
            return tol, seconds
        if seconds > max_seconds:
            break
    return math.nan, math.nan


def load_task(name, folder):
    return {**TASKS, **FOLDER_TASKS}[name](folder)


def memory_kilobytes(field):
    """Return VmRSS, the memory in use, or VmHWM, its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise KeyError(field)


def peak_rise(name, folder, library, solver, tol, n_threads):
    """Return by how many megabytes a fit raises the memory of a process that holds the data."""
    task = load_task(name, folder)
    step = max(1, task.X.shape[0] // 200)
    with threadpool_limits(limits=n_threads):
        # Loads what the library loads late, and starts its threads.
        ADAPTERS[library].fit(Task("", task.X[::step], task.y[::step]), solver, tol)
        Path("/proc/self/clear_refs").write_text("5")  # sets the peak to the memory in use
        before = memory_kilobytes("VmRSS")
        ADAPTERS[library].fit(task, solver, tol)
    return max(0, memory_kilobytes("VmHWM") - before) / 1024


def measure_peak(*arguments):
    """Return peak_rise in a fresh process; NaN where the system does not tell."""
    if sys.platform != "linux":
        return math.nan
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(peak_rise, arguments)


def compare(name, folder, repeats, max_seconds, n_threads):
    """Return the results of all solvers of all libraries on one task."""
    task = load_task(name, folder)
    _, optimum = timed_fit(task, "sklogloss", "newton-cg", 1e-10)
    results, expected = [], []
    for library, adapter in ADAPTERS.items():
        for solver in adapter.solvers(task):
            tol, seconds = climb(task, library, solver, optimum, max_seconds)
            results.append(Result(task.name, library, solver, tol))
            expected.append(seconds)
    runs = [(result, []) for result in results if not math.isnan(result.tol)]
    longest = max(seconds for seconds in expected if not math.isnan(seconds))
    # Fits of milliseconds need more rounds than fits of seconds.
    for _ in range(min(max(repeats, math.ceil(1 / longest)), 10 * repeats)):
        for result, times in runs:
            seconds, objective = timed_fit(task, result.library, result.solver, result.tol)
            times.append(seconds)
            result.suboptimality = objective / optimum - 1
    if min(result.suboptimality for result, _ in runs) < -SUBOPTIMALITY / 10:
        raise RuntimeError(f"{task.name}: a solver found a better optimum than the reference")
    for result, times in runs:
        result.seconds = statistics.median(times)
        result.peak_megabytes = measure_peak(
            name, folder, result.library, result.solver, result.tol, n_threads
        )
    baseline = min((r.seconds for r, _ in runs if r.library == BASELINE), default=math.nan)
    for result in results:
        result.ratio = result.seconds / baseline
    return results


def best_of_each(results):
    """Return sklogloss's default and the fastest solver of each other library."""
    chosen = [result for result in results if (result.library, result.solver) == SHOWN]
    for library in ADAPTERS:
        timed = [r for r in results if r.library == library and not math.isnan(r.seconds)]
        if library != SHOWN[0] and timed:
            chosen.append(min(timed, key=lambda result: result.seconds))
    return chosen


def markdown(results):
    """Return rows of a Markdown table."""
    return [
        f"| {r.task} | {r.library} {r.solver} | {1000 * r.seconds:,.1f} | {r.ratio:.3f} "
        f"| {r.suboptimality:.0e} | {r.peak_megabytes:,.0f} |"
        for r in results
    ]


def write_csv(path, machine, results):
    with path.open("w", newline="", encoding="utf-8") as file:
        file.writelines(f"# {line}\n" for line in machine)
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Result))
        writer.writerows(astuple(result) for result in results)


def parse(argv):
    parser = argparse.ArgumentParser(prog="python -m benchmarks fit", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with a9a, MNIST, news20 and mammography")
    parser.add_argument("--output", type=Path, help="CSV file to write, every solver in it")
    parser.add_argument(
        "--tasks",
        nargs="+",
        choices=[*TASKS, *FOLDER_TASKS],
        help="default: all, those of the folder if --data is given",
    )
    parser.add_argument("--repeats", type=int, default=5, help="rounds, at least (default 5)")
    parser.add_argument("--threads", type=int, help="of BLAS and OpenMP (default: the cores)")
    parser.add_argument(
        "--max-seconds",
        type=float,
        default=60,
        help="give a solver up if a run takes longer and is not accurate (default 60)",
    )
    arguments = parser.parse_args(argv)
    if arguments.tasks is None:
        arguments.tasks = [*TASKS, *(FOLDER_TASKS if arguments.data else [])]
    elif arguments.data is None and set(arguments.tasks) & set(FOLDER_TASKS):
        parser.error(f"--data is needed for {', '.join(FOLDER_TASKS)}")
    return arguments


def main(argv):
    arguments = parse(argv)
    n_threads = arguments.threads or effective_n_threads(None)
    results = []
    with threadpool_limits(limits=n_threads):
        check_blas_threads(n_threads)
        machine = describe_machine()
        print("\n".join(machine), end="\n\n")
        print("| task | solver | ms | of scikit-learn's best | suboptimality | peak MB |")
        print("| --- | --- | ---: | ---: | ---: | ---: |")
        for name in arguments.tasks:
            rows = compare(
                name, arguments.data, arguments.repeats, arguments.max_seconds, n_threads
            )
            check_blas_threads(n_threads)
            print(*markdown(best_of_each(rows)), sep="\n", flush=True)
            results += rows
            if arguments.output:
                write_csv(arguments.output, machine, results)
    return 0
