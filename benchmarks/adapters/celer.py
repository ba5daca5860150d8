"""LogisticRegression with an L1 penalty, the only one it has, for two classes, on one thread.

It fits no intercept.
"""

import warnings

import numpy as np
from celer import LogisticRegression

from benchmarks.tasks import MAX_ITER, Intercept


def solvers(task):
    if task.n_outputs > 1 or task.l1_ratio != 1:
        return {}
    return dict.fromkeys(["celer-pn", "celer"], Intercept.ABSENT)


def fit(task, solver, tol, n_threads):
    model = LogisticRegression(C=task.C, solver=solver, tol=tol, max_iter=MAX_ITER)
    with warnings.catch_warnings():
        # A run that falls short is recognised by its objective.
        warnings.simplefilter("ignore")
        model.fit(task.X, task.y)
    return model.coef_, np.zeros(1)
