"""LogisticRegression with an L1 penalty, the only one it has, for two classes, on one thread.

It fits no intercept. The path is that of celer_path with the solver that is the default of
LogisticRegression, prox-Newton; it reads X by column, hence the conversion. Its tolerance bounds
the duality gap, as a part of that of zero.
"""

import warnings

import numpy as np
from celer import LogisticRegression
from celer.homotopy import celer_path
from scipy import sparse

from benchmarks.tasks import MAX_ITER, Intercept

PATH_INTERCEPTS = (False,)


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


def path(task, Cs, fit_intercept, tol, n_threads):
    X = task.X.tocsc() if sparse.issparse(task.X) else np.asfortranarray(task.X)
    sign = 2.0 * task.class_index - 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, coefs, _ = celer_path(
            X, sign, pb="logreg", alphas=1 / Cs, max_iter=MAX_ITER, tol=tol, use_PN=True
        )
    return coefs.T, np.zeros(len(Cs))
