"""The posterior undoes what loss, class weights and smoothing do to probabilities."""

import numpy as np
import pytest
from scipy.optimize import minimize

from sklogloss.losses import BrierLoss, FocalLoss, LogLoss
from sklogloss.losses.posterior import undo_weights_and_smoothing


def distorted(truth, class_weight, label_smoothing):
    # The minimiser of the expected weighted loss of smoothed labels: the mean target under the
    # weights.
    weighted = truth * class_weight
    weighted /= weighted.sum(axis=1, keepdims=True)
    return (1 - label_smoothing) * weighted + label_smoothing / truth.shape[1]


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_undoes_the_distortion(n_classes, label_smoothing, dtype):
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.ones(n_classes), size=50)
    class_weight = rng.uniform(0.5, 2, size=n_classes)
    log_proba = np.log(distorted(truth, class_weight, label_smoothing)).astype(dtype)
    posterior = undo_weights_and_smoothing(log_proba, class_weight, label_smoothing)
    assert posterior.dtype == dtype
    # A log-probability of size up to 10 is rounded to 10 eps, which is relative to a probability of
    # at most 1; taking away eps / K and dividing by 1 - eps and by weights (ratio 4) enlarges it.
    tolerance = 10 * 10 * np.finfo(dtype).eps * 4 / (1 - label_smoothing)
    np.testing.assert_allclose(np.exp(posterior), truth, rtol=0, atol=tolerance)


def test_without_weights_and_smoothing_it_is_the_model():
    log_proba = np.log([[0.2, 0.8], [0.5, 0.5]])
    np.testing.assert_allclose(
        undo_weights_and_smoothing(log_proba, np.ones(2), 0.0), log_proba, rtol=1e-15, atol=1e-16
    )


def test_balancing_by_hand():
    # An event of weight 9 at even odds happens 1 time in 10.
    posterior = undo_weights_and_smoothing(np.log([[0.5, 0.5]]), np.array([1.0, 9.0]), 0.0)
    np.testing.assert_allclose(np.exp(posterior), [[0.9, 0.1]], rtol=1e-15)


