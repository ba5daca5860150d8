"""The values of C that a number of them stands for."""

import numpy as np
import pytest

from sklogloss import LogLossClassifier, logloss_path

pytestmark = pytest.mark.filterwarnings("error")

TIGHT = {"tol": 1e-10, "max_iter": 1000}


def simulate(n_samples=200, n_features=5, n_classes=2):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features))
    scores = X @ np.linspace(-1, 1, n_features) + rng.logistic(size=n_samples)
    return X, np.digitize(scores, np.linspace(-1, 1, n_classes + 1)[1:-1])


def test_default_grid_without_l1():
    path = logloss_path(*simulate(), Cs=5)
    np.testing.assert_allclose(path.Cs, [1e-4, 1e-2, 1, 1e2, 1e4])


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("soft", [True, False])
def test_default_grid_with_l1_starts_where_the_first_coefficient_leaves_zero(
    n_classes, l1_ratio, fit_intercept, soft
):
    X, y = simulate(n_classes=n_classes)
    X = X + 3
    weight = np.random.default_rng(1).uniform(0.5, 2, size=len(y))
    if soft:
        y = np.random.default_rng(2).dirichlet(np.ones(n_classes), size=len(y))
    parameters = {"l1_ratio": l1_ratio, "fit_intercept": fit_intercept, **TIGHT}
    path = logloss_path(X, y, Cs=4, sample_weight=weight, **parameters)
    np.testing.assert_allclose(path.Cs / path.Cs[0], [1, 10, 100, 1000])
    clf = LogLossClassifier(C=path.Cs[0] * 0.999, **parameters).fit(X, y, weight)
    assert not clf.coef_.any()
    clf = LogLossClassifier(C=path.Cs[0] * 1.001, **parameters).fit(X, y, weight)
    assert clf.coef_.any()
    assert not path.coefs[0].any()
    assert path.coefs[1:].any(axis=(1, 2)).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_no_grid_for_constant_columns(dtype):
    y = np.random.default_rng(0).integers(0, 2, 300)
    for X in (np.ones((300, 2), dtype=dtype), np.full((300, 2), 1000.3, dtype=dtype)):
        with pytest.raises(ValueError, match="no feature is related to the targets"):
            logloss_path(X, y, l1_ratio=1, Cs=5)


@pytest.mark.parametrize("spread", [0.01, 1.0])
def test_grid_of_float32_columns_far_from_zero_is_that_of_float64(spread):
    X, y = simulate()
    X = (1000 + spread * X).astype(np.float32)
    path = logloss_path(X, y, Cs=3, l1_ratio=1)
    exact = logloss_path(X.astype(np.float64), y, Cs=3, l1_ratio=1)
    # Sums of 200 entries of 1000 in float64, against a gradient of about a tenth of the spread.
    rtol = 200 * 1000 * np.finfo(np.float64).eps / (0.1 * spread)
    np.testing.assert_allclose(path.Cs, exact.Cs, rtol=rtol)
    assert not path.coefs[0].any()


def test_grid_of_features_without_any_part():
    X, y = np.zeros((10, 2)), np.arange(10) % 2
    with pytest.raises(ValueError, match="Cs must be an array: no feature is related"):
        logloss_path(X, y, Cs=3, l1_ratio=1)
