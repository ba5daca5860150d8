"""The kernel test of strong calibration."""

import numpy as np
import pytest
from scipy.special import softmax

from sklogloss.metrics import calibration_test
from sklogloss.metrics.calibration_test import _kernel_errors, _median_distance


def draw(n, seed, scale=1.0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3))
    y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    return y, softmax(scale * z, axis=1)


def test_statistic_is_that_of_the_definition():
    y, proba = draw(40, 0)
    residual = np.eye(3)[y] - proba
    distance = np.abs(proba[:, None] - proba).sum(axis=2)
    kernel = np.exp(-distance / _median_distance(proba))
    products = kernel * (residual @ residual.T)
    expected = (products.sum() - np.trace(products)) / (40 * 39)
    found = _kernel_errors(proba, y[:, None], np.ones(40))
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert calibration_test(y, proba, n_resamples=1).statistic == pytest.approx(expected)


def test_size_is_what_it_should_be():
    pvalues = [
        calibration_test(*draw(60, seed), n_resamples=39, random_state=seed).pvalue
        for seed in range(300)
    ]
    # Binomial with 0.2: a standard deviation of 0.023.
    assert np.mean(np.array(pvalues) <= 0.2) == pytest.approx(0.2, abs=0.08)


def test_power():
    y, proba = draw(1000, 0, scale=2)
    assert calibration_test(y, proba, random_state=0).pvalue == 1 / 500
    # Each class against the rest is calibrated, all together are not: forecasts exchange the
    # second and third class where the first is probable.
    rng = np.random.default_rng(1)
    corners = np.array([[0.6, 0.3, 0.1], [0.1, 0.6, 0.3], [0.3, 0.1, 0.6]])
    other = np.array([[0.6, 0.1, 0.3], [0.3, 0.6, 0.1], [0.1, 0.3, 0.6]])
    which = rng.integers(0, 3, size=1000)
    truth = other[which]
    y = (rng.random((1000, 1)) >= np.cumsum(truth, axis=1)[:, :-1]).sum(axis=1)
    assert calibration_test(y, corners[which], random_state=0).pvalue < 0.01
    assert calibration_test(y, truth, random_state=0).pvalue > 0.01


def test_more_samples_than_are_looked_at():
    y, proba = draw(3000, 0, scale=2)
    assert calibration_test(y, proba, max_samples=500, random_state=0).pvalue < 0.01


def test_two_classes_and_weights():
    y, proba = draw(500, 0)
    weight = np.where(y == 0, 1.0, 5.0)
    binary = (y > 0).astype(int)
    p = 1 - proba[:, 0]
    assert calibration_test(binary, p, random_state=0).pvalue > 0.01
    assert calibration_test(binary, p, sample_weight=weight, random_state=0).pvalue < 0.01
    with pytest.raises(ValueError, match="y_true must hold labels"):
        calibration_test(np.column_stack([1 - p, p]), p)


def test_weights_of_very_different_size():
    proba, y = np.array([0.2, 0.4, 0.6, 0.3, 0.7, 0.5]), [0, 1, 0, 0, 1, 1]
    result = calibration_test(y, proba, sample_weight=[1] + [1e-20] * 5, random_state=0)
    assert np.isfinite(result.statistic)
    assert result.pvalue > 0.05
