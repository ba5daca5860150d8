"""scikit-learn's LogisticRegression with losses and gradients of Intel's oneDAL.

Sparse data and an L1 penalty fall back to scikit-learn itself, so those tasks are left out. So does
newton-cg, unless the preview mode is on.
"""

import os
import warnings

os.environ["SKLEARNEX_PREVIEW"] = "1"  # read during the import

from scipy import sparse
from sklearnex.linear_model import LogisticRegression

from benchmarks.tasks import MAX_ITER, Intercept


def solvers(task):
    if sparse.issparse(task.X) or task.l1_ratio > 0:
        return {}
    return dict.fromkeys(["lbfgs", "newton-cg"], Intercept.FREE)


def fit(task, solver, tol, n_threads):
    model = LogisticRegression(
        C=task.C, solver=solver, tol=tol, max_iter=MAX_ITER, n_jobs=n_threads
    )
    with warnings.catch_warnings():
        # A run that falls short is recognised by its objective.
        warnings.simplefilter("ignore")
        model.fit(task.X, task.y)
    return model.coef_, model.intercept_
