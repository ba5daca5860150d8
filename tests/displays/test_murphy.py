"""The Murphy diagram."""

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

from sklogloss import LogLossClassifier
from sklogloss.displays import MurphyDisplay
from sklogloss.metrics import brier_score, expected_cost

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def forecasts(n=400):
    rng = np.random.default_rng(0)
    proba = rng.uniform(size=n)
    return (rng.random(n) < proba).astype(int), proba, rng.uniform(size=n)


def test_cost_is_that_of_the_decisions():
    y, proba, weight = forecasts()
    display = MurphyDisplay.from_predictions(y, {"a": proba}, sample_weight=weight)
    for i in (50, 125, 400):
        threshold = display.thresholds[i]
        cost = [[0, threshold], [1 - threshold, 0]]
        decided = (proba >= threshold).astype(int)
        expected = 2 * expected_cost(y, decided, cost, sample_weight=weight)
        assert display.costs["a"][i] == pytest.approx(expected)


def test_area_is_the_brier_score():
    y, proba, _ = forecasts()
    display = MurphyDisplay.from_predictions(y, {"a": proba})
    # Jumps of 1 / 400 between thresholds 1 / 500 apart.
    area = np.trapezoid(display.costs["a"], display.thresholds)
    assert area == pytest.approx(brier_score(y, proba), abs=1e-4)


def test_estimators_and_several_classes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X + rng.gumbel(size=X.shape)).argmax(axis=1)
    models = {C: LogLossClassifier(C=C).fit(X, y) for C in (0.01, 1.0)}
    display = MurphyDisplay.from_estimators({f"C = {C}": clf for C, clf in models.items()}, X, y)
    assert [line.get_label() for line in display.ax_.lines] == ["C = 0.01", "C = 1.0"]
    assert display.ax_.get_xlabel() == "Threshold"
