"""Firth's method on collections: the estimates of the same rows in memory."""

import dask
import dask.array as da
import numpy as np
import pytest
from scipy import sparse

import sklogloss
from sklogloss.dask import FirthLogisticRegression

SIZES = (40, 1, 0, 59, 100)


def make_data(n_classes=2, n_samples=200):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 3)) * [1, 1, 10] + [0, 0, 100]
    scores = X[:, :2] @ rng.normal(size=(2, n_classes)) - 2 * np.eye(n_classes)[0]
    return X, (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)


def collected(*arrays, sizes=SIZES):
    return [da.from_array(array, chunks=(sizes, *array.shape[1:])) for array in arrays]


def assert_same_estimates(found, local):
    # The solvers stop within 1e-11 of the objective: a step of its square root beside the scale of
    # the coefficients.
    np.testing.assert_allclose(found.coef_, local.coef_, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.intercept_, local.intercept_, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(found.classes_, local.classes_)


@pytest.mark.parametrize("correction", ["flac", "flic", None])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_estimates_are_those_of_the_local_fit(correction, n_classes):
    X, y = make_data(n_classes)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 3, len(y)).astype(float)
    weight[:41] = 0  # all of two partitions
    offset = rng.normal(size=(len(y), n_classes) if n_classes > 2 else len(y))
    settings = {"intercept_correction": correction, "tol": 1e-8}
    for others in ((), (weight, offset)):
        local = sklogloss.FirthLogisticRegression(**settings).fit(X, y, *others)
        with dask.config.set(scheduler="sync"):
            found = FirthLogisticRegression(**settings).fit(*collected(X, y, *others))
        assert_same_estimates(found, local)
        assert type(found.to_local()) is sklogloss.FirthLogisticRegression


def test_start_on_a_subset_of_many_rows():
    X, y = make_data(n_samples=5000)
    local = sklogloss.FirthLogisticRegression(tol=1e-8).fit(X, y)
    with dask.config.set(scheduler="sync"):
        parts = collected(X, y, sizes=(2000, 3000))
        found = FirthLogisticRegression(tol=1e-8).fit(*parts)
    assert found.plan_ == local.plan_
    assert found.plan_.subset_sizes
    assert_same_estimates(found, local)


def test_separated_classes_and_dependent_columns_of_sparse_blocks():
    X = np.repeat([[0.0, 0.0, 1.0], [1.0, 2.0, 1.0]], [90, 110], axis=0)
    y = X[:, 0].astype(int)
    local = sklogloss.FirthLogisticRegression().fit(X, y)
    of_X, of_y = collected(X, y)
    of_X = of_X.map_blocks(sparse.csr_array, meta=sparse.csr_array((0, 0)))
    with dask.config.set(scheduler="sync"):
        found = FirthLogisticRegression().fit(of_X, of_y)
    assert np.all(np.isfinite(found.coef_))
    assert_same_estimates(found, local)


def test_bits_do_not_depend_on_workers_threads_or_schedulers(cluster):
    X, y = make_data(3)
    bits = set()
    for scheduler in ("sync", "threads", cluster):
        with dask.config.set(scheduler=scheduler):
            of_X, of_y = dask.persist(*collected(X, y)) if scheduler == cluster else collected(X, y)
            model = FirthLogisticRegression().fit(of_X, of_y)
        bits.add((model.coef_.tobytes(), model.intercept_.tobytes()))
    assert len(bits) == 1


def test_a_class_without_weight_is_an_error():
    X, y = make_data()
    weight = (y > 0).astype(float)
    message = r"the samples of the classes \[0\] have no weight"
    with (
        dask.config.set(scheduler="sync"),
        pytest.warns(UserWarning, match="sample_weight is zero"),
        pytest.raises(ValueError, match=message),
    ):
        FirthLogisticRegression().fit(*collected(X, y, weight))
