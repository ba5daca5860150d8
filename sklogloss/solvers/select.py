"""Which solver fits a problem."""

from .lbfgs import LBFGSSolver
from .newton_cg import NewtonCGSolver
from .newton_cholesky import NewtonCholeskySolver

__all__ = ["SOLVERS", "select_solver"]

SOLVERS = {
    "newton-cholesky": NewtonCholeskySolver,
    "newton-cg": NewtonCGSolver,
    "lbfgs": LBFGSSolver,
}

# Passes of conjugate gradients that one Newton step is worth, from the benchmarks.
PASSES_PER_STEP = 20
# Below this number of parameters the Hessian costs nothing worth saving.
FEW_PARAMETERS = 60
# Above it the Hessian and its factor take more than half a gigabyte.
MANY_PARAMETERS = 6000


def select_solver(design, n_columns):
    """Return the name of the solver for "auto".

    Parameters
    ----------
    design : Design
    n_columns : int
        Columns of raw_prediction.

    Returns
    -------
    name : str
        "newton-cholesky" where forming and factoring the Hessian costs less than the passes of
        conjugate gradients that it saves, else "newton-cg".
    """
    n_parameters = (design.n_features + 1) * n_columns
    if n_parameters <= FEW_PARAMETERS:
        return "newton-cholesky"
    if n_parameters > MANY_PARAMETERS or design.n_features >= design.n_samples:
        return "newton-cg"
    # In multiplications, those of BLAS-3 counted as an eighth.
    stored_per_row = design.n_stored / design.n_samples
    n_pairs = n_columns * (n_columns + 1) / 2
    if design.is_sparse:
        hessian = design.n_stored * stored_per_row / 2 * n_pairs
    else:
        hessian = design.n_stored * design.n_features * n_pairs / 8
    factor = n_parameters**3 / 3 / 8
    products = PASSES_PER_STEP * 2 * design.n_stored * n_columns
    return "newton-cholesky" if hessian + factor <= products else "newton-cg"
