"""Parameters: errors that name them and say what is allowed."""

from types import NoneType, SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from sklogloss.inputs.parameters import (
    FRACTION,
    Integers,
    Interval,
    check_bounds,
    check_count,
    check_parameter,
    check_parameters,
    check_penalty_factor,
    resolve_penalty,
)

inf, nan = np.inf, np.nan


@pytest.mark.parametrize("value", [0, 0.5, 1, np.float32(0.5), np.int64(1)])
def test_numbers(value):
    check_parameter("C", value, Interval(0, 1))


@pytest.mark.parametrize(
    ("value", "brackets", "error", "message"),
    [
        (1.5, "[]", ValueError, r"C must be in \[0, 1\], got 1.5"),
        (-0.5, "[]", ValueError, r"C must be in \[0, 1\], got -0.5"),
        (np.nan, "[]", ValueError, r"C must be in \[0, 1\], got nan"),
        (0, "(]", ValueError, r"C must be in \(0, 1\], got 0"),
        (1, "[)", ValueError, r"C must be in \[0, 1\), got 1"),
        ("1", "[]", TypeError, r"C must be a number in \[0, 1\], got '1'"),
        (None, "[]", TypeError, "C must be a number"),
        (True, "[]", TypeError, "C must be a number"),
        (np.bool_(True), "[]", TypeError, "C must be a number"),
        (1j, "[]", TypeError, "C must be a number"),
        (np.ones(1), "[]", TypeError, "C must be a number"),
    ],
)
def test_what_is_no_number_of_the_interval(value, brackets, error, message):
    with pytest.raises(error, match=message):
        check_parameter("C", value, Interval(0, 1, brackets))


@pytest.mark.parametrize("value", [0, 1, 1.5])
def test_fractions(value):
    check_parameter("test_size", 0.5, FRACTION)
    with pytest.raises(ValueError, match=r"test_size must be in \(0, 1\)"):
        check_parameter("test_size", value, FRACTION)


def test_integers():
    check_parameter("n_jobs", -3, Integers())
    check_parameter("max_iter", np.int32(0), Integers(0))
    with pytest.raises(ValueError, match="max_iter must be an integer >= 0, got -1"):
        check_parameter("max_iter", -1, Integers(0))
    for value in (1.5, 1.0, "1", None, True):
        with pytest.raises(TypeError, match="n_jobs must be an integer, got"):
            check_parameter("n_jobs", value, Integers())


def test_counts():
    count = check_count(np.int32(2), "n_threads", 1)
    assert type(count) is int
    with pytest.raises(ValueError, match="n_threads must be at least 1, got 0"):
        check_count(0, "n_threads", 1)
    with pytest.raises(TypeError, match=r"n_threads must be an integer, got 1.5 of type float"):
        check_count(1.5, "n_threads", 1)


def test_booleans():
    for value in (True, False, np.bool_(True), 0, 1):
        check_parameter("dual", value, bool)
    for value in (2, "yes", None, 1.0):
        with pytest.raises(TypeError, match="dual must be True or False, got"):
            check_parameter("dual", value, bool)


def test_choices():
    check_parameter("penalty", None, ("l1", None))
    check_parameter("penalty", "l1", ("l1", None))
    for value in ("l3", 1, None, np.array(["l1"])):
        with pytest.raises(ValueError, match=r"penalty must be one of \['l1'\], got"):
            check_parameter("penalty", value, ("l1",))


def test_values_of_other_types_where_they_are_allowed():
    check_parameter("l1_ratio", None, Interval(0, 1, also=(NoneType,)))
    check_parameter("verbose", True, Integers(0, also=(bool,)))
    with pytest.raises(ValueError, match=r"l1_ratio must be in \[0, 1\] or None, got 2"):
        check_parameter("l1_ratio", 2, Interval(0, 1, also=(NoneType,)))
    with pytest.raises(TypeError, match="verbose must be an integer >= 0 or bool, got None"):
        check_parameter("verbose", None, Integers(0, also=(bool,)))


