"""Comparisons that may be looked at at any time."""

import mpmath
import numpy as np
import pytest
from scipy.special import expit

from sklogloss.metrics import compare_log_loss
from sklogloss.metrics.confidence_sequence import (
    _boundary,
    anytime_pvalue,
    confidence_sequence,
)


def test_all_looks_together_keep_the_level():
    n_missed = 0
    for seed in range(200):
        values = np.random.default_rng(seed).choice([-1.0, 1.0], size=400)
        looks = [confidence_sequence(values[:n], 2.0, 0.8) for n in range(2, 401)]
        n_missed += any(low > 0 or high < 0 for low, high in looks)
    # At most 0.2, and four standard deviations of 0.03.
    assert n_missed / 200 < 0.2 + 0.12


def test_boundary_is_that_of_howard_and_others():
    # Equation 10 with eta = 2, s = 1.4 and m = 1, at a variance of 100 and alpha = 0.05.

    pieces = 1.4 * np.log(np.log(200)) + np.log(float(mpmath.zeta(1.4)) / (0.05 * np.log(2) ** 1.4))
    k1, k2 = (2**0.25 + 2**-0.25) / np.sqrt(2), (np.sqrt(2) + 1) / 2
    expected = np.sqrt(k1**2 * 100 * pieces + (k2 * pieces) ** 2) + k2 * pieces
    assert _boundary(100.0, 0.05) == pytest.approx(expected, rel=1e-6)


def test_pvalue_is_the_level_at_which_the_interval_ends_at_zero():
    values = np.random.default_rng(0).choice([-1.0, 1.0], size=2000, p=[0.4, 0.6])
    pvalue = anytime_pvalue(values, 2.0)
    assert confidence_sequence(values, 2.0, 1 - pvalue)[0] == pytest.approx(0, abs=1e-9)
    assert anytime_pvalue(values[:5], 2.0) == 1


def test_comparison_over_time():
    rng = np.random.default_rng(0)
    z = rng.normal(size=20_000)
    y = (rng.random(20_000) < expit(z)).astype(int)
    plain = compare_log_loss(y, raw_prediction=(z, 3 * z))
    result = compare_log_loss(y, raw_prediction=(z, 3 * z), sequential=True)
    assert result.low < result.difference < result.high < 0
    assert plain.high - plain.low < result.high - result.low < 20 * (plain.high - plain.low)
    assert result.pvalue < 0.05
    same = compare_log_loss(y, raw_prediction=(z, z), sequential=True)
    assert (same.difference, same.pvalue) == (0, 1)


def test_units_of_the_bound_do_not_change_losses_below_it():
    y, p = [0, 1, 0, 1], np.array([0.2, 0.7, 0.4, 0.6])
    one = compare_log_loss(y, p, p**2, sequential=True, largest_loss=3)
    assert one.difference == pytest.approx(compare_log_loss(y, p, p**2).difference)
    clipped = compare_log_loss(y, p, p**2, sequential=True, largest_loss=0.01)
    assert clipped.difference == pytest.approx(0)
    with pytest.raises(ValueError, match="groups must be None with sequential"):
        compare_log_loss(y, p, p, sequential=True, groups=[0, 0, 1, 1])
