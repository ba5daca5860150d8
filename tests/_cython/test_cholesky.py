"""Cholesky factors solve as NumPy does."""

import numpy as np
import pytest

from sklogloss._cython.cholesky import CholeskyFactor, solve_blocks


def simulate(n, rank=None):
    # Columns of very different size.
    A = np.random.default_rng(0).standard_normal((n, rank or 2 * n)) / np.sqrt(n)
    size = np.geomspace(1e-6, 1e6, n)
    return A @ A.T * np.outer(size, size), size


@pytest.mark.parametrize("n", [1, 7, 150])
@pytest.mark.parametrize("shape", [(), (1,), (4,)])
def test_solves_as_numpy(n, shape):
    matrix, size = simulate(n)
    x = np.random.default_rng(1).standard_normal((n, *shape))
    b = (matrix @ (x.T / size).T).reshape(n, *shape)
    given = b.copy()
    # Its upper triangle has no part.
    solution = CholeskyFactor(np.tril(matrix)).solve(b)
    assert solution.shape == b.shape
    # The condition, scaled, is below 1e3.
    np.testing.assert_allclose((solution.T * size).T, x, rtol=0, atol=1e-11)
    np.testing.assert_array_equal(b, given)


def test_directions_without_curvature_get_some():
    matrix, size = simulate(20, rank=12)
    # Of the range of the matrix, as a gradient is.
    b = matrix @ (1 / size)
    solution = CholeskyFactor(matrix.copy()).solve(b)
    # Damping is no more than 1e4 units in the last place for each row; the smallest eigenvalue
    # that is not zero is above 1e-2.
    np.testing.assert_allclose(matrix @ solution / size, b / size, rtol=0, atol=1e-8)
    zero = CholeskyFactor(np.zeros((3, 3)))
    assert np.all(np.isfinite(zero.solve(np.ones(3))))


def test_a_matrix_that_is_not_finite_has_no_solution():
    matrix, _ = simulate(5)
    matrix[2, 1] = np.nan
    assert np.isnan(CholeskyFactor(matrix).solve(np.ones(5))).all()


def test_blocks_are_solved_one_by_one():
    matrix, size = simulate(9)
    lost = matrix.copy()
    lost[2, 1] = np.nan
    matrices = [matrix, np.diag(size), lost]
    b = np.random.default_rng(1).standard_normal((9, 3))
    given = b.copy()
    solution = solve_blocks([CholeskyFactor(each.copy()) for each in matrices], b)
    for k in range(2):
        expected = CholeskyFactor(matrices[k].copy()).solve(b[:, k])
        np.testing.assert_array_equal(solution[:, k], expected)
    assert np.isnan(solution[:, 2]).all()
    np.testing.assert_array_equal(b, given)
    with pytest.raises(ValueError, match="a column for each"):
        solve_blocks([CholeskyFactor(np.eye(9))], b)
    with pytest.raises(ValueError, match="as many rows"):
        solve_blocks([CholeskyFactor(np.eye(2)) for _ in range(3)], b)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="matrix must be square"):
        CholeskyFactor(np.ones((2, 3)))
    with pytest.raises(ValueError, match="as many rows"):
        CholeskyFactor(np.eye(2)).solve(np.ones(3))


def test_says_where_the_matrix_all_but_vanishes():
    whole = CholeskyFactor(np.array([[4.0, 0.0], [2.0, 4.0]]))
    assert not whole.is_damped
    # Scaled, the rows are (1, 0) and (1/2, 1): the last pivot is 1 - 1/4.
    assert whole.smallest_pivot == pytest.approx(0.75, rel=4 * np.finfo(np.float64).eps)
    assert CholeskyFactor(np.array([[1.0, 0.0], [1.0, 1.0]])).is_damped
    assert CholeskyFactor(np.array([[1.0, 0.0], [0.0, 0.0]])).is_damped


@pytest.mark.parametrize("n", [1, 7, 150])
def test_bounds_the_smallest_eigenvalue(n):
    matrix, _ = simulate(n)
    matrix /= np.abs(matrix).max()
    eigenvalues = np.linalg.eigvalsh(matrix)
    # NumPy knows eigenvalues to n eps times the largest.
    rounding = n * np.finfo(np.float64).eps
    factor = CholeskyFactor(matrix.copy())
    bound = factor.smallest_eigenvalue()
    assert 0 < bound <= eigenvalues[0] + rounding
    well_conditioned = CholeskyFactor(matrix + np.eye(n))
    bound, least = well_conditioned.smallest_eigenvalue(), eigenvalues[0] + 1
    assert least / n <= bound * (1 + rounding)
    assert bound <= least * (1 + rounding)
    assert factor.trace == pytest.approx(np.trace(matrix), rel=rounding)


def test_no_bound_where_the_matrix_is_damped_or_not_finite():
    matrix, _ = simulate(20, rank=12)
    assert CholeskyFactor(matrix).smallest_eigenvalue() == 0
    matrix[2, 1] = np.nan
    factor = CholeskyFactor(matrix)
    assert factor.smallest_eigenvalue() == 0
    assert factor.trace == np.inf
