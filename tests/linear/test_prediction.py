import numpy as np
import pytest
from scipy.special import expit, log_expit, log_softmax, softmax

from sklogloss.linear.prediction import predict_rows
from sklogloss.losses import LogLoss


def model(n_samples, n_features, n_columns, dtype):
    rng = np.random.default_rng(n_columns)
    X = rng.standard_normal((n_samples, n_features)).astype(dtype)
    coef = rng.standard_normal((n_columns, n_features)).astype(dtype)
    coef[:, 0] = 0
    return X, coef, rng.standard_normal(n_columns).astype(dtype)


def layouts(X):
    """Yield X in C and F order, with and without gaps, and in neither."""
    yield X
    yield np.asfortranarray(X)
    wide = np.zeros((len(X), 2 * X.shape[1]), dtype=X.dtype)
    tall = np.zeros((2 * len(X), X.shape[1]), dtype=X.dtype, order="F")
    for array in (wide[:, X.shape[1] :], wide[:, ::2], tall[: len(X)]):
        array[:] = X
        yield array


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_columns", [1, 3, 40])
@pytest.mark.parametrize("n_samples", [1, 2_503])
def test_scores_and_probabilities(n_samples, n_columns, dtype):
    X, coef, intercept = model(n_samples, 37, n_columns, dtype)
    exact = X.astype(np.float64) @ coef.T.astype(np.float64) + intercept
    # Of a sum of 38 products, and of the links.
    size = np.abs(X).astype(np.float64) @ np.abs(coef.T) + np.abs(intercept)
    bound = 40 * np.finfo(dtype).eps * size.max()
    loss = LogLoss(max(2, n_columns))
    if n_columns == 1:
        proba = np.hstack([expit(-exact), expit(exact)])
        log_proba = np.hstack([log_expit(-exact), log_expit(exact)])
    else:
        proba, log_proba = softmax(exact, axis=1), log_softmax(exact, axis=1)
    for expected, options in (
        (exact, {}),
        (proba, {"loss": loss}),
        (log_proba, {"loss": loss, "logarithm": True}),
    ):
        one = predict_rows(X, coef, intercept, n_threads=1, **options)
        assert one.dtype == dtype
        assert one.flags.c_contiguous
        np.testing.assert_allclose(one, expected, rtol=0, atol=2 * bound)
        np.testing.assert_array_equal(one, predict_rows(X, coef, intercept, n_threads=3, **options))
        for other in layouts(X):
            np.testing.assert_allclose(
                predict_rows(other, coef, intercept, n_threads=2, **options),
                expected,
                rtol=0,
                atol=2 * bound,
            )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_entries_that_are_not_finite_are_noticed(dtype, value):
    X, coef, intercept = model(3_001, 37, 1, dtype)
    for array in (*layouts(X), X[:, :1]):
        # A coefficient of zero, in which BLAS may take no interest.
        weights = coef[:, : array.shape[1]]
        for row in (0, 1_023, 3_000):
            array[row, 0], kept = value, array[row, 0]
            assert predict_rows(array, weights, intercept, n_threads=2) is None
            array[row, 0] = kept
        assert predict_rows(array, weights, intercept, n_threads=2) is not None
