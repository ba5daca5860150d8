"""Coordinate descent on quadratic functions with an L1 penalty and bounds."""

import numpy as np
import pytest
from scipy.optimize import minimize

from sklogloss._cython.coordinate_descent import descend

N = 12
INFINITE = np.full(N, np.inf)
BOUNDS = {
    "positive": (np.zeros(N), INFINITE),
    "negative": (-INFINITE, np.zeros(N)),
    "around zero": (np.full(N, -0.2), np.full(N, 0.1)),
    "away from zero": (np.full(N, 0.1), np.full(N, 0.3)),
    "fixed": (np.full(N, 0.25), np.full(N, 0.25)),
    "mixed": (
        np.resize([-np.inf, 0.0, -0.2, 0.3, -np.inf, -0.1], N),
        np.resize([np.inf, np.inf, 0.2, 0.3, 0.0, np.inf], N),
    ),
}


def make_quadratic(seed):
    """Return the matrix and the gradient at zero, with columns of very different size."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(2 * N, N)) * np.exp2(rng.integers(-2, 3, N))
    return A.T @ A / N, rng.normal(size=N) * 2


def minimiser(matrix, linear, l1, lower, upper):
    """Return the minimiser by coordinate descent from the point of the bounds closest to zero."""
    x = np.zeros(N) if lower is None else np.clip(np.zeros(N), lower, upper)
    gradient = linear + matrix @ x
    for _ in range(50):
        _, gain, _ = descend(matrix, gradient, x, l1, lower, upper, 1000, 0.0)
        if gain <= 0:
            break
    np.testing.assert_allclose(gradient, linear + matrix @ x, rtol=0, atol=1e-11)
    return x


def oracle(matrix, linear, l1, lower, upper):
    """Return the minimiser by L-BFGS-B in the positive and the negative parts of x."""

    def value_gradient(parts):
        x = parts[:N] - parts[N:]
        gradient = linear + matrix @ x
        value = x @ (linear + gradient) / 2 + l1 @ (parts[:N] + parts[N:])
        return value, np.r_[gradient + l1, l1 - gradient]

    low, high = np.r_[lower, -upper], np.r_[upper, -lower]
    bounds = np.c_[np.maximum(low, 0), np.maximum(high, 0)]
    options = {"ftol": 0.0, "gtol": 1e-13, "maxiter": 20000, "maxfun": 20000, "maxcor": 2 * N}
    start = np.clip(0, bounds[:, 0], bounds[:, 1])
    parts = minimize(value_gradient, start, jac=True, bounds=bounds, options=options).x
    return parts[:N] - parts[N:]


def distance_to_optimality(matrix, linear, l1, lower, upper, x):
    """Return the size of the smallest subgradient of the function restricted to the bounds."""
    gradient = linear + matrix @ x
    # The directional derivatives to the right and to the left, where there is room.
    right = np.where(x < upper, gradient + np.where(x >= 0, l1, -l1), 0)
    left = np.where(x > lower, -gradient + np.where(x <= 0, l1, -l1), 0)
    return np.linalg.norm(np.maximum(0, np.maximum(-right, -left)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strength", [0.0, 0.3])
@pytest.mark.parametrize("bounds", BOUNDS)
def test_the_minimiser_within_bounds_is_that_of_lbfgsb(bounds, strength, seed):
    matrix, linear = make_quadratic(seed)
    l1 = np.full(N, strength)
    l1[0] = 0
    problem = (matrix, linear, l1, *BOUNDS[bounds])
    x, expected = minimiser(*problem), oracle(*problem)
    _, _, _, lower, upper = problem
    assert np.all((lower <= x) & (x <= upper))
    # A strongly convex function with the modulus m has its minimum within |subgradient| / m.
    modulus = np.linalg.eigvalsh(matrix)[0]
    distance = distance_to_optimality(*problem, x)
    assert distance <= 1e-12 * (np.abs(matrix).sum() + np.abs(linear).sum())
    tolerance = (distance + distance_to_optimality(*problem, expected)) / modulus
    assert np.linalg.norm(x - expected) <= tolerance + 1e-14
    assert tolerance <= 1e-4


def test_infinite_bounds_are_none():
    matrix, linear = make_quadratic(0)
    l1 = np.full(N, 0.3)
    unbounded, infinite = (
        minimiser(matrix, linear, l1, *bounds) for bounds in ((None, None), (-INFINITE, INFINITE))
    )
    np.testing.assert_array_equal(unbounded, infinite)


def test_a_positive_semidefinite_matrix_has_a_minimum_within_bounds():
    # Along the direction (1, -1) the function is linear: only the bounds end the descent.
    matrix, linear = np.ones((2, 2)), np.array([1.0, -1.0])
    x, gradient = np.zeros(2), linear.copy()
    bounds = (np.full(2, -3.0), np.full(2, 2.5))
    for _ in range(100):
        descend(matrix, gradient, x, np.zeros(2), *bounds, 1000, 0.0)
    np.testing.assert_allclose(x, [-3, 2.5], rtol=1e-12)


def test_arguments_that_do_not_fit_are_refused():
    matrix, linear = make_quadratic(0)
    arguments = (matrix, linear.copy(), np.zeros(N), np.zeros(N))
    with pytest.raises(ValueError, match=r"shape \(n, n\)"):
        descend(*arguments, np.zeros(N - 1), INFINITE, 1, 0.0)
    with pytest.raises(ValueError, match="lower and upper"):
        descend(*arguments, None, INFINITE, 1, 0.0)
