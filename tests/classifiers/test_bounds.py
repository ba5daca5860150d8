"""Bounds of coefficients: the Karush-Kuhn-Tucker conditions hold, whatever solves the problem."""

import numpy as np
import pytest
from fit_settings import CONTAINERS, ESTIMATORS, SOLVERS, TIGHT, WITH_L1, check_optimum
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_iris
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
INF = np.inf
EPS = np.finfo(np.float64).eps
BOUNDS = {
    "positive": (0, None),
    "negative": (None, 0.0),
    "box": (-0.1, 0.2),
    "of each": (np.array([-INF, 0.1, -0.2, -2, 0]), np.array([-0.1, INF, 0.3, -0.5, 0])),
}


def simulate(n_samples=200, n_features=5, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)) * (rng.random((n_samples, n_features)) < 0.8)
    raw_prediction = X @ rng.normal(size=(n_features, n_classes))
    return X, np.argmax(raw_prediction + rng.gumbel(size=(n_samples, n_classes)), axis=1)


def of_each_class(n_classes, n_features=5):
    """Return different bounds of the coefficients of each class."""
    lower = np.random.default_rng(0).uniform(-0.4, 0.1, size=(n_classes, n_features))
    lower[0, 1] = -INF
    return lower, np.where(np.arange(n_features) % 2, 0.2, INF)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(("solver", "l1_ratio"), WITH_L1)
@pytest.mark.parametrize("bounds", BOUNDS.values(), ids=BOUNDS)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_optimum(reference, n_classes, estimator, solver, l1_ratio, bounds, fit_intercept):
    X, y = simulate(n_classes=n_classes)
    parameters = {"C": 0.3, "l1_ratio": l1_ratio, "fit_intercept": fit_intercept}
    check_optimum(reference, estimator, solver, X, y, bounds=bounds, **parameters)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("solver", "l1_ratio"), WITH_L1)
@pytest.mark.parametrize("C", [1.0, INF])
def test_bounds_of_each_class(reference, n_classes, solver, l1_ratio, C):
    X, y = simulate(n_classes=n_classes)
    bounds = of_each_class(1 if n_classes == 2 else n_classes)
    parameters = {"C": C, "l1_ratio": l1_ratio, "bounds": bounds}
    clf = LogLossClassifier(solver=solver, **parameters, **TIGHT).fit(X, y)
    objective = reference(X, y, **parameters)
    assert objective.violation(clf.coef_, clf.intercept_) <= TIGHT["tol"]
    coef, intercept = objective.optimum()
    if C < INF:
        np.testing.assert_allclose(clf.coef_, coef, rtol=0, atol=1e-6)
        np.testing.assert_allclose(
            clf.intercept_ - clf.intercept_.mean() * (n_classes > 2),
            intercept - intercept.mean() * (n_classes > 2),
            rtol=0,
            atol=1e-6,
        )


@pytest.mark.parametrize("bounds", [(0.0, np.inf), (-0.1, 0.2)])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("load", [load_breast_cancer, lambda **_: simulate(500, 8)])
def test_bounds_of_glum(bounds, fit_intercept, load):
    glum = pytest.importorskip("glum")
    X, y = load(return_X_y=True)
    X = scale(X)
    model = glum.GeneralizedLinearRegressor(
        family="binomial",
        alpha=1 / len(y),
        l1_ratio=0.0,
        lower_bounds=np.full(X.shape[1], bounds[0]),
        upper_bounds=np.full(X.shape[1], bounds[1]),
        fit_intercept=fit_intercept,
        gradient_tol=1e-9,
        max_iter=1000,
    ).fit(X, y)
    clf = LogLossClassifier(bounds=bounds, fit_intercept=fit_intercept, **TIGHT).fit(X, y)
    # The L2 penalty alone gives the mean objective a curvature of 1 / n_samples.
    atol = np.sqrt(X.shape[1] + 1) * 2e-9 * len(y)
    np.testing.assert_allclose(clf.coef_[0], model.coef_, rtol=0, atol=atol)
    np.testing.assert_allclose(clf.intercept_[0], model.intercept_, rtol=0, atol=10 * atol)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(("solver", "l1_ratio"), WITH_L1)
