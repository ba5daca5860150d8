"""The curves of LogLossClassifierCV and logloss_path as they are drawn."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklogloss import LogLossClassifier, LogLossClassifierCV, logloss_path
from sklogloss.displays import CoefficientPathDisplay, CVCurveDisplay

matplotlib.use("agg")
# Neither ascending nor finite.
CS = [1.0, np.inf, 0.01, 0.1]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def model(iris):
    return LogLossClassifierCV(Cs=CS, l1_ratios=[0.5, 0]).fit(*iris)


def test_cv_curve_has_means_errors_and_both_choices(model, iris):
    _, ax = plt.subplots()
    display = CVCurveDisplay.from_estimator(model, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    np.testing.assert_array_equal(display.Cs, [0.01, 0.1, 1.0])
    scores = -model.scores_[:, :, [2, 3, 0]]
    for k, line in enumerate(display.lines_):
        np.testing.assert_allclose(line.get_ydata(), scores[:, k].mean(axis=0))
        assert line.get_label() == f"l1_ratio = {[0.5, 0][k]:g}"
    mean = scores.mean(axis=0)
    ratio, best = np.unravel_index(mean.argmin(), mean.shape)
    error = scores[:, ratio].std(axis=0, ddof=1) / np.sqrt(5)
    np.testing.assert_allclose(display.selection.standard_error[ratio], error)
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx((mean[ratio] - error).min())
    assert band[:, 1].max() == pytest.approx((mean[ratio] + error).max())
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    simplest = display.Cs[mean[ratio] <= mean[ratio, best] + error[best]].min()
    assert f"best: C = {display.Cs[best]:.3g}" in names
    assert f"1se: C = {simplest:.3g}" in names
    assert ax.get_xscale() == "log"


def test_cv_curve_of_other_scores(iris):
    X, y = iris
    model = make_pipeline(
        StandardScaler(), LogLossClassifierCV(Cs=[0.01, 1.0], scoring="accuracy")
    ).fit(X, y)
    display = CVCurveDisplay.from_estimator(model)
    assert display.ax_.get_ylabel() == "Held-out accuracy"
    np.testing.assert_allclose(display.lines_[0].get_ydata(), model[-1].scores_.mean(axis=0)[0])


@pytest.mark.parametrize("display", [CVCurveDisplay, CoefficientPathDisplay])
def test_estimator_must_be_fitted(display):
    for estimator in (
        LogLossClassifierCV(),
        LogLossClassifier(),
        make_pipeline(LogLossClassifierCV()),
    ):
        with pytest.raises(NotFittedError, match="not fitted"):
            display.from_estimator(estimator)


@pytest.mark.parametrize("display", [CVCurveDisplay, CoefficientPathDisplay])
def test_estimator_must_be_cross_validated(display, iris):
    classifier = LogLossClassifier().fit(*iris)
    pipeline = make_pipeline(StandardScaler(), LogLossClassifier()).fit(*iris)
    for estimator, given in (
        (classifier, "got LogLossClassifier"),
        (pipeline, "got a Pipeline that ends with LogLossClassifier"),
        (LogLossClassifierCV, "got the class LogLossClassifierCV"),
        (None, "got NoneType"),
        (np.eye(2), "got ndarray"),
    ):
        with pytest.raises(TypeError, match=f"^estimator must be a LogLossClassifierCV.*{given}$"):
            display.from_estimator(estimator)


def test_cv_curve_takes_no_path(iris):
    path = logloss_path(*iris, Cs=[0.1, 1.0])
    allowed = "estimator must be a LogLossClassifierCV or a Pipeline that ends with one"
    with pytest.raises(TypeError, match=f"{allowed}, got LogLossPath"):
        CVCurveDisplay.from_estimator(path)


@pytest.mark.filterwarnings("ignore:The data is separable")
def test_estimator_must_have_a_finite_C(iris):
    model = LogLossClassifierCV(Cs=[np.inf]).fit(*iris)
    with pytest.raises(ValueError, match="estimator must have a finite C"):
        CVCurveDisplay.from_estimator(model)
    with pytest.raises(ValueError, match="estimator must have a finite C"):
        CoefficientPathDisplay.from_estimator(model)


def test_path_of_a_fitted_classifier(model, iris):
    order = [2, 3, 0]
    display = CoefficientPathDisplay.from_estimator(model, label=1, l1_ratio=0.5)
    np.testing.assert_array_equal(display.coefs, model.full_paths_[0, order, 1, :4])
    assert display.ax_.get_ylabel() == "Coefficient of class 1"
    display = CoefficientPathDisplay.from_estimator(model)
    of_chosen = model.full_paths_[[0.5, 0].index(model.l1_ratio_), order, :, :4]
    np.testing.assert_allclose(display.coefs, np.linalg.norm(of_chosen, axis=1))
    drawn = np.array([line.get_ydata() for line in display.lines_])
    assert sorted(map(tuple, drawn)) == sorted(map(tuple, display.coefs.T))


def test_path_names_the_largest_features():
    bunch = load_breast_cancer()
    X = pd.DataFrame(StandardScaler().fit_transform(bunch.data), columns=bunch.feature_names)
    path = logloss_path(X, bunch.target, Cs=10, l1_ratio=1)
    display = CoefficientPathDisplay.from_estimator(path, n_names=3)
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    largest = np.argsort(-np.abs(path.coefs[-1, 0]))[:3]
    assert set(names) == set(bunch.feature_names[largest])
    ends = [path.coefs[-1, 0, list(bunch.feature_names).index(name)] for name in names]
    assert ends == sorted(ends, reverse=True)
    assert CoefficientPathDisplay.from_estimator(path, n_names=0).ax_.get_legend() is None


def test_names_come_through_a_pipeline():
    bunch = load_breast_cancer(as_frame=True)
    model = make_pipeline(StandardScaler(), LogLossClassifierCV(Cs=3))
    model.fit(bunch.data, bunch.target)
    display = CoefficientPathDisplay.from_estimator(model)
    assert display.feature_names == list(bunch.data.columns)
    assert display.C == model[-1].C_
    assert display.ax_.get_ylabel() == "Coefficient"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"label": 7}, r"label must be one of \[0, 1, 2\], got 7"),
        ({"l1_ratio": 1}, r"l1_ratio must be one of \[0.5, 0.0\], got 1"),
        ({"n_names": -1}, "n_names must be an integer >= 0"),
    ],
)
def test_bad_arguments(model, parameters, message):
    with pytest.raises(ValueError, match=message):
        CoefficientPathDisplay.from_estimator(model, **parameters)


def test_label_of_two_classes():
    X, y = load_breast_cancer(return_X_y=True)
    path = logloss_path(X, y, Cs=[1e-4, 1e-3])
    assert CoefficientPathDisplay.from_estimator(path, label=1).coefs.shape == (2, 30)
    with pytest.raises(ValueError, match="label must be None or "):
        CoefficientPathDisplay.from_estimator(path, label=0)


def test_a_path_of_zeros_can_be_drawn():
    X, y = load_breast_cancer(return_X_y=True)
    path = logloss_path(StandardScaler().fit_transform(X), y, Cs=[1e-5, 1e-4], l1_ratio=1)
    assert not path.coefs.any()
    display = CoefficientPathDisplay.from_estimator(path)
    display.figure_.canvas.draw()
    assert len(display.lines_) == X.shape[1]


def test_the_l1_ratio_of_a_path_is_its_own():
    path = logloss_path(*load_breast_cancer(return_X_y=True), Cs=[0.1], l1_ratio=0.5)
    CoefficientPathDisplay.from_estimator(path, l1_ratio=0.5)
    with pytest.raises(ValueError, match=r"l1_ratio must be .* that of the path, 0\.5, got 0\.7"):
        CoefficientPathDisplay.from_estimator(path, l1_ratio=0.7)
