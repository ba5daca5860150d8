"""The data that displays draw, and scikit-learn's conventions."""

import itertools
import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.isotonic import IsotonicRegression
from sklearn.naive_bayes import GaussianNB

from sklogloss import LogLossClassifier
from sklogloss.displays import (
    LossCurveDisplay,
    ReliabilityDisplay,
    ScoreDecompositionDisplay,
    SurpriseDisplay,
)
from sklogloss.losses import LogLoss
from sklogloss.metrics import brier_decomposition, log_loss_decomposition, surprise

matplotlib.use("agg")
RNG = np.random.default_rng(0)
P = RNG.uniform(size=300)
Y = (RNG.random(300) < P).astype(int)
WEIGHT = RNG.uniform(size=300)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def iris():
    return load_iris(return_X_y=True)


def test_matplotlib_is_imported_only_when_drawing():
    program = "import sys, sklogloss.displays; print('matplotlib' in sys.modules)"
    command = [sys.executable, "-I", "-c", program]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize(
    "draw",
    [
        lambda: ReliabilityDisplay.from_predictions(Y, P),
        lambda: LossCurveDisplay.from_losses({"log loss": LogLoss()}),
    ],
    ids=["one axes", "two axes"],
)
def test_missing_matplotlib_is_an_error_that_says_what_to_install(monkeypatch, draw):
    # None in sys.modules makes an import fail as if the module were not there.
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "sklogloss\[plots\]"'):
        draw()


def test_reliability_curve_is_the_isotonic_regression():
    _, ax = plt.subplots()
    display = ReliabilityDisplay.from_predictions(
        Y, P, sample_weight=WEIGHT, name="model", random_state=0, ax=ax
    )
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    (curve,) = display.curves
    expected = IsotonicRegression(y_min=0, y_max=1).fit(P, Y, WEIGHT).predict(np.sort(P))
    np.testing.assert_allclose(curve.frequency, expected, atol=1e-12)
    np.testing.assert_array_equal(curve.forecast, np.sort(P))
    assert curve.mass.sum() == pytest.approx(1)
    parts = log_loss_decomposition(Y, P, sample_weight=WEIGHT)
    np.testing.assert_allclose(curve.decomposition[:4], parts[:4], rtol=1e-12)
    drawn = ax.lines[1]
    np.testing.assert_array_equal(drawn.get_ydata(), curve.frequency)
    text = ax.get_legend().get_texts()[0].get_text()
    assert text.startswith("model, 1\nMCB ")
    assert f"DSC {parts.discrimination:.3f}, UNC {parts.uncertainty:.3f}" in text
    assert display.distribution_ax_.get_xlabel() == "Forecast probability"


def test_consistency_band_holds_right_forecasts_and_not_wrong_ones():
    right = ReliabilityDisplay.from_predictions(Y, P, random_state=0).curves[0]
    inside = (right.low <= right.frequency) & (right.frequency <= right.high)
    assert inside.mean() > 0.8
    wrong = ReliabilityDisplay.from_predictions(Y, P**3, random_state=0).curves[0]
    inside = (wrong.low <= wrong.frequency) & (wrong.frequency <= wrong.high)
    assert inside.mean() < 0.5


def test_reliability_of_several_classes(iris):
    X, y = iris
    model = GaussianNB().fit(X, y)
    top = ReliabilityDisplay.from_estimator(model, X, y, random_state=0)
    assert [curve.label for curve in top.curves] == ["most probable class"]
    assert top.curves[0].forecast.min() >= 1 / 3
    display = ReliabilityDisplay.from_estimator(
        model, X, y, multiclass="one-vs-rest", random_state=0, n_resamples=5
    )
    assert [curve.label for curve in display.curves] == ["0", "1", "2"]
    legend = display.ax_.get_legend()
    assert legend.get_title().get_text() == "GaussianNB"
    assert [text.get_text()[:7] for text in legend.get_texts()] == ["0: MCB ", "1: MCB ", "2: MCB "]


@pytest.mark.parametrize("n_panels", [1, 2])
def test_legends_of_several_classes_stay_in_their_place(iris, n_panels):
    X, y = iris
    model = GaussianNB().fit(X, y)
    figure, axes = plt.subplots(
        1, n_panels, figsize=(3 + 3.4 * n_panels, 4.8), layout="constrained", squeeze=False
    )
    for ax in axes[0]:
        ReliabilityDisplay.from_estimator(
            model, X, y, multiclass="one-vs-rest", random_state=0, n_resamples=5, ax=ax
        )
    figure.draw_without_rendering()
    ends = [ax.get_legend().get_window_extent() for ax in axes[0]]
    assert ends[-1].x1 <= figure.bbox.x1
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(ends))
    # Half of the figure's height is left for the curves.
    assert axes[0, 0].bbox.height > figure.bbox.height / 2


