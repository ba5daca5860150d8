"""Coefficients for a grid of C are those of fits one by one."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import logsumexp
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from sklogloss import LogLossClassifier, logloss_path

pytestmark = pytest.mark.filterwarnings("error")

# Gradients below 1e-10 over a curvature of at least 1e-3, that of the weakest penalty: paths and
# fits are 1e-7 to each other.
TIGHT = {"tol": 1e-10, "max_iter": 1000}
ATOL = 2e-7


def simulate(n_samples=200, n_features=5, n_classes=2):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features))
    scores = X @ np.linspace(-1, 1, n_features) + rng.logistic(size=n_samples)
    return X, np.digitize(scores, np.linspace(-1, 1, n_classes + 1)[1:-1])


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csc_matrix])
def test_path_is_fits_one_by_one(n_classes, l1_ratio, container):
    X, y = simulate(n_classes=n_classes)
    # Neither ascending nor descending.
    Cs = [1.0, 0.01, 5.0, 0.1]
    path = logloss_path(container(X), y, Cs=Cs, l1_ratio=l1_ratio, **TIGHT)
    np.testing.assert_array_equal(path.Cs, Cs)
    np.testing.assert_array_equal(path.classes, np.unique(y))
    assert path.l1_ratio == l1_ratio
    assert path.n_iter.shape == (4,)
    for C, coef, intercept in zip(Cs, path.coefs, path.intercepts, strict=True):
        clf = LogLossClassifier(C=C, l1_ratio=l1_ratio, **TIGHT).fit(X, y)
        np.testing.assert_allclose(coef, clf.coef_, rtol=0, atol=ATOL)
        np.testing.assert_allclose(intercept, clf.intercept_, rtol=0, atol=ATOL)
        np.testing.assert_array_equal(coef == 0, clf.coef_ == 0)


def test_weights_smoothing_and_no_intercept():
    X, y = simulate(n_classes=3)
    weight = np.random.default_rng(1).uniform(0.5, 2, size=len(y))
    parameters = {
        "fit_intercept": False,
        "class_weight": "balanced",
        "label_smoothing": 0.1,
        **TIGHT,
    }
    path = logloss_path(X, y, Cs=[0.1, 1], sample_weight=weight, **parameters)
    for C, coef in zip(path.Cs, path.coefs, strict=True):
        clf = LogLossClassifier(C=C, **parameters).fit(X, y, sample_weight=weight)
        np.testing.assert_allclose(coef, clf.coef_, rtol=0, atol=ATOL)
    np.testing.assert_array_equal(path.intercepts, np.zeros((2, 3)))


@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
def test_solvers(solver):
    X, y = simulate()
    path = logloss_path(X, y, Cs=[0.1, 1], solver=solver, **TIGHT)
    expected = logloss_path(X, y, Cs=[0.1, 1], **TIGHT)
    np.testing.assert_allclose(path.coefs, expected.coefs, rtol=0, atol=ATOL)


def test_many_classes_and_features_go_by_conjugate_gradients_and_updated_hessians():
    # More classes and features than have the Hessian taken at each step.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 30))
    y = np.argmax(X @ rng.normal(size=(30, 6)) + rng.gumbel(size=(600, 6)), axis=1)
    Cs = np.geomspace(1e-3, 1e3, 7)
    path = logloss_path(X, y, Cs=Cs, **TIGHT)
    for C, coef in zip(Cs, path.coefs, strict=True):
        clf = LogLossClassifier(C=C, solver="lbfgs", **TIGHT).fit(X, y)
        # The penalty's curvature is 1 / (600 C).
        np.testing.assert_allclose(coef, clf.coef_, rtol=0, atol=2e-10 * 600 * max(C, 1) * 10)


def test_float32_and_feature_names():
    X, y = simulate()
    frame = pd.DataFrame(X.astype(np.float32), columns=list("abcde"))
    path = logloss_path(frame, y, Cs=3)
    assert path.coefs.dtype == path.intercepts.dtype == np.float32
    assert list(path.feature_names) == list("abcde")


def test_no_penalty_is_the_last_point():
    X, y = simulate()
    path = logloss_path(X, y, Cs=[np.inf, 1.0], **TIGHT)
    clf = LogLossClassifier(C=np.inf, **TIGHT).fit(X, y)
    np.testing.assert_allclose(path.coefs[0], clf.coef_, rtol=0, atol=ATOL)


def test_fits_that_do_not_converge_are_counted():
    X, y = simulate()
    with pytest.warns(ConvergenceWarning, match=r"2 of 2 fits failed to converge.*max_iter=1"):
        logloss_path(X, y, Cs=[1, 100], max_iter=1, tol=1e-10)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"Cs": 0}, ValueError, "Cs must be an integer >= 1"),
        ({"Cs": 2.5}, TypeError, "Cs must be an integer"),
        ({"Cs": []}, ValueError, "Cs must be"),
        ({"Cs": [[1.0]]}, ValueError, "Cs must be"),
        ({"Cs": [1.0, -1.0]}, ValueError, r"Cs must be in \(0, inf\], got -1.0"),
        ({"l1_ratio": 2}, ValueError, r"l1_ratio must be in \[0, 1\]"),
        ({"l1_ratio": 1, "solver": "lbfgs"}, ValueError, "solver='lbfgs' knows no L1"),
        ({"tol": -1}, ValueError, "tol must be"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        logloss_path(*simulate(), **parameters)


def test_start_that_is_the_optimum():
    path = logloss_path(np.zeros((10, 2)), np.arange(10) % 2, Cs=[0.1, 1.0])
    assert not path.coefs.any()
    assert not path.intercepts.any()


def test_values_that_are_not_finite_are_named():
    X, y = simulate()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        logloss_path(X, y)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_sparse_path_of_many_features_starts_empty_and_ends_without_penalty(fit_intercept):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 1000))
    y = (X[:, 0] + rng.standard_normal(60) > 0).astype(int)
    share = y.mean() if fit_intercept else 0.5
    lowest = 1 / np.abs(X.T @ (y - share)).max()
    Cs = lowest * np.array([0.5, 0.9, 1.5, 3.0, 6.0])
    arguments = {"l1_ratio": 1.0, "fit_intercept": fit_intercept, "solver": "coordinate-descent"}
    path = logloss_path(X, y, Cs=Cs, **arguments)
    assert not path.coefs[:2].any()
    for C, coef, intercept in zip(Cs, path.coefs[:, 0], path.intercepts[:, 0], strict=True):
        p = 1 / (1 + np.exp(-(X @ coef + intercept)))
        gradient = X.T @ (p - y)
        is_zero = coef == 0
        # The subgradient of the mean loss is within tol.
        tolerance = 1e-4 * len(y)
        assert np.all(np.abs(gradient[is_zero]) <= 1 / C + tolerance)
        np.testing.assert_allclose(
            gradient[~is_zero], -np.sign(coef[~is_zero]) / C, rtol=0, atol=tolerance
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        logloss_path(X, y, Cs=[*Cs, np.inf], max_iter=20, **arguments)


def test_weak_penalties_on_data_told_apart():
    # The Hessian of an earlier point says nothing of rare features whose samples are told apart.
    rng = np.random.default_rng(1)
    n_samples, n_classes, C = 6000, 5, 100.0
    y = rng.integers(n_classes, size=n_samples)
    X = rng.normal(size=(n_samples, 40))
    X[np.arange(n_samples), y] += 9
    for j in range(20, 40):
        rows = rng.choice(n_samples, 30, replace=False)
        X[:, j] = 0
        X[rows, j] = rng.normal(size=30)

    def objective(coef, intercept):
        z = X @ coef.T + intercept
        loss = logsumexp(z, axis=1) - z[np.arange(n_samples), y]
        return C * loss.sum() + (coef**2).sum() / 2

    path = logloss_path(X, y, Cs=[0.01, 0.1, 1, 10, C], tol=1e-8)
    theirs = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-10, max_iter=1000).fit(X, y)
    optimum = objective(theirs.coef_, theirs.intercept_)
    assert objective(path.coefs[-1], path.intercepts[-1]) <= optimum * (1 + 1e-6)


@pytest.mark.parametrize("max_iter", [1, 2])
def test_warning_names_the_given_max_iter(max_iter):
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    with pytest.warns(ConvergenceWarning, match=f": max_iter={max_iter} iterations were not"):
        logloss_path(X, y, Cs=3, max_iter=max_iter)
