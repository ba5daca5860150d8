"""LogLossClassifier as its users see it: a drop-in, soft targets, weights, posterior."""

import inspect
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit, log_expit
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklogloss import LogLossClassifier

# At this tolerance the solvers end where rounding ends.
TIGHT = {"tol": 1e-10, "max_iter": 1000}


def simulate(n_samples=300, n_features=4, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    scores = X[:, :1] + 0.5 * X[:, 1:2] + rng.logistic(size=(n_samples, 1))
    y = np.digitize(scores[:, 0], np.linspace(-1, 1, n_classes + 1)[1:-1])
    return X, y


def random_probabilities(n_samples, n_classes, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), size=n_samples)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_attributes_are_those_of_logistic_regression(n_classes, fit_intercept, dtype):
    X, y = simulate(n_classes=n_classes)
    X = X.astype(dtype)
    y = np.array(["a", "b", "c"])[y]
    clf = LogLossClassifier(fit_intercept=fit_intercept).fit(X, y)
    expected = LogisticRegression(fit_intercept=fit_intercept).fit(X, y)
    for name in ("classes_", "coef_", "intercept_", "n_iter_"):
        assert getattr(clf, name).shape == getattr(expected, name).shape, name
    for name in ("classes_", "n_iter_"):
        assert getattr(clf, name).dtype == getattr(expected, name).dtype, name
    # Before version 1.8, scikit-learn's lbfgs makes float64 of float32.
    assert clf.coef_.dtype == clf.intercept_.dtype == dtype
    for name in ("decision_function", "predict_proba", "predict_log_proba"):
        ours = getattr(clf, name)(X)
        assert ours.shape == getattr(expected, name)(X).shape, name
        assert ours.dtype == dtype, name
    assert clf.predict(X).dtype == expected.predict(X).dtype
    assert clf.solver_ == "newton-cholesky"
    np.testing.assert_array_equal(clf.class_weight_, np.ones(n_classes))
    # Its lbfgs stops at a gradient of 1e-4; the curvature is about 0.1.
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=5e-3)


def test_parameters_are_those_of_logistic_regression():
    ours = LogLossClassifier().get_params()
    theirs = LogisticRegression().get_params()
    theirs.pop("multi_class", None)
    assert set(theirs) < set(ours)
    assert set(ours) - set(theirs) == {
        "label_smoothing",
        "probabilities",
        "penalty_factor",
        "bounds",
    }
    names = list(inspect.signature(LogLossClassifier).parameters)
    assert names[:3] == ["penalty", "C", "l1_ratio"]


@pytest.mark.parametrize(
    ("parameters", "equivalent"),
    [
        ({"penalty": "l2", "C": 0.3}, {"C": 0.3}),
        ({"penalty": "elasticnet", "l1_ratio": None}, {}),
        ({"l1_ratio": None}, {}),
        ({"penalty": None}, {"C": np.inf}),
        ({"C": np.inf, "l1_ratio": 1.0}, {"C": np.inf}),
        ({"solver": "liblinear", "dual": True, "intercept_scaling": 7.0}, {}),
        ({"solver": "saga", "random_state": 3}, {}),
        ({"solver": "sag", "n_jobs": 1}, {}),
        ({"solver": "newton-cd"}, {}),
        ({"solver": "newton-cd-gram"}, {}),
    ],
)
def test_scikit_learns_ways_to_say_it(parameters, equivalent):
    X, y = simulate()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf = LogLossClassifier(**parameters).fit(X, y)
    expected = LogLossClassifier(**equivalent).fit(X, y)
    np.testing.assert_array_equal(clf.coef_, expected.coef_)
    np.testing.assert_array_equal(clf.intercept_, expected.intercept_)


def test_penalty_that_overrules_is_warned_of():
    X, y = simulate()
    with pytest.warns(UserWarning, match="penalty=None will ignore the C"):
        LogLossClassifier(penalty=None, C=3.0).fit(X, y)
    with pytest.warns(UserWarning, match="Inconsistent values: penalty=l2"):
        LogLossClassifier(penalty="l2", l1_ratio=0.5).fit(X, y)