def test_many_forecasts_are_drawn_at_few_points():
    rng = np.random.default_rng(1)
    p = rng.uniform(size=5000)
    display = ReliabilityDisplay.from_predictions(rng.random(5000) < p, p, n_resamples=3)
    assert len(display.curves[0].forecast) == 512


def test_surprise_curves_are_distributions_by_class(iris):
    X, y = iris
    model = LogLossClassifier().fit(X, y)
    display = SurpriseDisplay.from_estimator(model, X, y, n_worst=3)
    values = surprise(y, model.predict_proba(X))
    assert [curve.label for curve in display.curves] == ["0", "1", "2"]
    for k, curve in enumerate(display.curves):
        np.testing.assert_allclose(curve.surprise, np.sort(values[y == k]), rtol=1e-10)
        np.testing.assert_allclose(curve.exceeded, np.linspace(1, 1 / 50, 50))
        p = model.predict_proba(X)[:, k]
        assert curve.mean == pytest.approx(values[y == k].mean(), rel=1e-10)
        assert curve.expected_mean == pytest.approx(p @ -np.log(p) / p.sum(), rel=1e-10)
    worst = np.argsort(-values)[:3]
    assert [row for row, _, _ in display.worst] == worst.tolist()
    assert [label for _, label, _ in display.worst] == y[worst].tolist()
    assert str(worst[0]) in display.ax_.texts[0].get_text()


def test_loss_curves_are_values_and_gradients():
    class SquaredError:
        def value_gradient(self, target, raw_prediction):
            p = 1 / (1 + np.exp(-raw_prediction))
            return (p - target) ** 2, 2 * (p - target) * p * (1 - p)

    display = LossCurveDisplay.from_losses(
        {"log loss": LogLoss(), "Brier": SquaredError()}, low=-5, high=5
    )
    value, gradient = display.curves["log loss"]
    np.testing.assert_allclose(value, np.log1p(np.exp(-display.logit)), rtol=1e-14)
    np.testing.assert_array_equal(display.axes_[0].lines[0].get_ydata(), value)
    np.testing.assert_array_equal(display.axes_[1].lines[0].get_ydata(), gradient)
    # Sure and wrong: the one learns, the other stalls.
    assert gradient[0] < -0.99
    assert abs(display.curves["Brier"][1][0]) < 0.02
    assert display.axes_[0].get_legend().get_texts()[1].get_text() == "Brier"


@pytest.mark.parametrize(
    ("score", "decomposition"),
    [("log_loss", log_loss_decomposition), ("brier_score", brier_decomposition)],
)
def test_models_are_points(score, decomposition):
    forecasts = {"right": P, "wrong": P**2}
    display = ScoreDecompositionDisplay.from_predictions(
        Y, forecasts, score=score, sample_weight=WEIGHT
    )
    points = [line for line in display.ax_.lines if line.get_marker() == "o"]
    for point, (name, p) in zip(points, forecasts.items(), strict=True):
        parts = decomposition(Y, p, sample_weight=WEIGHT)
        assert display.decompositions[name] == parts
        assert point.get_label() == name
        assert point.get_xdata() == [parts.miscalibration]
        assert point.get_ydata() == [parts.discrimination]
    # Along a line, MCB - DSC is the same: its slope is one.
    lines = [line for line in display.ax_.lines if line.get_marker() != "o"]
    for line in lines:
        np.testing.assert_allclose(np.ptp(line.get_xdata()), np.ptp(line.get_ydata()))


