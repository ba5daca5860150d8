"""Which solver fits a problem."""

from sklogloss.linear.design import passes_per_newton_step

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
    is_cheap = passes_per_newton_step(design, n_columns) <= PASSES_PER_STEP
    return "newton-cholesky" if is_cheap else "newton-cg"
