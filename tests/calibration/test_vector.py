import warnings

import numpy as np
import pytest

from sklogloss.calibration import LogisticScaling, VectorScaling, vector
from sklogloss.losses import LogLoss
from sklogloss.metrics.recalibration import LARGEST, MAX_ITER, within_reach


@pytest.mark.parametrize("n_classes", [3, 6])
def test_gradient_is_zero(n_classes, forecasts):
    y, z = forecasts(500, n_classes)
    z = z - z.mean(axis=1, keepdims=True)
    fitted = VectorScaling().fit(z, y)
    gradient = LogLoss(n_classes).gradient(y, fitted.slope_ * z + fitted.intercept_)
    # The solver stops at 1e-10, with columns divided by their standard deviation of 2.
    assert np.abs((gradient * z).mean(axis=0)).max() < 1e-9
    assert np.abs(gradient.mean(axis=0)).max() < 1e-9


def test_distortion_of_each_class_is_undone(forecasts):
    y, z = forecasts(50_000, 3)
    z = z - z.mean(axis=1, keepdims=True)
    true = np.array([0.5, 1.0, 2.0])
    rng = np.random.default_rng(1)
    y = (true * z + [0.5, 0, -0.5] + rng.gumbel(size=z.shape)).argmax(axis=1)
    fitted = VectorScaling().fit(z, y)
    # Standard errors of some 0.02.
    np.testing.assert_allclose(fitted.slope_, true, atol=0.1)
    np.testing.assert_allclose(fitted.intercept_, [0.5, 0, -0.5], atol=0.1)


def test_two_classes_are_logistic_scaling_with_plain_targets(forecasts):
    y, z = forecasts(100_000, 2)
    vector, logistic = VectorScaling().fit(z, y), LogisticScaling().fit(z, y)
    # Platt's targets differ from 0 and 1 by 1 / 50,000.
    assert vector.slope_ == pytest.approx(logistic.slope_, abs=1e-3)
    assert vector.intercept_ == pytest.approx(logistic.intercept_, abs=1e-3)


@pytest.mark.parametrize("sign", [1, -1])
def test_two_separated_classes_get_platts_targets(sign):
    z, y = sign * np.array([-3.0, -2, -1, 1, 2, 3]), np.repeat([0, 1], 3)
    vector, logistic = VectorScaling().fit(z, y), LogisticScaling().fit(z, y)
    assert vector.slope_ == pytest.approx(logistic.slope_, rel=1e-9)
    assert vector.intercept_ == pytest.approx(logistic.intercept_, abs=1e-9)


def test_separated_classes_have_finite_factors():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    z = 3 * np.eye(3)[y] + rng.uniform(-1, 1, size=(60, 3))
    assert np.all(z.argmax(axis=1) == y)
    fitted = VectorScaling().fit(z, y)
    # By Platt's rule, what happened to 20 samples has a probability of 21 / 22 at most on average.
    proba = fitted.predict_proba(z)[np.arange(60), y]
    assert proba.mean() < 21 / 22 + 1e-9
    assert proba.min() > 0.5


def test_one_separated_class_is_enough():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, size=200)
    z = rng.normal(size=(200, 3))
    z[:, 2] = np.where(y == 2, 5.0, -5.0)
    fitted = VectorScaling().fit(z, y)
    # One class is told from the others without error: its factor alone would be infinite.
    assert np.abs(fitted.slope_).max() < 10


def test_a_class_without_samples_is_unlikely_and_not_impossible():
    rng = np.random.default_rng(0)
    y, z = rng.integers(0, 2, size=200), rng.normal(size=(200, 3))
    proba = VectorScaling().fit(z, y, labels=[0, 1, 2]).predict_proba(z)[:, 2].mean()
    assert 1e-3 < proba < 0.1


def test_classes_that_are_far_apart_end_in_a_bounded_effort(monkeypatch):
    # One sample of a class leaves Gaussian naive Bayes a variance next to zero.
    rng = np.random.default_rng(0)
    z = rng.normal(size=(120, 4)) * 10 - [0, 5, 5, 0]
    z[:, 3] = -1e10 * rng.random(120)
    calls = []
    hessian = vector._VectorProblem.hessian
    monkeypatch.setattr(
        vector._VectorProblem, "hessian", lambda self, x: calls.append(x) or hessian(self, x)
    )
    VectorScaling().fit(z, rng.integers(3, size=120), labels=np.arange(4))
    # Of the given targets, and of softened ones; the first and the last point come in addition.
    assert len(calls) <= 2 * (MAX_ITER + 2)


def test_a_raw_prediction_next_to_the_largest_number_overflows_without_a_warning():
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(100, 3)), rng.integers(3, size=100)
    z[0, 1] = 1e300
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.all(np.isfinite(VectorScaling().fit(z, y).predict_proba(z)))


@pytest.mark.parametrize("masked", [-1e6, -1e9, float(np.finfo(np.float32).min), -1e300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_class_that_a_mask_rules_out_does_not_disturb_the_others(masked, dtype):
    rng = np.random.default_rng(0)
    z = 2 * rng.normal(size=(3000, 3)).astype(dtype)
    y = (z * [0.5, 1, 0.5] + rng.gumbel(size=z.shape)).argmax(axis=1)
    rows = np.flatnonzero(y != 0)[:100]
    z[rows, 0] = -1e4
    expected = VectorScaling().fit(z, y).predict_proba(z)
    assert expected[rows, 0].max() < 1e-200
    # The others stay apart in these rows.
    assert np.ptp(expected[rows, 1]) > 0.5
    z[rows, 0] = max(masked, float(np.finfo(dtype).min))
    fitted = VectorScaling().fit(z, y)
    np.testing.assert_allclose(fitted.predict_proba(z), expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(fitted.predict_proba(z[:5]), fitted.predict_proba(z)[:5])


@pytest.mark.parametrize("share", [0.0, 0.4, 0.5, 0.6, 1.0])
@pytest.mark.parametrize("factor", [1.0, 1e11, 1e14, 1e300])
def test_logits_within_reach_need_no_median(share, factor, monkeypatch):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 3))
    z[: int(200 * share)] *= factor
    z[::7] = 0
    largest = LARGEST * np.median(np.abs(z[z != 0]))
    expected = np.clip(z, -largest, largest)
    medians, median = [], np.median
    monkeypatch.setattr(np, "median", lambda a: medians.append(a) or median(a))
    np.testing.assert_array_equal(within_reach(z), expected)
    if factor == 1:
        assert not medians
