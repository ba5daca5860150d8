"""grpnet, the elastic net by coordinate descent inside iteratively reweighted least squares.

It minimises the mean loss plus alpha times the penalty, the multinomial loss divided by the number
of classes. It solves for paths of penalties; here the path has one. It reads X by column, hence
the conversion. For more than two classes its L1 penalty is on groups of coefficients, so only L2
is compared.

Its outer tolerance bounds a squared change, so it gets the square of tol. The inner tolerance is
loose, which is fastest: the outer iterations correct what the inner ones leave.
"""

import adelie
import numpy as np
from scipy import sparse

from benchmarks.tasks import Intercept

PATH_INTERCEPTS = (True, False)

INNER_TOL = 1e-5


def solvers(task):
    if task.n_outputs > 1 and task.l1_ratio > 0:
        return {}
    return {"irls": Intercept.FREE}


def by_column(X, n_threads):
    if sparse.issparse(X):
        return adelie.matrix.sparse(X.tocsc(), method="naive", n_threads=n_threads)
    return adelie.matrix.dense(np.asfortranarray(X), method="naive", n_threads=n_threads)


def fit(task, solver, tol, n_threads):
    if task.n_outputs == 1:
        family = adelie.glm.binomial(task.class_index.astype(np.float64))
        alpha = task.alpha
    else:
        family = adelie.glm.multinomial(np.eye(task.n_outputs)[task.class_index])
        alpha = task.alpha / task.n_outputs
    state = adelie.grpnet(
        by_column(task.X, n_threads),
        family,
        alpha=task.l1_ratio,
        penalty=np.ones(task.X.shape[1]),
        lmda_path=[alpha],
        irls_tol=tol**2,
        tol=INNER_TOL,
        early_exit=False,
        progress_bar=False,
        n_threads=n_threads,
    )
    coef = state.betas[-1].toarray().reshape(task.X.shape[1], task.n_outputs).T
    return coef, np.atleast_1d(state.intercepts[-1])


def path(task, Cs, fit_intercept, tol, n_threads):
    state = adelie.grpnet(
        by_column(task.X, n_threads),
        adelie.glm.binomial(task.class_index.astype(np.float64)),
        penalty=np.ones(task.X.shape[1]),
        lmda_path=1 / (Cs * task.X.shape[0]),
        irls_tol=tol**2,
        tol=INNER_TOL,
        early_exit=False,
        progress_bar=False,
        intercept=fit_intercept,
        n_threads=n_threads,
    )
    return np.asarray(state.betas.toarray()), np.asarray(state.intercepts)
