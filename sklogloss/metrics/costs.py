"""Costs of decisions, and the decisions that follow from probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklogloss.inputs.arrays import check_finite, check_same_length, real_array
from sklogloss.inputs.errors import naming, shown
from sklogloss.inputs.probabilities import check_probabilities
from sklogloss.inputs.targets import check_labels, find_labels, label_column, unique_labels
from sklogloss.inputs.weights import check_sample_weight

__all__ = ["expected_cost", "optimal_decisions", "optimal_threshold"]


def expected_cost(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    cost: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    """Compute the mean cost of decisions.

    ``make_scorer(expected_cost, greater_is_better=False, cost=cost)`` makes a scorer of it, for
    example for scikit-learn's `TunedThresholdClassifierCV`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of what happened.
    y_pred : array-like of shape (n_samples,)
        Labels of what was decided.
    cost : array-like of shape (n_classes, n_classes)
        ``cost[i, j]`` is the cost of deciding for class j if class i happens, in any unit. A gain
        is a negative cost. Rows and columns are in the order of the sorted classes.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative; None means 1 for each sample.
    labels : array-like of shape (n_classes,), default=None
        The sorted classes. None means those in y_true and y_pred. If some are missing there, as may
        happen in a fold of a search, classes 0, 1, ... are recognised by a 0, and two classes by a
        lone 1.

    Returns
    -------
    cost : float
        Mean cost of a sample, in the unit of `cost`.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of its range; the message names it.

    Examples
    --------
    >>> from sklogloss.metrics import expected_cost
    >>> expected_cost([0, 0, 1, 1], [0, 1, 1, 0], [[0, 1], [10, 0]])
    2.75
    """
    happened, decided = _labels("y_true", y_true), _labels("y_pred", y_pred)
    check_same_length(y_true=happened, y_pred=decided)
    matrix = _cost_matrix(cost)
    weight = check_sample_weight(sample_weight, len(happened))
    if labels is None:
        classes = _joint_classes(happened, decided, len(matrix))
    else:
        classes = unique_labels(_labels("labels", labels), "labels")[0]
    if len(classes) != len(matrix):
        raise ValueError(
            "cost must have a row and a column for each of the classes of y_true and y_pred, or of "
            f"labels, which are {shown(classes.tolist())}; got shape {matrix.shape}"
        )
    of_happened, of_decided = (
        _places("y_true", happened, classes),
        _places("y_pred", decided, classes),
    )
    scaled, exponent = _scaled(matrix)
    return float(np.ldexp(np.average(scaled[of_happened, of_decided], weights=weight), exponent))


def optimal_threshold(cost: ArrayLike) -> float:
    r"""Compute the probability above which deciding for the second class costs less.

    At this probability of the second class, both decisions have the same expected cost [1]_:

    .. math:: p^* = \frac{c_{01} - c_{00}}{c_{01} - c_{00} + c_{10} - c_{11}}.

    Parameters
    ----------
    cost : array-like of shape (2, 2)
        ``cost[i, j]`` is the cost of deciding for class j if class i happens. For each class, the
        wrong decision must cost more than the right one.

    Returns
    -------
    threshold : float
        Strictly between 0 and 1. It is valid for calibrated probabilities.

    Raises
    ------
    ValueError, TypeError
        If cost does not meet these conditions.

    References
    ----------
    .. [1] C. Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001, equation 2.

    Examples
    --------
    >>> from sklogloss.metrics import optimal_threshold
    >>> round(optimal_threshold([[0, 1], [10, 0]]), 3)
    0.091
    """
    matrix = _cost_matrix(cost)
    if len(matrix) != 2:
        raise ValueError(f"cost must have shape (2, 2), got {matrix.shape}")
    if not (matrix[0, 1] > matrix[0, 0] and matrix[1, 0] > matrix[1, 1]):
        raise ValueError(
            "cost must be larger for the wrong decision than for the right one, got "
            f"{matrix.tolist()}"
        )
    scaled, _ = _scaled(matrix)
    of_first, of_second = scaled[0, 1] - scaled[0, 0], scaled[1, 0] - scaled[1, 1]
    return float(of_first / (of_first + of_second))


def optimal_decisions(
    y_proba: ArrayLike, cost: ArrayLike, *, labels: ArrayLike | None = None
) -> NDArray[Any]:
    """Return the decision with the smallest expected cost for each sample.

    Parameters
    ----------
    y_proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities of the classes. With one dimension, those of the second of two classes.
    cost : array-like of shape (n_classes, n_decisions)
        ``cost[i, j]`` is the cost of decision j if class i happens. A decision need not be a class:
        it may be to ask an expert.
    labels : array-like of shape (n_decisions,), default=None
        Names of the decisions; None means 0, 1, ...

    Returns
    -------
    decisions : ndarray of shape (n_samples,)
        If several decisions have the same cost, the first of them.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of its range; the message names it.

    Examples
    --------
    >>> from sklogloss.metrics import optimal_decisions
    >>> cost = [[0, 1, 0.3], [10, 0, 0.3]]
    >>> optimal_decisions([0.01, 0.2, 0.9], cost, labels=["no", "yes", "ask"])
    array(['no', 'ask', 'yes'], dtype='<U3')
    """
    proba, _ = check_probabilities("y_proba", y_proba)
    if proba.ndim == 1:
        proba = np.column_stack([1 - proba, proba])
    matrix = real_array("cost", cost).astype(np.float64)
    if matrix.ndim != 2 or len(matrix) != proba.shape[1] or matrix.shape[1] == 0:
        raise ValueError(
            f"cost must have a row for each of {proba.shape[1]} classes, got shape {matrix.shape}"
        )
    check_finite("cost", matrix)
    names = np.arange(matrix.shape[1]) if labels is None else label_column("labels", labels)
    if len(names) != matrix.shape[1]:
        raise ValueError(f"labels must name {matrix.shape[1]} decisions, got {len(names)}")
    return names[(proba @ matrix).argmin(axis=1)]


def _labels(name: str, given: ArrayLike) -> NDArray[Any]:
    column = label_column(name, given)
    if len(column) == 0:
        raise ValueError(f"{name} has 0 entries")
    if column.dtype.kind not in "buiUS":
        check_labels(name, column)
    return column


def _joint_classes(happened: NDArray[Any], decided: NDArray[Any], n_classes: int) -> NDArray[Any]:
    # Labels of either array. If there are too few, assume 0, 1, ... where 0 occurs, or a lone 1 of
    # two.
    of_happened, _ = unique_labels(happened, "y_true")
    of_decided, _ = unique_labels(decided, "y_pred")
    if (of_happened.dtype.kind in "US") != (of_decided.dtype.kind in "US"):
        raise ValueError(
            f"y_true and y_pred must have labels of one type, got {shown(of_happened.tolist())} "
            f"and {shown(of_decided.tolist())}"
        )
    with naming("y_pred"):
        classes = np.union1d(of_happened, of_decided)
    numbers = np.arange(n_classes)
    are_numbers = (classes[0] == 0 or n_classes == 2) and np.isin(classes, numbers).all()
    return numbers if len(classes) < n_classes and are_numbers else classes


def _places(name: str, given: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.intp]:
    with naming(name):
        place, is_known = find_labels(given, classes)
    if not is_known.all():
        raise ValueError(f"{name} has labels that are not in labels, {shown(classes.tolist())}")
    return place


def _scaled(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    # The costs divided by 2 ** exponent, and the exponent: differences and sums of the largest
    # floats would be infinite.
    _, exponent = np.frexp(np.abs(matrix).max())
    return np.ldexp(matrix, -exponent), int(exponent)


def _cost_matrix(cost: Any) -> NDArray[np.float64]:
    matrix = real_array("cost", cost).astype(np.float64, copy=False)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < 2:
        raise ValueError(
            f"cost must be a square matrix of at least two classes, got shape {matrix.shape}"
        )
    check_finite("cost", matrix)
    return matrix
