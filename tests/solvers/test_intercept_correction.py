"""FLAC and FLIC against their definitions: augmented data, and an intercept fitted again."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklogloss import LogLossClassifier
from sklogloss.linear.jeffreys import JeffreysObjective
from sklogloss.linear.objective import balanced_objective
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty
from sklogloss.solvers import intercept_correction
from sklogloss.solvers.firth import firth_plan, solve_firth
from sklogloss.solvers.intercept_correction import AugmentedObjective, correct_intercept
from sklogloss.solvers.stopping import Goal, Verdict

GOAL = Goal.of(1e-10, 100)


def make_data(n_classes, n_samples=40):
    """Return X, labels of which the last is rare, weights and offsets."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 2)) + np.array([0, 30])
    label = rng.integers(n_classes - 1, size=n_samples) if n_classes > 2 else np.zeros(40, int)
    label[np.argsort(X[:, 0])[-5:]] = n_classes - 1
    n_columns = 1 if n_classes == 2 else n_classes
    offset = np.asfortranarray(rng.normal(size=(n_samples, n_columns)) / 2)
    return X, label, rng.integers(1, 4, size=n_samples).astype(float), offset


def fit(X, label, weight, offset, scale=1.0):
    target = label.astype(np.float64).reshape(-1, 1)
    samples = Samples(make_design(X), target, weight * scale, offset)
    loss = LogLoss(label.max() + 1).kernel()
    objective = balanced_objective(samples, loss, Penalty(), fit_intercept=True)
    penalised = JeffreysObjective(objective, 1 / weight.sum())
    return solve_firth(firth_plan(penalised), penalised, GOAL)


def probabilities(result, X, offset):
    coef, intercept = result.objective.coef_intercept(result.theta)
    raw = X @ coef + intercept + offset
    return LogLoss(max(2, raw.shape[1])).link(raw if raw.shape[1] > 1 else raw[:, 0])


@pytest.mark.parametrize("correction", ["flac", "flic"])
@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_mean_probability_is_the_fraction_of_each_class(n_classes, correction):
    X, label, weight, offset = make_data(n_classes)
    result = correct_intercept(fit(X, label, weight, offset), correction, GOAL)
    assert result.verdict.is_solved
    expected = np.bincount(label, weights=weight) / weight.sum()
    mean = weight @ probabilities(result, X, offset) / weight.sum()
    assert_allclose(mean, expected, rtol=1e-8)


def test_without_correction_a_rare_class_is_too_probable():
    X, label, weight, offset = make_data(2)
    label = np.random.default_rng(0).permutation(label)  # nothing to learn
    proba = probabilities(fit(X, label, weight, offset), X, offset)
    # Half of a pseudo-sample for each of the three parameters, less what follows the 5 in 40.
    assert 0.5 < weight @ (proba[:, 1] - label) < 1.5


@pytest.mark.parametrize("n_classes", [2, 3])
def test_flac_is_maximum_likelihood_on_augmented_data(n_classes):
    X, label, weight, offset = make_data(n_classes)
    result = fit(X, label, weight, offset)
    found = correct_intercept(result, "flac", GOAL)
    # Each class once more in each row, weighted by its pseudo-count, and a column that tells them.
    augmented = np.vstack(
        [np.column_stack([X, np.zeros(len(X))])]
        + n_classes * [np.column_stack([X, np.ones(len(X))])]
    )
    labels = np.concatenate([label, np.repeat(np.arange(n_classes), len(X))])
    weights = np.concatenate([weight, result.last_point.counts.T.ravel()])
    offsets = np.vstack([offset] * (n_classes + 1))
    model = LogLossClassifier(C=np.inf, tol=1e-10).fit(augmented, labels, weights, offset=offsets)
    coef, intercept = found.objective.coef_intercept(found.theta)
    if n_classes > 2:
        coef = coef - coef.mean(axis=1, keepdims=True)
        intercept = intercept - intercept.mean()
    assert_allclose(coef.T, model.coef_[:, :2], rtol=1e-7)
    assert_allclose(intercept, model.intercept_, rtol=1e-7)


