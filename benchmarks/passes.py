"""How often a fit goes over the data, and what for: numbers that do not depend on the machine."""

import argparse
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.adapters.sklogloss import fit
from benchmarks.report import Report, add_arguments
from benchmarks.tasks import FOLDER_TASKS, TASKS, load_task
from sklogloss._cython import data_pass
from sklogloss._cython.class_grams import class_grams
from sklogloss.linear import entries as entries_module
from sklogloss.linear import samples as samples_module
from sklogloss.linear import scores as scores_module

PASSES = (
    "moments",
    "value_gradient",
    "value_gradient_hessian",
    "class_mean_gram",
    "class_grams",
    "gram",
    "hessian_product",
    "hessian_diagonal",
    "transposed_product",
)

COLUMNS = {
    "task": "{0.task}",
    "tol": "{0.tol:.0e}",
    "pass": "{0.name}",
    "rows": "{0.n_rows:,}",
    "features": "{0.n_features:,}",
    "times": "{0.count:,}",
}


@dataclass
class Result:
    """How often one kind of pass goes over an X of one shape in a fit."""

    task: str
    tol: float
    name: str
    n_rows: int
    n_features: int
    count: int


class CountingPasses:
    """The modules data_pass and class_grams; `note` is told name, design and arguments of calls."""

    def __init__(self, note):
        self.note = note

    def __getattr__(self, name):
        function = class_grams if name == "class_grams" else getattr(data_pass, name)

        def counted(design, *arguments):
            self.note(name, design, arguments)
            return function(design, *arguments)

        return counted


@contextmanager
def counting(note):
    """Call note(name, design, arguments) before each pass of the fits in this context."""
    passes = CountingPasses(note)
    modules = (samples_module, scores_module, entries_module)
    for module in modules:
        module.data_pass = passes
    samples_module.class_grams = passes.class_grams
    try:
        yield
    finally:
        samples_module.class_grams = class_grams
        for module in modules:
            module.data_pass = data_pass


def measure(task, tol):
    """Return the Results of a fit with the default solver."""
    counts = Counter()

    def note(name, design, arguments):
        counts[name, design.n_samples, design.n_features] += 1

    with counting(note):
        fit(task, "auto", tol, None)
    order = sorted(counts, key=lambda key: (key[1] * key[2], PASSES.index(key[0])))
    return [Result(task.name, tol, *key, counts[key]) for key in order]


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks passes", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the data of the last four tasks")
    parser.add_argument(
        "--tasks", nargs="+", choices=[*TASKS, *FOLDER_TASKS], help="default: as for fit"
    )
    parser.add_argument("--tol", type=float, nargs="+", default=[1e-1, 1e-4])
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    names = arguments.tasks or [*TASKS, *(FOLDER_TASKS if arguments.data else [])]
    report = Report(COLUMNS, arguments)
    for name in names:
        task = load_task(name, arguments.data)
        for tol in arguments.tol:
            report.add(measure(task, tol))
    return 0
