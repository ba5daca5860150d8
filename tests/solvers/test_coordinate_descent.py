"""Quadratic models with an L1 penalty and bounds: their minimum, and what steps teach them."""

import numpy as np
import pytest
from scipy.optimize import minimize

from sklogloss._cython.free_step import move_free
from sklogloss.penalties import Penalty
from sklogloss.solvers import coordinate_descent
from sklogloss.solvers.coordinate_descent import QuadraticModel, minimise_model

N = 30


def make_model(seed, rank):
    """Return a matrix, singular where the rank is less than N, and a gradient in its range."""
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(rank, N))
    half[:, 5] = half[:, 6]
    start = rng.normal(size=N) * (rng.random(N) < 0.5)
    l1 = np.where(np.arange(N) < 2, 0.0, rng.uniform(0.5, 2, size=N))
    return half.T @ half, half.T @ rng.normal(size=rank) * 3, start, l1


BOUNDS = {
    "none": (-np.inf, np.inf),
    "positive": (np.zeros(N), np.full(N, np.inf)),
    "box": (np.full(N, -0.2), np.full(N, 0.1)),
    "away from zero": (np.full(N, 0.1), np.full(N, 0.3)),
    "mixed": (
        np.resize([-np.inf, 0.0, -0.2, 0.3, -np.inf], N),
        np.resize([np.inf, np.inf, 0.2, 0.3, 0.0], N),
    ),
}


def value(matrix, gradient, start, penalty, u):
    step = u - start
    return gradient @ step + step @ matrix @ step / 2 + np.sum(penalty.l1 * np.abs(u))


def oracle(matrix, gradient, start, penalty):
    """Return the least value, by L-BFGS-B in the positive and the negative parts of u."""
    lower, upper = (np.broadcast_to(b, N) for b in (penalty.lower, penalty.upper))

    def value_gradient(parts):
        u = parts[:N] - parts[N:]
        slope = gradient + matrix @ (u - start)
        smooth = (u - start) @ (gradient + slope) / 2
        return smooth + penalty.l1 @ (parts[:N] + parts[N:]), np.concatenate(
            [slope + penalty.l1, penalty.l1 - slope]
        )

    bounds = np.maximum([np.append(lower, -upper), np.append(upper, -lower)], 0).T
    first = np.append(np.maximum(start, 0), np.maximum(-start, 0))
    options = {"ftol": 0.0, "gtol": 1e-9, "maxiter": 50_000, "maxfun": 100_000, "maxcor": 30}
    return minimize(value_gradient, first, jac=True, bounds=bounds, options=options).fun


@pytest.mark.parametrize("seed", range(5))
def test_minimum_with_singular_matrices(seed):
    matrix, gradient, start, l1 = make_model(seed, rank=20)
    u = minimise_model(matrix, gradient, start, Penalty(l1=l1))
    slope = gradient + matrix @ (u - start)
    violation = np.where(u == 0, np.maximum(np.abs(slope) - l1, 0), np.abs(slope + l1 * np.sign(u)))
    # A model is solved to 1e-6 of what there is to gain, the square of the violation.
    assert violation.max() <= 1e-2 * np.abs(gradient).max()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("rank", [20, 60])
@pytest.mark.parametrize("strength", [0.0, 1.0])
@pytest.mark.parametrize("bounds", BOUNDS)
def test_minimum_within_bounds_is_that_of_scipy(bounds, strength, rank, seed):
    matrix, gradient, start, l1 = make_model(seed, rank)
    penalty = Penalty(strength * l1, 0.0, *BOUNDS[bounds])
    start = penalty.project(start)
    given = [array.copy() for array in (matrix, gradient, start)]
    u = minimise_model(matrix, gradient, start, penalty)
    for array, copy in zip((matrix, gradient, start), given, strict=True):
        np.testing.assert_array_equal(array, copy)
    assert np.all((u >= penalty.lower) & (u <= penalty.upper))
    best = oracle(matrix, gradient, start, penalty)
    gained = value(matrix, gradient, start, penalty, start) - best
    # A sweep that gains less than 1e-6 of all that was gained is the last one. Where each gains a
    # tenth less than the one before, ten times as much is left.
    assert value(matrix, gradient, start, penalty, u) <= best + 1e-5 * gained


