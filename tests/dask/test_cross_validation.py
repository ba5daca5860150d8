"""Cross-validation on collections: the choice of the local class for the same folds."""

import dask
import dask.array as da
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import PredefinedSplit, StratifiedKFold

import sklogloss
from sklogloss.dask import LogLossClassifierCV
from sklogloss.dask.blocks import Block
from sklogloss.dask.cross_validation import _given_numbers, _stratified_sizes

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
    # Rows of -1 are in all training sets. Folds may be numbered by dates.
    folds = rng.choice([-1, 0, 20261130, 20261201], size=len(y))
    weight = rng.integers(3, size=len(y)).astype(float)
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


def small_data():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(300, 3))
    return X, (X[:, 0] + rng.normal(size=300) > 0).astype(int)


def small_fits(X, y, weight=None, *, chunks=100, cv=3, local_cv=None, **settings):
    # The fits on collections and in memory.
    local = sklogloss.LogLossClassifierCV(cv=cv if local_cv is None else local_cv, **settings)
    of_X = da.from_array(X, chunks=(chunks, -1))
    of_y = da.from_array(y, chunks=(chunks, *y.shape[1:]))
    with dask.config.set(scheduler="sync"):
        found = LogLossClassifierCV(cv=cv, **settings).fit(of_X, of_y, weight)
    return found, local.fit(X, y, weight)


@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.parametrize("class_weight", [None, {0: 0.5, 1: 1, 2: 3}])
def test_smoothing_makes_no_class_known(class_weight):
    # The only row of class 2 is a test row of the first fold, whose training rows lack the class.
    X, y = small_data()
    y[7] = 2
    found, local = small_fits(X, y, Cs=[1.0], label_smoothing=0.1, class_weight=class_weight)
    np.testing.assert_allclose(found.scores_, local.scores_, rtol=1e-5)


def test_classes_of_a_fold_without_training_weight_are_unknown():
    X, y = small_data()
    proba = np.column_stack([1.0 - y, y, np.zeros(len(y))])
    proba[:3] = [0.25, 0.25, 0.5]
    folds = np.arange(len(y)) % 3
    weight = np.where(np.arange(len(y)) == 1, 0.0, 1.5)
    weight[2] = 0  # so that row 0 alone has weight and the third class
    settings = {"Cs": [1.0], "label_smoothing": 0.2}
    found, local = small_fits(
        X, proba, weight, cv=folds, local_cv=PredefinedSplit(folds), **settings
    )
    np.testing.assert_allclose(found.scores_, local.scores_, rtol=1e-5)


@pytest.mark.parametrize("chunks", [100, (37, 163, 100)])
def test_rows_without_weight_count_in_the_folds(chunks):
    X, y = small_data()
    weight = np.ones(len(y))
    weight[:100] = 0
    found, local = small_fits(X, y, weight, chunks=chunks, Cs=[0.01, 1.0])
    np.testing.assert_allclose(found.scores_, local.scores_, rtol=1e-5)


def test_fold_whose_rows_have_no_weight_has_no_score():
    X, y = small_data()
    folds, weight = np.arange(len(y)) % 2, np.ones(len(y))
    folds[200:], weight[200:] = 2, 0
    found, local = small_fits(X, y, weight, cv=folds, local_cv=PredefinedSplit(folds), Cs=[1.0])
    assert np.isnan(found.scores_[2]).all()
    np.testing.assert_allclose(found.scores_, local.scores_, rtol=1e-5)


def test_no_cv_means_fewer_folds_of_rare_classes():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(9, 2)), np.repeat([0, 1, 2], 3)
    found, local = small_fits(X, y, cv=None, chunks=4, Cs=[1.0])
    assert found.scores_.shape == (3, 1, 1)
    np.testing.assert_allclose(found.scores_, local.scores_, rtol=1e-5)


@pytest.mark.parametrize("size", [1e308, 1e-307])
def test_size_of_the_weights_changes_no_score(size):
    X, y = small_data()
    found, local = small_fits(X, y, np.full(len(y), size), Cs=[0.01, 1.0])
    np.testing.assert_allclose(found.scores_, local.scores_, rtol=1e-5)


def test_sizes_of_stratified_folds():
    rng = np.random.default_rng(4)
    for n_folds in (2, 3, 7):
        totals = rng.integers(1, 20, size=5)
        in_order = np.repeat(np.arange(5), totals)
        expected = [np.bincount(in_order[i::n_folds], minlength=5) for i in range(n_folds)]
        np.testing.assert_array_equal(_stratified_sizes(totals, n_folds), np.transpose(expected))
    # More rows than fit in memory.
    sizes = _stratified_sizes(np.array([10**13 + 1, 10**12]), 2)
    assert sizes.tolist() == [[10**13 // 2 + 1, 10**13 // 2], [10**12 // 2, 10**12 // 2]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cv": 1}, "cv must be"),
        ({"cv": 10_000}, "cv=10000 is more than the number of samples of each class"),
        ({"cv": np.repeat([0, -3], 500)}, "cv must have an integer from -1 .*got -3"),
        ({"cv": np.ones(1000)}, r"partition \d: cv must have .*got float64 of shape"),
        ({"scoring": "roc_auc"}, "scoring must be 'neg_log_loss', 'accuracy' or None"),
    ],
)
def test_errors(settings, message):
    with dask.config.set(scheduler="sync"), pytest.raises(ValueError, match=message):
        LogLossClassifierCV(**settings).fit(*collected(*make_data(2)))


def test_fold_numbers_of_an_empty_partition_may_be_of_any_dtype():
    block = Block(0, None, np.empty(0))
    assert _given_numbers(block, np.empty(0, dtype=object)).dtype == np.intp


@pytest.mark.parametrize("scoring", ["accuracy", None])
def test_accuracy_takes_labels(scoring):
    X, y = small_data()
    proba = da.from_array(np.column_stack([1.0 - y, y]), chunks=(100, -1))
    with pytest.raises(ValueError, match="scoring='accuracy' takes labels"):
        LogLossClassifierCV(scoring=scoring).fit(da.from_array(X, chunks=(100, -1)), proba)
