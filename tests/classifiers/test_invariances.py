"""What must not change a fit, and what must change it in a known way."""

import inspect
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score

from sklogloss import LogLossClassifier

pytestmark = pytest.mark.filterwarnings("error")

SOLVERS = ["newton-cholesky", "newton-cg", "lbfgs"]
# Gradients below 1e-10 over a curvature of at least 0.01: the fits are 1e-8 to each other.
TIGHT = {"tol": 1e-10, "max_iter": 1000}
ATOL = 1e-8


def simulate(n_samples=200, n_features=4, n_classes=2):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features))
    scores = X @ np.linspace(-1, 1, n_features) + rng.logistic(size=n_samples)
    return X, np.digitize(scores, np.linspace(-1, 1, n_classes + 1)[1:-1])


def assert_same(clf, expected, atol=ATOL):
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=atol)
    np.testing.assert_allclose(clf.intercept_, expected.intercept_, rtol=0, atol=atol)


def test_signature():
    signature = inspect.signature(LogLossClassifier)
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    assert str(inspect.Signature(parameters)) == (
        "(penalty='elasticnet', *, C=1.0, l1_ratio=0.0, dual=False, tol=0.0001, "
        "fit_intercept=True, intercept_scaling=1, class_weight=None, random_state=None, "
        "solver='auto', max_iter=100, verbose=0, warm_start=False, n_jobs=None, "
        "label_smoothing=0.0, probabilities='model', penalty_factor=None, bounds=None)"
    )


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_order_of_features_rows_and_classes(solver, n_classes):
    X, y = simulate(n_classes=n_classes)
    expected = LogLossClassifier(solver=solver, **TIGHT).fit(X, y)
    rng = np.random.default_rng(1)
    features, rows = rng.permutation(X.shape[1]), rng.permutation(len(X))
    clf = LogLossClassifier(solver=solver, **TIGHT).fit(X[rows][:, features], y[rows])
    np.testing.assert_allclose(clf.coef_, expected.coef_[:, features], rtol=0, atol=ATOL)
    clf.fit(X, n_classes - 1 - y)
    if n_classes == 2:
        np.testing.assert_allclose(clf.coef_, -expected.coef_, rtol=0, atol=ATOL)
        np.testing.assert_allclose(clf.intercept_, -expected.intercept_, rtol=0, atol=ATOL)
    else:
        np.testing.assert_allclose(clf.coef_, expected.coef_[::-1], rtol=0, atol=ATOL)
        np.testing.assert_allclose(clf.intercept_, expected.intercept_[::-1], rtol=0, atol=ATOL)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_sparse_is_dense(solver, container, n_classes):
    X, y = simulate(n_classes=n_classes)
    X *= X > 0.3
    expected = LogLossClassifier(solver=solver, **TIGHT).fit(X, y)
    clf = LogLossClassifier(solver=solver, **TIGHT).fit(container(X), y)
    assert_same(clf, expected)
    np.testing.assert_allclose(
        clf.predict_proba(container(X)), expected.predict_proba(X), rtol=0, atol=ATOL
    )


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_float32_is_close_to_float64(solver, n_classes):
    X, y = simulate(n_classes=n_classes)
    X = X.astype(np.float32)
    clf = LogLossClassifier(solver=solver).fit(X, y)
    assert clf.coef_.dtype == clf.predict_proba(X).dtype == np.float32
    # Gradients with len(X) roundings of numbers of size 1 (mean |x| < 1) over a curvature of 0.1 at
    # the least.
    assert_same(clf, LogLossClassifier(**TIGHT).fit(X.astype(np.float64), y), atol=2e-4)


@pytest.mark.parametrize("solver", SOLVERS)
def test_weights_times_a_number_are_c_times_it(solver):
    X, y = simulate()
    weight = np.random.default_rng(1).exponential(size=len(X))
    expected = LogLossClassifier(C=6.0, solver=solver, **TIGHT).fit(X, y, sample_weight=weight)
    clf = LogLossClassifier(C=2.0, solver=solver, **TIGHT).fit(X, y, sample_weight=3 * weight)
    assert_same(clf, expected)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_of_weight_zero_have_no_say(solver, n_classes):
    X, y = simulate(n_classes=n_classes)
    expected = LogLossClassifier(solver=solver, class_weight="balanced", **TIGHT).fit(X, y)
    # Their squares overflow.
    X_more = np.vstack([np.full((1, X.shape[1]), 1e200), X, -np.full((1, X.shape[1]), 1e200)])
    y_more = np.r_[1, y, 0]
    weight = np.r_[0.0, np.ones(len(X)), 0.0]
    clf = LogLossClassifier(solver=solver, class_weight="balanced", **TIGHT)
    assert_same(clf.fit(X_more, y_more, sample_weight=weight), expected)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_and_smoothing_of_soft_targets_are_those_of_rows(n_classes):
    X, _ = simulate()
    proba = np.random.default_rng(1).dirichlet(np.ones(n_classes), size=len(X))
    rows, labels = np.divmod(np.arange(proba.size), n_classes)
    parameters = {"class_weight": {0: 3.0, 1: 0.5}, "label_smoothing": 0.2, **TIGHT}
    soft = LogLossClassifier(**parameters).fit(X, proba)
    hard = LogLossClassifier(**parameters).fit(X[rows], labels, sample_weight=proba.ravel())
    assert_same(soft, hard)


