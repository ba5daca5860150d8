"""What tests of several solvers need: a penalised log loss in NumPy, minimised by SciPy."""

from typing import ClassVar

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

from sklogloss.linear.objective import balanced_objective
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty


class LogLossProblem:
    """The mean log loss of labels, with an elastic net, bounds and an offset, in plain NumPy.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    y : array of shape (n_samples,)
        Class indices.
    l1, l2 : float or array of shape (n_features, 1)
    lower, upper : float or array of shape (n_features, n_columns)
    weight : array of shape (n_samples,), default=None
    offset : array of shape (n_samples, n_columns), default=None
    fit_intercept : bool, default=True
    """

    OPTIMA: ClassVar = {}  # several solvers are asked for the same one

    def __init__(
        self,
        X,
        y,
        *,
        l1=0.0,
        l2=0.0,
        lower=-np.inf,
        upper=np.inf,
        weight=None,
        offset=None,
        fit_intercept=True,
    ):
        self.X, self.y, self.weight, self.offset = X, y, weight, offset
        self.n_classes = int(y.max()) + 1
        self.shape = X.shape[1], 1 if self.n_classes == 2 else self.n_classes
        self.l1, self.l2, self.lower, self.upper = (
            np.broadcast_to(array, self.shape) for array in (l1, l2, lower, upper)
        )
        self.penalty = Penalty(l1, l2, lower, upper)
        self.fit_intercept = fit_intercept

    def objective(self, n_threads=1):
        """Return the package's objective for it."""
        target = np.asfortranarray(self.y[:, None], dtype=self.X.dtype)
        offset = None if self.offset is None else np.asfortranarray(self.offset)
        samples = Samples(make_design(self.X), target, self.weight, offset, n_threads)
        kernel = LogLoss(self.n_classes).kernel()
        return balanced_objective(samples, kernel, self.penalty, fit_intercept=self.fit_intercept)

    def _value_gradient(self, coef, intercept):
        # Of the smooth part, in coef and intercept.
        raw_prediction = self.X @ coef + intercept
        if self.offset is not None:
            raw_prediction = raw_prediction + self.offset
        n_samples, k = raw_prediction.shape
        weight = np.ones(n_samples) if self.weight is None else self.weight
        share = weight / weight.sum()
        if k == 1:
            margin = np.where(self.y == 1, raw_prediction[:, 0], -raw_prediction[:, 0])
            loss, residual = np.logaddexp(0, -margin), expit(raw_prediction) - self.y[:, None]
        else:
            loss = -log_softmax(raw_prediction, axis=1)[np.arange(n_samples), self.y]
            residual = softmax(raw_prediction, axis=1) - np.eye(k)[self.y]
        residual = share[:, None] * residual
        value = share @ loss + np.sum(self.l2 * coef**2) / 2
        in_intercept = residual.sum(axis=0) * self.fit_intercept
        return value, np.asarray(self.X.T @ residual) + self.l2 * coef, in_intercept

    def value(self, coef, intercept):
        """Return the objective in nats."""
        return self._value_gradient(coef, intercept)[0] + np.sum(self.l1 * np.abs(coef))

    def violation(self, coef, intercept):
        """Return the largest violation of the Karush-Kuhn-Tucker conditions."""
        assert np.all((self.lower <= coef) & (coef <= self.upper))
        _, gradient, in_intercept = self._value_gradient(coef, intercept)
        # Derivatives to the right and to the left, where there is room.
        right = np.where(coef < self.upper, gradient + np.where(coef >= 0, self.l1, -self.l1), 0)
        left = np.where(coef > self.lower, -gradient + np.where(coef <= 0, self.l1, -self.l1), 0)
        return max(-right.min(), -left.min(), np.abs(in_intercept).max(), 0)

    def optimum(self):
        """Return the least value, by L-BFGS-B in the positive and the negative parts of coef."""
        X = self.X.toarray() if sparse.issparse(self.X) else self.X
        arrays = X, self.y, self.weight, self.offset, self.l1, self.l2, self.lower, self.upper
        key = (*(None if a is None else a.tobytes() for a in arrays), self.fit_intercept)
        if key not in self.OPTIMA:
            self.OPTIMA[key] = self._optimum()
        return self.OPTIMA[key]

    def _optimum(self):
        n = np.prod(self.shape)

        def parts_of(x):
            return (x[: 2 * n].reshape(2, *self.shape), x[2 * n :])

        def value_gradient(x):
            parts, intercept = parts_of(x)
            value, gradient, in_intercept = self._value_gradient(parts[0] - parts[1], intercept)
            value += np.sum(self.l1 * parts.sum(axis=0))
            gradient = np.stack([gradient + self.l1, self.l1 - gradient])
            return value, np.concatenate([gradient.ravel(), in_intercept])

        sides = [(self.lower, self.upper), (-self.upper, -self.lower)]
        bounds = [np.maximum([low.ravel(), high.ravel()], 0).T for low, high in sides]
        bounds = np.vstack([*bounds, np.tile([-np.inf, np.inf], (self.shape[1], 1))])
        # What a gradient of 1e-9 leaves is its square over twice the curvature.
        options = {"ftol": 0.0, "gtol": 1e-9, "maxiter": 50_000, "maxfun": 100_000, "maxcor": 30}
        start = np.clip(0, bounds[:, 0], bounds[:, 1])
        return minimize(value_gradient, start, jac=True, bounds=bounds, options=options).fun


def simulate(n_samples=200, n_features=12, n_classes=2, *, density=None, seed=0):
    """Return X, of which only some columns matter, and y; with a density X is a CSR array."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)) + 0.5 * rng.normal(size=(n_samples, 1))
    if density is not None:
        X = np.abs(X) * (rng.random(X.shape) < density)
    coef = np.where(np.arange(n_features) % 3 == 0, 1.0, -0.1)
    raw_prediction = X @ coef / np.sqrt(n_features) + rng.logistic(size=n_samples)
    edges = np.quantile(raw_prediction, np.linspace(0, 1, n_classes + 1)[1:-1])
    return X if density is None else sparse.csr_array(X), np.digitize(raw_prediction, edges)


def make_bounds(name, shape):
    """Return a pair of arrays of bounds: "none", "positive", "box", "mixed" or "fixed"."""
    lower, upper = np.full(shape, -np.inf), np.full(shape, np.inf)
    if name == "positive":
        lower[:] = 0
    elif name == "box":
        lower[:], upper[:] = -0.05, 0.1
    elif name == "mixed":
        lower[::3], upper[1::3] = 0.05, 0.0
        lower[2], upper[2] = -0.02, 0.3
    elif name == "fixed":
        lower[0] = upper[0] = 0.25
        lower[1] = upper[1] = 0.0
    return lower, upper


@pytest.fixture(scope="session")
def log_loss_problem():
    return LogLossProblem


@pytest.fixture(scope="session")
def log_loss_data():
    return simulate


@pytest.fixture(scope="session")
def bounds_of():
    return make_bounds