def test_parameters_of_an_object():
    allowed = {"tol": Interval(0), "max_iter": Integers(0)}
    check_parameters(SimpleNamespace(tol=1e-4, max_iter=100, other=None), allowed)
    with pytest.raises(ValueError, match="max_iter must be an integer >= 0, got -1"):
        check_parameters(SimpleNamespace(tol=1e-4, max_iter=-1), allowed)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("elasticnet", 2.0, 0.5), (2.0, 0.5)),
        (("deprecated", 2.0, 0.5), (2.0, 0.5)),
        (("elasticnet", 2.0, None), (2.0, 0.0)),
        (("l2", 2.0, None), (2.0, 0.0)),
        (("l2", 2.0, 0), (2.0, 0.0)),
        (("l1", 2.0, 0), (2.0, 1.0)),
        (("l1", 2.0, 1), (2.0, 1.0)),
        ((None, 1.0, 0), (np.inf, 0.0)),
    ],
)
def test_penalty_of_scikit_learn(given, expected):
    assert resolve_penalty(*given) == expected


@pytest.mark.parametrize(
    ("given", "expected", "message"),
    [
        ((None, 2.0, 0), (np.inf, 0.0), "penalty=None will ignore the C"),
        (("l2", 2.0, 0.5), (2.0, 0.0), "Inconsistent values: penalty=l2 with l1_ratio=0.5"),
        (("l1", 2.0, 0.5), (2.0, 1.0), "Inconsistent values: penalty=l1 with l1_ratio=0.5"),
    ],
)
def test_penalty_that_overrides(given, expected, message):
    with pytest.warns(UserWarning, match=message):
        assert resolve_penalty(*given) == expected


@pytest.mark.parametrize(
    "container", [list, tuple, np.asarray, pd.Series, lambda x: pl.Series(x, strict=False)]
)
def test_penalty_factor(container):
    factor = check_penalty_factor(container([0, 1.5, 3]), 3)
    assert factor.dtype == np.float64
    np.testing.assert_array_equal(factor, [0, 1.5, 3])


def test_penalty_factor_is_a_copy():
    given = np.array([0.0, 2.0])
    factor = check_penalty_factor(given, 2)
    given[0] = 5
    np.testing.assert_array_equal(factor, [0, 2])


@pytest.mark.parametrize("factor", [[1, 1, 1], np.ones(3)])
def test_penalty_factor_that_changes_nothing(factor):
    assert check_penalty_factor(factor, 3) is None


def test_no_feature_is_penalised():
    np.testing.assert_array_equal(check_penalty_factor([0, 0], 2), [0, 0])


@pytest.mark.parametrize(
    ("factor", "error", "message"),
    [
        ([1, 2], ValueError, r"penalty_factor must have shape \(3,\), .* got shape \(2,\)"),
        (2.0, ValueError, r"penalty_factor must have shape \(3,\), .* got shape \(\)"),
        ([[1, 2, 3]], ValueError, r"penalty_factor must have shape \(3,\), .* got shape \(1, 3\)"),
        ([1, nan, 1], ValueError, r"penalty_factor contains NaN, .* got nan at \[1\]"),
        ([1, 1, inf], ValueError, r"penalty_factor contains infinity .* got inf at \[2\]"),
        ([1, -0.5, 1], ValueError, r"penalty_factor must not be negative, got -0.5 at \[1\]"),
        (["a", "b", "c"], TypeError, "penalty_factor must hold real numbers"),
        ([1j, 1, 1], TypeError, "penalty_factor must hold real numbers"),
        ({"a": 1}, TypeError, "penalty_factor must hold real numbers"),
        (sparse.csr_array(np.eye(3)), TypeError, "penalty_factor must be a dense array"),
    ],
)
def test_bad_penalty_factors(factor, error, message):
    with pytest.raises(error, match=message):
        check_penalty_factor(factor, 3)