@pytest.mark.parametrize("container", CONTAINERS)
def test_float32(n_classes, estimator, solver, l1_ratio, container):
    X, y = simulate(n_classes=n_classes)
    X = X.astype(np.float32)
    parameters = {"l1_ratio": l1_ratio, "C": 0.5, "bounds": (-0.125, 0.25)}
    clf = estimator(solver=solver, **parameters).fit(container(X), y)
    assert clf.coef_.dtype == np.float32
    assert clf.coef_.min() >= -0.125
    assert clf.coef_.max() <= 0.25
    expected = estimator(**parameters, **TIGHT).fit(X.astype(np.float64), y)
    # The default tol leaves a relative 1e-11 of the objective over a curvature of 0.01.
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=1e-4)
    np.testing.assert_allclose(clf.intercept_, expected.intercept_, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("n_samples", "n_features", "n_classes", "density"),
    [
        (30_000, 8, 2, 1.0),  # from the solution on a subset of the rows
        (60, 1200, 2, 1.0),  # more features than samples
        (60, 1200, 3, 1.0),
        (800, 40, 20, 1.0),
        (400, 700, 5, 0.02),
    ],
)
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("bounds", [(0, None), (-0.02, 0.05)])
def test_shapes_with_solvers_of_their_own(
    reference, n_samples, n_features, n_classes, density, l1_ratio, bounds
):
    X, y = simulate(n_samples, n_features, n_classes)
    if density < 1:
        X *= np.random.default_rng(1).random(X.shape) < density
    arguments = {"C": 0.1, "l1_ratio": l1_ratio, "bounds": bounds}
    clf = LogLossClassifier(**arguments, tol=1e-9, max_iter=1000)
    clf.fit(X if density == 1 else sparse.csr_array(X), y)
    assert reference(X, y, **arguments).violation(clf.coef_, clf.intercept_) <= 1e-9


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("solver", SOLVERS)
def test_bounds_that_hold_nothing_change_nothing(n_classes, solver):
    X, y = simulate(n_classes=n_classes)
    free = LogLossClassifier(solver=solver, **TIGHT).fit(X, y)
    for bounds in ((None, None), (-INF, INF)):
        clf = LogLossClassifier(solver=solver, bounds=bounds, **TIGHT).fit(X, y)
        np.testing.assert_array_equal(clf.coef_, free.coef_)
    clf = LogLossClassifier(solver=solver, bounds=(-10, 10), **TIGHT).fit(X, y)
    np.testing.assert_allclose(clf.coef_, free.coef_, rtol=0, atol=ATOL)
    np.testing.assert_allclose(clf.intercept_, free.intercept_, rtol=0, atol=ATOL)


def test_coefficients_of_several_classes_are_not_centred():
    X, y = load_iris(return_X_y=True)
    clf = LogLossClassifier(bounds=(0, None)).fit(scale(X), y)
    assert clf.coef_.min() == 0
    assert clf.coef_.sum(axis=0).max() > 0.5
    assert abs(clf.intercept_.sum()) < 1e-12


@pytest.mark.parametrize(("solver", "l1_ratio"), WITH_L1)
@pytest.mark.parametrize("bounds", [(None, 0.2), (-0.1, None), (-0.1, 0.2), (0.5, 1)], ids=str)
def test_unpenalised_coefficients_of_several_classes(solver, l1_ratio, bounds):
    # Adding the same to all classes changes nothing: the smallest squares within the bounds.
    X, y = simulate(n_classes=3)
    factor = np.array([0.0, 1, 1, 0, 1])
    clf = LogLossClassifier(
        solver=solver, l1_ratio=l1_ratio, penalty_factor=factor, bounds=bounds, **TIGHT
    ).fit(X, y)
    lower, upper = bounds
    for coef in clf.coef_.T[factor == 0]:
        room_below = np.inf if bounds[0] is None else coef.min() - lower
        room_above = np.inf if bounds[1] is None else upper - coef.max()
        shift = np.clip(-coef.mean(), -room_below, room_above)
        assert abs(shift) <= 4 * EPS * np.abs(coef).max()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_outside_the_bounds_is_clipped(n_classes, estimator, solver):
    X, y = simulate(n_classes=n_classes)
    parameters = {"solver": solver, "bounds": (0.05, 0.3), **TIGHT}
    expected = estimator(**parameters).fit(X, y)
    clf = estimator(warm_start=True, solver=solver, **TIGHT).fit(X, y)
    assert clf.coef_.min() < 0 < 0.3 < clf.coef_.max()
    clf.set_params(**parameters).fit(X, y)
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=ATOL)
    np.testing.assert_allclose(clf.intercept_, expected.intercept_, rtol=0, atol=ATOL)
    # Without an iteration the clipped start is what is left.
    clf.coef_ = np.where(expected.coef_ == 0.3, 0.5, expected.coef_)
    clf.coef_[expected.coef_ == 0.05] = -0.1
    clf.intercept_ = expected.intercept_
    with pytest.warns(ConvergenceWarning):
        clf.set_params(max_iter=0).fit(X, y)
    np.testing.assert_array_equal(clf.coef_, expected.coef_)


