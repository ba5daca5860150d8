"""LogisticRegression."""

import warnings

import sklearn
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from benchmarks.tasks import MAX_ITER, hessian_is_small

NAME = "scikit-learn"
VERSION = sklearn.__version__


def solvers(task):
    names = ["lbfgs", "newton-cg"]
    return [*names, "newton-cholesky"] if hessian_is_small(task) else names


def fit(task, solver, tol):
    model = LogisticRegression(C=task.C, solver=solver, tol=tol, max_iter=MAX_ITER)
    with warnings.catch_warnings():
        # A run that falls short is recognised by its objective.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", LinAlgWarning)
        model.fit(task.X, task.y)
    return model.coef_, model.intercept_