PER_FEATURE = [-1.0, 0.0, 2.0]
PER_COEFFICIENT = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        (None, None),
        (-2, np.full((3, 2), -2.0)),
        (np.float32(0.5), np.full((3, 2), 0.5)),
        (np.array(1), np.ones((3, 2))),
        (PER_FEATURE, np.transpose([PER_FEATURE] * 2)),
        (pd.Series(PER_FEATURE), np.transpose([PER_FEATURE] * 2)),
        (pl.Series(PER_FEATURE), np.transpose([PER_FEATURE] * 2)),
        (PER_COEFFICIENT, PER_COEFFICIENT.T),
        (PER_COEFFICIENT.tolist(), PER_COEFFICIENT.T),
        (pd.DataFrame(PER_COEFFICIENT), PER_COEFFICIENT.T),
    ],
)
@pytest.mark.parametrize("end", [0, 1])
def test_bounds(bound, expected, end):
    pair = (bound, None) if end == 0 else (None, bound)
    bounds = check_bounds(pair, 3, 2)
    if expected is None:
        assert bounds is None
        return
    unbounded = np.full((3, 2), inf if end == 0 else -inf)
    np.testing.assert_array_equal(bounds[end], expected)
    np.testing.assert_array_equal(bounds[1 - end], unbounded)
    for array in bounds:
        assert array.dtype == np.float64
        assert array.shape == (3, 2)
        assert array.flags.c_contiguous
        assert array.flags.writeable


@pytest.mark.parametrize("bound", [PER_FEATURE, [PER_FEATURE]])
def test_bounds_of_two_classes(bound):
    lower, upper = check_bounds((bound, 5), 3, 1)
    np.testing.assert_array_equal(lower, np.transpose([PER_FEATURE]))
    np.testing.assert_array_equal(upper, np.full((3, 1), 5.0))


@pytest.mark.parametrize(
    "pair", [np.array([-1.0, 1.0]), np.array([[-1.0] * 3, [1.0] * 3]), [-1, 1], [[-1] * 3, [1] * 3]]
)
def test_pairs_in_an_array_or_a_list(pair):
    lower, upper = check_bounds(pair, 3, 1)
    np.testing.assert_array_equal(lower, np.full((3, 1), -1))
    np.testing.assert_array_equal(upper, np.full((3, 1), 1))


@pytest.mark.parametrize(
    "bounds", [(None, None), (-inf, inf), (None, [inf] * 3), ([-inf] * 3, None)]
)
def test_bounds_that_bound_nothing(bounds):
    assert check_bounds(bounds, 3, 1) is None


def test_bounds_of_float32_coefficients_are_numbers_of_that_type():
    dtype = np.float32
    given = np.array([-0.1, 0.1, 0.5, 0.1]), np.array([0.1, np.inf, 1e300, 0.1])
    lower, upper = check_bounds(given, 4, 1, dtype=dtype)
    rounded = lower.astype(dtype), upper.astype(dtype)
    # No float32 lies between 0.1 and 0.1.
    np.testing.assert_array_equal(rounded[0][:3], lower[:3])
    np.testing.assert_array_equal(rounded[1][:3], upper[:3])
    assert (lower[3], upper[3]) == (0.1, 0.1)
    assert np.all(lower[:, 0] >= given[0])
    assert np.all(upper[:, 0] <= given[1])
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(lower[:3, 0], given[0][:3], rtol=eps)
    np.testing.assert_allclose(upper[:1, 0], given[1][:1], rtol=eps)
    assert (upper[1, 0], upper[2, 0]) == (np.inf, np.finfo(dtype).max)
    np.testing.assert_array_equal(check_bounds(given, 4, 1)[0][:, 0], given[0])


def test_a_coefficient_may_be_fixed():
    lower, upper = check_bounds(([0, -inf], [0, inf]), 2, 1)
    np.testing.assert_array_equal(lower[:, 0], [0, -inf])
    np.testing.assert_array_equal(upper[:, 0], [0, inf])


