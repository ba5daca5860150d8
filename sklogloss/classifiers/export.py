"""Fitted classifiers as scikit-learn's LogisticRegression, which every exporter knows."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from sklogloss.inputs.arrays import check_finite, real_array
from sklogloss.inputs.fitted import check_fitted_state, fitted_class_weight
from sklogloss.inputs.parameters import resolve_penalty
from sklogloss.losses import LogLoss

__all__ = ["to_logistic_regression"]

# Parameters that mean the same in LogisticRegression. Its n_jobs has no effect and gives a warning.
SHARED_PARAMETERS = (
    "tol",
    "intercept_scaling",
    "class_weight",
    "random_state",
    "max_iter",
    "verbose",
)
SHARED_SWITCHES = ("fit_intercept", "warm_start")
# Its solvers that find the optimum without an L1 penalty. liblinear penalises the intercept.
SKLEARN_SMOOTH_SOLVERS = ("lbfgs", "newton-cg", "newton-cholesky", "sag", "saga")


def to_logistic_regression(model, offset=None):
    """Return a fitted LogisticRegression that predicts as a fitted linear classifier does.

    Parameters
    ----------
    model : BaseLinearClassifier
        Fitted.
    offset : float or array-like of shape (n_columns,), default=None
        The same for all samples.

    Raises
    ------
    NotFittedError
    ValueError
        If the probabilities are no sigmoid or softmax of linear scores, or the fitted attributes do
        not fit each other.
    """
    check_fitted_state(model)
    coef = model.coef_.copy() if model.coef_.ndim == 2 else model.coef_.reshape(1, -1).copy()
    n_columns = coef.shape[0]
    intercept = np.broadcast_to(np.ravel(model.intercept_), n_columns)
    shift = _constant_offset(offset, n_columns) + _shift_to_posterior(model)
    exported = LogisticRegression(**_parameters(model))
    exported.classes_ = np.array(model.classes_)
    exported.coef_ = coef
    exported.intercept_ = (intercept + shift).astype(np.result_type(coef, np.float32))
    exported.n_features_in_ = coef.shape[1]
    if hasattr(model, "feature_names_in_"):
        exported.feature_names_in_ = model.feature_names_in_.copy()
    if hasattr(model, "n_iter_"):
        exported.n_iter_ = np.array([np.max(model.n_iter_)], dtype=np.int32)
    return exported


def _constant_offset(offset, n_columns):
    if offset is None:
        return np.zeros(n_columns)
    offset = real_array("offset", offset).astype(np.float64)
    if offset.shape != (n_columns,) and not (offset.ndim == 0 and n_columns == 1):
        allowed = "a number" if n_columns == 1 else f"of shape ({n_columns},), one entry per class"
        raise ValueError(
            f"offset must be the same for all samples, {allowed}, got shape {offset.shape}: "
            "LogisticRegression has no offset of its own. Add that of each sample to its "
            "decision_function"
        )
    check_finite("offset", offset)
    return offset


def _shift_to_posterior(model):
    """Return what turns the scores into the logits of the posterior, shape (n_columns,).

    Log loss with class weights w leaves softmax scores z, of which the posterior is proportional to
    exp(z) / w: that of scores z - ln w. No such shift undoes label smoothing or focusing.
    """
    if model.probabilities == "model":
        return np.zeros(1)
    advice = (
        'set_params(probabilities="model") exports the sigmoid or softmax of the scores instead'
    )
    if not isinstance(model._fitted_loss, LogLoss):
        raise ValueError(
            f'probabilities="posterior" of {type(model).__name__} is not a sigmoid or softmax of '
            "linear scores, as LogisticRegression's probabilities are: it undoes the effect of "
            f"focal loss. {advice}, and posterior() of sklogloss.losses.FocalLoss turns its "
            "decision_function into probabilities"
        )
    if model._fitted_label_smoothing > 0:
        raise ValueError(
            f'probabilities="posterior" of {type(model).__name__} with '
            f"label_smoothing={model._fitted_label_smoothing} is not a sigmoid or softmax of "
            f"linear scores, as LogisticRegression's probabilities are. {advice}"
        )
    weight = fitted_class_weight(model)
    if not np.all(weight > 0):
        raise ValueError(
            'probabilities="posterior" gives classes with weight zero, '
            f"{model.classes_[weight == 0].tolist()}, almost no probability, which no finite "
            f"intercept can express. {advice}"
        )
    shift = -np.log(weight)
    return shift[1:] - shift[:1] if len(weight) == 2 else shift - shift.mean()


def _parameters(model):
    # Parameters of a LogisticRegression with the same objective, except for bounds, factors,
    # smoothing and focal loss, which it does not have.
    own = model.get_params(deep=False)
    parameters = {name: own[name] for name in SHARED_PARAMETERS if name in own}
    parameters |= {name: bool(own[name]) for name in SHARED_SWITCHES if name in own}
    C, l1_ratio = _penalty(model, own)
    solver = own.get("solver")
    if l1_ratio > 0:
        solver = "saga"
    elif solver not in SKLEARN_SMOOTH_SOLVERS:
        solver = "lbfgs"
    return parameters | _penalty_parameters(C, l1_ratio) | {"solver": solver}


def _penalty(model, own):
    if hasattr(model, "C_"):  # chosen by cross-validation
        C, l1_ratio = model.C_, model.l1_ratio_
    elif "C" in own:
        C, l1_ratio = resolve_penalty(own["penalty"], own["C"], own["l1_ratio"], warn=False)
    else:
        C = np.inf
    return C, l1_ratio if C < np.inf else 0.0


def _penalty_parameters(C, l1_ratio):
    known = LogisticRegression().get_params()
    if known.get("penalty", "deprecated") == "deprecated":
        return {"C": C, "l1_ratio": l1_ratio}
    # Before scikit-learn 1.8, penalty said what l1_ratio means.
    if C == np.inf:
        return {"penalty": None}
    if l1_ratio in (0, 1):
        return {"C": C, "penalty": "l1" if l1_ratio else "l2"}
    return {"C": C, "penalty": "elasticnet", "l1_ratio": l1_ratio}
