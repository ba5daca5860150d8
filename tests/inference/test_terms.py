import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklogloss.inference import infer


def test_baselines_are_linear_maps_of_each_other(anes, results, fitted):
    X, y = anes
    clf, params = fitted(X, y), results[0].params
    against_third = infer(clf, X, y, baseline=3)
    assert list(against_third.params.columns) == [0, 1, 2, 4, 5, 6]
    assert_allclose(against_third.params[5], params[5] - params[3], rtol=1e-9, atol=1e-9)
    reordered = (y == 3).astype(int).map({1: -1, 0: 0}) + y.where(y != 3, 0)
    expected = infer(fitted(X, reordered), X, reordered)
    assert_allclose(against_third.bse[5], expected.bse[5], rtol=1e-8)
    mean = infer(clf, X, y, baseline="mean")
    assert_allclose(mean.params.iloc[1:].T, clf.coef_, rtol=1e-9, atol=1e-12)
    assert_allclose(mean.params.sum(axis=1), 0, atol=1e-9)
    # The sum of all classes has no variance.
    cov = mean.cov_params().to_numpy().reshape(7, 5, 7, 5)
    assert_allclose(cov.sum(axis=0), 0, atol=1e-12 * np.abs(cov).max())
    assert mean.df_model == results[0].df_model


def test_two_classes_have_a_baseline_too(binary, fitted):
    X, y = binary
    clf = fitted(X, y)
    result, other = infer(clf, X, y), infer(clf, X, y, baseline=1)
    assert_allclose(other.params, -result.params)
    assert_allclose(other.bse, result.bse)
    both = infer(clf, X, y, baseline="mean")
    assert_allclose(both.params, np.column_stack([-result.params, result.params]) / 2)
    assert_allclose(both.bse[1], result.bse / 2)


def test_without_column_names_all_are_arrays(anes, results, fitted):
    X, y = (part.to_numpy() for part in anes)
    result, named = infer(fitted(X, y), X, y), results[0]
    assert type(result.params) is np.ndarray
    assert_allclose(result.params, named.params, rtol=1e-10)
    assert result.conf_int().shape == (6, 5, 2)
    assert_allclose(result.conf_int().reshape(-1, 2), named.conf_int(), rtol=1e-9)
    assert result.cov_params().shape == (30, 30)
    assert result.margins().margins.shape == (4, 7)
    frame = result.summary_frame()
    assert frame.index[1] == (1, "x0")


def test_without_pandas_all_are_arrays(binary, monkeypatch, fitted):
    X, y = binary
    clf = fitted(X, y)
    monkeypatch.setitem(sys.modules, "pandas", None)
    result = infer(clf, X.to_numpy(), y.to_numpy())
    assert type(result.params) is np.ndarray
    assert "age" in str(result.summary())
    with pytest.raises(ImportError, match="install pandas"):
        result.summary_frame()


@pytest.mark.parametrize("columns", [True, np.True_, [False], ["age", True]])
def test_booleans_are_no_places_of_columns(results, columns):
    with pytest.raises(ValueError, match="columns must be among"):
        results[0].score_test(columns)
