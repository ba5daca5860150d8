"""Solutions that are easily mistaken for one: the promised gap, or a warning.

Each problem is one that a campaign of random fits found, made small. The reference of that campaign
asks from each solution whether a descent gains more than the promised 1e-6 of the objective.
"""

import numpy as np
import pytest
from fuzz.problems import LAYOUTS, Problem, random_problem
from fuzz.verdicts import outcome_of
from sklearn.metrics import log_loss

from sklogloss import LogLossClassifier
from sklogloss.solvers.doubt import gain_of_step

inf = np.inf


def kind_of(X, y, layout="C", **parameters):
    """Return what becomes of a fit: "solved", "warned", "silent miss" or another kind."""
    return outcome_of(Problem(np.array(X), np.array(y), layout, parameters=parameters)).kind


@pytest.mark.parametrize("solver", ["auto", "newton-cholesky", "newton-cg", "lbfgs"])
@pytest.mark.parametrize("C", [1e6, 131912706070.06754, 1e15])
def test_next_to_no_loss(solver, C):
    X = [[-1e6], [-1e7], [-7e6]]
    assert kind_of(X, [0, 2, 1], C=C, solver=solver, max_iter=1000) in ("solved", "warned")


@pytest.mark.parametrize("C", [1e4, 67356667549.9239])
def test_next_to_no_loss_under_an_l1_penalty(C):
    X = [[-119832.0390625, -76834.609375], [-239664.078125, 38417.3046875]]
    assert kind_of(X, [0, 1], C=C, l1_ratio=0.2513861448985758) == "solved"


@pytest.mark.parametrize("solver", ["auto", "newton-cg", "lbfgs"])
def test_a_feature_without_penalty_beside_one_that_is_a_million_times_as_large(solver):
    X = [[20.0, 7e7], [100.0, 6e6], [10.0, -5e6]]
    factor = np.array([0, 1.56550152])
    assert kind_of(X, [0, 1, 1], penalty_factor=factor, solver=solver) in ("solved", "warned")


@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
def test_columns_that_are_nearly_equal(solver):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(14, 4))
    X = 1e-7 * np.hstack([X, X[:, :1], X[:, 1:2] + 1e-6 * rng.normal(size=(14, 1))])
    y = [1, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0, 1, 1]
    assert kind_of(X, y, C=inf, solver=solver) in ("solved", "warned")