@pytest.mark.parametrize("solver", SOLVERS)
def test_separable_probabilities_are_named(solver):
    # Certain probabilities are labels.
    X, _ = simulate()
    y = np.eye(2)[(X[:, 0] > 0).astype(int)]
    with pytest.warns(ConvergenceWarning, match="separable"):
        clf = LogLossClassifier(C=np.inf, solver=solver).fit(X, y)
    assert np.all(np.isfinite(clf.coef_))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_smoothed_separable_labels_have_an_optimum(solver, n_classes):
    # A saturated model, whose decision values say exactly the smoothed targets.
    X = np.eye(n_classes)
    clf = LogLossClassifier(
        C=np.inf, label_smoothing=0.1, fit_intercept=False, solver=solver, **TIGHT
    ).fit(X, np.arange(n_classes))
    expected = 0.9 * np.eye(n_classes) + 0.1 / n_classes
    np.testing.assert_allclose(clf.predict_proba(X), expected, rtol=0, atol=ATOL)


@pytest.mark.parametrize("labels", [["b", "a"], [-1, 1], [True, False], [10.0, 2.0]])
def test_kinds_of_labels(labels):
    X, y = simulate()
    clf = LogLossClassifier().fit(X, np.array(labels)[y])
    np.testing.assert_array_equal(clf.classes_, np.unique(labels))
    named = clf.classes_[(clf.decision_function(X) > 0).astype(int)]
    np.testing.assert_array_equal(clf.predict(X), named)
    assert clf.score(X, np.array(labels)[y]) > 0.7


@pytest.mark.parametrize("labels", [["b", "a"], [-1, 1], [True, False], [10.0, 2.0]])
@pytest.mark.parametrize("kind", [np.asarray, list, pd.Series])
def test_the_score_is_the_accuracy(labels, kind):
    X, y = simulate()
    weight = np.random.default_rng(0).uniform(size=len(y))
    y = np.array(labels)[y]
    clf = LogLossClassifier(C=0.1).fit(X, y)
    assert clf.score(X, kind(y)) == accuracy_score(y, clf.predict(X))
    expected = accuracy_score(y, clf.predict(X), sample_weight=weight)
    assert clf.score(X, kind(y), sample_weight=weight) == expected
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clf.score(X, kind(y[1:]))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("probabilities", ["model", "posterior"])
def test_predict_follows_the_decision_function(n_classes, probabilities):
    X, y = simulate(n_classes=n_classes)
    clf = LogLossClassifier(class_weight={0: 20.0}, probabilities=probabilities).fit(X, y)
    scores = clf.decision_function(X)
    expected = scores.argmax(axis=1) if n_classes > 2 else scores > 0
    np.testing.assert_array_equal(clf.predict(X), expected)
    agrees = clf.predict_proba(X).argmax(axis=1) == expected
    assert agrees.all() == (probabilities == "model")


@pytest.mark.parametrize("probabilities", ["model", "posterior"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_log_proba_of_decision_values_of_10000(probabilities, label_smoothing, n_classes, dtype):
    X, y = simulate(n_classes=n_classes)
    clf = LogLossClassifier(
        class_weight="balanced", label_smoothing=label_smoothing, probabilities=probabilities
    ).fit(X.astype(dtype), y)
    far = (1e4 / np.abs(clf.coef_).max() * X).astype(dtype)
    assert np.abs(clf.decision_function(far)).max() > 1e4
    log_proba = clf.predict_log_proba(far)
    assert log_proba.dtype == dtype
    assert np.all(np.isfinite(log_proba))
    np.testing.assert_allclose(
        np.exp(log_proba).sum(axis=1), 1, rtol=0, atol=2 * n_classes * np.finfo(dtype).eps
    )


def test_arrays_of_the_caller_are_read_only_and_stay(tmp_path):
    X, y = simulate(n_classes=3)
    arrays = {"X": X, "y": y, "weight": np.linspace(0, 1, len(X)), "soft": np.eye(3)[y]}
    joblib.dump(arrays, tmp_path / "arrays")
    mapped = joblib.load(tmp_path / "arrays", mmap_mode="r")
    clf = LogLossClassifier(class_weight="balanced", label_smoothing=0.1)
    clf.fit(mapped["X"], mapped["y"], sample_weight=mapped["weight"])
    clf.fit(mapped["X"], mapped["soft"], sample_weight=mapped["weight"])
    for name, array in arrays.items():
        np.testing.assert_array_equal(mapped[name], array)


def test_joblib_runs_fits_in_processes():
    X, y = simulate()
    settings = [0.1, 1.0]
    fits = joblib.Parallel(n_jobs=2)(
        joblib.delayed(LogLossClassifier(C=C).fit)(X, y) for C in settings
    )
    for C, clf in zip(settings, fits, strict=True):
        assert_same(clf, LogLossClassifier(C=C).fit(X, y), atol=0)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_of_features(library):
    data_frame = pytest.importorskip(library).DataFrame
    X, y = simulate()
    frame = data_frame({name: X[:, j] for j, name in enumerate("abcd")})
    clf = LogLossClassifier().fit(frame, y)
    assert clf.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(clf.predict_proba(frame), clf.predict_proba(frame[list("abcd")]))
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(frame[list("bacd")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an array has no names
        np.testing.assert_array_equal(clf.predict(X), clf.predict(frame))
