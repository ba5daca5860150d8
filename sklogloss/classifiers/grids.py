"""Grids of C and of l1_ratio, from given values or from a number of values."""

from dataclasses import replace
from numbers import Integral

import numpy as np

from sklogloss.classifiers.base import no_l1_error
from sklogloss.inputs.errors import naming, shown
from sklogloss.inputs.parameters import LARGEST_COUNT, Integers, Interval, check_parameter
from sklogloss.penalties import Penalty
from sklogloss.solvers.plan import SMOOTH_SOLVERS, Facts, make_plan
from sklogloss.solvers.solve import solve
from sklogloss.solvers.stopping import SEPARATED, Goal

__all__ = ["HIGHEST_C", "check_Cs", "check_l1_ratios", "default_Cs", "sparse_Cs"]

# Grid of C without an L1 penalty, that of LogisticRegressionCV.
LOWEST_C, HIGHEST_C = 1e-4, 1e4
# With an L1 penalty, it spans this factor, from the C at which the first coefficient leaves zero.
SPAN = 1e3
# Margin, so that neither rounding errors nor the remaining gap of a fit make the first coefficient
# nonzero.
MARGIN = 1e-5
# Rounding errors of a gradient, in eps.
GRADIENT_ROUNDING = 64
# tol and max_iter of the fit of the unpenalised coefficients, which sets the grid.
NULL_TOL, NULL_ITERATIONS = 1e-10, 1000


def check_Cs(Cs):
    """Raise an error unless Cs is a positive number of values, or positive values."""
    with naming("Cs"):
        n_dimensions = np.ndim(Cs)
    if isinstance(Cs, Integral) or n_dimensions == 0:
        check_parameter("Cs", Cs, Integers(1, LARGEST_COUNT))
        return
    if n_dimensions != 1 or len(Cs) == 0:
        raise ValueError(
            f"Cs must be an integer or a one-dimensional array with values, got {shown(Cs)}"
        )
    for C in np.asarray(Cs).tolist():
        check_parameter("Cs", C, Interval(0, np.inf, "(]"))


def check_l1_ratios(l1_ratios, penalty, solver):
    """Return the parts of the penalty that are L1, as an array.

    Parameters
    ----------
    l1_ratios : array-like of shape (n_l1_ratios,) or None
    penalty : str
        "l1" and "l2" take the place of l1_ratios.
    solver : str

    Raises
    ------
    ValueError, TypeError
        If l1_ratios are not numbers in [0, 1], or the solver knows no L1 penalty.
    """
    named = {"l1": (1.0,), "l2": (0.0,)}.get(penalty)
    given, l1_ratios = l1_ratios, l1_ratios if named is None else named
    l1_ratios = (0.0,) if l1_ratios is None else l1_ratios
    with naming("l1_ratios"):
        n_dimensions = np.ndim(l1_ratios)
    if n_dimensions != 1 or len(l1_ratios) == 0:
        raise ValueError(
            f"l1_ratios must be a one-dimensional array of numbers in [0, 1], got {shown(given)}"
        )
    for l1_ratio in l1_ratios:
        check_parameter("l1_ratios", l1_ratio, Interval(0, 1))
    if solver in SMOOTH_SOLVERS and np.any(np.asarray(l1_ratios) > 0):
        raise no_l1_error(solver, f"l1_ratios={shown(given)}", "l1_ratios=(0,)")
    return np.asarray(l1_ratios, dtype=np.float64)


def default_Cs(n_Cs):
    """Return n_Cs values of C, from strong to weak: those of LogisticRegressionCV."""
    return np.logspace(np.log10(LOWEST_C), np.log10(HIGHEST_C), n_Cs)


def sparse_Cs(n_Cs, l1_ratio, objective, problem):
    """Return n_Cs values of C, from the largest for which all coefficients are zero upwards.

    Coefficients that penalty_factor leaves without a penalty do not count; those whose bounds
    exclude zero are taken at the bound closest to zero.
    """
    if problem.penalty_factor is not None and not problem.penalty_factor.any():
        raise ValueError(
            "Cs must be an array: penalty_factor is zero for all features, so no coefficient is "
            "penalised"
        )
    if objective.samples.dtype != np.float64:
        # Where columns are far from zero, rounding errors would be a large part of the gradient.
        objective = objective.replace(samples=objective.samples.astype(np.float64))
    largest = _largest_gradient_at_zero(objective, problem.penalty_factor)
    if not largest > 0:
        raise ValueError(
            "Cs must be an array: no feature is related to the targets, so all coefficients are "
            "zero for every C"
        )
    strongest = replace(problem, penalty_factor=None).penalty(1.0, l1_ratio).l1
    lowest = strongest / largest * (1 - MARGIN)
    return np.geomspace(lowest, lowest * SPAN, n_Cs)


