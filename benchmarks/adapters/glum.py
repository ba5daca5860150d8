"""GeneralizedLinearRegressor of the binomial family, for two classes.

It minimises the mean loss plus alpha times the penalty. Its number of threads is that of OpenMP,
which the worker sets.
"""

import warnings

import numpy as np
from glum import GeneralizedLinearRegressor

from benchmarks.tasks import MAX_ITER, Intercept


def solvers(task):
    if task.n_outputs > 1:
        return {}
    names = ["irls-cd"] if task.l1_ratio > 0 else ["irls-ls", "lbfgs"]
    return dict.fromkeys(names, Intercept.FREE)


def fit(task, solver, tol, n_threads):
    model = GeneralizedLinearRegressor(
        family="binomial",
        alpha=task.alpha,
        l1_ratio=task.l1_ratio,
        solver=solver,
        gradient_tol=tol,
        max_iter=MAX_ITER,
    )
    with warnings.catch_warnings():
        # A run that falls short is recognised by its objective.
        warnings.simplefilter("ignore")
        model.fit(task.X, task.class_index.astype(np.float64))
    return model.coef_[np.newaxis], np.array([model.intercept_])
