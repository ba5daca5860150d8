import numpy as np
import pytest

from sklogloss.calibration import VectorScaling
from sklogloss.calibration.choice import MethodScore, choose, held_out_scores
from sklogloss.calibration.held_out import HeldOut
from sklogloss.metrics import log_loss


def test_simplest_within_a_standard_error_is_chosen():
    scores = {
        "none": MethodScore(0.6, 0.1, 0.01),
        "temperature": MethodScore(0.51, 0.01, 0.02),
        "isotonic": MethodScore(0.5, 0.0, 0.0),
    }
    assert choose(scores) == "temperature"
    assert choose({**scores, "temperature": MethodScore(0.51, 0.01, 0.009)}) == "isotonic"


def test_better_of_equally_simple_methods_is_chosen():
    scores = {
        "temperature": MethodScore(0.55, 0.05, 0.01),
        "venn-abers": MethodScore(0.501, 0.001, 0.002),
        "isotonic": MethodScore(0.5, 0.0, 0.0),
    }
    assert choose(scores) == "isotonic"
    assert choose({**scores, "isotonic": MethodScore(0.502, 0.002, 0.003)}) == "venn-abers"


def test_nothing_worse_than_none_is_chosen():
    scores = {
        "none": MethodScore(0.52, 0.02, 0.01),
        "temperature": MethodScore(0.55, 0.05, 0.1),
        "isotonic": MethodScore(0.5, 0.0, 0.0),
    }
    assert choose(scores) == "isotonic"


def test_excess_and_standard_error_are_those_of_the_rows(forecasts):
    y, z = forecasts(300, 2)
    log_proba = -np.logaddexp(0, np.column_stack([z, -z]))
    weight = np.random.default_rng(0).integers(1, 3, size=300).astype(float)
    held_out = HeldOut(z, log_proba, y, weight, np.arange(300) % 3, 2)
    scores = held_out_scores(held_out)
    rows = np.repeat(np.arange(300), weight.astype(int))
    repeated = HeldOut(z[rows], log_proba[rows], y[rows], None, rows % 3, 2)
    for name, score in held_out_scores(repeated).items():
        assert scores[name] == pytest.approx(score, abs=1e-6)
    assert scores["none"].log_loss == pytest.approx(
        np.average(-log_proba[np.arange(300), y], weights=weight)
    )


def test_losses_are_corrected_for_the_rows_that_the_calibrators_of_folds_lack(forecasts):
    y, z = forecasts(100, 3)
    fold = np.arange(100) % 4
    held_out = HeldOut(z, None, y, None, fold, 3)

    def loss(train, test):
        fitted = VectorScaling().fit(z[train], y[train])
        return log_loss(y[test], fitted.predict_proba(z[test]))

    everything = np.arange(100)
    trains = [everything[fold != number] for number in range(4)]
    expected = (
        np.mean([loss(train, np.setdiff1d(everything, train)) for train in trains])
        + loss(everything, everything)
        - np.mean([loss(train, everything) for train in trains])
    )
    assert held_out_scores(held_out)["vector"].log_loss == pytest.approx(expected, rel=1e-12)


def test_infinite_losses_are_left_behind(forecasts):
    y, z = forecasts(100, 2)
    log_proba = np.log(np.full((100, 2), 0.5))
    log_proba[0] = [-np.inf, 0] if y[0] == 0 else [0, -np.inf]
    scores = held_out_scores(HeldOut(z, log_proba, y, None, np.arange(100) % 2, 2))
    assert scores["none"].log_loss == np.inf
    assert choose(scores) != "none"