@pytest.mark.parametrize("parameters", [{"penalty": "l1"}, {"l1_ratio": 0.5}])
@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
def test_smooth_solvers_refuse_an_l1_penalty(parameters, solver):
    with pytest.raises(ValueError, match=f"solver='{solver}' knows no L1 penalty"):
        LogLossClassifier(solver=solver, **parameters).fit(*simulate())


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csc_matrix])
def test_weights_are_repeated_rows(n_classes, container):
    X, y = simulate(n_classes=n_classes)
    weight = np.random.default_rng(1).integers(0, 4, size=len(y))
    weighted = LogLossClassifier(**TIGHT).fit(container(X), y, sample_weight=weight)
    rows = np.repeat(np.arange(len(y)), weight)
    repeated = LogLossClassifier(**TIGHT).fit(container(X[rows]), y[rows])
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=0, atol=1e-9)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, rtol=0, atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.5, 1: 2.0}])
def test_class_weight_is_the_sample_weight_of_the_class(n_classes, class_weight):
    X, y = simulate(n_classes=n_classes)
    weight = np.random.default_rng(2).random(len(y))
    clf = LogLossClassifier(class_weight=class_weight, **TIGHT).fit(X, y, sample_weight=weight)
    if class_weight == "balanced":
        totals = np.bincount(y, weights=weight)
        of_class = totals.sum() / (n_classes * totals)
    else:
        of_class = np.array([0.5, 2.0, 1.0])[:n_classes]
    np.testing.assert_allclose(clf.class_weight_, of_class, rtol=1e-12)
    expected = LogLossClassifier(**TIGHT).fit(X, y, sample_weight=weight * of_class[y])
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=1e-9)


def as_rows(proba):
    # Each row once for each class, weighted by the probability of the class.
    n_samples, n_classes = proba.shape
    rows = np.repeat(np.arange(n_samples), n_classes)
    return rows, np.tile(np.arange(n_classes), n_samples), proba.ravel()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0}])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
def test_soft_targets_are_weighted_rows(n_classes, class_weight, weighted, solver):
    X, _ = simulate()
    proba = random_probabilities(len(X), n_classes)
    weight = np.random.default_rng(3).random(len(X)) if weighted else np.ones(len(X))
    parameters = {"class_weight": class_weight, "solver": solver, **TIGHT}
    soft = LogLossClassifier(**parameters).fit(X, proba, sample_weight=weight if weighted else None)
    rows, labels, part = as_rows(proba)
    hard = LogLossClassifier(**parameters).fit(X[rows], labels, sample_weight=part * weight[rows])
    np.testing.assert_array_equal(soft.classes_, np.arange(n_classes))
    np.testing.assert_allclose(soft.coef_, hard.coef_, rtol=0, atol=1e-8)
    np.testing.assert_allclose(soft.intercept_, hard.intercept_, rtol=0, atol=1e-8)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_columns_of_a_data_frame_are_the_classes(library, n_classes):
    data_frame = pytest.importorskip(library).DataFrame
    X, _ = simulate()
    proba = random_probabilities(len(X), n_classes)
    names = ["rain", "snow", "sun"][:n_classes]
    features = data_frame({f"x{j}": X[:, j] for j in range(X.shape[1])})
    y = data_frame({name: proba[:, k] for k, name in enumerate(names)})
    clf = LogLossClassifier().fit(features, y)
    assert clf.classes_.tolist() == names
    assert clf.feature_names_in_.tolist() == ["x0", "x1", "x2", "x3"]
    assert set(clf.predict(features)) <= set(names)
    # Its columns are contiguous, so that sums are taken in another order.
    np.testing.assert_allclose(clf.coef_, LogLossClassifier().fit(X, proba).coef_, rtol=1e-11)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_label_smoothing_is_a_soft_target(n_classes):
    X, y = simulate(n_classes=n_classes)
    smoothed = LogLossClassifier(label_smoothing=0.3, **TIGHT).fit(X, y)
    target = 0.7 * np.eye(n_classes)[y] + 0.3 / n_classes
    soft = LogLossClassifier(**TIGHT).fit(X, target)
    np.testing.assert_allclose(smoothed.coef_, soft.coef_, rtol=0, atol=1e-9)
    again = LogLossClassifier(label_smoothing=0.3, **TIGHT).fit(X, np.eye(n_classes)[y])
    np.testing.assert_allclose(smoothed.coef_, again.coef_, rtol=0, atol=1e-9)


