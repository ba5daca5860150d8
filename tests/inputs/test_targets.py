"""Classes and targets of y."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklogloss.inputs.targets import (
    Targets,
    encode_known,
    encode_known_probabilities,
    encode_labels,
    encode_probabilities,
)

LABEL = np.array([2, 0, 1, 1])
HARD = Targets(np.array(["a", "b", "c"]), LABEL, None)
PROBA = np.array([[0.25, 0.25, 0.5], [1, 0, 0], [0, 1, 0], [0.5, 0, 0.5]])
SOFT = Targets(np.array(["a", "b", "c"]), None, PROBA)


def test_labels():
    targets = encode_labels(np.array(["c", "a", "b", "b"]))
    assert targets.classes.tolist() == ["a", "b", "c"]
    assert targets.proba is None
    np.testing.assert_array_equal(targets.label, LABEL)
    assert len(targets) == 4


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([1, 1], ValueError, "y must have samples of at least 2 classes.* only one class: 1"),
        ([0.5, 1.5], ValueError, "y must hold labels of classes, got continuous values"),
        ([0.5, 0.7], ValueError, "pass one column per class"),
    ],
)
def test_what_are_no_labels(y, error, message):
    with pytest.raises(error, match=message):
        encode_labels(np.array(y))


def test_known_labels_need_not_cover_all_classes():
    classes = np.array([1, 3, 5])
    targets = encode_known([5, 5, 1], classes)
    assert targets.classes is classes
    np.testing.assert_array_equal(targets.label, [2, 2, 0])
    with pytest.raises(ValueError, match=r"y has labels that fit has not seen: \[0, 4\]"):
        encode_known([1, 4, 0, 4], classes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities(dtype):
    targets = encode_probabilities(PROBA.tolist(), dtype)
    assert targets.label is None
    assert targets.proba.dtype == dtype
    assert targets.classes.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(targets.proba, PROBA)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_are_sorted(frame):
    given = frame({name: PROBA[:, i] for i, name in ((2, "c"), (0, "a"), (1, "b"))})
    targets = encode_probabilities(given, np.float64)
    assert targets.classes.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(targets.proba, PROBA)
    targets = encode_known_probabilities(given, SOFT.classes, np.float64)
    np.testing.assert_array_equal(targets.proba, PROBA)


def test_probabilities_of_one_class():
    with pytest.raises(ValueError, match=r"y must have at least 2 classes.* only one class"):
        encode_probabilities([[1, 0], [1, 0]], np.float64)
    # All known samples may be of one class.
    targets = encode_known_probabilities([[1, 0], [1, 0]], np.arange(2), np.float64)
    np.testing.assert_array_equal(targets.proba, [[1, 0], [1, 0]])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[0.5, 0.5]], "y has probabilities of 2 classes, fit has seen 3"),
        (
            pd.DataFrame({"a": [1], "b": [0], "x": [0]}),
            "columns of y, .*'x'.*, are not the classes",
        ),
        ([[0.5, 0.3, 0.1]], "rows are class probabilities and must sum to 1"),
    ],
)
def test_probabilities_of_other_classes(y, message):
    with pytest.raises(ValueError, match=message):
        encode_known_probabilities(y, SOFT.classes, np.float64)


def test_one_class_of_each_sample():
    np.testing.assert_array_equal(HARD.most_probable(), LABEL)
    np.testing.assert_array_equal(SOFT.most_probable(), [2, 0, 1, 0])
    np.testing.assert_array_equal(HARD.labels_if_hard(), LABEL)
    assert SOFT.labels_if_hard() is None
    one_hot = Targets(np.arange(3), None, np.eye(3)[LABEL])
    np.testing.assert_array_equal(one_hot.labels_if_hard(), LABEL)


def test_samples_of_known_classes():
    is_known = np.array([True, False, True])
    assert HARD.are_among(is_known).tolist() == [True, True, False, False]
    assert SOFT.are_among(is_known).tolist() == [False, True, False, True]


@pytest.mark.parametrize("weight", [None, np.array([1.0, 2.0, 0.5, 0.0])])
def test_totals_of_classes(weight):
    w = np.ones(4) if weight is None else weight
    np.testing.assert_allclose(HARD.class_totals(weight), w @ np.eye(3)[LABEL], rtol=1e-15)
    np.testing.assert_allclose(SOFT.class_totals(weight), w @ PROBA, rtol=1e-15)


@pytest.mark.parametrize("weight", [None, np.array([1.0, 2.0, 0.5, 0.0])])
@pytest.mark.parametrize("class_weight", [None, np.array([1.0, 5.0, 0.0])])
def test_class_weights_go_into_soft_targets(weight, class_weight):
    # The loss of a sample is sum_k s w_k y_k l_k, whether w_k multiplies the weight or the target.
    targets, row_weight, exponent = SOFT.weighted(class_weight, weight, np.float64)
    expected = PROBA if class_weight is None else PROBA * class_weight
    if weight is not None:
        expected = expected * weight[:, None]
    proba = targets.proba
    if row_weight is not None:
        assert 0.5 <= row_weight.max() < 1
        proba = proba * np.ldexp(row_weight, exponent)[:, None]
    np.testing.assert_allclose(proba, expected, rtol=1e-14)
    np.testing.assert_allclose(targets.proba.sum(axis=1), 1, rtol=1e-15)


def test_class_weights_multiply_those_of_labels():
    targets, row_weight, exponent = HARD.weighted(
        np.array([1.0, 5.0, 0.0]), np.array([1.0, 2, 3, 4]), np.float32
    )
    assert targets is HARD
    assert row_weight.dtype == np.float32
    np.testing.assert_array_equal(np.ldexp(row_weight, exponent), [0, 2, 15, 20])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("eps", [0, 0.25])
def test_target_of_the_loss(eps, dtype):
    dtype = np.dtype(dtype)
    mixed = (1 - eps) * PROBA + eps / 3
    smoothed = (1 - eps) * np.eye(3)[LABEL] + eps / 3
    target = HARD.as_array(eps, dtype)
    np.testing.assert_allclose(
        target, smoothed if eps else LABEL[:, None], rtol=4 * np.finfo(dtype).eps
    )
    np.testing.assert_allclose(SOFT.as_array(eps, dtype), mixed, rtol=4 * np.finfo(dtype).eps)
    two = Targets(np.arange(2), np.array([0, 1]), None).as_array(eps, dtype)
    np.testing.assert_allclose(two, [[eps / 2], [1 - eps / 2]], rtol=4 * np.finfo(dtype).eps)
    soft = Targets(np.arange(2), None, np.array([[0.25, 0.75]])).as_array(eps, dtype)
    np.testing.assert_allclose(soft, [[(1 - eps) * 0.75 + eps / 2]], rtol=4 * np.finfo(dtype).eps)
    for array in (target, SOFT.as_array(eps, dtype), two, soft):
        assert array.dtype == dtype
        assert array.flags.f_contiguous
