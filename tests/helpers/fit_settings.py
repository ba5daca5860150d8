"""What the tests of fits run through: solvers, containers of X, estimators."""

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
