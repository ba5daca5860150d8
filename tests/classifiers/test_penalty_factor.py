"""Factors of the penalty of each feature: rescaled columns, or none."""

import numpy as np
import pytest
import statsmodels.api as sm
from fit_settings import CONTAINERS, ESTIMATORS, SOLVERS, TIGHT, WITH_L1, check_optimum
from scipy import sparse
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold
from sklearn.preprocessing import scale

from sklogloss import (
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
    logloss_path,
)

pytestmark = pytest.mark.filterwarnings("error")

# Over the curvature: that of the simulated data is 0.01 at least.
ATOL = 2e-8
FACTOR = np.array([0.2, 3.0, 1.0, 0.5, 2.0])
WITH_ZEROS = np.array([0.0, 3.0, 1.0, 0.0, 2.0])


def simulate(n_samples=200, n_features=5, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)) * (rng.random((n_samples, n_features)) < 0.8)
    raw_prediction = X @ rng.normal(size=(n_features, n_classes)) + np.arange(n_classes) % 3
    return X, np.argmax(raw_prediction + rng.gumbel(size=(n_samples, n_classes)), axis=1)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("solver", "l1_ratio"), [pair for pair in WITH_L1 if pair[1] in (0.0, 1.0)]
)
@pytest.mark.parametrize("container", CONTAINERS)
def test_rescaled_columns(n_classes, estimator, solver, l1_ratio, container):
    X, y = simulate(n_classes=n_classes)
    parameters = {"C": 0.3, "l1_ratio": l1_ratio, "solver": solver, **TIGHT}
    clf = estimator(penalty_factor=FACTOR, **parameters).fit(container(X), y)
    # f |w|^2 is |v|^2 for v = sqrt(f) w, and f |w| is |v| for v = f w.
    size = FACTOR if l1_ratio == 1 else np.sqrt(FACTOR)
    other = estimator(**parameters).fit(container(X / size), y)
    np.testing.assert_allclose(clf.coef_, other.coef_ / size, rtol=0, atol=ATOL)
    np.testing.assert_allclose(clf.intercept_, other.intercept_, rtol=0, atol=ATOL)
    np.testing.assert_array_equal(clf.coef_ == 0, other.coef_ == 0)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(("solver", "l1_ratio"), WITH_L1)
@pytest.mark.parametrize("factor", [FACTOR, WITH_ZEROS], ids=["positive", "with zeros"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_optimum(reference, n_classes, estimator, solver, l1_ratio, factor, fit_intercept):
    X, y = simulate(n_classes=n_classes)
    parameters = {"C": 0.1, "l1_ratio": l1_ratio, "fit_intercept": fit_intercept}
    check_optimum(reference, estimator, solver, X, y, penalty_factor=factor, **parameters)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("solver", "l1_ratio"), WITH_L1)
def test_with_offset_and_bounds(reference, n_classes, solver, l1_ratio):
    X, y = simulate(n_classes=n_classes)
    offset = np.random.default_rng(1).normal(size=(len(y), n_classes if n_classes > 2 else 1))
    bounds = np.array([-np.inf, 0, -0.1, 0.3, -np.inf]), np.array([0.2, np.inf, 0.1, 0.4, np.inf])
    parameters = {"C": 0.1, "l1_ratio": l1_ratio, "penalty_factor": WITH_ZEROS, "bounds": bounds}
    clf = LogLossClassifier(solver=solver, **parameters, **TIGHT).fit(X, y, offset=offset)
    objective = reference(X, y, offset=offset, **parameters)
    assert objective.violation(clf.coef_, clf.intercept_) <= TIGHT["tol"]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(("solver", "l1_ratio"), WITH_L1)
@pytest.mark.parametrize("container", CONTAINERS)
def test_float32(n_classes, estimator, solver, l1_ratio, container):
    X, y = simulate(n_classes=n_classes)
    X = X.astype(np.float32)
    parameters = {"l1_ratio": l1_ratio, "C": 0.5, "penalty_factor": WITH_ZEROS}
    clf = estimator(solver=solver, **parameters).fit(container(X), y)
    assert clf.coef_.dtype == np.float32
    expected = estimator(**parameters, **TIGHT).fit(X.astype(np.float64), y)
    # The default tol leaves a relative 1e-11 of the objective over a curvature of 0.01.
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=1e-4)
    np.testing.assert_allclose(clf.intercept_, expected.intercept_, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("n_samples", "n_features", "n_classes", "density"),
    [
        (30_000, 8, 2, 1.0),  # from the solution on a subset of the rows
        (60, 1200, 2, 1.0),  # in the space of the rows
        (60, 1200, 3, 1.0),
        (800, 40, 20, 1.0),  # the mean of the Hessian's blocks
        (400, 700, 5, 0.02),  # sparse classes
    ],
)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("zeros", [0, 2])
def test_shapes_with_solvers_of_their_own(
    reference, n_samples, n_features, n_classes, density, l1_ratio, zeros
):
    X, y = simulate(n_samples, n_features, n_classes)
    if density < 1:
        X[:, zeros:] *= np.random.default_rng(1).random((n_samples, n_features - zeros)) < density
    factor = np.random.default_rng(2).uniform(0.3, 3, size=n_features)
    factor[:zeros] = 0
    arguments = {"C": 0.1, "l1_ratio": l1_ratio, "penalty_factor": factor}
    clf = LogLossClassifier(**arguments, tol=1e-9, max_iter=1000)
    clf.fit(X if density == 1 else sparse.csr_array(X), y)
    assert reference(X, y, **arguments).violation(clf.coef_, clf.intercept_) <= 1e-9


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_equal_factors_change_the_strength(l1_ratio, n_classes):
    # They are not rescaled, as glmnet's are.
    X, y = simulate(n_classes=n_classes)
    plain = LogLossClassifier(C=0.1, l1_ratio=l1_ratio, **TIGHT).fit(X, y)
    for factor in (1, 4):
        clf = LogLossClassifier(
            C=0.1 * factor, l1_ratio=l1_ratio, penalty_factor=[factor] * 5, **TIGHT
        ).fit(X, y)
        np.testing.assert_allclose(clf.coef_, plain.coef_, rtol=0, atol=ATOL)


