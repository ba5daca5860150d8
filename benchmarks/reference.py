"""Optima, to say how far from them a fit is."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from benchmarks.tasks import MAX_ITER, Intercept, with_constant
from sklogloss import LogLossClassifier


def optimum(task, intercept_is):
    """Return the smallest objective of a task, for what becomes of the intercept."""
    X = with_constant(task.X) if intercept_is is Intercept.PENALISED else task.X
    fit_intercept = intercept_is is Intercept.FREE
    is_binary_l1 = task.l1_ratio > 0 and task.n_outputs == 1
    minimise = smallest_elastic_net if is_binary_l1 else smallest_to_tolerance
    coef, intercept = minimise(task, X, fit_intercept)
    if intercept_is is Intercept.PENALISED:
        coef, intercept = coef[:, :-1], coef[:, -1]
    return task.objective(coef, intercept, intercept_is)


def smallest_to_tolerance(task, X, fit_intercept):
    """Return coef and intercept, the largest entry of the (sub)gradient below 1e-10."""
    model = LogLossClassifier(
        C=task.C,
        l1_ratio=task.l1_ratio,
        solver="newton-cg" if task.l1_ratio == 0 else "auto",
        tol=1e-10,
        max_iter=MAX_ITER,
        fit_intercept=fit_intercept,
    )
    model.fit(X, task.y)
    return model.coef_, model.intercept_


def smallest_elastic_net(task, X, fit_intercept):
    """Return coef and intercept for two classes.

    coef is the difference of two vectors that are not negative: the L1 norm is then their sum, and
    L-BFGS-B minimises a smooth function within bounds.
    """
    n_samples, n_features = X.shape
    l1, l2 = task.alpha * task.l1_ratio, task.alpha * (1 - task.l1_ratio)
    target = task.class_index
    sign = 2.0 * target - 1

    def mean_objective_and_gradient(x):
        positive, negative, intercept = np.split(x, [n_features, 2 * n_features])
        coef = positive - negative
        raw_prediction = X @ coef + intercept.sum()
        residual = (expit(raw_prediction) - target) / n_samples
        value = np.logaddexp(0, -sign * raw_prediction).mean()
        value += l1 * (positive.sum() + negative.sum()) + l2 / 2 * coef @ coef
        smooth = X.T @ residual + l2 * coef
        return value, np.concatenate([smooth + l1, l1 - smooth, [residual.sum()][: intercept.size]])

    n_intercepts = int(fit_intercept)
    result = minimize(
        mean_objective_and_gradient,
        np.zeros(2 * n_features + n_intercepts),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * (2 * n_features) + [(None, None)] * n_intercepts,
        options={"maxiter": 100_000, "maxfun": 200_000, "maxcor": 30, "ftol": 0, "gtol": 1e-10},
    )
    coef = result.x[:n_features] - result.x[n_features : 2 * n_features]
    return coef[np.newaxis], np.array([result.x[2 * n_features :].sum()])