def test_a_rough_minimum_is_enough_where_the_next_model_gains_as_much():
    matrix, gradient, start, l1 = make_model(0, rank=20)
    penalty = Penalty(l1=l1)
    values = [
        value(matrix, gradient, start, penalty, minimise_model(matrix, gradient, start, penalty, g))
        for g in (1e-9, np.inf)
    ]
    assert values[1] <= values[0]
    # A sweep gains less than a thousandth of what was gained, see above.
    gained = value(matrix, gradient, start, penalty, start) - values[1]
    assert values[0] - values[1] <= 1e-2 * gained


def lower_triangle(seed):
    half = np.random.default_rng(seed).normal(size=(2 * N, N))
    hessian = half.T @ half / N
    return hessian, np.tril(hessian)


def test_the_model_of_a_hessian_is_whole_and_definite():
    hessian, lower = lower_triangle(0)
    model = QuadraticModel(lower.copy(), np.float64, 1.0)
    np.testing.assert_allclose(model.matrix, hessian, rtol=1e-12)
    # Where it vanishes it has some curvature all the same, relative to the unit of the loss.
    empty = QuadraticModel(np.zeros((2, 2)), np.float64, 8.0)
    assert np.all(np.diagonal(empty.matrix) > 0)
    # In float32 rounding errors may make it indefinite by as much as they are.
    column = np.array([1.0, 3.0])
    rounded = np.outer(column, column).astype(np.float32).astype(np.float64)
    rounded[1, 0] *= 1 + 1e-7
    assert np.linalg.eigvalsh(QuadraticModel(rounded, np.float32, 1.0).matrix)[0] > 0


def test_update_is_the_one_of_bfgs():
    hessian, _ = lower_triangle(0)
    model = QuadraticModel(lower_triangle(1)[1], np.float64, 1.0)
    expected = model.matrix.copy()
    rng = np.random.default_rng(2)
    for _ in range(3):
        step = rng.normal(size=N)
        change = hessian @ step
        model.update(step, change)
        # Nocedal & Wright, Numerical Optimization, equation 6.19.
        product = expected @ step
        expected += np.outer(change, change) / (step @ change)
        expected -= np.outer(product, product) / (step @ product)
        np.testing.assert_allclose(model.matrix, expected, rtol=0, atol=1e-10)
        np.testing.assert_allclose(model.matrix @ step, change, rtol=0, atol=1e-10)
    # A step without curvature teaches nothing.
    model.update(step, -change)
    np.testing.assert_allclose(model.matrix, expected, rtol=0, atol=1e-10)
    assert len(model.steps) == 3


@pytest.mark.parametrize("seed", range(3))
def test_coefficients_that_become_zero_do_so_several_at_a_time(seed, monkeypatch):
    # Columns nearly alike: sweeps gain next to nothing, and a full step that is cut is no gain.
    systems, n = [], 200

    def counted(*args):
        systems.append(move_free(*args))
        return systems[-1]

    monkeypatch.setattr(coordinate_descent, "move_free", counted)
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(2 * n, 1)) + 1e-3 * rng.normal(size=(2 * n, n))
    matrix, start = half.T @ half / len(half), rng.normal(size=n)
    penalty = Penalty(l1=np.full(n, 1e-6))
    u = minimise_model(matrix, matrix @ rng.normal(size=n), start, penalty)
    # One system for each of them would be as many.
    assert 100 < np.count_nonzero(u == 0)
    assert len(systems) < np.count_nonzero(u == 0)


def test_a_model_without_a_minimum_ends_at_a_gain_beyond_rounding_errors(monkeypatch):
    # Along (1, -1) the curvature is -1e-3, as rounding errors may leave it.
    matrix, gradient = np.array([[1.0, 1.001], [1.001, 1.0]]), np.array([-1.0, 1.0])
    calls = []
    descend = coordinate_descent.descend
    monkeypatch.setattr(
        coordinate_descent, "descend", lambda *parts: calls.append(parts) or descend(*parts)
    )
    rounds = {}
    for most in (np.inf, 1e10):
        calls.clear()
        minimise_model(matrix, gradient, np.zeros(2), Penalty(l1=np.full(2, 0.01)), most=most)
        rounds[most] = len(calls)
    assert rounds[1e10] < rounds[np.inf] / 5