def test_smoothing_by_hand():
    # The target of a certain event is 0.9 for a smoothing of 0.2.
    posterior = undo_weights_and_smoothing(np.log([[0.1, 0.9]]), np.ones(2), 0.2)
    np.testing.assert_allclose(np.exp(posterior), [[0, 1]], rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
@pytest.mark.parametrize("class_weight", [[1.0, 1.0, 1.0], [1.0, 5.0, 0.0]])
def test_is_finite_beyond_what_smoothing_can_explain(dtype, label_smoothing, class_weight):
    # Scores grow without bound, and the model's probabilities fall below label_smoothing / K.
    log_proba = np.array([[0, -1e4, -2e4], [-1e4, -1e4, 0], [-1e4, 0, -1e4]], dtype=dtype)
    posterior = undo_weights_and_smoothing(log_proba, np.array(class_weight), label_smoothing)
    assert np.all(np.isfinite(posterior))
    # Sums of three terms of the size 1.
    np.testing.assert_allclose(
        np.exp(posterior).sum(axis=1), 1, rtol=0, atol=4 * np.finfo(dtype).eps
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("log_proba", [[-200.0, -201.0, 0.0], [0.0, -1.0, -200.0]])
def test_a_class_that_was_not_seen_has_the_smallest_probability(dtype, log_proba):
    posterior = undo_weights_and_smoothing(
        np.array([log_proba], dtype), np.array([1.0, 1.0, 0.0]), 0.0
    )
    assert posterior[0, 2] == np.log(np.finfo(dtype).tiny)
    np.testing.assert_allclose(posterior[0, 0] - posterior[0, 1], 1, rtol=1e-5)


def test_larger_scores_never_mean_smaller_posterior_probabilities():
    z = np.linspace(-50, 50, 1001)
    log_proba = -np.logaddexp(0, np.column_stack([z, -z]))
    posterior = undo_weights_and_smoothing(log_proba, np.array([1.0, 7.0]), 0.1)[:, 1]
    assert np.all(np.diff(posterior) >= 0)


def test_input_is_not_changed():
    log_proba = np.log([[0.2, 0.8]])
    expected = log_proba.copy()
    undo_weights_and_smoothing(log_proba, np.array([1.0, 2.0]), 0.0)
    np.testing.assert_array_equal(log_proba, expected)


LOSSES = [LogLoss(), LogLoss(4), BrierLoss(), BrierLoss(4)]
LOSSES += [FocalLoss(gamma, n_classes) for gamma in (0, 0.1, 2, 5) for n_classes in (2, 4)]
all_losses = pytest.mark.parametrize("loss", LOSSES, ids=repr)


def smoothed(loss, label_smoothing):
    """Return the target of each class, one row each."""
    K = loss.n_classes
    targets = (1 - label_smoothing) * np.eye(K) + label_smoothing / K
    return targets[:, 1] if K == 2 else targets


def expected_loss(loss, z, weight, targets):
    """Return the loss of classes of these weights at one raw prediction, and its gradient."""
    rows = np.full(2, z[0]) if loss.n_classes == 2 else np.tile(z, (loss.n_classes, 1))
    value, gradient = loss.value_gradient(targets, rows, weight)
    return value.sum(), np.atleast_1d(gradient.sum(axis=0))


@all_losses
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_no_other_raw_prediction_has_a_smaller_expected_loss(loss, label_smoothing):
    rng = np.random.default_rng(1)
    K = loss.n_classes
    targets = smoothed(loss, label_smoothing)
    for _ in range(5):
        truth = rng.dirichlet(np.ones(K))
        class_weight = rng.uniform(0.5, 2, size=K)
        weight = truth * class_weight
        start = np.zeros(1 if K == 2 else K)
        best = minimize(
            lambda z, weight=weight: expected_loss(loss, z, weight, targets),
            start,
            jac=True,
            method="BFGS",
            options={"gtol": 1e-9},
        ).x
        raw_prediction = best if K == 2 else best[None]
        posterior = loss.posterior(raw_prediction, class_weight, label_smoothing)[0]
        # BFGS leaves a gradient of 1e-9, or of the rounding level of the value's slope, 1e-8;
        # the curvature of these flat minima is above 1e-3.
        np.testing.assert_allclose(posterior, truth, rtol=0, atol=1e-5)


@all_losses
def test_gradients_vanish_under_the_posterior(loss):
    rng = np.random.default_rng(2)
    K = loss.n_classes
    raw_prediction = 2 * rng.normal(size=(200,) if K == 2 else (200, K))
    class_weight = rng.uniform(0.5, 2, size=K)
    posterior = loss.posterior(raw_prediction, class_weight)
    gradients = np.stack([loss.gradient(np.full(200, k), raw_prediction) for k in range(K)])
    weights = (posterior * class_weight).T.reshape(K, 200, *[1] * (raw_prediction.ndim - 1))
    # Rounding errors: 8 ulp of each gradient, and of the posterior's logarithm, below 30 in size,
    # ten of 1 + gamma times eps.
    terms = weights * gradients
    tolerance = (8 + 300 * (1 + getattr(loss, "gamma", 0))) * np.finfo(np.float64).eps
    assert np.all(np.abs(terms.sum(axis=0)) <= tolerance * np.abs(terms).max(axis=0))


@pytest.mark.parametrize("loss", [LogLoss(), LogLoss(3), BrierLoss(), BrierLoss(3), FocalLoss(0)])
def test_posterior_of_a_proper_loss_is_its_link(loss):
    rng = np.random.default_rng(3)
    raw_prediction = 5 * rng.normal(size=(50,) if loss.n_classes == 2 else (50, loss.n_classes))
    np.testing.assert_allclose(
        loss.posterior(raw_prediction), loss.link(raw_prediction), rtol=1e-13
    )


def test_focal_posterior_by_hand():
    # p = 0.9 of two classes, gamma = 1: the derivatives in the logit are
    # q (q - p ln p) for what is likely and p (p - q ln q) for what is not.
    p, q = 0.9, 0.1
    likely, unlikely = q * (q - p * np.log(p)), p * (p - q * np.log(q))
    posterior = FocalLoss(1).posterior(np.array([np.log(9)]))
    np.testing.assert_allclose(posterior[0, 1], unlikely / (likely + unlikely), rtol=1e-14)


def test_two_classes_are_two_of_softmax():
    z = np.linspace(-30, 30, 121)
    # A third class that is all but impossible.
    rows = np.column_stack([np.zeros_like(z), z, np.full_like(z, -600)])
    two, three = (FocalLoss(2, K).log_posterior(r) for K, r in ((2, z), (3, rows)))
    np.testing.assert_allclose(three[:, :2], two, rtol=1e-12, atol=1e-14)


@all_losses
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_posterior_is_finite_for_any_score(loss, dtype, label_smoothing):
    largest = np.finfo(dtype).max
    scores = np.array([0, 1e-30, -1, 90, -800, 1e30, largest, -largest], dtype=dtype)
    if loss.n_classes > 2:
        scores = np.stack([np.roll(scores, k) for k in range(loss.n_classes)], axis=1)
    weight = np.linspace(0.5, 2, loss.n_classes)
    log_posterior = loss.log_posterior(scores, weight, label_smoothing)
    assert log_posterior.dtype == dtype
    assert np.all(np.isfinite(log_posterior))
    total = loss.posterior(scores, weight, label_smoothing).sum(axis=1)
    np.testing.assert_allclose(total, 1, rtol=0, atol=8 * np.finfo(dtype).eps)


def test_larger_scores_mean_larger_posterior_probabilities():
    z = np.linspace(-800, 800, 4001)
    for gamma in (0.1, 1, 2, 5):
        log_posterior = FocalLoss(gamma).log_posterior(z)
        assert np.all(np.diff(log_posterior[:, 1] - log_posterior[:, 0]) > 0)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (([1.0],), ValueError, r"class_weight must have shape \(2,\), got \(1,\)"),
        (([1.0, -1.0],), ValueError, "class_weight must hold finite numbers that are not negative"),
        (([0.0, 0.0],), ValueError, "not only zeros"),
        ((["a", "b"],), TypeError, "class_weight must hold real numbers"),
        ((None, 1.0), ValueError, r"label_smoothing must be in \[0, 1\), got 1.0"),
        ((None, "0.1"), TypeError, "label_smoothing must be a number"),
    ],
)
def test_errors_name_the_argument(arguments, error, text):
    with pytest.raises(error, match=text):
        FocalLoss().posterior(np.zeros(3), *arguments)


