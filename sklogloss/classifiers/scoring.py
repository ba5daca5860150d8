"""Scores of the test rows of folds, for a grid of coefficients."""

import copy
import inspect
from functools import partial
from numbers import Real

import numpy as np
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics._scorer import _BaseScorer
from sklearn.utils.validation import _check_method_params

from sklogloss.classifiers.log_loss import LogLossClassifier
from sklogloss.classifiers.path import split_coefficients
from sklogloss.inputs.errors import shown
from sklogloss.inputs.weights import scaled_weights
from sklogloss.linear.design import row_slices
from sklogloss.linear.samples import take_rows
from sklogloss.losses import LogLoss

__all__ = ["check_scorer", "is_log_loss", "score_folds", "surprise", "with_labels"]

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
    # A copy keeps the metadata requests of the scorer.
    scorer = copy.copy(scorer)
    scorer._kwargs = {**known, **scorer._kwargs}
    return scorer


def score_folds(model, scorer, problem, folds, score_params):
    """Return the scores of the test rows of folds under each penalty.

    Parameters
    ----------
    model : LogLossClassifierCV
        With its grid and coefs_paths_.
    scorer : callable
        Called as ``scorer(estimator, X, y, **params)``.
    problem : Problem
    folds : list of Fold
    score_params : dict
        What the scorer gets; arrays over samples are those of all rows.

    Returns
    -------
    scores : ndarray of shape (n_folds, n_l1_ratios, n_Cs)
    """
    if is_log_loss(scorer):
        return _score_log_loss(model, problem, folds, score_params.get("sample_weight"))
    targets = problem.targets
    if targets.proba is not None and _is_of_scikit_learn(scorer):
        raise ValueError(
            f"scoring={scorer!r} takes labels, and y has class probabilities; use 'neg_log_loss' "
            "or a scorer of sklogloss.metrics"
        )
    y = model.classes_[targets.label] if targets.proba is None else targets.proba
    offset = problem.offset
    scorer = with_labels(scorer, model.classes_)
    scores = np.empty(model.coefs_paths_.shape[:3])
    for fold, coefs_paths, of_fold in zip(folds, model.coefs_paths_, scores, strict=True):
        params = _check_method_params(problem.X, score_params, indices=fold.test)
        weight = params.get("sample_weight")
        if weight is not None and not np.any(weight):
            of_fold[:] = np.nan
            continue
        X_test, y_test = take_rows(problem.X, fold.test), y[fold.test]
        for ratio, i in np.ndindex(of_fold.shape):
            candidate = _candidate(model, ratio, i, coefs_paths[ratio, i])
            candidate._known_offset = None if offset is None else offset[fold.test]
            score = scorer(candidate, X_test, y_test, **params)
            of_fold[ratio, i] = _as_number(score)
    return scores


def check_scorer(scorer):
    """Raise a TypeError unless a scorer can be called as ``scorer(estimator, X, y)``."""
    takes_three = callable(scorer) and not isinstance(scorer, type)
    if takes_three:
        try:
            inspect.signature(scorer).bind(None, None, None)
        except TypeError:
            takes_three = False
        except ValueError:  # some compiled functions do not tell their arguments
            pass
    if not takes_three:
        raise TypeError(
            "scoring must be None, the name of a scorer or a callable scorer(estimator, X, y), got "
            f"{shown(scorer)}"
        )


def _as_number(score):
    # NaN is one: it says that a fold has no score.
    is_number = isinstance(score, Real) or (isinstance(score, np.ndarray) and score.ndim == 0)
    if not is_number:
        raise TypeError(f"scoring must return a number, got {shown(score)}")
    return float(score)


