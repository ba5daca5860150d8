"""Labels, classes and targets of y."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from sklogloss.inputs.targets import (
    LARGEST_RANGE,
    Targets,
    are_whole_floats,
    check_labels,
    encode_known,
    encode_known_probabilities,
    encode_labels,
    encode_probabilities,
    find_labels,
    group_indices,
    is_soft,
    label_column,
    unique_labels,
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


def test_probabilities():
    targets = encode_probabilities(PROBA.tolist())
    assert targets.label is None
    assert targets.proba.dtype == np.float64
    assert targets.classes.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(targets.proba, PROBA)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_are_sorted(frame):
    given = frame({name: PROBA[:, i] for i, name in ((2, "c"), (0, "a"), (1, "b"))})
    targets = encode_probabilities(given)
    assert targets.classes.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(targets.proba, PROBA)
    targets = encode_known_probabilities(given, SOFT.classes)
    np.testing.assert_array_equal(targets.proba, PROBA)


def test_probabilities_of_one_class():
    with pytest.raises(ValueError, match=r"y must have at least 2 classes.* only one class"):
        encode_probabilities([[1, 0], [1, 0]])
    # All known samples may be of one class.
    targets = encode_known_probabilities([[1, 0], [1, 0]], np.arange(2))
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
        encode_known_probabilities(y, SOFT.classes)


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


@pytest.mark.parametrize("targets", [HARD, SOFT], ids=["hard", "soft"])
@pytest.mark.parametrize("exponent", [1000, -1000])
def test_products_of_weights_may_leave_the_range_of_floats(exponent, targets):
    class_weight, sample_weight = np.array([1.0, 5.0, 0.0]), np.array([1.0, 2, 3, 4])
    expected, weight, unit = targets.weighted(class_weight, sample_weight, np.float64)
    scaled, *rest = targets.weighted(
        np.ldexp(class_weight, exponent), np.ldexp(sample_weight, exponent), np.float64
    )
    np.testing.assert_array_equal(rest[0], weight)
    assert rest[1] == unit + 2 * exponent
    if targets.proba is not None:
        np.testing.assert_array_equal(scaled.proba, expected.proba)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_targets_that_float32_rounds_too_much(n_classes):
    def fit(rest, smoothing=0.0, weight=None):
        proba = np.zeros((len(rest), n_classes))
        proba[:, 0], proba[:, 1] = rest, 1 - np.array(rest)
        targets = Targets(np.arange(n_classes), None, proba)
        return targets.fit_float32(smoothing, weight, 1e-7)

    assert fit([0.3, 0.0, 1e-3])
    assert not fit([1e-10, 1e-10])
    # Beside rows that no fit predicts well, one counts little, unless it has the weight.
    assert fit([0.3, 1e-10])
    assert not fit([0.3, 1e-10], weight=np.array([1e-9, 1.0]))
    assert fit([0.3, 1e-10], weight=np.array([1.0, 0.0]))
    assert fit([0.0, 0.0])
    labels = Targets(np.arange(n_classes), np.array([0, 1]), None)
    for targets in (labels, Targets(labels.classes, None, np.eye(n_classes)[[0, 1]])):
        assert targets.fit_float32(0.0, None, 1e-7)
        assert targets.fit_float32(1e-2, None, 1e-7)
        assert not targets.fit_float32(1e-6, None, 1e-7)


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


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint64, bool, ">i8", float, str])
@pytest.mark.parametrize(
    "values", [[0, 1], [1, 2], [-1, 1], [3], [0, 1, 2], [5, 0, 2], [0, LARGEST_RANGE + 1]]
)
def test_unique_labels_are_those_of_numpy(values, dtype):
    y = np.random.default_rng(0).choice(values, size=50).astype(dtype)
    kept = y.copy()
    classes, label = unique_labels(y)
    expected_classes, expected_label = np.unique(y, return_inverse=True)
    np.testing.assert_array_equal(classes, expected_classes)
    assert classes.dtype == expected_classes.dtype
    np.testing.assert_array_equal(label, expected_label)
    np.testing.assert_array_equal(y, kept)


@pytest.mark.parametrize(
    "labels",
    [
        [3, 1, 7, 1],
        [True, False, True, True],
        np.array([2, 1, 2], dtype=np.uint64),
        np.array([-1, 1, -1], dtype=np.int8),
        [1.0, -1.0, 1.0],
        np.array([1, 2, 1], dtype=np.float16),
        np.array([0, 20_000_000], dtype=np.float32),
        [0.5, 1.0, 0.5],
        [1e300, -1e300],
        ["b", "a", "b"],
    ],
)
def test_labels_of_many_types(labels):
    y = np.asarray(labels)
    classes, label = unique_labels(y)
    expected_classes, expected_label = np.unique(y, return_inverse=True)
    assert classes.dtype == y.dtype
    np.testing.assert_array_equal(classes, expected_classes)
    np.testing.assert_array_equal(label, expected_label)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("other", [0.5, np.nan, np.inf, -np.inf, 1e300])
def test_whole_numbers(other):
    assert are_whole_floats(np.array([1.0, -2.0, 0.0]))
    assert not are_whole_floats(np.array([1.0, other]))
    assert not are_whole_floats(np.array(["1"]))


@pytest.mark.parametrize("labels", [[1, "a"], [None, "a"]])
def test_labels_of_several_types_are_named(labels):
    with pytest.raises(TypeError, match="y_true must have labels of one type"):
        unique_labels(np.array(labels, dtype=object), "y_true")


@pytest.mark.parametrize("frame", [np.asarray, np.ndarray.tolist, pd.DataFrame, pl.DataFrame])
def test_is_soft(frame):
    assert is_soft(frame(np.full((3, 2), 0.5)))
    assert not is_soft(frame(np.full((3, 1), 0.5)))


def test_labels_are_not_soft():
    for y in ([0, 1, 1], np.array(["a", "b"]), pd.Series([0, 1]), pl.Series([0, 1])):
        assert not is_soft(y)


@pytest.mark.parametrize(
    "y",
    [
        ["b", "a"],
        [["b"], ["a"]],
        np.array(["b", "a"], dtype=object),
        pd.Series(["b", "a"]),
        pd.Categorical(["b", "a"]),
        pl.Series(["b", "a"]),
        pd.DataFrame({"y": ["b", "a"]}),
    ],
)
@pytest.mark.filterwarnings("error")
def test_column(y):
    assert label_column("y", y).tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("y", "error"),
    [
        ([["a", "b"], ["c", "d"]], ValueError),
        ("a", (TypeError, ValueError)),
        (None, (TypeError, ValueError)),
        (sparse.csr_array([[1], [0]]), TypeError),
        (np.array([1j, 2]), ValueError),
    ],
)
def test_what_is_no_column_of_labels(y, error):
    with pytest.raises(error, match="labels must have one label for each sample: "):
        label_column("labels", y)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("y", [[0, 1], [1.0, 3.0, 2.0], ["a", "b"], [True, False], [1, 1]])
def test_labels_of_classes(y):
    check_labels("y", np.array(y))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0.5, 1.5], "y must hold labels of classes, got continuous values. Unknown label type"),
        ([0.5, 0.25], "got continuous values; if they are .* pass one column per class"),
        ([0.5, -0.25], "got continuous values. Unknown label type: continuous"),
        ([1.0, np.nan], r"Input y contains NaN, .* got nan at \[1\]"),
        ([1.0, np.inf], r"Input y contains infinity .* got inf at \[1\]"),
    ],
)
def test_what_is_no_label(y, message):
    with pytest.raises(ValueError, match=message):
        check_labels("y", np.array(y))


def test_place_of_labels():
    classes = np.array([1, 3, 5])
    index, is_known = find_labels(np.array([5, 1, 4, 7, 0]), classes)
    assert is_known.tolist() == [True, True, False, False, False]
    assert index[:2].tolist() == [2, 0]
    index, is_known = find_labels(np.array(["b", "z"]), np.array(["a", "b"]))
    assert is_known.tolist() == [True, False]
    assert index[0] == 1


def test_groups_have_indices_and_a_number():
    index, n_groups = group_indices("groups", np.array(["b", "a", "c", "a"]))
    assert (index.tolist(), n_groups) == ([1, 0, 2, 0], 3)
    with pytest.raises(ValueError, match="at least 2 folds with weight, got 1"):
        group_indices("folds", np.zeros(3), "folds")
    with pytest.raises(ValueError, match="NaN or None"):
        group_indices("groups", np.array([0, None, 1], dtype=object))
