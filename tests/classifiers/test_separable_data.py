"""The warning of separable data: where there is no optimum, and nowhere else."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sklogloss import LogLossClassifier
from sklogloss.linear import optimum
from sklogloss.linear.separation import find_separation

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


def clusters(seed, n_samples, n_features, n_classes):
    """Return classes of different size whose scores are five times as large as the noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    scores = X @ rng.normal(size=(n_features, n_classes))
    y = np.argmax(5 * scores / scores.std() + rng.gumbel(size=scores.shape), axis=1)
    y[:n_classes] = np.arange(n_classes)
    return X, y


def test_rare_classes_among_many_need_no_programme_of_all_classes(monkeypatch):
    n_columns = []

    def recorded(pairs, **limits):
        n_columns.append(pairs.n_columns)
        return find_separation(pairs, **limits)

    monkeypatch.setattr(optimum, "find_separation", recorded)
    for seed in range(3):
        n_columns.clear()
        X, y = clusters(seed, n_samples=600, n_features=15, n_classes=30)
        weight = np.where(np.arange(len(y)) % 7, 1.0, 0.0)
        for sample_weight in (None, weight):
            with pytest.warns(ConvergenceWarning, match="The data is separable"):
                LogLossClassifier(C=np.inf).fit(X, y, sample_weight)
        assert set(n_columns) == {1}


def test_many_classes_that_nearly_are_separated_need_no_programme_of_all_classes(monkeypatch):
    X, y = clusters(0, n_samples=800, n_features=30, n_classes=20)

    def of_two_classes(pairs, **limits):
        assert pairs.n_columns == 1
        return find_separation(pairs, **limits)

    monkeypatch.setattr(optimum, "find_separation", of_two_classes)
    assert not messages_of_fit(X, y)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n_classes", "center"), [(5, 0.0), (2, 5.0), (3, 5.0)])
def test_overlap_is_certain_a_step_before_the_end_and_in_more_digits(
    monkeypatch, n_classes, center, dtype
):
    # Far from zero, rounding errors of float32 hide the certificate that float64 shows.
    monkeypatch.setattr(optimum, "find_separation", None)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 20))
    scores = X @ rng.normal(size=(20, n_classes))
    scores = 1.5 * scores / scores.std() + rng.gumbel(size=scores.shape)
    X = (X * 10.0 ** rng.uniform(-3, 0, size=20) + center).astype(dtype)
    assert not messages_of_fit(X, scores.argmax(axis=1))


def test_penalties_and_bounds_may_keep_a_class_from_being_apart():
    # The first feature separates class 2 upwards; the others overlap.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = np.arange(60) % 3
    X[:, 0] = np.where(y == 2, 5, 0) + rng.uniform(size=60)
    for parameters, is_separated in [
        ({}, True),
        ({"bounds": (-1, None)}, True),
        ({"bounds": (None, 1)}, True),  # the others downwards
        ({"bounds": (-1, 1)}, False),
        ({"C": 1e6, "penalty_factor": [0, 1]}, True),
        ({"C": 1e6, "penalty_factor": [1, 0]}, False),
    ]:
        messages = messages_of_fit(X, y, **parameters)
        assert any("separa" in message for message in messages) is is_separated, parameters


def test_a_class_without_weight_is_said_once():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 2))
    y = (X[:, 0] + rng.logistic(size=90) > 0).astype(int)
    with_third = np.where(np.arange(90) % 3 == 2, 2, y)
    for labels in (y, with_third):
        assert warned_of(X, labels, {0: 0}) == ["weight"]
    assert warned_of(X, with_third, {0: 0, 1: 0}) == ["weight"]


def test_a_class_without_weight_does_not_hide_that_others_are_separated():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 2))
    y = np.where(np.arange(90) % 3 == 2, 2, X[:, 0] > 0)
    assert warned_of(X, y, {2: 0}) == ["weight", "separable"]
    assert warned_of(X, y, {0: 0}) == ["weight"]


def warned_of(X, y, class_weight):
    """Return what the warnings of an unpenalised fit are of: "weight" or "separable"."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        LogLossClassifier(C=np.inf, class_weight=class_weight).fit(X, y)
    messages = [str(warning.message) for warning in caught]
    return ["weight" if "class_weight is zero" in message else "separable" for message in messages]
