"""surprise, log_loss and d2_log_loss against scikit-learn and mpmath."""

import mpmath
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.metrics
from scipy.special import expit, softmax
from sklearn.exceptions import UndefinedMetricWarning

from sklogloss.metrics import d2_log_loss, log_loss, surprise

SAME = {"rtol": 1e-12, "atol": 1e-12}
RNG = np.random.default_rng(0)
PROBA_3 = softmax(RNG.normal(size=(50, 3)), axis=1)
LABEL_3 = np.tile([0, 1, 2, 1, 0], 10)
WEIGHT = RNG.uniform(size=50)

# (y_true, y_proba, keyword arguments), among them those of scikit-learn's own tests.
CASES = {
    "binary strings": (
        ["no", "no", "no", "yes", "yes", "yes"],
        [[0.5, 0.5], [0.1, 0.9], [0.01, 0.99], [0.9, 0.1], [0.75, 0.25], [0.001, 0.999]],
        {},
    ),
    "multiclass": ([1, 0, 2], [[0.2, 0.7, 0.1], [0.6, 0.2, 0.2], [0.6, 0.1, 0.3]], {}),
    "sum": (
        [1, 0, 2],
        [[0.2, 0.7, 0.1], [0.6, 0.2, 0.2], [0.6, 0.1, 0.3]],
        {"normalize": False},
    ),
    "zero": ([0, 1, 1], [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]], {}),
    "ham and spam": (
        ["ham", "spam", "spam", "ham"],
        [[0.3, 0.7], [0.6, 0.4], [0.4, 0.6], [0.7, 0.3]],
        {},
    ),
    "labels": ([2, 2], [[0.2, 0.8], [0.6, 0.4]], {"labels": [1, 2]}),
    "a class lacks": ([1, 2, 2], [[0.2, 0.7, 0.1], [0.6, 0.2, 0.2], [0.6, 0.1, 0.3]],
                      {"labels": [1, 2, 3]}),
    "one column": ([0, 1, 1, 0], [0.1, 0.7, 0.4, 0.2], {}),
    "booleans": ([False, True, True], [0.1, 0.7, 0.4], {}),
    "negative labels": ([-1, 1, 1], [0.1, 0.7, 0.4], {}),
    "weights": (LABEL_3, PROBA_3, {"sample_weight": WEIGHT}),
    "weighted sum": (LABEL_3, PROBA_3, {"sample_weight": WEIGHT, "normalize": False}),
    "sum with large weights": (
        LABEL_3,
        PROBA_3,
        {"sample_weight": 5 * WEIGHT, "normalize": False},
    ),
    "float labels": (LABEL_3.astype(float), PROBA_3, {}),
    "far apart": (LABEL_3 * 10**12, PROBA_3, {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_log_loss_is_that_of_scikit_learn(case):
    y_true, y_proba, arguments = CASES[case]
    expected = sklearn.metrics.log_loss(y_true, y_proba, **arguments)
    np.testing.assert_allclose(log_loss(y_true, y_proba, **arguments), expected, **SAME)


# scikit-learn 1.6 cannot do without a class here.
@pytest.mark.parametrize("case", [c for c in CASES if "sum" not in c and c != "a class lacks"])
def test_d2_log_loss_is_that_of_scikit_learn(case):
    y_true, y_proba, arguments = CASES[case]
    if len(set(y_true)) == 1:
        assert d2_log_loss(y_true, y_proba, **arguments) == 0
        return
    expected = sklearn.metrics.d2_log_loss_score(y_true, y_proba, **arguments)
    np.testing.assert_allclose(d2_log_loss(y_true, y_proba, **arguments), expected, **SAME)


def test_surprise_is_minus_the_logarithm_of_what_happened():
    expected = -np.log(PROBA_3[np.arange(50), LABEL_3])
    np.testing.assert_array_equal(surprise(LABEL_3, PROBA_3), expected)
    p = RNG.uniform(size=20)
    y = RNG.integers(0, 2, size=20)
    expected = [float(-mpmath.log(p_i if y_i else 1 - mpmath.mpf(p_i)))
                for p_i, y_i in zip(p, y, strict=True)]  # fmt: skip
    # log, log1p of NumPy's libm: within one unit in the last place.
    np.testing.assert_allclose(surprise(y, p), expected, rtol=2**-52, atol=0)


def test_surprise_keeps_the_digits_of_what_hardly_can_happen():
    assert surprise([0, 1], [1e-20, 0.5])[0] == 1e-20
    assert surprise([1, 0], raw_prediction=[40.0, 0.0])[0] == pytest.approx(
        float(mpmath.log1p(mpmath.exp(-40))), rel=4 * 2**-52
    )


def test_raw_predictions_are_not_clipped():
    np.testing.assert_array_equal(surprise([1, 0], raw_prediction=[-1e4, 1e4]), [1e4, 1e4])
    np.testing.assert_array_equal(
        surprise([0, 2, 1], raw_prediction=[[-1e4, 0, 0], [0, 0, 0], [0, 0, 0]]),
        [1e4 + np.log(2), np.log(3), np.log(3)],
    )
    z = RNG.normal(size=30)
    y = RNG.integers(0, 2, size=30)
    of_raw = log_loss(y, raw_prediction=z)
    np.testing.assert_allclose(of_raw, log_loss(y, expit(z)), rtol=1e-14)
    two_columns = np.column_stack([np.full(30, 3.0), z + 3])
    np.testing.assert_allclose(of_raw, log_loss(y, raw_prediction=two_columns), rtol=1e-14)


def test_soft_targets():
    soft = softmax(RNG.normal(size=(50, 3)), axis=1)
    expected = -np.sum(soft * np.log(PROBA_3), axis=1)
    np.testing.assert_allclose(surprise(soft, PROBA_3), expected, rtol=1e-14)
    raw = np.log(PROBA_3)
    np.testing.assert_allclose(surprise(soft, raw_prediction=raw), expected, rtol=1e-13)
    hard = np.eye(3)[LABEL_3]
    np.testing.assert_array_equal(surprise(hard, PROBA_3), surprise(LABEL_3, PROBA_3))
    binary = np.column_stack([soft[:, 0], 1 - soft[:, 0]])
    p = PROBA_3[:, 0]
    expected = -binary[:, 1] * np.log(p) - binary[:, 0] * np.log1p(-p)
    np.testing.assert_allclose(surprise(binary, p), expected, rtol=1e-14)
    np.testing.assert_allclose(surprise(binary, np.column_stack([1 - p, p])), expected, rtol=1e-14)


def test_columns_of_a_data_frame_are_sorted_as_classes_are():
    soft = pd.DataFrame({"b": [0.2, 0.5], "a": [0.8, 0.5]})
    expected = surprise(soft[["a", "b"]].to_numpy(), [[0.6, 0.4], [0.3, 0.7]])
    np.testing.assert_array_equal(surprise(soft, [[0.6, 0.4], [0.3, 0.7]]), expected)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_of_probabilities_that_are_named_as_the_classes_are_put_in_their_order(frame):
    names = ["dry", "rain", "snow"]
    columns = {name: PROBA_3[:, i] for i, name in enumerate(names)}
    turned = frame({name: columns[name] for name in ("snow", "dry", "rain")})
    expected = surprise(LABEL_3, PROBA_3)
    labels = np.array(names)[LABEL_3]
    np.testing.assert_array_equal(surprise(labels, frame(columns)), expected)
    np.testing.assert_array_equal(surprise(labels, turned), expected)
    np.testing.assert_array_equal(surprise(labels[:2], turned[:2], labels=names), expected[:2])
    # Columns of polars have no other names than strings.
    numbered = frame({"2": PROBA_3[:, 2], "0": PROBA_3[:, 0], "1": PROBA_3[:, 1]})
    np.testing.assert_array_equal(surprise(LABEL_3, numbered), expected)
    # Names that are not the classes say nothing, nor does the numbering that pandas starts with.
    np.testing.assert_array_equal(surprise(LABEL_3, frame(columns)), expected)
    np.testing.assert_array_equal(surprise(LABEL_3 + 1, pd.DataFrame(PROBA_3)), expected)
    rain = (LABEL_3 == 1).astype(int)
    for alone in (["p"], ["1"], [0]):
        series = pd.Series(PROBA_3[:, 1], name=alone[0])
        np.testing.assert_array_equal(surprise(rain, series), surprise(rain, PROBA_3[:, 1]))
        one = pd.DataFrame(PROBA_3[:, [1]], columns=alone)
        np.testing.assert_array_equal(surprise(rain, one), surprise(rain, PROBA_3[:, 1]))

    # 1, 1.0 and True are one class.
    binary = np.column_stack([1 - PROBA_3[:, 0], PROBA_3[:, 0]])
    for dtype in (int, float, bool):
        y = (LABEL_3 == 0).astype(dtype)
        for columns in ([1, 0], [1.0, 0.0], [True, False], ["1", "0"], ["True", "False"]):
            if isinstance(columns[0], str) and columns[0] != str(dtype(1)):
                continue
            swapped = pd.DataFrame(binary[:, ::-1], columns=columns)
            np.testing.assert_array_equal(surprise(y, swapped), surprise(y, binary))

    soft = pd.DataFrame(PROBA_3, columns=names)
    of_soft = surprise(PROBA_3, PROBA_3)
    given = surprise(soft[["rain", "snow", "dry"]], turned)
    np.testing.assert_allclose(given, of_soft, rtol=1e-14)

    raw = RNG.normal(size=(50, 2))
    y = LABEL_3 % 2
    named = frame({"1": raw[:, 1], "0": raw[:, 0]})
    np.testing.assert_array_equal(
        surprise(y, raw_prediction=named), surprise(y, raw_prediction=raw)
    )
    # One column is the second class's, whatever its name.
    proba = PROBA_3[:, 0]
    np.testing.assert_array_equal(surprise(y, frame({"0": proba})), surprise(y, proba))


@pytest.mark.parametrize("container", [list, np.asarray, pd.Series, pl.Series, pd.Categorical])
def test_containers(container):
    y = container(["no", "yes", "yes"])
    assert log_loss(y, [0.1, 0.7, 0.4]) == log_loss(["no", "yes", "yes"], [0.1, 0.7, 0.4])


def test_policy_for_zero():
    y, p = [1, 0, 1], [0.0, 0.5, 1.0]
    np.testing.assert_array_equal(surprise(y, p), [np.inf, np.log(2), 0])
    assert log_loss(y, p, zero="inf") == np.inf
    assert surprise(y, p, zero="clip")[0] == -np.log(np.finfo(float).eps)
    assert surprise(y, np.float32(p), zero="clip")[0] == -np.log(2.0**-23)
    with pytest.raises(ValueError, match="y_proba is 0 for what happened to sample 0"):
        surprise(y, p, zero="raise")
    soft = [[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]]
    np.testing.assert_array_equal(surprise(soft, p), [np.inf, np.log(2), 0])
    assert np.isfinite(surprise(soft, p, zero="clip")).all()


def test_float16_and_float32():
    for dtype, rtol in ((np.float16, 1e-2), (np.float32, 1e-6)):
        given = log_loss(LABEL_3, PROBA_3.astype(dtype))
        np.testing.assert_allclose(given, log_loss(LABEL_3, PROBA_3), rtol=rtol)


def test_d2_of_frequencies_is_zero_and_of_certainty_one():
    y = np.array([0, 0, 0, 1])
    assert d2_log_loss(y, np.full(4, 0.25)) == 0
    assert d2_log_loss(y, y.astype(float)) == 1
    assert d2_log_loss([1, 1], [1.0, 1.0], labels=[0, 1]) == 1
    soft = np.array([[0.3, 0.7], [0.5, 0.5]])
    assert d2_log_loss(soft, np.full(2, 0.6)) == pytest.approx(0, abs=1e-15)
    with pytest.warns(UndefinedMetricWarning, match="fewer than two"):
        assert np.isnan(d2_log_loss([1], [0.5], labels=[0, 1]))


BAD_INPUT = {
    "above one": (([0, 1], [0.5, 1.5]), {}, "y_proba .* between 0 and 1, found 1.5"),
    "negative": (([0, 1], [0.5, -0.1]), {}, "y_proba .* between 0 and 1, found -0.1"),
    "NaN": (([0, 1], [0.5, np.nan]), {}, "y_proba contains NaN"),
    "row sums": (([0, 1], [[0.5, 0.5], [0.5, 0.4]]), {}, "rows of y_proba must sum to 1; row 1"),
    "lengths": (([0, 1, 1], [0.5, 0.5]), {}, "inconsistent numbers of samples"),
    "unknown label": (([0, 3], [0.5, 0.5]), {"labels": [0, 1]}, r"not in labels: \[3\]"),
    "number of labels": (([0, 1], [0.5, 0.5]), {"labels": [0, 1, 2]}, "labels must name .* 2"),
    "one class": (([1, 1], [0.5, 0.5]), {}, r"y_true has 1 classes, \[1\].*Pass all"),
    "too many classes": (([0, 1, 2], [0.5] * 3), {}, "y_true has 3 classes"),
    "continuous": (
        ([0.5, 1.5], [0.5, 0.5]),
        {},
        "y_true must hold labels of classes, got continuous",
    ),
    "NaN label": (([0, np.nan], [0.5, 0.5]), {}, "y_true contains NaN"),
    "unsorted labels": (([2, 1], [0.5, 0.5]), {"labels": [2, 1]}, "labels must be sorted"),
    "repeated labels": (([2, 1], [0.5, 0.5]), {"labels": [1, 1, 2]}, "sorted and unique"),
    "strings as weights": (([0, 1], [0.5, 0.5]), {"sample_weight": "balanced"}, "sample_weight"),
    "infinite weight": (([0, 1], [0.5, 0.5]), {"sample_weight": [1, np.inf]}, "sample_weight"),
    "other columns": (
        (pd.DataFrame({"a": [0.5], "b": [0.5]}), [0.5]),
        {"labels": ["x", "y"]},
        "columns of y_true, .*, are not the classes",
    ),
    "columns of two kinds": (
        (pd.DataFrame({"a": [0.5], 1: [0.5]}), [0.5]),
        {},
        "y_true must have column names that can be sorted",
    ),
    "a class misspelt": (
        (["a", "b"], pd.DataFrame([[0.5, 0.5]] * 2, columns=["b", "A"])),
        {},
        r"columns of y_proba, \['b', 'A'\], must have the names of the classes, \['a', 'b'\]",
    ),
    "a class twice": (
        (["a", "b"], pd.DataFrame([[0.5, 0.5]] * 2, columns=["b", "b"])),
        {},
        "in any order and each once",
    ),
    "the first class alone": (
        (["a", "b"], pd.DataFrame({"a": [0.5, 0.5]})),
        {},
        "a single column is that of the second class",
    ),
    "a Series of the first class": (
        (["a", "b"], pd.Series([0.5, 0.5], name="a")),
        {},
        "a single column is that of the second class",
    ),
    "soft sums": (([[0.5, 0.4]], [[0.5, 0.5]]), {}, "rows of y_true must sum to 1"),
    "soft negative": (([[1.5, -0.5]], [[0.5, 0.5]]), {}, "y_true .* not negative"),
    "soft classes": (([[0.5, 0.5]], [[0.2, 0.3, 0.5]]), {}, "of 2 classes, y_proba of 3"),
    "zero weights": (([0, 1], [0.5, 0.5]), {"sample_weight": [0, 0]}, "zero for all samples"),
    "negative weight": (([0, 1], [0.5, 0.5]), {"sample_weight": [1, -1]}, "sample_weight .* -1"),
    "weights": (([0, 1], [0.5, 0.5]), {"sample_weight": [1]}, r"sample_weight .* shape \(2,\)"),
    "policy": (([0, 1], [0.5, 0.5]), {"zero": "ignore"}, "zero must be one of"),
    "infinite logit": (([0, 1],), {"raw_prediction": [0, np.inf]}, "raw_prediction contains"),
    "empty": (([], []), {}, "0 sample"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_named(case):
    arguments, keywords, message = BAD_INPUT[case]
    with pytest.raises(ValueError, match=message):
        log_loss(*arguments, **keywords)


@pytest.mark.parametrize("arguments", [{}, {"y_proba": [0.5], "raw_prediction": [0.0]}])
def test_either_probabilities_or_logits(arguments):
    with pytest.raises(TypeError, match="either y_proba or raw_prediction"):
        log_loss([1], labels=[0, 1], **arguments)


def test_samples_of_weight_zero_have_no_say():
    y, p, weight = [0, 1, 1], [0.1, 0.0, 0.8], [1, 0, 2]
    for zero in ("inf", "raise"):
        given = log_loss(y, p, sample_weight=weight, zero=zero)
        assert given == log_loss([0, 1], [0.1, 0.8], sample_weight=[1, 2])


def test_d2_of_one_class_of_soft_targets():
    y, weight = np.tile([1.0, 0.0], (1001, 1)), RNG.uniform(size=1001)
    assert d2_log_loss(y, np.full(1001, 0.1), sample_weight=weight) == 0


def test_float16_frames_and_soft_targets():
    half = np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]], dtype=np.float16)
    expected = log_loss([0, 2], half.astype(float) / half.sum(axis=1, dtype=float)[:, None],
                        labels=[0, 1, 2])  # fmt: skip
    for container in (np.asarray, pd.DataFrame):
        given = log_loss([0, 2], container(half), labels=[0, 1, 2])
        np.testing.assert_allclose(given, expected, rtol=1e-3)
    assert np.isfinite(log_loss(half, half))
