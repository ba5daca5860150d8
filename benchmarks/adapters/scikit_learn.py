"""LogisticRegression. Its number of threads is that of BLAS and OpenMP, which the worker sets."""

import warnings

from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from benchmarks.tasks import MAX_ITER, Intercept, hessian_is_small


def solvers(task):
    if task.l1_ratio > 0:
        return {"saga": Intercept.FREE}
    names = ["lbfgs", "newton-cg"]
    if hessian_is_small(task):
        names.append("newton-cholesky")
    return dict.fromkeys(names, Intercept.FREE)


def fit(task, solver, tol, n_threads):
    model = LogisticRegression(
        C=task.C,
        l1_ratio=task.l1_ratio,
        solver=solver,
        **({} if tol is None else {"tol": tol, "max_iter": MAX_ITER}),
        random_state=0,
    )
    with warnings.catch_warnings():
        # A run that falls short is recognised by its objective.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", LinAlgWarning)
        model.fit(task.X, task.y)
    return model.coef_, model.intercept_