@pytest.mark.parametrize(
    ("bounds", "error", "message"),
    [
        (0, TypeError, r"bounds must be None or a pair \(lower, upper\), got 0"),
        (np.array(0), TypeError, r"bounds must be None or a pair"),
        ("01", TypeError, r"bounds must be None or a pair"),
        ((0,), TypeError, r"bounds must be None or a pair"),
        ([(0, 1)] * 3, TypeError, r"bounds must be None or a pair .*, got list of 3 entries"),
        (np.zeros((3, 2)), TypeError, r"bounds must be None or a pair"),
        ({0: 0, 1: 1}, TypeError, r"bounds must be None or a pair"),
        (sparse.csr_array(np.ones((2, 3))), TypeError, r"bounds must be None or a pair"),
        (
            ([0, 1], None),
            ValueError,
            r"bounds\[0\] must be .* shape \(3,\) or \(2, 3\), got shape \(2,\)",
        ),
        ((None, np.zeros((3, 2))), ValueError, r"bounds\[1\] must be .* got shape \(3, 2\)"),
        ((None, np.zeros((1, 3))), ValueError, r"bounds\[1\] must be .* got shape \(1, 3\)"),
        ((np.zeros((1, 2, 3)), None), ValueError, r"bounds\[0\] must be .* got shape \(1, 2, 3\)"),
        ((nan, None), ValueError, r"bounds\[0\] must not be NaN or inf, .* got nan$"),
        (([0, nan, 0], None), ValueError, r"bounds\[0\] must not be NaN or inf.* got nan at \[1\]"),
        ((inf, None), ValueError, r"bounds\[0\] must not be NaN or inf.* got inf$"),
        ((None, [0, 0, -inf]), ValueError, r"bounds\[1\] must not be NaN or -inf.* -inf at \[2\]"),
        (([0, None, 0], 1), ValueError, r"bounds\[0\] must not be NaN"),
        (("a", None), TypeError, r"bounds\[0\] must hold real numbers"),
        ((None, [1j, 0, 0]), TypeError, r"bounds\[1\] must hold real numbers"),
        ((sparse.eye_array(3), None), TypeError, r"bounds\[0\] must be a dense array"),
        (
            (1, 0),
            ValueError,
            r"bounds\[0\] must not be above bounds\[1\], .* 1.0 > 0.0 for feature 0",
        ),
        ((0, [1, -2, -3]), ValueError, r"0.0 > -2.0 for feature 1 of class 0"),
        (([[0, 0, 0], [0, 5, 0]], [[1, 1, -1], [1, 2, 1]]), ValueError, "feature 1 of class 1"),
    ],
)
def test_bad_bounds(bounds, error, message):
    with pytest.raises(error, match=message):
        check_bounds(bounds, 3, 2)


def test_names_of_features_and_classes_may_be_in_any_order():
    names, classes = np.array(["a", "b", "c"]), np.array(["no", "perhaps", "yes"])
    factor = pd.Series({"c": 3.0, "a": 0.0, "b": 2.0})
    np.testing.assert_array_equal(check_penalty_factor(factor, 3, names), [0, 2, 3])
    numbered = factor.reset_index(drop=True)
    np.testing.assert_array_equal(check_penalty_factor(numbered, 3, names), [3, 0, 2])
    np.testing.assert_array_equal(check_penalty_factor(numbered, 3), [3, 0, 2])
    with pytest.raises(ValueError, match=r"penalty_factor with names, .*, needs an X with these"):
        check_penalty_factor(factor, 3)
    lower, _ = check_bounds((-factor, None), 3, 1, names)
    np.testing.assert_array_equal(lower[:, 0], [0, -2, -3])
    table = pd.DataFrame([[1, 2, 3], [4, 5, 6], [7, 8, 9]], ["yes", "no", "perhaps"], list("cab"))
    _, upper = check_bounds((None, table), 3, 3, names, classes)
    np.testing.assert_array_equal(upper.T, [[5, 6, 4], [8, 9, 7], [2, 3, 1]])


def test_other_names_than_those_of_the_features_are_an_error():
    names = np.array(["a", "b"])
    for wrong in (pd.Series({"a": 1.0, "x": 2.0}), pd.Series([1.0, 2.0], ["a", "a"])):
        with pytest.raises(ValueError, match=r"penalty_factor must have each .* \['a', 'b'\]"):
            check_penalty_factor(wrong, 2, names)
        with pytest.raises(ValueError, match=r"bounds\[1\] must have each .* \['a', 'b'\]"):
            check_bounds((None, wrong), 2, 1, names)


@pytest.mark.parametrize(
    "pairs", [[(0, 1), (0, 2)], ((0, 1), (0, 2)), [[0, 1], [0, 2]], np.array([[0, 1], [0, 2]])]
)
def test_four_numbers_for_two_features_are_no_bounds(pairs):
    with pytest.raises(ValueError, match=r"tuple of lists: \(\[0, 1\], \[0, 2\]\)"):
        check_bounds(pairs, 2, 1)
    lower, upper = check_bounds(([0, 1], [0, 2]), 2, 1)
    np.testing.assert_array_equal(lower[:, 0], [0, 1])
    np.testing.assert_array_equal(upper[:, 0], [0, 2])