def test_flic_changes_the_intercepts_alone():
    X, label, weight, offset = make_data(3)
    result = fit(X, label, weight, offset)
    before, _ = result.objective.coef_intercept(result.theta)
    found = correct_intercept(result, "flic", GOAL)
    after, _ = found.objective.coef_intercept(found.theta)
    assert_allclose(after, before, rtol=1e-13)


@pytest.mark.parametrize("correction", ["flac", "flic"])
def test_scaled_down_weights_are_those_that_were_given(correction):
    # Weights are divided by a power of two on the way to the samples.
    X, label, weight, offset = make_data(3)
    results = [
        correct_intercept(fit(X, label, weight, offset, scale), correction, GOAL)
        for scale in (1.0, 2.0**-5)
    ]
    assert_allclose(results[1].theta, results[0].theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("correction", ["flac", "flic"])
def test_columns_that_depend_on_others_change_no_probability(correction):
    X, label, weight, offset = make_data(2)
    results = []
    for columns in (X, np.column_stack([X, X[:, 0], np.ones(len(X))])):
        result = correct_intercept(fit(columns, label, weight, offset), correction, GOAL)
        results.append(probabilities(result, columns, offset))
    # The objective is right to the gap, raw predictions are to its root.
    assert_allclose(results[1], results[0], rtol=2 * np.sqrt(2 * GOAL.gap))


@pytest.mark.parametrize("correction", ["flac", "flic"])
def test_max_iter_is_the_verdict_of_a_correction_that_is_cut_short(correction):
    X, label, weight, offset = make_data(2)
    result = correct_intercept(fit(X, label, weight, offset), correction, Goal.of(1e-10, 0))
    assert result.verdict is Verdict.MAX_ITER


@pytest.mark.parametrize("correction", ["flac", "flic"])
@pytest.mark.parametrize("tol", [1e-2, 1e-4])
def test_rare_events_are_corrected_to_the_gap_of_tol(tol, correction):
    # The pull to 1/2 is large beside 3 % of events, the gradient is small from the first step on.
    rng = np.random.default_rng(1)
    X, goal = rng.normal(size=(400, 2)), Goal.of(tol, 100)
    label = (rng.random(400) < 0.03).astype(int)
    result = correct_intercept(fit(X, label, np.ones(400), None), correction, goal)
    proba = probabilities(result, X, 0)[:, 1]
    # A shift of the intercept alone would lower the loss by this much at least.
    gradient, curvature = np.mean(proba - label), np.mean(proba * (1 - proba))
    loss = -np.mean(np.log(np.where(label == 1, proba, 1 - proba)))
    assert gradient**2 / (2 * curvature) <= goal.gap * loss


@pytest.mark.parametrize(("rate", "is_light"), [(0.3, True), (0.003, False)])
def test_hessian_of_light_pseudo_samples_is_not_needed(monkeypatch, rate, is_light):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 3))
    label = (rng.random(3000) < rate).astype(int)
    result = fit(X, label, np.ones(3000), None)
    found = correct_intercept(result, "flac", GOAL)
    assert found.verdict.is_solved
    objective = AugmentedObjective(result)
    assert objective.has_many_rows
    objective.look(objective.start(GOAL))
    other, _ = objective._hessian_of_pseudo()
    assert np.isscalar(other) == is_light
    monkeypatch.setattr(intercept_correction, "MANY_ROWS_PER_PARAMETER", np.inf)
    expected = correct_intercept(result, "flac", GOAL)
    # Both are right to the root of the relative gap, 1e-11, or better.
    assert_allclose(found.theta, expected.theta, atol=1e-5)
    proba = probabilities(found, X, 0)[:, 1]
    assert_allclose(proba.mean(), label.mean(), rtol=1e-8)


def test_no_iteration_is_counted_beyond_max_iter():
    X, label, weight, offset = make_data(2)
    result = fit(X, label, weight, offset)
    needed = correct_intercept(result, "flic", GOAL).n_iter - result.n_iter
    for max_iter in range(needed + 1):
        cut = correct_intercept(result, "flic", Goal.of(1e-10, max_iter))
        assert cut.n_iter - result.n_iter <= max_iter
