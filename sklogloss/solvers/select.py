"""Which solver fits a problem."""

import numpy as np

from sklogloss.linear.design import passes_per_class_mean_hessian, passes_per_newton_step
from sklogloss.linear.reduction import is_reducible

from .base import LARGEST_SUBOPTIMALITY, name_max_iter, tolerated_suboptimality
from .class_mean_newton import ClassMeanNewtonSolver
from .lbfgs import LBFGSSolver
from .newton_cg import NewtonCGSolver
from .newton_cholesky import NewtonCholeskySolver
from .working_set import WorkingSetSolver

__all__ = ["SMOOTH_SOLVERS", "SOLVERS", "make_solver", "select_solver", "solve"]

# Those that minimise a smooth objective, without an L1 penalty.
SMOOTH_SOLVERS = ("newton-cholesky", "newton-cg", "lbfgs")
SOLVERS = (*SMOOTH_SOLVERS, "coordinate-descent")

# Passes of conjugate gradients that one Newton step is worth, from the benchmarks.
PASSES_PER_STEP = 20
# Below this number of parameters the Hessian costs nothing worth saving.
FEW_PARAMETERS = 60
# Up to it the mean of the Hessian's blocks saves nothing either.
FEW_PARAMETERS_OF_MEAN = 600
# Above it the Hessian and its factor take more than half a gigabyte.
MANY_PARAMETERS = 6000


def select_solver(objective):
    """Return the name of the solver for "auto".

    Parameters
    ----------
    objective : LinearObjective

    Returns
    -------
    name : str
        "newton-cholesky" where forming and factoring the Hessian, or for several classes the mean
        of its blocks, costs less than the passes of conjugate gradients that it saves, else
        "newton-cg". With an L1 penalty "coordinate-descent".
    """
    if objective.l1 > 0:
        return "coordinate-descent"
    design = objective.design
    if objective.n_parameters <= FEW_PARAMETERS:
        return "newton-cholesky"
    if is_reducible(design, objective.l2) or design.n_features >= min(
        design.n_samples, MANY_PARAMETERS
    ):
        return "newton-cg"
    if _forms_whole_hessian(objective):
        return "newton-cholesky"
    n_passes = passes_per_class_mean_hessian(design, objective.n_columns)
    return (
        "newton-cholesky"
        if objective.n_columns > 1
        and objective.n_parameters > FEW_PARAMETERS_OF_MEAN
        and n_passes <= PASSES_PER_STEP
        else "newton-cg"
    )


def make_solver(name, objective, *, suboptimality=None, **options):
    """Return the solver of this name, set up for an objective.

    Parameters
    ----------
    name : str
        One of SOLVERS.
    objective : LinearObjective
    suboptimality : float, default=None
        The part of the objective within which to come to the optimum; None goes by tol.
    **options
        tol, max_iter and verbose.
    """
    solvers = {
        "newton-cholesky": ClassMeanNewtonSolver,
        "newton-cg": NewtonCGSolver,
        "lbfgs": LBFGSSolver,
        "coordinate-descent": WorkingSetSolver,
    }
    solver_class = solvers[name]
    if name == "newton-cholesky" and (objective.n_columns == 1 or _forms_whole_hessian(objective)):
        solver_class = NewtonCholeskySolver
    solver = solver_class(objective, **options)
    if suboptimality is not None:
        solver.suboptimality = suboptimality
    return solver


def solve(name, objective, theta, *, tol, max_iter, verbose=0, suboptimality=None, stronger=None):
    """Minimise an objective from theta.

    Parameters
    ----------
    suboptimality : float, default=None
        As for `make_solver`.
    stronger : tuple or None
        The arguments of `WorkingSetSolver.start_from`.

    Returns
    -------
    objective : LinearObjective
        The same, maybe with another center and scale: that of the result's theta.
    result : SolverResult
    """
    options = {"tol": tol, "verbose": verbose, "suboptimality": suboptimality}

    def solve_again(other, start):
        left = max_iter - result.n_iter
        again = make_solver(name, other, max_iter=left, **options).solve(start)
        again.n_iter += result.n_iter
        return again

    solver = make_solver(name, objective, max_iter=max_iter, **options)
    if stronger is not None:
        solver.start_from(*stronger)
    result = solver.solve(theta)
    if objective.dtype == np.float32 and not is_end(result) and result.n_iter < max_iter:
        # Few digits of a float32 X may be left, but the sums over its rows need not lose them, too.
        objective = objective.in_double()
        start = result.theta if np.isfinite(result.value) else np.zeros_like(result.theta)
        result = solve_again(objective, start)
    while result.n_iter < max_iter and _has_stalled(objective, result, tol):
        # Rounding errors are smaller where the Hessian is of a better condition.
        other = objective.recentred(result.theta)
        again = solve_again(other, other.theta(*objective.coef_intercept(result.theta)))
        if not _is_better(objective, again, result, tol):
            break
        goes_on = again.n_iter > result.n_iter and _gains(objective, again, result, tol)
        objective, result = other, again
        if not goes_on:
            break
    name_max_iter(result, max_iter)
    return objective, result


def _has_stalled(objective, result, tol):
    """Return whether rounding errors set the end of a solver, not the optimum nor overflow."""
    if result.is_sound and result.max_gradient <= tol:
        return False
    return result.max_gradient < np.inf and not objective.is_separated(result.value)


def _is_better(objective, again, result, tol):
    """Return whether to keep another SolverResult of the same objective."""
    if _is_lower(objective, again, result):
        return True
    is_higher = _is_lower(objective, result, again)
    is_lost = result.converged and not again.converged
    is_flatter = again.max_gradient < result.max_gradient or again.max_gradient <= tol
    return is_flatter and not (is_higher or is_lost)


def _gains(objective, again, result, tol):
    """Return whether it is so much better that one more may be, too."""
    is_flatter = again.max_gradient < result.max_gradient
    return _is_lower(objective, again, result) or (is_flatter and result.max_gradient > tol)


def _is_lower(objective, result, other):
    tolerated = tolerated_suboptimality(objective, result.value, LARGEST_SUBOPTIMALITY)
    return other.value - result.value > tolerated


def is_end(result):
    """Return whether a SolverResult of float32 arithmetic is one that float64 would not better."""
    return result.is_sound and np.isfinite(result.value)


def _forms_whole_hessian(objective):
    if objective.n_parameters <= FEW_PARAMETERS:
        return True
    # Passes over the subset, where that is what the Hessian is taken of.
    design = objective.design
    part = design if objective.subset is None else objective.subset.design
    n_passes = passes_per_newton_step(part, objective.n_columns, objective.every)
    n_passes *= part.n_samples / design.n_samples
    return objective.n_parameters <= MANY_PARAMETERS and n_passes <= PASSES_PER_STEP
