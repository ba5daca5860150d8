"""Penalties of one coefficient at a time, against grids and the definition of their derivatives."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from sklogloss.penalties import Penalty, soft_threshold

N = 8
INFINITE = np.full(N, np.inf)
X = np.array([-3.0, -0.5, -0.2, 0.0, 0.0, 0.2, 0.5, 3.0])
BOUNDS = {
    "none": (-np.inf, np.inf),
    "positive": (0.0, np.inf),
    "negative": (-INFINITE, np.zeros(N)),
    "around zero": (-0.2, 0.2),
    "away from zero": (np.full(N, 0.2), INFINITE),
    "fixed": (0.5, 0.5),
    "some": (np.resize([-np.inf, 0.0, 0.2], N), np.resize([0.5, np.inf, 0.2, 1.0], N)),
}
every_bound = pytest.mark.parametrize("bounds", BOUNDS)


def test_soft_threshold_is_the_prox():
    x = np.linspace(-3, 3, 25)
    grid = np.linspace(-4, 4, 8001)
    best = grid[np.argmin((grid - x[:, None]) ** 2 / 2 + 0.7 * np.abs(grid), axis=1)]
    np.testing.assert_allclose(soft_threshold(x, 0.7), best, rtol=0, atol=1e-3)


@every_bound
@pytest.mark.parametrize("l1", [0.0, 0.7, np.linspace(0, 1, N)], ids=["none", "one", "each"])
def test_prox_is_the_best_point_of_a_grid(bounds, l1):
    penalty = Penalty(l1, 0.3, *BOUNDS[bounds])
    metric = np.linspace(0.5, 2, N)
    actual = penalty.prox(X, metric)
    grid = np.linspace(-4, 4, 8001)[:, None]
    lower, upper = (np.broadcast_to(b, N) for b in BOUNDS[bounds])
    value = metric * (grid - X) ** 2 / 2 + l1 * np.abs(grid)
    value[(grid < lower - 1e-9) | (grid > upper + 1e-9)] = np.inf
    np.testing.assert_allclose(actual, grid[np.argmin(value, axis=0), 0], rtol=0, atol=1e-3)
    assert np.all((actual >= lower) & (actual <= upper))


@every_bound
def test_project_is_the_closest_point_within_the_bounds(bounds):
    lower, upper = BOUNDS[bounds]
    penalty = Penalty(lower=lower, upper=upper)
    np.testing.assert_array_equal(penalty.project(X), np.clip(X, lower, upper))


@every_bound
@pytest.mark.parametrize("l1", [0.0, 0.7, np.linspace(0, 1, N)], ids=["none", "one", "each"])
def test_violation_is_the_steepest_descent_that_the_bounds_leave(bounds, l1):
    lower, upper = (np.broadcast_to(b, N) for b in BOUNDS[bounds])
    penalty = Penalty(l1, 0.3, *BOUNDS[bounds])
    x = np.clip(X, lower, upper)
    for gradient in np.random.default_rng(0).normal(size=(20, N)):
        # Derivatives of gradient x + l1 |x| to the right and to the left, where there is room. The
        # function is linear from x to both sides for a little way.
        step = 1e-6
        right, left = (
            (s * gradient * step + l1 * (np.abs(x + s * step) - np.abs(x))) / step for s in (1, -1)
        )
        right, left = np.where(x < upper, right, 0), np.where(x > lower, left, 0)
        expected = np.maximum(0, np.maximum(-right, -left))
        np.testing.assert_allclose(penalty.violation(gradient, x), expected, rtol=0, atol=1e-9)


@every_bound
def test_violation_is_zero_at_the_minimum_alone(bounds):
    lower, upper = (float(np.ravel(b)[0]) for b in BOUNDS[bounds])
    penalty = Penalty(0.7, 0.0, lower, upper)
    for linear in (-2.0, -0.5, 0.0, 0.3, 3.0):

        def value(x, linear=linear):
            return x**2 / 2 + linear * x + 0.7 * np.abs(x)

        ends = max(lower, -10.0), min(upper, 10.0)
        x = ends[0]
        if ends[0] < ends[1]:
            x = minimize_scalar(value, bounds=ends, options={"xatol": 1e-12}).x
        exact = penalty.prox(np.array(-linear), 1.0)
        assert exact == pytest.approx(x, abs=1e-5)
        assert penalty.violation(exact + linear, exact) == pytest.approx(0, abs=1e-15)
        for other in (exact - 0.1, exact + 0.1):
            if lower <= other <= upper:
                assert penalty.violation(other + linear, other) > 0.09


def test_free_entries_may_move_both_ways_without_a_kink():
    x = np.array([0.0, 0.0, 1.0, 2.0, 1.5, -1.0])
    l1 = np.array([0.1, 0.0, 0.1, 0.1, 0.0, 0.0])
    upper = np.array([np.inf, np.inf, np.inf, 2.0, 1.5, 0.0])
    lower = np.array([-np.inf, -np.inf, -np.inf, 0.0, 0.0, -1.0])
    np.testing.assert_array_equal(Penalty(l1).is_free(x), [False, True, True, True, True, True])
    np.testing.assert_array_equal(
        Penalty(l1, 0.0, lower, upper).is_free(x), [False, True, True, False, False, False]
    )


@pytest.mark.parametrize("per_feature", [False, True])
def test_columns_are_the_penalty_of_some_features(per_feature):
    factor = np.array([[0.0], [1.0], [2.0], [0.5]]) if per_feature else 1.0
    lower, upper = np.arange(8.0).reshape(4, 2) - 10, np.arange(8.0).reshape(4, 2)
    features = np.array([1, 3])
    penalty = Penalty(0.2 * factor, 0.3 * factor, lower, upper)
    some = penalty.columns(features)
    expected = [[1.0], [0.5]] if per_feature else 1.0
    np.testing.assert_array_equal(some.l1, 0.2 * np.array(expected))
    np.testing.assert_array_equal(some.l2, 0.3 * np.array(expected))
    np.testing.assert_array_equal(some.lower, lower[features])
    np.testing.assert_array_equal(some.upper, upper[features])
    # Numbers stay numbers.
    plain = Penalty(0.2, 0.3).columns(features)
    assert (plain.l1, plain.l2, plain.lower, plain.upper) == (0.2, 0.3, -np.inf, np.inf)


@pytest.mark.parametrize(
    ("penalty", "facts"),
    [
        (Penalty(), {"is_smooth", "is_none"}),
        (Penalty(l2=1.0), {"is_smooth", "has_l2_everywhere", "grows_everywhere"}),
        (Penalty(l2=np.array([1.0, 0.0])), {"is_smooth"}),
        (Penalty(l1=1.0), {"has_l1", "grows_everywhere"}),
        (Penalty(l1=np.array([1.0, 0.0])), {"has_l1"}),
        (
            Penalty(np.array([1.0, 0.0]), np.array([0.0, 1.0])),
            {"has_l1", "grows_everywhere"},
        ),
        (Penalty(lower=0.0), {"is_bounded"}),
        (Penalty(lower=0.1), {"is_bounded"}),
        (Penalty(upper=0.1), {"is_bounded"}),
        (Penalty(upper=-0.1), {"is_bounded"}),
        (Penalty(l1=1), {"has_l1", "grows_everywhere"}),
        (Penalty(upper=np.array([np.inf, -0.1])), {"is_bounded"}),
        (Penalty(lower=np.full(2, -np.inf)), {"is_smooth", "is_none"}),
    ],
)
def test_facts(penalty, facts):
    names = {
        "is_smooth", "is_none", "has_l1", "has_l2_everywhere", "grows_everywhere", "is_bounded",
    }  # fmt: skip
    assert {name for name in names if getattr(penalty, name)} == facts


def test_unlimited_part_is_the_way_to_infinity_that_costs_nothing():
    coef = np.array([[1.0], [-1.0], [1.0], [-1.0], [1.0], [0.0]])
    lower = np.array([[0.0], [0.0], [-np.inf], [-np.inf], [-np.inf], [0.0]])
    upper = np.array([[np.inf], [np.inf], [2.0], [2.0], [np.inf], [1.0]])
    l2 = np.array([[0.0], [0.0], [0.0], [0.0], [0.1], [0.0]])
    part = Penalty(0.0, l2, lower, upper).unlimited_part(coef)
    np.testing.assert_array_equal(part, [[1.0], [0.0], [0.0], [-1.0], [0.0], [0.0]])
    np.testing.assert_array_equal(Penalty().unlimited_part(coef), coef)
    np.testing.assert_array_equal(Penalty(l1=0.1).unlimited_part(coef), np.zeros((6, 1)))


def test_a_scaled_penalty_is_stronger_within_the_same_bounds():
    penalty = Penalty(0.5, np.linspace(0, 1, N), -INFINITE, np.ones(N))
    scaled = penalty.scaled(8)
    assert scaled.l1 == 4
    np.testing.assert_array_equal(scaled.l2, 8 * np.linspace(0, 1, N))
    np.testing.assert_array_equal(scaled.project(X), penalty.project(X))