def _candidate(model, ratio, i, coefficients):
    # The estimator that a scorer gets.
    candidate = LogLossClassifier(
        C=float(model.Cs_[i]),
        l1_ratio=float(model.l1_ratios_[ratio]),
        fit_intercept=model.fit_intercept,
        class_weight=model.class_weight,
        label_smoothing=model.label_smoothing,
        probabilities=model.probabilities,
        penalty_factor=model.penalty_factor,
        bounds=model.bounds,
    )
    candidate.coef_, candidate.intercept_ = split_coefficients(coefficients, model.fit_intercept)
    candidate._set_classes(model.classes_, model.class_weight_)
    candidate.n_features_in_ = candidate.coef_.shape[1]
    return candidate


def _score_log_loss(model, problem, folds, sample_weight):
    targets = problem.targets
    target = targets.as_array(0, problem.X.dtype)
    sample_weight, _ = scaled_weights(sample_weight, np.float64)  # sums stay finite
    scores = np.empty(model.coefs_paths_.shape[:3])
    for fold, coefs_paths, of_fold in zip(folds, model.coefs_paths_, scores, strict=True):
        is_known = targets.class_totals(fold.row_weight) > 0
        weight = sample_weight
        if not is_known.all():
            of_known = targets.are_among(is_known)
            weight = of_known if sample_weight is None else of_known * sample_weight
        joined = coefs_paths.reshape(-1, *coefs_paths.shape[2:])
        coefs, intercepts = split_coefficients(joined, model.fit_intercept)
        of_fold[:] = _neg_log_losses(
            problem, fold.test, target, coefs, intercepts, partial(surprise, model), weight
        ).reshape(of_fold.shape)
    return scores


def surprise(model, target, raw_prediction):
    """Return the log loss of each sample, in nats, of the probabilities that a model returns.

    Parameters
    ----------
    model : LogLossClassifierCV
        With its classes.
    target : ndarray of shape (n_samples, 1) or (n_samples, n_classes)
        As `Targets.as_array` returns it.
    raw_prediction : ndarray of shape (n_samples, n_columns)

    Returns
    -------
    losses : ndarray of shape (n_samples,)
    """
    loss = LogLoss(len(model.classes_))
    if target.shape[1] == 1:
        target = target[:, 0]
    if model.probabilities == "model":
        return loss.value(target, raw_prediction)
    log_proba = loss.log_posterior(
        raw_prediction, model.class_weight_, model._fitted_label_smoothing
    )
    # Without the smoothing, whatever is less probable than a wrong label has probability zero.
    log_proba = np.maximum(log_proba, np.log(np.finfo(log_proba.dtype).eps))
    if len(model.classes_) == 2:
        target = np.column_stack([1 - target, target])
    elif target.ndim == 1:
        return -log_proba[np.arange(len(target)), target.astype(np.intp)]
    return -np.sum(target * log_proba, axis=1)


def _is_of_scikit_learn(scorer):
    return isinstance(scorer, _BaseScorer) and type(scorer).__module__.startswith("sklearn.")


def _neg_log_losses(problem, rows, target, coefs, intercepts, surprise_of, weight):
    """Return minus the mean log loss of some rows, for each of several linear models.

    Parameters
    ----------
    problem : Problem
        With X and the offset.
    rows : ndarray of int
    target : ndarray of shape (n_samples, 1) or (n_samples, n_classes)
        As a loss takes it.
    coefs : ndarray of shape (n_models, n_columns, n_features)
    intercepts : ndarray of shape (n_models, n_columns)
    surprise_of : callable
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
    for places in row_slices(len(rows), max(coefs.shape), BLOCK_ENTRIES):
        block = rows[places]
        raw_prediction = np.asarray(take_rows(problem.X, block) @ coefs) + intercepts.ravel()
        raw_prediction = raw_prediction.reshape(len(block), n_models, n_columns)
        if problem.offset is not None:
            raw_prediction += problem.offset[block, None]
        block_weight = np.ones(len(block)) if weight is None else weight[block]
        block_target = np.repeat(target[block], n_models, axis=0)
        losses = surprise_of(block_target, raw_prediction.reshape(-1, n_columns))
        totals += block_weight @ losses.reshape(-1, n_models).astype(np.float64)
    return -totals / (len(rows) if weight is None else weight[rows].sum())
