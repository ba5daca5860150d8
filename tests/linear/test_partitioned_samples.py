"""Passes over rows in partitions: those over the same rows together."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from sklogloss.linear.objective import Coordinates
from sklogloss.linear.partitioned_samples import PartitionedDesign, PartitionedSamples, facts_of
from sklogloss.linear.samples import Samples, make_design, random_rows
from sklogloss.losses import FocalLoss, LogLoss

dask = pytest.importorskip("dask")
SIZES = (700, 5, 300, 1, 994)


@pytest.fixture(params=["dense", "sparse", "three classes"])
def both(request):
    """Return Samples, the same rows in partitions, and a loss."""
    from sklogloss.dask.partitions import DaskPartitions

    rng = np.random.default_rng(0)
    n, p = sum(SIZES), 4
    X = rng.normal(size=(n, p)) * [1, 10, 1, 1] + [0, 100, 0, 0]
    X[:, 3] = 2.5
    if request.param == "sparse":
        X = sparse.csr_array(X * (rng.random((n, p)) < 0.5))
    k = 3 if request.param == "three classes" else 1
    loss = (LogLoss(3) if k == 3 else FocalLoss(2.0, 2)).kernel()
    target = np.asfortranarray(rng.integers(0, 3 if k == 3 else 2, size=(n, 1)), dtype=float)
    weight = rng.integers(0, 3, size=n).astype(float)
    weight[705:1005:7] = 2.0
    weight[1005] = 1.0
    offset = np.asfortranarray(rng.normal(size=(n, k)))
    whole = Samples(make_design(X), target, weight, offset)
    ends = np.cumsum(SIZES)
    parts = [whole.take(np.arange(end - size, end)) for end, size in zip(ends, SIZES, strict=True)]
    facts = tuple(facts_of(part, k) for part in parts)
    n_weighted = sum(each.n_samples for each in facts)
    design = PartitionedDesign(
        n_weighted, p, whole.design.n_stored, sparse.issparse(X), whole.dtype, False
    )
    values = [dask.delayed(part, traverse=False) for part in parts]
    partitions = DaskPartitions.of(values, True)
    return whole, PartitionedSamples(partitions, facts, design), loss


def predictor_of(loss):
    rng = np.random.default_rng(1)
    return rng.normal(size=(4, loss.n_columns)) / 100, rng.normal(size=loss.n_columns)


def assert_close(found, expected):
    # Sums of 2,000 terms in another order.
    scale = np.max(np.abs(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2000 * np.finfo(float).eps * scale)


def test_facts_are_those_of_the_rows_with_weight(both):
    whole, parts, loss = both
    k = loss.n_columns
    assert parts.n_samples == len(whole.rows_with_weight)
    assert parts.weight_sum == whole.weight_sum
    assert parts.rarest_class(k) == whole.rarest_class(k)
    assert parts.lightest_weight(k) == whole.lightest_weight(k) == 1
    assert parts.median_offset().shape == (k,)
    below = (whole.offset[whole.rows_with_weight] <= parts.median_offset()).mean(axis=0)
    assert np.all((below > 0.4) & (below < 0.6))


def test_taken_rows_are_those_among_the_rows_with_weight(both):
    whole, parts, _ = both
    rows = random_rows(parts, 100)
    taken, expected = parts.take(rows), whole.take(whole.rows_with_weight[rows])
    for name in ("target", "weight", "offset"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(expected, name))
    as_dense = (lambda X: X.toarray()) if sparse.issparse(expected.design.X) else np.asarray
    np.testing.assert_array_equal(as_dense(taken.design.X), as_dense(expected.design.X))


def test_columns_and_types_are_taken_in_each_partition(both):
    _, parts, loss = both
    some = parts.columns(np.array([0, 2])).astype(np.float32, dense=True)
    assert (some.design.n_features, some.dtype, some.design.is_sparse) == (2, np.float32, False)
    predictor = [array[:2] for array in predictor_of(loss)[:1]] + [np.zeros(loss.n_columns)]
    assert some.value_gradient(loss, predictor)[0].shape == (1 + 3 * loss.n_columns,)


@pytest.mark.parametrize("centred", [True, False])
def test_moments(both, centred):
    whole, parts, _ = both
    expected = whole.moments(centred=centred)
    for one, other in zip(parts.moments(centred=centred), expected, strict=True):
        assert_close(one, other)


def test_constant_columns_and_largest_entries(both):
    whole, parts, _ = both
    columns = np.arange(4)
    np.testing.assert_array_equal(parts.constant_columns(columns), whole.constant_columns(columns))
    assert_close(parts.largest_entries(columns >= 0), whole.largest_entries(columns >= 0))


def test_constant_columns_of_sparse_rows_need_no_dense_copy():
    from sklogloss.dask.partitions import DaskPartitions

    n, p = 2000, 500
    X = sparse.random_array((n, p), density=0.01, format="csr", rng=np.random.default_rng(0))
    X = sparse.csr_array(sparse.hstack([X, np.ones((n, 1)), np.zeros((n, 1))]))
    samples = Samples(make_design(X), np.asfortranarray(np.arange(n) % 2.0)[:, None])
    design = PartitionedDesign(n, p + 2, X.nnz, True, samples.dtype, False)
    partitions = DaskPartitions.of([dask.delayed(samples, traverse=False)], True)
    parts = PartitionedSamples(partitions, (facts_of(samples, 1),), design)
    with dask.config.set(scheduler="sync"):
        parts.constant_columns(np.arange(2))  # imports what Dask imports late
        tracemalloc.start()
        found = parts.constant_columns(np.arange(p + 2))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    np.testing.assert_array_equal(found, [p, p + 1])
    assert peak < n * p * 8 / 4


def test_passes(both):
    whole, parts, loss = both
    predictor, k = predictor_of(loss), loss.n_columns
    coordinates = Coordinates(np.arange(4.0), np.ones(4), k, True)
    curvatures = []
    for samples in (whole, parts):
        _, curvature = samples.value_gradient(loss, predictor, curvature=True)
        curvatures.append(curvature)
    passes = [
        lambda samples, curvature: samples.value_gradient(loss, predictor)[0],
        lambda samples, curvature: samples.value_gradient(loss, predictor, curvature=True)[0],
        lambda samples, curvature: samples.value_gradient_hessian(loss, predictor, coordinates),
        lambda samples, curvature: curvature.hessian_product(predictor),
        lambda samples, curvature: curvature.hessian_diagonal(np.ones(4))[0],
        lambda samples, curvature: samples.moments(curvature.of_rows(), centred=True)[1],
    ]
    for one in passes:
        assert_close(one(parts, curvatures[1]), one(whole, curvatures[0]))
    assert curvatures[1].of_rows().any()
    if k > 1:
        # In float32.
        np.testing.assert_allclose(
            curvatures[1].class_mean_hessian(coordinates),
            curvatures[0].class_mean_hessian(coordinates),
            rtol=1e-4,
        )


def test_samples_and_kernels_are_pickled(both):
    import pickle

    whole, _, loss = both
    again, kernel = pickle.loads(pickle.dumps((whole, loss)))
    predictor = predictor_of(loss)
    sums = [
        samples.value_gradient(of, predictor)[0] for samples, of in ((whole, loss), (again, kernel))
    ]
    np.testing.assert_array_equal(*sums)
