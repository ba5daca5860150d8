"""Time per row of fits of sklogloss to more and more rows, which should stay the same."""

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.adapters.sklogloss import fit
from benchmarks.report import Report, add_arguments
from benchmarks.tasks import DEFAULT_TOL, Task, correlated
from benchmarks.timing import seconds_of_each

N_FEATURES = 20
COLUMNS = {
    "rows": "{0.n_samples:,}",
    "ms": "{0.milliseconds:,.1f}",
    "ns per row": "{0.nanoseconds_per_row:,.0f}",
}


@dataclass
class Result:
    """One row of the table."""

    n_samples: int
    milliseconds: float

    @property
    def nanoseconds_per_row(self):
        return 1e6 * self.milliseconds / self.n_samples


def plot(results, path):
    """Write a plot of the time per row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(
        [result.n_samples for result in results],
        [result.nanoseconds_per_row for result in results],
        marker="o",
    )
    axes.set(
        xscale="log",
        ylim=(0, None),
        xlabel=f"rows of {N_FEATURES} features",
        ylabel="fit, nanoseconds per row",
    )
    figure.savefig(path, dpi=150)


def main(argv):
    """Print the table, and draw it where --plot says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scaling", description=__doc__)
    parser.add_argument(
        "--n-samples", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 4_000_000]
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, help="default: the cores")
    parser.add_argument("--plot", type=Path, help="PNG file to write")
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    report = Report(COLUMNS, arguments)
    results = []
    for n_samples in arguments.n_samples:
        task = Task(f"{n_samples:,} x {N_FEATURES}", *correlated(n_samples, N_FEATURES))
        run = partial(fit, task, "auto", DEFAULT_TOL, arguments.threads)
        results.append(Result(n_samples, 1000 * seconds_of_each([run], arguments.rounds)[0]))
        report.add(results[-1:])
    if arguments.plot:
        plot(results, arguments.plot)
    return 0