def test_best_logit_of_a_smoothed_label():
    # A feature that tells the classes apart: the logit of the target 0.9 is ln 9.
    X = np.array([[-1.0], [1.0]])
    clf = LogLossClassifier(C=np.inf, label_smoothing=0.2, **TIGHT).fit(X, [0, 1])
    np.testing.assert_allclose(clf.decision_function(X), [-np.log(9), np.log(9)], rtol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
@pytest.mark.parametrize("class_weight", [None, "balanced", "dict"])
def test_posterior_is_the_frequency_in_the_data(n_classes, label_smoothing, class_weight):
    # With an indicator of each group and no penalty the model is saturated: the posterior of a
    # group must be the frequency of the classes in it, whatever weights and smoothing do.
    counts = np.array([[30, 10, 5], [3, 40, 20]])[:, :n_classes]
    group, label = np.array(
        [(g, k) for g in range(2) for k in range(n_classes) for _ in range(counts[g, k])]
    ).T
    if class_weight == "dict":
        class_weight = {0: 0.2, 1: 3.0}
    clf = LogLossClassifier(
        C=np.inf,
        class_weight=class_weight,
        label_smoothing=label_smoothing,
        probabilities="posterior",
        **TIGHT,
    ).fit(group[:, None].astype(float), label)
    expected = counts / counts.sum(axis=1, keepdims=True)
    # A gradient of 1e-10 over a curvature of 0.01.
    np.testing.assert_allclose(clf.predict_proba([[0.0], [1.0]]), expected, rtol=0, atol=1e-7)
    np.testing.assert_allclose(
        clf.predict_log_proba([[0.0], [1.0]]), np.log(expected), rtol=0, atol=1e-6
    )
    scores = clf.decision_function([[0.0], [1.0]])
    if n_classes == 2:
        scores = np.column_stack([0 * scores, scores])
    assert clf.predict([[0.0], [1.0]]).tolist() == scores.argmax(axis=1).tolist()


def test_posterior_undoes_balancing_of_rare_events():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50_000, 2))
    truth = expit(X @ [1.0, -0.5] - 4)
    y = rng.random(len(X)) < truth
    clf = LogLossClassifier(class_weight="balanced").fit(X, y)
    raw = clf.predict_proba(X)[:, 1]
    posterior = clf.set_params(probabilities="posterior").predict_proba(X)[:, 1]
    assert np.abs(raw - truth).mean() > 0.2
    # About 1,400 events: the standard error of a coefficient is 0.03, of a probability of 0.03
    # some 0.001.
    assert np.abs(posterior - truth).mean() < 0.005


def test_log_proba_is_finite():
    X, y = simulate()
    clf = LogLossClassifier().fit(X, y)
    scores = np.array([-1e300, -1e4, -800.0, -1.0, 0.0, 800.0, 1e4])
    clf.coef_, clf.intercept_ = np.array([[1.0]]), np.zeros(1)
    clf.n_features_in_ = 1
    log_proba = clf.predict_log_proba(scores[:, None])
    assert np.all(np.isfinite(log_proba))
    np.testing.assert_allclose(log_proba[:, 1], log_expit(scores), rtol=1e-15)


def test_three_classes_log_proba_is_finite():
    X, y = simulate(n_classes=3)
    clf = LogLossClassifier().fit(X, y)
    log_proba = clf.predict_log_proba(1e6 * X)
    assert np.all(np.isfinite(log_proba))
    assert log_proba.min() < -1e5


@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
@pytest.mark.parametrize("C", [1.0, np.inf])
def test_multinomial_coefficients_sum_to_zero(solver, C):
    X, y = simulate(n_classes=3)
    clf = LogLossClassifier(solver=solver, C=C).fit(X, y)
    np.testing.assert_allclose(clf.coef_.sum(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(clf.intercept_.sum(), 0, atol=1e-14)


@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_warm_start(solver, n_classes):
    X, y = simulate(n_classes=n_classes)
    clf = LogLossClassifier(solver=solver, warm_start=True).fit(X, y)
    coef, n_iter = clf.coef_, clf.n_iter_[0]
    clf.fit(X, y)
    assert clf.n_iter_[0] < n_iter
    np.testing.assert_allclose(clf.coef_, coef, rtol=0, atol=1e-6)
    clf.sparsify().fit(X, y)
    np.testing.assert_allclose(clf.coef_, coef, rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="warm_start=True starts from coef_, which has shape"):
        clf.fit(X[:, :2], y)


def test_sparsify_and_densify():
    X, y = simulate()
    clf = LogLossClassifier().fit(X, y)
    expected = clf.predict_proba(X)
    assert sparse.issparse(clf.sparsify().coef_)
    np.testing.assert_allclose(clf.predict_proba(X), expected, rtol=1e-14)
    np.testing.assert_allclose(clf.densify().predict_proba(X), expected, rtol=1e-14)


def test_pickle_and_clone():
    X, y = simulate(n_classes=3)
    clf = LogLossClassifier(C=0.3, label_smoothing=0.1).fit(X, y)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(clf)).predict_proba(X), clf.predict_proba(X)
    )
    assert clone(clf).get_params() == clf.get_params()
    assert not hasattr(clone(clf), "coef_")


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_grid_search_in_a_pipeline_finds_what_logistic_regression_finds(n_jobs):
    X, y = load_breast_cancer(return_X_y=True)
    grid = np.logspace(-2, 1, 4)

    def search(classifier, name):
        pipeline = make_pipeline(StandardScaler(), classifier)
        return GridSearchCV(
            pipeline, {f"{name}__C": grid}, scoring="neg_log_loss", n_jobs=n_jobs
        ).fit(X, y)

    ours = search(LogLossClassifier(), "loglossclassifier")
    theirs = search(LogisticRegression(tol=1e-8, max_iter=1000), "logisticregression")
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-5
    )
    assert list(ours.best_params_.values()) == list(theirs.best_params_.values())


