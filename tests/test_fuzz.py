"""A slice of the campaign of random fits, `python -m tests.fuzz`, and that it would notice."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from fuzz import firth, inference
from fuzz.kinds import KINDS
from fuzz.problems import random_problem
from fuzz.reference import Objective
from fuzz.shrink import script_of, shrink
from fuzz.verdicts import Outcome, outcome_of, relative_gap

from sklogloss import FirthLogisticRegression, LogLossClassifier
from sklogloss.calibration import TemperatureScaling


# What a seed means changes with NumPy's generators; the assertion does not depend on it.
@pytest.mark.parametrize("first", range(0, 75, 25))
def test_fixed_seeds(first):
    # Speed is the campaign's matter: a busy machine is no fault.
    kinds = {seed: outcome_of(random_problem(seed)) for seed in range(first, first + 25)}
    faults = {
        seed: outcome
        for seed, outcome in kinds.items()
        if outcome.is_fault and outcome.kind != "slow"
    }
    assert faults == {}


@pytest.mark.parametrize("kind", ["firth", "calibration", "inference"])
def test_fixed_seeds_of_other_kinds(kind):
    kinds = {seed: KINDS[kind](seed) for seed in range(5, 30)}
    faults = {
        seed: outcome
        for seed, outcome in kinds.items()
        if outcome.is_fault and outcome.kind != "slow"
    }
    assert faults == {}
    assert sum(outcome.kind == "solved" for outcome in kinds.values()) > 5


def test_a_seed_that_once_divided_by_zero():
    # The last step promised a decrease of zero.
    assert outcome_of(random_problem(1000373)).kind != "error"


def test_a_seed_whose_variance_was_once_negative():
    assert not KINDS["inference"](3248).is_fault


def test_derivatives_of_the_reference():
    # Central differences: their error is the cube root of eps, squared, times a third derivative.
    for seed in range(20):
        objective = Objective(random_problem(seed))
        rng = np.random.default_rng(seed)
        size = np.abs(objective.X).max(axis=0).astype(float)
        columns = np.tile(1 / np.where(size > 0, size, 1), objective.n_columns)
        scale = np.concatenate([columns, np.ones(objective.n_columns)])
        theta, direction = (scale * rng.uniform(0.1, 0.5, len(scale)) for _ in range(2))
        objective.l1[:] = 0  # not differentiable
        gradient, hessian = objective.derivatives(theta)
        step = 1e-5
        ends = theta + step * direction, theta - step * direction
        slope = (objective.value(ends[0]) - objective.value(ends[1])) / (2 * step)
        bend = (objective.derivatives(ends[0])[0] - objective.derivatives(ends[1])[0]) / (2 * step)
        unit = np.sum(np.abs(gradient * direction)) + 1
        assert slope == pytest.approx(gradient @ direction, abs=1e-8 * unit)
        unit = np.abs(direction) @ np.abs(hessian) @ np.abs(direction) + 1
        assert bend @ direction == pytest.approx(direction @ hessian @ direction, abs=1e-8 * unit)


def test_fits_that_miss_are_noticed():
    n_misses = 0
    for seed in range(20):
        problem = random_problem(seed).with_parameters(C=1.0, bounds=None)
        if outcome_of(problem).kind != "solved":
            continue
        clf, objective = problem.fit(), Objective(problem)
        best = objective.value(objective.theta_of(clf))
        clf.coef_, clf.intercept_ = 1.05 * clf.coef_, clf.intercept_ + 0.1
        # Small coefficients and those of tiny columns may leave the objective as it is.
        if objective.value(objective.theta_of(clf)) - best > 1e-4 * best:
            assert relative_gap(problem, clf) > 1, seed
            n_misses += 1
    assert n_misses > 5


def test_derivatives_of_the_penalised_likelihood():
    # Central differences, as above.
    for seed in range(20):
        problem = firth.random_firth_problem(seed)
        likelihood = firth.PenalisedLikelihood(problem)
        rng = np.random.default_rng(seed)
        shape = likelihood.Q.shape[1], problem.n_classes - 1
        beta, direction = (rng.uniform(0.1, 0.3, shape) for _ in range(2))
        gradient, information = likelihood.gradient(beta)
        if not np.linalg.cond(information) < 1e6:
            continue
        step = 1e-5
        ends = beta + step * direction, beta - step * direction
        slope = (likelihood.value(ends[0]) - likelihood.value(ends[1])) / (2 * step)
        unit = np.sum(np.abs(gradient * direction)) + 1
        assert slope == pytest.approx(np.sum(gradient * direction), abs=1e-8 * unit)


def test_wrong_maxima_errors_and_probabilities_are_noticed(monkeypatch):
    def is_noticed(kind):
        return any(KINDS[kind](seed).kind == "silent miss" for seed in range(50))

    fit = FirthLogisticRegression.fit

    def rough_fit(self, *arguments, **options):
        fit(self, *arguments, **options)
        self.coef_ = 1.01 * self.coef_
        self.intercept_ = self.intercept_ + 0.01
        return self

    with monkeypatch.context() as planted:
        planted.setattr(FirthLogisticRegression, "fit", rough_fit)
        assert is_noticed("firth")
    infer = inference.infer

    def rough_infer(*arguments, **options):
        result = infer(*arguments, **options)
        result.bse *= 1 + 1e-6
        return result

    with monkeypatch.context() as planted:
        planted.setattr(inference, "infer", rough_infer)
        assert is_noticed("inference")
    predict_proba = TemperatureScaling.predict_proba
    for factor in (1.1, np.nan):
        with monkeypatch.context() as planted:
            planted.setattr(
                TemperatureScaling,
                "predict_proba",
                lambda self, raw, factor=factor: factor * predict_proba(self, raw),
            )
            assert is_noticed("calibration")


def test_a_fault_is_made_small_and_printed(monkeypatch):
    # Planted: the fit fails where there are two columns and an entry above 2.
    fit = LogLossClassifier.fit

    def faulty_fit(self, X, y, **options):
        if X.shape[1] > 1 and np.abs(X).max() > 2:
            raise RuntimeError("planted")
        return fit(self, X, y, **options)

    monkeypatch.setattr(LogLossClassifier, "fit", faulty_fit)
    problem = next(
        problem
        for problem in map(random_problem, range(100))
        if problem.model == "LogLossClassifier"
        and problem.X.shape[1] > 3
        and np.abs(problem.X).max() > 2
    )
    small = shrink(problem, "error")
    assert small.X.shape == (2, 2)
    assert small.parameters == {}
    script = script_of(small, Outcome("error", "planted"))
    monkeypatch.undo()
    names = {}
    exec(script, names)
    np.testing.assert_array_equal(names["clf"].coef_, small.fit().coef_)


def test_a_crash_is_one_outcome(tmp_path):
    # The child ends itself at its third seed; the parent names the seed and goes on.
    program = """
import os, signal, sys
sys.path.insert(0, {folder!r})
import fuzz.__main__ as campaign
from fuzz.verdicts import Outcome

def outcome_of(seed):
    if seed == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome("solved")

campaign.KINDS["fit"] = outcome_of
if sys.argv[1] == "--kind":
    campaign.work(sys.argv[2], int(sys.argv[4]), int(sys.argv[5]))
else:
    campaign.COMMAND = [sys.executable, __file__]
    for seed, outcome in campaign.outcomes("fit", 0, 5, float("inf")):
        print(seed, outcome.kind, outcome.detail)
"""
    path = tmp_path / "program.py"
    path.write_text(program.replace("{folder!r}", repr(os.path.dirname(__file__))))
    output = subprocess.check_output([sys.executable, path, "run"], text=True)
    crash = f"2 crash exit status {-signal.SIGKILL}"
    assert output.splitlines() == ["0 solved ", "1 solved ", crash, "3 solved ", "4 solved "]
