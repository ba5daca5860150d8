"""What the tests of fits run through: solvers, containers of X, estimators; and their optimum."""

import numpy as np
from scipy import sparse

from sklogloss import FocalLogisticRegression, LogLossClassifier

SOLVERS = ["auto", "newton-cholesky", "newton-cg", "lbfgs", "coordinate-descent"]
# Pairs of solver and l1_ratio.
WITH_L1 = [*[(solver, 0.0) for solver in SOLVERS], ("auto", 0.5), ("coordinate-descent", 1.0)]
CONTAINERS = [np.ascontiguousarray, np.asfortranarray, sparse.csr_array, sparse.csc_matrix]
ESTIMATORS = [LogLossClassifier, FocalLogisticRegression]
# The largest entry of the gradient of the mean objective that is not held by a bound.
TIGHT = {"tol": 1e-10, "max_iter": 1000}


def check_optimum(reference, estimator, solver, X, y, **parameters):
    """Check a weighted fit against SciPy's optimum, for all containers of X."""
    weight = np.random.default_rng(1).uniform(0.5, 2, size=len(y))
    clf = estimator(solver=solver, **parameters, **TIGHT)
    gamma = getattr(clf, "gamma", 0.0)
    objective = reference(X, y, sample_weight=weight, gamma=gamma, **parameters)
    other = objective.value(*objective.optimum())
    for container in CONTAINERS:
        clf.fit(container(X), y, sample_weight=weight)
        assert objective.violation(clf.coef_, clf.intercept_) <= TIGHT["tol"]
        # SciPy's optimum is no lower, but for what rounding leaves.
        assert objective.value(clf.coef_, clf.intercept_) <= other * (1 + 1e-14)
