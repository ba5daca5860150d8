"""The solver of "auto" fits the shape of the data."""

import numpy as np
import pytest
from scipy import sparse

from sklogloss.linear.design import make_design
from sklogloss.solvers.select import SOLVERS, select_solver


@pytest.mark.parametrize(
    ("n_samples", "n_features", "n_columns", "expected"),
    [
        (1000, 20, 1, "newton-cholesky"),
        (1000, 5, 10, "newton-cholesky"),
        (20, 2000, 1, "newton-cg"),
        (4000, 800, 10, "newton-cg"),
    ],
)
def test_dense(n_samples, n_features, n_columns, expected):
    assert expected in SOLVERS
    assert select_solver(make_design(np.zeros((n_samples, n_features))), n_columns) == expected


def test_many_sparse_features_never_form_a_hessian():
    X = sparse.csr_array((1000, 100_000))
    assert select_solver(make_design(X), 1) == "newton-cg"
