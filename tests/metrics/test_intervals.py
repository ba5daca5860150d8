"""Intervals of the log loss and of differences."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import ttest_1samp, ttest_rel

from sklogloss.metrics import (
    compare_fold_scores,
    compare_log_loss,
    log_loss,
    log_loss_interval,
    surprise,
)


def draw(n, rng):
    p = expit(rng.normal(size=n))
    return (rng.random(n) < p).astype(int), p


def test_interval_of_equal_weights_is_that_of_a_mean():
    y, p = draw(200, np.random.default_rng(0))
    interval = log_loss_interval(y, p, confidence_level=0.9)
    expected = ttest_1samp(surprise(y, p), 0).confidence_interval(0.9)
    assert interval.log_loss == pytest.approx(log_loss(y, p), rel=1e-13)
    assert (interval.low, interval.high) == pytest.approx(tuple(expected), rel=1e-12)


def test_groups_of_one_are_no_groups_and_copies_count_once():
    rng = np.random.default_rng(1)
    y, p = draw(100, rng)
    weight = rng.uniform(size=100)
    plain = log_loss_interval(y, p, sample_weight=weight)
    single = log_loss_interval(y, p, sample_weight=weight, groups=np.arange(100))
    assert single == pytest.approx(plain, rel=1e-12)
    twice = np.tile(np.arange(100), 2)
    copies = log_loss_interval(y[twice], p[twice], sample_weight=weight[twice], groups=twice)
    assert copies == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize("method", ["normal", "bootstrap"])
def test_coverage_of_groups(method):
    # The forecast of a group is off by the same in all of its samples.
    rng = np.random.default_rng(2)
    n_trials, n_groups, size, level = 300, 60, 8, 0.9
    groups = np.repeat(np.arange(n_groups), size)

    def sample(n_groups):
        z = np.repeat(rng.normal(size=n_groups), size)
        y = rng.logistic(size=n_groups * size) < z
        return y, expit(z + np.repeat(rng.normal(size=n_groups), size))

    truth = log_loss(*sample(200_000))
    covered = 0
    for _ in range(n_trials):
        y, p = sample(n_groups)
        interval = log_loss_interval(
            y, p, groups=groups, method=method, confidence_level=level, n_resamples=200,
            random_state=0,
        )  # fmt: skip
        covered += interval.low <= truth <= interval.high
    # Four standard deviations, and what percentiles of so few groups fall short by.
    slack = 4 * np.sqrt(n_trials * level * (1 - level)) + 0.02 * n_trials
    assert abs(covered - n_trials * level) < slack


def test_bootstrap_is_reproducible():
    y, p = draw(100, np.random.default_rng(3))
    first, second = (
        log_loss_interval(y, p, method="bootstrap", random_state=5, n_resamples=50)
        for _ in range(2)
    )
    assert first == second
    assert first.low < first.log_loss < first.high


def test_comparison_is_a_paired_test():
    rng = np.random.default_rng(4)
    y, p = draw(300, rng)
    other = expit(np.log(p / (1 - p)) + rng.normal(size=300))
    result = compare_log_loss(y, p, other)
    expected = ttest_rel(surprise(y, p), surprise(y, other))
    assert result.statistic == pytest.approx(expected.statistic, rel=1e-10)
    assert result.pvalue == pytest.approx(expected.pvalue, rel=1e-9)
    assert result.difference == pytest.approx(log_loss(y, p) - log_loss(y, other), rel=1e-10)
    interval = expected.confidence_interval(0.95)
    assert (result.low, result.high) == pytest.approx(tuple(interval), rel=1e-10)
    swapped = compare_log_loss(y, other, p)
    assert swapped.difference == -result.difference
    logits = [np.log(q / (1 - q)) for q in (p, other)]
    of_logits = compare_log_loss(y, raw_prediction=logits)
    assert of_logits == pytest.approx(result, rel=1e-8)


def test_equal_forecasts_do_not_differ():
    y, p = draw(50, np.random.default_rng(5))
    result = compare_log_loss(y, p, p)
    assert (result.difference, result.statistic, result.pvalue) == (0, 0, 1)


def test_folds_are_corrected_for_shared_training_data():
    rng = np.random.default_rng(6)
    y, p = draw(100, rng)
    other = expit(np.log(p / (1 - p)) + rng.normal(size=100))
    folds = np.repeat(np.arange(5), 20)
    result = compare_log_loss(y, p, other, folds=folds)
    by_fold = (surprise(y, p) - surprise(y, other)).reshape(5, 20).mean(axis=1)
    error = by_fold.std(ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    assert result.difference == pytest.approx(by_fold.mean(), rel=1e-12)
    assert result.standard_error == pytest.approx(error, rel=1e-12)
    assert compare_fold_scores(by_fold, np.zeros(5)) == pytest.approx(result, rel=1e-12)
    wider = compare_fold_scores(by_fold, np.zeros(5), test_size=0.5)
    assert wider.standard_error == pytest.approx(by_fold.std(ddof=1) * np.sqrt(1 / 5 + 1))


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (log_loss_interval, (([1], [0.5])), "y_true must have at least 2 samples"),
        (compare_fold_scores, ([1.0], [2.0]), "at least 2 folds, got 1"),
        (compare_fold_scores, ([1.0, 2.0], [2.0]), "inconsistent numbers"),
        (compare_fold_scores, ([1.0, np.nan], [2.0, 1.0]), "scores_a contains NaN"),
    ],
)
def test_bad_input(function, arguments, message):
    keywords = {"labels": [0, 1]} if function is log_loss_interval else {}
    with pytest.raises(ValueError, match=message):
        function(*arguments, **keywords)


def test_groups_and_folds_exclude_each_other():
    with pytest.raises(ValueError, match="either groups or folds"):
        compare_log_loss([0, 1], [0.5, 0.5], [0.4, 0.6], groups=[0, 1], folds=[0, 1])


@pytest.mark.parametrize("arguments", [{}, {"groups": [0, 0, 1, 1, 2, 2]}])
def test_samples_of_weight_zero_do_not_count(arguments):
    y, p, weight = np.array([0, 1, 0, 1, 1, 0]), np.linspace(0.2, 0.7, 6), [1, 0, 2, 1, 0, 1]
    rows = np.flatnonzero(weight)
    fewer = {name: np.array(value)[rows] for name, value in arguments.items()}
    given = log_loss_interval(y, p, sample_weight=weight, **arguments)
    expected = log_loss_interval(y[rows], p[rows], sample_weight=np.array(weight)[rows], **fewer)
    assert given == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("wrong", "name"), [(0, "y_proba_a"), (1, "y_proba_b"), (2, r"raw_prediction\[1\]")]
)
def test_errors_name_the_forecast(wrong, name):
    good, bad = [0.5, 0.5], [0.5, np.nan]
    arguments = [(bad, good), (good, bad), ()][wrong]
    keywords = {"raw_prediction": (good, bad)} if wrong == 2 else {}
    with pytest.raises(ValueError, match=f"{name} contains NaN"):
        compare_log_loss([0, 1], *arguments, **keywords)


@pytest.mark.parametrize("name", ["scores_a", "scores_b"])
def test_complex_scores_are_named(name):
    scores = {"scores_a": [1.0, 2.0], "scores_b": [1.0, 2.0]}
    scores[name] = np.array([1j, 2])
    with pytest.raises(ValueError, match=f"{name} must hold real numbers, got dtype complex128"):
        compare_fold_scores(**scores)


def test_shapes_are_checked():
    with pytest.raises(TypeError, match="y_proba_a and y_proba_b, or raw_prediction"):
        compare_log_loss([0, 1], [0.5, 0.5])
    with pytest.raises(TypeError, match="raw_prediction must be a tuple"):
        compare_log_loss([0, 1], raw_prediction=np.zeros(2))
    with pytest.raises(ValueError, match="one number for each fold"):
        compare_fold_scores(np.zeros((2, 2)), np.zeros((2, 2)))


@pytest.mark.parametrize("n_groups", [3, 5])
def test_number_of_groups_is_checked_where_samples_have_no_weight(n_groups):
    groups = np.arange(n_groups)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        log_loss_interval([0, 1, 0, 1], [0.5] * 4, sample_weight=[1, 1, 1, 0], groups=groups)


@pytest.mark.parametrize("groups", [[0.0, np.nan, 1.0, 1.0], ["a", None, "b", "b"]])
def test_groups_without_a_name_are_refused(groups):
    y, p = [0, 1, 0, 1], [0.5, 0.6, 0.4, 0.5]
    with pytest.raises(ValueError, match="groups must name a group"):
        log_loss_interval(y, p, groups=np.array(groups, dtype=object))
    with pytest.raises(ValueError, match="folds must name a group"):
        compare_log_loss(y, p, p, folds=np.array(groups, dtype=object))
