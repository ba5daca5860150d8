"""Stretches of L1 paths: as good as fits one by one, with few looks at all features."""

import numpy as np
import pytest

from sklogloss import logloss_path
from sklogloss.linear import scores
from sklogloss.penalties import Penalty
from sklogloss.solvers import path as path_module
from sklogloss.solvers import stretch
from sklogloss.solvers.path import solve_path
from sklogloss.solvers.stopping import LARGEST_GAP, Goal

pytestmark = pytest.mark.filterwarnings("error")

STRENGTHS = np.geomspace(0.06, 0.01, 20)


@pytest.fixture
def lengths(monkeypatch):
    """Return a list of the lengths of all stretches, of those that were not even tried 0."""
    found = []

    def solve_ahead(*arguments):
        results = stretch.solve_ahead(*arguments)
        found.append(len(results))
        return results

    monkeypatch.setattr(path_module, "solve_ahead", solve_ahead)
    return found


def make_path(problems, tol=1e-7):
    objective = problems[0].objective()
    penalties = [problem.penalty for problem in problems]
    return objective, list(solve_path(objective, penalties, Goal.of(tol, 500), solver="auto"))


def check_gaps(log_loss_problem, X, y, weight, *, Cs, l1_ratio):
    options = {"l1_ratio": l1_ratio, "sample_weight": weight, "max_iter": 2000, "n_jobs": 1}
    loose, tight = (logloss_path(X, y, Cs=Cs, tol=tol, **options) for tol in (1e-4, 1e-9))
    for C, *ends in zip(
        loose.Cs, loose.coefs, loose.intercepts, tight.coefs, tight.intercepts, strict=True
    ):
        l1, l2 = l1_ratio / (C * weight.sum()), (1 - l1_ratio) / (C * weight.sum())
        problem = log_loss_problem(X, y, l1=l1, l2=l2, weight=weight)
        value, least = (
            problem.value(coef.T, intercept)
            for coef, intercept in zip(ends[::2], ends[1::2], strict=True)
        )
        assert value <= least * (1 + LARGEST_GAP)


@pytest.mark.parametrize("density", [None, 0.1])
@pytest.mark.parametrize(
    "case", ["l1", "elastic net", "positive", "factors", "offset", "weights", "no intercept"]
)
def test_conditions_of_the_optimum_hold(log_loss_problem, log_loss_data, lengths, case, density):
    X, y = log_loss_data(150, 1200, density=density)
    rng = np.random.default_rng(1)
    options, factor, l1_ratio = {}, 1.0, 1.0
    if case == "elastic net":
        l1_ratio = 0.7
    elif case == "positive":
        options["lower"] = 0.0
    elif case == "factors":
        # A feature has no penalty.
        factor = np.where(np.arange(1200) == 600, 0.0, rng.uniform(0.5, 1, size=1200))[:, None]
    elif case == "offset":
        options["offset"] = rng.normal(size=(150, 1))
    elif case == "weights":
        options["weight"] = rng.uniform(size=150)
    elif case == "no intercept":
        options["fit_intercept"] = False
    problems = [
        log_loss_problem(X, y, l1=l1_ratio * s * factor, l2=(1 - l1_ratio) * s, **options)
        for s in STRENGTHS
    ]
    objective, path = make_path(problems)
    assert sum(lengths) >= len(STRENGTHS) / 2
    for point, problem in zip(path, problems, strict=True):
        assert point.result.converged
        # The objective is convex: where the conditions hold is the optimum.
        assert problem.violation(*objective.coef_intercept(point.theta)) <= 1e-7 * (1 + 1e-6)


def test_few_passes_look_at_all_features(monkeypatch, log_loss_problem, log_loss_data):
    X, y = log_loss_data(150, 1200)
    problems = [log_loss_problem(X, y, l1=s) for s in np.geomspace(0.06, 0.01, 40)]
    n_passes = 0

    def counted(name, original):
        def function(samples, *arguments, **options):
            nonlocal n_passes
            n_passes += samples.design.n_features == 1200
            return original(samples, *arguments, **options)

        return function

    samples = type(problems[0].objective().samples)
    monkeypatch.setattr(samples, "value_gradient", counted("", samples.value_gradient))
    monkeypatch.setattr(stretch, "transposed_product", counted("", scores.transposed_product))
    make_path(problems, tol=1e-4)
    assert n_passes <= 40 / 3


