"""The solver of "auto" fits the shape of the data."""

import numpy as np
import pytest
from scipy import sparse

from sklogloss.linear.design import make_design
from sklogloss.linear.objective import LinearObjective
from sklogloss.losses import LogLoss
from sklogloss.solvers.select import SOLVERS, select_solver


def make_objective(X, n_columns):
    n_classes = max(n_columns, 2)
    target = (np.arange(X.shape[0]) % n_classes).astype(np.float64)[:, None]
    kernel = LogLoss(n_classes).kernel()
    return LinearObjective(
        make_design(X), kernel, target, None, l2=1e-3, fit_intercept=True, n_threads=1
    )


@pytest.mark.parametrize(
    ("n_samples", "n_features", "n_columns", "expected"),
    [
        (1000, 20, 1, "newton-cholesky"),
        (1000, 5, 10, "newton-cholesky"),
        (20, 2000, 1, "newton-cg"),
        (4000, 800, 10, "newton-cholesky"),
        (4000, 3000, 10, "newton-cg"),
        # The Hessian of all rows would cost more, that of a subset does not.
        (4000, 400, 1, "newton-cg"),
        (40_000, 400, 1, "newton-cholesky"),
    ],
)
def test_dense(n_samples, n_features, n_columns, expected):
    assert expected in SOLVERS
    X = np.random.default_rng(0).normal(size=(n_samples, n_features))
    assert select_solver(make_objective(X, n_columns)) == expected


def test_many_sparse_features_never_form_a_hessian():
    X = sparse.csr_array((1000, 100_000))
    assert select_solver(make_objective(X, 1)) == "newton-cg"
