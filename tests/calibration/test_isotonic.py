import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from sklogloss.calibration import IsotonicScaling


def test_values_are_those_of_scipy_with_one_sample_more_in_each_block(forecasts):
    y, z = forecasts(200, 2)
    order = np.argsort(z)
    result = isotonic_regression(y[order])
    mass = np.repeat(result.weights, np.diff(result.blocks))
    expected = (mass * result.x + y.mean()) / (mass + 1)
    fitted = IsotonicScaling().fit(z, y)
    np.testing.assert_allclose(fitted.predict_proba(z[order])[:, 1], expected, rtol=1e-12)


def test_no_probability_is_zero_or_one(forecasts):
    y, z = forecasts(100, 3)
    proba = IsotonicScaling().fit(z, y).predict_proba(1000 * z)
    assert proba.min() > 0
    assert proba.max() < 1


def test_curve_that_no_line_can_follow_is_found(forecasts):
    rng = np.random.default_rng(0)
    z = rng.normal(size=50_000)
    p = 0.5 + 0.4 * np.tanh(4 * z - 3)
    y = (rng.random(50_000) < p).astype(int)
    proba = IsotonicScaling().fit(z, y).predict_proba(z)[:, 1]
    # Isotonic regression errs by n^(-1/3) in the mean square's root.
    assert np.sqrt(np.mean((proba - p) ** 2)) < 50_000 ** (-1 / 3)


def test_weights_far_apart_do_no_harm():
    fitted = IsotonicScaling().fit([0.0, 1, 2, 3], [0, 1, 0, 1], sample_weight=[1e-300, 1, 1, 1e12])
    assert fitted.predict_proba([0.0, 3.0])[:, 1] == pytest.approx([1.0, 1.0])
    assert fitted.predict_proba([0.0])[0, 1] < 1
