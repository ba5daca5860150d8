"""Parameters: errors that name them and say what is allowed."""

import numpy as np
import pytest

from sklogloss.inputs.parameters import (
    check_boolean,
    check_choice,
    check_count,
    check_fraction,
    check_integer,
    check_real,
)


@pytest.mark.parametrize("value", [0, 0.5, 1, np.float32(0.5), np.int64(1)])
def test_numbers(value):
    check_real("C", value, 0, 1)


@pytest.mark.parametrize(
    ("value", "options", "error", "message"),
    [
        (1.5, {}, ValueError, r"C must be in \[0, 1\], got 1.5"),
        (-0.5, {}, ValueError, r"C must be in \[0, 1\], got -0.5"),
        (np.nan, {}, ValueError, r"C must be in \[0, 1\], got nan"),
        (0, {"include_low": False}, ValueError, r"C must be in \(0, 1\], got 0"),
        (1, {"include_high": False}, ValueError, r"C must be in \[0, 1\), got 1"),
        ("1", {}, TypeError, r"C must be a number in \[0, 1\], got '1'"),
        (None, {}, TypeError, "C must be a number"),
        (True, {}, TypeError, "C must be a number"),
        (np.bool_(True), {}, TypeError, "C must be a number"),
        (1j, {}, TypeError, "C must be a number"),
        (np.ones(1), {}, TypeError, "C must be a number"),
    ],
)
def test_what_is_no_number_of_the_interval(value, options, error, message):
    with pytest.raises(error, match=message):
        check_real("C", value, 0, 1, **options)


@pytest.mark.parametrize("value", [0, 1, 1.5])
def test_fractions(value):
    check_fraction("test_size", 0.5)
    with pytest.raises(ValueError, match=r"test_size must be in \(0, 1\)"):
        check_fraction("test_size", value)


def test_integers():
    check_integer("n_jobs", -3)
    check_integer("max_iter", np.int32(0), 0)
    with pytest.raises(ValueError, match="max_iter must be an integer >= 0, got -1"):
        check_integer("max_iter", -1, 0)
    for value in (1.5, 1.0, "1", None, True):
        with pytest.raises(TypeError, match="n_jobs must be an integer, got"):
            check_integer("n_jobs", value)


def test_counts():
    count = check_count(np.int32(2), "n_threads", 1)
    assert type(count) is int
    with pytest.raises(ValueError, match="n_threads must be at least 1, got 0"):
        check_count(0, "n_threads", 1)
    with pytest.raises(TypeError, match=r"n_threads must be an integer, got 1.5 of type float"):
        check_count(1.5, "n_threads", 1)


def test_booleans():
    for value in (True, False, np.bool_(True), 0, 1):
        check_boolean("dual", value)
    for value in (2, "yes", None, 1.0):
        with pytest.raises(TypeError, match="dual must be True or False, got"):
            check_boolean("dual", value)


def test_choices():
    check_choice("penalty", None, ("l1", None))
    check_choice("penalty", "l1", ("l1", None))
    for value in ("l3", 1, None, np.array(["l1"])):
        with pytest.raises(ValueError, match=r"penalty must be one of \['l1'\], got"):
            check_choice("penalty", value, ("l1",))
