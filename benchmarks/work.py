"""The work of a fit, counted: the same on any machine, busy or not.

Passes over X, factors, sweeps and Python steps are counted, and added up in seconds by the unit
costs of sklogloss/solvers/costs.json.
"""

import json
from contextlib import contextmanager

import numpy as np

from benchmarks.costs import COSTS_FILE
from benchmarks.passes import counting
from sklogloss.solvers import coordinate_descent, hessians
from sklogloss.solvers.costs import costs_of
from sklogloss.solvers.sparse_softmax import descent, dual_ascent, system

NANOSECONDS = json.loads(COSTS_FILE.read_text(encoding="utf-8"))["float64"]


def unit_seconds(name, count):
    """Return the seconds that so many of one unit cost take, see `costs.unit_counts`."""
    return 1e-9 * NANOSECONDS[name] * count


class TooMuchWork(Exception):
    """A fit has taken more work than its Meter allows."""


class Meter:
    """The work of a fit so far, in seconds by the cost model."""

    def __init__(self, limit=np.inf):
        self.seconds = 0.0
        self.limit = limit

    def add(self, seconds):
        self.seconds += seconds
        if self.seconds > self.limit:
            raise TooMuchWork

    def passed(self, name, design, arguments):
        """Add a pass over X."""
        loss = arguments[0] if name not in ("moments", "gram") else None
        dtype = "float32" if design.is_float32 else "float64"
        is_single = (name == "value_gradient_hessian" and arguments[-3]) or (
            name in ("gram", "class_mean_gram") and arguments[-2]
        )
        is_single = is_single or name == "class_grams"
        costs = costs_of(
            design,
            1 if loss is None else loss.n_columns,
            dtype,
            float32_hessian=is_single,
        )
        if name == "value_gradient":
            self.add(costs.gradient_pass + costs.newton_step)
        elif name == "value_gradient_hessian":
            self.add(costs.gradient_pass + costs.newton_step + costs.hessian / arguments[-2])
        elif name == "class_mean_gram":
            self.add(costs.class_mean_hessian)
        elif name == "class_grams":
            self.add(costs.class_hessian)
        elif name == "gram":
            self.add(costs.hessian + costs.factor)
        else:
            self.add(costs.product_pass)


@contextmanager
def metered(meter):
    """Let a Meter count the work of the fits in this context."""
    factor_of, descend_in = hessians.CholeskyFactor, coordinate_descent.descend
    move_in = coordinate_descent.move_free
    softmax_in, ascend_in = descent.descend_softmax, dual_ascent.ascend_rows
    rows_in, columns_in = system.rows_pass, system.columns_pass

    def factored(n):
        meter.add(unit_seconds("factor", 1) + unit_seconds("factor_multiplication", n**3 / 3))

    def factor(matrix, *arguments):
        factored(len(matrix))
        return factor_of(matrix, *arguments)

    def move_free(matrix, gradient, x, l1, *bounds):
        factored(np.count_nonzero((x != 0) | (l1 == 0)))
        return move_in(matrix, gradient, x, l1, *bounds)

    def descend(matrix, gradient, x, l1, lower, upper, max_sweeps, enough):
        # The least number of sweeps with the same end is the number that were made.
        def sweeps(n_sweeps, gradient, x):
            return descend_in(matrix, gradient, x, l1, lower, upper, n_sweeps, enough)

        least, most = 1, max_sweeps
        while least < most:
            n_sweeps = (least + most) // 2
            if sweeps(n_sweeps, gradient.copy(), x.copy())[2]:
                most = n_sweeps
            else:
                least = n_sweeps + 1
        result = sweeps(max_sweeps, gradient, x)
        meter.add(unit_seconds("solve_multiplication", least * np.count_nonzero(x) * len(x)))
        return result

    def of_entries(n_entries, n_columns):
        return unit_seconds("sparse_entry_of_several", n_entries) + unit_seconds(
            "sparse_entry_per_column", n_entries * n_columns
        )

    def descend_softmax(indptr, indices, data, columns, *arguments):
        # Both the gradient and the new probabilities take an exponential for each class.
        n_entries = np.diff(indptr)[columns].sum()
        n_columns = arguments[4].shape[1]
        meter.add(of_entries(n_entries, n_columns))
        meter.add(unit_seconds("softmax_loss", n_entries * n_columns))
        return softmax_in(indptr, indices, data, columns, *arguments)

    def ascend_rows(indptr, indices, data, rows, *arguments):
        n_columns = arguments[2].shape[1]
        meter.add(of_entries(np.diff(indptr)[rows].sum(), n_columns))
        meter.add(unit_seconds("softmax_loss", len(rows) * n_columns))
        return ascend_in(indptr, indices, data, rows, *arguments)

    def rows_pass(slots, indptr, *arguments):
        meter.add(of_entries(indptr[-1], arguments[2].shape[1]) / 4)
        return rows_in(slots, indptr, *arguments)

    def columns_pass(slots, indptr, *arguments):
        meter.add(of_entries(indptr[-1], arguments[2].shape[1]) / 4)
        return columns_in(slots, indptr, *arguments)

    patches = [
        (hessians, "CholeskyFactor", factor),
        (coordinate_descent, "move_free", move_free),
        (coordinate_descent, "descend", descend),
        (descent, "descend_softmax", descend_softmax),
        (dual_ascent, "ascend_rows", ascend_rows),
        (system, "rows_pass", rows_pass),
        (system, "columns_pass", columns_pass),
    ]
    with counting(meter.passed), patched(patches):
        yield


@contextmanager
def patched(patches):
    """Give attributes of modules other values, as (module, name, value), in this context."""
    before = [(module, name, getattr(module, name)) for module, name, _ in patches]
    for module, name, value in patches:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
