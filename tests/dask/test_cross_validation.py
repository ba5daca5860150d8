"""Cross-validation on collections: the choice of the local class for the same folds."""

import dask
import dask.array as da
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import PredefinedSplit, StratifiedKFold

import sklogloss
from sklogloss.dask import LogLossClassifierCV

CHUNKS = (300, 1, 199, 400, 0, 100)


def make_data(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(sum(CHUNKS), 4))
    scores = X @ rng.normal(size=(4, n_classes))
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    return X, (n_classes - 1 - y) * 3


def collected(*arrays):
    return [da.from_array(array, chunks=(CHUNKS, *array.shape[1:])) for array in arrays]


def assert_same_choice(found, local):
    # The fits of folds come within a relative 1e-7 of their optimum.
    np.testing.assert_allclose(found.scores_, local.scores_, rtol=1e-5)
    assert (found.C_, found.l1_ratio_) == (local.C_, local.l1_ratio_)
    np.testing.assert_allclose(found.coef_, local.coef_, rtol=0, atol=1e-4)
    assert found.coefs_paths_.shape == local.coefs_paths_.shape


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("scoring", ["neg_log_loss", "accuracy"])
def test_integer_is_stratified_in_the_order_of_the_rows(n_classes, scoring):
    X, y = make_data(n_classes)
    settings = {"Cs": [0.01, 1.0], "scoring": scoring}
    local = sklogloss.LogLossClassifierCV(cv=StratifiedKFold(3), **settings).fit(X, y)
    with dask.config.set(scheduler="sync"):
        found = LogLossClassifierCV(cv=3, **settings).fit(*collected(X, y))
    assert_same_choice(found, local)


def test_given_folds_weights_offsets_and_l1():
    X, y = make_data(2)
    rng = np.random.default_rng(1)
    folds, weight = rng.integers(3, size=len(y)), rng.integers(3, size=len(y)).astype(float)
    offset = rng.normal(size=len(y))
    settings = {"Cs": [0.01, 1.0], "scoring": "neg_log_loss", "l1_ratios": [0.0, 1.0]}
    local = sklogloss.LogLossClassifierCV(cv=PredefinedSplit(folds), **settings)
    local.fit(X, y, weight, offset)
    of_X, of_y, of_weight, of_offset, of_folds = collected(X, y, weight, offset, folds)
    with dask.config.set(scheduler="sync"):
        model = LogLossClassifierCV(cv=of_folds, **settings)
        model.fit(of_X, of_y, of_weight, of_offset)
        assert_same_choice(model, local)
        score = model.score(of_X, of_y, of_weight, of_offset)
    assert score == pytest.approx(local.score(X, y, weight, offset), rel=1e-5)


@pytest.mark.parametrize("is_collection", [True, False])
def test_to_local_fits_the_folds_of_the_rows(is_collection):
    X, y = make_data(2)
    folds = np.arange(len(y)) % 3
    of_X, of_y, of_folds = collected(X, y, folds)
    with dask.config.set(scheduler="sync"):
        model = LogLossClassifierCV(Cs=2, cv=of_folds if is_collection else folds)
        local = model.fit(of_X, of_y).to_local()
        labels = model.predict(of_X).compute()
    assert isinstance(local.cv, PredefinedSplit)
    np.testing.assert_array_equal(local.predict(X), labels)
    assert_same_choice(model, clone(local).fit(X, y))


def test_to_local_keeps_the_number_of_folds():
    assert LogLossClassifierCV(cv=3).to_local().cv == 3
    assert LogLossClassifierCV().to_local().cv is None


@pytest.mark.parametrize("cv", [StratifiedKFold(3), [([0], [1, 2]), ([1, 2], [0])], "3"])
def test_splitters_and_splits_are_refused(cv):
    message = "array with the number of the fold of each row; collections take no splitters"
    with dask.config.set(scheduler="sync"), pytest.raises(TypeError, match=message):
        LogLossClassifierCV(cv=cv).fit(*collected(*make_data(2)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cv": 1}, "cv must be"),
        ({"cv": 10_000}, "cv=10000 is more than the number of samples of each class"),
        ({"scoring": "roc_auc"}, "scoring must be 'neg_log_loss', 'accuracy' or None"),
    ],
)
def test_errors(settings, message):
    with dask.config.set(scheduler="sync"), pytest.raises(ValueError, match=message):
        LogLossClassifierCV(**settings).fit(*collected(*make_data(2)))
