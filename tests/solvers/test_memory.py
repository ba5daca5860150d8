"""The memory of a plan is said beforehand, and a fit that cannot have it does not begin."""

import re
import tracemalloc
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from sklogloss import LogLossClassifier
from sklogloss.solvers.plan import MANY_PARAMETERS


def sparse_rows(n_samples, n_features, n_classes):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(n_samples) % n_classes)
    indices = rng.integers(n_features, size=(n_samples, 20))
    indices[:, :5] = (7919 * y[:, None] + np.arange(5)) % n_features
    data = rng.random(indices.size, dtype=np.float32)
    rows = np.repeat(np.arange(n_samples), 20)
    X = sparse.csr_array((data, (rows, indices.ravel())), shape=(n_samples, n_features))
    return X, y


def dense_rows(n_samples, n_features, n_classes):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(n_samples) % n_classes)
    centres = rng.normal(size=(n_classes, n_features))
    X = 0.3 * centres[y] + rng.normal(size=(n_samples, n_features))
    return X.astype(np.float32), y


@pytest.mark.parametrize(
    ("make", "solver", "l1_ratio"),
    [
        (sparse_rows, "auto", 0),
        (sparse_rows, "lbfgs", 0),
        (sparse_rows, "auto", 1),
        (dense_rows, "newton-cholesky", 0),
        (dense_rows, "newton-cg", 0),
        (dense_rows, "lbfgs", 0),
        (dense_rows, "auto", 1),
    ],
)
def test_no_more_memory_is_taken_than_was_said(make, solver, l1_ratio, capsys):
    size = (600, 4000, 60) if make is sparse_rows else (2000, 60, 200)
    X, y = make(*size)
    clf = LogLossClassifier(solver=solver, l1_ratio=l1_ratio, C=0.1, max_iter=20, verbose=1)
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf.fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (said,) = re.findall(r"memory: up to ([\d,]+) MiB", capsys.readouterr().out)
    assert peak <= (int(said.replace(",", "")) + 1 / 2) * 2**20
    assert clf.coef_.size > MANY_PARAMETERS


def test_a_hessian_of_many_features_counts(capsys):
    X, y = dense_rows(50, 6100, 2)
    with pytest.warns(ConvergenceWarning):
        LogLossClassifier(solver="newton-cholesky", max_iter=0, verbose=1).fit(X, y)
    (said,) = re.findall(r"memory: up to ([\d,]+) MiB", capsys.readouterr().out)
    # With its factor.
    assert int(said.replace(",", "")) >= 2 * 8 * 6101**2 // 2**20


def test_more_memory_than_there_is_is_an_error_before_the_fit():
    X, y = sparse_rows(2000, 1_000_000_000, 1000)
    tracemalloc.start()
    with pytest.raises(MemoryError, match=r"1,000 x 1,000,000,000 coefficients takes up to .* GiB"):
        LogLossClassifier().fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Not even one number for each feature.
    assert peak < X.shape[1]
