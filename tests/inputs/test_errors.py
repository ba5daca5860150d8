"""Errors name the argument and stay short."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sklogloss.inputs.errors import naming, shown, stacklevel_of_user


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        (np.eye(2), "array([[1., 0.], [0., 1.]])"),
        pytest.param(10**5000, "a huge int", id="huge"),
    ],
)
def test_values_are_shown_on_one_line(value, text):
    assert shown(value) == text


def test_long_values_are_cut():
    text = shown(list(range(1000)))
    assert text.startswith("[0, 1, 2,")
    assert text.endswith("...")
    assert len(text) == 103


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        (ValueError("too long"), ValueError, "^cv: too long$"),
        (TypeError("no number"), TypeError, "^cv: no number$"),
        (OverflowError("too large"), ValueError, "^cv: too large$"),
        (ValueError("cv must be an integer"), ValueError, "^cv must be an integer$"),
        (ValueError("cvs differ"), ValueError, "^cv: cvs differ$"),
        (NotFittedError("fit first"), NotFittedError, "^fit first$"),
        (KeyError("k"), KeyError, "k"),
    ],
)
def test_errors_of_others_get_the_name(error, expected, message):
    with pytest.raises(expected, match=message), naming("cv"):
        raise error


def test_stacklevel_is_that_of_the_first_frame_outside_the_package():
    def call(function):
        return function()

    namespace = {"__name__": "sklogloss.somewhere", "call": call, "level": stacklevel_of_user}
    exec("def inner():\n    return level()\ndef outer():\n    return inner()", namespace)
    assert stacklevel_of_user() == 1
    assert namespace["inner"]() == 2
    assert namespace["outer"]() == 3
    # Another package between the two is outside.
    namespace["inner"] = lambda: call(namespace["level"])
    assert namespace["outer"]() == 1
