"""The intervals of infer as they are drawn."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from sklogloss import LogLossClassifier
from sklogloss.displays import CoefficientIntervalDisplay
from sklogloss.inference import infer

matplotlib.use("agg")
COLUMNS = ["first", "second"]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def data(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    scores = X @ rng.normal(size=(2, n_classes)) + rng.gumbel(size=(200, n_classes))
    return X, scores.argmax(axis=1)


def result_of(X, y, **parameters):
    return infer(LogLossClassifier(C=np.inf, **parameters).fit(X, y), X, y)


def ends(display, k=0):
    """Return the ends of the drawn intervals, from top to bottom."""
    return np.array([segment[:, 0] for segment in display.lines_[k].get_segments()])


def points(display, k=0):
    return display.ax_.lines[k].get_xdata()


@pytest.mark.parametrize("method", ["wald", "profile"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("container", [np.asarray, lambda X: pd.DataFrame(X, columns=COLUMNS)])
def test_the_features_and_not_the_intercept_are_drawn(method, fit_intercept, container):
    X, y = data(n_classes=2)
    result = result_of(container(X), y, fit_intercept=fit_intercept)
    display = CoefficientIntervalDisplay.from_result(result, method=method, level=0.9)
    expected = np.asarray(result.conf_int(level=0.9, method=method))
    np.testing.assert_array_equal(ends(display), expected[int(fit_intercept) :])
    np.testing.assert_array_equal(points(display), np.asarray(result.params)[int(fit_intercept) :])
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == (["x0", "x1"] if container is np.asarray else COLUMNS)
    assert display.ax_.yaxis_inverted()  # the first at the top


def test_odds_ratios_are_exp_of_the_coefficients_around_one():
    X, y = data(n_classes=2)
    result = result_of(pd.DataFrame(X, columns=COLUMNS), y)
    display = CoefficientIntervalDisplay.from_result(result, odds_ratios=True)
    expected = result.odds_ratios().loc[COLUMNS]
    np.testing.assert_allclose(ends(display), expected[["lower", "upper"]])
    np.testing.assert_allclose(points(display), expected["odds ratio"])
    assert display.ax_.get_xscale() == "log"
    assert display.ax_.lines[-1].get_xdata() == [1.0, 1.0]
    assert display.quantity == "Odds ratio"


@pytest.mark.parametrize("container", [np.asarray, lambda X: pd.DataFrame(X, columns=COLUMNS)])
def test_label_chooses_the_class(container):
    X, y = data(n_classes=3)
    y = np.array(["a", "b", "c"])[y]
    result = result_of(container(X), y)
    assert result.labels == ["b", "c"]
    display = CoefficientIntervalDisplay.from_result(result, label="c")
    intervals = result.conf_int()
    expected = intervals[1] if container is np.asarray else intervals.loc["c"]
    np.testing.assert_array_equal(ends(display), np.asarray(expected)[1:])
    np.testing.assert_array_equal(points(display), np.asarray(result.params)[1:, 1])
    assert display.ax_.get_xlabel() == "Coefficient of class c"
    for label in (None, "a", "d", ["b"]):
        with pytest.raises(ValueError, match="label must be one of"):
            CoefficientIntervalDisplay.from_result(result, label=label)


def test_results_are_drawn_beside_each_other_by_their_methods():
    X, y = data(n_classes=2)
    result = result_of(X, y)
    _, ax = plt.subplots()
    methods = {"Wald": "wald", "profile": "profile"}
    display = CoefficientIntervalDisplay.from_results(
        dict.fromkeys(methods, result), method=methods, ax=ax
    )
    assert display.ax_ is ax
    for k, method in enumerate(methods.values()):
        np.testing.assert_array_equal(ends(display, k), result.conf_int(method=method)[1:])
    heights = [lines.get_segments()[0][0, 1] for lines in display.lines_]
    assert -0.5 < heights[0] < 0 < heights[1] < 0.5
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(methods)
    with pytest.raises(ValueError, match="method must have the names of results"):
        CoefficientIntervalDisplay.from_results({"a": result}, method=methods)
    with pytest.raises(ValueError, match="results must all have the same columns"):
        CoefficientIntervalDisplay.from_results({"a": result, "b": result_of(X[:, :1], y)})


def test_an_interval_without_an_end_reaches_the_edge():
    display = CoefficientIntervalDisplay(
        estimates={"": np.array([1.0, 2.0])},
        intervals={"": np.array([[-np.inf, 3.0], [1.0, 4.0]])},
        feature_names=COLUMNS,
    ).plot()
    left, right = display.ax_.get_xlim()
    np.testing.assert_array_equal(ends(display), [[left, 3.0], [1.0, 4.0]])
    assert left < 0
    assert right > 4


def test_odds_ratios_beyond_the_range_of_floats_are_drawn_like_infinite_ones():
    display = CoefficientIntervalDisplay(
        estimates={"": np.array([1.0, 2e3])},
        intervals={"": np.array([[-1.0, 3.0], [-3e3, 4e3]])},
        feature_names=COLUMNS,
        odds_ratios=True,
    )
    with np.errstate(all="raise"):
        display.plot()
    left, right = display.ax_.get_xlim()
    np.testing.assert_allclose(ends(display), [np.exp([-1.0, 3.0]), [left, right]])
    assert 0 < left < np.exp(-1)
    assert np.exp(3) < right < np.inf


def test_what_infer_has_not_returned_is_an_error():
    clf = LogLossClassifier().fit(*load_iris(return_X_y=True))
    with pytest.raises(TypeError, match="result must come from infer"):
        CoefficientIntervalDisplay.from_result(clf)
    with pytest.raises(TypeError, match="results must be a dict"):
        CoefficientIntervalDisplay.from_results(clf)
