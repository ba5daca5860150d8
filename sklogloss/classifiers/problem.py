"""From validated data and the parameters of an estimator to an objective, and back to coef_."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import assert_all_finite

from sklogloss.inputs.array_api import Place
from sklogloss.inputs.errors import stacklevel_of_user
from sklogloss.inputs.offset import check_offset
from sklogloss.inputs.parameters import check_bounds, check_penalty_factor
from sklogloss.inputs.targets import Targets
from sklogloss.inputs.weights import check_sample_weight, class_factors, class_weights
from sklogloss.linear.jeffreys import JeffreysObjective
from sklogloss.linear.objective import Objective, balanced_coordinates, balanced_objective
from sklogloss.linear.samples import Samples, make_design
from sklogloss.linear.threads import effective_n_threads
from sklogloss.penalties import Penalty
from sklogloss.solvers.memory import check_memory
from sklogloss.solvers.plan import MANY_PARAMETERS, Facts, make_plan
from sklogloss.solvers.stopping import LARGEST_GAP

__all__ = [
    "LARGEST_COST",
    "Problem",
    "convergence_advice",
    "fitted_coefficients",
    "joint_class_weight",
    "warn_of_no_weight",
    "warn_of_rounding",
]

# Part of the objective that rounding targets to float32 may cost, before rounding the coefficients.
LARGEST_COST = LARGEST_GAP / 10
# Fraction of the objective that rounding the coefficients to the dtype of X may cost without a
# warning.
LARGEST_EXCESS = 1e-6


@dataclass
class Problem:
    """What to fit: samples, targets, weights and limits of the coefficients, all of it checked.

    Attributes
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_samples, n_features), float64 or float32
    targets : Targets
        As y gave them.
    sample_weight : ndarray of shape (n_samples,) or None
        As it was given, float64.
    class_weight : ndarray of shape (n_classes,) or None
        The weights of the classes, alpha among them; None if there are none.
    target : Fortran-ordered ndarray of shape (n_samples, 1) or (n_samples, n_classes)
        As the loss takes it: class weights have gone into soft targets, labels are smoothed. Its
        dtype is that of the arithmetic, float64 where a float32 X has targets close to 0 or 1.
    row_weight : ndarray of shape (n_samples,) or None
        Weights of samples and classes together, divided by 2 to the exponent, so that neither they
        nor their sums leave the range of the dtype.
    exponent : int
    offset : Fortran-ordered ndarray of shape (n_samples, n_columns) or None
    penalty_factor : ndarray of shape (n_features,) or None
    bounds : pair of ndarray of shape (n_features, n_columns), or None
    places : pair of Place or None
        Where X and y lie, if X is an array of another library than NumPy.
    """

    # From X and the dtype of the arithmetic to a design, and from that to samples.
    _design_of: ClassVar[Any] = staticmethod(make_design)
    _samples_of: ClassVar[type[Samples]] = Samples

    X: np.ndarray | sparse.csr_matrix | sparse.csc_matrix
    targets: Targets
    sample_weight: np.ndarray | None
    class_weight: np.ndarray | None
    target: np.ndarray
    row_weight: np.ndarray | None
    exponent: int
    offset: np.ndarray | None = None
    penalty_factor: np.ndarray | None = None
    bounds: tuple[np.ndarray, np.ndarray] | None = None
    places: tuple[Place, Place | None] | None = None

    @classmethod
    def of(cls, estimator, X, targets, sample_weight, offset) -> Problem:
        """Return the problem of validated X and y; check everything else.

        Parameters
        ----------
        estimator : BaseLinearClassifier
            Whose parameters say what to fit.
        X : ndarray, CSR or CSC matrix of shape (n_samples, n_features)
        targets : Targets
        sample_weight, offset
            As `fit` got them.

        Raises
        ------
        ValueError, TypeError
            If an argument or a parameter is out of its range, or if all samples have a weight of
            zero.

        Warns
        -----
        UserWarning
            If all samples of a class have a weight of zero.
        """
        n_samples, n_features = X.shape
        n_classes = len(targets.classes)
        n_columns = 1 if n_classes == 2 else n_classes
        dtype, smoothing = X.dtype, estimator.label_smoothing
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, n_samples)
            warn_of_no_weight("sample_weight", targets, targets.class_totals(sample_weight))
        class_weight, alpha = estimator.class_weight, getattr(estimator, "alpha", None)
        if class_weight is not None or alpha is not None:
            class_weight = joint_class_weight(class_weight, alpha, targets, sample_weight)
        weighted, row_weight, exponent = targets, None, 0
        if class_weight is not None or sample_weight is not None:
            weighted, row_weight, exponent = targets.weighted(
                class_weight, sample_weight, np.float64
            )
            if not row_weight.any():
                others = " and class_weight" if alpha is None else ", class_weight and alpha"
                raise ValueError(f"sample_weight{others} must leave some weight, all are zero")
        if dtype == np.float32 and not weighted.fit_float32(smoothing, row_weight, LARGEST_COST):
            dtype = np.dtype(np.float64)
        if row_weight is not None:
            row_weight = row_weight.astype(dtype, copy=False)
        if offset is not None:
            offset = check_offset(offset, n_samples, n_columns, dtype, targets.classes)
        if class_weight is not None:
            name = "alpha" if estimator.class_weight is None else "class_weight"
            warn_of_no_weight(name, targets, class_weight)
        factor, bounds = estimator.penalty_factor, estimator.bounds
        names = getattr(estimator, "feature_names_in_", None)
        return cls(
            X,
            targets,
            sample_weight,
            class_weight,
            weighted.as_array(smoothing, dtype),
            row_weight,
            exponent,
            offset,
            None if factor is None else check_penalty_factor(factor, n_features, names),
            None
            if bounds is None
            else check_bounds(bounds, n_features, n_columns, names, targets.classes, X.dtype),
        )

    def penalty(self, C, l1_ratio, row_weight=None) -> Penalty:
        """Return the penalty of the mean objective: its strength is 1 / (C * sum of weights).

        Parameters
        ----------
        C, l1_ratio : float
        row_weight : ndarray of shape (n_samples,), default=None
            Other weights instead of those of the problem, divided by 2 to the same exponent.
        """
        if row_weight is None:
            row_weight = self.row_weight
        total = len(self.target) if row_weight is None else row_weight.sum(dtype=np.float64)
        factor = 1.0 if self.penalty_factor is None else self.penalty_factor[:, None]
        strength = float(np.ldexp(1 / total / C, -self.exponent)) * factor
        return Penalty(l1_ratio * strength, (1 - l1_ratio) * strength, *(self.bounds or ()))

    def make_samples(self, n_jobs):
        """Return the Samples, for passes with as many threads as n_jobs says."""
        n_threads = effective_n_threads(n_jobs)
        design = self._design_of(self.X, self.target.dtype)
        return self._samples_of(design, self.target, self.row_weight, self.offset, n_threads)

    def objective(self, estimator, penalty):
        """Return the Objective of an estimator's loss, and the Plan that solves it.

        Parameters
        ----------
        estimator : BaseLinearClassifier
            With the loss, solver, fit_intercept and n_jobs.
        penalty : Penalty
        """
        kernel = _kernel_of(estimator._loss(len(self.targets.classes)), self.target.shape[1] > 1)
        fit_intercept = bool(estimator.fit_intercept)
        n_threads = effective_n_threads(estimator.n_jobs)
        design = self._design_of(self.X, self.target.dtype)
        samples = self._samples_of(design, self.target, self.row_weight, self.offset, n_threads)
        facts = Facts.of(samples, kernel, penalty, fit_intercept)
        plan = make_plan(facts, estimator.solver)
        if facts.n_parameters > MANY_PARAMETERS:
            check_memory(plan, facts, verbose=estimator.verbose)
        coordinates = balanced_coordinates(
            samples,
            penalty,
            n_columns=kernel.n_columns,
            fit_intercept=fit_intercept,
            n_rows=plan.coordinate_rows,
        )
        return Objective(samples, kernel, penalty, coordinates), plan

    def check_finite(self, name):
        """Raise scikit-learn's error, with the name of the estimator, if X is not finite."""
        assert_all_finite(self.X, estimator_name=name, input_name="X")

    def jeffreys_objective(self, estimator) -> JeffreysObjective:
        """Return log loss penalised by Jeffreys' prior, with arithmetic in float64.

        Parameters
        ----------
        estimator : FirthLogisticRegression
            With fit_intercept and n_jobs.
        """
        kernel = _kernel_of(estimator._loss(len(self.targets.classes)), self.target.shape[1] > 1)
        samples = self.make_samples(estimator.n_jobs)
        if samples.dtype != np.float64:
            samples = samples.astype(np.float64)
        objective = balanced_objective(
            samples,
            kernel,
            Penalty(),
            fit_intercept=bool(estimator.fit_intercept),
        )
        return JeffreysObjective(objective, self.penalty(1.0, 0.0).l2)


