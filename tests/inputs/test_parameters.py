"""Parameters: errors that name them and say what is allowed."""

from types import NoneType, SimpleNamespace

import numpy as np
import pytest

from sklogloss.inputs.parameters import (
    FRACTION,
    Integers,
    Interval,
    check_count,
    check_parameter,
    check_parameters,
)


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
