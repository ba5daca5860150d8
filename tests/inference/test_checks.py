"""Errors and warnings: what they are about, and what they advise."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklogloss import FocalLogisticRegression, LogLossClassifier, LogLossClassifierCV
from sklogloss.inference import infer


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    return X, (rng.logistic(size=200) < X[:, 0]).astype(int)


@pytest.mark.parametrize(
    ("clf", "covariance", "message"),
    [
        (LogLossClassifier(), "model", "'laplace'"),
        (LogLossClassifier(), "robust", "biases the coefficients"),
        (LogLossClassifier(l1_ratio=1, solver="auto"), "laplace", "the same data selected them"),
        (LogLossClassifier(C=np.inf), "laplace", "clf has none"),
        (LogLossClassifier(penalty_factor=[0, 0, 0]), "laplace", "clf has none"),
        (LogLossClassifier(C=np.inf, class_weight="balanced"), "model", "covariance='robust'"),
        (LogLossClassifier(C=np.inf, label_smoothing=0.1), "model", "covariance='robust'"),
        (FocalLogisticRegression(C=np.inf), "model", "focal loss is not a likelihood"),
        (FocalLogisticRegression(C=np.inf, gamma=0, alpha=0.4), "model", "class weights"),
        (LogLossClassifier(C=np.inf), "sandwich", "covariance must be"),
        (LogLossClassifier(C=np.inf), "cluster", "needs groups"),
    ],
)
def test_a_covariance_that_does_not_suit_the_fit_is_an_error(data, clf, covariance, message):
    with pytest.raises(ValueError, match=message):
        infer(clf.fit(*data), *data, covariance=covariance)


@pytest.mark.parametrize(
    "clf",
    [
        LogLossClassifier(C=np.inf, class_weight="balanced"),
        LogLossClassifier(C=np.inf, label_smoothing=0.1),
        LogLossClassifier(C=1.0, penalty_factor=[0, 0, 0]),
        FocalLogisticRegression(C=np.inf),
    ],
)
def test_robust_is_for_all_fits_without_a_penalty(data, clf):
    result = infer(clf.fit(*data), *data, covariance="robust")
    assert np.all(result.bse > 0)
    with pytest.raises(ValueError, match="wald_test"):
        result.score_test([0])


def test_coefficients_at_their_bounds_are_an_error(data):
    clf = LogLossClassifier(C=np.inf, bounds=(None, [0.1, np.inf, np.inf])).fit(*data)
    with pytest.raises(ValueError, match=r"columns \[0\] are at their bounds"):
        infer(clf, *data)


def test_sparse_coefficients_at_their_bounds_are_an_error_too(data):
    clf = LogLossClassifier(C=np.inf, bounds=(None, [0.1, np.inf, np.inf])).fit(*data)
    with pytest.raises(ValueError, match=r"columns \[0\] are at their bounds"):
        infer(clf.sparsify(), *data)


def test_bounds_that_hold_nothing_do_not_matter(data):
    clf = LogLossClassifier(C=np.inf, tol=1e-10)
    expected = infer(clf.fit(*data), *data).bse
    bounded = LogLossClassifier(C=np.inf, tol=1e-10, bounds=(-10, 10)).fit(*data)
    np.testing.assert_allclose(infer(bounded, *data).bse, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("clf", "message"),
    [
        (LogisticRegression(), "got LogisticRegression"),
        (LogLossClassifierCV(cv=2), "C=clf.C_"),
        (GridSearchCV(LogLossClassifier(), {"C": [1, 2]}, cv=2), "best_estimator_"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "got LogisticRegression"),
    ],
)
def test_other_estimators_are_an_error(data, clf, message):
    with pytest.raises(TypeError, match=message):
        infer(clf.fit(*data), *data)


def test_an_estimator_that_is_not_fitted_is_an_error(data):
    with pytest.raises(NotFittedError):
        infer(LogLossClassifier(C=np.inf), *data)


def test_data_of_another_fit_is_an_error_or_a_warning(data):
    X, y = data
    clf = LogLossClassifier(C=np.inf).fit(X, y)
    with pytest.raises(ValueError, match="2 columns, but clf was fitted to 3"):
        infer(clf, X[:, :2], y)
    with pytest.raises(ValueError, match="classes"):
        infer(clf, X, y + 1)
    with pytest.warns(ConvergenceWarning, match="standard errors from its optimum"):
        infer(clf, X[:150], y[:150])
    with pytest.warns(ConvergenceWarning, match="sample_weight"):
        infer(clf, X, y, sample_weight=np.arange(200.0))
    frame = pd.DataFrame(X, columns=list("abc"))
    clf = LogLossClassifier(C=np.inf).fit(frame, y)
    with pytest.raises(ValueError, match=r"\['c', 'b', 'a'\]"):
        infer(clf, frame[["c", "b", "a"]], y)


def test_a_nan_in_X_is_an_error(data):
    X, y = data
    clf = LogLossClassifier(C=np.inf).fit(X, y)
    X = X.copy()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        infer(clf, X, y)


@pytest.mark.parametrize("dependent", ["sum", "constant", "copy", "dummies"])
@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_dependent_columns_are_named(data, dependent, scale):
    X, y = data
    X = pd.DataFrame(X, columns=["a", "b", "c"])
    if dependent == "sum":
        X["d"], names = scale * (X["a"] + X["b"]), {"a", "b", "d"}
    elif dependent == "constant":
        X["d"], names = scale * 0.1, {"d", "intercept"}
    elif dependent == "copy":
        X["d"], names = scale * X["c"], {"c", "d"}
    else:
        X["d"], X["e"] = (X["b"] > 0) * scale, (X["b"] <= 0) * scale
        names = {"d", "e"}
    clf = LogLossClassifier(C=np.inf).fit(X, y)
    with pytest.raises(ValueError, match="linearly dependent") as raised:
        infer(clf, X, y)
    named = {name for name in [*X.columns, "intercept"] if f"'{name}'" in str(raised.value)}
    assert names <= named <= names | {"intercept"}


def test_more_columns_than_samples_are_an_error():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(10, 20)), np.arange(10) % 2
    with pytest.warns(ConvergenceWarning):
        clf = LogLossClassifier(C=np.inf).fit(X, y)
    with pytest.raises(ValueError, match=r"separates the classes|dependent"):
        infer(clf, X, y)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_separated_classes_are_a_warning_that_points_to_firth(n_classes):
    X = np.r_[np.arange(10.0), np.arange(10.0)][:, None]
    y = np.minimum(X[:, 0] // 5, n_classes - 1).astype(int)
    y[:2] = 0
    if n_classes == 3:
        y[-1] = 2
    with pytest.warns(ConvergenceWarning):
        clf = LogLossClassifier(C=np.inf).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="FirthLogisticRegression"):
        infer(clf, X, y)


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        (np.zeros(200), ValueError, "at least 2 clusters with weight, got 1"),
        (np.zeros(100), ValueError, r"shape \(200,\)"),
        (np.zeros((200, 2)), ValueError, "groups must have one label for each sample"),
        ([1] * 100 + ["a", "b"] * 50, TypeError, "groups must have labels of one type"),
        ([1.0] * 100 + [np.nan, 2.0] * 50, ValueError, "NaN or None"),
        (["a"] * 100 + ["b", None] * 50, ValueError, "NaN or None"),
    ],
)
def test_groups_are_checked(data, groups, error, message):
    clf = LogLossClassifier(C=np.inf).fit(*data)
    with pytest.raises(error, match=message):
        infer(clf, *data, covariance="cluster", groups=np.array(groups, dtype=object))
    with pytest.raises(ValueError, match="'cluster'"):
        infer(clf, *data, groups=np.arange(200))


def test_baseline_is_checked(data):
    clf = LogLossClassifier(C=np.inf).fit(*data)
    with pytest.raises(ValueError, match="baseline"):
        infer(clf, *data, baseline=7)


def test_one_cluster_with_weight_is_too_few(data):
    X, y = data
    weight = np.repeat([1.0, 0.0], 100)
    clf = LogLossClassifier(C=np.inf).fit(X, y, sample_weight=weight)
    with pytest.raises(ValueError, match="at least 2 clusters with weight, got 1"):
        infer(clf, X, y, sample_weight=weight, covariance="cluster", groups=weight)


@pytest.mark.parametrize("covariance", ["HC1", "cluster"])
@pytest.mark.parametrize("n_rows", [3, 4])
def test_as_many_coefficients_as_rows_leave_no_factor(covariance, n_rows):
    # Soft targets of three classes: 2 x 2 coefficients, and 2 x n_rows numbers that tell them.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n_rows, 1)), rng.dirichlet(np.ones(3), size=n_rows)
    clf = LogLossClassifier(C=np.inf, tol=1e-10).fit(X, y)
    groups = np.arange(n_rows) if covariance == "cluster" else None
    with pytest.raises(ValueError, match=f"covariance='{covariance}' .* n={n_rows} and k=4"):
        infer(clf, X, y, covariance=covariance, groups=groups)
    assert np.all(infer(clf, X, y, covariance="robust").bse > 0)


def test_few_clusters_are_a_warning(data):
    X, y = data
    clf = LogLossClassifier(C=np.inf).fit(X, y)
    for n_clusters in (19, 20):
        groups = np.arange(len(X)) % n_clusters
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            infer(clf, X, y, covariance="cluster", groups=groups)
        assert [str(each.message).split(":")[0] for each in caught] == (
            ["groups have 19 clusters with weight"] if n_clusters == 19 else []
        )
        assert all(each.filename == __file__ for each in caught)


def test_warnings_of_the_data_point_at_the_users_line(data):
    X, y = data
    weight = (y == 1).astype(float)
    clf = LogLossClassifier(C=np.inf)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.fit(X, y, sample_weight=weight)
        try:
            infer(clf, X, y, sample_weight=weight)
        except ValueError:
            pass
    of_weight = [each for each in caught if "sample_weight is zero" in str(each.message)]
    assert len(of_weight) == 2
    assert all(each.filename == __file__ for each in of_weight)
