"""Recalibrated probabilities: what the forecasts would have to be to be right."""

import numpy as np
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import check_cv

from sklogloss.losses import LogLoss

__all__ = ["METHODS", "fit_logits", "recalibrate"]

METHODS = ("isotonic", "logistic", "temperature")
# Largest entry of the gradient of the mean loss at which the logistic methods stop.
GRADIENT_TOL = 1e-10


def recalibrate(forecasts, method, cv, random_state):
    """Return recalibrated probabilities, shape (n_samples, n_classes).

    Parameters
    ----------
    forecasts : Forecasts
    method : {"isotonic", "logistic", "temperature"}
    cv : None, int, splitter or iterable
        With None, each sample takes part in its own recalibration.
    random_state : RandomState
        Of the shuffled folds, where cv is an int.
    """
    predict = _isotonic if method == "isotonic" else _logistic
    if cv is None:
        everything = np.arange(len(forecasts))
        return predict(forecasts, everything, everything, method)
    label = forecasts.label
    splitter = check_cv(cv, label, classifier=label is not None)
    if isinstance(cv, int):
        splitter.shuffle, splitter.random_state = True, random_state
    proba = np.full((len(forecasts), forecasts.n_classes), np.nan)
    for train, test in splitter.split(np.zeros((len(forecasts), 1)), label):
        proba[test] = predict(forecasts, train, test, method)
    if np.isnan(proba).any():
        raise ValueError("cv must put each sample into a test set")
    return proba


def _isotonic(forecasts, train, test, method):
    targets, weight = forecasts.targets()[train], forecasts.sample_weight
    weight = None if weight is None else weight[train]
    scores = forecasts.proba if forecasts.raw_prediction is None else forecasts.raw_prediction
    scores = scores.astype(np.float64, copy=False)
    if forecasts.n_classes == 2:
        score = scores if scores.ndim == 1 else scores[:, 1]
        second = _isotonic_regression(score, targets[:, 1], weight, train, test)
        return np.column_stack([1 - second, second])
    if forecasts.raw_prediction is not None:
        scores = LogLoss(forecasts.n_classes).log_link(scores)
    # Each class against the rest (Zadrozny and Elkan, KDD 2002).
    one_against_rest = [
        _isotonic_regression(scores[:, k], targets[:, k], weight, train, test)
        for k in range(forecasts.n_classes)
    ]
    proba = np.column_stack(one_against_rest)
    total = proba.sum(axis=1, keepdims=True)
    return np.where(total > 0, proba / np.where(total > 0, total, 1), 1 / forecasts.n_classes)


def _isotonic_regression(score, target, weight, train, test):
    regression = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    regression.fit(score[train], target, weight)
    return np.clip(regression.predict(score[test]), 0, 1)


def _logistic(forecasts, train, test, method):
    slope, intercept = fit_logits(forecasts.take(train), fit_intercept=method == "logistic")
    recalibrated = slope * forecasts.logits()[test] + intercept
    return LogLoss(forecasts.n_classes).link(recalibrated)


def fit_logits(forecasts, fit_intercept=True):
    """Return (slope, intercept) of the logits that minimise the log loss.

    Of K > 2 classes, one slope and an intercept for each class, summing to zero.

    Parameters
    ----------
    forecasts : Forecasts
    fit_intercept : bool
    """
    z = forecasts.logits()
    n_intercepts = (1 if z.ndim == 1 else z.shape[1]) if fit_intercept else 0
    # A scale at which the slope is about one, whatever the size of the logits.
    size = float(np.sqrt(forecasts.mean(np.square(z.reshape(len(z), -1)).mean(axis=1)))) or 1.0
    problem = _LogitProblem(forecasts, z / size, n_intercepts)
    result = minimize(
        problem.value_gradient,
        np.zeros(1 + n_intercepts),
        jac=True,
        hess=problem.hessian,
        method="trust-exact",
        options={"gtol": GRADIENT_TOL, "initial_trust_radius": 1.0, "max_trust_radius": 1e6},
    )
    slope, intercept = result.x[0] / size, result.x[1:]
    if not fit_intercept:
        return float(slope), 0.0
    return float(slope), float(intercept[0]) if z.ndim == 1 else intercept - intercept.mean()


class _LogitProblem:
    # Mean log loss of slope * z + intercept, with its derivatives.

    def __init__(self, forecasts, z, n_intercepts):
        self.loss = LogLoss(forecasts.n_classes)
        self.z = z
        self.n_intercepts = n_intercepts
        self.target = forecasts.label
        if forecasts.target is not None:
            self.target = forecasts.target[:, 1] if z.ndim == 1 else forecasts.target
        weight = np.ones(len(z)) if forecasts.sample_weight is None else forecasts.sample_weight
        self.weight = weight / weight.sum()

    def raw_prediction(self, x):
        return x[0] * self.z + (x[1:] if self.n_intercepts else 0.0)

    def value_gradient(self, x):
        value, gradient = self.loss.value_gradient(self.target, self.raw_prediction(x), self.weight)
        in_intercept = np.atleast_1d(gradient.sum(axis=0))[: self.n_intercepts]
        return value.sum(), np.append(np.vdot(gradient, self.z), in_intercept)

    def hessian(self, x):
        proba = self.loss.link(self.raw_prediction(x))
        n = 1 + self.n_intercepts
        if self.z.ndim == 1:
            columns = np.column_stack([self.z, np.ones_like(self.z)])[:, :n]
            return (columns * (self.weight * proba[:, 0] * proba[:, 1])[:, None]).T @ columns
        mean = np.sum(proba * self.z, axis=1)
        deviation = proba * (self.z - mean[:, None])
        hessian = np.empty((n, n))
        hessian[0, 0] = self.weight @ np.sum(deviation * self.z, axis=1)
        if self.n_intercepts:
            hessian[0, 1:] = hessian[1:, 0] = self.weight @ deviation
            hessian[1:, 1:] = np.diag(self.weight @ proba) - (proba.T * self.weight) @ proba
            # The same added to all intercepts changes nothing: curvature along it, for the solver.
            hessian[1:, 1:] += 1 / self.n_intercepts**2
        return hessian