def test_max_iter_zero_is_the_start():
    X, y = load_iris(return_X_y=True)
    clf = LogLossClassifier(max_iter=0)
    with pytest.warns(UserWarning, match="max_iter=0"):
        clf.fit(X, y)
    assert clf.n_iter_.tolist() == [0]
    np.testing.assert_array_equal(clf.coef_, np.zeros((3, 4)))


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float16])
def test_other_dtypes_become_float64(dtype):
    X, y = simulate()
    X = (10 * X).astype(dtype)
    clf = LogLossClassifier().fit(X, y)
    assert clf.coef_.dtype == np.float64
    expected = LogLossClassifier().fit(X.astype(np.float64), y)
    np.testing.assert_array_equal(clf.coef_, expected.coef_)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, np.int32, np.int64, np.uint64])
@pytest.mark.parametrize("labels", [(0, 1), (3, 100), (0, 1, 2), (0, 7, 120)])
def test_many_integer_labels(dtype, labels):
    # Labels of large data are counted, not sorted.
    if dtype is bool and labels != (0, 1):
        pytest.skip("a boolean is 0 or 1")
    X, y = simulate(n_samples=10_001, n_classes=len(labels))
    clf = LogLossClassifier().fit(X, np.array(labels, dtype=dtype)[y])
    assert clf.classes_.dtype == dtype
    assert clf.classes_.tolist() == list(labels)
    np.testing.assert_array_equal(clf.coef_, LogLossClassifier().fit(X, y.astype(str)).coef_)


def test_integer_labels_far_apart():
    X, y = simulate(n_samples=10_001)
    labels = np.array([-(2**62), 2**62])
    clf = LogLossClassifier().fit(X, labels[y])
    np.testing.assert_array_equal(clf.classes_, labels)
    np.testing.assert_array_equal(clf.coef_, LogLossClassifier().fit(X, y).coef_)


def test_takes_the_parameters_of_logistic_regression():
    X, y = simulate()
    parameters = LogisticRegression(C=0.3).get_params()
    parameters.pop("multi_class", None)
    clf = LogLossClassifier(**parameters).fit(X, y)
    expected = LogLossClassifier(C=0.3, solver=parameters["solver"]).fit(X, y)
    np.testing.assert_array_equal(clf.coef_, expected.coef_)


@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
@pytest.mark.parametrize("C", [1.0, np.inf])
def test_soft_targets_that_are_rounded(solver, C):
    X, _ = simulate()
    proba = random_probabilities(len(X), 3).round(6)
    assert np.abs(proba.sum(axis=1) - 1).max() > 5e-7
    clf = LogLossClassifier(C=C, solver=solver, **TIGHT).fit(X, proba)
    exact = proba / proba.sum(axis=1, keepdims=True)
    expected = LogLossClassifier(C=C, solver=solver, **TIGHT).fit(X, exact)
    # Gradients below 1e-10 over a curvature of at least 0.01.
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=1e-8)


def test_many_large_labels():
    X = np.random.default_rng(0).normal(size=(10_001, 2))
    y = (X[:, 0] > 0).astype(np.uint64) + np.uint64(2**63)
    assert LogLossClassifier().fit(X, y).classes_.tolist() == [2**63, 2**63 + 1]


