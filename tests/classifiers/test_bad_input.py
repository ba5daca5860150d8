"""Input out of its range: an error that names the argument."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.feature_selection import SelectFromModel

from sklogloss import FocalLogisticRegression, LogLossClassifier, LogLossClassifierCV

X = np.random.default_rng(0).normal(size=(20, 3))
Y = np.arange(20) % 2
SOFT = np.column_stack([np.full(20, 0.25), np.full(20, 0.75)])


def changed(array, value):
    array = np.array(array, dtype=np.result_type(array, type(value)))
    array.flat[3] = value
    return array


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"C": -1.0}, ValueError, r"C must be in \(0, inf\], got -1.0"),
        ({"C": 0}, ValueError, "C must be in"),
        ({"C": np.nan}, ValueError, "C must be in"),
        ({"C": "1"}, TypeError, "C must be a number in"),
        ({"l1_ratio": 1.5}, ValueError, "l1_ratio must be in"),
        ({"l1_ratio": -0.1}, ValueError, "l1_ratio must be in"),
        ({"tol": -1e-4}, ValueError, "tol must be in"),
        ({"tol": None}, TypeError, "tol must be a number"),
        ({"label_smoothing": 1.0}, ValueError, "label_smoothing must be in"),
        ({"label_smoothing": -0.1}, ValueError, "label_smoothing must be in"),
        ({"max_iter": -1}, ValueError, "max_iter must be an integer >= 0"),
        ({"max_iter": 1.5}, TypeError, "max_iter must be an integer"),
        ({"solver": "adam"}, ValueError, "solver must be one of .*newton-cholesky"),
        ({"penalty": "l3"}, ValueError, "penalty must be one of"),
        ({"probabilities": "true"}, ValueError, "probabilities must be one of"),
        ({"fit_intercept": "yes"}, TypeError, "fit_intercept must be True or False"),
        ({"warm_start": 2}, TypeError, "warm_start must be True or False"),
        ({"n_jobs": 0}, ValueError, "n_jobs must be"),
        ({"n_jobs": 1.5}, TypeError, "n_jobs must be an integer or None, got 1.5"),
        ({"verbose": -1}, ValueError, "verbose must be an integer >= 0"),
        ({"verbose": "x"}, TypeError, "verbose must be an integer"),
        ({"solver": np.array([1, 2])}, ValueError, "solver must be one of"),
        ({"class_weight": "equal"}, ValueError, "class_weight must be"),
        ({"class_weight": {0: 1.0, 7: 2.0}}, ValueError, "class_weight has unknown classes"),
        ({"class_weight": {0: -1.0}}, ValueError, "class_weight must be finite and not negative"),
        ({"class_weight": {0: np.inf}}, ValueError, "class_weight must be finite"),
        ({"class_weight": {0: "a"}}, ValueError, "class_weight must be finite"),
        ({"class_weight": {0: 0.0, 1: 0.0}}, ValueError, "class_weight must leave some weight"),
        ({"intercept_scaling": 0}, ValueError, "intercept_scaling must be in"),
    ],
)
def test_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        LogLossClassifier(**parameters).fit(X, Y)


@pytest.mark.parametrize(
    ("features", "y", "sample_weight", "message"),
    [
        (changed(X, np.nan), Y, None, "X contains NaN"),
        (changed(X, np.inf), Y, None, "X contains infinity"),
        (sparse.csr_array(changed(X, np.nan)), Y, None, "X contains NaN"),
        (X.astype(complex), Y, None, "Complex data not supported"),
        (np.full((20, 3), "a", dtype=object), Y, None, "could not convert string to float"),
        (X, changed(Y, np.nan), None, "y contains NaN"),
        (X, np.zeros(20), None, "y must have samples of at least 2 classes.* only one class"),
        (X, np.tile([1.0, 0.0], (20, 1)), None, "y must have .*one class"),
        (X, Y[:-1], None, "inconsistent numbers of samples"),
        (X, SOFT[:-1], None, "inconsistent numbers of samples"),
        (X, X[:, 0], None, "Unknown label type: continuous"),
        (X, SOFT[:, 0], None, "if they are class probabilities, pass one column per class"),
        (X, changed(SOFT, 0.5), None, "rows are class probabilities and must sum to 1; row 1"),
        (X, SOFT * [-1, 5 / 3], None, "y has class probabilities, which must not be negative"),
        (X, changed(SOFT, np.nan), None, "y contains NaN"),
        (X, np.tile(np.array(["a", "b"]), (20, 1)), None, "y .*must hold class probabilities"),
        (X, Y, np.full(20, "a"), "sample_weight must hold numbers"),
        (X, Y, np.ones(20, dtype=complex), "sample_weight must hold numbers, got dtype complex"),
        (X, Y, changed(np.ones(20), np.nan), "sample_weight contains NaN"),
        (X, Y, changed(np.ones(20), np.inf), "sample_weight contains infinity"),
        (X, Y, changed(np.ones(20), -1.0), "sample_weight must not be negative"),
        (X, Y, np.ones(19), "sample_weight"),
        (X, Y, np.zeros(20), "sample_weight must not be zero for all samples"),
    ],
)
def test_data(features, y, sample_weight, message):
    with pytest.raises(ValueError, match=message):
        LogLossClassifier().fit(features, y, sample_weight=sample_weight)


@pytest.mark.parametrize("labels", [[None, "a"], [1, "a"]])
def test_labels_that_cannot_be_sorted(labels):
    with pytest.raises(TypeError, match="y must have labels of one type"):
        LogLossClassifier().fit(X, np.array(labels * 10, dtype=object))


@pytest.mark.parametrize("estimator", [LogLossClassifier, FocalLogisticRegression])
def test_class_without_weight(estimator):
    labels = np.array(["a", "b", "c"])[np.arange(20) % 3]
    with pytest.warns(UserWarning, match=r"sample_weight is zero for all .*\['b'\]") as caught:
        clf = estimator().fit(X, labels, sample_weight=labels != "b")
    assert caught[0].filename == __file__
    assert clf.predict_proba(X)[:, 1].max() < 1e-6
    with pytest.warns(UserWarning, match=r"class_weight is zero for all .*\['b'\]") as caught:
        estimator(class_weight={"b": 0}).fit(X, labels)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
)
def test_more_features_than_at_fit(method):
    clf = LogLossClassifier().fit(X, Y)
    with pytest.raises(ValueError, match="X has 4 features, but LogLossClassifier is expecting 3"):
        getattr(clf, method)(np.ones((2, 4)))


@pytest.mark.parametrize(
    ("columns", "message"),
    [(["a", "a"], "columns of different names"), (["a", 1], "names that can be sorted")],
)
def test_columns_of_class_probabilities(columns, message):
    pandas = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match=f"y must have .*{message}"):
        LogLossClassifier().fit(X, pandas.DataFrame(SOFT, columns=columns))


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba"])
def test_probabilities_changed_after_the_fit(method):
    clf = LogLossClassifier().fit(X, Y).set_params(probabilities="posteriour")
    with pytest.raises(ValueError, match="probabilities must be one of"):
        getattr(clf, method)(X)


def test_weights_without_digits():
    X = np.array([[0.0], [1.0], [2.0]])
    with pytest.raises(ValueError, match="sample_weight must not lose precision"):
        LogLossClassifier().fit(X, [0, 1, 1], sample_weight=np.full(3, 1e-320))


def test_no_labels_at_all():
    for clf in (LogLossClassifier(), FocalLogisticRegression(), LogLossClassifierCV()):
        with pytest.raises(ValueError, match=f"{type(clf).__name__} .*requires y to be passed"):
            clf.fit(X)


@pytest.mark.parametrize("estimator", [LogLossClassifier, LogLossClassifierCV])
def test_the_error_for_penalty_offers_no_default_of_scikit_learn(estimator):
    with pytest.raises(ValueError, match="penalty must be one of") as caught:
        estimator(penalty="l3").fit(X, Y)
    assert "deprecated" not in str(caught.value)


def test_labels_in_a_row():
    with pytest.raises(ValueError, match=r"y has the shape \(1, 3\)"):
        LogLossClassifier().fit(np.eye(3), [[0, 1, 1]])


def test_default_threshold_of_feature_selection():
    # scikit-learn knows an L1 penalty of other classes than its own by this parameter.
    X, y = load_iris(return_X_y=True)
    assert SelectFromModel(LogLossClassifier(penalty="l1", C=0.1)).fit(X, y).threshold_ == 1e-5


def test_columns_of_several_levels():
    pandas = pytest.importorskip("pandas")
    columns = pandas.MultiIndex.from_tuples([("a", 0), ("a", 1)])
    with pytest.raises(ValueError, match="y must have one name for each column"):
        LogLossClassifier().fit(X, pandas.DataFrame(SOFT, columns=columns))


@pytest.mark.parametrize("y", [SOFT, SOFT.tolist()])
def test_accuracy_of_soft_targets(y):
    for clf in (LogLossClassifier(), FocalLogisticRegression()):
        with pytest.raises(ValueError, match="the accuracy that score returns is of labels"):
            clf.fit(X, Y).score(X, y)


@pytest.mark.parametrize("estimator", [LogLossClassifier, FocalLogisticRegression])
@pytest.mark.parametrize(("place", "pointer"), [(3, 10**5), (3, 1), (-1, 10**5), (0, -1)])
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_array])
def test_pointers_of_a_sparse_matrix(estimator, container, place, pointer):
    broken = container(X)
    broken.indptr[place] = pointer
    with pytest.raises(ValueError, match=r"X\.indptr must ascend from 0"):
        estimator().fit(broken, Y)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (FocalLogisticRegression(alpha=[0, 1, 1]), "alpha"),
        (LogLossClassifierCV(class_weight={0: 0}, Cs=2, cv=2), "class_weight"),
    ],
)
def test_a_class_whose_factor_is_zero(model, name):
    with pytest.warns(UserWarning, match=rf"{name} is zero for .* classes \[0\]"):
        model.fit(np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 3)