@pytest.mark.parametrize("solver", SOLVERS)
def test_no_penalty_at_all(solver):
    X, y = simulate()
    clf = LogLossClassifier(penalty_factor=np.zeros(5), solver=solver, **TIGHT).fit(X, y)
    expected = sm.GLM(y, sm.add_constant(X), family=sm.families.Binomial()).fit(tol=1e-14)
    np.testing.assert_allclose(clf.coef_[0], expected.params[1:], rtol=0, atol=1e-8)
    # Factors have no part where there is no penalty.
    free = LogLossClassifier(C=np.inf, solver=solver, **TIGHT).fit(X, y)
    clf = LogLossClassifier(C=np.inf, penalty_factor=WITH_ZEROS, solver=solver, **TIGHT)
    np.testing.assert_array_equal(clf.fit(X, y).coef_, free.coef_)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_strong_penalty_leaves_what_is_never_penalised(n_classes):
    X, y = simulate(n_classes=n_classes)
    for l1_ratio in (0.0, 1.0):
        clf = LogLossClassifier(C=1e-12, l1_ratio=l1_ratio, penalty_factor=WITH_ZEROS, **TIGHT).fit(
            X, y
        )
        free = LogLossClassifier(C=np.inf, **TIGHT).fit(X[:, [0, 3]], y)
        np.testing.assert_allclose(clf.coef_[:, [0, 3]], free.coef_, rtol=0, atol=1e-7)
        np.testing.assert_allclose(clf.coef_[:, [1, 2, 4]], 0, rtol=0, atol=1e-8)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_warm_start(estimator):
    X, y = simulate(n_classes=3)
    clf = estimator(warm_start=True, **TIGHT).fit(X, y)
    clf.set_params(penalty_factor=WITH_ZEROS, C=0.1).fit(X, y)
    expected = estimator(penalty_factor=WITH_ZEROS, C=0.1, **TIGHT).fit(X, y)
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=ATOL)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("solver", "l1_ratio"), WITH_L1)
@pytest.mark.parametrize("factor", [FACTOR, WITH_ZEROS], ids=["positive", "with zeros"])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_cross_validation(reference, n_classes, solver, l1_ratio, factor, container):
    X, y = simulate(n_classes=n_classes)
    Cs = [0.01, 0.1, 1.0]
    parameters = {"penalty_factor": factor, **TIGHT}
    clf = LogLossClassifierCV(
        Cs=Cs, l1_ratios=[l1_ratio], cv=KFold(3), solver=solver, **parameters
    ).fit(container(X), y)
    for fold, (train, test) in enumerate(KFold(3).split(X)):
        for i, C in enumerate(Cs):
            model = LogLossClassifier(C=C, l1_ratio=l1_ratio, **parameters)
            model.fit(X[train], y[train])
            # A suboptimality of 1e-11 over a curvature of at least 0.01.
            np.testing.assert_allclose(
                clf.coefs_paths_[fold, 0, i, :, :-1], model.coef_, rtol=0, atol=5e-5
            )
            score = np.mean(model.predict_log_proba(X[test])[np.arange(len(test)), y[test]])
            assert clf.scores_[fold, 0, i] == pytest.approx(score, abs=5e-5)
    objective = reference(X, y, C=clf.C_, l1_ratio=l1_ratio, penalty_factor=factor)
    assert objective.violation(clf.coef_, clf.intercept_) <= TIGHT["tol"]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("factor", [FACTOR, WITH_ZEROS], ids=["positive", "with zeros"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_path(reference, n_classes, l1_ratio, container, factor, fit_intercept):
    X, y = simulate(n_classes=n_classes)
    parameters = {
        "l1_ratio": l1_ratio,
        "penalty_factor": factor,
        "fit_intercept": fit_intercept,
    }
    path = logloss_path(container(X + 1), y, Cs=5, **parameters, **TIGHT)
    for C, coef, intercept in zip(path.Cs, path.coefs, path.intercepts, strict=True):
        objective = reference(X + 1, y, C=C, **parameters)
        assert objective.violation(coef, intercept) <= TIGHT["tol"]
    if l1_ratio > 0:
        # The grid starts where the first coefficient with a penalty leaves zero.
        is_penalised = factor > 0
        assert not path.coefs[0][:, is_penalised].any()
        assert path.coefs[1:][:, :, is_penalised].any(axis=(1, 2)).all()
        for nearly in (0.999, 1.001):
            clf = LogLossClassifier(C=path.Cs[0] * nearly, **parameters, **TIGHT).fit(X + 1, y)
            assert clf.coef_[:, is_penalised].any() == (nearly > 1)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("soft", [False, True])
def test_grid_with_offset_weights_and_many_features(n_classes, soft):
    X, y = simulate(60, 800, n_classes)
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.5, 2, size=60)
    offset = rng.normal(size=(60, 1 if n_classes == 2 else n_classes))
    target = rng.dirichlet(np.ones(n_classes), size=60) if soft else y
    factor = np.append([0.0, 0.0], rng.uniform(0.5, 2, size=798))
    parameters = {"l1_ratio": 1.0, "penalty_factor": factor}
    given = {"sample_weight": weight, "offset": offset}
    path = logloss_path(X, target, Cs=1, **given, **parameters, tol=1e-8)
    assert not path.coefs[0, :, 2:].any()
    for nearly in (0.999, 1.001):
        clf = LogLossClassifier(C=path.Cs[0] * nearly, **parameters, tol=1e-8)
        assert clf.fit(X, target, **given).coef_[:, 2:].any() == (nearly > 1)


def test_no_grid_where_nothing_is_penalised():
    X, y = simulate()
    with pytest.raises(ValueError, match="Cs must be an array: penalty_factor is zero for all"):
        logloss_path(X, y, Cs=3, l1_ratio=1, penalty_factor=np.zeros(5))


def test_no_grid_where_features_without_a_penalty_separate_the_classes():
    X, _ = simulate()
    y = (X[:, 0] > 0).astype(int)
    factor = np.array([0, 1, 1, 1, 1])
    with pytest.raises(ValueError, match="Cs must be an array: a linear function of the features"):
        logloss_path(X, y, Cs=3, l1_ratio=1, penalty_factor=factor)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_features_without_penalty_that_separate_the_classes(solver, n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 4))
    y = np.digitize(X[:, 0], [-0.5, 0.5][: n_classes - 1])
    factor = np.array([0.0, 1.0, 2.0, 0.0])
    clf = LogLossClassifier(penalty_factor=factor, solver=solver)
    message = (
        r"The data is separable: a linear function of the features without a penalty .* tells the "
        r"classes apart, .* Set penalty_factor to positive values"
    )
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        clf.fit(X, y)
    assert caught[0].filename == __file__
    assert np.isfinite(clf.coef_).all()
    assert clf.score(X, y) == 1
    # The penalty of the others is none of it.
    clf.set_params(penalty_factor=np.array([0.1, 1.0, 2.0, 0.0])).fit(X, y)
    # Without any penalty, both have to be given.
    with pytest.warns(ConvergenceWarning, match="Set C to a finite value and penalty_factor to"):
        clf.set_params(penalty_factor=factor, C=np.inf).fit(X, y)


