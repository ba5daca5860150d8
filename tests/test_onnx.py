"""Converters to ONNX, run by onnxruntime."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from sklogloss import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
)

onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")
pytest.importorskip("sklogloss.onnx")

DATA = {
    "iris": load_iris(return_X_y=True),
    "cancer": load_breast_cancer(return_X_y=True),
}
MODELS = [
    LogLossClassifier(C=0.1),
    LogLossClassifier(l1_ratio=1, C=0.1),
    LogLossClassifier(fit_intercept=False),
    LogLossClassifier(class_weight="balanced", label_smoothing=0.1),
    LogLossClassifier(class_weight={0: 3, 1: 1}, probabilities="posterior"),
    LogLossClassifier(class_weight={0: 0}, probabilities="posterior"),
    LogLossClassifier(class_weight={0: 3, 1: 1}, label_smoothing=0.1, probabilities="posterior"),
    LogLossClassifierCV(Cs=3, cv=2, class_weight="balanced", probabilities="posterior"),
    FocalLogisticRegression(),
    FocalLogisticRegression(gamma=0.5, class_weight={0: 0.1, 1: 0.9}),
    FocalLogisticRegression(gamma=0, label_smoothing=0.2),
    FocalLogisticRegression(gamma=5, class_weight={0: 3, 1: 1}, label_smoothing=0.1),
    FocalLogisticRegression(gamma=1, C=1e6, max_iter=1000),
    FocalLogisticRegression(probabilities="model"),
    FirthLogisticRegression(),
]


def run(model, X, **options):
    graph = skl2onnx.to_onnx(model, X[:1], options={"zipmap": False} | options)
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {session.get_inputs()[0].name: X})


# Rows of the population, and rows far from it, where probabilities end at 0 and 1.
def rows(X, dtype):
    return np.vstack([X, 100 * X, -1e4 * X[:3]]).astype(dtype)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:class_weight")
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_predictions_are_equal(model, data):
    X, y = scale(DATA[data][0]), DATA[data][1]
    model.fit(X, y)
    for dtype in (np.float32, np.float64):
        new = rows(X, dtype)
        labels, proba = run(model, new)
        assert proba.dtype == dtype
        np.testing.assert_array_equal(labels, model.predict(new.astype(np.float64)))
        expected = model.predict_proba(new.astype(np.float64))
        # Some roundings of scores of up to 1e6, whose errors p (1 - p) makes small, and of float32.
        np.testing.assert_allclose(proba, expected, atol=max(1e-12, np.finfo(dtype).eps))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_of_float32(dtype):
    X, y = scale(DATA["cancer"][0]).astype(np.float32), DATA["cancer"][1]
    clf = FocalLogisticRegression().fit(X, y)
    expected = clf.predict_proba(X)
    np.testing.assert_allclose(run(clf, X.astype(dtype))[1], expected, atol=1e-6)


@pytest.mark.parametrize(
    "names", [["no", "yes"], [False, True], [-5, 7], [0.0, 1.0], [2**40, 2**41]], ids=str
)
def test_labels(names):
    X, y = scale(DATA["cancer"][0]).astype(np.float32), np.array(names)[DATA["cancer"][1]]
    clf = LogLossClassifier().fit(X, y)
    labels = run(clf, X)[0]
    np.testing.assert_array_equal(labels, clf.predict(X))


def test_labels_that_onnx_lacks():
    X, y = DATA["cancer"]
    clf = LogLossClassifier(C=1e-3).fit(X, y)
    clf.classes_ = np.array([0.5, 1.5])
    with pytest.raises(ValueError, match="classes_ must be integers or strings"):
        run(clf, X)


def test_a_pipeline_and_the_default_output():
    X, y = DATA["iris"][0].astype(np.float32), DATA["iris"][1]
    model = make_pipeline(StandardScaler(), FocalLogisticRegression()).fit(X, y)
    expected = model.predict_proba(X)
    maps = run(model, X, zipmap=True)[1]
    np.testing.assert_allclose([list(row.values()) for row in maps], expected, atol=1e-5)
    columns = run(model, X, zipmap="columns")[1:]
    np.testing.assert_allclose(np.column_stack(columns), expected, atol=1e-5)


@pytest.mark.parametrize("data", DATA)
def test_raw_scores(data):
    X, y = scale(DATA[data][0]), DATA[data][1]
    clf = FocalLogisticRegression().fit(X, y)
    scores = clf.decision_function(X)
    if scores.ndim == 1:
        scores = np.column_stack([-scores, scores])
    np.testing.assert_allclose(run(clf, X, raw_scores=True)[1], scores, atol=1e-12)


def test_integers_and_sparse_coefficients():
    X, y = np.rint(10 * DATA["iris"][0]).astype(np.int64), DATA["iris"][1]
    clf = LogLossClassifier(l1_ratio=1, C=0.01).fit(X, y).sparsify()
    labels, proba = run(clf, X)
    np.testing.assert_array_equal(labels, clf.predict(X))
    np.testing.assert_allclose(proba, clf.predict_proba(X), atol=1e-6)


def test_corrupt_attributes():
    X, y = DATA["iris"]
    clf = LogLossClassifier(C=0.1).fit(X, y)
    clf.intercept_ = np.array([1.0, np.nan, 0])
    with pytest.raises(ValueError, match="intercept_ of the fitted LogLossClassifier"):
        run(clf, X)


def test_small_probabilities_of_several_classes_have_their_digits():
    X, y = DATA["iris"]
    clf = FocalLogisticRegression(gamma=0.2).fit(X, y)
    X = np.outer(np.linspace(1, 30, 9), X[0])
    expected = clf.predict_proba(X)
    assert expected.min() < 1e-15
    # Scores of size 100 lose some roundings, and focusing multiplies them.
    np.testing.assert_allclose(run(clf, X)[1], expected, rtol=1e-11)
