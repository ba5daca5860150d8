"""Cross-entropy is entropy plus divergence."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy

from sklogloss.metrics import cross_entropy_decomposition, log_loss

RNG = np.random.default_rng(3)
SOFT = softmax(2 * RNG.normal(size=(40, 4)), axis=1)
PROBA = softmax(2 * RNG.normal(size=(40, 4)), axis=1)


def test_each_part_per_sample():
    parts = cross_entropy_decomposition(SOFT, PROBA, average=False)
    np.testing.assert_allclose(parts.entropy, entropy(SOFT, axis=1), rtol=1e-13)
    np.testing.assert_allclose(parts.divergence, entropy(SOFT, PROBA, axis=1), rtol=1e-12)
    np.testing.assert_array_equal(parts.cross_entropy, parts.entropy + parts.divergence)
    np.testing.assert_allclose(parts.cross_entropy, -np.sum(SOFT * np.log(PROBA), axis=1), 1e-13)


def test_means_are_weighted_and_add_up():
    weight = RNG.uniform(size=40)
    parts = cross_entropy_decomposition(SOFT, PROBA, sample_weight=weight)
    assert parts.cross_entropy == parts.entropy + parts.divergence
    assert parts.cross_entropy == pytest.approx(
        log_loss(SOFT, PROBA, sample_weight=weight), rel=1e-13
    )
    raw = cross_entropy_decomposition(SOFT, raw_prediction=np.log(PROBA), sample_weight=weight)
    np.testing.assert_allclose(raw, parts, rtol=1e-12)


def test_divergence_is_zero_for_the_truth_and_infinite_for_the_impossible():
    assert cross_entropy_decomposition(SOFT, SOFT).divergence == 0
    parts = cross_entropy_decomposition([[0.5, 0.5]], [[1.0, 0.0]])
    assert parts.divergence == np.inf
    assert parts.entropy == pytest.approx(np.log(2))
    certain = cross_entropy_decomposition([[1.0, 0.0]], [[0.5, 0.5]])
    assert certain.entropy == 0


def test_close_probabilities_do_not_cancel():
    # The divergence of p + d from p is d^2 / (2 p (1 - p)) to leading order.
    d = 1e-6
    parts = cross_entropy_decomposition([[0.5, 0.5]], [[0.5 - d, 0.5 + d]])
    assert parts.divergence == pytest.approx(2 * d**2, rel=1e-4)


@pytest.mark.parametrize(
    ("y_soft", "message"),
    [
        ([0.5, 0.25], "y_soft must hold labels of classes.* pass one column per class"),
        ([[0.5, 0.4], [1, 0]], "rows of y_soft must sum to 1"),
        ([0, 1, 1], "y_soft has 3, y_proba has 2"),
    ],
)
def test_errors_name_the_targets_as_the_signature_does(y_soft, message):
    with pytest.raises(ValueError, match=message):
        cross_entropy_decomposition(y_soft, [0.5, 0.5])
