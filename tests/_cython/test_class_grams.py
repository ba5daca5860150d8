"""The rough diagonal blocks of the Hessian against NumPy."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import softmax

from sklogloss._cython.class_grams import class_grams
from sklogloss.linear.samples import make_design
from sklogloss.losses import LogLoss

N_SAMPLES, N_CLASSES = 700, 5
LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "columns of a C-ordered": lambda X: np.pad(X, ((0, 0), (2, 3)))[:, 2:-3],
    "rows of an F-ordered": lambda X: np.asfortranarray(np.pad(X, ((5, 4), (0, 0))))[5:-4],
}

pytestmark = pytest.mark.skipif(
    not make_design(np.zeros((1, 1))).has_class_grams, reason="built without vector types"
)


def arguments_of(X, dtype, *, is_weighted=True):
    rng = np.random.default_rng(1)
    proba = softmax(3 * rng.normal(size=(len(X), N_CLASSES)), axis=1)
    weight = rng.exponential(size=len(X)).astype(dtype) if is_weighted else None
    center, scale = rng.normal(size=X.shape[1]), rng.exponential(size=X.shape[1])
    return (
        LogLoss(N_CLASSES).kernel(),
        np.asfortranarray(proba, dtype=dtype),
        weight,
        center.astype(dtype),
        scale.astype(dtype),
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_features", [1, 7, 16, 70])
@pytest.mark.parametrize("has_intercept", [False, True])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_blocks_are_those_of_the_rows_that_matter(
    layout, dtype, n_features, has_intercept, is_weighted
):
    X = np.random.default_rng(0).normal(size=(N_SAMPLES, n_features)).astype(dtype)
    design = make_design(LAYOUTS[layout](X))
    arguments = arguments_of(X, dtype, is_weighted=is_weighted)
    _, proba, weight, center, scale = arguments
    blocks = class_grams(design, *arguments, has_intercept, 1)
    Z = (X.astype(np.float64) - center) * scale
    Z = np.c_[Z, np.ones(N_SAMPLES)] if has_intercept else Z
    curvature = proba.astype(np.float64) * (1 - proba.astype(np.float64))
    if is_weighted:
        curvature *= weight[:, None]
    n_rows = []
    for block, of_class in zip(blocks, curvature.T, strict=True):
        rows = of_class > 0.01 * of_class.mean()
        n_rows.append(rows.sum())
        size = np.abs(Z[rows]).T @ (of_class[rows, None] * np.abs(Z[rows]))
        expected = Z[rows].T @ (of_class[rows, None] * Z[rows])
        # Each product has a few roundings of float32, and their sum one for each row.
        error = (N_SAMPLES + 10) * np.finfo(np.float32).eps * size
        assert np.all(np.abs(block - np.tril(expected)) <= error)
    assert 0 < sum(n_rows) < N_CLASSES * N_SAMPLES


def test_bits_do_not_depend_on_the_number_of_threads():
    X = np.random.default_rng(0).normal(size=(20_000, 40))
    design, arguments = make_design(X), arguments_of(X, np.float64)
    one, three = (class_grams(design, *arguments, True, n_threads) for n_threads in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_other_designs_are_refused():
    X = np.random.default_rng(0).normal(size=(50, 4))
    arguments = arguments_of(X, np.float64)
    with pytest.raises(TypeError, match="design"):
        class_grams(make_design(sparse.csr_array(X)), *arguments, True, 1)
    # Blocks of X that are widened cannot be read in place.
    widened = make_design(X.astype(np.float32), np.float64)
    assert not widened.has_class_grams
    with pytest.raises(ValueError, match="design must have class grams"):
        class_grams(widened, *arguments, True, 1)
    with pytest.raises(ValueError, match="must have shape"):
        class_grams(make_design(X[1:]), *arguments, True, 1)