def test_a_single_sample_weight_is_that_of_all_samples():
    X, y = load_iris(return_X_y=True)
    clf = LogLossClassifier().fit(X, y, sample_weight=2.5)
    expected = LogLossClassifier().fit(X, y, sample_weight=np.full(len(y), 2.5))
    np.testing.assert_array_equal(clf.coef_, expected.coef_)


def test_soft_targets_in_float16():
    X, y = load_iris(return_X_y=True)
    soft = (0.85 * np.eye(3)[y] + 0.05).astype(np.float16)
    clf = LogLossClassifier().fit(X, soft)
    exact = soft.astype(np.float64)
    expected = LogLossClassifier().fit(X, exact / exact.sum(axis=1, keepdims=True))
    np.testing.assert_array_equal(clf.coef_, expected.coef_)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_plain_arrays_are_predicted_as_all_others(dtype, order, n_classes):
    X, y = load_iris(return_X_y=True)
    X, y = X[y < n_classes].astype(dtype), y[y < n_classes]
    clf = LogLossClassifier().fit(X, y)
    plain = np.asarray(X, order=order)
    scores = clf.decision_function(plain)
    assert scores.dtype == dtype
    assert scores.shape == ((len(y),) if n_classes == 2 else (len(y), n_classes))
    # A list goes through scikit-learn's validation, in float64.
    assert abs(scores - clf.decision_function(X.tolist())).max() < 64 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_many_rows_are_predicted_as_few(dtype, order, n_classes):
    X, y = load_iris(return_X_y=True)
    X, y = X[y < n_classes].astype(dtype), y[y < n_classes]
    clf = LogLossClassifier(n_jobs=2).fit(X, y)
    many = np.asarray(np.tile(X, (300, 1)), order=order)
    tolerance = 64 * np.finfo(dtype).eps
    for method in ("decision_function", "predict", "predict_proba", "predict_log_proba"):
        few = getattr(clf, method)(X)
        prediction = getattr(clf, method)(many)
        assert prediction.dtype == few.dtype
        expected = np.concatenate([few] * 300)
        assert prediction.shape == expected.shape
        assert abs(prediction - expected).max() < tolerance


def test_names_of_an_earlier_fit_are_forgotten():
    X, y = load_iris(return_X_y=True)
    clf = LogLossClassifier().fit(pd.DataFrame(X, columns=list("abcd")), y)
    assert hasattr(clf, "feature_names_in_")
    clf.fit(X[:, :3], y)
    assert not hasattr(clf, "feature_names_in_")
    assert clf.n_features_in_ == 3


def test_subclasses_have_their_own_parameters():
    class Other(LogLossClassifier):
        def __init__(self, C=1.0, other=2):
            super().__init__(C=C)
            self.other = other

    LogLossClassifier().get_params()
    assert Other().get_params() == {"C": 1.0, "other": 2}
    assert clone(Other(other=3)).other == 3
    assert "other" not in LogLossClassifier().get_params()


@pytest.mark.filterwarnings("error")
def test_sums_of_rows_that_overflow():
    X, y = load_iris(return_X_y=True)
    clf = LogLossClassifier().fit(X, y)
    X = np.tile(X, (200, 1))
    X[:, 0] = np.finfo(np.float64).max / 4
    proba = clf.predict_proba(X)
    assert np.isfinite(proba).all()
    np.testing.assert_array_equal(proba[:150], clf.predict_proba(X[:150]))


def test_plain_arrays_are_validated():
    X, y = load_iris(return_X_y=True)
    clf = LogLossClassifier().fit(X, y)
    methods = clf.decision_function, clf.predict, clf.predict_proba, clf.predict_log_proba
    for wrong, message in (
        (np.where(X == X.max(), np.nan, X), "contains NaN"),
        (np.where(X == X.max(), np.inf, X), "contains infinity"),
        (X[:, :3], "X has 3 features"),
        (X[:0], "0 sample"),
        (X[0], "Expected 2D array"),
    ):
        # Few rows, and so many that a pass predicts them.
        for n_times in (1, 200):
            rows = np.tile(wrong, (n_times, 1)) if wrong.ndim == 2 else wrong
            for method in methods:
                with pytest.raises(ValueError, match=message):
                    method(rows)
    named = LogLossClassifier().fit(pd.DataFrame(X, columns=list("abcd")), y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        named.predict_proba(X)
