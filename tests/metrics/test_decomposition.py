"""Decompositions: the identity, the parts, and an independent package."""

import numpy as np
import pytest
from model_diagnostics.scoring import LogLoss as TheirLogLoss
from model_diagnostics.scoring import SquaredError, decompose
from scipy.special import expit, softmax

from sklogloss.metrics import (
    brier_decomposition,
    brier_score,
    log_loss,
    log_loss_decomposition,
)

DECOMPOSITIONS = [(log_loss_decomposition, log_loss), (brier_decomposition, brier_score)]
METHODS = ["isotonic", "logistic", "temperature"]


def binary_problem(n=400, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    y = (rng.logistic(size=n) < z).astype(int)
    # Ties are the rule for forecasts in per cent.
    return y, np.round(expit(1.7 * z - 0.3), 2).clip(0.01, 0.99), rng.uniform(size=n)


def multiclass_problem(n=400, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3))
    y = (z + rng.gumbel(size=(n, 3))).argmax(axis=1)
    return y, softmax(1.7 * z + [0, 0.5, 0], axis=1), rng.uniform(size=n)


@pytest.mark.parametrize("problem", [binary_problem, multiclass_problem])
@pytest.mark.parametrize(("decomposition", "score"), DECOMPOSITIONS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("cv", [None, 5])
def test_parts_add_up_to_the_score(problem, decomposition, score, method, cv):
    y, p, weight = problem()
    parts = decomposition(y, p, method=method, cv=cv, sample_weight=weight, random_state=0)
    assert parts.score == pytest.approx(score(y, p, sample_weight=weight), rel=1e-13)
    total = parts.miscalibration - parts.discrimination + parts.uncertainty
    # Rounding of three additions of numbers no larger than two.
    assert abs(total - parts.score) < 2e-15
    assert parts.intervals is None
    if cv is None and decomposition is log_loss_decomposition:
        assert parts.miscalibration >= 0
        assert parts.discrimination >= 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("decomposition", "scoring_function"),
    [(log_loss_decomposition, TheirLogLoss()), (brier_decomposition, SquaredError())],
)
def test_isotonic_of_two_classes_agrees_with_model_diagnostics(
    decomposition, scoring_function, weighted
):
    y, p, weight = binary_problem()
    weight = weight if weighted else None
    theirs = decompose(y, p, weights=weight, scoring_function=scoring_function)
    ours = decomposition(y, p, sample_weight=weight)
    for name in ("miscalibration", "discrimination", "uncertainty", "score"):
        assert getattr(ours, name) == pytest.approx(theirs[name].item(), rel=1e-9, abs=1e-12)


def test_uncertainty_is_the_entropy_of_the_frequencies():
    y, p, weight = multiclass_problem()
    frequency = np.bincount(y, weight) / weight.sum()
    parts = log_loss_decomposition(y, p, sample_weight=weight)
    assert parts.uncertainty == pytest.approx(-np.sum(frequency * np.log(frequency)), rel=1e-12)


@pytest.mark.parametrize("problem", [binary_problem, multiclass_problem])
def test_logistic_recalibration_is_undone_by_itself(problem):
    y, p, weight = problem()
    logits = np.log(p / (1 - p)) if p.ndim == 1 else np.log(p)
    shift = 0.7 if p.ndim == 1 else np.array([0.3, -1.0, 0.2])
    before = log_loss_decomposition(y, p, method="logistic", sample_weight=weight)
    after = log_loss_decomposition(
        y, raw_prediction=3 * logits + shift, method="logistic", sample_weight=weight
    )
    # The loss is flat at its minimum: a gradient of 1e-10 leaves next to nothing.
    assert after.discrimination == pytest.approx(before.discrimination, abs=1e-12)


def test_weights_are_repetitions():
    y, p, _ = binary_problem()
    repetitions = np.random.default_rng(1).integers(0, 4, size=len(y))
    repeated = np.repeat(np.arange(len(y)), repetitions)
    weighted = log_loss_decomposition(y, p, sample_weight=repetitions)
    np.testing.assert_allclose(
        weighted[:4], log_loss_decomposition(y[repeated], p[repeated])[:4], rtol=1e-10, atol=1e-14
    )


def test_soft_targets():
    y, p, _ = binary_problem()
    soft = np.column_stack([1 - y, y]).astype(float)
    hard = log_loss_decomposition(y, p)
    np.testing.assert_allclose(log_loss_decomposition(soft, p)[:4], hard[:4], rtol=1e-12)


def test_isotonic_of_logits_ranks_where_probabilities_are_one():
    z = np.array([50.0, 60.0, 70.0, 80.0])
    parts = log_loss_decomposition([0, 0, 1, 1], raw_prediction=z)
    assert parts.score - parts.miscalibration == 0


