"""The optimum of a penalised loss from SciPy, for any offset, penalty factors and bounds."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

# (coef, intercept) of each problem that was solved.
OPTIMA = {}


class Reference:
    """The objective of `LogLossClassifier` by its definition, in NumPy, and SciPy's optimum of it.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
    y : array of shape (n_samples,)
        0, 1, ...
    C, l1_ratio, fit_intercept, penalty_factor, bounds
        As for `LogLossClassifier`.
    sample_weight : array of shape (n_samples,), default=None
    offset : array of shape (n_samples,) or (n_samples, n_classes), default=None
    gamma : float, default=0.0
        That of focal loss; 0 is log loss.
    """

    def __init__(
        self,
        X,
        y,
        *,
        C=1.0,
        l1_ratio=0.0,
        fit_intercept=True,
        penalty_factor=None,
        bounds=None,
        sample_weight=None,
        offset=None,
        gamma=0.0,
    ):
        n_classes = int(y.max()) + 1
        self.X, self.y, self.gamma, self.fit_intercept = X, y, gamma, fit_intercept
        self.shape = (1 if n_classes == 2 else n_classes, X.shape[1])
        self.weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight)
        self.weight = self.weight / self.weight.sum()
        total = len(X) if sample_weight is None else np.sum(sample_weight)
        factor = np.ones(X.shape[1]) if penalty_factor is None else np.asarray(penalty_factor)
        self.l1 = np.broadcast_to(l1_ratio * factor / (C * total), self.shape)
        self.l2 = np.broadcast_to((1 - l1_ratio) * factor / (C * total), self.shape)
        self.offset = 0.0 if offset is None else np.reshape(offset, (len(X), -1))
        lower, upper = (None, None) if bounds is None else bounds
        self.lower = np.broadcast_to(-np.inf if lower is None else lower, self.shape)
        self.upper = np.broadcast_to(np.inf if upper is None else upper, self.shape)

    def loss_gradient(self, coef, intercept):
        """Return the mean loss (nats) and its gradients in coef and intercept."""
        raw_prediction = self.X @ coef.T + intercept + self.offset
        if self.shape[0] == 1:
            raw_prediction = np.hstack([np.zeros_like(raw_prediction), raw_prediction])
        log_proba = log_softmax(raw_prediction, axis=1)
        rows, proba = np.arange(len(self.y)), np.exp(log_proba)
        surprise, p = -log_proba[rows, self.y], proba[rows, self.y]
        # 1 - p without cancellation: the probability of the other classes.
        q = np.where(np.eye(proba.shape[1])[self.y] > 0, 0, proba).sum(axis=1)
        focus = q**self.gamma
        slope = focus + (self.gamma * p * q ** (self.gamma - 1) * surprise if self.gamma else 0)
        residual = (self.weight * slope)[:, None] * (proba - np.eye(proba.shape[1])[self.y])
        residual = residual[:, -self.shape[0] :]
        return self.weight @ (focus * surprise), residual.T @ self.X, residual.sum(axis=0)

    def value(self, coef, intercept):
        """Return the objective over C times the sum of the weights, in nats."""
        penalty = np.sum(self.l1 * np.abs(coef) + self.l2 / 2 * coef**2)
        return self.loss_gradient(coef, intercept)[0] + penalty

    def violation(self, coef, intercept):
        """Return how far the Karush-Kuhn-Tucker conditions are from being met."""
        assert np.all((coef >= self.lower) & (coef <= self.upper))
        _, gradient, in_intercept = self.loss_gradient(coef, intercept)
        gradient = gradient + self.l2 * coef
        least = gradient + np.where(coef > 0, self.l1, -self.l1)
        most = gradient + np.where(coef < 0, -self.l1, self.l1)
        # At a bound the derivative may lead beyond it.
        least = np.where(coef <= self.lower, -np.inf, least)
        most = np.where(coef >= self.upper, np.inf, most)
        in_coef = np.maximum(np.maximum(least, -most), 0)
        in_intercept = np.abs(in_intercept) if self.fit_intercept else np.zeros(1)
        return max(in_coef.max(), in_intercept.max())

    def optimum(self):
        """Return coef and intercept of the minimum that L-BFGS-B finds from zero.

        Once for each problem: many tests have the same one, for several solvers.
        """
        numbers = (self.X, self.y, self.weight, self.offset, self.gamma, self.fit_intercept)
        numbers += (self.l1, self.l2, self.lower, self.upper)
        arrays = [np.asarray(part) for part in numbers if part is not None]
        assert all(array.dtype != object for array in arrays)
        key = tuple((part.shape, part.dtype.str, part.tobytes()) for part in arrays)
        if key not in OPTIMA:
            OPTIMA[key] = self._minimise()
            for array in OPTIMA[key]:
                array.setflags(write=False)
        return OPTIMA[key]

    def _minimise(self):
        """Return coef and intercept.

        The coefficients are differences of two parts that are not negative, whose L1 norm is
        smooth.
        """
        size, n_columns = self.l1.size, self.shape[0]
        sides = np.concatenate(
            [
                np.column_stack(
                    [np.maximum(self.lower, 0).ravel(), np.maximum(self.upper, 0).ravel()]
                ),
                np.column_stack(
                    [np.maximum(-self.upper, 0).ravel(), np.maximum(-self.lower, 0).ravel()]
                ),
                np.tile([-np.inf, np.inf] if self.fit_intercept else [0.0, 0.0], (n_columns, 1)),
            ]
        )

        def parts(x):
            return (
                x[:size].reshape(self.shape),
                x[size : 2 * size].reshape(self.shape),
                x[2 * size :],
            )

        def value_gradient(x):
            plus, minus, intercept = parts(x)
            coef = plus - minus
            loss, in_coef, in_intercept = self.loss_gradient(coef, intercept)
            in_coef = in_coef + self.l2 * coef
            value = loss + np.sum(self.l1 * (plus + minus) + self.l2 / 2 * coef**2)
            gradient = [(in_coef + self.l1).ravel(), (-in_coef + self.l1).ravel(), in_intercept]
            return value, np.concatenate(gradient)

        start = np.clip(np.zeros(len(sides)), *sides.T)
        options = {"maxiter": 100_000, "maxfun": 1_000_000, "gtol": 1e-12, "ftol": 0, "maxcor": 50}
        result = minimize(
            value_gradient, start, jac=True, bounds=sides, method="L-BFGS-B", options=options
        )
        plus, minus, intercept = parts(result.x)
        return plus - minus, intercept


@pytest.fixture
def reference():
    return Reference
