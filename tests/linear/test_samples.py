"""Rows with their targets, weights and offsets stay together, and passes are sums over them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from sklogloss.linear.design import largest_entries
from sklogloss.linear.objective import Coordinates
from sklogloss.linear.samples import Samples, make_design, random_rows
from sklogloss.losses import FocalLoss, LogLoss

N_SAMPLES, N_FEATURES = 90, 6
CONTAINERS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "CSR": sparse.csr_array,
    "CSC": sparse.csc_array,
}


def make_arrays(n_columns=1, dtype=np.float64, is_soft=False):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_SAMPLES, N_FEATURES)) * (rng.random((N_SAMPLES, N_FEATURES)) < 0.7)
    n_classes = max(2, n_columns)
    target = rng.integers(n_classes, size=(N_SAMPLES, 1))
    if is_soft:
        target = rng.dirichlet(np.ones(n_classes), size=N_SAMPLES)
    weight = rng.exponential(size=N_SAMPLES) * (np.arange(N_SAMPLES) % 5 > 0)
    offset = rng.normal(size=(N_SAMPLES, n_columns))
    target, offset = np.asfortranarray(target, dtype), np.asfortranarray(offset, dtype)
    return X.astype(dtype), target, weight.astype(dtype), offset


def make_samples(container="C", n_columns=1, dtype=np.float64, is_soft=False):
    X, *others = make_arrays(n_columns, dtype, is_soft)
    return Samples(make_design(CONTAINERS[container](X)), *others)


def dense(samples):
    X = samples.design.X
    return X.toarray() if sparse.issparse(X) else np.asarray(X)


def predictor_of(n_columns):
    rng = np.random.default_rng(1)
    return rng.normal(size=(N_FEATURES, n_columns)), rng.normal(size=n_columns)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("n_columns", [1, 3])
def test_take_is_indexing_of_all_arrays(container, n_columns):
    X, target, weight, offset = make_arrays(n_columns)
    rows = np.array([0, 7, 8, 50, 89])
    taken = make_samples(container, n_columns).take(rows)
    np.testing.assert_array_equal(dense(taken), X[rows])
    np.testing.assert_array_equal(taken.target, target[rows])
    np.testing.assert_array_equal(taken.weight, weight[rows])
    np.testing.assert_array_equal(taken.offset, offset[rows])
    assert taken.weight_sum == pytest.approx(weight[rows].sum(), rel=1e-15)
    plain = Samples(make_design(X), target).take(rows)
    assert plain.weight is None
    assert plain.offset is None
    assert plain.weight_sum == 5


@pytest.mark.parametrize("container", CONTAINERS)
def test_columns_are_columns_of_the_same_rows(container):
    X, target, weight, offset = make_arrays()
    features = np.array([1, 2, 5])
    samples = make_samples(container)
    taken = samples.columns(features)
    np.testing.assert_array_equal(dense(taken), X[:, features])
    np.testing.assert_array_equal(taken.target, target)
    np.testing.assert_array_equal(taken.weight, weight)
    np.testing.assert_array_equal(taken.offset, offset)
    np.testing.assert_array_equal(dense(samples), X)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("is_soft", [False, True])
def test_astype_is_the_arithmetic_of_passes(container, is_soft):
    narrow = make_samples(container, 3, np.float32, is_soft)
    assert narrow.dtype == np.float32
    wide = narrow.astype(np.float64)
    assert wide.dtype == np.float64
    for name in ("target", "weight", "offset"):
        array = getattr(wide, name)
        assert array.dtype == np.float64
        assert array.flags.f_contiguous
    np.testing.assert_array_equal(wide.weight, narrow.weight)
    np.testing.assert_array_equal(wide.offset, narrow.offset)
    if is_soft:
        # Rows that were rounded sum to one again.
        np.testing.assert_allclose(wide.target.sum(axis=1), 1, rtol=0, atol=1e-15)
        np.testing.assert_allclose(wide.target, narrow.target, rtol=1e-6)
    if not narrow.design.is_sparse:
        assert np.shares_memory(wide.design.X, narrow.design.X)
    kernel = LogLoss(3).kernel(target_is_matrix=is_soft)
    predictor = predictor_of(3)
    sums, expected = (s.value_gradient(kernel, predictor)[0] for s in (narrow, wide))
    # 90 rows, with a few roundings each, of terms of size 10.
    np.testing.assert_allclose(sums, expected, rtol=0, atol=90 * 50 * np.finfo(np.float32).eps)


@pytest.mark.parametrize("container", CONTAINERS)
def test_another_thread_has_a_view_of_its_own(container):
    samples = make_samples(container)
    other = replace(samples, design=make_design(samples.design.X, samples.dtype))
    assert other.design is not samples.design
    matrices = [s.design.X for s in (samples, other)]
    arrays = [X.data if samples.design.is_sparse else X for X in matrices]
    assert np.shares_memory(*arrays)
    kernel, predictor = LogLoss().kernel(), predictor_of(1)
    np.testing.assert_array_equal(
        samples.value_gradient(kernel, predictor)[0], other.value_gradient(kernel, predictor)[0]
    )


def test_samples_are_frozen():
    with pytest.raises(AttributeError, match="cannot assign"):
        make_samples().weight = None


def test_rows_with_weight():
    weight = make_arrays()[2]
    assert Samples(make_design(np.ones((3, 1))), np.zeros((3, 1))).rows_with_weight is None
    samples = make_samples()
    np.testing.assert_array_equal(samples.rows_with_weight, np.flatnonzero(weight))
    assert samples.weight_sum == pytest.approx(weight.sum(), rel=1e-15)


def test_rarest_class_counts_rows_with_weight():
    X = np.ones((6, 1))

    def rarest(target, n_columns, weight=None):
        target = np.asfortranarray(np.reshape(target, (6, -1)), dtype=np.float64)
        return Samples(make_design(X), target, weight).rarest_class(n_columns)

    assert rarest([0, 0, 1, 1, 1, 1], 1) == 2
    assert rarest([0, 0, 0, 0, 0, 1], 1) == 1
    assert rarest([0.5] * 6, 1) == 3
    assert rarest([0, 0, 0, 1, 1, 2], 3) == 1
    assert rarest([0, 0, 0, 1, 1, 1], 3) == 0
    weight = np.array([1.0, 0, 0, 1, 1, 5])
    assert rarest([0, 0, 0, 1, 1, 1], 1, weight) == 1
    assert rarest([0, 0, 0, 1, 1, 2], 3, weight) == 1
    proba = np.tile([0.7, 0.2, 0.1], (6, 1))
    assert rarest(proba, 3) == pytest.approx(0.6)
    assert rarest(proba, 3, weight) == pytest.approx(0.4)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("weighting", ["own", "none", "other"])
@pytest.mark.parametrize("centred", [False, True])
def test_moments_are_those_of_numpy(container, weighting, centred):
    X, target, weight, _ = make_arrays()
    X[:, -1] += 1e6
    samples = Samples(
        make_design(CONTAINERS[container](X)), target, None if weighting == "none" else weight
    )
    other = np.linspace(0, 1, N_SAMPLES)
    total, mean, spread = samples.moments(other if weighting == "other" else None, centred=centred)
    weight = {"own": weight, "none": np.ones(N_SAMPLES), "other": other}[weighting]
    expected = weight @ X / weight.sum()
    deviation = weight @ (X - (expected if centred else 0)) ** 2 / weight.sum()
    assert total == pytest.approx(weight.sum(), rel=1e-13)
    np.testing.assert_allclose(mean, expected if centred else 0, rtol=1e-12, atol=1e-14)
    # Far from zero a dense column keeps its digits; a sparse one is not shifted.
    is_far = np.arange(N_FEATURES) == N_FEATURES - 1
    keeps = ~is_far | (not samples.design.is_sparse) | (not centred)
    np.testing.assert_allclose(spread[keeps], deviation[keeps], rtol=1e-10)
    np.testing.assert_allclose(spread, deviation, rtol=1e-10, atol=1e12 * 1e-14)


@pytest.mark.parametrize("container", CONTAINERS)
def test_largest_entries(container):
    X, *_ = make_arrays()
    which = np.array([True, False, True, True, False, True])
    actual = make_samples(container).largest_entries(which)
    np.testing.assert_array_equal(actual[which], np.abs(X).max(axis=0)[which])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
def test_largest_entries_of_rows_that_are_read_only(order, dtype):
    X = np.array([[1, -3, 0], [-2, 1, 0]], dtype=dtype, order=order)
    X.flags.writeable = False
    np.testing.assert_array_equal(largest_entries(X, np.ones(3, dtype=bool)), [2, 3, 0])


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("loss", [LogLoss(), LogLoss(3), FocalLoss(2.0), FocalLoss(2.0, 3)])
def test_passes_over_all_rows_are_the_sums_of_those_over_parts(container, loss):
    # What rows in partitions elsewhere rest on.
    kernel = loss.kernel()
    n_columns = kernel.n_columns
    samples = make_samples(container, n_columns)
    parts = [samples.take(rows) for rows in np.split(np.arange(N_SAMPLES), [10, 45])]
    predictor = predictor_of(n_columns)
    direction = predictor[0][::-1].copy(), predictor[1][::-1].copy()
    coordinates = Coordinates(
        np.linspace(-1, 1, N_FEATURES), np.exp2(np.arange(N_FEATURES)), n_columns, True
    )

    def every_pass(samples):
        sums, curvature = samples.value_gradient(kernel, predictor, curvature=True)
        return [
            sums,
            samples.value_gradient(kernel, predictor)[0],
            samples.value_gradient_hessian(kernel, predictor, coordinates),
            curvature.hessian_product(direction),
            *curvature.hessian_diagonal(coordinates.center),
            curvature.of_rows().sum(),
            samples.weight_sum,
        ]

    whole = every_pass(samples)
    for sums, expected in zip(zip(*map(every_pass, parts), strict=True), whole, strict=True):
        # Some hundred roundings of terms of which the largest sum is a measure.
        atol = 1e-13 * np.abs(expected).max()
        np.testing.assert_allclose(sum(sums), expected, rtol=0, atol=atol)


def test_weight_of_blocks_is_that_of_every_stride_th():
    X = np.ones((10_000, 3))
    weight = np.random.default_rng(0).uniform(size=10_000)
    for given in (None, weight):
        samples = Samples(make_design(X), np.zeros((10_000, 1)), given)
        block = np.arange(10_000) // samples.design.block_rows
        for stride in (1, 2, 3):
            expected = (np.ones(10_000) if given is None else weight)[block % stride == 0].sum()
            assert samples.weight_of_blocks(stride) == pytest.approx(expected, rel=1e-12)


def test_curvature_of_rows_is_not_negative():
    # Focal loss curves downwards where a row is very wrong.
    X, target = np.ones((2, 1)), np.array([[0.0], [1.0]])
    samples = Samples(make_design(X), target, np.array([1.0, 2.0]))
    kernel = FocalLoss(5.0).kernel(convex=False)
    predictor = np.full((1, 1), 6.0), np.zeros(1)
    _, curvature = samples.value_gradient(kernel, predictor, curvature=True)
    row_curvature = curvature.of_rows()
    assert row_curvature[0] == 0
    assert row_curvature[1] > 0


N_MANY = 200_000


def many_samples(n_samples=N_MANY, weight=None):
    X = sparse.csr_array((n_samples, 1))
    return Samples(make_design(X), np.zeros((n_samples, 1)), weight)


def test_random_rows_are_few_and_the_same_each_time():
    size = N_MANY // 16
    rows = random_rows(many_samples(), size)
    # Of 12,500 draws from 200,000 rows, 12,500^2 / 400,000 = 390 are second ones.
    assert 0.95 * size < len(rows) <= size
    assert np.all(np.diff(rows) > 0)
    np.testing.assert_array_equal(rows, random_rows(many_samples(), size))
    # Sorted rows: of about 12,500 draws, the part below the middle is 1/2 up to 5 sqrt(1/4n).
    assert abs(np.mean(rows < N_MANY / 2) - 0.5) < 5 * 0.5 / np.sqrt(len(rows))


def test_rows_without_weight_are_not_drawn():
    weight = np.zeros(N_MANY)
    weight[1::2] = 1
    rows = random_rows(many_samples(weight=weight), 10_000)
    assert len(rows) > 9000
    assert np.all(rows % 2 == 1)


def test_few_rows_are_drawn_all():
    assert set(random_rows(many_samples(3), 100)) == {0, 1, 2}


@pytest.mark.parametrize("has_weight", [False, True])
def test_few_rows_tell_the_median_of_the_offset(has_weight, monkeypatch):
    rng = np.random.default_rng(0)
    offset = np.asfortranarray(rng.exponential(size=(100_000, 3)))
    weight = (np.arange(100_000) % 2).astype(np.float64) if has_weight else None
    if has_weight:
        offset[::2] = 1e9
    target = np.zeros((100_000, 1))
    samples = Samples(make_design(np.zeros((100_000, 1))), target, weight, offset)
    sizes, median = [], np.median
    monkeypatch.setattr(np, "median", lambda a, axis: sizes.append(len(a)) or median(a, axis=axis))
    relative = offset[1::2] - offset[1::2].max(axis=1, keepdims=True)
    shift = median(relative, axis=0).mean()
    below = np.mean(relative - shift <= samples.median_offset(), axis=0)
    assert max(sizes) <= 1000
    # Four standard errors of the rank of the median of some 1,000 rows.
    np.testing.assert_allclose(below, 0.5, atol=4 * 0.5 / np.sqrt(990))
