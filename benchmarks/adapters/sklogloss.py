"""LogLossClassifier."""

import warnings

from sklearn.exceptions import ConvergenceWarning

import sklogloss
from benchmarks.tasks import MAX_ITER, hessian_is_small

NAME = "sklogloss"
VERSION = sklogloss.__version__


def solvers(task):
    names = ["auto", "newton-cg", "lbfgs"]
    return [*names, "newton-cholesky"] if hessian_is_small(task) else names


def fit(task, solver, tol):
    model = sklogloss.LogLossClassifier(C=task.C, solver=solver, tol=tol, max_iter=MAX_ITER)
    with warnings.catch_warnings():
        # A run that falls short is recognised by its objective.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(task.X, task.y)
    return model.coef_, model.intercept_
