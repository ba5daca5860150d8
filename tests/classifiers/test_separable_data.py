"""The warning of separable data: where there is no optimum, and nowhere else."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sklogloss import LogLossClassifier

SOLVERS = ["newton-cholesky", "newton-cg", "lbfgs", "coordinate-descent"]


def messages_of_fit(X, y, **parameters):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        LogLossClassifier(**{"C": np.inf, "max_iter": 500, **parameters}).fit(X, y)
    return [str(w.message) for w in caught if issubclass(w.category, ConvergenceWarning)]


@pytest.mark.parametrize("solver", SOLVERS)
def test_sets_whose_truth_is_certain(quasi_separated, solver):
    for seed in range(12):
        for spoilt in (False, True):
            X, label, _ = quasi_separated(seed, spoilt=spoilt)
            messages = messages_of_fit(X, label, solver=solver)
            is_said = any("The data is separable" in message for message in messages)
            assert is_said is not spoilt, (seed, spoilt, messages)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_widely_spread_feature_that_separates_one_of_three_classes(solver):
    # The margins that it makes are up to 1e5 times those of the classes that overlap.
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=200)
        y = (x[:, None] * rng.normal(size=3) + rng.gumbel(size=(200, 3))).argmax(axis=1)
        t = np.where(y == 2, 0, np.exp(rng.uniform(0, np.log(1e5), 200)))
        messages = messages_of_fit(np.column_stack([t, x]), y, solver=solver)
        assert any("The data is separable" in message for message in messages), seed
        t[np.flatnonzero(y == 2)[0]] = 50_000
        t[np.flatnonzero(y != 2)[:2]] = 0
        assert not messages_of_fit(np.column_stack([t, x]), y, solver=solver), seed


def test_a_class_without_weight_is_said_once():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = (X[:, 0] + rng.logistic(size=60) > 0).astype(int)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        LogLossClassifier(C=np.inf, class_weight={0: 0}).fit(X, y)
    assert ["class_weight is zero" in str(warning.message) for warning in caught] == [True]
