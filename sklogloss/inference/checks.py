"""Checks of what `infer` can compute for a fit; errors say why not, and what to do instead."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from sklogloss.classifiers import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
)
from sklogloss.inputs.errors import naming, stacklevel_of_user
from sklogloss.inputs.offset import check_offset
from sklogloss.inputs.parameters import check_bounds
from sklogloss.inputs.tables import check_holds_no_times
from sklogloss.inputs.targets import group_indices, label_column

__all__ = [
    "COVARIANCES",
    "check_bounds_inactive",
    "check_covariance",
    "classifier_and_data",
    "cluster_indices",
    "prepared",
]

# Few clusters are fewer than 20 to 50: A. C. Cameron and D. L. Miller, "A Practitioner's Guide to
# Cluster-Robust Inference", Journal of Human Resources 50 (2015), section VI.
FEW_CLUSTERS = 20
COVARIANCES = ("model", "robust", "HC0", "HC1", "cluster", "laplace")


def classifier_and_data(clf: Any, X: Any) -> tuple[Any, Any, list[str] | None]:
    """Return the classifier, the X that it was fitted to and the names of its columns, or None.

    Raises
    ------
    TypeError
        If clf is neither one of the three classifiers nor a Pipeline that ends with one.
    NotFittedError
        If it is not fitted.
    """
    steps = None
    if isinstance(clf, Pipeline):
        steps, clf = clf[:-1], clf[-1]
    if not isinstance(clf, LogLossClassifier | FocalLogisticRegression | FirthLogisticRegression):
        advice = ""
        if hasattr(clf, "best_estimator_"):
            advice = "; pass its best_estimator_"
        elif hasattr(clf, "C_"):
            advice = "; fit LogLossClassifier(C=np.inf), or with C=clf.C_ for covariance='laplace'"
        raise TypeError(
            "clf must be a LogLossClassifier, a FocalLogisticRegression, a FirthLogisticRegression "
            f"or a Pipeline that ends with one, got {type(clf).__name__}{advice}"
        )
    check_is_fitted(clf)
    columns = getattr(clf, "feature_names_in_", None)
    if steps is not None and len(steps):
        X = steps.transform(X)
        if columns is None:
            columns = _names_after(steps)
    return clf, X, None if columns is None else list(columns)


def _names_after(steps: Pipeline) -> Any:
    # The names of the columns that the classifier saw, if the Pipeline's X had names.
    if not hasattr(steps, "feature_names_in_"):
        return None
    try:
        return steps.get_feature_names_out()
    except (AttributeError, ValueError):  # a step without them
        return None


def check_covariance(clf: Any, covariance: str, C: float, l1_ratio: float) -> None:
    """Raise a ValueError if a covariance says nothing of how a classifier was fitted."""
    factor = clf.penalty_factor
    is_penalised = C < np.inf and (factor is None or bool(np.any(np.asarray(factor) > 0)))
    if is_penalised and l1_ratio > 0:
        raise ValueError(
            "no covariance is known for coefficients under an L1 penalty, because the same data "
            "selected them. Fit the selected columns with C=np.inf, on other rows than those of "
            "the selection"
        )
    if is_penalised and covariance != "laplace":
        raise ValueError(
            f"clf has a penalty (C={clf.C!r}), which biases the coefficients towards zero, so "
            f"covariance={covariance!r} is not valid. Fit with C=np.inf, or pass "
            "covariance='laplace' to treat the penalty as a prior"
        )
    if covariance == "laplace" and not is_penalised:
        raise ValueError(
            "covariance='laplace' needs a fit with an L2 penalty, and clf has none; use 'model' "
            "or 'robust'"
        )
    if covariance in ("model", "laplace"):
        _check_likelihood(clf, covariance)


def _check_likelihood(clf: Any, covariance: str) -> None:
    # Whether the fit was maximum likelihood. If not, the Hessian is not the covariance of the
    # scores.
    why = None
    if isinstance(clf, FocalLogisticRegression) and clf.gamma > 0:
        why = "focal loss is not a likelihood"
    elif clf.class_weight is not None or getattr(clf, "alpha", None) is not None:
        why = "class weights (class_weight, alpha) are not numbers of samples"
    elif clf.label_smoothing > 0:
        why = "with label_smoothing the targets are not the observed labels"
    if why is not None:
        raise ValueError(
            f"covariance={covariance!r} needs a maximum-likelihood fit, but {why}. Pass "
            "covariance='robust', with C=np.inf"
        )


def check_bounds_inactive(clf: Any) -> None:
    """Raise a ValueError if a coefficient is at its bound, where no normal distribution is."""
    if clf.bounds is None:
        return
    coef = clf.coef_.toarray() if sparse.issparse(clf.coef_) else np.asarray(clf.coef_)
    names = getattr(clf, "feature_names_in_", None)
    shape = coef.shape[1], len(coef)
    bounds = check_bounds(clf.bounds, *shape, names, clf.classes_, coef.dtype)
    at_bound = np.zeros(coef.shape, dtype=bool)
    for bound in bounds or ():
        at_bound |= coef == bound.T.astype(coef.dtype)
    if at_bound.any():
        columns = np.flatnonzero(at_bound.any(axis=0)).tolist()
        raise ValueError(
            f"the coefficients of the columns {columns} are at their bounds, where they have no "
            "standard error. Fit without bounds, or without these columns and with their "
            "contribution as the offset"
        )


def cluster_indices(
    covariance: str, groups: Any, problem: Any, samples: Any, X: Any
) -> tuple[Any, int] | None:
    """Return the index of each row's cluster and how many have weight; None without clusters.

    Rows without weight have no score, and may be of any cluster.

    Raises
    ------
    ValueError
        If groups are missing, not asked for, of a wrong shape, NaN or None, or fewer than two
        among the rows with weight.
    TypeError
        If the labels are of types that cannot be sorted together.

    Warns
    -----
    UserWarning
        If there are fewer than 20 clusters.
    """
    if covariance != "cluster":
        if groups is not None:
            raise ValueError(f"groups are for covariance='cluster', got {covariance!r}")
        return None
    if groups is None:
        raise ValueError("covariance='cluster' needs groups, the cluster of each row")
    if samples.is_partitioned:
        cluster, n_clusters = problem.clusters(groups, X)
        _warn_of_few_clusters(n_clusters)
        return cluster, n_clusters
    groups = label_column("groups", groups)
    if len(groups) != samples.n_samples:
        raise ValueError(
            f"groups must have shape ({samples.n_samples},), one entry per sample, got "
            f"{groups.shape}"
        )
    rows = samples.rows_with_weight
    if rows is None:
        cluster, n_clusters = group_indices("groups", groups, "clusters")
    else:
        cluster = np.zeros(len(groups), dtype=np.intp)
        cluster[rows], n_clusters = group_indices("groups", groups[rows], "clusters")
    _warn_of_few_clusters(n_clusters)
    return cluster, n_clusters


def _warn_of_few_clusters(n_clusters: int) -> None:
    if n_clusters < FEW_CLUSTERS:
        warnings.warn(
            f"groups have {n_clusters} clusters with weight: below {FEW_CLUSTERS}, standard errors "
            "by clusters tend to be too small, and intervals too narrow",
            UserWarning,
            stacklevel=stacklevel_of_user(),
        )


def prepared(estimator: Any, X: Any, offset: Any) -> tuple[Any, NDArray[np.float64] | None]:
    """Return new rows, and their offset, as the classifier takes them.

    Parameters
    ----------
    estimator : LogLossClassifier, FocalLogisticRegression or Pipeline
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    offset : array-like of shape (n_samples,) or (n_samples, n_classes), or None
    """
    if hasattr(X, "__dask_graph__"):
        raise TypeError(
            "X must be rows in memory, got a Dask collection; X.compute() returns them, and "
            "predict_proba of the classifier takes the collection"
        )
    clf, X, _ = classifier_and_data(estimator, X)
    check_holds_no_times(X)
    with naming("X"):
        X = validate_data(
            clf, X, reset=False, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32]
        )
    n_columns = 1 if len(clf.classes_) == 2 else len(clf.classes_)
    return X, check_offset(offset, X.shape[0], n_columns, np.float64, clf.classes_)
