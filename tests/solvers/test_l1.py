"""L1 and elastic net: every way to solve them ends at the optimum."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sklogloss import LogLossClassifier
from sklogloss.linear.design import make_design
from sklogloss.linear.objective import LinearObjective
from sklogloss.losses import LogLoss
from sklogloss.penalties import distance_to_subdifferential, soft_threshold
from sklogloss.solvers.coordinate_descent import ProximalNewtonSolver, minimise_model
from sklogloss.solvers.face import descend_on_face
from sklogloss.solvers.proximal_newton_cg import ProximalNewtonCGSolver
from sklogloss.solvers.working_set import WorkingSetSolver

pytestmark = pytest.mark.filterwarnings("error")

SOLVERS = [ProximalNewtonSolver, ProximalNewtonCGSolver, WorkingSetSolver]


def simulate(n_samples=300, n_features=20, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)) + 0.5 * rng.normal(size=(n_samples, 1))
    coef = np.where(np.arange(n_features) % 4 == 0, 1.0, 0.0)
    raw_prediction = X @ coef / np.sqrt(n_features) + rng.logistic(size=n_samples)
    return X, np.digitize(raw_prediction, np.linspace(-1, 1, n_classes + 1)[1:-1])


def standardised(loader):
    X, y = loader(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def sparse_data(n_classes):
    X, y = simulate(100, 600, n_classes)
    return sparse.csr_array(np.maximum(X - 1, 0)), y


DATA = {
    "breast cancer": lambda: standardised(load_breast_cancer),
    "iris": lambda: load_iris(return_X_y=True),
    "digits": lambda: (load_digits().data[:500] / 16, load_digits().target[:500]),
    "2 classes": simulate,
    "3 classes": lambda: simulate(n_classes=3),
    "p > n": lambda: simulate(n_samples=80, n_features=700),
    "p > n, 3 classes": lambda: simulate(n_samples=80, n_features=700, n_classes=3),
    "duplicated columns": lambda: (np.tile(simulate()[0], 2), simulate()[1]),
    "duplicated columns, 3 classes": lambda: (
        np.tile(simulate()[0], 2),
        simulate(n_classes=3)[1],
    ),
    "sparse, p > n": lambda: sparse_data(n_classes=2),
    "sparse, p > n, 3 classes": lambda: sparse_data(n_classes=3),
}


def mean_objective(X, y, coef, intercept, strength, l1_ratio):
    """Return the mean objective, by NumPy."""
    raw_prediction = X @ coef.T + intercept
    if raw_prediction.shape[1] == 1:
        raw_prediction = np.column_stack([np.zeros(len(y)), raw_prediction])
    loss = logsumexp(raw_prediction, axis=1) - raw_prediction[np.arange(len(y)), y]
    penalty = (1 - l1_ratio) / 2 * np.sum(coef**2) + l1_ratio * np.abs(coef).sum()
    return loss.mean() + strength * penalty


def largest_violation(X, y, coef, intercept, strength, l1_ratio):
    """Return the largest entry of the subgradient closest to zero, by NumPy."""
    raw_prediction = X @ coef.T + intercept
    is_binary = raw_prediction.shape[1] == 1
    if is_binary:
        raw_prediction = np.column_stack([np.zeros(len(y)), raw_prediction])
    proba = np.exp(raw_prediction - logsumexp(raw_prediction, axis=1, keepdims=True))
    proba[np.arange(len(y)), y] -= 1
    if is_binary:
        proba = proba[:, 1:]
    gradient = (X.T @ proba / len(y)).T + strength * (1 - l1_ratio) * coef
    l1 = strength * l1_ratio
    at_zero = np.maximum(np.abs(gradient) - l1, 0)
    violation = np.where(coef == 0, at_zero, np.abs(gradient + l1 * np.sign(coef)))
    return max(violation.max(), np.abs(proba.mean(axis=0)).max())


def make_objective(X, y, strength, l1_ratio, n_threads=1):
    n_classes = y.max() + 1
    return LinearObjective(
        make_design(X),
        LogLoss(n_classes).kernel(),
        np.asfortranarray(y[:, None], dtype=np.float64),
        None,
        l2=(1 - l1_ratio) * strength,
        l1=l1_ratio * strength,
        fit_intercept=True,
        n_threads=n_threads,
    )


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("strength", [0.05, 0.002])
@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("solver", SOLVERS)
def test_conditions_of_the_optimum_hold(solver, name, strength, l1_ratio):
    X, y = DATA[name]()
    objective = make_objective(X, y, strength, l1_ratio)
    result = solver(objective, tol=1e-6, max_iter=500).solve(np.zeros(objective.n_parameters))
    coef, intercept = objective.coef_intercept(result.theta)
    assert result.converged, result.reason
    # The objective is convex: where the conditions hold is the optimum. NumPy's sums round by some
    # n eps of their terms, below 1e-12.
    assert largest_violation(X, y, coef.T, intercept, strength, l1_ratio) < 1e-6
    value = mean_objective(X, y, coef.T, intercept, strength, l1_ratio)
    assert result.value == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("name", ["breast cancer", "3 classes", "p > n", "sparse, p > n"])
def test_objective_is_that_of_an_independent_solver(name):
    # Differences of two vectors that are not negative, by SciPy's L-BFGS-B within bounds.
    X, y = DATA[name]()
    strength, l1_ratio = 0.02, 0.7
    clf = LogLossClassifier(C=1 / strength / len(y), l1_ratio=l1_ratio, tol=1e-8).fit(X, y)
    n_rows, n_features = clf.coef_.shape
    label = np.eye(n_rows)[y] if n_rows > 1 else y[:, None]

    def value_gradient(x):
        parts = x[: 2 * n_rows * n_features].reshape(2, n_rows, n_features)
        coef, intercept = parts[0] - parts[1], x[-n_rows:]
        raw_prediction = X @ coef.T + intercept
        proba = raw_prediction - logsumexp(raw_prediction, axis=1, keepdims=True)
        proba = np.exp(proba) if n_rows > 1 else 1 / (1 + np.exp(-raw_prediction))
        value = mean_objective(X, y, coef, intercept, strength, 0)
        value += -strength / 2 * np.sum(coef**2) * l1_ratio + strength * l1_ratio * parts.sum()
        error = (proba - label) / len(y)
        smooth = (X.T @ error).T + strength * (1 - l1_ratio) * coef
        l1 = strength * l1_ratio
        return value, np.concatenate(
            [(smooth + l1).ravel(), (l1 - smooth).ravel(), error.sum(axis=0)]
        )

    bounds = [(0, None)] * (2 * n_rows * n_features) + [(None, None)] * n_rows
    start = np.zeros(len(bounds))
    options = {"maxiter": 100_000, "maxfun": 200_000, "ftol": 0, "gtol": 1e-7}
    oracle = minimize(
        value_gradient, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    value = mean_objective(X, y, clf.coef_, clf.intercept_, strength, l1_ratio)
    # Not worse; and the oracle, stopped at a gradient of 1e-7, is not much worse either.
    assert value <= oracle.fun * (1 + 1e-13)
    assert value == pytest.approx(oracle.fun, rel=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_coefficients_are_those_of_saga(n_classes):
    X, y = simulate(n_classes=n_classes)
    options = {"C": 0.2, "penalty": "elasticnet", "l1_ratio": 0.6, "random_state": 0}
    with warnings.catch_warnings():
        # It does not converge to rounding level; and newer versions deprecate penalty, which older
        # ones need.
        warnings.simplefilter("ignore")
        saga = LogisticRegression(solver="saga", tol=1e-14, max_iter=5000, **options).fit(X, y)
    clf = LogLossClassifier(C=0.2, l1_ratio=0.6, tol=1e-10).fit(X, y)
    # saga stops at rounding level here.
    np.testing.assert_allclose(clf.coef_, saga.coef_, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(clf.coef_ == 0, saga.coef_ == 0)
    np.testing.assert_allclose(clf.predict_proba(X), saga.predict_proba(X), rtol=0, atol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_all_coefficients_are_zero_where_the_penalty_is_strong(solver, n_classes):
    X, y = simulate(n_classes=n_classes)
    share = np.bincount(y) / len(y)
    label = np.eye(n_classes)[y] - share
    strongest = np.abs(X.T @ label).max() / len(y)
    for factor, is_zero in [(1.001, True), (0.999, False)]:
        objective = make_objective(X, y, factor * strongest, 1.0)
        result = solver(objective, tol=1e-9, max_iter=100).solve(np.zeros(objective.n_parameters))
        coef, _ = objective.coef_intercept(result.theta)
        assert result.converged
        assert (not coef.any()) == is_zero


@pytest.mark.parametrize("name", ["2 classes", "3 classes", "p > n", "sparse, p > n"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_at_the_optimum_stays_there(solver, name):
    objective = make_objective(*DATA[name](), 0.01, 0.9)
    first = solver(objective, tol=1e-8, max_iter=200).solve(np.zeros(objective.n_parameters))
    again = solver(objective, tol=1e-8, max_iter=200).solve(first.theta)
    assert again.n_iter <= 2
    assert again.value == pytest.approx(first.value, rel=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_model_minimum_with_singular_matrices(seed):
    rng = np.random.default_rng(seed)
    n, rank = 30, 20
    half = rng.normal(size=(rank, n))
    half[:, 5] = half[:, 6]
    matrix = half.T @ half
    gradient = half.T @ rng.normal(size=rank) * 3
    start = rng.normal(size=n) * (rng.random(n) < 0.5)
    l1 = np.where(np.arange(n) < 2, 0.0, rng.uniform(0.5, 2, size=n))
    u = minimise_model(matrix, gradient, start, l1)
    violation = distance_to_subdifferential(gradient + matrix @ (u - start), u, l1)
    # A model is solved to 1e-6 of what there is to gain, the square of the violation.
    assert violation.max() <= 1e-2 * np.abs(gradient).max()


def test_soft_threshold_is_the_prox():
    x = np.linspace(-3, 3, 25)
    grid = np.linspace(-4, 4, 8001)
    best = grid[np.argmin((grid - x[:, None]) ** 2 / 2 + 0.7 * np.abs(grid), axis=1)]
    np.testing.assert_allclose(soft_threshold(x, 0.7), best, rtol=0, atol=1e-3)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_duality_gap_bounds_the_suboptimality(n_classes):
    X, y = simulate(n_classes=n_classes)
    for l1_ratio in (0.5, 1.0):
        objective = make_objective(X, y, 0.02, l1_ratio)
        zero = np.zeros(objective.n_parameters)
        best = ProximalNewtonSolver(objective, tol=1e-10, max_iter=100).solve(zero)
        for n_iter in range(1, best.n_iter):
            early = ProximalNewtonSolver(objective, tol=1e-10, max_iter=n_iter).solve(zero)
            point = objective.value_gradient(early.theta)
            gap = objective.largest_suboptimality(point)
            assert point.value - best.value <= gap + 1e-14
        assert gap < 1e-4


@pytest.mark.parametrize("n_classes", [2, 3])
def test_intercept_alone_is_found_at_a_loose_tol(n_classes):
    # No feature has a say under so strong a penalty; what is left is the entropy of the classes.
    X, _ = simulate(n_samples=80, n_features=700)
    y = np.arange(80) % 10 % 7 % n_classes
    share = np.bincount(y) / len(y)
    objective = make_objective(X, y, strength=100.0, l1_ratio=1.0)
    result = WorkingSetSolver(objective, tol=10.0, max_iter=100).solve(
        np.zeros(objective.n_parameters)
    )
    coef, intercept = objective.coef_intercept(result.theta)
    assert not coef.any()
    value = mean_objective(X, y, coef.T, intercept, 100.0, 1.0)
    # tol=10 asks for the optimum within a millionth.
    assert value == pytest.approx(-share @ np.log(share), rel=1e-6)


@pytest.mark.parametrize("name", ["p > n", "sparse, p > n, 3 classes"])
def test_on_a_face_signs_stay_and_the_optimum_is_found(name):
    X, y = DATA[name]()
    objective = make_objective(X, y, strength=0.02, l1_ratio=1.0)
    result = WorkingSetSolver(objective, tol=1e-6, max_iter=500).solve(
        np.zeros(objective.n_parameters)
    )
    # The optimum lies on the face that a start with its signs is on.
    start = result.theta * np.random.default_rng(0).uniform(0.5, 1.5, len(result.theta))
    theta, value = descend_on_face(objective, start, max_iter=500, enough=1e-14)
    assert np.all(theta * start >= 0)
    assert not theta[(start == 0) & (objective.l1_in_theta > 0)].any()
    assert value == pytest.approx(objective.value_gradient(theta).value, rel=1e-12)
    assert value == pytest.approx(result.value, rel=1e-9)