@all_losses
@pytest.mark.parametrize("soft", [False, True])
def test_init_score_has_the_smallest_loss_of_all_constants(loss, soft):
    rng = np.random.default_rng(4)
    n_samples, K = 400, loss.n_classes
    share = np.r_[0.9, np.full(K - 1, 0.1 / (K - 1))]
    target = rng.choice(K, n_samples, p=share)
    if soft:
        target = rng.dirichlet(10 * share, n_samples)
        target = target[:, 1] if K == 2 else target
    weight = rng.uniform(0, 2, n_samples)
    score = loss.init_score(target, weight)
    assert np.shape(score) == (() if K == 2 else (K,))
    rows = np.full(n_samples, score) if K == 2 else np.tile(score, (n_samples, 1))
    gradient = loss.gradient(target, rows, weight).sum(axis=0) / weight.sum()
    # The score is found to 1e-14 of its logarithms; sums of 400 rounding errors.
    assert np.max(np.abs(gradient)) < 1e-13
    value = loss.value(target, rows, weight).sum()
    for _ in range(20):
        other = rows + rng.normal(size=rows.shape[1:]) * rng.choice([0.01, 1, 10])
        assert loss.value(target, other, weight).sum() > value


def test_init_score_of_a_class_that_does_not_occur_is_finite():
    for loss in LOSSES:
        assert np.all(np.isfinite(loss.init_score([0] * 5)))
    with pytest.raises(ValueError, match="must not be zero for all samples"):
        LogLoss().init_score([0, 1], [0.0, 0.0])
    with pytest.raises(ValueError, match="target must hold class indices"):
        LogLoss(3).init_score([0, 1, 3])


@pytest.mark.parametrize("n_classes", [2, 5, 30])
@pytest.mark.parametrize("gamma", [155.0, 1000.0])
def test_init_score_of_a_large_gamma(n_classes, gamma):
    target = np.repeat(np.arange(n_classes), 2 + np.arange(n_classes))
    loss = FocalLoss(gamma, n_classes)
    score = np.atleast_1d(loss.init_score(target))
    # Its posterior is how often the classes happen.
    share = np.bincount(target) / len(target)
    np.testing.assert_allclose(
        loss.posterior(score if n_classes == 2 else score[None])[0], share, rtol=1e-9
    )


def test_init_score_of_rows_that_are_no_probabilities():
    with pytest.raises(ValueError, match="rows sum to 1"):
        LogLoss(3).init_score([[0.2, 0.2, 0.2], [0.1, 0.1, 0.1]])


@pytest.mark.parametrize("gamma", [0.5, 2, 100])
def test_log_posterior_where_probabilities_are_subnormal(gamma):
    z = np.array([700.0, 720.0, 730.0, 744.0, 750.0])
    log_posterior = FocalLoss(gamma).log_posterior(-z)
    # ln(phi / q^gamma) is ln(1 + gamma) for p = 1 and 0 for p = 0, up to terms of exp(-700) z.
    np.testing.assert_allclose(
        log_posterior[:, 0] - log_posterior[:, 1], (1 + gamma) * z - np.log1p(gamma), rtol=1e-14
    )
