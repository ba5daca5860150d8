"""Logistic datafit with an elastic net or an L2 penalty, for two classes, on one thread.

It minimises the mean loss plus alpha times the penalty. prox-newton leaves the intercept free.
lbfgs knows no intercept: it gets a column of ones, and penalises it. Numba compiles for each kind
of data in the first call. Both solvers go through the data by column, hence the conversion. A path
is made by one prox-newton model, each fit the start of the next.
"""

import warnings

import numpy as np
from scipy import sparse
from skglm import GeneralizedLinearEstimator
from skglm.datafits import Logistic
from skglm.penalties import L1, L2, L1_plus_L2
from skglm.solvers import LBFGS, ProxNewton

from benchmarks.tasks import MAX_ITER, Intercept, with_constant

PATH_INTERCEPTS = (True, False)


def solvers(task):
    if task.n_outputs > 1:
        return {}
    if task.l1_ratio > 0:
        return {"prox-newton": Intercept.FREE}
    return {"prox-newton": Intercept.FREE, "lbfgs": Intercept.PENALISED}


def by_column(X):
    return X.tocsc() if sparse.issparse(X) else np.asfortranarray(X)


def fit(task, solver, tol, n_threads):
    with warnings.catch_warnings():
        # A run that falls short is recognised by its objective.
        warnings.simplefilter("ignore")
        if solver == "lbfgs":
            coef, _, _ = LBFGS(max_iter=MAX_ITER, tol=tol).solve(
                by_column(with_constant(task.X)),
                2.0 * task.class_index - 1,
                Logistic(),
                L2(task.alpha),
            )
            return coef[np.newaxis, :-1], coef[-1:]
        model = GeneralizedLinearEstimator(
            Logistic(),
            L1_plus_L2(task.alpha, task.l1_ratio),
            ProxNewton(tol=tol, max_iter=MAX_ITER, fit_intercept=True),
        )
        model.fit(by_column(task.X), task.y)
    return model.coef_, np.array([model.intercept_])


def path(task, Cs, fit_intercept, tol, n_threads):
    X = by_column(task.X)
    coefs, intercepts = np.empty((len(Cs), X.shape[1])), np.zeros(len(Cs))
    penalty = L1(1.0)
    model = GeneralizedLinearEstimator(
        Logistic(),
        penalty,
        ProxNewton(tol=tol, max_iter=MAX_ITER, fit_intercept=fit_intercept, warm_start=True),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i, C in enumerate(Cs):
            penalty.alpha = 1 / (C * X.shape[0])
            model.fit(X, task.y)
            coefs[i] = model.coef_[0]
            intercepts[i] = np.ravel(model.intercept_)[0]
    return coefs, intercepts
