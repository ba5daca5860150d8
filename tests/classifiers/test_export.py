"""`to_sklearn`: a LogisticRegression with the same predictions."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from sklogloss import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
)
from sklogloss.classifiers import export

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)

MODELS = [
    LogLossClassifier(),
    LogLossClassifier(penalty="l1", C=0.1),
    LogLossClassifier(l1_ratio=0.5, C=0.1, solver="coordinate-descent"),
    LogLossClassifier(penalty=None, tol=0.01),
    LogLossClassifier(C=np.inf, l1_ratio=0.5, tol=0.01),
    LogLossClassifier(fit_intercept=False, solver="newton-cg"),
    LogLossClassifier(class_weight="balanced", label_smoothing=0.1),
    LogLossClassifier(bounds=(0, None), penalty_factor=np.ones(4)),
    LogLossClassifierCV(Cs=3, cv=2),
    LogLossClassifierCV(Cs=3, cv=2, l1_ratios=[0.5], refit=False),
    FocalLogisticRegression(probabilities="model", alpha=[1, 2, 3]),
    FirthLogisticRegression(),
]


def accuracy(dtype):
    # Scores of size 100 with one rounding each, and a softmax: some roundings more.
    return 200 * np.finfo(dtype).eps


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_predictions_are_equal(model, dtype):
    X, y = scale(IRIS[0]).astype(dtype), IRIS[1]
    exported = model.fit(X, y).to_sklearn()
    assert type(exported) is LogisticRegression
    for name in ("coef_", "intercept_", "classes_", "n_features_in_"):
        np.testing.assert_array_equal(getattr(exported, name), getattr(model, name))
    assert exported.coef_.dtype == exported.intercept_.dtype == dtype
    assert exported.n_iter_.tolist() == [model.n_iter_.max()]
    np.testing.assert_array_equal(exported.predict(X), model.predict(X))
    for name in ("predict_proba", "decision_function"):
        expected = getattr(model, name)(X)
        np.testing.assert_allclose(getattr(exported, name)(X), expected, atol=accuracy(dtype))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_result_can_be_fitted_again(model):
    X, y = scale(IRIS[0]), IRIS[1]
    exported = model.fit(X, y).to_sklearn()
    exported.set_params(max_iter=10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Scikit-learn 1.8 warns of its own C=np.inf.
        warnings.filterwarnings("ignore", "Setting penalty=None will ignore the C")
        assert exported.fit(X, y).score(X, y) > 0.5


@pytest.mark.parametrize(("l1_ratio", "solver"), [(0.0, "lbfgs"), (0.5, "saga"), (1.0, "saga")])
def test_a_new_fit_of_the_result_has_the_same_optimum(l1_ratio, solver):
    X, y = scale(CANCER[0]), CANCER[1]
    clf = LogLossClassifier(C=0.01, l1_ratio=l1_ratio, tol=1e-8, max_iter=10_000).fit(X, y)
    exported = clf.to_sklearn()
    assert exported.solver == solver
    assert exported.tol == 1e-8
    exported.fit(X, y)
    # A mean objective whose gradient is at most 1e-8 and whose curvature along a coefficient is at
    # least that of the L2 penalty, 1 / (C n), or of the loss, some 0.01: 1e-6 each.
    np.testing.assert_allclose(exported.coef_, clf.coef_, atol=1e-5)


class LogisticRegressionWithoutPenalty(LogisticRegression):
    """That of a future scikit-learn, which drops the parameter."""

    def __init__(self, C=1.0, l1_ratio=0.0, tol=1e-4, solver="lbfgs", max_iter=100, **others):
        self.C, self.l1_ratio, self.tol, self.solver = C, l1_ratio, tol, solver
        self.max_iter, self.others = max_iter, others

    @classmethod
    def _get_param_names(cls):
        return ["C", "l1_ratio", "max_iter", "solver", "tol"]


@pytest.mark.parametrize(
    ("penalty", "meant"),
    [
        (None, (np.inf, 0)),
        ("l2", (0.1, 0)),
        ("l1", (0.1, 1)),
        ("elasticnet", (0.1, 0.5)),
        ("deprecated", (0.1, 0.5)),
    ],
)
@pytest.mark.filterwarnings("ignore:Setting penalty=None", "ignore:Inconsistent values")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_penalty_outlives_that_of_scikit_learn(monkeypatch, penalty, meant):
    monkeypatch.setattr(export, "LogisticRegression", LogisticRegressionWithoutPenalty)
    X, y = scale(CANCER[0]), CANCER[1]
    clf = LogLossClassifier(penalty=penalty, C=0.1, l1_ratio=0.5, max_iter=1000, tol=0.01).fit(X, y)
    exported = clf.to_sklearn()
    assert type(exported) is LogisticRegressionWithoutPenalty
    assert (exported.C, exported.l1_ratio) == meant
    assert "penalty" not in exported.others
    C, l1_ratio = meant
    plain = LogLossClassifier(C=C, l1_ratio=l1_ratio, max_iter=1000, tol=0.01).fit(X, y)
    np.testing.assert_array_equal(clf.coef_, plain.coef_)


@pytest.mark.parametrize("data", [IRIS, CANCER], ids=["iris", "cancer"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_class_weights_of_the_posterior_become_part_of_the_intercept(data, dtype):
    X, y = scale(data[0]).astype(dtype), data[1]
    weight = {label: 1.0 + 3 * label for label in np.unique(y)}
    clf = LogLossClassifier(class_weight=weight, probabilities="posterior").fit(X, y)
    exported = clf.to_sklearn()
    expected = clf.predict_proba(X)
    np.testing.assert_allclose(exported.predict_proba(X), expected, atol=accuracy(dtype))
    np.testing.assert_array_equal(exported.predict(X), expected.argmax(axis=1))
    np.testing.assert_array_equal(exported.coef_, clf.coef_)


def test_alpha_of_focal_loss_without_focusing():
    X, y = scale(CANCER[0]), CANCER[1]
    clf = FocalLogisticRegression(gamma=0, alpha=0.9).fit(X, y)
    expected = clf.predict_proba(X)
    np.testing.assert_allclose(clf.to_sklearn().predict_proba(X), expected, atol=accuracy(float))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (FocalLogisticRegression(), 'undoes the effect of focal loss. .*="model"'),
        (
            LogLossClassifier(probabilities="posterior", label_smoothing=0.1),
            'label_smoothing=0.1 is not a sigmoid or softmax of linear scores.*="model"',
        ),
        (
            LogLossClassifier(probabilities="posterior", class_weight={1: 0}),
            r'classes with weight zero, \[1\].*="model"',
        ),
    ],
)
def test_posteriors_of_no_linear_model(model, message):
    model.fit(*IRIS)
    with pytest.raises(ValueError, match=message):
        model.to_sklearn()
    # What the error says can be done.
    exported = model.set_params(probabilities="model").to_sklearn()
    expected = model.predict_proba(IRIS[0])
    np.testing.assert_allclose(exported.predict_proba(IRIS[0]), expected, atol=accuracy(np.float64))


def test_what_the_error_for_focal_loss_says_can_be_done():
    clf = FocalLogisticRegression().fit(*IRIS)
    exported = clf.set_params(probabilities="model").to_sklearn()
    posterior = clf._fitted_loss.posterior(exported.decision_function(IRIS[0]))
    expected = clf.set_params(probabilities="posterior").predict_proba(IRIS[0])
    np.testing.assert_allclose(posterior, expected, atol=accuracy(float))


@pytest.mark.parametrize(("data", "offset"), [(CANCER, -1.5), (CANCER, [2]), (IRIS, [0, 1, -2])])
def test_an_offset_that_is_the_same_for_all_samples(data, offset):
    X, y = data[0].astype(np.float32), data[1]
    clf = LogLossClassifier(C=1e-3).fit(X, y)
    shape = (len(y),) if len(clf.classes_) == 2 else (len(y), 3)
    expected = clf.predict_proba(X, offset=np.broadcast_to(offset, shape))
    exported = clf.to_sklearn(offset=offset)
    np.testing.assert_allclose(exported.predict_proba(X), expected, atol=accuracy(np.float32))
    assert exported.intercept_.dtype == np.float32


@pytest.mark.parametrize(
    ("data", "offset", "error", "message"),
    [
        (CANCER, np.zeros(569), ValueError, "offset must be the same for all samples, a number"),
        (IRIS, 0.5, ValueError, r"offset must be .*of shape \(3,\), one entry per class"),
        (IRIS, np.zeros((150, 3)), ValueError, "LogisticRegression has no offset of its own"),
        (CANCER, np.nan, ValueError, "offset contains NaN"),
        (CANCER, "a", TypeError, "offset must hold real numbers"),
    ],
)
def test_offsets_that_differ_from_sample_to_sample(data, offset, error, message):
    clf = LogLossClassifier(C=1e-3).fit(*data)
    with pytest.raises(error, match=message):
        clf.to_sklearn(offset=offset)


def test_sparse_coefficients_and_names_of_features():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(IRIS[0], columns=list("abcd"))
    clf = LogLossClassifier(l1_ratio=1, C=0.1).fit(X, IRIS[1]).sparsify()
    exported = clf.to_sklearn()
    assert sparse.issparse(exported.coef_)
    assert exported.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(exported.predict(X), clf.predict(X))


def test_the_result_shares_nothing_with_the_classifier():
    clf = LogLossClassifier().fit(*IRIS)
    exported = clf.to_sklearn()
    for name in ("coef_", "intercept_", "classes_"):
        assert not np.shares_memory(getattr(exported, name), getattr(clf, name))


def test_a_pickle_of_the_result_needs_no_sklogloss():
    pickled = pickle.dumps(LogLossClassifier().fit(*IRIS).to_sklearn())
    assert b"sklogloss" not in pickled


def test_coefficients_set_by_hand():
    clf = LogLossClassifier()
    clf.classes_, clf.coef_, clf.intercept_ = np.array(["a", "b"]), np.arange(3), 0.5
    exported = clf.to_sklearn()
    assert exported.coef_.shape == (1, 3)
    assert exported.intercept_.tolist() == [0.5]
    assert exported.predict(np.array([[0, -1.0, 0]])).tolist() == ["a"]


def test_before_the_fit():
    with pytest.raises(NotFittedError, match="LogLossClassifier"):
        LogLossClassifier().to_sklearn()


def test_onnx():
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    for data in (IRIS, CANCER):
        X, y = scale(data[0]).astype(np.float32), data[1]
        clf = LogLossClassifier(class_weight="balanced", probabilities="posterior").fit(X, y)
        graph = skl2onnx.to_onnx(clf.to_sklearn(), X[:1], options={"zipmap": False})
        session = onnxruntime.InferenceSession(graph.SerializeToString())
        probabilities = session.run(None, {"X": X})[1]
        expected = clf.predict_proba(X)
        np.testing.assert_allclose(probabilities, expected, atol=accuracy(np.float32))


@pytest.mark.parametrize("data", [IRIS, CANCER], ids=["iris", "cancer"])
def test_source_code(data):
    m2cgen = pytest.importorskip("m2cgen")
    X, y = scale(data[0]), data[1]
    clf = LogLossClassifier().fit(X, y)
    names = {}
    exec(m2cgen.export_to_python(clf.to_sklearn()), names)
    scores = np.array([names["score"](row) for row in X[:10].tolist()])
    # What it exports of a LogisticRegression is the decision function.
    expected = clf.decision_function(X[:10])
    np.testing.assert_allclose(scores, expected, atol=accuracy(np.float64))