@pytest.mark.parametrize("solver", ["auto", "newton-cholesky", "newton-cg", "lbfgs"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("layout", ["C", "csr"])
def test_a_difference_of_columns_counts_as_a_column_of_its_own(solver, n_classes, layout):
    # Relative to the columns the difference is 1e-9: its square, in the Hessian, has no digits.
    rng = np.random.default_rng(1)
    first, difference = rng.normal(size=(2, 60))
    y = np.argmax(rng.gumbel(size=(60, n_classes)) + np.outer(difference, range(n_classes)), axis=1)
    close = np.column_stack([1e3 * first, 1e3 * first + 1e-6 * difference])
    parameters = {"C": inf, "solver": solver, "max_iter": 1000}
    assert kind_of(close, y, layout, **parameters) == "solved"
    clf = LogLossClassifier(**parameters).fit(LAYOUTS[layout](close), y)
    apart = LogLossClassifier(**parameters).fit(np.column_stack([first, difference]), y)
    loss = log_loss(y, clf.predict_proba(close))
    # The promised gap of each.
    best = log_loss(y, apart.predict_proba(np.column_stack([first, difference])))
    assert loss == pytest.approx(best, rel=2e-6)


def test_an_end_at_max_iter_is_no_solution_if_a_step_would_gain():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(34, 30)) * 10.0 ** rng.uniform(-4, 0, size=30)
    y = np.arange(34) % 5
    for max_iter in (20, 40, 80):
        kind = kind_of(X, y, C=inf, label_smoothing=0.3, solver="lbfgs", max_iter=max_iter)
        assert kind in ("solved", "warned")
    assert kind_of(X, y, C=inf, label_smoothing=0.3, solver="lbfgs", max_iter=20) == "warned"


def test_steps_that_go_on_and_on_are_no_solution_at_max_iter():
    # Two columns are equal but for 1e-9 of the largest entry.
    assert outcome_of(random_problem(100035232)).kind == "warned"


def test_a_value_in_float32_that_is_below_the_optimum():
    # Two columns are equal; in float32 the objective seems lower beside the optimum than there.
    assert outcome_of(random_problem(100098869)).kind == "solved"


def test_float32_far_from_zero_that_rounds_the_loss_to_zero():
    X = [[227640.25, 303527, 75880.75, 227640.25, 75879.75, 151762.5]]
    X += [[227645.25, 303521, 75881.75, 227641.25, 75879.75, 151763.5]]
    X += [[227642.25, 303523, 75880.75, 227645.25, 75880.75, 151761.5]]
    assert kind_of(np.float32(X), [1, 1, 0], C=inf, solver="newton-cholesky") == "warned"


def test_float32_that_rounds_coefficients_of_no_loss():
    assert outcome_of(random_problem(9008511)).kind == "warned"


def test_a_slope_where_curvature_has_vanished():
    # The first step leads where the only row that counts has a probability of 1 and the others, of
    # next to no weight, keep a slope but no curvature.
    X = np.array([[0.11, -0.56], [0.68, 0.57], [1.06, 0.13]])
    problem = Problem(
        X,
        np.array([0, 1, 1]),
        parameters={"C": 0.03},
        sample_weight=np.array([202, 1.2e-4, 2.6e-4]),
        offset=np.array([12, 5.2, -15.6]),
    )
    assert outcome_of(problem).kind in ("solved", "warned")


def test_a_slope_that_smoothing_of_labels_leaves_where_curvature_has_vanished():
    # One row has the first column to itself, and a step leads to where its probability is 1.
    X = np.array([[0, 0, 2e-6], [0, 0.06, 2e-6], [0, 0, 0], [0, 0.06, 2e-6], [3e4, 0, 2e-6]])
    X = np.column_stack([X, 150 * X[:, 2]])
    problem = Problem(
        X,
        np.array([2, 0, 1, 2, 0]),
        parameters={"C": inf, "fit_intercept": False, "label_smoothing": 1e-6},
        sample_weight=np.array([14292.3, 6186.2, 253103.5, 0.11, 1341.6]),
    )
    assert outcome_of(problem).kind in ("solved", "warned")
    for seed in (30002606, 30047396, 30062750):
        assert outcome_of(random_problem(seed)).kind in ("solved", "warned")


def test_equal_changes_of_all_classes_under_an_l1_penalty():
    # The Hessian has no curvature along them, and coefficients of nearly equal columns are large.
    assert outcome_of(random_problem(30019631)).kind == "solved"


def test_a_slope_along_the_intercept_where_curvature_has_vanished():
    # An offset makes the first step far too long.
    problem = Problem(
        np.array([[236.0, 460.0], [237.0, 459.0]]),
        np.array([1, 0]),
        "csr",
        parameters={"C": 26.7, "solver": "newton-cholesky"},
        sample_weight=np.array([8e-4, 222396.0]),
        offset=np.array([-10, 16.3]),
    )
    assert outcome_of(problem).kind in ("solved", "warned")
    for seed in (30089094, 40006734):
        assert outcome_of(random_problem(seed)).kind in ("solved", "warned")


def test_columns_that_are_nearly_equal_under_an_l1_penalty():
    X = [
        [-6321930.510750827, -3947776.496158006, -6321927.291025224],
        [-2610070.6635977146, 325620.46248943027, -2610073.177889486],
        [-7776972.350222601, 2497918.363835429, -7776975.30979712],
        [-4428813.561285264, 7126178.6090783635, -4428819.842085664],
    ]
    assert kind_of(X, [1, 0, 0, 1], C=455.71687085876556, l1_ratio=0.6253440256148511) == "solved"


@pytest.mark.parametrize("layout", ["C", "csr", "csc"])
def test_columns_far_from_zero(layout):
    # Sums over a sparse X are centred afterwards, which costs the digits that matter here.
    X = 1025581 + np.array([[0.207, 0.593, 0.983, -1.059, 0.648, -1.803]]).T
    assert kind_of(X, [0, 1, 1, 2, 2, 0], layout, C=inf) == "solved"


@pytest.mark.parametrize("smoothing", [1e-7, 1e-6, 1e-5])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_little_smoothing_of_labels_beside_float32(smoothing, n_classes):
    X = np.array([[0.7], [1.0], [1.3], [0.9]], dtype=np.float32)
    y = np.arange(4) % n_classes
    X[y == 1] += 1
    assert kind_of(X, y, C=4e11, label_smoothing=smoothing) == "solved"


def test_a_long_last_step_is_looked_at():
    # Two large rows are told apart and have no curvature left: a step along them promises next to
    # nothing, and is long enough to bring them back.
    X = np.zeros((12, 2), dtype=np.float32)
    X[1, 0], X[5] = 7.2e7, (-1e8, -5e-5)
    y = np.array([3, 3, 2, 3, 2, 2, 1, 0, 1, 0, 1, 0])
    # How many iterations L-BFGS takes depends on the rounding errors of the machine.
    for solver, max_iter in (("newton-cg", 100), ("newton-cholesky", 100), ("lbfgs", 1000)):
        for layout in ("C", "csc"):
            kind = kind_of(X, y, layout, C=0.004, solver=solver, max_iter=max_iter)
            assert kind == "solved"


def test_the_gain_of_a_step_is_that_of_coefficients_that_may_move():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 3)), np.arange(30) % 2
    for parameters in ({"C": 1.0}, {"C": 0.2, "l1_ratio": 1}, {"bounds": (0, None)}):
        clf = LogLossClassifier(tol=1e-8, **parameters)
        problem = clf._validate_problem(X, y, None)
        penalty = problem.penalty(parameters.get("C", 1.0), parameters.get("l1_ratio", 0))
        objective, _ = problem.objective(clf, penalty)
        clf.fit(X, y)
        theta = objective.theta(clf.coef_.T, clf.intercept_)
        # Newton's method leaves the square of a small gap.
        assert gain_of_step(objective, objective.value_gradient_hessian(theta)) <= 1e-12
        gain = gain_of_step(objective, objective.value_gradient_hessian(objective.start()))
        # From zero a coefficient moves where it has no L1 penalty, and the intercept always.
        best = objective.value_gradient(theta).value
        most = objective.value_gradient(objective.start()).value - best
        assert 0 <= gain <= 2 * most


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", [9, 16, 19, 30, 33])
def test_rounding_errors_along_columns_that_depend_on_each_other_are_no_slope(seed):
    # A column for each of three levels beside the intercept.
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 3, 50)
    X = np.column_stack([rng.normal(size=50), np.eye(3)[level]])
    y = X[:, 0] + rng.logistic(size=50) > 0
    clf = LogLossClassifier(C=np.inf).fit(X, y)
    assert np.abs(clf.predict_proba(X)[:, 1] - y).mean() < 0.5


