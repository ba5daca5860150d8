"""Conjugate gradients against NumPy's solution of the same equations."""

import numpy as np
import pytest

from sklogloss.solvers.conjugate_gradients import ConjugateGradients, solve_equations

N = 20
EPS = np.finfo(np.float64).eps


def make_equations(seed=0, n=N, rank=None):
    """Return a positive semi-definite matrix with rows of different size, and a gradient."""
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(rank or 2 * n, n)) * np.exp2(rng.integers(-3, 4, n))
    matrix = half.T @ half
    return matrix, matrix @ rng.normal(size=n) if rank else rng.normal(size=n)


def of_matrix(matrix, gradient, inverse):
    return ConjugateGradients(lambda v: matrix @ v, gradient, lambda v: inverse * v)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("preconditioner", ["none", "diagonal", "exact"])
def test_solution_is_that_of_numpy(seed, preconditioner):
    matrix, gradient = make_equations(seed)
    diagonal = np.diagonal(matrix)
    precondition = {
        "none": lambda v: v.copy(),
        "diagonal": lambda v: v / diagonal,
        "exact": lambda v: np.linalg.solve(matrix, v),
    }[preconditioner]
    equations = ConjugateGradients(lambda v: matrix @ v, gradient, precondition)
    assert equations.norm == pytest.approx(gradient @ precondition(gradient))
    n_products = {"none": 500, "diagonal": 100, "exact": 2}[preconditioner]
    assert solve_equations(equations, 1e-26 * equations.norm, n_products)
    expected = -np.linalg.solve(matrix, gradient)
    error = equations.direction - expected
    # In the norm of the equations, the error is the residual's.
    energy = expected @ matrix @ expected
    assert error @ matrix @ error <= (1e-10) ** 2 * energy
    np.testing.assert_allclose(
        equations.residual, -gradient - matrix @ equations.direction, rtol=0, atol=1e-8
    )


def test_the_last_product_is_that_of_the_dimension():
    # In exact arithmetic N steps are enough: here the condition is small.
    rng = np.random.default_rng(0)
    matrix = np.eye(N) + 0.1 * np.diag(rng.random(N))
    equations = of_matrix(matrix, rng.normal(size=N), np.ones(N))
    first = equations.norm
    for _ in range(N):
        equations.advance()
    assert equations.norm <= (100 * EPS) ** 2 * first


def test_gains_are_twice_what_the_model_falls():
    matrix, gradient = make_equations()
    equations = of_matrix(matrix, gradient, 1 / np.diagonal(matrix))

    def model(u):
        return gradient @ u + u @ matrix @ u / 2

    for _ in range(10):
        before = model(equations.direction)
        gain = equations.advance()
        assert gain == pytest.approx(2 * (before - model(equations.direction)), rel=1e-8)


def test_what_the_preconditioner_leaves_out_stays_where_it_is():
    matrix, gradient = make_equations()
    is_free = np.arange(N) % 3 > 0
    equations = of_matrix(matrix, gradient, is_free / np.diagonal(matrix))
    assert solve_equations(equations, 1e-26 * equations.norm, 200)
    assert not equations.direction[~is_free].any()
    free = np.flatnonzero(is_free)
    expected = -np.linalg.solve(matrix[np.ix_(free, free)], gradient[free])
    np.testing.assert_allclose(equations.direction[free], expected, rtol=0, atol=1e-9)


def test_a_singular_matrix_is_solved_in_its_range():
    matrix, gradient = make_equations(rank=12)
    equations = of_matrix(matrix, gradient, 1 / np.diagonal(matrix))
    assert solve_equations(equations, 1e-24 * equations.norm, 100)
    np.testing.assert_allclose(
        matrix @ equations.direction, -gradient, rtol=0, atol=1e-8 * np.abs(gradient).max()
    )


@pytest.mark.parametrize("curvature", [0.0, -1.0, np.nan])
def test_no_curvature_is_the_end(curvature):
    gradient = np.ones(3)
    equations = ConjugateGradients(lambda v: curvature * v, gradient, lambda v: v)
    assert equations.advance() == 0
    assert not solve_equations(equations, 0.0, 10)
    assert not equations.direction.any()


def test_curvature_that_ends_on_the_way_leaves_the_solution_so_far():
    matrix, gradient = np.diag([1.0, -1.0]), np.array([1.0, 0.1])
    equations = ConjugateGradients(lambda v: matrix @ v, gradient, lambda v: v)
    assert solve_equations(equations, 0.0, 10)
    # Down along the first direction, which still curves upwards.
    assert equations.direction @ gradient < 0
    assert equations.advance() == 0


def test_no_gradient_needs_no_product():
    def product(_):
        raise AssertionError("a product was asked for")

    equations = ConjugateGradients(product, np.zeros(3), lambda v: v)
    assert not solve_equations(equations, 0.0, 10)


def test_bounds_of_the_number_of_products():
    matrix, gradient = make_equations()
    n_products = []

    def product(vector):
        n_products.append(1)
        return matrix @ vector

    solve_equations(ConjugateGradients(product, gradient, lambda v: v), 0.0, 7)
    assert len(n_products) == 7
    # A residual that is small enough, and gains that are not.
    n_products.clear()
    equations = ConjugateGradients(product, gradient, lambda v: v)
    assert solve_equations(equations, np.inf, 50, lambda gains: len(gains) < 3)
    assert len(n_products) == 3


def test_entries_of_very_different_size_overflow_without_an_error():
    matrix = np.array([[1, 1e100], [1e100, 2e200]])
    equations = of_matrix(matrix, np.array([-1e-100, 0.0]), np.ones(2))
    for _ in range(3):
        equations.advance()
    assert equations.is_flat
    assert np.all(np.isfinite(equations.direction))
