"""Costs of decisions."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.datasets import make_classification
from sklearn.metrics import make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV

from sklogloss import LogLossClassifier
from sklogloss.metrics import expected_cost, optimal_decisions, optimal_threshold

COST = [[0.0, 1.0], [10.0, -1.0]]


def test_expected_cost_is_the_mean_entry():
    y, decided = np.array(["a", "b", "b", "a"]), np.array(["b", "b", "a", "a"])
    assert expected_cost(y, decided, COST) == pytest.approx((1 - 1 + 10 + 0) / 4)
    weight = [1, 2, 3, 4]
    expected = (1 - 2 + 30 + 0) / 10
    assert expected_cost(y, decided, COST, sample_weight=weight) == pytest.approx(expected)
    assert expected_cost([1, 1], [1, 1], COST) == -1
    assert expected_cost(["b"], ["b"], COST, labels=["a", "b"]) == -1


def test_threshold_has_the_smallest_cost():
    rng = np.random.default_rng(0)
    p = expit(2 * rng.normal(size=200_000))
    y = (rng.random(200_000) < p).astype(int)
    best = optimal_threshold(COST)
    assert best == pytest.approx(1 / 12)
    costs = {t: expected_cost(y, (p >= t).astype(int), COST) for t in (best, 0.5, best / 3)}
    # Differences of 0.02 and more, with standard errors of 0.002.
    assert min(costs, key=costs.get) == best
    np.testing.assert_array_equal(optimal_decisions(p, COST), (p > best).astype(int))


def test_decisions_need_not_be_classes():
    proba = np.array([[0.8, 0.1, 0.1], [0.4, 0.3, 0.3]])
    cost = np.column_stack([1 - np.eye(3), np.full(3, 0.5)])
    decisions = optimal_decisions(proba, cost, labels=["a", "b", "c", "ask"])
    assert decisions.tolist() == ["a", "ask"]


def test_tuned_threshold_is_close_to_the_optimal_one():
    X, y = make_classification(5000, 5, flip_y=0.2, random_state=0)
    scorer = make_scorer(expected_cost, greater_is_better=False, cost=COST)
    tuned = TunedThresholdClassifierCV(LogLossClassifier(), scoring=scorer).fit(X, y)
    fixed = LogLossClassifier().fit(X, y).predict_proba(X)[:, 1] >= optimal_threshold(COST)
    of_fixed = expected_cost(y, fixed.astype(int), COST)
    assert expected_cost(y, tuned.predict(X), COST) == pytest.approx(of_fixed, abs=0.1)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (expected_cost, ([0, 1], [0, 1], [[0, 1]]), "cost must be a square matrix"),
        (expected_cost, ([0, 1, 2], [0, 1, 1], COST), "cost must have a row and a column"),
        (expected_cost, ([0, 1], [0], COST), "y_pred has 1"),
        (expected_cost, ([], [], COST), "y_true"),
        (optimal_threshold, ([[0, -1], [10, 0]],), "cost must be larger for the wrong decision"),
        (optimal_threshold, (np.ones((3, 3)),), r"cost must have shape \(2, 2\)"),
        (optimal_threshold, ([[0, np.nan], [10, 0]],), "cost contains NaN"),
        (optimal_decisions, ([0.5], np.ones((3, 2))), "cost must have a row for each of 2"),
    ],
)
def test_bad_arguments_are_named(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


def test_labels_that_may_begin_at_0_or_1_must_be_given():
    cost = [[0, 1, 2], [3, 0, 4], [5, 6, 0]]
    with pytest.raises(ValueError, match="of labels"):
        expected_cost([1, 2], [2, 1], cost)
    assert expected_cost([1, 2], [2, 1], cost, labels=[1, 2, 3]) == 2
    assert expected_cost([1, 2], [2, 1], cost, labels=[0, 1, 2]) == 5


def test_costs_next_to_the_largest_float_do_not_overflow():
    assert optimal_threshold([[0, 1e308], [1e308, 0]]) == 0.5
    # 2 and 2.5 times 1e308.
    cost = [[-1e308, 1e308], [1.5e308, -1e308]]
    assert optimal_threshold(cost) == pytest.approx(2 / 4.5, rel=1e-15)
    assert expected_cost([0, 1], [1, 0], [[0, 1e308], [1e308, 0]]) == pytest.approx(1e308)
