import mpmath
import numpy as np
import pytest
from scipy.special import log_softmax

from sklogloss.calibration import TemperatureScaling


def test_temperature_is_that_of_mpmath(forecasts):
    y, z = forecasts(12, 2)
    z = 3 * z

    def derivative(slope):
        sigma = [1 / (1 + mpmath.exp(-slope * mpmath.mpf(float(value)))) for value in z]
        return mpmath.fsum((s - int(t)) * float(v) for s, t, v in zip(sigma, y, z, strict=True))

    with mpmath.workdps(30):
        expected = float(1 / mpmath.findroot(derivative, 0.4))
    # The search ends at a relative error of 1e-7, of which secants leave far less.
    assert TemperatureScaling().fit(z, y).temperature_ == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_temperature_is_that_of_scikit_learn(n_classes, forecasts):
    sklearn_calibration = pytest.importorskip("sklearn.calibration")
    if not hasattr(sklearn_calibration, "_TemperatureScaling"):
        pytest.skip("scikit-learn 1.8 brings temperature scaling")
    y, z = forecasts(400, n_classes)
    weight = np.random.default_rng(0).uniform(size=400)
    theirs = sklearn_calibration._TemperatureScaling().fit(3 * z, y, sample_weight=weight)
    expected = theirs.predict(3 * z)
    ours = TemperatureScaling().fit(3 * z, y, sample_weight=weight).predict_proba(3 * z)
    # Theirs stops at an interval of the logarithm of 64 eps, where values differ by rounding only:
    # the square root of eps is what they can tell.
    np.testing.assert_allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_no_other_temperature_is_better(n_classes, forecasts):
    y, z = forecasts(3000, n_classes)
    z = z if z.ndim == 2 else np.column_stack([-z / 2, z / 2])
    best = TemperatureScaling().fit(5 * z, y).slope_

    def loss(slope):
        return -log_softmax(slope * 5 * z, axis=1)[np.arange(3000), y].mean()

    assert loss(best) < min(loss(1.001 * best), loss(0.999 * best))


def test_many_rows_have_the_optimum_of_all_of_them(forecasts):
    y, z = forecasts(250_000, 2)
    slope = TemperatureScaling().fit(2 * z, y).slope_
    proba = 1 / (1 + np.exp(-2 * slope * z))
    curvature = np.mean(4 * z**2 * proba * (1 - proba))
    assert abs(np.mean((proba - y) * 2 * z)) < 1e-7 * slope * curvature


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1e9, 1e200])
def test_scale_of_the_raw_predictions_does_not_matter(scale, forecasts):
    y, z = forecasts(300, 3)
    expected = TemperatureScaling().fit(z, y).predict_proba(z)
    fitted = TemperatureScaling().fit(scale * z, y)
    np.testing.assert_allclose(fitted.predict_proba(scale * z), expected, atol=1e-6)


def test_float32_is_close_to_float64(forecasts):
    y, z = forecasts(2000, 3)
    z = z.astype(np.float32)
    ours = TemperatureScaling().fit(z, y)
    assert ours.predict_proba(z).dtype == np.float32
    expected = TemperatureScaling().fit(z.astype(np.float64), y).slope_
    # Gradients are sums of float32 products: some eps of their largest terms.
    assert ours.slope_ == pytest.approx(expected, rel=1e-4)


def test_raw_predictions_that_are_no_better_than_none_are_given_up(forecasts):
    y, z = forecasts(200, 3)
    fitted = TemperatureScaling().fit(-z, y)
    assert fitted.slope_ == 0
    assert fitted.temperature_ == np.inf
    np.testing.assert_allclose(fitted.predict_proba(z), 1 / 3)


def test_equal_raw_predictions_stay_as_they_are():
    assert TemperatureScaling().fit(np.ones((4, 3)), [0, 1, 2, 0]).temperature_ == 1
    assert TemperatureScaling().fit(np.zeros(4), [0, 1, 1, 0]).temperature_ == 1


def test_netcal_agrees(forecasts):
    scaling = pytest.importorskip("netcal.scaling")
    y, z = forecasts(500, 2)
    proba = 1 / (1 + np.exp(-2 * z))
    theirs = scaling.TemperatureScaling()
    theirs.fit(proba, y)
    ours = TemperatureScaling().fit(2 * z, y).predict_proba(2 * z)[:, 1]
    # netcal's optimiser stops some 1e-5 of the temperature away from the optimum.
    np.testing.assert_allclose(ours, theirs.transform(proba), atol=1e-4)


def test_single_precision_far_from_zero_keeps_the_digits_of_differences(forecasts):
    y, z = forecasts(300, 4)
    # Multiples of a power of two: the sums are exact in float32.
    z = np.round(3 * z * 64) / 64
    far = (z + np.round(2e4 * np.random.default_rng(0).normal(size=(300, 1)))).astype(np.float32)
    fitted = TemperatureScaling().fit(z, y)
    expected = fitted.predict_proba(z)
    np.testing.assert_allclose(fitted.predict_proba(far), expected, rtol=1e-5)
    # Where differences overflow, the largest class is certain.
    extreme = np.array([[3e38, -3e38, 0, 0]], dtype=np.float32)
    np.testing.assert_array_equal(fitted.predict_proba(extreme), [[1, 0, 0, 0]])


@pytest.mark.filterwarnings("error")
def test_single_precision_as_large_as_it_gets(forecasts):
    y, z = forecasts(300, 3)
    z = (z / np.abs(z).max()).astype(np.float32)
    large, usual = (TemperatureScaling().fit(factor * z, y) for factor in (np.float32(2.0**127), 1))
    # A power of two changes no digit.
    assert large.temperature_ == pytest.approx(2.0**127 * usual.temperature_, rel=1e-5)
