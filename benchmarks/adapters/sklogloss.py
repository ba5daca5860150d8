"""LogLossClassifier, and logloss_path."""

import warnings

from sklearn.exceptions import ConvergenceWarning

from benchmarks.tasks import MAX_ITER, Intercept, hessian_is_small
from sklogloss import LogLossClassifier, logloss_path

PATH_INTERCEPTS = (True, False)


def solvers(task):
    if task.l1_ratio > 0:
        return {"auto": Intercept.FREE}
    names = ["auto", "newton-cg", "lbfgs"]
    if hessian_is_small(task):
        names.append("newton-cholesky")
    return dict.fromkeys(names, Intercept.FREE)


def fit(task, solver, tol, n_threads):
    model = LogLossClassifier(
        C=task.C,
        l1_ratio=task.l1_ratio,
        solver=solver,
        **({} if tol is None else {"tol": tol, "max_iter": MAX_ITER}),
        n_jobs=n_threads,
    )
    with warnings.catch_warnings():
        # A run that falls short is recognised by its objective.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(task.X, task.y)
    return model.coef_, model.intercept_


def path(task, Cs, fit_intercept, tol, n_threads):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = logloss_path(
            task.X,
            task.y,
            Cs=Cs,
            l1_ratio=1.0,
            fit_intercept=fit_intercept,
            tol=tol,
            max_iter=MAX_ITER,
            n_jobs=n_threads,
        )
    return found.coefs[:, 0], found.intercepts[:, 0]
