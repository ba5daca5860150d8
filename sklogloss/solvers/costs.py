"""What the steps of a solver cost: the model that decides between solvers.

The unit costs are measured by ``python -m benchmarks costs --write``, which writes costs.json. They
are those of one machine; decisions rest on ratios, which differ little between machines. The model
knows neither the machine nor the number of threads it runs with, so that the same data is solved
the same way everywhere.
"""

import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Costs", "costs_of", "unit_counts"]

_MEASURED = json.loads(Path(__file__).with_name("costs.json").read_text(encoding="utf-8"))
N_THREADS = _MEASURED["n_threads"]


@dataclass(frozen=True)
class Costs:
    """What the steps of a solver cost on data of one shape, in seconds on two threads.

    Passes over the rows use both threads, factors and solutions one: BLAS is limited to it.

    Attributes
    ----------
    n_pairs : float
        Pairs of columns of raw_prediction: blocks of the Hessian.
    counts : dict of str to dict of str to float
        See `unit_counts`.
    units, hessian_units : dict of str to float
        The unit costs in nanoseconds, and those for the products that make a Hessian.
    """

    n_pairs: float
    counts: dict[str, dict[str, float]]
    units: dict[str, float]
    hessian_units: dict[str, float]

    @property
    def gradient_pass(self) -> float:
        """A pass for value and gradient."""
        return self.product_pass + self._seconds("loss") / N_THREADS

    @property
    def product_pass(self) -> float:
        """A pass for the Hessian's product with a direction, as for conjugate gradients."""
        return self._seconds("pass") + self._seconds("products") / N_THREADS

    @property
    def hessian(self) -> float:
        """What the Hessian adds to a gradient pass."""
        return self._hessian_block * self.n_pairs

    @property
    def class_mean_hessian(self) -> float:
        """The mean over the classes of the Hessian's diagonal blocks, from the curvature."""
        return self._hessian_block + self._seconds("pass")

    @property
    def factor(self) -> float:
        """The Cholesky factor of the Hessian."""
        return self._seconds("factor")

    @property
    def class_mean_factor(self) -> float:
        """That of the mean over the classes."""
        return self._seconds("class_mean_factor")

    @property
    def solve(self) -> float:
        """A step of all parameters, given the factor of the Hessian."""
        return self._seconds("solve")

    @property
    def class_mean_solve(self) -> float:
        """The same for the factor of the mean over the classes."""
        return self._seconds("class_mean_solve")

    @property
    def newton_step(self) -> float:
        """The solver's own Python code for a Newton step."""
        return self._seconds("newton_step")

    @property
    def _hessian_block(self):
        return _seconds(self.counts["hessian_block"], self.hessian_units) / N_THREADS

    def _seconds(self, step):
        return _seconds(self.counts[step], self.units)


def _seconds(counts, units):
    nanoseconds = 0.0
    for name, count in counts.items():
        nanoseconds += units[name] * count
    return 1e-9 * nanoseconds


def costs_of(
    n_samples, n_features, n_columns, n_stored, is_sparse, dtype, *, float32_hessian=False
) -> Costs:
    """Return the Costs of data of this shape.

    Parameters
    ----------
    n_samples, n_features : int
    n_columns : int
        Columns of raw_prediction: 1 for two classes.
    n_stored : int
        Entries that a pass over X reads.
    is_sparse : bool
    dtype : str
        The name of that of the arithmetic.
    float32_hessian : bool, default=False
        Whether the products that make the Hessian of a dense X are taken in float32.
    """
    return Costs(
        n_columns * (n_columns + 1) / 2,
        unit_counts(n_samples, n_features, n_columns, n_stored, is_sparse),
        _MEASURED[dtype],
        _MEASURED["float32" if float32_hessian and not is_sparse else dtype],
    )


def unit_counts(n_samples, n_features, n_columns, n_stored, is_sparse):
    """Return how many of each unit cost each step takes.

    The benchmark finds the unit costs from the times of steps and these counts.

    Returns
    -------
    counts : dict of str to dict of str to float
        hessian_block is one pair of columns of raw_prediction. For a sparse X, it is as if all
        rows had the same number of stored entries.
    """
    kind = "sparse" if is_sparse else "dense"
    size = n_features + 1
    # The lower triangle of the cross-products of each row.
    n_products = n_stored * ((n_stored / n_samples if is_sparse else n_features) + 1) / 2
    block = {"hessian_entry": size**2, f"{kind}_multiplication": n_products}
    if not is_sparse:
        block["packed_entry"] = n_stored
    if n_columns == 1:
        loss, products = {"loss": n_samples}, {f"{kind}_entry": n_stored}
    else:
        loss = {"softmax_loss": n_samples * n_columns}
        products = {
            f"{kind}_entry_of_several": n_stored,
            f"{kind}_entry_per_column": n_stored * n_columns,
        }
    n_parameters = size * n_columns
    return {
        "pass": {"pass": 1},
        "products": products,
        "loss": loss,
        "hessian_block": block,
        "factor": {"factor": 1, "factor_multiplication": n_parameters**3 / 3},
        "class_mean_factor": {"factor": 1, "factor_multiplication": size**3 / 3},
        "solve": {"solve": 1, "solve_multiplication": n_parameters**2},
        "class_mean_solve": {"solve": n_columns, "solve_multiplication": n_columns * size**2},
        "newton_step": {"newton_step": 1},
    }
