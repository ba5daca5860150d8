import numpy as np
import pytest
from scipy.linalg import solve
from sklogloss._cython.cholesky import CholeskySolver


def positive_definite(n):
    rng = np.random.default_rng(n)
    factor = rng.standard_normal((n, 2 * n + 1))
    sizes = 10.0 ** rng.integers(-6, 6, n)
    return factor @ factor.T * sizes * sizes[:, None], rng


@pytest.mark.parametrize("n", [1, 2, 31, 200])
def test_solution(n):
    hessian, rng = positive_definite(n)
    triangle = np.tril(hessian) + np.triu(np.full((n, n), np.nan), 1)
    given = triangle.copy()
    solver = CholeskySolver(triangle)
    np.testing.assert_array_equal(triangle, given)
    root = np.sqrt(np.diagonal(hessian))
    scaled = hessian / root / root[:, None]
    bound = 100 * n * np.finfo(float).eps * np.linalg.cond(scaled)
    for b in (rng.standard_normal(n), rng.standard_normal((n, 3)), rng.standard_normal((3, n)).T):
        # Errors are those of the Hessian that is scaled to a diagonal of ones.
        expected = solve(scaled, (b.T / root).T, assume_a="pos")
        actual = (solver(b).T * root).T
        assert abs(actual - expected).max() <= bound * abs(expected).max()


def test_directions_without_curvature_have_no_step():
    hessian, rng = positive_definite(5)
    # A duplicated parameter, and one that nothing depends on.
    places = [0, 1, 2, 3, 4, 4]
    singular = np.zeros((7, 7))
    singular[:6, :6] = hessian[np.ix_(places, places)]
    gradient = np.append((hessian @ rng.standard_normal(5))[places], 0)
    x = CholeskySolver(singular)(gradient)
    assert x[6] == 0
    root = np.sqrt(np.diagonal(singular)[:6])
    residual = (singular @ x - gradient)[:6] / root
    assert abs(residual).max() <= 1e-10 * abs(gradient[:6] / root).max()


def test_what_is_not_finite_is_not_solved():
    for value in (np.nan, np.inf):
        hessian, _ = positive_definite(4)
        hessian[2, 1] = value
        assert np.isnan(CholeskySolver(hessian)(np.ones(4))).all()
        assert np.isnan(CholeskySolver(hessian)(np.ones((4, 2)))).all()


def test_shapes_are_checked():
    solver = CholeskySolver(np.eye(3))
    for b in (np.ones(2), np.ones((4, 2))):
        with pytest.raises(ValueError, match="n_parameters rows"):
            solver(b)
