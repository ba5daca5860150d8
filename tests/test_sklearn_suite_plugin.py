"""The plugin with which scikit-learn's own tests run on this package's classes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN_FOLDER = Path(__file__).parent / "sklearn_suite"

SWAPPED = """
import sys

import pytest
import sklearn.ensemble
import sklearn.feature_selection
import sklearn.linear_model._logistic
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression as imported
from sklearn.linear_model._logistic import LogisticRegression as imported_privately

import sklogloss


def test_imports():
    assert imported is imported_privately is sklogloss.LogLossClassifier


def test_all_modules():
    classes = {
        vars(module)["LogisticRegression"]
        for name, module in list(sys.modules.items())
        if name.startswith("sklearn.") and "LogisticRegression" in vars(module)
    }
    assert classes == {sklogloss.LogLossClassifier}


def test_class_made_inside_scikit_learn():
    X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]
    voting = sklearn.ensemble.VotingClassifier([("clf", imported())])
    stacking = sklearn.ensemble.StackingClassifier(voting.estimators, cv=2).fit(X, y)
    assert type(stacking.final_estimator_) is sklogloss.LogLossClassifier


@pytest.mark.parametrize("number", [1, 2])
def test_excluded_in_part(number):
    assert number == 2


def test_excluded():
    raise AssertionError
"""

EXCLUSIONS = """
[[exclusion]]
module = "test_swapped"
reason = "a first reason"
tests = ["test_excluded_in_part[1]"]

[[exclusion]]
module = "test_swapped"
reason = "a second reason"
tests = ["test_excluded"]

[[exclusion]]
module = "test_swapped"
sklearn = "<1.0"
reason = "a version that is not installed"
tests = ["test_of_the_past"]
"""


@pytest.fixture
def run_with_plugin(tmp_path):
    """Return a function that runs pytest with the plugin on the tests in `SWAPPED`."""
    (tmp_path / "test_swapped.py").write_text(SWAPPED, encoding="utf-8")

    def run(exclusions):
        path = tmp_path / "exclusions.toml"
        path.write_text(exclusions, encoding="utf-8")
        python_path = [str(PLUGIN_FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]
        options = ["-p", "replace_logistic_regression", "--exclusions", str(path)]
        return subprocess.run(
            [sys.executable, "-m", "pytest", *options, "test_swapped.py"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(python_path)},
            capture_output=True,
            text=True,
        )

    return run


def test_plugin_replaces_the_class_in_all_modules(run_with_plugin):
    result = run_with_plugin(EXCLUSIONS)
    assert result.returncode == pytest.ExitCode.OK, result.stdout
    assert "4 passed, 2 deselected" in result.stdout
    assert "1  a first reason" in result.stdout
    assert "1  a second reason" in result.stdout


def test_plugin_stops_at_exclusions_without_a_test(run_with_plugin):
    absent = ["test_of_the_past", "test_excluded_in_part[3]"]
    stale = f"""
[[exclusion]]
module = "test_swapped"
reason = "a reason"
tests = {["test_imports", *absent]}
"""
    result = run_with_plugin(stale)
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    message = result.stdout + result.stderr
    assert all(f"test_swapped::{name}" in message for name in absent)
    assert "test_swapped::test_imports" not in message


def test_exclusions_name_tests_that_scikit_learn_has(tmp_path):
    result = subprocess.run(
        [sys.executable, str(PLUGIN_FOLDER), "linear_model", "--collect-only"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == pytest.ExitCode.OK, result.stdout + result.stderr
