"""Which coefficients are infinite: by hand, on sets whose truth is certain, and on known data."""

import time

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.api
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from sklogloss import LogLossClassifier
from sklogloss.inference import separation
from sklogloss.linear import separation as programme


def test_two_classes():
    X = np.array([[0, 1], [0, 2], [0, 1], [0, 2], [3, 1], [4, 2]])
    y = np.array([0, 0, 1, 1, 1, 1])
    result = separation(X, y)
    assert result.is_separated
    assert result.kind == "quasi-complete"
    np.testing.assert_array_equal(result.infinite, [False, True, False])
    np.testing.assert_array_equal(np.sign(result.directions), [0, 1, 0])
    np.testing.assert_array_equal(result.separated_samples, [False] * 4 + [True] * 2)
    assert "x0: +inf" in repr(result)
    assert "x1" not in repr(result)
    mirrored = separation(X, 1 - y)
    np.testing.assert_array_equal(np.sign(mirrored.directions), [0, -1, 0])


def test_complete_separation():
    result = separation([[-2.0], [-1.0], [3.0]], ["a", "a", "b"])
    assert result.kind == "complete"
    assert result.separated_samples.all()
    assert result.directions[1] > 0
    assert -2 < -result.directions[0] / result.directions[1] < 4
    np.testing.assert_array_equal(result.classes, ["a", "b"])


def test_overlapping_classes():
    result = separation([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1])
    assert not result.is_separated
    assert result.kind == "none"
    assert not result.infinite.any()
    assert not result.directions.any()
    assert not result.separated_samples.any()
    assert repr(result).startswith("No separation")


def test_without_an_intercept():
    X, y = [[1.0], [2.0], [3.0], [4.0]], [0, 0, 1, 1]
    assert separation(X, y).is_separated
    assert not separation(X, y, fit_intercept=False).is_separated
    result = separation([[-1.0], [2.0]], y[1:3], fit_intercept=False)
    np.testing.assert_array_equal(result.infinite, [True])


def test_samples_of_weight_zero_do_not_count():
    X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]
    result = separation(X, y, sample_weight=[1, 0, 2, 3])
    assert result.kind == "complete"
    np.testing.assert_array_equal(result.separated_samples, [True, False, True, True])


def test_a_soft_target_lies_between_its_classes():
    X = [[-1.0], [0.0], [1.0]]
    result = separation(X, [[1, 0], [0.3, 0.7], [0, 1]])
    assert result.kind == "quasi-complete"
    np.testing.assert_array_equal(result.separated_samples, [True, False, True])
    # It fixes the intercept along the way that the coefficient goes.
    np.testing.assert_array_equal(result.infinite, [False, True])
    assert not separation(X, [[1, 0], [0.3, 0.7], [0.9, 0.1]]).is_separated
    # Of classes 0 and 1; class 2 is told from both.
    result = separation(X, [[0.5, 0.5, 0], [0.2, 0.8, 0], [0, 0, 1]])
    assert result.is_separated
    np.testing.assert_array_equal(result.separated_samples, [False, False, True])
    np.testing.assert_allclose(result.directions[:, 0], result.directions[:, 1], atol=1e-9)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_names_of_columns(frame):
    data = frame({"t": [0.0, 0, 0, 0, 3, 4], "x": [1.0, 2, 1, 2, 1, 2]})
    result = separation(data, ["no", "no", "yes", "yes", "yes", "yes"])
    assert result.infinite.index.tolist() == ["intercept", "t", "x"]
    assert result.infinite[result.infinite].index.tolist() == ["t"]
    assert result.directions["t"] > 0
    assert "t: +inf" in repr(result)
    result = separation(data, ["a", "b", "a", "b", "c", "c"])
    assert result.directions.columns.tolist() == ["a", "b", "c"]
    assert (result.directions.loc["t"] > 0).tolist() == [False, False, True]
    assert "t, class c: +inf" in repr(result)