def test_all_coefficients_held():
    X, y = load_breast_cancer(return_X_y=True)
    coef = np.linspace(-1, 1, 30)
    clf = LogLossClassifier(bounds=(coef, coef), **TIGHT).fit(scale(X), y)
    np.testing.assert_array_equal(clf.coef_[0], coef)
    # The intercept is at its optimum: the mean probability is the share of the class.
    assert clf.predict_proba(scale(X))[:, 1].mean() == pytest.approx(y.mean(), abs=1e-10)
    clf = LogLossClassifier(bounds=(coef, coef), fit_intercept=False).fit(scale(X), y)
    np.testing.assert_array_equal(clf.coef_[0], coef)


@pytest.mark.parametrize("solver", SOLVERS)
def test_same_bits_for_any_number_of_threads(solver):
    X, y = simulate(6000, 20, 3)
    one, *others = (
        LogLossClassifier(solver=solver, bounds=(-0.1, 0.2), n_jobs=n_jobs).fit(X, y)
        for n_jobs in (1, 2, 4)
    )
    for other in others:
        np.testing.assert_array_equal(one.coef_, other.coef_)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("solver", "l1_ratio"), WITH_L1)
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_cross_validation(reference, n_classes, solver, l1_ratio, container):
    X, y = simulate(n_classes=n_classes)
    Cs, bounds = [0.01, 0.1, 1.0], (0, 0.3)
    clf = LogLossClassifierCV(
        Cs=Cs, l1_ratios=[l1_ratio], cv=KFold(3), solver=solver, bounds=bounds, **TIGHT
    ).fit(container(X), y)
    for fold, (train, test) in enumerate(KFold(3).split(X)):
        for i, C in enumerate(Cs):
            model = LogLossClassifier(C=C, l1_ratio=l1_ratio, bounds=bounds, **TIGHT)
            model.fit(X[train], y[train])
            coef = clf.coefs_paths_[fold, 0, i, :, :-1]
            assert coef.min() >= 0
            assert coef.max() <= 0.3
            # A suboptimality of 1e-11 over a curvature of at least 0.01.
            np.testing.assert_allclose(coef, model.coef_, rtol=0, atol=5e-5)
            score = np.mean(model.predict_log_proba(X[test])[np.arange(len(test)), y[test]])
            assert clf.scores_[fold, 0, i] == pytest.approx(score, abs=5e-5)
    objective = reference(X, y, C=clf.C_, l1_ratio=l1_ratio, bounds=bounds)
    assert objective.violation(clf.coef_, clf.intercept_) <= TIGHT["tol"]
    means = LogLossClassifierCV(Cs=Cs, bounds=bounds, refit=False).fit(X, y)
    assert means.coef_.min() >= 0
    assert means.coef_.max() <= 0.3


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("bounds", [(0, None), (None, 0), (-0.1, 0.2)])
def test_path(reference, n_classes, l1_ratio, container, bounds):
    X, y = simulate(n_classes=n_classes)
    path = logloss_path(container(X), y, Cs=5, l1_ratio=l1_ratio, bounds=bounds, **TIGHT)
    for C, coef, intercept in zip(path.Cs, path.coefs, path.intercepts, strict=True):
        objective = reference(X, y, C=C, l1_ratio=l1_ratio, bounds=bounds)
        assert objective.violation(coef, intercept) <= TIGHT["tol"]
    if l1_ratio > 0:
        # The grid starts where the first coefficient may and does leave zero.
        assert not path.coefs[0].any()
        assert path.coefs[1:].any(axis=(1, 2)).all()
        for factor in (0.999, 1.001):
            clf = LogLossClassifier(C=path.Cs[0] * factor, l1_ratio=l1_ratio, bounds=bounds)
            assert clf.set_params(**TIGHT).fit(X, y).coef_.any() == (factor > 1)


def test_grid_of_a_path_whose_bounds_exclude_zero():
    X, y = simulate()
    lower = np.array([0.1, -INF, 0, -INF, -INF])
    upper = np.array([INF, INF, INF, -0.1, INF])
    parameters = {"l1_ratio": 1.0, "bounds": (lower, upper), **TIGHT}
    path = logloss_path(X, y, Cs=4, **parameters)
    at_ends = np.array([0.1, 0, 0, -0.1, 0])
    np.testing.assert_array_equal(path.coefs[0, 0], at_ends)
    for factor in (0.999, 1.001):
        clf = LogLossClassifier(C=path.Cs[0] * factor, **parameters).fit(X, y)
        assert np.array_equal(clf.coef_[0], at_ends) == (factor < 1)