@pytest.mark.parametrize("seed", [60025002, 60069950])
def test_soft_targets_that_float32_rounds(seed):
    # Next to one, they are all that keeps coefficients finite.
    assert outcome_of(random_problem(seed)).kind == "solved"


def test_bounds_that_float32_rounds():
    # A bound counts with its multiplier: to be a rounding error away from it costs as much of it.
    assert outcome_of(random_problem(40044553)).kind == "solved"


def test_small_steady_gains_are_no_rounding_errors():
    # Nearly equal columns and bounds, which all classes together leave behind in small steps.
    assert outcome_of(random_problem(60085370)).kind in ("solved", "warned")
    # In float32, more digits come before more steps.
    assert outcome_of(random_problem(80055700)).kind in ("solved", "warned")


@pytest.mark.parametrize("seed", [40, 42, 72, 102])
def test_a_class_of_next_to_no_weight(seed):
    # The optimum is at a loss of 4e-14 nats, and so is the promised gap of it.
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 2))
    y = (X[:, 0] + rng.logistic(size=60) > 0).astype(int)
    for weight in (1e-13, 1e-15, 1e-17):
        problem = Problem(
            X,
            y,
            parameters={"C": inf, "solver": "newton-cholesky"},
            sample_weight=np.where(y == 0, weight, 1.0),
        )
        assert outcome_of(problem).kind == "solved"


def test_lbfgs_where_the_gradient_has_all_but_vanished():
    # Coordinates in units of it leave the range of float64.
    assert outcome_of(random_problem(90000147)).kind in ("solved", "warned")


@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
def test_an_offset_that_makes_the_loss_small(solver):
    assert outcome_of(random_problem(80018925)).kind in ("solved", "warned")
    # Without an intercept the second row keeps the coefficient from growing for ever.
    problem = Problem(
        np.array([[1.0], [1.0]]),
        np.array([1, 0]),
        parameters={"C": inf, "solver": solver, "fit_intercept": False, "tol": 1e-6},
        offset=np.array([20.0, -16.0]),
    )
    assert outcome_of(problem).kind in ("solved", "warned")


def test_a_residual_whose_size_underflows_ends_conjugate_gradients():
    assert outcome_of(random_problem(80064727)).kind in ("solved", "warned", "refused")


def test_separated_samples_whose_curvature_all_but_vanishes():
    # At the optimum no probability is further than 2^-110 from 0 and 1.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2000, 20), dtype=np.float32)
    y = np.argmax(X @ rng.standard_normal((20, 3)), axis=1)
    X[np.arange(2000), y] += 8
    problem = Problem(X, y, parameters={"C": 1e33})
    assert outcome_of(problem).kind == "solved"
