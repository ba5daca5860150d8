import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklogloss.calibration.held_out import (
    HeldOut,
    class_raw_prediction,
    finite_raw_prediction,
    smallest_logarithm,
)


def test_probability_zero_counts_as_half_the_smallest():
    raw = np.log(np.array([[0.25, 0.75], [0.1, 0.9]]))
    with_zero = np.vstack([raw, [-np.inf, 0.0]])
    floor = smallest_logarithm(with_zero)
    assert np.exp(floor) == pytest.approx(0.05)
    assert finite_raw_prediction(with_zero, floor)[-1] == pytest.approx(-np.log(0.05))


def test_class_that_was_not_there_has_the_smallest_raw_prediction():
    X, y = np.arange(8.0)[:, None], np.array([0, 0, 0, 0, 2, 2, 2, 2])
    clf = SVC().fit(X, y)
    raw = class_raw_prediction(clf, X, np.arange(3))
    np.testing.assert_allclose(raw[:, 2] - raw[:, 0], clf.decision_function(X))
    np.testing.assert_array_equal(raw[:, 1], raw.min(axis=1))


@pytest.mark.parametrize("n_classes", [3, 4])
@pytest.mark.parametrize("wrap", [lambda clf: clf, make_pipeline])
def test_one_against_one_is_refused(wrap, n_classes):
    # Three classes have as many pairs.
    X, y = np.arange(8.0)[:, None], np.arange(8) % n_classes
    clf = wrap(SVC(decision_function_shape="ovo")).fit(X, y)
    with pytest.raises(ValueError, match=r"one column per class, got .*ovo"):
        class_raw_prediction(clf, X, np.arange(n_classes))


def test_losses_of_soft_targets_leave_out_what_cannot_happen():
    target = np.array([[0.5, 0.5, 0.0]])
    held_out = HeldOut(np.zeros((1, 3)), None, target, None, np.zeros(1, dtype=int), 3)
    log_proba = np.array([[np.log(0.25), np.log(0.75), -np.inf]])
    assert held_out.losses(log_proba) == pytest.approx(-(np.log(0.25) + np.log(0.75)) / 2)
