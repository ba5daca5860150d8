import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklogloss.inference import infer
from sklogloss.inference.restricted import maximise_over, maximise_without, parameters_of


@pytest.mark.parametrize("n_classes", [2, 3])
def test_maximum_without_columns_is_that_of_a_fit_without_them(fitted, n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) + np.array([0, 5, 0])
    y = (X[:, :1] + rng.gumbel(size=(200, n_classes)) * np.arange(1, n_classes + 1)).argmax(axis=1)
    result, smaller = infer(fitted(X, y), X, y), infer(fitted(X[:, 1:], y), X[:, 1:], y)
    likelihood, theta = result._likelihood, result._point.theta
    held = parameters_of(likelihood, np.array([0]))
    point = maximise_without(likelihood, theta, result._information, held)
    assert_allclose(-point.value, smaller.llf, rtol=1e-12)
    assert np.all(point.theta[held] == 0)
    # From a far start the line search is needed.
    free = np.setdiff1d(np.arange(len(theta)), held)
    far = np.zeros(len(theta))
    far[free] = 5 * rng.normal(size=len(free))
    assert_allclose(maximise_over(likelihood, far, free).value, point.value, rtol=1e-12)
