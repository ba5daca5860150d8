"""The cost model of the steps of solvers, which decides between them.

``python -m benchmarks costs --write`` measures the unit costs and writes costs.json. They come from
one machine. Decisions depend on ratios, which differ little between machines. The model ignores the
machine and the number of threads it runs with, so that the same data is solved the same way
everywhere.
"""

import json
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "Costs",
    "costs_of",
    "products_per_class_mean",
    "products_per_exact_step",
    "steps_per_class_blocks",
    "steps_per_class_rows",
    "unit_counts",
]

_MEASURED = json.loads(Path(__file__).with_name("costs.json").read_text(encoding="utf-8"))
N_THREADS = _MEASURED["n_threads"]


@dataclass(frozen=True)
class Costs:
    """The costs of the steps of a solver on data of one shape, in seconds on two threads.

    Passes over the rows use both threads. Factors and solutions use one: BLAS is limited to it.

    Attributes
    ----------
    gradient_pass : float
        A pass for value and gradient.
    product_pass : float
        A pass for the product of the Hessian with a direction, as in conjugate gradients.
    hessian : float
        The extra time of a gradient pass that also computes the Hessian.
    class_mean_hessian : float
        The mean over the classes of the Hessian's diagonal blocks, from the curvature.
    class_hessian : float
        The Hessian's diagonal blocks, one for each class, from the curvature.
    factor, class_mean_factor, class_factor : float
        The Cholesky factors of the Hessian, of the mean over the classes, and of the class blocks.
    solve, class_mean_solve : float
        A step of all parameters, given the factor of the Hessian or of the mean.
    newton_step : float
        The solver's own Python code for a Newton step.
    """

    gradient_pass: float
    product_pass: float
    hessian: float
    class_mean_hessian: float
    class_hessian: float
    factor: float
    class_mean_factor: float
    class_factor: float
    solve: float
    class_mean_solve: float
    newton_step: float


def costs_of(design, n_columns, dtype, *, float32_hessian=False) -> Costs:
    """Return the Costs of data of this shape.

    Parameters
    ----------
    design : design of X, or Facts
        Has n_samples, n_features, is_sparse, and n_stored, the number of entries that a pass over X
        reads.
    n_columns : int
        Columns of raw_prediction: 1 for two classes.
    dtype : str
        Name of the dtype of the arithmetic.
    float32_hessian : bool, default=False
        Whether the products for the Hessian of a dense X are computed in float32.
    """
    is_sparse = design.is_sparse
    n_samples, n_stored = max(design.n_samples, 1), max(design.n_stored, 1)
    counts = unit_counts(n_samples, design.n_features, n_columns, n_stored, is_sparse)
    of_products = _MEASURED["float32" if float32_hessian and not is_sparse else dtype]
    seconds = {}
    for step, of_step in counts.items():
        units = of_products if step in ("hessian_block", "class_block") else _MEASURED[dtype]
        seconds[step] = 1e-9 * sum(units[name] * count for name, count in of_step.items())
    product_pass = seconds["pass"] + seconds["products"] / N_THREADS
    hessian_block = seconds["hessian_block"] / N_THREADS
    return Costs(
        gradient_pass=product_pass + seconds["loss"] / N_THREADS,
        product_pass=product_pass,
        hessian=hessian_block * (n_columns * (n_columns + 1) / 2),
        class_mean_hessian=hessian_block + seconds["pass"],
        class_hessian=seconds["class_block"] / N_THREADS * n_columns + seconds["pass"],
        factor=seconds["factor"],
        class_mean_factor=seconds["class_mean_factor"],
        class_factor=seconds["class_mean_factor"] * n_columns,
        solve=seconds["solve"],
        class_mean_solve=seconds["class_mean_solve"],
        newton_step=seconds["newton_step"],
    )


def products_per_class_mean(objective):
    """Return how many products with the Hessian cost as much as the factor of its class mean."""
    samples = objective.samples
    costs = costs_of(samples.design, objective.n_columns, samples.dtype.name, float32_hessian=True)
    return (costs.class_mean_hessian + costs.class_mean_factor) / costs.product_pass


def steps_per_class_blocks(objective):
    """Return how many steps with the class mean cost as much as the class blocks and their factors.

    This assumes that all rows matter to each block; in fact, fewer do.
    """
    samples = objective.samples
    costs = costs_of(samples.design, objective.n_columns, samples.dtype.name, float32_hessian=True)
    step = costs.gradient_pass + costs.class_mean_solve + costs.newton_step
    return (costs.class_hessian + costs.class_factor) / step


def steps_per_class_rows(objective):
    """Return how many steps with the class mean cost as much as the rows of each class.

    Their cross-products cost as much as the class mean. The Python code for each class takes about
    as long as a step.
    """
    samples = objective.samples
    costs = costs_of(samples.design, objective.n_columns, samples.dtype.name, float32_hessian=True)
    step = costs.gradient_pass + costs.class_mean_solve + costs.newton_step
    seconds = 2 * (costs.class_mean_hessian + costs.class_mean_factor)
    return (seconds + objective.n_columns * costs.newton_step) / step


def products_per_exact_step(objective):
    """Return how many steps of conjugate gradients cost as much as one that forms the Hessian.

    Each step takes a product with the Hessian and a solution with the preconditioner.
    """
    samples = objective.samples
    costs = costs_of(samples.design, objective.n_columns, samples.dtype.name)
    exact_step = costs.gradient_pass + costs.hessian + costs.factor + costs.newton_step
    return exact_step / (costs.product_pass + costs.class_mean_solve)


def unit_counts(n_samples, n_features, n_columns, n_stored, is_sparse):
    """Return how many units of each cost each step takes.

    The benchmark computes the unit costs from the times of steps and these counts.

    Returns
    -------
    counts : dict of str to dict of str to float
        hessian_block is for one pair of columns of raw_prediction, class_block for one class. For a
        sparse X, all rows are assumed to have the same number of stored entries.
    """
    kind = "sparse" if is_sparse else "dense"
    size = n_features + 1
    # The lower triangle of each row's cross-products.
    n_products = n_stored * ((n_stored / n_samples if is_sparse else n_features) + 1) / 2
    # Each slot of a pass has its own block, and the blocks are added.
    of_slots, of_class = {"hessian_entry": size**2}, {f"{kind}_multiplication": n_products}
    if not is_sparse:
        of_class["packed_entry"] = n_stored
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
        "hessian_block": {**of_slots, **of_class},
        "class_block": of_class,
        "factor": {"factor": 1, "factor_multiplication": n_parameters**3 / 3},
        "class_mean_factor": {"factor": 1, "factor_multiplication": size**3 / 3},
        "solve": {"solve": 1, "solve_multiplication": n_parameters**2},
        "class_mean_solve": {"solve": n_columns, "solve_multiplication": n_columns * size**2},
        "newton_step": {"newton_step": 1},
    }
