"""biglasso, coordinate descent in Rust on paths of L1 penalties or elastic nets, for two classes.

It solves for paths of penalties; here the path of a fit has one. It standardises each column: a
penalty factor of the inverse of the column's spread undoes that. It reads X by column, hence the
conversion, and knows no sparse X. Without an L1 penalty it has no solver; it always fits an
intercept. With an elastic net the L2 part has the same factor as L1's, not its square, so only L1
is compared.
"""

import warnings

import numpy as np
import pybiglasso
from scipy import sparse

from benchmarks.tasks import MAX_ITER, Intercept

PATH_INTERCEPTS = (True,)


def solvers(task):
    if task.n_outputs > 1 or task.l1_ratio != 1 or sparse.issparse(task.X):
        return {}
    return {"ssr": Intercept.FREE}


def fit(task, solver, tol, n_threads):
    return _path(task, np.array([task.alpha]), tol, n_threads)


def path(task, Cs, fit_intercept, tol, n_threads):
    return _path(task, 1 / (Cs * task.X.shape[0]), tol, n_threads)


def _path(task, lambdas, tol, n_threads):
    X = np.asfortranarray(task.X)
    spread = X.std(axis=0)
    factor = np.divide(1, spread, out=np.ones_like(spread), where=spread > 0)
    with warnings.catch_warnings():
        # A run that falls short is recognised by its objective.
        warnings.simplefilter("ignore")
        result = pybiglasso.biglasso(
            X,
            task.class_index,
            lambdas=lambdas,
            penalty_factor=factor,
            eps=tol,
            max_iter=MAX_ITER,
            stop_on_saturation=False,
            n_threads=n_threads,
        )
    return result.coef.toarray().T, np.asarray(result.intercept)
