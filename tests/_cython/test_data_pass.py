"""Each compiled pass over X against a slow twin in NumPy, for every way in which X may lie."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, logsumexp, softmax

from sklogloss._cython import data_pass
from sklogloss._cython.loss_evaluation import mean_curvature
from sklogloss.linear.samples import make_design
from sklogloss.losses import LogLoss

# Two blocks of rows and a rest.
N_SAMPLES, N_FEATURES = 2100, 7
BLOCK_ROWS = 1024


def strided(X):
    return np.repeat(X, 3, axis=0)[::3]


def wider(X, order):
    return np.pad(X, ((0, 0), (2, 3))).copy(order=order)[:, 2:-3]


def taller(X):
    return np.asfortranarray(np.pad(X, ((5, 4), (0, 0))))[5:-4]


def unsorted_with_duplicates(X, make):
    # Entries twice, as half and half, in random order within their row or column.
    coo = sparse.coo_array(X)
    order = np.random.default_rng(1).permutation(2 * coo.nnz)
    data = np.tile(coo.data / 2, 2)[order]
    row, column = (np.tile(index, 2)[order] for index in coo.coords)
    major, minor = (row, column) if make is sparse.csr_array else (column, row)
    by_major = np.argsort(major, kind="stable")
    n_major = X.shape[0] if make is sparse.csr_array else X.shape[1]
    indptr = np.r_[0, np.cumsum(np.bincount(major, minlength=n_major))]
    return make((data[by_major], minor[by_major], indptr), shape=X.shape)


def long_indices(X):
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def read_only_memmap(X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


LAYOUTS = {
    "C": lambda X, _: np.ascontiguousarray(X),
    "F": lambda X, _: np.asfortranarray(X),
    "every third row": lambda X, _: strided(X),
    "columns of a C-ordered": lambda X, _: wider(X, "C"),
    "columns of an F-ordered": lambda X, _: wider(X, "F"),
    "rows of an F-ordered": lambda X, _: taller(X),
    "every second column": lambda X, _: np.repeat(X, 2, axis=1)[:, ::2],
    "rows from the end": lambda X, _: np.ascontiguousarray(X[::-1])[::-1],
    "columns from the end": lambda X, _: np.ascontiguousarray(X[:, ::-1])[:, ::-1],
    "read-only memmap": read_only_memmap,
    "CSR matrix": lambda X, _: sparse.csr_matrix(X),
    "CSR, 64-bit": lambda X, _: long_indices(sparse.csr_array(X)),
    "CSR, unsorted": lambda X, _: unsorted_with_duplicates(X, sparse.csr_array),
    "CSC": lambda X, _: sparse.csc_array(X),
    "CSC, 64-bit": lambda X, _: long_indices(sparse.csc_matrix(X)),
    "CSC, unsorted": lambda X, _: unsorted_with_duplicates(X, sparse.csc_array),
}


def make_problem(dtype, n_classes, *, is_soft):
    rng = np.random.default_rng(0)
    n_columns = 1 if n_classes == 2 else n_classes
    X = rng.normal(size=(N_SAMPLES, N_FEATURES)) * (rng.random((N_SAMPLES, N_FEATURES)) < 0.6)
    X[:, 3] = 0
    weight = rng.exponential(size=N_SAMPLES)
    weight[::5] = 0
    # The loss of these rows is infinite in float32 and in float64.
    X[::35, 0] = 0.9 * np.finfo(dtype).max
    coef = rng.normal(size=(N_FEATURES, n_columns))
    coef[0] = 1.5 if n_columns == 1 else rng.permutation(np.linspace(-1.5, 1.5, n_columns))
    intercept = rng.normal(size=n_columns)
    if is_soft:
        proba = rng.dirichlet(np.ones(n_classes), size=N_SAMPLES)
        target = proba[:, 1:] if n_classes == 2 else proba
    else:
        target = rng.integers(n_classes, size=(N_SAMPLES, 1))
    arrays = (X, weight, coef, intercept)
    return *(a.astype(dtype) for a in arrays), np.asfortranarray(target, dtype=dtype)


class SlowTwin:
    """Sums over all rows, in float64, and bounds of the rounding errors of any order of summing."""

    def __init__(self, X, weight, coef, intercept, target, offset=None):
        self.eps = np.finfo(X.dtype).eps
        seen = weight > 0
        offset = np.zeros((len(X), coef.shape[1])) if offset is None else offset
        arrays = (X, weight, target, offset)
        X, weight, target, offset = (a[seen].astype(np.float64) for a in arrays)
        coef, intercept = coef.astype(np.float64), intercept.astype(np.float64)
        self.X1 = np.c_[X, np.ones(len(X))]
        self.weight = weight
        z = X @ coef + intercept + offset
        if z.shape[1] == 1:
            self.value = target * np.logaddexp(0, -z) + (1 - target) * np.logaddexp(0, z)
            proba, self.hessian = expit(z), (expit(z) * expit(-z))[:, :, None]
            self.gradient = proba - target
        else:
            if target.shape[1] == 1:
                target = np.eye(z.shape[1])[target[:, 0].astype(int)]
            proba = softmax(z, axis=1)
            self.value = logsumexp(z, axis=1) - np.sum(target * z, axis=1)
            self.gradient = proba - target
            self.hessian = np.einsum("ik,kl->ikl", proba, np.eye(z.shape[1]))
            self.hessian -= np.einsum("ik,il->ikl", proba, proba)
        # An inner product of n terms is off by at most n eps times the sum of their sizes (Higham,
        # Accuracy and Stability of Numerical Algorithms, section 3.1). Raw predictions have
        # n_features + 2 terms; value, gradient and Hessian change at most twice as much as the
        # largest raw prediction and have a few roundings of their own.
        sizes = np.abs(X) @ np.abs(coef) + np.abs(intercept) + np.abs(offset)
        self.z_error = (N_FEATURES + 2) * sizes.max()
        self.n_roundings = BLOCK_ROWS + 2 * self.z_error + 20

    def check(self, actual, expected, size):
        """Check sums, where size is the sum of the sizes of what is summed, at most 1 per loss."""
        assert actual.shape == expected.shape
        assert np.all(np.abs(actual - expected) <= self.n_roundings * self.eps * size)

    def size(self, columns):
        return np.abs(columns).T @ self.weight


def transposed_times(X1, weighted):
    return (X1.T @ weighted).ravel()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("dtype_of_X", "dtype"),
    [(np.float64, np.float64), (np.float32, np.float32), (np.float32, np.float64)],
)
@pytest.mark.parametrize(("n_classes", "is_soft"), [(2, False), (2, True), (4, False), (4, True)])
def test_passes_equal_the_slow_twin(layout, dtype_of_X, dtype, n_classes, is_soft, tmp_path):
    X, *arrays = make_problem(dtype_of_X, n_classes, is_soft=is_soft)
    design = make_design(LAYOUTS[layout](X, tmp_path), dtype)
    X = X.astype(dtype)
    weight, coef, intercept, target = (array.astype(dtype) for array in arrays)
    if target.shape[1] > 1:
        target /= target.sum(axis=1, keepdims=True)
    kernel = LogLoss(n_classes).kernel(target_is_matrix=target.shape[1] > 1)
    n_columns = coef.shape[1]
    twin = SlowTwin(X, weight, coef, intercept, target)
    row = twin.weight[:, None]

    curvature = np.empty((N_SAMPLES, n_columns), dtype=dtype, order="F")
    arguments = (design, kernel, target, weight, None, coef, intercept)
    sums = data_pass.value_gradient(*arguments, None, 1)
    largest = np.abs(twin.value).max() + 1
    twin.check(sums[0], np.sum(twin.value.ravel() * twin.weight), largest * twin.weight.sum())
    size = np.repeat(twin.size(twin.X1), n_columns)
    twin.check(sums[1:], transposed_times(twin.X1, row * twin.gradient), size)
    with_curvature = data_pass.value_gradient(*arguments, curvature, 1)
    twin.check(with_curvature, sums, np.r_[largest * twin.weight.sum(), size])

    direction = np.random.default_rng(2).normal(size=(N_FEATURES + 1, n_columns)).astype(dtype)
    direction[0] = 0  # an infinite curvature times an infinite product is not at stake here
    product = data_pass.hessian_product(
        design, kernel, curvature, weight, direction[:-1], direction[-1].copy(), 1
    )
    step = np.einsum("ikl,il->ik", twin.hessian, twin.X1 @ direction.astype(np.float64))
    # A row's step is a sum of n_columns curvatures times N_FEATURES + 1 terms.
    sizes = np.abs(twin.X1) @ np.abs(direction.astype(np.float64))
    sizes = np.einsum("ikl,il->ik", np.abs(twin.hessian), sizes)
    size_of_product = transposed_times(np.abs(twin.X1), row * sizes)
    twin.check(product, transposed_times(twin.X1, row * step), size_of_product)

    center, scale = np.linspace(-1, 1, N_FEATURES), np.exp2(np.arange(N_FEATURES) - 3)
    center, scale = center.astype(dtype), scale.astype(dtype)
    diagonal = data_pass.hessian_diagonal(design, kernel, curvature, weight, center, 1)
    of_coef, of_intercept = np.split(diagonal, [N_FEATURES * n_columns])
    diagonal = np.r_[of_coef.reshape(n_columns, -1).T.ravel(), of_intercept]
    squares = (twin.X1 - np.r_[center, 0]) ** 2
    if design.is_sparse:
        squares -= np.r_[center, 0].astype(np.float64) ** 2
    own = np.einsum("ikk->ik", twin.hessian)
    mean = mean_curvature(kernel, curvature)[weight > 0]
    np.testing.assert_allclose(mean, own.mean(axis=1), rtol=0, atol=twin.n_roundings * twin.eps)
    size = twin.size((np.abs(twin.X1) + np.abs(np.r_[center, 0])) ** 2)
    twin.check(diagonal, transposed_times(squares, row * own), np.repeat(size, n_columns))

    sums = data_pass.value_gradient_hessian(*arguments, center, scale, True, False, 1, 1)
    if design.is_sparse:
        center = np.zeros_like(center)
    Z = (twin.X1 - np.r_[center, 0]) * np.r_[scale, 1]
    size = (np.abs(twin.X1) + np.abs(np.r_[center, 0])) * np.r_[scale, 1]
    size = size.T @ (row * size)
    pairs = sums[1 + (N_FEATURES + 1) * n_columns :].reshape(-1, N_FEATURES + 1, N_FEATURES + 1)
    for pair, row, column in zip(pairs, *np.triu_indices(n_columns), strict=True):
        expected = Z.T @ ((twin.weight * twin.hessian[:, row, column])[:, None] * Z)
        twin.check(np.tril(pair), np.tril(expected), size)

    mean = data_pass.class_mean_gram(
        design, kernel, curvature, weight, center, scale, True, False, 1
    )
    expected = Z.T @ ((twin.weight * own.mean(axis=1))[:, None] * Z)
    twin.check(np.tril(mean), np.tril(expected), size)


@pytest.mark.parametrize("layout", ["C", "F", "CSR matrix", "CSC"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_offset_is_added_to_the_raw_prediction(layout, dtype, n_classes, is_weighted, tmp_path):
    X, weight, coef, intercept, target = make_problem(dtype, n_classes, is_soft=False)
    X[::35, 0] = 5
    n_columns = coef.shape[1]
    offset = 3 * np.random.default_rng(3).normal(size=(N_SAMPLES, n_columns))
    offset = np.asfortranarray(offset, dtype=dtype)
    offset.flags.writeable = False
    if not is_weighted:
        weight = np.ones_like(weight)
    twin = SlowTwin(X, weight, coef, intercept, target, offset)
    row = twin.weight[:, None]
    kernel = LogLoss(n_classes).kernel(target_is_matrix=False)
    design = make_design(LAYOUTS[layout](X, tmp_path))
    arguments = (design, kernel, target, weight if is_weighted else None, offset, coef, intercept)

    sums = data_pass.value_gradient(*arguments, None, 1)
    largest = np.abs(twin.value).max() + 1
    twin.check(sums[0], np.sum(twin.value.ravel() * twin.weight), largest * twin.weight.sum())
    size = np.repeat(twin.size(twin.X1), n_columns)
    twin.check(sums[1:], transposed_times(twin.X1, row * twin.gradient), size)

    curvature = np.empty((N_SAMPLES, n_columns), dtype=dtype, order="F")
    with_curvature = data_pass.value_gradient(*arguments, curvature, 1)
    twin.check(with_curvature, sums, np.r_[largest * twin.weight.sum(), size])

    center, scale = np.zeros(N_FEATURES, dtype=dtype), np.ones(N_FEATURES, dtype=dtype)
    sums = data_pass.value_gradient_hessian(*arguments, center, scale, True, False, 1, 1)
    twin.check(
        sums[: len(with_curvature)], with_curvature, np.r_[largest * twin.weight.sum(), size]
    )
    pairs = sums[len(with_curvature) :].reshape(-1, N_FEATURES + 1, N_FEATURES + 1)
    size = np.abs(twin.X1).T @ (row * np.abs(twin.X1))
    for pair, k, other in zip(pairs, *np.triu_indices(n_columns), strict=True):
        expected = twin.X1.T @ ((twin.weight * twin.hessian[:, k, other])[:, None] * twin.X1)
        twin.check(np.tril(pair), np.tril(expected), size)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_moments_equal_the_slow_twin(layout, dtype, is_weighted, tmp_path):
    X, weight, *_ = make_problem(dtype, 2, is_soft=False)
    X[::35, 0] = 5
    design = make_design(LAYOUTS[layout](X, tmp_path))
    shift = np.zeros(N_FEATURES) if design.is_sparse else np.linspace(-1, 1, N_FEATURES)
    shift = shift.astype(dtype)
    sums = data_pass.moments(design, shift, weight if is_weighted else None, 1)
    weight = weight.astype(np.float64) if is_weighted else np.ones(N_SAMPLES)
    Z = X.astype(np.float64) - shift
    sizes = np.abs(X) + np.abs(shift).astype(np.float64)
    # Sums of at most BLOCK_ROWS terms in the dtype of X, each with a few roundings.
    tolerance = (BLOCK_ROWS + 10) * np.finfo(dtype).eps
    assert np.all(np.abs(sums[:7] - weight @ Z) <= tolerance * (weight @ sizes))
    assert np.all(np.abs(sums[7:14] - weight @ Z**2) <= tolerance * (weight @ sizes**2))
    assert abs(sums[14] - weight.sum()) <= tolerance * weight.sum()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("single", [False, True])
def test_cross_products_equal_the_slow_twin(layout, dtype, is_weighted, single, tmp_path):
    X, weight, *_ = make_problem(dtype, 2, is_soft=False)
    X[::35, 0] = 5
    design = make_design(LAYOUTS[layout](X, tmp_path))
    center, scale = np.linspace(-1, 1, N_FEATURES).astype(dtype), np.exp2(np.arange(N_FEATURES) - 3)
    sums = data_pass.gram(
        design, center, scale.astype(dtype), weight if is_weighted else None, True, single, 1
    )
    if design.is_sparse:
        center = np.zeros_like(center)
    weight = weight.astype(np.float64)[:, None] if is_weighted else 1
    Z = np.c_[(X.astype(np.float64) - center) * scale, np.ones(N_SAMPLES)]
    sizes = np.c_[(np.abs(X.astype(np.float64)) + np.abs(center)) * scale, np.ones(N_SAMPLES)]
    # Sums of at most BLOCK_ROWS terms in the dtype of the products, each with a few roundings.
    eps = np.finfo(np.float32 if single else dtype).eps
    tolerance = (BLOCK_ROWS + 10) * eps * (sizes.T @ (weight * sizes))
    assert np.all(np.abs(np.tril(sums) - np.tril(Z.T @ (weight * Z))) <= tolerance)


# On both sides of the sizes of registers, tiles and panels, and of what BLAS is left to do.
@pytest.mark.parametrize("n_features", [1, 2, 3, 7, 8, 15, 16, 23, 24, 25, 48, 130, 509, 1001])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_hessians_of_any_number_of_features(n_features, n_classes, order, dtype):
    rng = np.random.default_rng(n_features)
    n_samples, n_columns = 205, 1 if n_classes == 2 else n_classes
    X = np.asarray(rng.normal(size=(n_samples, n_features)), dtype=dtype, order=order)
    kernel = LogLoss(n_classes).kernel(target_is_matrix=False)
    target = np.zeros((n_samples, 1), dtype=dtype, order="F")
    coef = np.zeros((n_features, n_columns), dtype=dtype)
    center, scale = rng.normal(size=n_features).astype(dtype), np.ones(n_features, dtype=dtype)
    curvature = np.empty((n_samples, n_columns), dtype=dtype, order="F")
    arguments = (make_design(X), kernel, target, None, None, coef, coef[0].copy())
    data_pass.value_gradient(*arguments, curvature, 1)
    Z = np.c_[X.astype(np.float64) - center, np.ones(n_samples)]
    expected, size = Z.T @ Z, np.abs(Z).T @ np.abs(Z)
    own = 1 / n_classes * (1 - 1 / n_classes)
    for single in (False, True):
        sums = data_pass.value_gradient_hessian(*arguments, center, scale, True, single, 1, 1)
        mean = data_pass.class_mean_gram(
            arguments[0], kernel, curvature, None, center, scale, True, single, 1
        )
        pairs = sums[1 + (n_features + 1) * n_columns :].reshape(-1, *size.shape)
        # Sums of n_samples terms, each with a few roundings.
        tolerance = (n_samples + 10) * np.finfo(np.float32 if single else dtype).eps * size
        for pair, k, other in zip(pairs, *np.triu_indices(n_columns), strict=True):
            entry = own if k == other else -1 / n_classes**2
            assert np.all(np.abs(np.tril(pair - entry * expected)) <= tolerance)
        assert np.all(np.abs(np.tril(mean - own * expected)) <= tolerance)


# On both sides of the sizes of registers and tiles, and of what BLAS is left to do.
@pytest.mark.parametrize("n_classes", [3, 4, 8, 9, 16, 17, 24, 25, 32, 33])
@pytest.mark.parametrize("n_features", [1, 7, 8, 9, 101])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gradients_of_any_number_of_classes(n_classes, n_features, order, dtype):
    rng = np.random.default_rng(n_classes)
    n_samples = 67
    X = np.asarray(rng.normal(size=(n_samples, n_features)), dtype=dtype, order=order)
    kernel = LogLoss(n_classes).kernel(target_is_matrix=False)
    target = np.asfortranarray(rng.integers(n_classes, size=(n_samples, 1)), dtype=dtype)
    coef = rng.normal(size=(n_features, n_classes)).astype(dtype) / n_features
    intercept = rng.normal(size=n_classes).astype(dtype)
    twin = SlowTwin(X, np.ones(n_samples), coef, intercept, target)
    arguments = (target, None, None, coef, intercept, None)
    sums = data_pass.value_gradient(make_design(X), kernel, *arguments, 1)
    twin.check(sums[0], twin.value.sum(), (np.abs(twin.value).max() + 1) * n_samples)
    size = np.repeat(twin.size(twin.X1), n_classes)
    twin.check(sums[1:], transposed_times(twin.X1, twin.gradient), size)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_no_weights_are_weights_of_one(n_classes):
    X, _, coef, intercept, target = make_problem(np.float64, n_classes, is_soft=False)
    X[::35, 0] = 5
    kernel = LogLoss(n_classes).kernel(target_is_matrix=False)
    arguments = (coef, intercept, np.zeros(N_FEATURES), np.ones(N_FEATURES), True, False, 1, 1)
    unweighted, ones = (
        data_pass.value_gradient_hessian(make_design(X), kernel, target, weight, None, *arguments)
        for weight in (None, np.ones(N_SAMPLES))
    )
    np.testing.assert_array_equal(unweighted, ones)


@pytest.mark.parametrize(
    "name", ["coef", "intercept", "target", "sample_weight", "offset", "curvature"]
)
def test_arrays_of_the_wrong_shape_are_refused(name):
    # The passes read raw memory: a wrong length must not get there.
    X, weight, coef, intercept, target = make_problem(np.float64, 2, is_soft=False)
    arrays = {
        "target": target,
        "sample_weight": weight,
        "offset": np.zeros((N_SAMPLES, 1), order="F"),
        "coef": coef,
        "intercept": intercept,
        "curvature": np.empty((N_SAMPLES, 1), order="F"),
    }
    arrays[name] = np.asfortranarray(arrays[name][:-1]) if name != "intercept" else np.zeros(2)
    if name == "coef":
        arrays[name] = np.ascontiguousarray(arrays[name])
    kernel = LogLoss(2).kernel(target_is_matrix=False)
    with pytest.raises(ValueError, match=r"shape|entries"):
        data_pass.value_gradient(make_design(X), kernel, *arrays.values(), 1)


def test_arrays_of_another_dtype_are_refused():
    X, weight, coef, intercept, target = make_problem(np.float64, 2, is_soft=False)
    design = make_design(np.ones_like(X, dtype=np.float32))
    with pytest.raises(TypeError, match="dtype of X"):
        data_pass.value_gradient(
            design,
            LogLoss(2).kernel(target_is_matrix=False),
            target,
            weight,
            None,
            coef,
            intercept,
            None,
            1,
        )