def test_a_feature_that_was_missed_ends_a_stretch(
    monkeypatch, log_loss_problem, log_loss_data, lengths
):
    X, y = log_loss_data(150, 1200)
    problems = [log_loss_problem(X, y, l1=s) for s in STRENGTHS]
    expected = make_path(problems)[1]
    usual = list(lengths)
    lengths.clear()
    original = stretch._promising

    def some(objective, first, last, path):
        # Without half of the features that are not needed yet.
        features = original(objective, first, last, path)
        return features[(features % 2 == 0) | (path[-1].theta[features] != 0)]

    monkeypatch.setattr(stretch, "_promising", some)
    objective, path = make_path(problems)
    assert max(lengths) > 0
    assert lengths != usual
    for point, problem, other in zip(path, problems, expected, strict=True):
        assert problem.violation(*objective.coef_intercept(point.theta)) <= 1e-7 * (1 + 1e-6)
        assert point.result.value == pytest.approx(other.result.value, rel=1e-10)


@pytest.mark.parametrize("case", ["far apart", "the same", "many needed"])
def test_what_no_stretch_serves_is_solved_all_the_same(
    log_loss_problem, log_loss_data, lengths, case
):
    n_features = 1200
    if case == "far apart":
        strengths = [0.06, 0.02, 0.006, 0.002]
    elif case == "the same":
        strengths = [0.03] * 4
    else:
        n_features, strengths = 20, np.geomspace(1e-4, 1e-5, 5)
    X, y = log_loss_data(150 if n_features > 20 else 300_000 // 20, n_features)
    problems = [log_loss_problem(X, y, l1=s) for s in strengths]
    objective, path = make_path(problems)
    assert sum(lengths) == 0
    for point, problem in zip(path, problems, strict=True):
        assert problem.violation(*objective.coef_intercept(point.theta)) <= 1e-7 * (1 + 1e-6)


def test_penalties_of_the_same_kind_only_go_together(log_loss_problem, log_loss_data, lengths):
    # The last of them is none.
    X, y = log_loss_data(400, 600)
    penalties = [Penalty(s, 1e-3) for s in (0.03, 0.029, 0.028, 0.027, 0.0)]
    problems = [log_loss_problem(X, y, l1=penalty.l1, l2=1e-3) for penalty in penalties]
    objective, path = make_path(problems)
    assert sum(lengths) == 2
    for point, problem in zip(path, problems, strict=True):
        assert problem.violation(*objective.coef_intercept(point.theta)) <= 1e-7 * (1 + 1e-6)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize(
    ("n_samples", "n_features", "n_Cs", "has_twins"),
    [(150, 1200, 60, False), (150, 1200, 20, False), (2500, 200, 60, False), (200, 400, 60, True)],
)
def test_paths_come_within_a_millionth_of_the_optimum(
    log_loss_problem, log_loss_data, l1_ratio, n_samples, n_features, n_Cs, has_twins
):
    X, y = log_loss_data(n_samples, n_features)
    if has_twins:
        X = np.hstack([X, X + 1e-6 * np.random.default_rng(2).normal(size=X.shape)])
    check_gaps(log_loss_problem, X, y, np.ones(n_samples), Cs=n_Cs, l1_ratio=l1_ratio)


@pytest.mark.parametrize("seed", [57, 60])
def test_no_feature_beside_many_others_is_missed(log_loss_problem, seed):
    # With nearly as many nonzero coefficients as rows, and a factor that all columns have in
    # common, a missed feature gains tens of times as much as by itself.
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(130, 1000)) + 3 * rng.normal(size=(130, 1))
    noise = 3 * rng.logistic(size=130)
    y = (X[:, :8] @ rng.normal(size=8) + noise > 0).astype(np.intp)
    weight = np.exp(2 * rng.normal(size=130))
    check_gaps(log_loss_problem, X, y, weight, Cs=100, l1_ratio=1.0)


def test_the_same_bits_for_any_number_of_threads(log_loss_data, lengths):
    X, y = log_loss_data(600, 1200)
    paths = [logloss_path(X, y, Cs=60, l1_ratio=1.0, n_jobs=n_jobs) for n_jobs in (1, 2)]
    assert sum(lengths) > 0
    np.testing.assert_array_equal(paths[0].coefs, paths[1].coefs)
    np.testing.assert_array_equal(paths[0].intercepts, paths[1].intercepts)


def test_start_goes_on_where_the_last_solutions_went(log_loss_problem, log_loss_data):
    X, y = log_loss_data(50, 3)
    objective = log_loss_problem(X, y, l1=0.1, lower=-1.0).objective()
    scale = objective.coordinates.scale
    before, last = np.array([0.0, 0.5, 0.4, 1]), np.array([0.2, 0.0, -0.7, 2])
    before[:3] /= scale
    last[:3] /= scale
    start = stretch.extrapolated_start(objective, [before, last])
    start[:3] *= scale
    # What is zero stays zero, what would leave its bounds ends there.
    np.testing.assert_allclose(start, [0.4, 0, -1, 3], rtol=1e-12)
    np.testing.assert_array_equal(stretch.extrapolated_start(objective, [last]), last)
