import numpy as np
import pytest

from sklogloss._cython.two_loops import add_steps, take_changes


def test_the_loops_are_the_update_of_bfgs():
    rng = np.random.default_rng(0)
    n = 7
    inverse, steps = np.eye(n), []
    vector = rng.standard_normal(n)
    for _ in range(4):
        step = rng.standard_normal(n)
        change = step + 0.3 * rng.standard_normal(n)
        curvature = float(step @ change)
        steps.append((step, change, curvature))
        # Nocedal and Wright, 6.17.
        left = np.eye(n) - np.outer(step, change) / curvature
        inverse = left @ inverse @ left.T + np.outer(step, step) / curvature
        product, parts = vector.copy(), np.empty(len(steps))
        take_changes(steps, product, parts)
        add_steps(steps, product, parts)
        # A few products of matrices whose norm stays below 100.
        np.testing.assert_allclose(product, inverse @ vector, rtol=0, atol=1e-12)


@pytest.mark.parametrize("loop", [take_changes, add_steps])
def test_lengths_are_checked(loop):
    steps = [(np.ones(3), np.ones(3), 1.0)]
    for lengths in ((3, 3, 4), (3, 4, 3), (4, 3, 3), (0, 0, 0)):
        step, change, vector = (np.ones(length) for length in lengths)
        with pytest.raises(ValueError, match="same length"):
            loop([(step, change, 1.0)], vector, np.ones(1))
    with pytest.raises(ValueError, match="one entry for each step"):
        loop(steps, np.ones(3), np.ones(2))
