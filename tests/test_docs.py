"""The examples of README, docs and docstrings do what they say."""

import doctest
import importlib
import inspect
import pkgutil
import re
import runpy
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import sklogloss
from sklogloss import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
)

# Displays are drawn without a screen.
matplotlib.use("agg")

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    *sorted(DOCS.glob("*.rst")),
    *sorted(DOCS.glob("development/*.rst")),
]
MODULES = [
    module.name
    for module in pkgutil.walk_packages(sklogloss.__path__, "sklogloss.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page(page, monkeypatch):
    for library in ("lightgbm", "statsmodels", "torch"):
        if f"import {library}" in page.read_text(encoding="utf-8"):
            pytest.importorskip(library)
    # scikit-learn asks for it before it takes arrays of other libraries.
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    # Threads of scikit-learn's boosting that wait for others keep their cores busy: two of each
    # worker of pytest-xdist take eight times as long as one.
    with threadpool_limits(1, user_api="openmp"):
        result = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert result.failed == 0


@pytest.mark.parametrize("module_name", MODULES)
def test_docstrings(module_name):
    if "torch" in module_name:
        pytest.importorskip("torch")
    result = doctest.testmod(importlib.import_module(module_name))
    assert result.failed == 0


def test_headings_of_docstrings_have_their_own_lines():
    # Else help() and the documentation show the heading as text.
    for path in (ROOT / "sklogloss").rglob("*.py"):
        assert not re.search(r"\w -{3,}", path.read_text(encoding="utf-8")), path


def test_chart_and_claim_of_the_readme_are_of_the_committed_results(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    chart = importlib.import_module("benchmarks.chart")
    tasks = chart.read_tasks()
    assert chart.CHART.read_text(encoding="utf-8") == chart.draw(tasks)
    factors = [task.factor for task in tasks]
    claim = f"the same optimum {min(factors):.0f} to {max(factors):.0f} times as fast"
    for page in (ROOT / "README.md", DOCS / "index.rst"):
        assert claim in " ".join(page.read_text(encoding="utf-8").split())


def test_quickstart_finds_the_coefficients_of_logistic_regression(capsys):
    # Once is enough here for the times that it prints.
    source = (ROOT / "docs" / "examples" / "quickstart.py").read_text(encoding="utf-8")
    assert "n_fits=5" in source
    exec(source.replace("n_fits=5", "n_fits=1"), {})
    differences = re.findall(r"difference of the coefficients (\S+)", capsys.readouterr().out)
    # No entry of either gradient exceeds 1e-10. The L2 penalty alone gives the mean objective a
    # curvature of 1 / n_samples, so that each fit is within sqrt(size of coef_) * 1e-10 * n_samples
    # of the optimum: 650 coefficients and 1797 samples are the larger case.
    assert len(differences) == 2
    assert max(map(float, differences)) < 2 * np.sqrt(650) * 1e-10 * 1797


def test_example_of_a_rare_class_says_what_it_prints(monkeypatch):
    monkeypatch.delenv("SKLOGLOSS_DATA", raising=False)
    names = runpy.run_path(str(ROOT / "docs" / "examples" / "imbalanced.py"))
    y, proba = names["y"], names["proba"]
    losses = {name: names["log_loss"](y, p) for name, p in proba.items()}
    for name in ("focal, posterior", "focal, balanced, posterior"):
        assert abs(losses[name] / losses["log loss"] - 1) < 0.02
    for name in ("log loss, balanced", "focal, balanced, raw"):
        assert proba[name].mean() > 10 * y.mean()


def described_parameters(estimator):
    """Return what a class says of each parameter, by name, in the order of its docstring."""
    section = estimator.__doc__.split("Parameters\n")[1].split("Attributes\n")[0]
    return dict(re.findall(r"^    (\w+) : ((?:.|\n(?=        ))*)", section, re.MULTILINE))


@pytest.mark.parametrize(
    "estimator",
    [
        FirthLogisticRegression,
        FocalLogisticRegression,
        LogLossClassifier,
        LogLossClassifierCV,
    ],
)
def test_estimators_describe_all_their_parameters(estimator):
    assert set(described_parameters(estimator)) == set(inspect.signature(estimator).parameters)


def test_estimators_say_the_same_of_the_parameters_that_mean_the_same():
    # Each docstring stands by itself, for help() and for editors that run no code.
    of_log_loss = described_parameters(LogLossClassifier)
    of_focal = described_parameters(FocalLogisticRegression)
    # The fit of focal loss has two starts and ends at one of several minima.
    differ = {"tol", "solver", "max_iter", "warm_start", "probabilities"}
    shared = of_log_loss.keys() & of_focal.keys() - differ
    assert len(shared) > 10
    for name in shared:
        assert of_focal[name] == of_log_loss[name], name
