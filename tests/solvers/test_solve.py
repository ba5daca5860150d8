"""Every solver reaches the optimum, or says why it did not."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sklogloss import (
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
    logloss_path,
)
from sklogloss.linear.objective import Objective
from sklogloss.solvers.costs import products_per_exact_step
from sklogloss.solvers.newton import ExactHessian, Newton
from sklogloss.solvers.plan import PRODUCTS_PER_STEP, Facts, Method, Plan, Start, make_plan
from sklogloss.solvers.solve import method_for, solve
from sklogloss.solvers.stopping import Goal, Verdict

pytestmark = pytest.mark.filterwarnings("error")

SOLVERS = ["newton-cholesky", "newton-cg", "lbfgs"]
EPS = np.finfo(np.float64).eps


def simulate(n_samples=300, n_features=5, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    raw_prediction = X @ np.linspace(-1, 1, n_features) + rng.logistic(size=n_samples)
    return X, np.digitize(raw_prediction, np.linspace(-1, 1, n_classes + 1)[1:-1])


def scaled(loader):
    X, y = loader(return_X_y=True)
    return StandardScaler().fit_transform(X), y


DATA = {
    "breast cancer": lambda: scaled(load_breast_cancer),
    "iris": lambda: load_iris(return_X_y=True),
    "wine": lambda: scaled(load_wine),
    "digits": lambda: (load_digits().data[:600] / 16, load_digits().target[:600]),
    "2 classes": simulate,
    "3 classes": lambda: simulate(n_classes=3),
    "p > n": lambda: simulate(n_samples=40, n_features=90),
    "p > n, 3 classes": lambda: simulate(n_samples=40, n_features=90, n_classes=3),
    "collinear": lambda: (np.tile(simulate()[0], 2), simulate()[1]),
    "collinear, 3 classes": lambda: (np.tile(simulate()[0], 2), simulate(n_classes=3)[1]),
    "sparse": lambda: (sparse.csr_array(simulate()[0] * (simulate()[0] > 0)), simulate()[1]),
}


@pytest.fixture(scope="module")
def reference():
    """Return a function that fits scikit-learn's classifier very tightly, once for each data."""
    fits = {}

    def fit(name, C):
        if (name, C) not in fits:
            clf = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=1000)
            with warnings.catch_warnings():
                # Rounding keeps its gradient above 1e-12 here and there.
                warnings.simplefilter("ignore")
                fits[name, C] = clf.fit(*DATA[name]())
        return fits[name, C]

    return fit


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("C", [0.1, 10.0])
def test_coefficients_are_those_of_scikit_learn(solver, name, C, reference, plain_objective):
    X, y = DATA[name]()
    expected = reference(name, C)
    objective = plain_objective(X, y, C)
    # The Hessian is at least the penalty's 1 / (C n), so that the reference is this close to the
    # optimum (for the coefficients: the gradient in the intercept is as small).
    assert objective.max_gradient(expected) * C * len(y) < 1e-7
    clf = LogLossClassifier(solver=solver, C=C, max_iter=1000).fit(X, y)
    assert objective.max_gradient(clf) <= 1e-4
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=1e-6)
    # scikit-learn does not centre the intercepts of several classes; they are free by a constant.
    difference = clf.intercept_ - expected.intercept_
    np.testing.assert_allclose(
        difference - (difference.mean() if len(difference) > 1 else 0), 0, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ["breast cancer", "iris", "digits", "p > n", "collinear"])
@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-8])
def test_objective_is_never_worse_than_that_of_lbfgs(solver, name, tol, plain_objective):
    X, y = DATA[name]()
    expected = LogisticRegression(tol=tol, max_iter=10_000).fit(X, y)
    clf = LogLossClassifier(solver=solver, tol=tol, max_iter=1000).fit(X, y)
    objective = plain_objective(X, y)
    assert objective.value(clf) <= objective.value(expected) * (1 + 1e-9)
    # The gradient has n roundings of numbers of the size of X.
    assert objective.max_gradient(clf) <= tol + len(y) * EPS * abs(X).max()


