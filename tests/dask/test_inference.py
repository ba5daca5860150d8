"""Inference on collections: the figures of the same rows in memory."""

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

import sklogloss
from sklogloss.dask import FirthLogisticRegression, LogLossClassifier
from sklogloss.inference import infer

SIZES = (150, 0, 1, 249)


@pytest.fixture(autouse=True)
def synchronous():
    """Run all tasks in this thread."""
    with dask.config.set(scheduler="sync"):
        yield


def make_data(n_classes=2):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3)) * [1, 1, 10] + [0, 0, 100]
    X[:, 1] = X[:, 1] > 0
    scores = X[:, :2] @ rng.normal(size=(2, n_classes))
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    weight = rng.integers(0, 3, 400).astype(float)
    offset = rng.normal(size=(400, n_classes) if n_classes > 2 else 400) / 2
    return X, y, weight, offset


def collected(*arrays):
    return [da.from_array(array, chunks=(SIZES, *array.shape[1:])) for array in arrays]


def fits(kind, n_classes, *, is_weighted=True, **settings):
    """Return fitted classifiers and the data, of rows in memory and of collections."""
    arrays = make_data(n_classes)[: 4 if is_weighted else 2]
    names = ("sample_weight", "offset")
    both = []
    for module, rows in ((sklogloss, arrays), (sklogloss.dask, collected(*arrays))):
        X, y, *others = rows
        model = getattr(module, kind)(tol=1e-10, **settings).fit(X, y, *others)
        both.append((model, X, y, dict(zip(names, others, strict=False))))
    return both


def assert_close(found, expected):
    # Both fits are within a relative 1e-11 of the objective of some 300 nats: coefficients differ
    # by up to the square root of that, in standard errors, 1e-4.
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("covariance", ["model", "HC1", "cluster", "laplace"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_standard_errors(covariance, n_classes):
    C = 1.0 if covariance == "laplace" else np.inf
    # Rows without weight may have no group.
    names = np.array([f"{i % 37}" for i in range(400)], dtype=object)
    groups = np.where(make_data(n_classes)[2] > 0, names, None)
    results = []
    for model, X, y, others in fits("LogLossClassifier", n_classes, C=C):
        if covariance == "cluster":
            others["groups"] = groups if isinstance(X, np.ndarray) else collected(groups)[0]
        results.append(infer(model, X, y, covariance=covariance, **others))
    local, found = results
    assert_close(found.bse, local.bse)
    for name in ("llf", "llnull", "nobs", "deviance"):
        assert getattr(found, name) == pytest.approx(getattr(local, name), rel=1e-9)


def test_follow_up_questions():
    results, smaller = [], []
    for model, X, y, others in fits("LogLossClassifier", 3, C=np.inf):
        results.append(infer(model, X, y, **others))
        part = type(model)(C=np.inf, tol=1e-10).fit(X[:, :2], y, *others.values())
        smaller.append(infer(part, X[:, :2], y, **others))
    local, found = results
    assert_close(found.conf_int(method="profile"), local.conf_int(method="profile"))
    for kind in ("average", "at means"):
        margins, expected = found.margins(kind=kind), local.margins(kind=kind)
        assert margins.discrete == expected.discrete
        assert_close(margins.margins, expected.margins)
        assert_close(margins.bse, expected.bse)
    tests = [result.score_test([2]).statistic for result in results]
    assert_close(*tests)
    pairs = zip(results, smaller, strict=True)
    assert_close(*(one.likelihood_ratio_test(other).statistic for one, other in pairs))
    assert str(found.summary()).splitlines()[0] == str(local.summary()).splitlines()[0]


def test_a_model_of_other_rows_is_not_nested():
    (_, (model, X, y, others)) = fits("LogLossClassifier", 2, C=np.inf)
    large = infer(model, X, y, **others)
    weight = others["sample_weight"]
    part = LogLossClassifier(C=np.inf).fit(X[:, :2], y, weight)
    small = infer(part, X[:, :2], y, sample_weight=weight)
    with pytest.raises(ValueError, match="the same offset"):
        large.likelihood_ratio_test(small)
    halves = [rows.rechunk({0: 200}) for rows in (X, y, *others.values())]
    part = LogLossClassifier(C=np.inf).fit(halves[0][:, :2], *halves[1:])
    names = dict(zip(others, halves[2:], strict=True))
    with pytest.raises(ValueError, match="same partitions"):
        large.likelihood_ratio_test(infer(part, halves[0][:, :2], halves[1], **names))


def test_jeffreys_prior():
    settings = {"intercept_correction": None, "is_weighted": False}
    results = [
        infer(model, X, y, **others)
        for model, X, y, others in fits("FirthLogisticRegression", 2, **settings)
    ]
    local, found = results
    assert_close(found.bse, local.bse)
    assert found.llf == pytest.approx(local.llf, rel=1e-9)
    assert_close(found.profile_pvalues, local.profile_pvalues)
    assert type(found) is type(local)


def test_names_of_the_columns_of_a_frame():
    X, y, *_ = make_data()
    rows = dd.from_pandas(pd.DataFrame(X, columns=list("abc")).assign(y=y), npartitions=3)
    model = LogLossClassifier(C=np.inf).fit(rows[list("abc")], rows["y"])
    result = infer(model, rows[list("abc")], rows["y"])
    assert list(result.params.index) == ["intercept", "a", "b", "c"]


def test_separated_classes_are_warned_of():
    X, *_ = make_data()
    of_X, of_y = collected(X, (X[:, 0] > 0).astype(int))
    with pytest.warns(Warning, match="separable"):
        model = LogLossClassifier(C=np.inf).fit(of_X, of_y)
    with pytest.warns(Warning, match="a linear function of X separates the classes"):
        infer(model, of_X, of_y)


def test_errors():
    X, y, *_ = make_data()
    of_X, of_y = collected(X, y)
    local = sklogloss.LogLossClassifier(C=np.inf).fit(X, y)
    with pytest.raises(TypeError, match=r"fit sklogloss\.dask\.LogLossClassifier"):
        infer(local, of_X, of_y)
    model = LogLossClassifier(C=np.inf).fit(of_X, of_y)
    with pytest.raises(TypeError, match=r"got ndarray; clf\.to_local\(\) is for rows in memory"):
        infer(model, X, y)
    with pytest.raises(TypeError, match="X must be rows in memory, got a Dask collection"):
        infer(model, of_X, of_y).predict(of_X)
    groups = da.from_array(np.where(np.arange(400) == 170, np.nan, 1.0), chunks=(SIZES,))
    with pytest.raises(ValueError, match="groups must name a group for each sample, got NaN"):
        infer(model, of_X, of_y, covariance="cluster", groups=groups)
    with pytest.raises(ValueError, match="intercept_correction='flac'"):
        infer(FirthLogisticRegression().fit(of_X, of_y), of_X, of_y)