def test_no_grid_where_bounds_hold_all():
    X, y = simulate()
    for bounds in ((0, 0), (0.1, 0.1)):
        with pytest.raises(ValueError, match="Cs must be an array: no feature is related"):
            logloss_path(X, y, Cs=3, l1_ratio=1, bounds=bounds)


@pytest.mark.parametrize("solver", SOLVERS)
def test_separable_data(solver):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    y = (X @ [1.0, 2.0, -1.0] > 0).astype(int)
    clf = LogLossClassifier(C=INF, solver=solver, max_iter=200)
    # No separating function is within these bounds for ever.
    clf.set_params(bounds=(None, 5)).fit(X, y)
    assert clf.coef_.max() == 5
    with pytest.warns(ConvergenceWarning, match=r"The data is separable: .*Set C to a finite"):
        clf.set_params(bounds=(-100, None)).fit(X[:, :2], (X[:, 0] > 0).astype(int))


@pytest.mark.parametrize(
    ("bounds", "error", "message"),
    [
        ((1, 0), ValueError, r"bounds\[0\] must not be above bounds\[1\], got 1.0 > 0.0"),
        (([0, 0, 0, 2, 0], 1), ValueError, "for feature 3"),
        ((np.zeros(4), None), ValueError, r"bounds\[0\] must be None, a number, or an array"),
        ((None, np.zeros((3, 5))), ValueError, r"bounds\[1\] must be None, a number"),
        ((np.nan, None), ValueError, r"bounds\[0\]"),
        ((None, [0, 1, 2, 3, np.nan]), ValueError, r"bounds\[1\]"),
        ((INF, None), ValueError, r"bounds\[0\] must not be .*inf"),
        ((None, -INF), ValueError, r"bounds\[1\] must not be .*-inf"),
        (0, TypeError, "bounds must be None or a pair"),
        ((0, 1, 2), TypeError, "bounds must be None or a pair"),
        ("positive", TypeError, "bounds must be None or a pair"),
        (("a", None), TypeError, r"bounds\[0\] must hold real numbers"),
    ],
)
def test_bad_bounds_are_named(bounds, error, message):
    X, y = simulate()
    for clf in (
        LogLossClassifier(bounds=bounds),
        FocalLogisticRegression(bounds=bounds),
        LogLossClassifierCV(Cs=2, bounds=bounds),
    ):
        with pytest.raises(error, match=message):
            clf.fit(X, y)
    with pytest.raises(error, match=message):
        logloss_path(X, y, bounds=bounds)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_float32_coefficients_stay_within_their_bounds(n_classes):
    # 0.1 is no float32: the closest one is above it.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)).astype(np.float32)
    y = np.digitize(X @ [3, -3, 1, 0], [-1, 1][: n_classes - 1])
    coef = LogLossClassifier(bounds=(-0.1, 0.1)).fit(X, y).coef_.astype(np.float64)
    assert np.all(np.abs(coef) <= 0.1)
    assert np.any(np.abs(coef) > 0.1 - 1e-7)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_bound_that_excludes_zero_leaves_working_sets_to_the_other_features(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 700))
    y = np.digitize(X[:, 0] + rng.logistic(size=200), [-1, 1][: n_classes - 1])
    lower = np.where(np.arange(700) == 3, 0.1, -np.inf)
    clf = LogLossClassifier(C=0.1, l1_ratio=1, bounds=(lower, None), tol=1e-8).fit(X, y)
    assert clf.plan_.methods[0].name == "WORKING_SETS"
    proba = clf.predict_proba(X)
    residual = proba[:, 1:] - y[:, None] if n_classes == 2 else proba - np.eye(3)[y]
    gradient = residual.T @ X / 200
    l1 = 1 / (0.1 * 200)
    least = np.where(clf.coef_ > 0, l1, -l1)
    most = np.where(clf.coef_ < 0, -l1, l1)
    least = np.where(clf.coef_ <= lower, -np.inf, least)
    violation = np.maximum(np.maximum(least + gradient, -gradient - most), 0)
    # tol, and the roundings of sums of 200 terms.
    assert violation.max() <= 1e-8 + 200 * np.finfo(float).eps
    assert np.all(clf.coef_ >= lower)
