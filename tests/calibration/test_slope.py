"""The search for a slope: hard problems of one variable."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import softmax

from sklogloss.calibration import StructuredScaling, TemperatureScaling, VectorScaling, slope
from sklogloss.calibration.slope import best_slope
from sklogloss.metrics.forecasts import Forecasts


def slope_of(y, z):
    return best_slope(Forecasts.of(y, None, raw_prediction=z, labels=np.arange(z.shape[1])))


@pytest.mark.parametrize("seed", range(20))
def test_slope_is_the_root_of_the_derivative(seed):
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(2, 6))
    # Heavy tails, far apart sizes, and few samples.
    z = rng.standard_t(1, size=(30, n_classes)) * 10 ** rng.uniform(-3, 3)
    y = (z / np.median(np.abs(z)) + 3 * rng.gumbel(size=z.shape)).argmax(axis=1)

    def derivative(slope):
        return np.mean(np.sum(softmax(slope * z, axis=1) * z, axis=1) - z[np.arange(30), y])

    found = slope_of(y, z)
    if derivative(0) >= 0:
        assert found == 0
        return
    high = 1 / np.abs(z).max()
    while derivative(high) < 0:
        high *= 2
    assert found == pytest.approx(brentq(derivative, 0, high, xtol=1e-300, rtol=1e-14), rel=1e-6)


def test_slope_without_bound():
    z = np.array([[1.0, 0.0, -1.0], [0.0, 0.5, 0.2], [3.0, 1.0, 3.0]])
    assert slope_of([0, 1, 2], z) == np.inf
    assert np.isfinite(slope_of([0, 2, 2], z))


@pytest.mark.parametrize("n_classes", [3, 25])
def test_what_all_classes_have_in_common_changes_nothing(n_classes):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1000, n_classes))
    y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    common = 1e9 * rng.normal(size=(1000, 1))
    common[:2] = [[1e300], [-1e25]]
    moved = z + common
    # Rounded as the sum is, but for the rows that nothing is left of.
    z[2:] = (moved - common)[2:]
    z[:2] = 0
    assert slope_of(y, moved) == pytest.approx(slope_of(y, z), rel=1e-7)


@pytest.mark.parametrize("row", [[1.0, 1, 1], [1, 0, 0], [1, 1 / 3, -1 / 7], [1, -1, -1]])
def test_a_row_at_the_end_of_the_range_of_floats_is_one_that_is_right(row):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1000, 3))
    y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    y[0] = 0
    expected = slope_of(y[1:], z[1:])
    z[0] = np.finfo(float).max * np.array(row)
    assert slope_of(y, z) == pytest.approx(expected, rel=1e-7)


def test_a_class_that_is_ruled_out_takes_no_digits_from_the_others():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1000, 3))
    z[::3, 2] = -100
    y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    expected = slope_of(y, z)
    z[::3, 2] = -1e30
    assert slope_of(y, z) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("is_soft", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [3, 5])
def test_many_classes_and_few_go_two_ways_to_the_same_slope(n_classes, dtype, is_soft, monkeypatch):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(500, n_classes)).astype(dtype)
    y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    if is_soft:
        y = rng.dirichlet(np.ones(n_classes), size=500) / 2 + np.eye(n_classes)[y] / 2
    weight = rng.uniform(1, 3, size=500)
    labels = np.arange(n_classes)
    forecasts = Forecasts.of(y, None, raw_prediction=z, sample_weight=weight, labels=labels)
    few = best_slope(forecasts)
    monkeypatch.setattr(slope, "MANY_CLASSES", 2)
    # The passes of float32 have errors of some 1e-7, in sums of 500 terms.
    assert best_slope(forecasts) == pytest.approx(few, rel=1e-5 if dtype == np.float32 else 1e-7)


@pytest.mark.parametrize("calibrator", [TemperatureScaling, VectorScaling, StructuredScaling])
def test_raw_predictions_whose_slope_would_overflow(calibrator):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 3))
    y = np.argmax(z + rng.gumbel(size=z.shape), axis=1)
    with pytest.raises(ValueError, match=r"raw_prediction must have entries of 1e-300 or more"):
        calibrator().fit(1e-310 * z, y)
    small = calibrator().fit(1e-299 * z, y).predict_proba(1e-299 * z)
    np.testing.assert_allclose(small, calibrator().fit(z, y).predict_proba(z), rtol=1e-5)


@pytest.mark.parametrize("masked", [-1e9, -1e30, float(np.finfo(np.float32).min), -1e300])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_masks_of_any_size_leave_the_slope_as_it_is(masked, share):
    rng = np.random.default_rng(0)
    z = 2 * rng.normal(size=(1000, 6))
    y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    is_masked = rng.random(z.shape) < share
    is_masked[np.arange(1000), y] = False
    # So far below, a class has the probability zero.
    expected = slope_of(y, np.where(is_masked, -1e4, z))
    found = slope_of(y, np.where(is_masked, masked, z))
    assert found == pytest.approx(expected, rel=2 * slope.SLOPE_TOL)
