"""LogLossClassifier with L1 and elastic net: all that the classifier takes goes with them."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from sklogloss import LogLossClassifier

pytestmark = pytest.mark.filterwarnings("error")

# Gradients below 1e-10 over a curvature of at least 0.01: the fits are 1e-8 to each other.
TIGHT = {"tol": 1e-10, "max_iter": 500}
ATOL = 1e-8
RATIOS = [0.5, 1.0]
# One that is solved with the Hessian at hand, one by working sets.
SIZES = {"few features": (300, 12), "many features": (120, 600)}


def simulate(n_samples=300, n_features=12, n_classes=2):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features))
    scores = X[:, :4] @ [1.0, -1.0, 0.5, -0.5] + rng.logistic(size=n_samples)
    return X, np.digitize(scores, np.linspace(-1, 1, n_classes + 1)[1:-1])


def assert_same(clf, expected, atol=ATOL):
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=atol)
    np.testing.assert_allclose(clf.intercept_, expected.intercept_, rtol=0, atol=atol)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", RATIOS)
def test_same_fit_for_every_container(l1_ratio, n_classes, size):
    X, y = simulate(*SIZES[size], n_classes)
    X[X < 0.5] = 0
    options = {"C": 0.2, "l1_ratio": l1_ratio, **TIGHT}
    expected = LogLossClassifier(**options).fit(X, y)
    assert 0 < np.count_nonzero(expected.coef_) < expected.coef_.size
    for container in (np.asfortranarray, sparse.csr_array, sparse.csc_matrix):
        clf = LogLossClassifier(**options).fit(container(X), y)
        assert_same(clf, expected)
        np.testing.assert_array_equal(clf.coef_ == 0, expected.coef_ == 0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_float32_and_threads(size, n_classes):
    X, y = simulate(*SIZES[size], n_classes)
    one = LogLossClassifier(C=0.2, l1_ratio=0.9, n_jobs=1).fit(X, y)
    two = LogLossClassifier(C=0.2, l1_ratio=0.9, n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(one.coef_, two.coef_)
    single = LogLossClassifier(C=0.2, l1_ratio=0.9).fit(X.astype(np.float32), y)
    assert single.coef_.dtype == np.float32
    # Gradients in float32 are right to some sqrt(n) eps, the curvature is at least 0.01.
    atol = 100 * np.sqrt(len(X)) * np.finfo(np.float32).eps
    np.testing.assert_allclose(single.coef_, one.coef_, rtol=0, atol=atol)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", RATIOS)
def test_weights_soft_targets_and_smoothing(l1_ratio, n_classes):
    X, y = simulate(n_classes=n_classes)
    rng = np.random.default_rng(1)
    count = rng.integers(0, 3, size=len(y))
    options = {"C": 0.2, "l1_ratio": l1_ratio, **TIGHT}
    repeated = LogLossClassifier(**options).fit(np.repeat(X, count, axis=0), np.repeat(y, count))
    assert_same(LogLossClassifier(**options).fit(X, y, sample_weight=count), repeated)

    class_weight = dict(enumerate([1.0, 3.0, 2.0][:n_classes]))
    weighted = LogLossClassifier(class_weight=class_weight, **options).fit(X, y)
    by_sample = LogLossClassifier(**options).fit(X, y, sample_weight=np.array([1.0, 3.0, 2.0])[y])
    assert_same(weighted, by_sample)

    soft = np.eye(n_classes)[y]
    assert_same(LogLossClassifier(**options).fit(X, soft), LogLossClassifier(**options).fit(X, y))
    smooth = 0.8 * soft + 0.2 / n_classes
    smoothed = LogLossClassifier(label_smoothing=0.2, **options).fit(X, y)
    assert_same(smoothed, LogLossClassifier(**options).fit(X, smooth))


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("C", [0.05, 1.0])
def test_without_intercept_as_liblinear(container, C):
    X, y = simulate()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = LogisticRegression(
            penalty="l1", C=C, solver="liblinear", fit_intercept=False, tol=1e-12, max_iter=10_000
        ).fit(container(X), y)
    clf = LogLossClassifier(C=C, l1_ratio=1, fit_intercept=False, **TIGHT).fit(container(X), y)
    # liblinear's stopping criterion is relative to the gradient at zero.
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(clf.coef_ == 0, expected.coef_ == 0)


def test_no_penalty_leaves_nothing_of_l1_ratio():
    X, y = simulate()
    clf = LogLossClassifier(C=np.inf, l1_ratio=0.5, **TIGHT).fit(X, y)
    assert_same(clf, LogLossClassifier(C=np.inf, **TIGHT).fit(X, y))


def test_coordinate_descent_without_an_l1_part():
    X, y = simulate(n_classes=3)
    clf = LogLossClassifier(solver="coordinate-descent", **TIGHT).fit(X, y)
    assert_same(clf, LogLossClassifier(solver="newton-cholesky", **TIGHT).fit(X, y))


@pytest.mark.parametrize("size", SIZES)
def test_warm_start_from_dense_and_sparse_coefficients(size):
    X, y = simulate(*SIZES[size])
    expected = LogLossClassifier(C=0.2, l1_ratio=1, **TIGHT).fit(X, y)
    clf = LogLossClassifier(C=0.1, l1_ratio=1, warm_start=True, **TIGHT).fit(X, y)
    clf.set_params(C=0.2)
    assert_same(clf.fit(X, y), expected)
    clf.sparsify()
    assert sparse.issparse(clf.coef_)
    np.testing.assert_array_equal(clf.predict(X), expected.predict(X))
    n_iter = clf.fit(X, y).n_iter_[0]
    assert_same(clf, expected)
    assert n_iter < expected.n_iter_[0]
    again = pickle.loads(pickle.dumps(clf.sparsify()))
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_too_few_iterations_are_warned_of(size, n_classes):
    X, y = simulate(*SIZES[size], n_classes)
    with pytest.warns(ConvergenceWarning, match="coordinate-descent failed to converge: max_iter"):
        clf = LogLossClassifier(C=1, l1_ratio=1, max_iter=1).fit(X, y)
    assert clf.n_iter_.tolist() == [1]
    assert clf.solver_ == "coordinate-descent"


@pytest.mark.parametrize("n_classes", [2, 3])
def test_columns_of_very_different_size(n_classes):
    # A column times s and the penalty for it: not the same problem, but the conditions hold.
    X, y = simulate(n_classes=n_classes)
    X = X * np.logspace(-6, 6, X.shape[1])
    clf = LogLossClassifier(l1_ratio=0.7).fit(X, y)
    log_proba = clf.predict_log_proba(X)
    error = np.exp(log_proba) - np.eye(n_classes)[y]
    error = error[:, 1:] if n_classes == 2 else error
    gradient = (error.T @ X + 0.3 * clf.coef_) / len(y)
    l1 = 0.7 / len(y)
    at_zero = np.maximum(np.abs(gradient) - l1, 0)
    violation = np.where(clf.coef_ == 0, at_zero, np.abs(gradient + l1 * np.sign(clf.coef_)))
    assert violation.max() <= clf.tol


@pytest.mark.parametrize("C", [1, 10, 100])
@pytest.mark.parametrize("seed", range(8))
def test_float32_does_not_drift_along_equal_changes_of_all_classes(seed, C):
    # The loss has no curvature there, but for rounding errors.
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(40, 2)), np.append([0, 1, 2], rng.integers(0, 3, size=37))

    def objective(clf):
        log_proba = clf.predict_log_proba(X.astype(clf.coef_.dtype)).astype(np.float64)
        return -C * log_proba[np.arange(40), y].sum() + np.abs(clf.coef_.astype(np.float64)).sum()

    options = {"C": C, "l1_ratio": 1}
    single = LogLossClassifier(**options).fit(X.astype(np.float32), y)
    # Coefficients and probabilities are rounded to float32.
    eps = np.finfo(np.float32).eps
    assert objective(single) <= objective(LogLossClassifier(**options).fit(X, y)) * (1 + 10 * eps)


def test_weight_on_one_class_only():
    X, y = simulate(n_classes=3)
    with pytest.warns(UserWarning, match=r"zero for all samples of the classes \[0, 2\]"):
        clf = LogLossClassifier(l1_ratio=1).fit(X, y, sample_weight=y == 1)
    assert not clf.coef_.any()
    assert np.all(clf.predict(X) == 1)


@pytest.mark.parametrize("order", "CF")
def test_many_features_of_which_none_matters(order):
    X, y = simulate(60, 2000)
    clf = LogLossClassifier(C=0.01, l1_ratio=1, **TIGHT).fit(np.asarray(X, order=order), y)
    assert not clf.coef_.any()
    assert clf.intercept_[0] == pytest.approx(np.log(y.mean() / (1 - y.mean())), abs=1e-9)


@pytest.mark.parametrize("n_classes", [3, 5])
def test_sparse_data_that_a_weak_penalty_tells_apart(n_classes):
    X = sparse.random(300, 1500, 0.01, random_state=0, format="csr")
    y = np.random.default_rng(0).integers(0, n_classes, size=300)
    C = 100

    def objective(clf):
        log_proba = clf.predict_log_proba(X)
        return -C * log_proba[np.arange(300), y].sum() + np.abs(clf.coef_).sum()

    clf = LogLossClassifier(C=C, l1_ratio=1).fit(X, y)
    tight = LogLossClassifier(C=C, l1_ratio=1, tol=1e-8, max_iter=2000).fit(X.toarray(), y)
    # tol=1e-4 asks for the optimum to a relative 1e-11.
    assert objective(clf) == pytest.approx(objective(tight), rel=1e-10)


def test_warning_names_max_iter_as_given():
    # The outliers make it start anew, with the iterations that are left.
    X = np.random.default_rng(0).normal(size=(1000, 10))
    X[3] *= 1e7
    X[77, 2] = 1e7
    with pytest.warns(ConvergenceWarning, match="max_iter=16 "):
        clf = LogLossClassifier(l1_ratio=1.0, max_iter=16).fit(X, np.arange(1000) % 3)
    assert clf.n_iter_ == 16
