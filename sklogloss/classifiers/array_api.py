"""Fits to arrays of other libraries, and predictions for them: what comes back lies where X does.

Arrays on the CPU become ndarrays, which share their memory. A tensor on a CUDA device stays there.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from sklogloss.inputs.array_api import Place, put_beside, to_numpy
from sklogloss.inputs.errors import naming
from sklogloss.inputs.targets import encode_targets, require_y

__all__ = ["Scores", "foreign_error", "give_back", "predict_in_place", "problem_in_place"]

# Types of torch devices on which a fit runs where the data lies.
DEVICES = ("cuda",)
# Fitted arrays that move to where X is, as far as they exist: coefficients may be set by hand, and
# a fit may not have ended. The labels of the classes move to where y is.
FITTED = ("coef_", "intercept_", "n_iter_", "class_weight_")


@dataclass(frozen=True)
class Scores:
    """Scores that a device has computed from X: the methods of a classifier take them instead of X.

    Attributes
    ----------
    values : ndarray of shape (n_samples, n_columns)
        X coef + intercept.
    """

    values: np.ndarray


def problem_in_place(estimator, X, y, sample_weight, offset):
    """Return the Problem of the arguments of fit, which knows where X lies.

    Parameters
    ----------
    estimator : BaseLinearClassifier
    X : array of another library of shape (n_samples, n_features)
    y, sample_weight, offset
        As for `fit`, of any library and on any device.
    """
    others = [to_numpy(array) for array in (y, sample_weight, offset)]
    if _stays_on_device(X):
        problem = _problem_on_device(estimator, X, *others)
    else:
        problem = estimator._validate_problem(to_numpy(X), *others)
    problem.places = Place.of(X), Place.of(y)
    return problem


def give_back(estimator, places):
    """Move the fitted arrays of an estimator to the places of X and of y."""
    of_X, of_y = places
    for name in vars(estimator).keys() & FITTED:
        setattr(estimator, name, of_X.put(getattr(estimator, name)))
    if of_y is not None:
        estimator.classes_ = of_y.put(estimator.classes_)


def predict_in_place(estimator, method, X, *others):
    """Return the predictions of an estimator's method for X, as an array in the place of X.

    Parameters
    ----------
    estimator : BaseLinearClassifier
    method : str
    X : array of another library of shape (n_samples, n_features)
    others
        Further arguments of the method.

    Raises
    ------
    ValueError
        If the estimator was fitted to arrays of another library, or on another device.
    """
    check_is_fitted(estimator)
    place, of_fit = Place.of(X), Place.of(estimator.coef_)
    if place != of_fit:
        name = type(estimator).__name__
        raise ValueError(
            f"Inputs passed to {name}.{method}() must use the same namespace and the same device "
            f"as those passed to fit(): X is an array of {place or 'NumPy'}, that of fit was one "
            f"of {of_fit or 'NumPy'}. Convert X"
        )
    twin = copy(estimator)
    for name in vars(estimator).keys() & {*FITTED, "classes_"}:
        setattr(twin, name, to_numpy(getattr(estimator, name)))
    rows = _scores_on_device(estimator, X) if _stays_on_device(X) else to_numpy(X)
    return put_beside(X, getattr(twin, method)(rows, *(to_numpy(other) for other in others)))


def foreign_error(estimator, name, array):
    """Return the error for an array of another library where only NumPy arrays are accepted."""
    return TypeError(
        f"{type(estimator).__name__} does not take {name} as an array of {Place.of(array)}; "
        f"convert it to a NumPy array on the CPU"
    )


def _stays_on_device(X):
    # A torch tensor is the only array whose device has a type. Others are told apart by their
    # library, so that none is imported here.
    is_torch = type(X).__module__.partition(".")[0] == "torch"
    return is_torch and X.device.type in DEVICES


def _problem_on_device(estimator, X, y, sample_weight, offset):
    # This imports torch, which is already imported if there is a tensor.
    from sklogloss.classifiers.torch_problem import TorchProblem
    from sklogloss.linear.torch_samples import TorchDesign

    y = require_y(estimator, y)
    namespace = Place.of(X).namespace
    with naming("X"):
        X = validate_data(estimator, X.detach(), dtype=[namespace.float64, namespace.float32])
    design = TorchDesign(X)
    return TorchProblem.of(estimator, design, encode_targets(design, y), sample_weight, offset)


def _scores_on_device(estimator, X):
    from sklogloss.linear.torch_samples import scores_of

    X = validate_data(estimator, X.detach(), reset=False)
    return Scores(to_numpy(scores_of(X, estimator.coef_, estimator.intercept_)))
