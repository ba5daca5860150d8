"""Weights of samples and of classes."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.utils import compute_class_weight

from sklogloss.inputs.targets import Targets
from sklogloss.inputs.weights import (
    as_sample_weight,
    check_class_weight,
    check_sample_weight,
    class_factors,
    class_weights,
    raise_for_sample_weight,
    scaled_weights,
)

inf, nan = np.inf, np.nan


@pytest.mark.parametrize("container", [list, np.asarray, pd.Series, pl.Series])
def test_weights_of_samples(container):
    weight = check_sample_weight(container([1.0, 0.0, 2.5]), 3)
    assert weight.dtype == np.float64
    np.testing.assert_array_equal(weight, [1, 0, 2.5])
    assert as_sample_weight(container([1.0, 0.0, 2.5]), 3, np.float32).dtype == np.float32


@pytest.mark.parametrize("number", [2, 2.0, np.float32(2), np.array(2)])
def test_a_number_is_the_weight_of_every_sample(number):
    np.testing.assert_array_equal(check_sample_weight(number, 3), [2, 2, 2])
    np.testing.assert_array_equal(as_sample_weight(number, 3, np.float32), [2, 2, 2])


def test_none():
    assert check_sample_weight(None, 3) is None
    assert as_sample_weight(None, 3) is None


def test_weights_are_not_copied():
    weight = np.ones(3)
    assert check_sample_weight(weight, 3) is weight


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, 2], r"sample_weight must have shape \(3,\), one entry per sample, got \(2,\)"),
        (np.ones((3, 1)), r"sample_weight must have shape \(3,\), .* got \(3, 1\)"),
        ([1, nan, 1], r"sample_weight contains NaN, .* got nan at \[1\]"),
        ([1, 1, inf], r"sample_weight contains infinity .* got inf at \[2\]"),
        ([1, -2, 1], r"sample_weight must not be negative, got -2.0 at \[1\]"),
        (-1, r"sample_weight must not be negative, got -1.0 at \[0\]"),
        ([0, 0, 0], "sample_weight must not be zero for all samples"),
        ([0, 1e-310, 0], "sample_weight must not lose precision, but the largest is 1e-310"),
        (["a", "b", "c"], "sample_weight must hold numbers, got dtype <U1"),
        ("balanced", "sample_weight must hold numbers, got dtype <U8"),
        (np.ones(3, dtype=complex), "sample_weight must hold numbers, got dtype complex128"),
        ([1, [2], 3], "sample_weight must hold numbers"),
        ({0: 1, 1: 2}, "sample_weight must hold numbers"),
        ([None, 1, 1], "sample_weight contains NaN"),
    ],
)
def test_bad_weights_of_samples(weight, message):
    with pytest.raises(ValueError, match=message):
        check_sample_weight(weight, 3)


def test_sparse_weights():
    with pytest.raises(TypeError, match="sample_weight must be a dense array, got csr_array"):
        check_sample_weight(sparse.csr_array(np.ones((3, 1))), 3)


def test_what_has_one_weight_each_is_named():
    with pytest.raises(ValueError, match="one entry per row of raw_prediction, got"):
        as_sample_weight([1, 2], 3, rows="row of raw_prediction")
    with pytest.raises(TypeError, match="sample_weight must hold real numbers"):
        as_sample_weight(["a", "b"], 2)


@pytest.mark.parametrize(("wrong", "place"), [(nan, 1), (inf, 0), (-1.0, 2)])
def test_weights_that_a_kernel_refuses(wrong, place):
    weight = np.ones(3)
    weight[place] = wrong
    with pytest.raises(ValueError, match=rf"not negative, got {wrong} at \[{place}\]"):
        raise_for_sample_weight(weight)


@pytest.mark.parametrize("factor", [1e-300, 1.0, 1e300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaled_weights(factor, dtype):
    weight = factor * np.array([1.0, 0.0, 3.0])
    scaled, exponent = scaled_weights(weight, dtype)
    assert scaled.dtype == dtype
    assert 0.5 <= scaled.max() < 1
    np.testing.assert_allclose(np.ldexp(scaled.astype(float), exponent), weight, rtol=1e-7)
    assert scaled_weights(None, dtype) == (None, 0)


LABELS = Targets(np.array(["a", "b", "c"]), np.array([0, 0, 1, 2, 2, 2]), None)
SOFT = Targets(np.arange(2), None, np.array([[0.25, 0.75], [0.5, 0.5]]))


@pytest.mark.parametrize(
    ("class_weight", "targets", "sample_weight", "expected"),
    [
        (None, LABELS, None, None),
        ("balanced", LABELS, None, [6 / 6, 6 / 3, 6 / 9]),
        ("balanced", LABELS, np.array([1.0, 1, 1, 0, 0, 0]), [3 / 6, 3 / 3, 3 / 3]),
        ("balanced", SOFT, None, [2 / 1.5, 2 / 2.5]),
        ("balanced", SOFT, np.array([2.0, 1]), [3 / 2, 3 / 4]),
        ({"b": 3}, LABELS, None, [1, 3, 1]),
        ({"a": 0.5, "b": 3, "c": 0, "other": 1}, LABELS, None, [0.5, 3, 0]),
        ({1: 2.5}, SOFT, None, [1, 2.5]),
        ({}, SOFT, None, [1, 1]),
    ],
)
def test_weights_of_classes(class_weight, targets, sample_weight, expected):
    weights = class_weights(class_weight, targets, sample_weight)
    if expected is None:
        assert weights is None
    else:
        assert weights.dtype == np.float64
        np.testing.assert_allclose(weights, expected, rtol=1e-15)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_of_classes_are_those_of_scikit_learn(n_classes):
    y = np.random.default_rng(0).integers(0, n_classes, 50)
    targets = Targets(np.arange(n_classes), y, None)
    for class_weight in ("balanced", {0: 2.0}, {1: 0.5, 0: 3.0}):
        expected = compute_class_weight(class_weight, classes=targets.classes, y=y)
        np.testing.assert_allclose(class_weights(class_weight, targets, None), expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ("equal", "class_weight must be None, 'balanced' or a dict, got 'equal'"),
        ([1, 2, 3], "class_weight must be None, 'balanced' or a dict"),
        ({"a": -1.0}, "class_weight must be finite and not negative"),
        ({"a": inf}, "class_weight must be finite and not negative"),
        ({"a": nan}, "class_weight must be finite and not negative"),
        ({"a": "1"}, "class_weight must be finite and not negative"),
        (
            {"a": 1, "d": 2},
            r"class_weight has unknown classes: it has \['a', 'd'\], y has \['a', 'b",
        ),
    ],
)
def test_bad_weights_of_classes(class_weight, message):
    with pytest.raises(ValueError, match=message):
        class_weights(class_weight, LABELS, None)


def test_class_weights_of_a_loss():
    np.testing.assert_array_equal(check_class_weight(None, 3), [1, 1, 1])
    np.testing.assert_array_equal(check_class_weight([0, 2], 2), [0, 2])


@pytest.mark.parametrize(
    ("class_weight", "error", "message"),
    [
        ([1.0], ValueError, r"class_weight must have shape \(2,\), got \(1,\)"),
        (1.0, ValueError, r"class_weight must have shape \(2,\), got \(\)"),
        ([1.0, -1.0], ValueError, "class_weight must hold finite numbers that are not negative"),
        ([1.0, nan], ValueError, "class_weight must hold finite numbers"),
        ([0.0, 0.0], ValueError, "not only zeros"),
        (["a", "b"], TypeError, "class_weight must hold real numbers"),
    ],
)
def test_bad_class_weights_of_a_loss(class_weight, error, message):
    with pytest.raises(error, match=message):
        check_class_weight(class_weight, 2)


def test_factors_of_classes():
    np.testing.assert_allclose(class_factors("alpha", 0.25, 2), [0.75, 0.25], rtol=0)
    np.testing.assert_array_equal(class_factors("alpha", [1, 0, 3], 3), [1, 0, 3])


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (1.0, ValueError, r"alpha must be in \(0, 1\), got 1.0"),
        ([1, 2], ValueError, "alpha must have 3 weights, one for each class"),
        ([1, -2, 1], ValueError, "alpha must be finite and not negative"),
        ([1, 2, inf], ValueError, "alpha must be finite and not negative"),
        (0.5, ValueError, "alpha must be None or have 3 weights.* a number is for two classes"),
        ("balanced", TypeError, r"alpha must be None, a number in \(0, 1\) or 3 weights"),
        ([1j, 2, 3], TypeError, "alpha must be None, a number .* or 3 weights"),
    ],
)
def test_bad_factors_of_classes(value, error, message):
    with pytest.raises(error, match=message):
        class_factors("alpha", value, 3)