def test_bias_correction_brings_calibrated_forecasts_to_zero():
    rng = np.random.default_rng(2)
    p = rng.uniform(size=500)
    y = (rng.random(500) < p).astype(int)
    plain = log_loss_decomposition(y, p)
    corrected = log_loss_decomposition(y, p, bias_correction=True, random_state=0)
    assert plain.miscalibration > 0.01
    assert abs(corrected.miscalibration) < plain.miscalibration / 2
    total = corrected.miscalibration - corrected.discrimination + corrected.uncertainty
    assert total == pytest.approx(plain.score, rel=1e-13)


@pytest.mark.parametrize("bias_correction", [False, True])
def test_intervals_are_reproducible_and_hold_the_estimate(bias_correction):
    y, p, weight = binary_problem()
    arguments = {
        "method": "logistic",
        "confidence_level": 0.9,
        "n_resamples": 50,
        "bias_correction": bias_correction,
        "sample_weight": weight,
    }
    parts = log_loss_decomposition(y, p, random_state=3, **arguments)
    assert parts == log_loss_decomposition(y, p, random_state=3, **arguments)
    for name in ("score", "discrimination", "uncertainty"):
        low, high = parts.intervals[name]
        assert low < getattr(parts, name) < high


def test_cross_validated_recalibration_is_not_flattered():
    rng = np.random.default_rng(3)
    p = rng.uniform(size=200)
    y = rng.integers(0, 2, size=200)
    inside = log_loss_decomposition(y, p, method="logistic")
    outside = log_loss_decomposition(y, p, method="logistic", cv=10, random_state=0)
    assert outside.discrimination < inside.discrimination


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "platt"}, "method must be one of"),
        ({"confidence_level": 1.0}, "confidence_level must be in"),
        ({"n_resamples": 0}, "n_resamples must be"),
        ({"cv": [([0, 1], [2])]}, "cv must put each sample into a test set"),
    ],
)
def test_parameters_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        log_loss_decomposition([0, 1, 1], [0.2, 0.6, 0.7], **arguments)


def test_recalibration_by_others_calls_nothing_impossible():
    miscalibration = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=500)
        y = rng.logistic(size=500) < z
        parts = log_loss_decomposition(y, raw_prediction=z, cv=5, random_state=0)
        miscalibration.append(parts.miscalibration)
    # True probabilities cannot be improved upon. Each frequency that is estimated costs 1 / (2 n)
    # nats: 0.03 is that of 30 blocks of equal values.
    assert -0.03 < np.mean(miscalibration) < 0


def test_corrected_intervals_hold_the_truth():
    covered = 0
    n_trials, level = 40, 0.9
    for seed in range(n_trials):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=400)
        y = rng.logistic(size=400) < z
        parts = log_loss_decomposition(
            y, raw_prediction=z, bias_correction=True, confidence_level=level, n_resamples=50,
            random_state=0,
        )  # fmt: skip
        low, high = parts.intervals["miscalibration"]
        assert low <= parts.miscalibration <= high
        covered += low <= 0 <= high
    # Four standard deviations of a binomial count.
    assert covered > n_trials * level - 4 * np.sqrt(n_trials * level * (1 - level))


def test_weights_may_be_few_and_folds_of_any_kind():
    p = [0.2, 0.6, 0.7, 0.3, 0.4]
    parts = log_loss_decomposition(
        [0, 1, 1, 1, 0], p, sample_weight=[1, 1, 0, 0, 0], confidence_level=0.9, random_state=0
    )
    assert np.isfinite(parts[:4]).all()
    y, p, _ = binary_problem()
    plain = log_loss_decomposition(y, p, cv=3, random_state=0)
    assert plain == log_loss_decomposition(y, p, cv=np.int64(3), random_state=0)
    folds = [(np.flatnonzero(np.arange(400) % 2 == i), np.flatnonzero(np.arange(400) % 2 != i))
             for i in range(2)]  # fmt: skip
    corrected = log_loss_decomposition(
        y, p, cv=(fold for fold in folds), bias_correction=True, n_resamples=3, random_state=0
    )
    assert np.isfinite(corrected[:4]).all()


def test_small_logits_are_told_apart():
    y, p, _ = binary_problem()
    z = np.log(p / (1 - p))
    large = log_loss_decomposition(y, raw_prediction=z)
    small = log_loss_decomposition(y, raw_prediction=2.0**-60 * z)
    assert small.discrimination == pytest.approx(large.discrimination, rel=1e-12)


def test_bias_correction_is_of_labels():
    with pytest.raises(ValueError, match="bias_correction needs labels"):
        log_loss_decomposition([[0.5, 0.5], [0.2, 0.8]], [0.5, 0.7], bias_correction=True)


@pytest.mark.parametrize("decomposition", [log_loss_decomposition, brier_decomposition])
def test_the_unit_of_weights_does_not_matter(decomposition):
    y, p, weight = binary_problem()
    expected = decomposition(y, p, cv=5, sample_weight=weight, random_state=0)
    for factor in (1e-6, 1e6):
        parts = decomposition(y, p, cv=5, sample_weight=weight * factor, random_state=0)
        assert parts[:4] == pytest.approx(expected[:4], rel=1e-12)
