"""Recalibrated probabilities: what the forecasts should have been."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize

from sklogloss.inputs.splits import train_test_rows
from sklogloss.losses import LogLoss
from sklogloss.metrics.forecasts import Forecasts

__all__ = [
    "METHODS",
    "IsotonicFit",
    "fit_logits",
    "minimise_loss",
    "recalibrate",
    "within_reach",
]

METHODS = ("isotonic", "logistic", "temperature")
# The logistic methods stop when no entry of the gradient of the mean loss is larger.
GRADIENT_TOL = 1e-10
# Logits larger than this multiple of the median are clipped: beside their squares, those of the
# others would have no digits left.
LARGEST = 1e12
# Steps of the trust region, where logits of very different size leave no digits for its end.
MAX_ITER = 200


def recalibrate(forecasts: Forecasts, method: str, splitter: Any) -> NDArray[Any]:
    """Return recalibrated probabilities, shape (n_samples, n_classes).

    Parameters
    ----------
    forecasts : Forecasts
    method : {"isotonic", "logistic", "temperature"}
    splitter : cross-validation generator or None
        With None, each sample takes part in its own recalibration.
    """
    predict = _isotonic if method == "isotonic" else _logistic
    if splitter is None:
        return predict(forecasts, method)
    proba = np.full((len(forecasts), forecasts.n_classes), np.nan)
    n_samples = len(forecasts)
    splits = train_test_rows(splitter, np.zeros((n_samples, 1)), forecasts.label, n_samples)
    for number, (train, test) in enumerate(splits):
        if len(train) == 0:
            raise ValueError(f"cv must put samples into each training set, split {number} has none")
        proba[test] = predict(forecasts.take(train), method, forecasts.take(test))
    if np.isnan(proba).any():
        raise ValueError("cv must put each sample into a test set")
    return proba


class IsotonicFit:
    """Isotonic regression of what happened on a score, which is sorted once.

    Parameters
    ----------
    score, weight : ndarray of shape (n_samples,)
    counts : bool, default=False
        Whether a weight is a number of samples. If not, the mean weight is one sample.
    """

    def __init__(self, score: NDArray[Any], weight: NDArray[Any], *, counts: bool = False) -> None:
        self.score, self.place = np.unique(score, return_inverse=True)
        self.weight = weight if counts else weight / weight.mean()
        self.mass = np.bincount(self.place, self.weight)

    def fit(self, target: NDArray[Any]) -> IsotonicFit:
        """Fit values to what happened, an ndarray of shape (n_samples,), and return self."""
        self.frequency = self.weight @ target / self.weight.sum()
        mean = np.bincount(self.place, self.weight * target) / self.mass
        result = isotonic_regression(mean, weights=self.mass)
        self.value = np.clip(result.x, 0, 1)
        self.block_mass = np.repeat(result.weights, np.diff(result.blocks))
        return self

    def fitted(self) -> NDArray[Any]:
        """Return the values for the samples themselves."""
        return self.value[self.place]

    def predict(self, score: NDArray[Any]) -> NDArray[Any]:
        """Return values for other samples, never 0 or 1 unless the frequency is.

        A block of equal values counts as if it had one sample more, with the frequency of all: what
        happened to none of a few samples is not impossible.
        """
        value = (self.block_mass * self.value + self.frequency) / (self.block_mass + 1)
        return np.interp(score, self.score, value)


def _isotonic(forecasts: Forecasts, method: str, other: Forecasts | None = None) -> NDArray[Any]:
    targets, weight, scores = forecasts.targets(), forecasts.weights(), _scores(forecasts)
    columns = [1] if forecasts.n_classes == 2 else range(forecasts.n_classes)
    values = []
    for k in columns:
        fit = IsotonicFit(scores[:, k], weight).fit(targets[:, k])
        values.append(fit.fitted() if other is None else fit.predict(_scores(other)[:, k]))
    if forecasts.n_classes == 2:
        return np.column_stack([1 - values[0], values[0]])
    # Each class against the rest (Zadrozny and Elkan, KDD 2002).
    proba = np.column_stack(values)
    total = proba.sum(axis=1, keepdims=True)
    return np.where(total > 0, proba / np.where(total > 0, total, 1), 1 / forecasts.n_classes)


def _scores(forecasts: Forecasts) -> NDArray[Any]:
    # Scores to sort samples by, (n_samples, n_classes). Logits still differ where probabilities are
    # 1.
    if forecasts.raw_prediction is None:
        return forecasts.probabilities()
    if forecasts.n_classes == 2:
        return np.column_stack([-forecasts.raw_prediction, forecasts.raw_prediction])
    return forecasts.log_probabilities()


def _logistic(forecasts: Forecasts, method: str, other: Forecasts | None = None) -> NDArray[Any]:
    slope, intercept = fit_logits(forecasts, fit_intercept=method == "logistic")
    logits = (forecasts if other is None else other).logits()
    return LogLoss(forecasts.n_classes).link(slope * logits + intercept)


def fit_logits(
    forecasts: Forecasts, fit_intercept: bool = True
) -> tuple[float, float | NDArray[Any]]:
    """Return (slope, intercept) of the logits that minimise the log loss.

    Of K > 2 classes, one slope and an intercept for each class, summing to zero. Where all samples
    have the same logits, so that any slope is as good as another, it is 1.

    Parameters
    ----------
    forecasts : Forecasts
    fit_intercept : bool
    """
    z = forecasts.logits()
    if z.ndim == 2:
        z = z - z.mean(axis=1, keepdims=True)
    if fit_intercept and np.all(z == z[0]):
        log_frequency = np.log(np.maximum(forecasts.frequencies(), forecasts.eps))
        if z.ndim == 1:
            return 1.0, float(log_frequency[1] - log_frequency[0] - z[0])
        return 1.0, log_frequency - log_frequency.mean() - z[0]
    if not z.any():
        return 1.0, 0.0
    n_intercepts = (1 if z.ndim == 1 else z.shape[1]) if fit_intercept else 0
    # A scale at which the slope is about one, for any size of the logits, or of a few of them.
    size = float(np.median(np.abs(z[z != 0])))
    with np.errstate(over="ignore"):
        scaled = np.clip(z / size, -LARGEST, LARGEST)
    problem = _LogitProblem(forecasts, scaled, n_intercepts)
    x = minimise_loss(problem, 1 + n_intercepts)
    slope, intercept = float(x[0] / size), x[1:]
    if not fit_intercept:
        return slope, 0.0
    return slope, float(intercept[0]) if z.ndim == 1 else intercept - intercept.mean()


def within_reach(z: NDArray[Any]) -> NDArray[Any]:
    """Return logits, and those that are as good as infinite beside the others as large as that."""
    largest = max(z.max(initial=0), -z.min(initial=0))
    # A median takes longer than the fit of a calibrator. If more than half of the logits are large
    # enough beside the largest one, so is their median.
    enough = largest / LARGEST
    if enough > 0:
        n_large = np.count_nonzero(z >= enough) + np.count_nonzero(z <= -enough)
        if 2 * n_large > z.size:
            return z
    some = np.abs(z[z != 0])
    with np.errstate(over="ignore"):
        largest = LARGEST * np.median(some) if len(some) else 0.0
    return np.clip(z, -largest, largest)


class _Problem(Protocol):
    # A convex function of a few variables, with its derivatives.

    def value_gradient(self, x: NDArray[Any]) -> tuple[float, NDArray[Any]]: ...

    def hessian(self, x: NDArray[Any]) -> NDArray[Any]: ...


def minimise_loss(problem: _Problem, n_parameters: int) -> NDArray[Any]:
    """Return the minimiser of a convex function of a few variables, started at zero.

    Parameters
    ----------
    problem : object
        With `value_gradient` and `hessian`, functions of an ndarray of shape (n_parameters,). The
        variables should have a size of about one.
    n_parameters : int
    """
    result = minimize(
        problem.value_gradient,
        np.zeros(n_parameters),
        jac=True,
        hess=problem.hessian,
        method="trust-ncg",
        options={
            "gtol": GRADIENT_TOL,
            "initial_trust_radius": 1.0,
            "max_trust_radius": 1e6,
            "maxiter": MAX_ITER,
        },
    )
    return _after_newton_step(problem, result)


def _after_newton_step(problem: _Problem, result: Any) -> NDArray[Any]:
    # Close to the optimum, rounding errors hide which value is smaller, but not which gradient is.
    moved = result.x - np.linalg.lstsq(result.hess, result.jac)[0]
    _, left = problem.value_gradient(moved)
    return moved if np.linalg.norm(left) < np.linalg.norm(result.jac) else result.x


class _LogitProblem:
    # Mean log loss of slope * z + intercept, with its derivatives.

    def __init__(self, forecasts: Forecasts, z: NDArray[Any], n_intercepts: int) -> None:
        self.loss = LogLoss(forecasts.n_classes)
        self.z = z
        self.n_intercepts = n_intercepts
        self.target = forecasts.loss_target()
        self.weight = forecasts.weights() / forecasts.weights().sum()

    def raw_prediction(self, x: NDArray[Any]) -> NDArray[Any]:
        return x[0] * self.z + (x[1:] if self.n_intercepts else 0.0)

    def value_gradient(self, x: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        value, gradient = self.loss.value_gradient(self.target, self.raw_prediction(x), self.weight)
        in_intercept = np.atleast_1d(gradient.sum(axis=0))[: self.n_intercepts]
        return value.sum(), np.append(np.vdot(gradient, self.z), in_intercept)

    def hessian(self, x: NDArray[Any]) -> NDArray[Any]:
        proba = self.loss.link(self.raw_prediction(x))
        n = 1 + self.n_intercepts
        if self.z.ndim == 1:
            columns = np.column_stack([self.z, np.ones_like(self.z)])[:, :n]
            return (columns * (self.weight * proba[:, 0] * proba[:, 1])[:, None]).T @ columns
        mean = np.sum(proba * self.z, axis=1)
        deviation = proba * (self.z - mean[:, None])
        n_classes = proba.shape[1]
        hessian = np.empty((1 + n_classes, 1 + n_classes))
        hessian[0, 0] = self.weight @ np.sum(deviation * self.z, axis=1)
        hessian[0, 1:] = hessian[1:, 0] = self.weight @ deviation
        hessian[1:, 1:] = np.diag(self.weight @ proba) - (proba.T * self.weight) @ proba
        # Adding a constant to all intercepts changes nothing. The solver needs curvature there.
        hessian[1:, 1:] += 1 / n_classes**2
        return hessian[:n, :n]
