"""Random calibrations: of raw predictions, of classifiers, and corrections of class shares."""

import numpy as np
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sklogloss import LogLossClassifier
from sklogloss.calibration import (
    BetaScaling,
    CalibratedClassifier,
    IsotonicScaling,
    LogisticScaling,
    PriorCorrection,
    StructuredScaling,
    TemperatureScaling,
    VectorScaling,
    VennAbers,
)

from .problems import random_problem
from .verdicts import Attempt, Outcome

OF_TWO_CLASSES = (
    TemperatureScaling,
    LogisticScaling,
    BetaScaling,
    IsotonicScaling,
    VennAbers,
)
OF_MORE_CLASSES = (
    TemperatureScaling,
    LogisticScaling,
    VectorScaling,
    StructuredScaling,
    IsotonicScaling,
)
METHODS = ("auto", "none", "temperature", "logistic", "isotonic")
# Log-probabilities of two fits that differ by rounding errors: both end within the promised gap,
# by whose root their probabilities may differ.
SAME = 1e-3
# Rounding errors of a sum of probabilities of float32 raw predictions.
SUM_TOL = 1e-5


def outcome_of_seed(seed):
    """Return the Outcome of the calibration of a seed."""
    rng = np.random.default_rng([seed, 2])
    kind = rng.choice([_calibrator, _classifier, _prior], p=[0.6, 0.25, 0.15])
    return kind(rng, random_problem(seed))


def _raw_prediction(rng, y, n_classes):
    # Of a model that is right, too sure, useless or certain of everything.
    shape = (len(y), n_classes)
    label = y if y.ndim == 1 else y.argmax(axis=1)
    raw = rng.normal(size=shape) + rng.choice([0, 1, 3]) * np.eye(n_classes)[label]
    raw *= 10.0 ** rng.choice([-6, -1, 0, 0, 0, 1, 3, 100])
    kind = rng.choice(["none", "far", "ties", "constant"], p=[0.6, 0.15, 0.15, 0.1])
    if kind == "far":
        raw += 10.0 ** rng.uniform(-2, 6) * rng.normal(size=(len(y), 1))
    elif kind == "ties":
        size = np.abs(raw).max()
        raw = np.round(2 * raw / size) * size / 2
    elif kind == "constant":
        raw[:] = raw[0]
    if n_classes == 2:
        raw = raw[:, 1] - raw[:, 0]
    return raw.astype(np.float32 if rng.random() < 0.2 and np.abs(raw).max() < 1e30 else np.float64)


def _calibrator(rng, problem):
    y, weight, k = problem.y, problem.sample_weight, problem.n_classes
    raw = _raw_prediction(rng, y, k)
    make = rng.choice(OF_TWO_CLASSES if k == 2 else OF_MORE_CLASSES)
    attempt = Attempt(lambda: make().fit(raw, y, sample_weight=weight), UserWarning)
    if attempt.failure is not None:
        return attempt.failure
    name, calibrator = make.__name__, attempt.value
    fault = _fault_of(calibrator, raw)
    if fault:
        return Outcome("silent miss", f"{name}: {fault}", attempt.seconds)
    if attempt.messages:
        return Outcome("warned", f"{name}: {attempt.messages[0]}", attempt.seconds)
    if make is StructuredScaling:  # folds choose its penalty
        return Outcome("solved", seconds=attempt.seconds)
    order = rng.permutation(len(raw))
    reordered = make().fit(raw[order], y[order], None if weight is None else weight[order])
    repeats = rng.integers(1, 4, size=len(raw))
    many = make().fit(*(np.repeat(each, repeats, axis=0) for each in (raw, y)))
    counted = make().fit(raw, y, repeats.astype(float))
    pairs = {"order of rows": (calibrator, reordered), "repeated rows": (many, counted)}
    for what, (one, other) in pairs.items():
        if not _are_same(one.predict_proba(raw), other.predict_proba(raw)):
            return Outcome("silent miss", f"{name}: not invariant to {what}", attempt.seconds)
    return Outcome("solved", seconds=attempt.seconds)


