"""brier_score against scikit-learn and its definition."""

import inspect

import mpmath
import numpy as np
import pytest
import sklearn.metrics
from scipy.special import expit, softmax

from sklogloss.metrics import brier_score

RNG = np.random.default_rng(1)


def test_two_classes_as_in_scikit_learn():
    y, p, weight = RNG.integers(0, 2, 40), RNG.uniform(size=40), RNG.uniform(size=40)
    expected = sklearn.metrics.brier_score_loss(y, p, sample_weight=weight)
    assert brier_score(y, p, sample_weight=weight) == pytest.approx(expected, rel=1e-12)
    two_columns = np.column_stack([1 - p, p])
    assert brier_score(y, two_columns, sample_weight=weight) == pytest.approx(expected, rel=1e-12)


def test_more_classes_are_summed_over():
    y, p = RNG.integers(0, 4, 40), softmax(RNG.normal(size=(40, 4)), axis=1)
    expected = np.mean(np.sum((p - np.eye(4)[y]) ** 2, axis=1))
    assert brier_score(y, p) == pytest.approx(expected, rel=1e-14)
    assert brier_score(y, p, scale_by_half=True) == pytest.approx(expected / 2, rel=1e-14)
    if "scale_by_half" in inspect.signature(sklearn.metrics.brier_score_loss).parameters:
        assert sklearn.metrics.brier_score_loss(y, p) == pytest.approx(expected, rel=1e-12)


def test_logits_and_soft_targets():
    z, soft = RNG.normal(size=40), RNG.uniform(size=40)
    expected = np.mean((expit(z) - soft) ** 2)
    targets = np.column_stack([1 - soft, soft])
    assert brier_score(targets, raw_prediction=z) == pytest.approx(expected, rel=1e-12)
    unhalved = brier_score(targets, raw_prediction=z, scale_by_half=False)
    assert unhalved == pytest.approx(2 * expected, rel=1e-12)


def test_scale_by_half_is_checked():
    with pytest.raises(ValueError, match="scale_by_half must be"):
        brier_score([0, 1], [0.5, 0.5], scale_by_half="yes")


@pytest.mark.parametrize("z", [36.0, 40.0, 300.0])
def test_nothing_cancels_where_the_label_is_all_but_certain(z):
    q = mpmath.exp(-z) / (1 + mpmath.exp(-z))
    score = brier_score([1], raw_prediction=[z], labels=[0, 1])
    assert score == pytest.approx(float(q**2), rel=1e-13)
    q = 2 * mpmath.exp(-z) / (1 + 2 * mpmath.exp(-z))
    score = brier_score([0], raw_prediction=[[z, 0, 0]], labels=[0, 1, 2])
    assert score == pytest.approx(float(1.5 * q**2), rel=1e-13)