def test_models_from_estimators(iris):
    X, y = iris
    models = {"naive Bayes": GaussianNB().fit(X, y), "logistic": LogLossClassifier().fit(X, y)}
    display = ScoreDecompositionDisplay.from_estimators(models, X, y, method="temperature")
    for name, model in models.items():
        expected = log_loss_decomposition(y, model.predict_proba(X), method="temperature")
        np.testing.assert_allclose(display.decompositions[name][:4], expected[:4], rtol=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ReliabilityDisplay.from_predictions(Y, P, confidence_level=2), "confidence_level"),
        (lambda: ReliabilityDisplay.from_predictions(Y, P, multiclass="all"), "multiclass must"),
        (lambda: SurpriseDisplay.from_predictions([[0.5, 0.5]], [0.5]), "y_true must hold labels"),
        (lambda: LossCurveDisplay.from_losses({}, low=1, high=0), "low must be below high"),
        (
            lambda: ScoreDecompositionDisplay.from_predictions(Y, {"a": P}, score="auc"),
            "score must",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_several_models_in_the_same_axes():
    display = ReliabilityDisplay.from_predictions(Y, P, name="one", n_resamples=3)
    other = ReliabilityDisplay.from_predictions(Y, P**2, name="two", n_resamples=3, ax=display.ax_)
    assert other.distribution_ax_ is display.distribution_ax_
    curves = [line for line in display.ax_.lines if line.get_linewidth() == 1.5]
    assert len({line.get_color() for line in curves}) == 2


def test_logits_are_decomposed_as_they_are():
    z = 100 * np.log(P / (1 - P))
    display = ReliabilityDisplay.from_predictions(Y, raw_prediction=z, n_resamples=3)
    expected = log_loss_decomposition(Y, raw_prediction=z)
    np.testing.assert_allclose(display.curves[0].decomposition[:4], expected[:4], rtol=1e-12)


def test_forecasts_that_are_all_the_same():
    display = ReliabilityDisplay.from_predictions(Y, np.full(300, 0.5), n_resamples=3)
    assert display.ax_.lines[1].get_marker() == "o"
    assert SurpriseDisplay.from_predictions([0, 1], [0.0, 1.0]).curves[0].mean == 0
    display = SurpriseDisplay.from_predictions([1, 1], [0.0, 0.0], labels=[0, 1])
    assert display.curves[0].expected_mean == 0


def test_soft_targets_have_no_band():
    soft = np.column_stack([1 - P, P])
    display = ReliabilityDisplay.from_predictions(soft, P)
    assert np.isnan(display.curves[0].low).all()


def test_a_class_that_the_estimator_has_never_seen(iris):
    X, y = iris
    model = GaussianNB().fit(X[y > 0], y[y > 0])
    display = SurpriseDisplay.from_estimator(model, X, y, sample_weight=np.arange(150) % 3)
    assert [curve.label for curve in display.curves] == ["0", "1", "2"]
    assert all(row % 3 for row, _, _ in display.worst)
    assert display.worst[0][1] == 0


def test_axes_and_models_are_checked():
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match="axes must be two"):
        LossCurveDisplay.from_losses({"log loss": LogLoss()}, axes=ax)
    with pytest.raises(ValueError, match="y_proba must not be empty"):
        ScoreDecompositionDisplay.from_predictions(Y, {})
    with pytest.raises(TypeError, match="losses must be a dict"):
        LossCurveDisplay.from_losses([LogLoss()])
    with pytest.raises(TypeError, match="estimators must be a dict"):
        ScoreDecompositionDisplay.from_estimators([LogLossClassifier()], [[0.0]], [0])
    with pytest.raises(NotFittedError):
        ReliabilityDisplay.from_estimator(LogLossClassifier(), [[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize("display", [ReliabilityDisplay, SurpriseDisplay])
def test_labels_of_another_kind_than_the_classes_are_refused(display):
    X, y = load_iris(return_X_y=True)
    model = LogLossClassifier().fit(X, y > 0)
    with pytest.raises(ValueError, match="y_true must have labels of the type of the estimator"):
        display.from_estimator(model, X, np.where(y > 0, "yes", "no"))


def test_the_distribution_has_room_in_a_figure_without_layout():
    fig, (above, below) = plt.subplots(2)
    places = [ax.get_position() for ax in (above, below)]
    for ax, place in zip((above, below), places, strict=True):
        for _ in range(2):  # a second model takes no more of it
            display = ReliabilityDisplay.from_predictions(Y, P, n_resamples=3, ax=ax)
        fig.canvas.draw()
        distribution = display.distribution_ax_.get_window_extent()
        bottom = fig.transFigure.inverted().transform((distribution.x0, distribution.y0))[1]
        # Sums of numbers below 1.
        assert bottom == pytest.approx(place.y0, abs=1e-12)
        assert ax.get_position().y1 == pytest.approx(place.y1, abs=1e-12)
    plt.close(fig)
