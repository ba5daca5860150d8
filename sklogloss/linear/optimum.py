"""Whether an objective has an optimum: unpenalised features may separate the classes."""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from sklogloss.linear.entries import Entries
from sklogloss.linear.limits import EPS
from sklogloss.linear.overlap import certainly_overlap
from sklogloss.linear.separation import Pairs, Undecided, find_separation

__all__ = [
    "has_no_optimum",
    "has_no_optimum_in_partitions",
    "no_optimum_of_classes_with_weight",
]

# Fraction of the largest margin up to which rounding errors may decide the sign of another one.
SMALL_MARGIN = math.sqrt(EPS)


@np.errstate(all="ignore")  # a long step may overflow in the columns of X, and then tells nothing
def has_no_optimum(objective, point, directions, label) -> bool:
    """Return whether log loss falls for ever along coefficients without a penalty.

    For most data, the solution itself proves that the classes overlap. A function that separates
    all samples proves that they do not. Otherwise a linear programme decides, unless it is too
    large or rounding errors hide the answer: first for classes that the solution confuses with no
    others, then for all.

    Parameters
    ----------
    objective : Objective
    point : Evaluation
        Close to where a solver stopped; best one with the Hessian's factor.
    directions : sequence of ndarray of shape (n_parameters,) or None
        The directions in which it was moving: theta itself and its last step.
    label : ndarray of shape (n_samples,)
        Class indices.
    """
    if objective.penalty.grows_everywhere:
        return False
    # If the loss of all samples together is less than a nat, or its counterpart in this loss, a
    # certificate is unlikely. The margins, which cost less, come first.
    has_little_loss = point.value * objective.weight_sum < objective.loss.unit
    if not has_little_loss and certainly_overlap(objective, point):
        return False
    finite = [theta for theta in directions if theta is not None and np.all(np.isfinite(theta))]
    smallest = [_smallest_margin(objective, theta, label) for theta in finite]
    if any(margin > SMALL_MARGIN for margin in smallest):
        return True
    if has_little_loss and certainly_overlap(objective, point):
        return False
    limits = _limits(objective)
    if objective.n_columns > 1 and _some_classes_are_apart(objective, point.theta, label, limits):
        return True
    # The gradient is smallest at the end, and rounding errors are smallest in float64.
    if objective.samples.dtype != np.float64:
        objective = objective.replace(samples=objective.samples.astype(np.float64))
    point = objective.value_gradient(finite[0] if finite else point.theta)
    if certainly_overlap(objective, point, patient=True):
        return False
    try:
        pairs = _pairs(objective, label, objective.n_columns)
        return find_separation(pairs, lower=limits[0], upper=limits[1]) is not None
    except Undecided:
        return any(margin >= -SMALL_MARGIN for margin in smallest)


def has_no_optimum_in_partitions(objective, point, directions, most_entries) -> bool:
    """Return the same of rows in partitions: two passes, with all rows taken together.

    If X has more entries than most_entries, or if targets have several classes, nothing is known,
    and the answer is False.

    Parameters
    ----------
    objective : Objective
        Of `PartitionedSamples`.
    point, directions
        As for `has_no_optimum`.
    most_entries : int
    """
    samples = objective.samples
    if samples.n_samples * samples.design.n_features > most_entries:
        return False
    if samples.lightest_weight(objective.n_columns) is None:
        return False
    whole = samples.take(np.arange(samples.n_samples))
    objective = objective.replace(samples=whole, weight_sum=objective.weight_sum)
    target = whole.target
    label = target[:, 0] if target.shape[1] == 1 else target.argmax(axis=1)
    return has_no_optimum(objective, point, directions, label.astype(np.intp))


def no_optimum_of_classes_with_weight(objective, label) -> bool:
    """Return the same of the classes that have weight, or False if the programme cannot decide.

    A class without weight has an intercept without an optimum, which says nothing about the others.
    """
    pairs = _pairs(objective, label, objective.n_columns)
    has_weight = np.bincount(label[pairs.exist.any(axis=1)], minlength=objective.n_columns) > 0
    if has_weight.sum() < 2:
        return False
    pairs.exist[:, ~has_weight] = False
    lower, upper = _limits(objective)
    try:
        return find_separation(pairs, lower=lower, upper=upper) is not None
    except Undecided:
        return False


def _pairs(objective, label, n_columns):
    samples = objective.samples
    return Pairs.of(
        Entries.of(samples).matrix,
        label,
        n_columns,
        fit_intercept=objective.fit_intercept,
        is_seen=None if samples.weight is None else samples.weight > 0,
    )


def _limits(objective):
    # Limits of a direction, from -1 to 0 and from 0 to 1, along which the penalty stays finite.
    limits = np.zeros((2, *objective.shape))
    limits[0], limits[1] = -1, 1
    p, penalty = objective.n_features, objective.penalty
    is_penalised = np.broadcast_to((penalty.l1 > 0) | (penalty.l2 > 0), limits[0, :p].shape)
    limits[0, :p][is_penalised | (np.broadcast_to(penalty.lower, is_penalised.shape) > -np.inf)] = 0
    limits[1, :p][is_penalised | (np.broadcast_to(penalty.upper, is_penalised.shape) < np.inf)] = 0
    return limits


def _some_classes_are_apart(objective, theta, label, limits):
    # Whether a function separates a group of classes, which a solution confuses with no others,
    # from the rest. It has one score for the whole group and one for the rest. Such a group is
    # nearly always what is separated, and a programme of two classes is much smaller.
    coef, intercept = objective.coef_intercept(theta)
    predicted = (Entries.of(objective.samples).times(coef) + intercept).argmax(axis=1)
    rows, n_classes = objective.samples.rows_with_weight, objective.n_columns
    edges = (label, predicted) if rows is None else (label[rows], predicted[rows])
    confused = sparse.coo_array((np.ones(len(edges[0])), edges), shape=(n_classes, n_classes))
    n_groups, group = connected_components(confused, directed=False)
    if n_groups == 1:
        return False
    for each in np.argsort(np.bincount(group[label], minlength=n_groups)):
        inside = group == each
        lower, upper = limits[0][:, inside].max(axis=1), limits[1][:, inside].min(axis=1)
        try:
            pairs = _pairs(objective, inside[label].astype(np.intp), 1)
            if find_separation(pairs, lower=lower[:, None], upper=upper[:, None]) is not None:
                return True
        except Undecided:
            continue
    return False


def _smallest_margin(objective, theta, label):
    # As a fraction of the largest one; -inf where none comes up to one, by which about
    # a solver's step moves the margins of a function that it has not found yet.
    coef, intercept = objective.coef_intercept(theta)
    coef = objective.penalty.unlimited_part(coef)
    raw_prediction = Entries.of(objective.samples).times(coef) + intercept
    rows = objective.samples.rows_with_weight
    if rows is not None:
        raw_prediction, label = raw_prediction[rows], label[rows]
    if objective.n_columns == 1:
        margin = np.where(label == 1, raw_prediction[:, 0], -raw_prediction[:, 0])
        smallest, largest = margin.min(), margin.max()
    else:
        every = np.arange(len(label))
        of_label = raw_prediction[every, label]
        raw_prediction[every, label] = -np.inf
        smallest = (of_label - raw_prediction.max(axis=1)).min()
        raw_prediction[every, label] = np.inf
        largest = (of_label - raw_prediction.min(axis=1)).max()
    return smallest / largest if largest >= 1 else -np.inf
