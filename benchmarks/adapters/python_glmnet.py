"""LogitNet, the Fortran of R's glmnet: coordinate descent on paths, on one thread.

It solves for paths of penalties; here the path of a fit has one. It minimises the mean loss plus
lambda times the penalty, and reads X by column, hence the conversion. A path ends early where
hardly any deviance is left: the last solution stands for those that are missing, which their
objectives show. Its tolerance bounds a squared change, so it gets the square of tol.
"""

import warnings

import numpy as np
from glmnet import LogitNet
from scipy import sparse

from benchmarks.tasks import MAX_ITER, Intercept

PATH_INTERCEPTS = (True, False)


def solvers(task):
    # For more than two classes its multinomial model is the same as ours.
    return {"coordinate-descent": Intercept.FREE}


def fit(task, solver, tol, n_threads):
    model = _fitted(task, [task.alpha], True, tol, task.l1_ratio)
    return model.coef_path_[:, :, -1], model.intercept_path_[:, -1]


def path(task, Cs, fit_intercept, tol, n_threads):
    model = _fitted(task, 1 / (Cs * task.X.shape[0]), fit_intercept, tol, 1.0)
    places = np.minimum(np.arange(len(Cs)), model.coef_path_.shape[2] - 1)
    intercepts = np.broadcast_to(model.intercept_path_, (1, model.coef_path_.shape[2]))
    return model.coef_path_[0].T[places], intercepts[0][places]


def _fitted(task, lambdas, fit_intercept, tol, l1_ratio):
    model = LogitNet(
        alpha=l1_ratio,
        lambda_path=np.asarray(lambdas),
        standardize=False,
        fit_intercept=fit_intercept,
        n_splits=0,
        tol=tol**2,
        max_iter=100 * MAX_ITER,
    )
    X = task.X.tocsc() if sparse.issparse(task.X) else np.asfortranarray(task.X)
    with warnings.catch_warnings():
        # A run that falls short is recognised by its objective.
        warnings.simplefilter("ignore")
        return model.fit(X, task.class_index)
