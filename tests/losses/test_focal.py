"""What is particular to focal loss; its numbers are tested with those of the other losses."""

import numpy as np
import pytest
from mpmath import findroot, log, mp
from scipy.special import log_expit

from sklogloss.losses import FocalLoss, LogLoss


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("soft", [False, True])
def test_gamma_zero_is_log_loss(n_classes, soft):
    rng = np.random.default_rng(0)
    raw_prediction = 5 * rng.normal(size=(500,) if n_classes == 2 else (500, n_classes))
    target = rng.integers(0, n_classes, 500)
    if soft:
        target = 0.9 * np.eye(n_classes)[target] + 0.1 / n_classes
        target = target[:, 1] if n_classes == 2 else target
    focal, log_loss = (loss(target, raw_prediction) for loss in evaluations(n_classes))
    # 8 and 4 ulp; soft targets 1e-15.
    for ours, expected in zip(focal, log_loss, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=3e-15, atol=2e-15 if soft else 1e-300)


def evaluations(n_classes):
    for loss in (FocalLoss(0, n_classes), LogLoss(n_classes)):
        yield lambda *args, loss=loss: (
            *loss.value_gradient(*args),
            loss.gradient_hessian(*args)[1],
        )


@pytest.mark.parametrize("gamma", [0.5, 1, 2, 3, 5])
def test_the_second_derivative_is_negative_below_a_probability(gamma):
    # Where (1 + 2 gamma) q = gamma (gamma p - q) ln p.
    with mp.workdps(30):
        p = findroot(
            lambda p: (1 + 2 * gamma) * (1 - p) - gamma * (gamma * p - (1 - p)) * log(p),
            (0.005, 0.2),
            solver="bisect",
        )
        logit = float(log(p / (1 - p)))
    hessian = FocalLoss(gamma).gradient_hessian([1, 1], np.array([logit - 1e-9, logit + 1e-9]))[1]
    assert hessian[0] < 0 < hessian[1]


def test_says_whether_it_is_convex():
    assert LogLoss().is_convex
    assert FocalLoss(0).is_convex
    assert not FocalLoss(0.1).is_convex
    kernel = FocalLoss(2, 3).kernel(convex=True)
    assert kernel.is_convex


def test_repr():
    assert repr(FocalLoss(0.5, 3)) == "FocalLoss(gamma=0.5, n_classes=3)"


@pytest.mark.parametrize(
    ("gamma", "error"),
    [(-0.1, ValueError), (np.nan, ValueError), (np.inf, ValueError), ("2", TypeError)],
)
def test_gamma_out_of_range(gamma, error):
    with pytest.raises(error, match="gamma must be"):
        FocalLoss(gamma)


@pytest.mark.parametrize("gamma", [1e-300, 1e-8, 100, 1e4, 1e300])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_any_gamma_gives_finite_numbers(gamma, dtype, n_classes):
    rng = np.random.default_rng(1)
    loss = FocalLoss(gamma, n_classes)
    shape = (300,) if n_classes == 2 else (300, n_classes)
    raw_prediction = (rng.normal(size=shape) * 10 ** rng.uniform(-3, 3, size=shape)).astype(dtype)
    target = rng.integers(0, n_classes, 300)
    soft = np.eye(n_classes)[target] * 0.9 + 0.1 / n_classes
    for y in (target, soft[:, 1] if n_classes == 2 else soft):
        value, gradient = loss.value_gradient(y, raw_prediction)
        gradient, hessian = loss.gradient_hessian(y, raw_prediction)
        assert np.all(np.isfinite(value) & (value >= 0))
        assert np.all(np.isfinite(gradient))
        assert np.all(np.isfinite(hessian))


@pytest.mark.parametrize(("dtype", "largest"), [(np.float64, 1e15), (np.float32, 1e7)])
def test_gamma_counts_up_to_where_next_to_nothing_is_left(dtype, largest):
    margin = (-np.log(largest) + np.linspace(-3, 3, 7)).astype(dtype)
    values, gradients = FocalLoss(100 * largest).value_gradient([1] * 7, margin)
    expected = FocalLoss(largest).value_gradient([1] * 7, margin)
    np.testing.assert_array_equal((values, gradients), expected)
    margin = margin.astype(np.float64)
    exact = np.exp(largest * log_expit(-margin)) * -log_expit(margin)
    # The exponent is up to 20: so many times is its rounding error one of the exponential.
    np.testing.assert_allclose(values, exact, rtol=40 * np.finfo(dtype).eps)


def test_infinite_raw_predictions_give_no_nan():
    for gamma in (0, 0.5, 2):
        loss = FocalLoss(gamma)
        for y in (0, 1, 0.3):
            value, gradient = loss.value_gradient([y, y], np.array([-np.inf, np.inf]))
            hessian = loss.gradient_hessian([y, y], np.array([-np.inf, np.inf]))[1]
            assert not np.isnan([value, gradient, hessian]).any()
