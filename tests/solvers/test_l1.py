"""L1 and elastic net: every way to solve them ends at the optimum."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sklogloss import LogLossClassifier
from sklogloss.linear.objective import Objective, balanced_objective
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty
from sklogloss.solvers import coordinate_descent
from sklogloss.solvers.newton import ExactHessian, Newton
from sklogloss.solvers.proximal_products import ProximalProducts
from sklogloss.solvers.stopping import Goal
from sklogloss.solvers.working_set import WorkingSets

pytestmark = pytest.mark.filterwarnings("error")

SOLVERS = {
    "exact": lambda objective, goal: Newton(objective, ExactHessian(objective), goal),
    "products": lambda objective, goal: Newton(objective, ProximalProducts(objective), goal),
    "working sets": WorkingSets,
}


def solve(solver, objective, theta=None, *, tol, max_iter):
    start = objective.start() if theta is None else theta
    return SOLVERS[solver](objective, Goal.of(tol, max_iter)).solve(start)


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
    X, y = simulate(100, 250, n_classes)
    return sparse.csr_array(np.maximum(X - 1, 0)), y


DATA = {
    "breast cancer": lambda: standardised(load_breast_cancer),
    "iris": lambda: load_iris(return_X_y=True),
    "digits": lambda: (load_digits().data[:500] / 16, load_digits().target[:500]),
    "2 classes": simulate,
    "3 classes": lambda: simulate(n_classes=3),
    "p > n": lambda: simulate(n_samples=80, n_features=250),
    "p > n, 3 classes": lambda: simulate(n_samples=80, n_features=250, n_classes=3),
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


def make_objective(X, y, strength, l1_ratio):
    target = np.asfortranarray(y[:, None], dtype=np.float64)
    penalty = Penalty(l1_ratio * strength, (1 - l1_ratio) * strength)
    kernel = LogLoss(y.max() + 1).kernel()
    return balanced_objective(Samples(make_design(X), target), kernel, penalty, fit_intercept=True)


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("strength", [0.05, 0.002])
@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("solver", SOLVERS)
def test_conditions_of_the_optimum_hold(solver, name, strength, l1_ratio):
    X, y = DATA[name]()
    objective = make_objective(X, y, strength, l1_ratio)
    result = solve(solver, objective, tol=1e-6, max_iter=500)
    coef, intercept = objective.coef_intercept(result.theta)
    assert result.converged, result.verdict.reason(500)
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
        result = solve(solver, objective, tol=1e-9, max_iter=100)
        coef, _ = objective.coef_intercept(result.theta)
        assert result.converged
        assert (not coef.any()) == is_zero


@pytest.mark.parametrize("name", ["2 classes", "3 classes", "p > n", "sparse, p > n"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_at_the_optimum_stays_there(solver, name):
    objective = make_objective(*DATA[name](), 0.01, 0.9)
    first = solve(solver, objective, tol=1e-8, max_iter=200)
    again = solve(solver, objective, first.theta, tol=1e-8, max_iter=200)
    assert again.n_iter <= 2
    assert again.value == pytest.approx(first.value, rel=1e-14)


@pytest.mark.parametrize(("C", "label_smoothing"), [(1e4, 0), (1e6, 0), (1e4, 0.9), (1e6, 0.9)])
def test_a_weak_penalty_on_few_rows_takes_few_products(monkeypatch, C, label_smoothing):
    # 12,500 products with the Hessian from zero (C=1e4 without smoothing), which took 11 seconds.
    products = []
    product = Objective.hessian_product

    def counted(objective, *arguments):
        products.append(objective.n_parameters)
        return product(objective, *arguments)

    monkeypatch.setattr(Objective, "hessian_product", counted)
    X, y = np.random.default_rng(0).standard_normal((7, 5000)), np.arange(7)
    LogLossClassifier(C=C, l1_ratio=1, label_smoothing=label_smoothing).fit(X, y)
    assert len(products) < 5000
    # Most of them, if any, are of the few features of a working set.
    assert np.median([*products, 0]) < X.size / 2


def test_a_weak_penalty_on_unequal_weights_takes_few_equations(monkeypatch):
    # From zero nearly all of the 303 coefficients were taken in, and then let go one by one: more
    # than 9,000 systems of equations, for minutes.
    equations = []
    move_free = coordinate_descent.move_free

    def counted(*arguments):
        equations.append(1)
        return move_free(*arguments)

    monkeypatch.setattr(coordinate_descent, "move_free", counted)
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((65, 100)), rng.integers(3, size=65)
    y[:3] = range(3)
    weight = 10 ** rng.uniform(-6, 0, size=65)
    clf = LogLossClassifier(C=1e6, l1_ratio=1).fit(X, y, sample_weight=weight)
    assert len(equations) < 1000
    # An optimum has no more nonzero coefficients than the rows have curvature.
    assert np.count_nonzero(clf.coef_) <= 65 * 2


@pytest.mark.parametrize("max_iter", [1, 3, 10, 300])
def test_iterations_under_stronger_penalties_count(max_iter, capsys):
    X, y = np.random.default_rng(0).standard_normal((60, 100)), np.arange(60) % 3
    clf = LogLossClassifier(C=1e4, l1_ratio=1, max_iter=max_iter, verbose=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf.fit(X, y)
    assert clf.n_iter_[0] <= max_iter
    lines = capsys.readouterr().out.splitlines()
    # A line for each iteration, and one for the plan. Each run also looks at its last point.
    runs = sum("iteration 0:" in line for line in lines)
    assert clf.n_iter_[0] <= len(lines) - 1 <= clf.n_iter_[0] + runs


@pytest.mark.parametrize(("C", "n_stages"), [(1e4, 5), (1e30, 16)])
def test_few_stronger_penalties_come_first_and_have_names(C, n_stages, capsys):
    X, y = np.random.default_rng(0).standard_normal((60, 100)), np.arange(60) % 3
    clf = LogLossClassifier(C=C, l1_ratio=1, max_iter=1000, verbose=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf.fit(X, y)
    names = [line.split(": ")[0] for line in capsys.readouterr().out.splitlines()]
    found = [name for name in dict.fromkeys(names) if name.startswith("stronger")]
    assert found == [f"stronger penalty {i + 1} of {n_stages}" for i in range(n_stages)]


@pytest.mark.parametrize("n_classes", [3, 4, 10])
def test_zeros_are_exact(n_classes):
    # Adding a number to a feature's coefficients of all classes changes no probability. For an even
    # number of classes many of these numbers cost the same, and one makes a coefficient zero.
    rng = np.random.default_rng(2)
    X, truth = rng.normal(size=(300, 20)), rng.normal(size=(5, n_classes))
    y = np.argmax(X[:, :5] @ truth + rng.gumbel(size=(300, n_classes)), axis=1)
    coef = LogLossClassifier(l1_ratio=1).fit(X, y).coef_
    assert np.all(np.any(coef == 0, axis=0))
    assert np.abs(coef[coef != 0]).min() > 1e-12
