"""Classifier with the logistic loss: QNing around gradient methods.

It minimises the mean loss plus lambda_1 / 2 times the squared norm of the coefficients.
"""

import contextlib
import io

import numpy as np
from cyanure.estimators import Classifier

from benchmarks.tasks import MAX_ITER, Intercept


def solvers(task):
    if task.l1_ratio > 0:
        return {}
    return {"auto": Intercept.FREE}


def fit(task, solver, tol, n_threads):
    model = Classifier(
        loss="logistic" if task.n_outputs == 1 else "multiclass-logistic",
        penalty="l2",
        fit_intercept=True,
        lambda_1=task.alpha,
        solver=solver,
        tol=tol,
        max_iter=MAX_ITER,
        n_threads=n_threads,
        verbose=False,
    )
    with contextlib.redirect_stdout(io.StringIO()):
        model.fit(task.X, task.class_index)
    coef = np.reshape(model.coef_, (task.X.shape[1], -1)).T
    return coef, np.atleast_1d(np.squeeze(model.intercept_))