def _classifier(rng, problem):
    estimator = [
        LogLossClassifier(C=float(10.0 ** rng.uniform(-3, 6))),
        GaussianNB(),
        DecisionTreeClassifier(random_state=0),
    ][int(rng.integers(3))]
    y = problem.y if problem.y.ndim == 1 else problem.y.argmax(axis=1)
    clf = CalibratedClassifier(
        estimator,
        str(rng.choice(METHODS)),
        cv=[None, 2, 3][int(rng.integers(3))],
        ensemble=bool(rng.random() < 0.3),
    )
    # What the estimators of other packages warn of is none of ours.
    attempt = Attempt(lambda: clf.fit(problem.X, y, problem.sample_weight), Warning)
    if attempt.failure is not None:
        return attempt.failure
    # Without a calibrator the probabilities are those of the estimator, right or wrong.
    fault = "" if clf.method_ == "none" else _fault_of(clf, problem.X)
    losses = {name: score.log_loss for name, score in getattr(clf, "scores_", {}).items()}
    if np.isnan(list(losses.values())).any():
        fault = "a held-out loss is NaN"
    elif losses and losses[clf.method_] == np.inf > min(losses.values()):
        fault = "the chosen method has an infinite held-out loss"
    if fault:
        return Outcome("silent miss", f"{clf.method_}: {fault}", attempt.seconds)
    return Outcome("warned" if attempt.messages else "solved", "", attempt.seconds)


def _prior(rng, problem):
    y, X, weight = problem.y, problem.X, problem.sample_weight
    y = y if y.ndim == 1 else y.argmax(axis=1)
    classes = np.unique(y)
    prior = rng.dirichlet(np.ones(len(classes)))
    sampling = ["balanced", None, rng.uniform(0.1, 10, size=len(classes))][int(rng.integers(3))]
    estimator = LogLossClassifier(C=float(10.0 ** rng.uniform(-3, 3)))
    clf = PriorCorrection(estimator, class_prior=prior, sampling=sampling)
    attempt = Attempt(lambda: clf.fit(X, y, sample_weight=weight), UserWarning)
    if attempt.failure is not None:
        return attempt.failure
    fault = _fault_of(clf, X)
    if not fault:
        totals = np.bincount(y, weight, minlength=y.max() + 1)[classes]
        seen = totals / totals.sum()
        if isinstance(sampling, str):
            seen = np.ones(len(classes))
        elif sampling is not None:
            seen = seen * sampling
        log_proba = clf.estimator_.predict_log_proba(X) + np.log(prior / (seen / seen.sum()))
        expected = np.exp(log_proba - np.logaddexp.reduce(log_proba, axis=1)[:, None])
        if not np.allclose(clf.predict_proba(X), expected, rtol=1e-4, atol=1e-6):
            fault = "not the definition's probabilities"
    if fault:
        return Outcome("silent miss", f"PriorCorrection: {fault}", attempt.seconds)
    return Outcome("warned" if attempt.messages else "solved", "", attempt.seconds)


def _fault_of(clf, X):
    # What is wrong with the probabilities of X, "" if nothing.
    proba, log_proba = clf.predict_proba(X), clf.predict_log_proba(X)
    if not np.all(np.isfinite(proba)) or np.any(np.isnan(log_proba)) or np.any(log_proba > 0):
        return "probabilities are not finite"
    if not (np.all(proba >= 0) and np.abs(proba.sum(axis=1) - 1).max() <= SUM_TOL):
        return "rows do not sum to 1"
    if np.abs(np.exp(log_proba) - proba).max() > SUM_TOL:
        return "probabilities are not those of their logarithms"
    return ""


def _are_same(proba, other):
    return np.abs(proba - other).max() <= SAME
