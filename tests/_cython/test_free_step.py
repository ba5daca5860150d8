import numpy as np
import pytest

from sklogloss._cython.free_step import move_free


def problem(n=12, seed=0):
    """Return a positive definite matrix, a linear term, and a point with a third of it zero."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((2 * n, n))
    x = rng.standard_normal(n)
    x[::3] = 0
    return root.T @ root / n, rng.standard_normal(n), x


def value(matrix, linear, l1, x):
    return linear @ x + x @ matrix @ x / 2 + l1 @ np.abs(x)


def moved(matrix, linear, l1, x, lower=None, upper=None):
    """Return the new x and gradient, and the gain."""
    gradient, x = linear + matrix @ x, x.copy()
    gain = move_free(matrix, gradient, x, l1, lower, upper)
    return x, gradient, gain


def test_without_kinks_the_step_goes_to_the_minimum():
    matrix, linear, x = problem()
    end, gradient, gain = moved(matrix, linear, np.zeros(12), x)
    # A factor of a matrix of condition 100 leaves some 100 n eps.
    np.testing.assert_allclose(end, np.linalg.solve(matrix, -linear), rtol=0, atol=1e-12)
    np.testing.assert_allclose(gradient, 0, atol=1e-12)
    assert gain > 0


def test_a_raised_diagonal_is_curvature_enough_for_the_whole_step():
    # Pairs of equal columns, and slopes along their differences, of which each gains 1 / raised.
    # The pivot of the second is 200 eps, less than what rounding may leave of 300 columns.
    raised = 100 * np.finfo(float).eps
    matrix = np.kron(np.eye(150), np.ones((2, 2))) + raised * np.eye(300)
    zeros, slopes = np.zeros(300), np.tile([1.0, -1.0], 150)
    gain = move_free(matrix, slopes, zeros.copy(), zeros, None, None, is_exact=True)
    # Three roundings of a pivot are less than a tenth of it.
    assert gain == pytest.approx(150 / raised, rel=0.1)


def test_coefficients_that_are_zero_stay_where_l1_holds_them():
    matrix, linear, x = problem()
    l1 = np.full(12, 1e-6)
    end, gradient, _ = moved(matrix, linear, l1, x)
    assert np.all(end[::3] == 0)
    free = end != 0
    # With such a weak penalty no coefficient but those that cross zero is held.
    np.testing.assert_allclose(gradient, linear + matrix @ end, rtol=0, atol=1e-12)
    assert free.any()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("is_bounded", [False, True])
def test_gain_and_gradient_are_those_of_the_function(seed, is_bounded):
    matrix, linear, x = problem(seed=seed)
    l1 = np.where(np.arange(12) % 2, 0.3, 0.0)
    bounds = (np.full(12, -0.8), np.full(12, 0.8)) if is_bounded else (None, None)
    if is_bounded:
        x = np.clip(x, *bounds)
    end, gradient, gain = moved(matrix, linear, l1, x, *bounds)
    before, after = value(matrix, linear, l1, x), value(matrix, linear, l1, end)
    # Sums of 12 products of numbers below 10.
    np.testing.assert_allclose(gain, before - after, rtol=0, atol=1e-12)
    np.testing.assert_allclose(gradient, linear + matrix @ end, rtol=0, atol=1e-12)
    assert np.all(end * x * (l1 > 0) >= 0)
    if is_bounded:
        assert np.all((end >= -0.8) & (end <= 0.8))


def test_a_coefficient_that_would_change_its_sign_becomes_zero():
    matrix, l1 = np.eye(2), np.array([0.1, 0.1])
    end, gradient, gain = moved(matrix, np.array([1.0, -3.0]), l1, np.array([0.5, 1.0]))
    np.testing.assert_array_equal(end[0], 0)
    np.testing.assert_allclose(end[1], 2.9, rtol=1e-15)
    np.testing.assert_allclose(gradient, [1.0, -0.1], rtol=1e-14)
    np.testing.assert_allclose(gain, 0.675 + 1.9**2 / 2, rtol=1e-14)


def walk(matrix, linear, l1, x, lower, upper):
    """Return the end of the same way, each step of which solves its equations anew."""
    x, free = x.copy(), np.flatnonzero((x != 0) | (l1 == 0))
    least = np.where((l1 > 0) & (x > 0), 0.0, lower)
    most = np.where((l1 > 0) & (x < 0), 0.0, upper)
    signs = np.sign(x)
    while len(free):
        slope = (linear + matrix @ x + l1 * signs)[free]
        step = np.linalg.solve(matrix[np.ix_(free, free)], -slope)
        lengths = (np.where(step < 0, least[free], most[free]) - x[free]) / step
        nearest = lengths.min()
        x[free] += min(nearest, 1) * step
        if nearest >= 1:
            break
        free = np.delete(free, lengths.argmin())
    return x


@pytest.mark.parametrize("is_bounded", [False, True])
def test_a_step_that_gains_nothing_goes_on_without_what_met_a_limit(is_bounded):
    # Columns that are nearly alike: where all coefficients end at their limits at once, the others
    # are far from what they should be.
    n, n_walks, n_met = 12, 0, 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        root = rng.standard_normal((2 * n, n)) + 10 * rng.standard_normal((2 * n, 1))
        matrix, linear = root.T @ root / n, rng.standard_normal(n)
        x, l1 = rng.uniform(-0.8, 0.8, n), np.where(np.arange(n) % 2, 0.3, 0.0)
        bounds = (np.full(n, -0.8), np.full(n, 0.8)) if is_bounded else (None, None)
        lower, upper = bounds if is_bounded else (np.full(n, -np.inf), np.full(n, np.inf))
        full = x + np.linalg.solve(matrix, -(linear + matrix @ x + l1 * np.sign(x)))
        full = np.where((l1 > 0) & (full * x < 0), 0, np.clip(full, lower, upper))
        end, gradient, gain = moved(matrix, linear, l1, x, *bounds)
        before = value(matrix, linear, l1, x)
        if value(matrix, linear, l1, full) < before:
            continue
        n_walks += 1
        expected = walk(matrix, linear, l1, x, lower, upper)
        n_met += np.count_nonzero(expected == np.where(l1 > 0, 0, lower))
        # The condition of the matrix is 1e4 at most, and there are twelve steps of it.
        np.testing.assert_allclose(end, expected, rtol=0, atol=1e-9)
        np.testing.assert_allclose(gradient, linear + matrix @ end, rtol=0, atol=1e-9)
        assert gain == pytest.approx(before - value(matrix, linear, l1, end), rel=1e-9)
    assert n_walks > 5
    assert n_met > 5


def test_a_step_that_gains_nothing_is_cut():
    # Zero for the first coefficient, and the second far away: that raises the function, which
    # along the step itself falls.
    matrix = np.array([[1.0, 0.999], [0.999, 1.0]])
    x, linear = np.array([1.0, 0.01]), np.zeros(2)
    linear[:] = matrix @ [-1.0, 0.0] - matrix @ [0.0, 3.0]
    l1 = np.array([0.0, 1e-9])
    for sign in (1.0, -1.0):
        start = sign * x
        end, _, gain = moved(matrix, sign * linear, l1, start)
        before = value(matrix, sign * linear, l1, start)
        assert gain >= 0
        np.testing.assert_allclose(
            gain, before - value(matrix, sign * linear, l1, end), rtol=0, atol=1e-14
        )


def test_nothing_is_free():
    matrix, linear, _ = problem()
    assert moved(matrix, linear, np.ones(12), np.zeros(12))[2] == 0.0


def test_a_matrix_that_is_not_finite_moves_nothing():
    matrix, linear, x = problem()
    matrix[0, 0] = np.nan
    end, _, gain = moved(matrix, linear, np.zeros(12), x)
    np.testing.assert_array_equal(end, x)
    assert gain == 0.0


def test_shapes_are_checked():
    matrix, linear, x = problem()
    l1 = np.zeros(12)
    with pytest.raises(ValueError, match="must have shape"):
        move_free(matrix, linear[:-1].copy(), x, l1, None, None)
    with pytest.raises(ValueError, match="both be None"):
        move_free(matrix, linear, x, l1, np.zeros(12), None)
