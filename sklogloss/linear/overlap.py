"""Whether the classes certainly overlap: a certificate from a solution and some of the rows."""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import eigh

from sklogloss._cython.cholesky import CholeskyFactor
from sklogloss.linear.design import BLOCK_ENTRIES
from sklogloss.linear.entries import Entries
from sklogloss.linear.limits import (
    EPS,
    LARGEST_HESSIAN,
    ROUNDING,
    ROWS_PER_PARAMETER_OF_HESSIAN,
    SMALL_WORK,
)
from sklogloss.linear.objective import fix_class_shift
from sklogloss.linear.samples import random_rows
from sklogloss.linear.scores import raw_prediction, row_gradients, weighted_gram

__all__ = ["certainly_overlap"]

# Directions along which all rows are checked together: each takes a number for each row (60:
# tests/linear/test_overlap.py::test_many_flat_directions_take_little_memory fails).
FEW = 8


def certainly_overlap(objective, point, *, patient=False):
    """Return whether no linear function of the unpenalised columns separates the classes.

    The residuals w > 0 of the wrong classes weigh the differences a of a row's wrong and true class
    so that their sum, sum of w a, is the gradient g. A function that separates has a'u <= 0
    everywhere and somewhere less: w' > 0 whose sum of w' a vanishes rules it out (Stiemke's lemma).
    Such weights are w' = w (1 - a'G^-1 g) with G = sum of w a a', if no a'G^-1 g reaches 1. Some
    rows are enough for G: the others keep their w. The Hessian of log loss, which is smaller,
    serves as well.

    Overlapping classes may lack a certificate: far from the optimum, or if few rows have a large
    residual.

    Parameters
    ----------
    objective : Objective
    point : Evaluation
        Close to the optimum.
    patient : bool
        Whether the Hessian may take as long as a large linear programme does.

    Returns
    -------
    is_certain : bool
    """
    with np.errstate(all="ignore"):
        if objective.loss.is_log_loss and objective.penalty.is_smooth:
            if _is_certain_by_hessian(objective, point, patient):
                return True
        return _is_certain_by_residuals(objective, point)


def _is_certain_by_hessian(objective, point, patient):
    # By the available factor if X is small, or by the Hessian of some rows if that costs little.
    samples, gradient, factor = objective.samples, point.gradient, point.factor
    if factor is not None and samples.design.n_stored <= SMALL_WORK:
        return _is_certain_by_step(objective, gradient, factor)
    work = ROWS_PER_PARAMETER_OF_HESSIAN * objective.n_parameters**3
    if work <= SMALL_WORK or (patient and objective.n_parameters <= LARGEST_HESSIAN):
        size = _enough_rows(objective, objective.n_parameters)
        if size < samples.n_samples or factor is None:
            some = _of_rows(objective, np.arange(size))
            if _is_certain_by_step(some, gradient, _factor_at(some, point.theta)):
                return True
    return factor is not None and _is_certain_by_step(objective, gradient, factor)


def _enough_rows(objective, n_parameters):
    # How many rows to use: a block of rows costs next to nothing. All rows, if there are few more
    # than that, or if taking a few would read all entries.
    samples = objective.samples
    enough = BLOCK_ENTRIES // samples.design.n_features
    enough = max(enough, ROWS_PER_PARAMETER_OF_HESSIAN * n_parameters)
    is_worth_it = samples.design.has_rows and 2 * enough < samples.n_samples
    return enough if is_worth_it else samples.n_samples


def _of_rows(objective, rows):
    if len(rows) == objective.samples.n_samples:
        return objective
    samples = objective.samples.take(rows)
    return objective.replace(samples=samples, weight_sum=objective.weight_sum)


def _factor_at(objective, theta):
    hessian = objective.value_gradient_hessian(theta).hessian
    fix_class_shift(hessian, objective)
    return CholeskyFactor(hessian)


def _is_certain_by_step(objective, gradient, factor):
    return _change_by_step(objective, gradient, factor) < 1


def _change_by_step(objective, gradient, factor):
    # Newton's step -d, H d = g, changes a row's raw predictions by -t: the sum of v a is g for v =
    # p_k (t_k - mean of t). If no t is more than c < 1 above the mean, w' = w - v is at least
    # (1 - c) w, and the sum of w' a is a rounding error. A function u that separates would make it
    # more than (1 - c) u'Hu / max |a|. Columns with an L2 penalty are in H and d, and in no u.
    # Return c, or infinity if rounding errors may be as large as that.
    least = factor.smallest_eigenvalue()
    if not least > 0:
        return np.inf
    step = factor.solve(gradient)
    needed = math.sqrt(2) * _rounding(objective, factor) * (1 + float(np.linalg.norm(step)))
    for farthest in _farthest_entries(objective):
        longest = float(np.linalg.norm(farthest))
        if not longest * needed < least:
            continue
        for change in _bounds_of_change(objective, step, farthest):
            if longest * needed < (1 - change) * least:
                return change
        if change >= 1:
            return change
    return np.inf


def _rounding(objective, factor):
    # Rounding errors of the sums act like a gradient of this size. The gradient is that of all
    # rows, also where the factor is that of some. Sparse columns are centred after the sums.
    samples, coordinates = objective.samples, objective.coordinates
    trace = factor.trace * objective.weight_sum / samples.weight_sum
    if samples.design.is_sparse:
        trace *= 1 + float(np.sum((coordinates.center * coordinates.scale) ** 2))
    return ROUNDING * float(np.finfo(samples.dtype).eps) * trace


