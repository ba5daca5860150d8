"""focal_loss against mpmath."""

import mpmath
import numpy as np
import pytest
from scipy.special import softmax

from sklogloss.metrics import focal_loss, log_loss

RNG = np.random.default_rng(2)


def slow_focal_loss(p, gamma):
    p = mpmath.mpf(p)
    return -((1 - p) ** gamma) * mpmath.log(p)


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2, 5])
def test_two_classes(gamma):
    y, p = RNG.integers(0, 2, 30), RNG.uniform(size=30)
    happened = [p_i if y_i else 1 - mpmath.mpf(p_i) for p_i, y_i in zip(p, y, strict=True)]
    expected = float(sum(slow_focal_loss(p_i, gamma) for p_i in happened) / 30)
    assert focal_loss(y, p, gamma=gamma) == pytest.approx(expected, rel=1e-13)
    logit = np.log(p / (1 - p))
    assert focal_loss(y, raw_prediction=logit, gamma=gamma) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("gamma", [0.5, 2])
def test_more_classes_weights_and_soft_targets(gamma):
    y, p = RNG.integers(0, 3, 30), softmax(RNG.normal(size=(30, 3)), axis=1)
    alpha, weight = np.array([0.5, 1.0, 2.0]), RNG.uniform(size=30)
    values = [alpha[k] * float(slow_focal_loss(p_i[k], gamma)) for p_i, k in zip(p, y, strict=True)]
    expected = np.average(values, weights=weight)
    arguments = {"gamma": gamma, "alpha": alpha, "sample_weight": weight}
    assert focal_loss(y, p, **arguments) == pytest.approx(expected, rel=1e-12)
    assert focal_loss(np.eye(3)[y], p, **arguments) == pytest.approx(expected, rel=1e-12)
    raw = np.log(p)
    assert focal_loss(y, raw_prediction=raw, **arguments) == pytest.approx(expected, rel=1e-12)


def test_gamma_zero_is_log_loss_and_alpha_of_two_classes_adds_up_to_one():
    y, p = np.array([0, 1, 1]), np.array([0.2, 0.0, 1.0])
    assert focal_loss(y, p, gamma=0) == pytest.approx(log_loss(y, p), rel=1e-14)
    given = focal_loss(y, p, alpha=0.25)
    assert given == focal_loss(y, p, alpha=[0.75, 0.25])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"gamma": -1}, ValueError, "gamma must be in"),
        ({"gamma": "2"}, TypeError, "gamma must be a number"),
        ({"alpha": 1.5}, ValueError, "alpha must be in"),
        ({"alpha": [1, 2, 3]}, ValueError, "alpha must have 2 weights, one for each class"),
    ],
)
def test_parameters_are_checked(arguments, error, message):
    with pytest.raises(error, match=message):
        focal_loss([0, 1], [0.5, 0.5], **arguments)


def test_nothing_cancels_where_the_label_is_all_but_certain():
    for gamma in (0.5, 2):
        q = 2 * mpmath.exp(-40) / (1 + 2 * mpmath.exp(-40))
        expected = float(-(q**gamma) * mpmath.log1p(-q))
        raw = np.array([[40.0, 0.0, 0.0]])
        assert focal_loss([0], raw_prediction=raw, gamma=gamma, labels=[0, 1, 2]) == pytest.approx(
            expected, rel=1e-13
        )
    q = mpmath.mpf(1e-10)
    near_one = np.array([[1 - 2e-10, 1e-10, 1e-10]])
    expected = float(-((2 * q) ** 2) * mpmath.log1p(-2 * q))
    # The logarithm of what was given has the digits that 1 - 2e-10 has.
    assert focal_loss([0], near_one, labels=[0, 1, 2]) == pytest.approx(expected, rel=1e-6)


def test_class_weight_of_soft_targets_given_by_logits():
    target, raw = RNG.dirichlet([1, 1, 1], size=20), RNG.normal(size=(20, 3))
    for alpha in ([0.5, 1.0, 2.0], [0.0, 0.0, 1.0]):
        expected = focal_loss(target, softmax(raw, axis=1), alpha=alpha)
        assert focal_loss(target, raw_prediction=raw, alpha=alpha) == pytest.approx(
            expected, rel=1e-12
        )
