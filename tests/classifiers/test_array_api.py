"""Arrays of other libraries: what is fitted and predicted lies where X does."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from sklearn.utils.fixes import parse_version

from sklogloss import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
    logloss_path,
)
from sklogloss.calibration import CalibratedClassifier
from sklogloss.classifiers import array_api
from sklogloss.inputs.array_api import Place, to_numpy
from sklogloss.metrics import (
    brier_score,
    expected_cost,
    log_loss,
    neg_brier_scorer,
    neg_log_loss_scorer,
    optimal_decisions,
)

FITTED = ["coef_", "intercept_", "n_iter_", "class_weight_", "classes_"]
PREDICTIONS = ["predict", "decision_function", "predict_proba", "predict_log_proba"]


HAS_DISPATCH = parse_version(sklearn.__version__) >= parse_version("1.7")


def need_dispatch():
    if not HAS_DISPATCH:
        pytest.skip("scikit-learn 1.6 dispatches with array_api_compat and SciPy 1.14 alone")


@pytest.fixture(params=["array_api_strict", "array_api_strict on another device", "torch"])
def to_foreign(request, monkeypatch):
    # From an ndarray to an array of the library.
    name, _, is_elsewhere = request.param.partition(" ")
    need_dispatch()
    xp = pytest.importorskip(name)
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    device = xp.Device("device1") if is_elsewhere else None
    with sklearn.config_context(array_api_dispatch=True):
        yield lambda array: xp.asarray(array, device=device)


@pytest.fixture
def torch(monkeypatch):
    # Tensors on the CPU are solved for as those on a CUDA device are.
    need_dispatch()
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    monkeypatch.setattr(array_api, "DEVICES", ("cuda", "cpu"))
    with sklearn.config_context(array_api_dispatch=True):
        yield pytest.importorskip("torch")


def data(dtype=np.float64, n_classes=3):
    X, y = load_iris(return_X_y=True)
    weight = np.random.default_rng(0).uniform(size=len(y)).astype(dtype)
    return X.astype(dtype), np.minimum(y, n_classes - 1), weight


def assert_lies_where(array, X):
    assert type(array) is type(X)
    assert array.device == X.device


@pytest.mark.parametrize("clf", [LogLossClassifier(), FocalLogisticRegression()], ids=str)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_bits_in_the_place_of_X(to_foreign, clf, n_classes, dtype):
    X, y, weight = data(dtype, n_classes)
    foreign = to_foreign(X)
    expected = clone(clf).fit(X, y, weight)
    actual = clone(clf).fit(foreign, to_foreign(y), to_foreign(weight))
    for name in FITTED:
        assert_lies_where(getattr(actual, name), foreign)
        np.testing.assert_array_equal(to_numpy(getattr(actual, name)), getattr(expected, name))
    for method in PREDICTIONS:
        prediction = getattr(actual, method)(foreign)
        assert_lies_where(prediction, foreign)
        np.testing.assert_array_equal(to_numpy(prediction), getattr(expected, method)(X))
    assert actual.coef_.dtype == actual.predict_proba(foreign).dtype == foreign.dtype
    score = actual.score(foreign, to_foreign(y), sample_weight=to_foreign(weight))
    assert type(score) is float
    assert score == expected.score(X, y, sample_weight=weight)


def test_strings_stay_with_numpy(to_foreign):
    X, y, _ = data()
    names = load_iris().target_names[y]
    foreign = to_foreign(X)
    clf = LogLossClassifier().fit(foreign, names)
    assert type(clf.classes_) is np.ndarray
    assert_lies_where(clf.coef_, foreign)
    np.testing.assert_array_equal(
        clf.predict(foreign), LogLossClassifier().fit(X, names).predict(X)
    )


def test_warm_start_offset_soft_targets_and_integers(to_foreign):
    X, y, _ = data(n_classes=2)
    soft = np.c_[0.8 - 0.6 * y, 0.2 + 0.6 * y]
    offset = np.linspace(-1, 1, len(y))
    expected = LogLossClassifier(warm_start=True).fit(X, soft, offset=offset)
    actual = LogLossClassifier(warm_start=True)
    for _ in range(2):
        actual.fit(to_foreign(X), to_foreign(soft), offset=to_foreign(offset))
    np.testing.assert_allclose(to_numpy(actual.coef_), expected.coef_, rtol=1e-5)
    scores = actual.decision_function(to_foreign(X), to_foreign(offset))
    assert_lies_where(scores, to_foreign(X))
    whole = np.round(10 * X).astype(np.int64)
    clf = LogLossClassifier().fit(to_foreign(whole), y)
    assert clf.coef_.dtype == to_foreign(X).dtype


def test_callbacks_see_models_that_predict_in_the_place_of_X(to_foreign):
    pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9")
    X, y, _ = data()
    foreign, predictions = to_foreign(X), []

    class Predicts:
        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if fitted_estimator is not None:
                predictions.append(fitted_estimator.predict_proba(foreign))

    clf = LogLossClassifier().set_callbacks(Predicts()).fit(foreign, to_foreign(y))
    assert len(predictions) == int(clf.n_iter_[0]) + 1
    for prediction in predictions:
        assert_lies_where(prediction, foreign)


def test_y_may_be_foreign_where_X_is_not(to_foreign):
    X, y, weight = data()
    clf = LogLossClassifier().fit(X, to_foreign(y), to_foreign(weight))
    assert type(clf.coef_) is np.ndarray
    np.testing.assert_array_equal(clf.coef_, LogLossClassifier().fit(X, y, weight).coef_)


def test_numbers_and_lists_are_as_without_dispatch(to_foreign):
    X, y, _ = data(n_classes=2)
    for bounds in ((0, None), (np.float64(0), np.inf), ([0] * 4, None)):
        clf = LogLossClassifier(bounds=bounds, penalty_factor=[1, 2, 0.5, 1])
        expected = clone(clf).fit(X, y, 2.0).coef_
        actual = clone(clf).fit(to_foreign(X), to_foreign(y), 2.0).coef_
        np.testing.assert_array_equal(to_numpy(actual), expected)
        assert np.all(expected >= 0)


def test_errors_name_the_libraries(to_foreign):
    X, y, _ = data()
    clf = LogLossClassifier().fit(X, y)
    with pytest.raises(
        ValueError, match=r"predict_proba\(\) must use the same namespace .* fit was one of NumPy"
    ):
        clf.predict_proba(to_foreign(X))
    clf.fit(to_foreign(X), to_foreign(y))
    for method in (*PREDICTIONS, "score"):
        arguments = (X, y) if method == "score" else (X,)
        with pytest.raises(ValueError, match=rf"LogLossClassifier\.{method}\(\) must use the same"):
            getattr(clf, method)(*arguments)
    for other in (FirthLogisticRegression(), LogLossClassifierCV()):
        with pytest.raises(TypeError, match=f"{type(other).__name__} does not take X as an array"):
            other.fit(to_foreign(X), y)
        other.fit(X[50:], to_foreign(y[50:]))
        for method in PREDICTIONS:
            with pytest.raises(ValueError, match=r"same namespace .* fit was one of NumPy"):
                getattr(other, method)(to_foreign(X))
    with pytest.raises(ValueError, match="LogLossClassifier estimator requires y to be passed"):
        LogLossClassifier().fit(to_foreign(X), None)
    with pytest.raises(TypeError, match="does not take X as an array of"):
        logloss_path(to_foreign(X), y)
    with pytest.raises(ValueError, match="NaN"):
        LogLossClassifier().fit(to_foreign(np.where(X > 5, np.nan, X)), y)
    with pytest.raises(ValueError, match="features"):
        LogLossClassifier().fit(to_foreign(X), y).predict(to_foreign(X[:, :2]))


@pytest.mark.parametrize("scorer", [neg_log_loss_scorer, neg_brier_scorer], ids=repr)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_scorers_take_them(to_foreign, scorer, n_classes):
    X, y, _ = data(n_classes=n_classes)
    clf = LogLossClassifier()
    arguments = {"scoring": scorer, "cv": 3, "error_score": "raise"}
    expected = cross_val_score(clf, X, y, **arguments)
    actual = cross_val_score(clf, to_foreign(X), to_foreign(y), **arguments)
    np.testing.assert_array_equal(actual, expected)


def test_metrics_take_them(to_foreign):
    y, proba, weight = np.array([0, 1, 1]), np.array([0.2, 0.7, 0.4]), np.array([1.0, 2, 0])
    for metric in (log_loss, brier_score):
        value = metric(to_foreign(y), to_foreign(proba), sample_weight=to_foreign(weight))
        assert value == metric(y, proba, sample_weight=weight)


def test_decisions_and_their_cost_take_them(to_foreign):
    y, decided, cost = np.array([0, 1, 1]), np.array([1, 1, 0]), np.array([[0.0, 1.0], [5.0, 0.0]])
    weight, proba = np.array([1.0, 2, 0.5]), np.array([[0.9, 0.1], [0.7, 0.3], [0.1, 0.9]])
    foreign = [to_foreign(array) for array in (y, decided, cost)]
    expected = expected_cost(y, decided, cost, sample_weight=weight)
    assert expected_cost(*foreign, sample_weight=to_foreign(weight)) == expected
    decisions = optimal_decisions(to_foreign(proba), to_foreign(cost))
    np.testing.assert_array_equal(decisions, optimal_decisions(proba, cost))


@pytest.mark.parametrize("method", ["temperature", "auto"])
def test_calibrated_classifier_takes_them(to_foreign, method):
    X, y, weight = data(n_classes=2)
    clf = CalibratedClassifier(LogLossClassifier(), method, cv=3)
    expected = clone(clf).fit(X, y, weight)
    actual = clone(clf).fit(to_foreign(X), to_foreign(y), to_foreign(weight))
    for name in ("predict", "predict_proba", "predict_log_proba"):
        prediction = getattr(actual, name)(to_foreign(X))
        assert_lies_where(prediction, to_foreign(X))
        np.testing.assert_array_equal(to_numpy(prediction), getattr(expected, name)(X))


def test_arrays_on_the_cpu_are_not_copied(torch):
    X = torch.zeros((3, 2))
    assert to_numpy(X).ctypes.data == X.data_ptr()
    assert str(Place.of(X)) == "torch on the device cpu"


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"solver": "newton-cg"},
        {"solver": "lbfgs", "max_iter": 1000},
        {"C": 0.1, "l1_ratio": 0.5},
        {"bounds": (0, None)},
        {"class_weight": "balanced", "label_smoothing": 0.1, "probabilities": "posterior"},
        {"fit_intercept": False},
    ],
    ids=str,
)
def test_device_solves_the_same_problem_by_the_same_plan(torch, parameters, dtype, n_classes):
    X, y, weight = data(dtype, n_classes)
    tensor = torch.asarray(X)
    # Both come that close to the optimum of the penalised problem.
    expected = LogLossClassifier(tol=1e-8, **parameters).fit(X, y, weight)
    actual = LogLossClassifier(tol=1e-8, **parameters).fit(tensor, y, weight)
    assert actual.plan_ == expected.plan_
    assert actual.coef_.dtype == tensor.dtype
    largest = np.abs(expected.coef_).max()
    np.testing.assert_allclose(actual.coef_.numpy(), expected.coef_, atol=1e-6 * largest, rtol=0)
    for method in PREDICTIONS:
        prediction = getattr(actual, method)(tensor)
        assert_lies_where(prediction, tensor)
        np.testing.assert_allclose(
            prediction.numpy(), getattr(expected, method)(X), rtol=1e-4, atol=1e-5
        )


def test_device_fits_many_rows_wide_data_and_separable_classes(torch):
    rng = np.random.default_rng(0)
    tall = rng.normal(size=(100_000, 3)).astype(np.float32)
    label = (rng.logistic(size=len(tall)) < tall[:, 0]).astype(int)
    expected = LogLossClassifier().fit(tall, label)
    actual = LogLossClassifier().fit(torch.asarray(tall), label)
    assert actual.plan_ == expected.plan_
    assert actual.plan_.subset_sizes
    np.testing.assert_allclose(actual.coef_.numpy(), expected.coef_, atol=1e-5)
    wide = rng.normal(size=(30, 2500))
    label = np.arange(30) % 2
    expected = LogLossClassifier(tol=1e-8).fit(wide, label)
    actual = LogLossClassifier(tol=1e-8).fit(torch.asarray(wide), label)
    assert actual.plan_ == expected.plan_
    np.testing.assert_allclose(actual.coef_.numpy(), expected.coef_, atol=1e-8)
    X, y, _ = data(n_classes=2)
    with pytest.warns(sklearn.exceptions.ConvergenceWarning, match="separable"):
        LogLossClassifier(C=np.inf).fit(torch.asarray(X), y)


@pytest.mark.parametrize("devices", [("cuda",), ("cuda", "cpu")], ids=["NumPy", "torch"])
@pytest.mark.parametrize("kind", ["gradient", "bfloat16"])
def test_tensors_that_numpy_does_not_know(torch, monkeypatch, devices, kind):
    monkeypatch.setattr(array_api, "DEVICES", devices)
    X, y, weight = data(n_classes=2)
    # Numbers of at most eight binary digits: bfloat16 has them all.
    X = np.round(X)
    tensor = torch.asarray(X)
    tensor = tensor.requires_grad_() if kind == "gradient" else tensor.to(torch.bfloat16)
    weights = torch.asarray(weight).requires_grad_()
    expected = LogLossClassifier().fit(X, y, weight)
    actual = LogLossClassifier().fit(tensor, y, weights)
    # Both take the same steps of float64, and round differently.
    np.testing.assert_allclose(actual.coef_.numpy(), expected.coef_, rtol=1e-9)
    proba = actual.predict_proba(tensor)
    assert proba.dtype == torch.float64
    assert not proba.requires_grad
    np.testing.assert_allclose(proba.numpy(), expected.predict_proba(X), rtol=1e-9)


def test_autocast_changes_nothing_on_a_device(torch):
    X, y, _ = data(np.float32)
    tensor = torch.asarray(X)
    expected = LogLossClassifier().fit(tensor, y)
    scores = expected.decision_function(tensor)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = LogLossClassifier().fit(tensor, y)
        np.testing.assert_array_equal(actual.decision_function(tensor), scores)
    np.testing.assert_array_equal(actual.coef_, expected.coef_)
    np.testing.assert_array_equal(actual.n_iter_, expected.n_iter_)


def test_scores_that_overflow_on_a_device_are_those_of_the_cpu(torch):
    X, y, _ = data()
    clf = LogLossClassifier().fit(X, y)
    on_device = LogLossClassifier().fit(torch.asarray(X), y)
    huge = np.diag([1.0, -1.0, 1.0, 1.0]) * 1.7e308
    with np.errstate(all="ignore"):
        expected = clf.decision_function(huge)
    assert np.isinf(expected).any()
    actual = on_device.decision_function(torch.asarray(huge)).numpy()
    np.testing.assert_array_equal(np.isposinf(actual), np.isposinf(expected))
    np.testing.assert_array_equal(np.isneginf(actual), np.isneginf(expected))
    assert not np.isnan(actual).any()


def test_device_asks_for_y(torch):
    with pytest.raises(ValueError, match="LogLossClassifier estimator requires y to be passed"):
        LogLossClassifier().fit(torch.zeros((3, 2)), None)


def test_device_has_log_loss_only(torch):
    X, y, _ = data()
    with pytest.raises(ValueError, match="only log loss can; move X to the CPU"):
        FocalLogisticRegression().fit(torch.asarray(X), y)
    FocalLogisticRegression(gamma=0).fit(torch.asarray(X), y)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_cuda(torch, dtype):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    X, y, _ = data(dtype)
    tensor = torch.asarray(X, device="cuda")
    actual = LogLossClassifier(tol=1e-8).fit(tensor, torch.asarray(y, device="cuda"))
    expected = LogLossClassifier(tol=1e-8).fit(X, y)
    np.testing.assert_allclose(actual.coef_.cpu().numpy(), expected.coef_, atol=1e-6)
    assert_lies_where(actual.predict_proba(tensor), tensor)
