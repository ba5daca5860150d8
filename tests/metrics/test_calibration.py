"""Calibration error, slope and intercept."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, softmax

from sklogloss.losses import LogLoss
from sklogloss.metrics import calibration_slope_intercept, expected_calibration_error


def draw(n, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    return (rng.logistic(size=n) < z).astype(int), z, rng.uniform(size=n)


def test_slope_and_intercept_are_those_of_statsmodels():
    y, z, weight = draw(300)
    line = calibration_slope_intercept(y, raw_prediction=2 * z + 1, sample_weight=weight)
    model = sm.GLM(
        y, sm.add_constant(2 * z + 1), family=sm.families.Binomial(), freq_weights=weight
    )
    intercept, slope = model.fit(tol=1e-12).params
    # A gradient of 1e-10 and a curvature of some 0.05.
    assert line.slope == pytest.approx(slope, abs=1e-8)
    assert line.intercept == pytest.approx(intercept, abs=1e-8)
    of_proba = calibration_slope_intercept(y, expit(2 * z + 1), sample_weight=weight)
    assert of_proba == pytest.approx(line, abs=1e-8)


def test_slope_of_several_classes_undoes_what_was_done():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(500, 3))
    y = (z + rng.gumbel(size=(500, 3))).argmax(axis=1)
    line = calibration_slope_intercept(y, softmax(z, axis=1))
    assert line.intercept.sum() == pytest.approx(0, abs=1e-12)
    shift = np.array([1.0, -0.5, -0.5])
    other = calibration_slope_intercept(y, raw_prediction=2 * z + shift)
    assert other.slope == pytest.approx(line.slope / 2, abs=1e-8)
    np.testing.assert_allclose(other.intercept, line.intercept - other.slope * shift, atol=1e-8)
    gradient = LogLoss(3).gradient(y, line.slope * z + line.intercept)
    # The slope's, by far the largest sum: each entry is the solver's bound.
    assert abs(np.vdot(gradient, z) / 500) < 1e-9
    assert np.abs(gradient.mean(axis=0)).max() < 1e-9


def test_scale_of_the_logits_does_not_matter():
    y, z, _ = draw(300)
    line = calibration_slope_intercept(y, raw_prediction=z)
    for scale in (1e-6, 1e6):
        scaled = calibration_slope_intercept(y, raw_prediction=scale * z)
        assert scaled.slope * scale == pytest.approx(line.slope, abs=1e-8)


def test_quantile_bins_have_equal_mass():
    p = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
    y = np.array([0, 0, 1, 0, 1, 1, 0, 1])
    expected = sum(abs(np.sum(y[i : i + 2] - p[i : i + 2])) for i in range(0, 8, 2)) / 8
    assert expected_calibration_error(y, p, n_bins=4) == pytest.approx(expected, rel=1e-13)
    twice = np.repeat([0, 1], 8), np.concatenate([p, p])
    weighted = expected_calibration_error(
        np.concatenate([y, y]), twice[1], n_bins=4, sample_weight=np.tile(0.5, 16)
    )
    assert weighted == pytest.approx(expected, rel=1e-13)


def test_equal_forecasts_stay_in_one_bin():
    y = np.tile([0, 1], 50)
    assert expected_calibration_error(y, np.full(100, 0.5)) == 0


def test_uniform_bins():
    p = np.array([0.05, 0.15, 0.95, 1.0])
    y = np.array([0, 1, 1, 1])
    expected = (0.05 + 0.85 + abs(2 - 1.95)) / 4
    assert expected_calibration_error(y, p, method="uniform", n_bins=10) == pytest.approx(expected)


@pytest.mark.parametrize("method", ["quantile", "uniform", "smooth"])
def test_error_tends_to_the_true_one(method):
    rng = np.random.default_rng(2)
    p = rng.uniform(size=200_000)
    y = rng.random(200_000) < p
    # The residual of the forecast p^2 is p - p^2, whose mean is 1/6. Kernel and bins blur it by
    # little, chance by some 15 bins / sqrt(200,000).
    assert expected_calibration_error(y, p, method=method) < 0.01
    given = expected_calibration_error(y, p**2, method=method)
    assert given == pytest.approx(1 / 6, abs=0.02 if method == "smooth" else 0.01)


def test_smooth_error_is_its_own_width():
    y, z, _ = draw(2000)
    p = expit(3 * z)
    error = expected_calibration_error(y, p, method="smooth")
    # Blurred with a reflected Gaussian of that width, by brute force.
    grid = (np.arange(2000) + 0.5) / 2000
    kernel = sum(
        np.exp(-(((grid[:, None] - image) / error) ** 2) / 2)
        for image in (p, -p, 2 - p)
    ) / (error * np.sqrt(2 * np.pi))  # fmt: skip
    blurred = np.abs(kernel @ (y - p) / len(y)).mean()
    # Cells of the grid of 1/4096, beside a width of about 0.1.
    assert blurred == pytest.approx(error, rel=1e-2)


def test_several_classes():
    rng = np.random.default_rng(3)
    p = softmax(rng.normal(size=(300, 3)), axis=1)
    y = rng.integers(0, 3, size=300)
    top = p.argmax(axis=1)
    expected = expected_calibration_error(top == y, p.max(axis=1), labels=[False, True])
    assert expected_calibration_error(y, p) == pytest.approx(expected, rel=1e-12)
    each = [expected_calibration_error(y == k, p[:, k]) for k in range(3)]
    classwise = expected_calibration_error(y, p, multiclass="one-vs-rest")
    assert classwise == pytest.approx(np.mean(each), rel=1e-12)


@pytest.mark.parametrize("arguments", [{"method": "equal"}, {"n_bins": 0}, {"multiclass": "all"}])
def test_parameters_are_checked(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} must be"):
        expected_calibration_error([0, 1], [0.5, 0.5], **arguments)


def test_smooth_error_of_forecasts_that_are_all_wrong():
    error = expected_calibration_error([0] * 50, np.ones(50), labels=[0, 1], method="smooth")
    assert error == pytest.approx(1, abs=1e-3)


def test_equal_forecasts_leave_the_slope_at_one():
    assert calibration_slope_intercept([0, 1, 1], [0.5] * 3) == pytest.approx((1, np.log(2)))
    line = calibration_slope_intercept([0, 1, 2, 2], np.full((4, 3), 1 / 3))
    expected = np.log([1, 1, 2])
    assert line.slope == 1
    np.testing.assert_allclose(line.intercept, expected - expected.mean(), atol=1e-12)


def test_huge_logits():
    y, z, _ = draw(300)
    line = calibration_slope_intercept(y, raw_prediction=z)
    huge = calibration_slope_intercept(y, raw_prediction=1e200 * z)
    assert huge.slope * 1e200 == pytest.approx(line.slope, abs=1e-8)


@pytest.mark.parametrize("size", [1e3, 1e6, 1e12, 1e100])
def test_one_logit_far_from_all_others_changes_little(size):
    # It is right, so that any slope suits it that suits the others.
    y, z, _ = draw(300)
    expected = calibration_slope_intercept(y, raw_prediction=z)
    line = calibration_slope_intercept(np.append(y, 1), raw_prediction=np.append(z, size))
    assert line == pytest.approx(expected, rel=1e-7)