def _farthest_entries(objective):
    # Upper bounds of the entries of a row in theta, the quick ones first: the largest entry of each
    # column of a sparse X takes ten times as long as that of all.
    samples = objective.samples
    if samples.design.is_sparse:
        yield _in_theta(Entries.of(samples).largest, objective.coordinates)
    of_columns = samples.largest_entries(np.ones(samples.design.n_features, dtype=bool))
    yield _in_theta(of_columns, objective.coordinates)


def _in_theta(largest, coordinates):
    farthest = (largest + np.abs(coordinates.center)) * coordinates.scale
    return np.append(farthest, 1.0) if coordinates.fit_intercept else farthest


def _bounds_of_change(objective, direction, farthest):
    # Upper bounds of the largest change of a class's raw prediction, relative to a mean of the
    # classes, along a direction: without a pass, of all rows together, and of each row.
    is_binary = objective.n_columns == 1
    by_features = direction.reshape(objective.shape)
    size = np.abs(by_features[:, 0]) if is_binary else np.ptp(by_features, axis=1)
    yield float(farthest @ size)
    change = raw_prediction(objective.samples, *objective.coef_intercept(direction))
    highest, lowest = float(change.max()), float(change.min())
    yield max(highest, -lowest) if is_binary else highest - lowest
    if not is_binary:
        # NumPy takes ten times as long for the largest of each of many short rows.
        change = np.ascontiguousarray(change.T)
        yield float(np.max(change.max(axis=0) - change.min(axis=0)))


def _is_certain_by_residuals(objective, point):
    # G of the unpenalised columns in theta, for several classes a lower bound, the same for each of
    # them: the sum over k of w_k (u_k - u_y)^2 is at least the smallest w times the sum of the
    # squares of u less its mean.
    penalty, shape, samples = objective.penalty_in_theta, objective.shape, objective.samples
    is_free = ((penalty.l1 == 0) & (penalty.l2 == 0)).reshape(shape)
    columns = np.flatnonzero(is_free.any(axis=1))
    if len(columns) > LARGEST_HESSIAN:
        return False
    gradient = _part_to_cancel(penalty, point, shape)[columns]
    size = _enough_rows(objective, gradient.size)
    features = columns[columns < objective.n_features]
    while True:
        is_all = 2 * size >= samples.n_samples
        rows = np.arange(samples.n_samples) if is_all else random_rows(samples, size)
        some = _of_rows(objective, rows)
        residual = _smallest_residual(some, point.theta)
        if len(features) < objective.n_features:
            some = some.restricted(features)
        gram = weighted_gram(some.samples, residual, some.coordinates) / objective.weight_sum
        factor = CholeskyFactor(gram.copy())
        change = _change_by_step(some, gradient, factor)
        if change < 1:
            return True
        if factor.is_damped and np.all(np.isfinite(gram)):
            # Directions along which X does not change have no curvature, and do not matter.
            *_, farthest = _farthest_entries(some)
            longest = float(np.linalg.norm(farthest))
            length = float(np.linalg.norm(gradient)) + _rounding(objective, factor)
            eigenvalues, vectors = eigh(gram)
            flat = vectors[:, ~(eigenvalues > 2 * math.sqrt(2) * longest * length)]
            if _is_constant_along(objective, features, flat, longest):
                return True
        if is_all:
            return False
        # The step is inversely proportional to the number of rows.
        size = math.ceil(2 * change * size) if change < np.inf else samples.n_samples


def _part_to_cancel(penalty, point, shape):
    # The gradient, less what may belong to an optimum: at a bound, a gradient of one sign. The
    # bound then limits the direction, too. The parts of several classes must add up to zero, as
    # those of each row do, so one of them cannot be left out alone.
    if shape[1] == 1:
        return penalty.subgradient(point.gradient, point.theta).reshape(shape)
    has_two = (penalty.lower > -np.inf) & (penalty.upper < np.inf)
    is_fixed = np.broadcast_to(has_two, point.gradient.shape).reshape(shape).all(axis=1)
    return np.where(is_fixed[:, None], 0, point.gradient.reshape(shape))


def _is_constant_along(objective, features, directions, longest):
    # Whether no row changes along any of them, except by rounding errors. Rows that do nearly
    # always change along the sum as well, which takes only one product. If their length overflows,
    # rounding errors may be as large as any change.
    total = directions.sum(axis=1, keepdims=True) / math.sqrt(max(directions.shape[1], 1))
    # The longest row is at least this long.
    most = math.sqrt(EPS) * longest / math.sqrt(len(directions))
    few = np.array_split(directions, range(FEW, directions.shape[1], FEW), axis=1)
    return most < np.inf and all(
        _change(objective, features, each) <= most for each in (total, *few)
    )


def _change(objective, features, directions):
    # The largest change of a row along directions of length one.
    coef = np.zeros((objective.n_features, directions.shape[1]))
    coef[features] = directions[: len(features)] * objective.coordinates.scale[features, None]
    change = Entries.of(objective.samples).times(coef)
    if objective.fit_intercept:
        change += directions[-1] - objective.coordinates.center @ coef
    if objective.samples.rows_with_weight is not None:
        change = change[objective.samples.rows_with_weight]
    return max(change.max(initial=0), -change.min(initial=0))


def _smallest_residual(objective, theta):
    # The smallest residual of a wrong class, times the weight, for each row.
    samples, loss = objective.samples, objective.loss
    gradient = row_gradients(samples, loss, *objective.coef_intercept(theta))
    if loss.n_columns == 1:
        smallest = np.abs(gradient[:, 0])
    elif samples.target.shape[1] == 1:
        gradient[np.arange(len(gradient)), samples.target[:, 0].astype(np.intp)] = np.inf
        smallest = gradient.min(axis=1)
    else:
        gradient[samples.target > 0] = np.inf
        smallest = gradient.min(axis=1)
    return smallest if samples.weight is None else smallest * samples.weight