def fitted_coefficients(objective, theta, dtype):
    """Return coef_ (n_columns, n_features) and intercept_ (n_columns,) of the dtype of X.

    Parameters
    ----------
    objective : Objective
    theta : ndarray of shape (n_parameters,)
    dtype : dtype
        That of X; the solver may have had to take float64.
    """
    if len(objective.coordinates.constant):
        theta = objective.without_constant(theta)
    coef, intercept = objective.coef_intercept(theta)
    if objective.n_columns > 1:
        coef = _smallest_of_equals(coef, objective.penalty)
        intercept = intercept - intercept.mean()
    if objective.fit_intercept and coef.dtype != dtype:
        coef, intercept = _rounded(coef, intercept, objective, dtype)
    return np.ascontiguousarray(coef.T, dtype=dtype), intercept.astype(dtype)


def _rounded(coef, intercept, objective, dtype):
    # Coefficients of a dtype of fewer digits with nearly the same raw predictions. The intercept
    # takes up the rounding errors of the coefficients of columns that are far from zero, and one of
    # these coefficients, for each class, those of the intercept.
    center, scale = objective.coordinates.center[:, None], objective.coordinates.scale[:, None]
    center = np.where(np.abs(center) * scale > 1, center, 0)
    rounded = coef.astype(dtype).astype(np.float64)
    intercept = intercept + np.sum(center * (coef - rounded), axis=0)
    with np.errstate(all="ignore"):
        missing = intercept - intercept.astype(dtype)
        changed = (rounded + missing / center).astype(dtype).astype(np.float64)
        change = changed - rounded
        left = np.abs(missing - center * change) + np.abs(change) / scale
        is_better = (coef != 0) & (left < np.abs(missing))
        is_better &= objective.penalty.project(changed) == changed
    best = np.where(is_better, left, np.inf).argmin(axis=0), np.arange(coef.shape[1])
    rounded[best] = np.where(is_better, changed, rounded)[best]
    return rounded, intercept


