"""Scores of held-out rows, for a grid of coefficients."""

import copy
import inspect

import numpy as np
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics._scorer import _BaseScorer

from sklogloss.linear.subset import take_rows

__all__ = ["check_takes_targets", "is_log_loss", "neg_log_losses", "with_labels"]

# Entries of the raw predictions that are computed at a time.
BLOCK_ENTRIES = 1_000_000


def is_log_loss(scorer):
    """Return whether a scorer is scikit-learn's "neg_log_loss", with no argument of its own."""
    return (
        _is_of_scikit_learn(scorer)
        and scorer._score_func is sklearn_log_loss
        and not scorer._kwargs
    )


def with_labels(scorer, classes):
    """Return a scorer that knows the classes, so that the data may lack some.

    Parameters
    ----------
    scorer : callable
        Called as ``scorer(estimator, X, y)``.
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    scorer : callable
        One of scikit-learn's whose metric takes `labels` gets the classes, unless it has labels of
        its own; any other is returned as it is.
    """
    if not _is_of_scikit_learn(scorer):
        return scorer
    taken = inspect.signature(scorer._score_func).parameters
    if "labels" not in taken:
        return scorer
    known = {"labels": classes}
    if len(classes) == 2 and "pos_label" in taken:
        known["pos_label"] = classes[1]
    # A copy keeps what metadata the scorer requests.
    scorer = copy.copy(scorer)
    scorer._kwargs = {**known, **scorer._kwargs}
    return scorer


def check_takes_targets(scorer, targets):
    """Raise an error if a scorer takes labels and the targets are probabilities."""
    if targets.proba is not None and _is_of_scikit_learn(scorer):
        raise ValueError(
            f"scoring={scorer!r} takes labels, and y has class probabilities; use 'neg_log_loss' "
            "or a scorer of sklogloss.metrics"
        )


def _is_of_scikit_learn(scorer):
    return isinstance(scorer, _BaseScorer) and type(scorer).__module__.startswith("sklearn.")


def neg_log_losses(X, rows, target, coefs, intercepts, surprise, weight):
    """Return minus the mean log loss of some rows, for each of several linear models.

    Parameters
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_samples, n_features)
    rows : ndarray of int
    target : ndarray of shape (n_samples, 1) or (n_samples, n_classes)
        As a loss takes it.
    coefs : ndarray of shape (n_models, n_columns, n_features)
    intercepts : ndarray of shape (n_models, n_columns)
    surprise : callable
        From a target and raw predictions of shape (n, n_columns) to the n losses in nats.
    weight : ndarray of shape (n_samples,) or None
        Rows of weight zero are left out.

    Returns
    -------
    scores : ndarray of shape (n_models,)
        NaN if no row has weight.
    """
    n_models, n_columns, _ = coefs.shape
    if weight is not None:
        rows = rows[weight[rows] > 0]
    if len(rows) == 0:
        return np.full(n_models, np.nan)
    coefs = coefs.reshape(n_models * n_columns, -1).T
    totals = np.zeros(n_models)
    size = max(1, BLOCK_ENTRIES // max(coefs.shape))
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        raw_prediction = np.asarray(take_rows(X, block) @ coefs) + intercepts.ravel()
        block_weight = np.ones(len(block)) if weight is None else weight[block]
        block_target = np.repeat(target[block], n_models, axis=0)
        losses = surprise(block_target, raw_prediction.reshape(-1, n_columns))
        totals += block_weight @ losses.reshape(-1, n_models).astype(np.float64)
    return -totals / (len(rows) if weight is None else weight[rows].sum())
