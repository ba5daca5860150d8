"""Checks of the fitted attributes that predictions need, whoever set them."""

import math
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from sklogloss.inputs.arrays import first_invalid

__all__ = ["check_fitted_state", "fitted_class_weight", "has_finite_sum"]


def has_finite_sum(array: NDArray[Any]) -> bool:
    """Return whether the sum of an array is finite, as it is only if all entries are."""
    with np.errstate(all="ignore"):
        return math.isfinite(np.add.reduce(array, axis=None))


def check_fitted_state(model: Any) -> None:
    """Raise an error unless the fitted attributes of a linear classifier fit each other.

    They may have been set by hand: `coef_` may be one-dimensional for two classes, `intercept_` a
    number, or of shape (1, n_columns). Before any fit, one entry of `intercept_` may serve all
    classes, as in scikit-learn; after a fit, entries are missing. `classes_`, which the decision
    function does not need, may be missing.

    Parameters
    ----------
    model : classifier
        With classes_, coef_, intercept_ and, if it has seen data, n_features_in_.

    Raises
    ------
    NotFittedError
        If the model has no coefficients.
    ValueError
        If shapes do not fit each other or an entry is not finite. The message names the attribute.
    """
    if not (hasattr(model, "coef_") and hasattr(model, "intercept_")):
        check_is_fitted(model, ("coef_", "intercept_"))
    if _is_as_fit_leaves_it(model):
        return
    coef, intercept = model.coef_, model.intercept_
    if not (isinstance(coef, np.ndarray) or sparse.issparse(coef)):
        _raise(model, "coef_", f"an ndarray or a sparse matrix, got {type(coef).__name__}")
    _check_shapes(model, coef, np.shape(intercept))
    _check_finite(model, "coef_", coef.data if sparse.issparse(coef) else coef)
    _check_finite(model, "intercept_", np.asarray(intercept))


def fitted_class_weight(model: Any) -> NDArray[Any]:
    """Return `class_weight_`, which the posterior undoes, or raise an error unless it fits.

    Parameters
    ----------
    model : classifier
        With classes_ and class_weight_.

    Raises
    ------
    ValueError
        If there is not one weight for each class.
    """
    shape = np.shape(model.class_weight_)
    if shape != (len(model.classes_),):
        _raise(model, "class_weight_", f"of shape ({len(model.classes_)},), got {shape}")
    return model.class_weight_


def _is_as_fit_leaves_it(model: Any) -> bool:
    # Nearly all models pass this test, which takes a fraction of the time of a prediction for one
    # row. Products of BLAS raise no floating-point error. A finite sum of squares means that all
    # entries are finite.
    coef, intercept = model.coef_, model.intercept_
    if not type(coef) is type(intercept) is type(getattr(model, "classes_", None)) is np.ndarray:
        return False
    shape, n_classes = coef.shape, model.classes_.size
    return (
        len(shape) == 2
        and n_classes >= 2
        and model.classes_.ndim == 1
        and shape[0] == (1 if n_classes == 2 else n_classes)
        and intercept.shape == shape[:1]
        and getattr(model, "n_features_in_", None) == shape[1]
        and coef.dtype.kind == intercept.dtype.kind == "f"
        and math.isfinite(np.vdot(coef, coef))
        and math.isfinite(np.vdot(intercept, intercept))
    )


def _check_shapes(model: Any, coef: Any, of_intercept: tuple[int, ...]) -> None:
    n_columns = 1 if coef.ndim == 1 else coef.shape[0]
    classes = getattr(model, "classes_", None)
    if classes is not None:
        if np.ndim(classes) != 1 or len(classes) < 2:
            _raise(model, "classes_", f"an array of 2 labels or more, got {classes!r}")
        if n_columns != (1 if len(classes) == 2 else len(classes)):
            rows = "1 row" if len(classes) == 2 else f"{len(classes)} rows"
            _raise(
                model, "coef_", f"of {rows} for the {len(classes)} classes_, got shape {coef.shape}"
            )
    n_features = getattr(model, "n_features_in_", coef.shape[-1])
    if coef.ndim > 2 or coef.shape[-1] != n_features:
        _raise(model, "coef_", f"of shape ({n_columns}, {n_features}), got {coef.shape}")
    allowed = {(), (n_columns,), (1, n_columns)}
    if not hasattr(model, "class_weight_"):  # no fit has been there
        allowed.add((1,))
    if of_intercept not in allowed:
        _raise(model, "intercept_", f"of shape ({n_columns},), got {of_intercept}")


def _check_finite(model: Any, name: str, array: NDArray[Any]) -> None:
    if array.dtype.kind not in "biuf":
        _raise(model, name, f"real numbers, got dtype {array.dtype}")
    if has_finite_sum(array):
        return
    is_finite = np.isfinite(array)
    if not is_finite.all():
        _raise(model, name, f"finite, got {first_invalid(array, is_finite)}")


def _raise(model: Any, name: str, what: str) -> NoReturn:
    raise ValueError(f"{name} of the fitted {type(model).__name__} must be {what}; fit it again")
