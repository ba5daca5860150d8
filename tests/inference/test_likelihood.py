import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklogloss.inference import infer


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, np.float32])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_results_can_be_pickled(fitted, n_classes, form):
    rng = np.random.default_rng(0)
    X, y = form(rng.normal(size=(60, 2))), rng.integers(0, n_classes, size=60)
    weight = rng.uniform(1, 2, size=60)
    offset = rng.normal(size=(60, n_classes if n_classes > 2 else 1))
    clf = fitted(X, y, sample_weight=weight, offset=offset)
    result = infer(clf, X, y, sample_weight=weight, offset=offset)
    for other in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert_array_equal(other.cov_params(), result.cov_params())
        assert_array_equal(other.margins().bse, result.margins().bse)
        assert_array_equal(other.conf_int(method="profile"), result.conf_int(method="profile"))


def test_derivatives_are_those_of_the_value(fitted):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)) + 3, rng.integers(0, 3, size=60)
    weight = rng.uniform(1, 2, size=60)
    clf = fitted(X, y, sample_weight=weight)
    likelihood = infer(clf, X, y, sample_weight=weight)._likelihood
    theta = rng.normal(size=9)
    point = likelihood(theta)
    step = 1e-4
    for i, h in enumerate(step * np.eye(9)):
        after, before = likelihood(theta + h), likelihood(theta - h)
        # The differences have an error of step squared.
        slope = (after.value - before.value) / (2 * step)
        assert_allclose(point.gradient[i], slope, rtol=1e-6, atol=1e-6)
    assert_array_equal(likelihood.without_hessian(theta).gradient, point.gradient)
    raw_prediction = likelihood.raw_prediction(theta)
    coef, intercept = likelihood.objective.coef_intercept(theta)
    assert_allclose(raw_prediction, X @ coef + intercept, rtol=1e-12)
    scores = likelihood.row_gradient(theta)
    # Those of all classes cancel: no shift of all raw predictions changes the loss.
    assert_allclose(scores.sum(axis=1), 0, atol=1e-14)
    in_intercept = point.gradient.reshape(3, 3)[-1]
    assert_allclose(scores.sum(axis=0), in_intercept, rtol=1e-10)