@pytest.mark.parametrize("solver", SOLVERS)
def test_unscaled_breast_cancer(solver, reference, plain_objective):
    # Its columns are of sizes 0.005 to 4254.
    X, y = load_breast_cancer(return_X_y=True)
    clf = LogLossClassifier(solver=solver, max_iter=1000).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = LogisticRegression(solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=1e-6)
    objective = plain_objective(X, y)
    assert objective.value(clf) <= objective.value(expected) * (1 + 1e-9)


def exact_fit(X, y, C):
    """Return (coef; intercept) of two classes: Newton's method with 60 digits."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        # In columns of a similar size, as different penalties.
        size = [mpmath.mpf(float(s)) for s in np.abs(X).max(axis=0)]
        X1 = mpmath.matrix(
            [[*(mpmath.mpf(float(v)) / s for v, s in zip(x, size, strict=True)), 1] for x in X]
        )
        l2 = [1 / (mpmath.mpf(C) * s**2) for s in size] + [mpmath.mpf(0)]
        theta = mpmath.zeros(X1.cols, 1)
        for _ in range(100):
            z = X1 * theta
            proba = [1 / (1 + mpmath.exp(-value)) for value in z]
            residual = mpmath.matrix([p - int(label) for p, label in zip(proba, y, strict=False)])
            penalty = mpmath.diag(l2)
            gradient = X1.T * residual + penalty * theta
            curved = X1.copy()
            for i, p in enumerate(proba):
                curved[i, :] *= p * (1 - p)
            step = mpmath.lu_solve(X1.T * curved + penalty, gradient)
            theta -= step
            if mpmath.norm(step) < 1e-25:
                break
        else:
            raise AssertionError("Newton's method did not converge")
        coef = [float(t / s) for t, s in zip(theta[:-1], size, strict=False)]
        return np.array([*coef, float(theta[len(theta) - 1])])


@pytest.mark.parametrize(
    ("scale", "offset"),
    [
        ([1e-8, 1, 1e8], 0),
        ([1e-8, 1, 1e8], 100),
        ([1, 1, 1], 1e4),
    ],
    ids=["sizes 1e-8 to 1e8", "the same, far from zero", "far from zero"],
)
@pytest.mark.parametrize("C", [1.0, np.inf])
def test_columns_of_very_different_size(scale, offset, C):
    X, y = simulate(n_samples=60, n_features=3)
    X = (X + offset) * scale
    expected = exact_fit(X, y, C)
    for solver in SOLVERS:
        clf = LogLossClassifier(solver=solver, C=C, max_iter=1000).fit(X, y)
        # coef_ times the spread of its column is what changes the predictions. Predictions are 1e-6
        # to the exact ones where these are.
        spread = np.std(X, axis=0)
        np.testing.assert_allclose(
            clf.coef_[0] * spread, expected[:-1] * spread, rtol=1e-6, atol=1e-6
        )
        raw_prediction = X @ expected[:-1] + expected[-1]
        np.testing.assert_allclose(clf.decision_function(X), raw_prediction, rtol=0, atol=1e-5)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_no_penalty_is_the_fit_of_statsmodels(solver, n_classes, fit_intercept):
    discrete = pytest.importorskip("statsmodels.discrete.discrete_model")
    X, y = simulate(n_classes=n_classes)
    X1 = np.c_[X, np.ones(len(X))] if fit_intercept else X
    model = discrete.MNLogit if n_classes > 2 else discrete.Logit
    params = model(y, X1).fit(method="newton", tol=1e-14, maxiter=100, disp=False).params
    params = np.reshape(params, (X1.shape[1], -1)).T  # those of class 0 are zero
    clf = LogLossClassifier(solver=solver, C=np.inf, fit_intercept=fit_intercept).fit(X, y)
    actual = np.c_[clf.coef_, clf.intercept_] if fit_intercept else clf.coef_
    if n_classes > 2:
        actual = actual[1:] - actual[:1]
    np.testing.assert_allclose(actual, params, rtol=0, atol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_redundant_columns_without_penalty_change_no_prediction(solver, n_classes):
    X, y = simulate(n_classes=n_classes)
    redundant = np.c_[X, X[:, :2], 3 * X[:, 0] - X[:, 1], np.ones(len(X)), np.zeros(len(X))]
    expected = LogLossClassifier(C=np.inf, tol=1e-10).fit(X, y)
    clf = LogLossClassifier(solver=solver, C=np.inf, max_iter=1000).fit(redundant, y)
    assert np.all(np.isfinite(clf.coef_))
    np.testing.assert_allclose(
        clf.predict_proba(redundant), expected.predict_proba(X), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("constant", [0.0, 1.0, 1e6])
def test_constant_column_gets_no_coefficient(solver, constant):
    # The intercept, which is free, does what the column could. Residuals sum to zero up to eps,
    # times the constant in the gradient, over the penalty's 1 / n as curvature.
    X, y = simulate()
    clf = LogLossClassifier(solver=solver).fit(np.c_[X, np.full(len(X), constant)], y)
    expected = LogLossClassifier(solver=solver).fit(X, y)
    assert abs(clf.coef_[0, -1]) <= 1e-10 + constant * len(X) * np.finfo(np.float64).eps
    np.testing.assert_allclose(clf.coef_[:, :-1], expected.coef_, rtol=0, atol=1e-6)


@pytest.mark.parametrize("solver", [*SOLVERS, "coordinate-descent"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("C", [1.0, 1e12, np.inf])
@pytest.mark.parametrize("constant", [-0.1, 1e6])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csc_array])
def test_rounding_errors_of_a_constant_column_are_no_coefficient(
    solver, n_classes, C, constant, container
):
    # At C=1e12 the penalty of the coefficient is smaller than the rounding errors of its gradient.
    X, _ = simulate()
    rng = np.random.default_rng(0)
    y = np.digitize(X[:, 0] + 2 * rng.normal(size=len(X)), [0, 1][: n_classes - 1])
    with_constant = container(np.c_[X, np.full(len(X), constant)])
    clf = LogLossClassifier(solver=solver, C=C).fit(with_constant, y)
    assert np.all(clf.coef_[:, -1] == 0)
    expected = LogLossClassifier(solver=solver, C=C).fit(X, y)
    np.testing.assert_allclose(clf.coef_[:, :-1], expected.coef_, rtol=0, atol=1e-6)
    np.testing.assert_allclose(clf.intercept_, expected.intercept_, rtol=0, atol=1e-6)


def test_a_column_that_seldom_changes_is_not_constant():
    # It is in the few rows that set center and scale, and its squares underflow.
    X, y = simulate(60_000, 3)
    X[:, 2] = 1.0
    X[:3, 2] = 1e6
    y[:3] = 1
    coef = LogLossClassifier(C=1e6).fit(X, y).coef_
    assert coef[0, 2] > 0
    X[:, 2] = 1e-200 * (1 + (y ^ (np.arange(len(y)) % 4 == 0)))
    assert LogLossClassifier(penalty_factor=[1, 1, 0]).fit(X, y).coef_[0, 2] > 1e199


def is_separable(X, y):
    """Return whether a linear function has no sample on the wrong side, some on the right one.

    Albert & Anderson (Biometrika 71, 1984) as a linear programme.
    """
    n_classes = len(np.unique(y))
    X1 = np.c_[X, np.ones(len(X))]
    # Margins of the true class over each other one, for coefficients of all classes.
    indicator = np.eye(n_classes)
    margins = np.array(
        [
            np.kron(indicator[label] - indicator[other], x)
            for x, label in zip(X1, y, strict=True)
            for other in range(n_classes)
            if other != label
        ]
    )
    # Maximise the sum of the margins, each in [0, 1].
    limits = np.r_[np.ones(len(margins)), np.zeros(len(margins))]
    result = linprog(-margins.sum(axis=0), np.r_[margins, -margins], limits, bounds=(None, None))
    assert result.status == 0
    return -result.fun > 0.5


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_separable_data_without_penalty_is_named(solver, n_classes):
    # Small whole numbers are often separable, in the strict or in the wide sense.
    verdicts = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X = rng.integers(-2, 3, size=(9 + 2 * n_classes, 2)).astype(float)
        y = np.digitize(X[:, 0] + 1.5 * rng.normal(size=len(X)), [0, 1][: n_classes - 1])
        if len(np.unique(y)) < n_classes:
            continue
        clf = LogLossClassifier(solver=solver, C=np.inf, max_iter=500)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            clf.fit(X, y)
        assert np.all(np.isfinite(clf.coef_))
        messages = [str(w.message) for w in caught if w.category is ConvergenceWarning]
        expected = is_separable(X, y)
        assert any("separable" in message for message in messages) == expected, seed
        assert expected or not caught, (seed, messages)
        verdicts.append(expected)
    assert 5 < sum(verdicts) < len(verdicts) - 5


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("n_samples", "n_features", "n_classes"), [(200, 4, 2), (200, 4, 3), (30, 60, 2), (30, 60, 3)]
)
def test_large_separable_data_without_penalty_is_named(solver, n_samples, n_features, n_classes):
    X, _ = simulate(n_samples, n_features)
    y = np.digitize(X[:, 0], [0, 0.5][: n_classes - 1])
    clf = LogLossClassifier(solver=solver, C=np.inf)
    with pytest.warns(ConvergenceWarning, match="separable"):
        clf.fit(X, y)
    assert np.all(np.isfinite(clf.coef_))
    assert clf.score(X, y) == 1
    # With a penalty there is an optimum.
    LogLossClassifier(solver=solver).fit(X, y)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_single_sample_on_the_wrong_side_makes_an_optimum(solver):
    X, _ = simulate(200, 3)
    y = (X[:, 0] > 0).astype(int)
    y[np.argmax(np.abs(X[:, 0]))] ^= 1
    clf = LogLossClassifier(solver=solver, C=np.inf).fit(X, y)
    residual = (clf.predict_proba(X)[:, 1] - y) / len(y)
    assert np.abs(np.r_[residual @ X, residual.sum()]).max() <= clf.tol


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("max_iter", [0, 1, 2])
def test_max_iter(solver, max_iter):
    X, y = scaled(load_wine)
    clf = LogLossClassifier(solver=solver, max_iter=max_iter)
    text = f"{solver} failed to converge.*max_iter={max_iter}"
    with pytest.warns(ConvergenceWarning, match=text):
        clf.fit(X, y)
    assert clf.n_iter_.tolist() == [max_iter]
    if max_iter == 0:
        assert not clf.coef_.any()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("tol", [0.0, 1e-18])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_tol_below_rounding_ends(solver, tol, dtype):
    X, y = simulate()
    clf = LogLossClassifier(solver=solver, tol=tol, max_iter=10_000).fit(X.astype(dtype), y)
    assert clf.n_iter_[0] < 1000
    expected = LogLossClassifier(tol=1e-10).fit(X, y)
    # The optimum moves by n eps times the size of X over the curvature, which is about 0.1 n.
    atol = 1e-6 if dtype == np.float64 else 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=atol)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("C", [1.0, np.inf])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_start_where_the_hessian_vanishes(solver, C, n_classes):
    # At decision values of some 10,000 all probabilities are 0 or 1, and p (1 - p) underflows.
    X, y = simulate(n_classes=n_classes)
    expected = LogLossClassifier(C=C, tol=1e-10).fit(X, y)
    clf = LogLossClassifier(solver=solver, C=C, warm_start=True, max_iter=1000).fit(X, y)
    clf.coef_ = 1e4 * np.ones_like(clf.coef_) * np.arange(1, len(clf.coef_) + 1)[:, None]
    clf.fit(X, y)
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_numbers_beyond_float64_are_reported(solver):
    X, y = simulate()
    X[:, 0] *= 1e300
    clf = LogLossClassifier(solver=solver)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf.fit(X, y)
    assert np.all(np.isfinite(clf.coef_))


@pytest.mark.parametrize("solver", SOLVERS)
def test_verbose_prints_a_line_for_each_iteration(solver, capsys):
    X, y = simulate()
    LogLossClassifier(solver=solver).fit(X, y)
    assert capsys.readouterr().out == ""
    clf = LogLossClassifier(solver=solver, verbose=1).fit(X, y)
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == f"plan: {clf.plan_}"
    assert len(lines) >= 2
    assert all(line.startswith("iteration ") for line in lines)


def test_verbose_names_each_of_several_fits(capsys):
    X, y = simulate()

    def names(function, *arguments, **parameters):
        function(*arguments, verbose=1, **parameters)
        return {line.split(": ")[0] for line in capsys.readouterr().out.splitlines()}

    of_rows = ["all rows", "fold 1 of 2", "fold 2 of 2"]
    assert names(lambda **given: LogLossClassifierCV(Cs=2, cv=2, **given).fit(X, y)) == {
        "refit",
        *[f"{rows}, l1_ratio 1 of 1, penalty {i} of 2" for rows in of_rows for i in (1, 2)],
    }
    assert names(logloss_path, X, y, Cs=3) == {f"penalty {i} of 3" for i in (1, 2, 3)}
    of_focal = names(lambda **given: FocalLogisticRegression(**given).fit(X, y))
    assert {"start 1", "start 2, convex loss", "start 2", "minimum 1"} <= of_focal


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("size", [1e7, 1e8, 1e10])
def test_one_row_far_from_all_others(solver, size, plain_objective):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6))
    y = (rng.logistic(size=300) < X.sum(axis=1)).astype(int)
    X[5] = size
    clf = LogLossClassifier(solver=solver, tol=1e-10, max_iter=1000).fit(X, y)
    # Once that row is told apart, the gradient is that of the others.
    assert plain_objective(X, y).max_gradient(clf) <= 1e-10


@pytest.mark.parametrize("solver", SOLVERS)
def test_data_far_from_zero_without_penalty(solver, plain_objective):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 4)) + 1e6
    y = (rng.logistic(size=300) < (X - 1e6).sum(axis=1)).astype(int)
    clf = LogLossClassifier(C=np.inf, solver=solver, max_iter=1000).fit(X, y)
    # A logit is a sum of five numbers of the size of X, an entry of the gradient a mean of its
    # error times the size of X.
    assert plain_objective(X, y, np.inf).max_gradient(clf) <= 1e-4 + 5 * 1e6 * EPS * 1e6


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("size", [1e150, 1e155, 1e160, 1e300])
def test_squares_may_overflow(solver, size):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(60, 3))
    y = (X.sum(axis=1) > 0).astype(int)
    clf = LogLossClassifier(solver=solver)
    with warnings.catch_warnings():
        # It may say that it did not converge.
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf.fit(X * size, y)
    assert np.all(np.isfinite(clf.coef_))


def plan_of(objective, solver="auto"):
    parts = objective.samples, objective.loss, objective.penalty, objective.fit_intercept
    return make_plan(Facts.of(*parts), solver)


@pytest.mark.parametrize("solver", [*SOLVERS, "coordinate-descent"])
@pytest.mark.parametrize("name", ["none", "positive", "box", "mixed", "fixed"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("density", [None, 0.3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bounds_factors_and_offsets_reach_the_optimum_of_scipy(
    log_loss_problem, log_loss_data, bounds_of, solver, name, n_classes, density, dtype
):
    X, y = log_loss_data(n_classes=n_classes, density=density)
    X = X.astype(dtype)
    n_columns = 1 if n_classes == 2 else n_classes
    lower, upper = bounds_of(name, (12, n_columns))
    factor = np.append(0.0, np.exp2(np.arange(11) % 5 - 2))[:, None]
    offset = np.random.default_rng(1).normal(size=(200, n_columns)).astype(dtype)
    problem = log_loss_problem(
        X,
        y,
        l1=0.01 * factor if solver == "coordinate-descent" else 0.0,
        l2=0.01 * factor,
        lower=lower,
        upper=upper,
        offset=offset,
    )
    objective = problem.objective()
    goal = Goal.of(1e-4, 500)
    result = solve(plan_of(objective, solver), objective, None, goal)
    assert result.converged, result.verdict
    coef, intercept = result.objective.coef_intercept(result.theta)
    assert problem.violation(coef, intercept) <= 1e-4
    # A relative gap of 1e-11 is what tol asks for; in float32, what rounding X and logits leaves.
    gap = 1e-10 if dtype == np.float64 else 100 * np.finfo(dtype).eps
    assert problem.value(coef, intercept) <= problem.optimum() * (1 + gap)


def test_the_solution_of_subsets_is_a_start(log_loss_problem):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(70_000, 3))
    y = (X.sum(axis=1) + rng.logistic(size=len(X)) > 0).astype(int)
    problem = log_loss_problem(X, y, l2=1e-6)
    objective = problem.objective()
    plan = plan_of(objective, "newton-cholesky")
    assert plan.start is Start.SUBSET
    result = solve(plan, objective, None, Goal.of(1e-8, 100))
    assert result.converged
    assert problem.violation(*objective.coef_intercept(result.theta)) <= 1e-8
    # Four parameters of m rows cost 4 / (2 m) nats on average. From there on, steps are few.
    assert result.start_value - result.value < 10 * 4 / (2 * plan.subset_sizes[-1])
    from_zero = solve(plan.without_start(), objective, None, Goal.of(1e-8, 100))
    assert result.n_iter < from_zero.n_iter


@pytest.mark.parametrize("seed", [0, 1])
def test_the_solution_of_a_subset_with_its_own_subset_is_a_start(
    log_loss_problem, seed, monkeypatch
):
    # With seed 1 the loss on all rows is larger than that on the subset, at the same coefficients.
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(560_000, 3))
    y = (X.sum(axis=1) + rng.logistic(size=len(X)) > 0).astype(int)
    objective = log_loss_problem(X, y, l2=1e-6).objective()
    plan = plan_of(objective, "newton-cholesky")
    assert len(plan.subset_sizes) == 2
    forgotten, limits, original = [], [], Newton.solve

    def spy(self, theta, *, at_most=np.inf):
        limits.append(at_most)
        return original(self, theta, at_most=at_most)

    monkeypatch.setattr(ExactHessian, "forget", lambda self: forgotten.append(1))
    monkeypatch.setattr(Newton, "solve", spy)
    assert solve(plan, objective, None, Goal.of(1e-4, 100)).converged
    assert not forgotten
    # A start must be better than zero, whose value the smallest subset tells.
    assert limits == [np.inf, *[pytest.approx(np.log(2), rel=1e-12)] * 2]


@pytest.mark.parametrize("C", [1.0, np.inf])
@pytest.mark.parametrize("is_sorted", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_optimum_is_that_of_all_rows(solver, is_sorted, C):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(70_000, 3))
    y = X @ [1, -1, 0.5] + rng.logistic(size=len(X)) > 1
    if is_sorted:
        order = np.lexsort([X[:, 0], y])
        X, y = X[order], y[order]
    clf = LogLossClassifier(solver=solver, C=C).fit(X, y)
    # Newton's method by hand, from zero; the Hessian's eigenvalues are about 0.1.
    X1 = np.column_stack([X, np.ones(len(X))])
    penalty = np.array([1, 1, 1, 0]) / (C * len(X))
    theta = np.zeros(4)
    for _ in range(10):
        p = 1 / (1 + np.exp(-X1 @ theta))
        gradient = X1.T @ (p - y) / len(X) + penalty * theta
        hessian = (X1.T * (p * (1 - p))) @ X1 / len(X) + np.diag(penalty)
        theta -= np.linalg.solve(hessian, gradient)
    np.testing.assert_allclose(clf.coef_[0], theta[:3], rtol=0, atol=1e-6)
    np.testing.assert_allclose(clf.intercept_[0], theta[3], rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", ["subset", "rows", "dual", "stride"])
def test_a_warm_start_takes_no_other(log_loss_problem, log_loss_data, case):
    shape = {"subset": (70_000, 3), "rows": (40, 1200), "dual": (80, 200), "stride": (14_000, 250)}
    n_classes = 3 if case == "dual" else 2
    X, y = log_loss_data(*shape[case], n_classes, density=0.1 if case == "dual" else None)
    problem = log_loss_problem(X, y, l2=0.01)
    objective = problem.objective()
    solver = "newton-cg" if case == "dual" else "newton-cholesky"
    plan, goal = plan_of(objective, solver), Goal.of(1e-7, 200)
    assert (plan.start is not Start.ZERO) == (case != "stride")
    assert (plan.hessian_stride > 1) == (case == "stride")
    cold = solve(plan, objective, None, goal)
    warm = solve(plan, objective, cold.objective.theta(
        *cold.objective.coef_intercept(cold.theta)), goal)  # fmt: skip
    for result in (cold, warm):
        assert result.converged
        coef_intercept = result.objective.coef_intercept(result.theta)
        assert problem.violation(*coef_intercept) <= 1e-7
    assert warm.n_iter <= 2
    assert warm.value == pytest.approx(cold.value, rel=1e-10)


def test_no_iterations_leave_the_start(log_loss_problem, log_loss_data):
    for shape in ((70_000, 3), (40, 1200)):
        X, y = log_loss_data(*shape)
        objective = log_loss_problem(X, y, l2=0.01).objective()
        plan = plan_of(objective, "newton-cholesky")
        assert plan.start is not Start.ZERO
        result = solve(plan, objective, None, Goal.of(1e-4, 0))
        assert result.verdict is Verdict.MAX_ITER
        assert result.n_iter == 0
        np.testing.assert_array_equal(result.theta, objective.start())


def test_a_method_that_stalls_is_followed_by_the_next(log_loss_problem, log_loss_data):
    X, y = log_loss_data(n_classes=3)
    problem = log_loss_problem(X, y, l2=1e-3)
    objective = problem.objective()
    goal = Goal.of(1e-8, 100)
    alone, followed = (
        solve(Plan("lbfgs", methods), objective, None, goal)
        for methods in ((Method.LBFGS,), (Method.LBFGS, Method.PRODUCTS))
    )
    assert not alone.converged
    assert followed.converged
    assert problem.violation(*objective.coef_intercept(followed.theta)) <= 1e-8
    # All iterations are counted.
    only = method_for(Method.LBFGS, Plan("lbfgs", ()), objective, goal).solve(objective.start())
    assert only.n_iter < followed.n_iter <= 100


@pytest.mark.parametrize("bounds", [None, (0, None)])
def test_products_end_where_the_hessian_costs_less(bounds, monkeypatch, plain_objective):
    # Features with heavy tails and a weak penalty: conjugate gradients need hundreds of products
    # for each step, and 3,300 to 4,700 in all where nothing else follows them.
    of_fit, product = [], Objective.hessian_product

    def counted(objective, point, vector):
        of_fit.append(objective)
        return product(objective, point, vector)

    monkeypatch.setattr(Objective, "hessian_product", counted)
    rng = np.random.default_rng(0)
    X, y = np.sinh(3 * rng.normal(size=(20, 30))), rng.integers(5, size=20)
    clf = LogLossClassifier(solver="newton-cg", C=1e3, bounds=bounds).fit(X, y)
    assert Method.EXACT in clf.plan_.methods
    # The step that goes beyond the limit is finished: it has a product for each parameter, about.
    most = PRODUCTS_PER_STEP * products_per_exact_step(of_fit[0])
    assert len(of_fit) <= most + 31 * 5
    other = LogLossClassifier(solver="newton-cholesky", C=1e3, bounds=bounds).fit(X, y)
    # The penalty is strongly convex: a relative gap of 1e-11 leaves no more, of both.
    plain = plain_objective(X, y, C=1e3)
    atol = 2 * np.sqrt(2 * 1e-11 * plain.value(other) / plain.l2)
    np.testing.assert_allclose(clf.coef_, other.coef_, rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("n_samples", "n_features", "n_classes", "factor", "C"),
    [(100, 400, 5, 3.0, 1.0), (400, 300, 8, 0.0, 30.0)],
)
def test_few_rows_of_several_classes_take_few_products(
    monkeypatch, n_samples, n_features, n_classes, factor, C
):
    # Conjugate gradients would take 48,000 products with a common factor, and 5,000 under the weak
    # penalty, for the steps of working sets.
    n_products, product = 0, Objective.hessian_product

    def counted(objective, point, vector):
        nonlocal n_products
        n_products += 1
        return product(objective, point, vector)

    monkeypatch.setattr(Objective, "hessian_product", counted)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features)) + factor * rng.normal(size=(n_samples, 1))
    y = np.argmax(X[:, :n_classes] + rng.normal(size=(n_samples, n_classes)), axis=1)
    clf = LogLossClassifier(l1_ratio=1, C=C).fit(X, y)
    # As many would form the Hessian.
    assert n_products < clf.coef_.size


@pytest.mark.parametrize("max_iter", [1, 3])
def test_iterations_of_all_methods_together_are_bounded(log_loss_problem, log_loss_data, max_iter):
    X, y = log_loss_data(n_classes=3)
    objective = log_loss_problem(X, y, l2=1e-5).objective()
    for solver in SOLVERS:
        plan = plan_of(objective, solver)
        result = solve(plan, objective, None, Goal.of(1e-10, max_iter))
        assert result.verdict is Verdict.MAX_ITER
        assert result.n_iter == max_iter


def test_a_result_may_have_other_coordinates(log_loss_problem):
    # One row far from all others: with center and scale of the others, rounding errors are smaller.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6))
    y = (rng.logistic(size=300) < X.sum(axis=1)).astype(int)
    X[5] = 1e10
    problem = log_loss_problem(X, y, l2=1 / 300)
    objective = problem.objective()
    result = solve(plan_of(objective), objective, None, Goal.of(1e-10, 1000))
    assert result.converged
    assert result.objective.coordinates is not objective.coordinates
    assert problem.violation(*result.objective.coef_intercept(result.theta)) <= 1e-10


def test_float32_ends_with_the_digits_of_float64_where_it_has_too_few(log_loss_problem):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 4))
    y = (X @ np.linspace(-1, 1, 4) + rng.logistic(size=40) > 0).astype(int)
    X[3] *= 1e6
    X[5, 1] = -1e6
    problem = log_loss_problem(X.astype(np.float32), y, l2=0.01)
    objective = problem.objective()
    result = solve(plan_of(objective), objective, None, Goal.of(1e-4, 100))
    assert result.converged
    assert result.objective.samples.dtype == np.float64
    coef_intercept = result.objective.coef_intercept(result.theta)
    assert problem.value(*coef_intercept) <= problem.optimum() * (1 + 1e-6)
