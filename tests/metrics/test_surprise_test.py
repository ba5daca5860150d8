"""surprise_test: its statistic, its size and its power."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import norm

from sklogloss.metrics import (
    brier_score,
    calibration_slope_intercept,
    compare_log_loss,
    expected_calibration_error,
    log_loss,
    log_loss_decomposition,
    log_loss_interval,
    surprise_test,
)

RNG = np.random.default_rng(4)


def draw(proba, rng):
    return np.sum(rng.random((len(proba), 1)) >= np.cumsum(proba, axis=1)[:, :-1], axis=1)


def test_statistic_is_its_definition():
    p, weight = softmax(RNG.normal(size=(30, 3)), axis=1), RNG.uniform(size=30)
    y = draw(p, RNG)
    entropy = -np.sum(p * np.log(p), axis=1)
    variance = np.sum(p * np.log(p) ** 2, axis=1) - entropy**2
    excess = -np.log(p[np.arange(30), y]) - entropy
    expected = (weight @ excess) / np.sqrt(weight**2 @ variance)
    result = surprise_test(y, p, labels=[0, 1, 2], sample_weight=weight)
    assert result.statistic == pytest.approx(expected, rel=1e-10)
    assert result.pvalue == pytest.approx(2 * norm.sf(abs(expected)), rel=1e-9)
    raw = surprise_test(y, raw_prediction=np.log(p), labels=[0, 1, 2], sample_weight=weight)
    assert raw.statistic == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_size(n_classes):
    rng = np.random.default_rng(5)
    n_trials, level = 2000, 0.05
    p = softmax(1.5 * rng.normal(size=(400, n_classes)), axis=1)
    labels = np.arange(n_classes)
    rejected = sum(
        surprise_test(draw(p, rng), p, labels=labels).pvalue < level for _ in range(n_trials)
    )
    # Four standard deviations of a binomial count.
    deviation = np.sqrt(n_trials * level * (1 - level))
    assert abs(rejected - n_trials * level) < 4 * deviation


def test_sign_tells_overconfidence_from_underconfidence():
    z = RNG.normal(size=5000)
    y = RNG.logistic(size=5000) < z
    assert surprise_test(y, raw_prediction=2 * z).statistic > 5
    assert surprise_test(y, raw_prediction=z / 2).statistic < -5


def test_nothing_uncertain():
    assert surprise_test([0, 1], [0.0, 1.0]) == (0.0, 1.0)
    assert surprise_test([0, 1], [0.5, 0.5]) == (0.0, 1.0)
    assert surprise_test([1, 1], [0.0, 1.0], labels=[0, 1]) == (np.inf, 0.0)


def test_soft_targets_are_refused():
    with pytest.raises(ValueError, match="y_true must hold labels"):
        surprise_test([[0.5, 0.5]], [0.5])


def test_nearly_uniform_forecasts():
    rng = np.random.default_rng(6)
    y = rng.integers(0, 3, 10_000)
    # The same for all classes up to rounding: nothing to be surprised at.
    assert surprise_test(y, np.full((10_000, 3), 1 / 3, dtype=np.float32)) == (0.0, 1.0)
    d = 1e-6
    p = np.where(rng.random(1000) < 0.5, 0.5 + d, 0.5 - d)
    y = rng.integers(0, 2, 1000)
    # To leading order, surprise less entropy is -+2 d, of variance 4 d^2; the next order is 4 d^2
    # for each sample, 2 d sqrt(n) in the sum over its deviation.
    expected = -np.sum(np.where(y == (p > 0.5), 1, -1)) / np.sqrt(1000)
    assert surprise_test(y, p).statistic == pytest.approx(expected, abs=4 * d * np.sqrt(1000))


def test_what_was_impossible_counts_only_with_a_weight():
    assert surprise_test([0, 1, 1], [0.2, 0.0, 0.6], sample_weight=[1, 0, 1]) == (
        surprise_test([0, 1], [0.2, 0.6])
    )


@pytest.mark.parametrize("factor", [1e-300, 1e-170, 1e160, 1e306])
def test_the_unit_of_weights_does_not_matter(factor):
    rng = np.random.default_rng(0)
    weight = rng.uniform(size=120)
    p = rng.uniform(0.1, 0.9, size=120)
    y = (rng.uniform(size=120) < p).astype(int)
    other = np.sqrt(p)
    metrics = [
        lambda w: surprise_test(y, p, sample_weight=w),
        lambda w: log_loss_interval(y, p, sample_weight=w),
        lambda w: compare_log_loss(y, p, other, sample_weight=w),
        lambda w: log_loss(y, p, sample_weight=w),
        lambda w: brier_score(y, p, sample_weight=w),
        lambda w: calibration_slope_intercept(y, p, sample_weight=w),
        lambda w: expected_calibration_error(y, p, sample_weight=w),
        lambda w: log_loss_decomposition(y, p, sample_weight=w)[:4],
    ]
    for metric in metrics:
        assert metric(weight * factor) == pytest.approx(metric(weight), rel=1e-9)


def test_weights_without_digits_are_refused():
    with pytest.raises(ValueError, match="sample_weight must not lose precision"):
        log_loss([0, 1], [0.5, 0.5], sample_weight=[1e-320, 1e-320])