def _largest_gradient_at_zero(objective, penalty_factor):
    # The largest entry of the gradient of the mean loss, each divided by the factor of its penalty,
    # where all coefficients with a penalty are zero and the others and the intercept at their
    # optimum: an L1 penalty of this strength keeps them at zero. A coefficient at a bound
    # that could only leave it outwards does not count.
    if penalty_factor is None:
        penalty_factor = np.ones(objective.n_features)
    coef, intercept = _null_model(objective, penalty_factor)
    unpenalised = objective.replace(penalty=Penalty())
    gradient = unpenalised.value_gradient(objective.theta(coef, intercept)).gradient
    in_coef = gradient.reshape(objective.shape)[: objective.n_features]
    in_coef = in_coef / objective.coordinates.scale[:, None]
    penalty = objective.penalty
    outwards = ((coef >= penalty.upper) & (in_coef < 0)) | ((coef <= penalty.lower) & (in_coef > 0))
    in_coef = np.where(outwards, 0, np.abs(in_coef)).max(axis=1)
    # The gradient of a constant column consists of rounding errors.
    eps = np.finfo(objective.samples.dtype).eps
    rounding = GRADIENT_ROUNDING * eps * np.abs(objective.coordinates.center)
    counts = (in_coef > rounding) & (penalty_factor > 0)
    return np.max(in_coef[counts] / penalty_factor[counts], initial=0)


def _null_model(objective, penalty_factor):
    # The optimum where the coefficients with a penalty are as close to zero as their bounds allow.
    shape = objective.n_features, objective.n_columns
    coef = np.clip(np.zeros(shape), objective.penalty.lower, objective.penalty.upper)
    is_fitted = penalty_factor == 0
    is_nonzero = coef.any(axis=1)
    if objective.samples.offset is None and not (is_fitted | is_nonzero).any():
        intercept = np.zeros(objective.n_columns)
        if objective.fit_intercept:
            share = _class_shares(objective)
            intercept = np.log(share) if len(share) > 1 else np.log(share / (1 - share))
        return coef, intercept
    features = np.flatnonzero(is_fitted | is_nonzero)
    if len(features) == 0:
        features = np.array([0])  # its coefficient is held at zero
    lower, upper = np.broadcast_arrays(objective.penalty.lower, objective.penalty.upper, coef)[:2]
    held = ~is_fitted[:, None]
    bounds = np.where(held, coef, lower), np.where(held, coef, upper)
    restricted = objective.replace(penalty=Penalty(0.0, 0.0, *bounds)).restricted(features)
    facts = Facts.of(
        restricted.samples, restricted.loss, restricted.penalty, restricted.fit_intercept
    )
    result = solve(make_plan(facts), restricted, None, Goal.of(NULL_TOL, NULL_ITERATIONS))
    # On the way to infinity the gradient of the others vanishes, too.
    if not result.converged or result.value <= SEPARATED * objective.loss.unit:
        raise ValueError(
            "Cs must be an array: a linear function of the features without a penalty "
            "(penalty_factor=0) separates the classes, so the other coefficients are zero for "
            "every C"
        )
    coef[features], intercept = result.objective.coef_intercept(result.theta)
    return coef, intercept


def _class_shares(objective):
    # The mean targets: of the second of two classes, or of each of several.
    target, weight = objective.samples.target, objective.samples.weight
    if target.shape[1] == objective.n_columns:
        share = np.average(target.astype(np.float64), axis=0, weights=weight)
    else:
        total = np.bincount(target[:, 0].astype(np.intp), weight, objective.n_columns)
        share = total / total.sum()
    tiny = np.finfo(np.float64).eps
    return np.clip(share, tiny, 1 - tiny)