def warn_of_rounding(results, coefs, intercepts):
    """Warn if rounding coefficients to float32 raises an objective that float64 was needed for.

    Parameters
    ----------
    results : list of SolverResult
    coefs, intercepts : sequence of ndarray
        What `fitted_coefficients` returned for each.
    """
    worst, reason = LARGEST_EXCESS, ""
    for result, coef, intercept in zip(results, coefs, intercepts, strict=True):
        if result.objective.samples.dtype == coef.dtype:
            continue
        rounded = result.objective.theta(coef.T, intercept.astype(np.float64))
        excess = result.objective.value_gradient(rounded).value - result.value
        if not excess <= worst * abs(result.value):
            reason = f"from 0 to {excess:.2g}"
            if result.value > 0:
                worst = excess / result.value
                reason = f"by {worst:.2g} of itself"
    if reason:
        warnings.warn(
            "X is float32 and too far from zero for coefficients of this type: rounding "
            f"coef_ and intercept_ to it raises the objective {reason}. Centre the columns of "
            "X, or convert X to float64.",
            ConvergenceWarning,
            stacklevel=stacklevel_of_user(),
        )


def _smallest_of_equals(coef, penalty):
    # Adding the same to a feature's coefficients for all classes changes no probability. Those
    # without an L1 penalty, which makes a choice of its own, get the smallest squares that the
    # bounds allow: they sum to zero, or as nearly as that.
    shift = coef.mean(axis=1, keepdims=True)
    if penalty.is_bounded:
        smallest = (coef - penalty.upper).max(axis=1, keepdims=True)
        largest = (coef - penalty.lower).min(axis=1, keepdims=True)
        shift = np.clip(shift, smallest, largest)
    return penalty.project(coef - np.where(penalty.l1 > 0, 0, shift))


@functools.lru_cache
def _kernel_of(loss, target_is_matrix):
    # One serves all fits with the same loss.
    return loss.kernel(target_is_matrix)


def joint_class_weight(class_weight, alpha, targets, sample_weight):
    """Return the product of class_weight and alpha, of FocalLogisticRegression; either may be None.

    Parameters
    ----------
    class_weight, alpha : as the estimators take them
    targets : Targets
    sample_weight : ndarray of shape (n_samples,) or None
    """
    if class_weight is not None:
        class_weight = class_weights(class_weight, targets, sample_weight)
    if alpha is not None:
        alpha = class_factors("alpha", alpha, len(targets.classes))
        class_weight = alpha if class_weight is None else class_weight * alpha
    return class_weight


def convergence_advice(remedies, samples):
    """Return what to try if a fit failed to converge, as a sentence: one remedy or another.

    Parameters
    ----------
    remedies : list of str
    samples : Samples
        If they have an offset, it may be to blame.
    """
    *first, last = remedies
    if samples.offset is not None:
        first.append(last)
        last = (
            "look at offset: entries far beyond log-odds leave the other probabilities at 0 and 1"
        )
    comma = "," if len(first) > 2 else ""
    return f"{', '.join(first)}{comma} or {last}."


def warn_of_no_weight(name, targets, totals):
    """Warn of classes whose samples all have a weight of zero.

    Parameters
    ----------
    name : str
        The argument that has the weights.
    targets : Targets
    totals : ndarray of shape (n_classes,)
        The weight of each class.
    """
    has_none = totals == 0
    if has_none.any():
        warnings.warn(
            f"{name} is zero for all samples of the classes "
            f"{targets.classes[has_none].tolist()}: nothing is known of them, and without "
            "label_smoothing their intercepts have no optimum. Drop these samples, or give them "
            "some weight.",
            UserWarning,
            stacklevel=stacklevel_of_user(),
        )
