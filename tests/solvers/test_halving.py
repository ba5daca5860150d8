"""Step halving: the first step that gains enough."""

from types import SimpleNamespace

import numpy as np
import pytest

from sklogloss.solvers.halving import lower_point


@pytest.mark.parametrize(("far", "expected"), [(1.0, 1.0), (0.4, 0.5), (0.1, 0.125)])
def test_first_step_that_gains_is_taken(far, expected):
    # Of (x - far)^2 at 0, whose value grows beyond 2 far; a step of 1 promises what it would gain.
    tried = []

    def look(step):
        tried.append(step)
        return SimpleNamespace(value=(step - far) ** 2, step=step)

    found = lower_point(look, 0.0, 1.0, far**2, 2 * far)
    assert found.step == expected
    assert tried == [2.0**-i for i in range(len(tried))]
    assert lower_point(look, 0.0, 1.0, far**2, 2 * far, step=far).step == far


def test_none_where_nothing_gains_and_a_rounding_error_is_no_loss():
    def lower(value, decrement, **options):
        return lower_point(
            lambda theta: SimpleNamespace(value=value), np.zeros(2), np.ones(2), 1.0, decrement,
            **options,
        )  # fmt: skip

    assert lower(np.nan, 1.0) is None
    assert lower(1.1, 1.0) is None
    assert lower(1 + 1e-15, 0.0).value > 1
    assert lower(1.01, 0.0, rounding=0.1).value == 1.01
