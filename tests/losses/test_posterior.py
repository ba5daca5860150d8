"""The posterior undoes, to the digit, what class weights and smoothing do to probabilities."""

import numpy as np
import pytest

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