def test_unpenalised_covariates_of_a_selection():
    # The use of it: an L1 penalty that selects, but never drops what has to be in the model.
    X, y = load_breast_cancer(return_X_y=True)
    X, factor = scale(X), np.r_[0.0, np.ones(29)]
    path = logloss_path(X, y, l1_ratio=1, Cs=10, penalty_factor=factor)
    assert path.coefs[:, 0, 0].all()
    assert np.count_nonzero(path.coefs[0]) == 1
    n_selected = np.count_nonzero(path.coefs[:, 0], axis=1)
    assert 3 < n_selected[4] < 20


@pytest.mark.parametrize(
    ("factor", "error", "message"),
    [
        (np.ones(4), ValueError, r"penalty_factor must have shape \(5,\), one entry per feature"),
        (np.ones((5, 1)), ValueError, r"penalty_factor must have shape \(5,\)"),
        (2.0, ValueError, r"penalty_factor must have shape \(5,\)"),
        ([1, 1, -1, 1, 1], ValueError, r"penalty_factor must not be negative, got -1 at \[2\]"),
        ([1, 1, np.nan, 1, 1], ValueError, r"penalty_factor.*NaN.* at \[2\]"),
        ([1, 1, np.inf, 1, 1], ValueError, r"penalty_factor.*inf.* at \[2\]"),
        (["a"] * 5, TypeError, "penalty_factor must hold real numbers"),
        (sparse.csr_array(np.ones((1, 5))), TypeError, "penalty_factor must be a dense array"),
    ],
)
def test_bad_factors_are_named(factor, error, message):
    X, y = simulate()
    for clf in (
        LogLossClassifier(penalty_factor=factor),
        FocalLogisticRegression(penalty_factor=factor),
        LogLossClassifierCV(Cs=2, penalty_factor=factor),
    ):
        with pytest.raises(error, match=message):
            clf.fit(X, y)
    with pytest.raises(error, match=message):
        logloss_path(X, y, penalty_factor=factor)
