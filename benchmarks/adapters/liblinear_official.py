"""LIBLINEAR by its own Python interface, for two classes (more are fitted one against the rest).

Option -R leaves the intercept free. It runs on one thread. Its interface copies the data to
LIBLINEAR's format; a dense array goes through SciPy's CSR format first, as the interface copies a
dense array row by row in Python, which takes much longer. The copies are timed.
"""

import numpy as np
from liblinear.liblinearutil import train
from scipy import sparse

from benchmarks.tasks import Intercept

SOLVERS = {"newton": 0, "coordinate-descent": 6}


def solvers(task):
    if task.n_outputs > 1 or 0 < task.l1_ratio < 1:
        return {}
    return {"coordinate-descent" if task.l1_ratio == 1 else "newton": Intercept.FREE}


def fit(task, solver, tol, n_threads):
    model = train(
        2.0 * task.class_index - 1,
        sparse.csr_matrix(task.X),
        f"-s {SOLVERS[solver]} -c {task.C} -e {tol} -B 1 -R -q",
    )
    coef, intercept = model.get_decfun()  # of the label +1
    return np.array([coef]), np.array([intercept])
