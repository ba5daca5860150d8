import numpy as np
import pytest
from scipy import sparse
from scipy.special import logsumexp, softmax
from sklogloss._cython.coordinate_descent import descend_softmax

N_SAMPLES, N_FEATURES, N_CLASSES = 60, 8, 5
L1, L2 = 0.01, 0.02


def objective(X, target, weight, x):
    raw_prediction = X @ x
    loss = logsumexp(raw_prediction, axis=1) - np.sum(target * raw_prediction, axis=1)
    return weight @ loss + L1 * np.abs(x).sum() + L2 / 2 * np.sum(x**2)


# The largest takes steps whose exponentials overflow.
@pytest.mark.parametrize("size", [1, 1e2, 1e6])
@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_gain_and_probabilities_are_those_of_the_coefficients(size, shared):
    rng = np.random.RandomState(0)
    X = sparse.random(N_SAMPLES, N_FEATURES, density=0.4, random_state=rng).tocsc()
    X.data[::7] *= size
    target = np.eye(N_CLASSES)[rng.randint(N_CLASSES, size=N_SAMPLES)]
    weight = rng.uniform(0.5, 1.5, N_SAMPLES) / N_SAMPLES
    x = np.zeros((N_FEATURES, N_CLASSES))
    proba = softmax(X @ x, axis=1)
    start = objective(X, target, weight, x)
    gain = descend_softmax(
        X.indptr,
        X.indices,
        X.data,
        rng.permutation(N_FEATURES),
        weight,
        np.ascontiguousarray(X.T @ (weight[:, None] * target)),
        np.full(N_FEATURES, L2),
        np.full(N_FEATURES, L1),
        x,
        proba,
        shared,
    )
    assert gain > 0
    assert x.any()
    assert gain == pytest.approx(start - objective(X, target, weight, x), rel=1e-9)
    # Those of a raw prediction have an error of its size times the unit roundoff.
    largest = max(1, np.abs(X @ x).max())
    np.testing.assert_allclose(proba, softmax(X @ x, axis=1), atol=1e-14 * largest)
