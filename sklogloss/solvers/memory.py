"""How much memory a plan takes beside X, and whether that much is available."""

import numpy as np

from sklogloss.linear.quota import available_memory

from .newton import MAX_STEPS
from .plan import MANY_PARAMETERS, Method

__all__ = ["check_memory", "memory_of"]

# How many arrays with a float64 for each parameter a method keeps at most, including the sums of
# two slots of a pass.
ARRAYS = {
    Method.EXACT: 16,
    Method.PRODUCTS: 16,
    Method.SPARSE_SOFTMAX: 16,
    Method.WORKING_SETS: 16,
    Method.CLASS_MEAN: 16 + 2 * MAX_STEPS,
    # SciPy keeps ten steps, changes of the gradient, and matrices of them.
    Method.LBFGS: 54,
}


def memory_of(plan, facts):
    """Return about how many bytes a plan takes at most, beside X.

    Parameters
    ----------
    plan : Plan
    facts : Facts
        What the plan was made of.
    """
    n_arrays = max(ARRAYS[method] for method in plan.methods)
    # What minimises a model within bounds or with an L1 penalty keeps as much again.
    n_bytes = 8 * facts.n_parameters * n_arrays * (1 if facts.is_smooth else 2)
    # The whole Hessian, or its class blocks, or their mean.
    n_entries = facts.n_parameters**2 if Method.EXACT in plan.methods else 0
    if facts.n_columns > 1:
        of_class = (facts.n_features + facts.fit_intercept) ** 2
        n_blocks = facts.n_columns if Method.CLASS_MEAN in plan.methods else 1
        for of_blocks in (of_class, n_blocks * of_class):
            if of_blocks <= MANY_PARAMETERS**2:
                n_entries = max(n_entries, of_blocks)
        if not facts.is_partitioned:
            # What a pass keeps of each row for products with the Hessian.
            n_bytes += np.dtype(facts.dtype).itemsize * facts.n_samples * facts.n_columns
    # The factor is as large.
    n_bytes += 2 * 8 * n_entries
    if plan.descends:
        # X by columns. To make it takes the row and the column of each entry.
        n_bytes += 5 * 8 * facts.n_stored
    return n_bytes


def check_memory(plan, facts, *, verbose=0):
    """Raise a MemoryError if a plan takes more memory than is available.

    Parameters
    ----------
    plan : Plan
    facts : Facts
        What the plan was made of.
    verbose : int
        Whether to print how much it takes.
    """
    needed = memory_of(plan, facts)
    if verbose:
        print(f"memory: up to {needed / 2**20:,.0f} MiB beside X")
    # Asking the system takes a while.
    if needed <= 8 * MANY_PARAMETERS**2:
        return
    available = available_memory()
    if needed > available:
        raise MemoryError(
            f"a fit of {facts.n_columns:,} x {facts.n_features:,} coefficients takes up to "
            f"{needed / 2**30:,.1f} GiB of memory beside X, but only {available / 2**30:,.1f} GiB "
            "are available; leave out rare classes, or features that are zero in most samples"
        )