def test_sets_whose_truth_is_certain(quasi_separated):
    for seed in range(30):
        X, y, pairs = quasi_separated(seed)
        result = separation(X, y)
        assert result.kind == "quasi-complete"
        n_others = 1 if pairs.shape[1] == 1 else pairs.shape[1] - 1
        np.testing.assert_array_equal(result.separated_samples, pairs.sum(axis=1) == n_others)
        # No sample on the boundary moves, all others go to their side.
        directions = result.directions.reshape(X.shape[1] + 1, -1)
        change = X @ directions[1:] + directions[0]
        if change.shape[1] == 1:
            change = np.column_stack([-change, change])
        margin = change[np.arange(len(y)), y][:, None] - change
        margin[np.arange(len(y)), y] = np.inf
        size = np.abs(margin[np.isfinite(margin)]).max()
        assert np.all(margin.min(axis=1)[result.separated_samples] > 0)
        assert np.all(np.abs(margin.min(axis=1)[~result.separated_samples]) <= 1e-10 * size)
        spoilt, label, _ = quasi_separated(seed, spoilt=True)
        assert not separation(spoilt, label).is_separated


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix])
def test_sparse(quasi_separated, container):
    for seed in range(5):
        X, y, _ = quasi_separated(seed)
        dense, result = separation(X, y), separation(container(X), y)
        assert result.kind == dense.kind
        np.testing.assert_array_equal(result.infinite, dense.infinite)
        np.testing.assert_array_equal(result.separated_samples, dense.separated_samples)


def test_columns_that_change_nothing_are_finite():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=100), np.arange(100) % 2
    t = np.where(y == 1, rng.integers(0, 2, 100), 0)
    X = np.column_stack([t, x, np.full(100, 7.0), np.zeros(100)])
    np.testing.assert_array_equal(separation(X, y).infinite, [False, True, False, False, False])
    # Of two equal columns neither is more to blame.
    np.testing.assert_array_equal(
        separation(X[:, [0, 0, 1]], y).infinite, [False, True, True, False]
    )


def test_spread_feature_of_three_classes():
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    y = (x[:, None] * rng.normal(size=3) + rng.gumbel(size=(200, 3))).argmax(axis=1)
    t = np.where(y == 2, 0, np.exp(rng.uniform(0, np.log(1e5), 200)))
    result = separation(np.column_stack([t, x]), y)
    np.testing.assert_array_equal(result.separated_samples, y == 2)
    assert np.all(np.sign(result.directions[1]) == [1, 1, -1])


def test_travel_modes():
    # Greene's data: only who drives, mode 4, has no waiting time.
    data = statsmodels.api.datasets.modechoice.load_pandas().data
    data = data[data["choice"] == 1]
    for columns in (["ttme", "psize"], ["ttme", "invc", "invt", "gc"]):
        result = separation(data[columns], data["mode"])
        assert result.kind == "quasi-complete"
        assert result.infinite.loc["ttme", 4.0]
        assert result.directions.loc["ttme", 4.0] < 0
        assert np.all(result.separated_samples[data["mode"] == 4])
        with pytest.warns(ConvergenceWarning, match="separable.*sklogloss.inference.separation"):
            LogLossClassifier(C=np.inf).fit(data[columns], data["mode"])
    assert not separation(data[["hinc", "psize"]], data["mode"]).is_separated


def test_large_data_takes_less_than_a_second():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 50))
    y = X @ rng.normal(size=50) / 4 + rng.logistic(size=10_000) > 0
    X[:, 0] = y & (rng.random(10_000) < 0.1)
    start = time.process_time()
    result = separation(X, y)
    assert time.process_time() - start < 1
    assert np.flatnonzero(result.infinite).tolist() == [1]


def test_many_levels_take_less_than_a_second():
    rng = np.random.default_rng(0)
    level = rng.integers(300, size=10_000)
    X = sparse.csr_matrix((np.ones(len(level)), (np.arange(len(level)), level)))
    y = (rng.random(len(level)) < 0.3).astype(int)
    y[level == 7], y[level == 9] = 1, 0
    start = time.process_time()
    result = separation(X, y, fit_intercept=False)
    assert time.process_time() - start < 1
    assert np.flatnonzero(result.infinite).tolist() == [7, 9]
    assert np.sign(result.directions[[7, 9]]).tolist() == [1, -1]


def test_errors_name_the_argument(monkeypatch):
    X, y = np.array([[0.0], [1.0], [2.0]]), [0, 1, 1]
    with pytest.raises(TypeError, match="fit_intercept"):
        separation(X, y, fit_intercept="no")
    with pytest.raises(ValueError, match="X has 3, y has 2"):
        separation(X, y[:2])
    with pytest.raises(ValueError, match="sample_weight"):
        separation(X, y, sample_weight=[1, -1, 1])
    with pytest.raises(ValueError, match="at least 2 classes"):
        separation(X, [1, 1, 1])
    with pytest.raises(ValueError, match="X contains NaN"):
        separation(X * np.nan, y)
    monkeypatch.setattr(programme, "MAX_ENTRIES", 1)
    with pytest.raises(ValueError, match="X has 1 columns and y 2 classes: too many"):
        separation(X, y)
