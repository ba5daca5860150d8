"""Fits of collections: the optimum of the same rows in memory, with the same bits anywhere."""

import pickle
import subprocess
import sys

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import sklogloss
import sklogloss.dask
from sklogloss.dask import FocalLogisticRegression, LogLossClassifier

CHUNKS = (400, 1, 599, 1000, 0, 500)
SETTINGS = {
    "default": {},
    "no penalty": {"C": np.inf},
    "balanced": {"class_weight": "balanced"},
    "dict of weights": {"class_weight": {0: 3.0}},
    "products": {"solver": "newton-cg"},
    "L-BFGS": {"solver": "lbfgs"},
    "L1": {"l1_ratio": 1.0, "C": 0.03},
    "elastic net": {"l1_ratio": 0.5, "C": 0.1},
    "smoothed": {"label_smoothing": 0.1},
    "factors and bounds": {"penalty_factor": np.arange(6.0), "bounds": (0, None)},
}


def make_data(n_classes=2, seed=0, n_features=6):
    rng = np.random.default_rng(seed)
    n = sum(CHUNKS)
    scale, shift = np.ones(n_features), np.zeros(n_features)
    scale[-1], shift[-1] = 100, 1000
    X = rng.normal(size=(n, n_features)) * scale + shift
    scores = X[:, :-1] @ rng.normal(size=(n_features - 1, n_classes))
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    return X, y


def collected(X, *others):
    blocks = [da.from_array(other, chunks=(CHUNKS, *other.shape[1:])) for other in others]
    if not sparse.issparse(X):
        return da.from_array(X, chunks=(CHUNKS, X.shape[1])), *blocks
    ends = np.cumsum(CHUNKS)
    parts = [
        da.from_delayed(dask.delayed(X[end - size : end]), (size, X.shape[1]), X.dtype, X[:0])
        for end, size in zip(ends, CHUNKS, strict=True)
    ]
    return da.concatenate(parts), *blocks


def assert_same_optimum(found, local, X, y):
    """Compare with the local fit: the objective to 1e-10 of it, the model to 1e-8 of its scale."""
    np.testing.assert_array_equal(found.classes_, local.classes_)
    values = [objective_of(model, X, y) for model in (found, local)]
    assert abs(values[0] - values[1]) <= 1e-10 * abs(values[1])
    # The L1 penalty may leave open what is added to the scores of all classes.
    scores, others = local.predict_log_proba(X), found.to_local().predict_log_proba(X)
    assert np.abs(others - scores).max() <= 1e-8 * max(1, np.abs(scores).max())


def objective_of(model, X, y):
    # By its definition, in NumPy.
    scores = np.asarray(model.decision_function(X))
    if scores.ndim == 1:
        scores = np.column_stack([np.zeros(len(scores)), scores])
    log_proba = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    k = scores.shape[1]
    targets = np.eye(k)[y] if y.ndim == 1 else y
    targets = (1 - model.label_smoothing) * targets + model.label_smoothing / k
    loss = -(targets * model.class_weight_ * log_proba).sum()
    factor = 1 if model.penalty_factor is None else model.penalty_factor
    l1 = (factor * np.abs(model.coef_)).sum()
    l2 = (factor * model.coef_**2).sum()
    penalty = model.l1_ratio * l1 + (1 - model.l1_ratio) / 2 * l2
    return loss + penalty / model.C


# What is different for three classes is in the solvers, not in weights and smoothing.
@pytest.mark.parametrize(
    ("n_classes", "name"),
    [
        *[(2, name) for name in SETTINGS],
        *[(3, name) for name in ("default", "products", "L-BFGS", "L1", "factors and bounds")],
    ],
)
def test_optimum_is_that_of_the_local_fit(n_classes, name):
    X, y = make_data(n_classes)
    settings = SETTINGS[name] | {"tol": 1e-8}
    local = sklogloss.LogLossClassifier(**settings).fit(X, y)
    with dask.config.set(scheduler="sync"):
        found = LogLossClassifier(**settings).fit(*collected(X, y))
    assert_same_optimum(found, local, X, y)
    assert found.n_features_in_ == 6


@pytest.mark.parametrize("settings", [{}, {"l1_ratio": 1.0, "C": 0.1}, {"solver": "newton-cg"}])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_sparse_blocks(settings, n_classes):
    X, y = make_data(n_classes, n_features=12)
    X[np.random.default_rng(1).random(X.shape) < 0.7] = 0
    X, settings = sparse.csr_matrix(X), settings | {"tol": 1e-8}
    local = sklogloss.LogLossClassifier(**settings).fit(X, y)
    with dask.config.set(scheduler="sync"):
        found = LogLossClassifier(**settings).fit(*collected(X, y))
    assert_same_optimum(found, local, X, y)


def test_working_sets():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(sum(CHUNKS), 600))
    y = (X[:, 0] + rng.logistic(size=len(X)) > 0).astype(int)
    settings = {"l1_ratio": 1.0, "C": 0.01, "tol": 1e-8}
    local = sklogloss.LogLossClassifier(**settings).fit(X, y)
    with dask.config.set(scheduler="sync"):
        found = LogLossClassifier(**settings).fit(*collected(X, y))
    assert "working sets" in str(found.plan_)
    assert_same_optimum(found, local, X, y)
    np.testing.assert_array_equal(found.coef_ == 0, local.coef_ == 0)


def test_subset_of_the_rows_is_the_start_of_many():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80_000, 5))
    y = (X[:, 0] + rng.logistic(size=len(X)) > 0).astype(int)
    settings = {"tol": 1e-8}
    local = sklogloss.LogLossClassifier(**settings).fit(X, y)
    found = LogLossClassifier(**settings).fit(
        da.from_array(X, chunks=(13_000, 5)), da.from_array(y, chunks=13_000)
    )
    assert found.plan_ == local.plan_
    assert found.plan_.subset_sizes
    assert_same_optimum(found, local, X, y)


def test_weights_offsets_and_soft_targets():
    X, y = make_data(3)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 3, len(y)).astype(float)
    weight[400:1001] = 0  # all of two partitions
    soft = rng.dirichlet(np.ones(3), len(y))
    offset = rng.normal(size=(len(y), 3))
    for target in (y, soft):
        for class_weight in (None, "balanced", {1: 2.0}):
            settings = {"class_weight": class_weight, "tol": 1e-8}
            local = sklogloss.LogLossClassifier(**settings).fit(X, target, weight, offset)
            with dask.config.set(scheduler="sync"):
                found = LogLossClassifier(**settings).fit(*collected(X, target, weight, offset))
            np.testing.assert_allclose(found.class_weight_, local.class_weight_, rtol=1e-13)
            np.testing.assert_allclose(found.coef_, local.coef_, rtol=0, atol=1e-8)
            np.testing.assert_allclose(found.intercept_, local.intercept_, rtol=0, atol=1e-6)


def test_totals_of_balanced_classes_may_leave_the_range_of_floats():
    X, y = make_data()
    for target in (y, np.eye(2)[y]):
        settings = {"C": np.inf, "class_weight": "balanced", "tol": 1e-8}
        local = sklogloss.LogLossClassifier(**settings).fit(X, target)
        rows = collected(X, target, np.full(len(y), 1e308))
        with dask.config.set(scheduler="sync"):
            found = LogLossClassifier(**settings).fit(*rows)
        np.testing.assert_allclose(found.class_weight_, local.class_weight_, rtol=1e-13)
        np.testing.assert_allclose(found.coef_, local.coef_, rtol=0, atol=1e-7)


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_products_of_weights_may_leave_the_range_of_floats(size):
    X, y = make_data()
    # Without a penalty the size of the weights changes nothing.
    expected = LogLossClassifier(C=np.inf, class_weight={0: 2.0, 1: 1.0}, tol=1e-8)
    found = LogLossClassifier(C=np.inf, class_weight={0: 2 * size, 1: size}, tol=1e-8)
    with dask.config.set(scheduler="sync"):
        expected.fit(*collected(X, y), 1.0)
        found.fit(*collected(X, y), size)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=0, atol=1e-8)


def test_focal_loss_and_float32():
    X, y = make_data()
    local = sklogloss.FocalLogisticRegression(gamma=2, tol=1e-8).fit(X, y)
    with dask.config.set(scheduler="sync"):
        found = FocalLogisticRegression(gamma=2, tol=1e-8).fit(*collected(X, y))
    np.testing.assert_allclose(found.coef_, local.coef_, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.start_objectives_, local.start_objectives_, rtol=1e-10)
    X = X.astype(np.float32)
    found = LogLossClassifier(C=0.1).fit(*collected(X, y))
    local = sklogloss.LogLossClassifier(C=0.1).fit(X, y)
    assert found.coef_.dtype == np.float32
    np.testing.assert_allclose(found.coef_, local.coef_, rtol=0, atol=1e-4)


def test_data_frames_with_unknown_sizes_and_strings_as_labels():
    X, y = make_data(3)
    names = np.array(["ant", "bee", "fly"])[y]
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(f=lambda of: of["f"] > 1000, y=names)
    local = sklogloss.LogLossClassifier().fit(frame[list("abcdef")].astype(float), frame["y"])
    frame = dd.from_pandas(frame, npartitions=4)
    model = LogLossClassifier().fit(frame[list("abcdef")], frame["y"])
    assert list(model.classes_) == ["ant", "bee", "fly"]
    assert list(model.feature_names_in_) == list("abcdef")
    np.testing.assert_allclose(model.coef_, local.coef_, rtol=0, atol=1e-8)
    predicted = model.predict(frame[list("abcdef")])
    assert np.isnan(predicted.shape[0])
    expected = local.predict(frame[list("abcdef")].compute().astype(float))
    np.testing.assert_array_equal(predicted.compute(), expected)
    score = model.score(frame[list("abcdef")], frame["y"])
    assert float(score) == (expected == frame["y"].compute().to_numpy()).mean()


def persisted(scheduler, *arrays):
    with dask.config.set(scheduler=scheduler):
        return dask.persist(*collected(*arrays))


def test_bits_do_not_depend_on_workers_threads_or_schedulers(cluster):
    X, y = make_data(3)
    for settings in ({}, {"solver": "newton-cg", "C": 0.01}):
        bits = set()
        kept = {scheduler: persisted(scheduler, X, y) for scheduler in ("threads", cluster)}
        for scheduler, (of_X, of_y) in [("sync", collected(X, y)), *kept.items()]:
            # A sum is computed in each pass, what is persisted stays where it is.
            for rows in (of_X,) if scheduler == "threads" else (of_X, of_X + 0.0):
                with dask.config.set(scheduler=scheduler):
                    model = LogLossClassifier(**settings).fit(rows, of_y)
                bits.add((model.coef_.tobytes(), model.intercept_.tobytes()))
        assert len(bits) == 1


def assert_almost_same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_predictions_are_lazy_and_those_of_the_local_class():
    X, y = make_data(3)
    offset = np.random.default_rng(0).normal(size=(len(y), 3))
    of_X, of_y, of_offset = collected(X, y, offset)
    model = LogLossClassifier().fit(of_X, of_y)
    local = model.to_local()
    assert type(local) is sklogloss.LogLossClassifier
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        expected = getattr(local, method)(X, offset=offset)
        found = getattr(model, method)(of_X, offset=of_offset)
        assert isinstance(found, da.Array)
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        # BLAS adds the products of a single row in another order.
        same = np.testing.assert_array_equal if method == "predict" else assert_almost_same
        same(found.compute(), expected)
        np.testing.assert_array_equal(getattr(model, method)(X, offset=offset), expected)
    weight = np.arange(len(y))
    score = model.score(of_X, of_y, da.from_array(weight, chunks=(CHUNKS,)))
    assert float(score) == pytest.approx(local.score(X, y, weight), rel=1e-14)


def test_pickles_are_read_without_dask(tmp_path):
    X, y = make_data()
    model = LogLossClassifier().fit(*collected(X, y))
    (tmp_path / "model").write_bytes(pickle.dumps((model, model.to_local())))
    np.save(tmp_path / "X", X)
    code = (
        "import pickle, sys, numpy\n"
        "sys.modules['dask'] = sys.modules['distributed'] = None\n"
        f"model, local = pickle.load(open({str(tmp_path / 'model')!r}, 'rb'))\n"
        f"X = numpy.load({str(tmp_path / 'X.npy')!r})\n"
        "assert numpy.array_equal(model.predict_proba(X), local.predict_proba(X))\n"
    )
    # Not among the sources, which are not compiled where the package is installed.
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_a_separable_problem_is_warned_of():
    X, _ = make_data()
    y = (X[:, 0] > 0).astype(int)
    with pytest.warns(Warning, match="separable"):
        LogLossClassifier(C=np.inf).fit(*collected(X, y))


def test_chunks_along_the_columns_are_merged_with_a_warning():
    X, y = make_data()
    expected = LogLossClassifier().fit(*collected(X, y)).coef_
    of_X = da.from_array(X, chunks=(CHUNKS, 2))
    with pytest.warns(UserWarning, match="3 chunks along the columns"):
        found = LogLossClassifier().fit(of_X, da.from_array(y, chunks=(CHUNKS,)))
    np.testing.assert_array_equal(found.coef_, expected)


def test_warm_start_and_numpy_targets():
    X, y = make_data()
    of_X, of_y = collected(X, y)
    cold = LogLossClassifier(tol=1e-8).fit(of_X, y)
    np.testing.assert_array_equal(cold.coef_, LogLossClassifier(tol=1e-8).fit(of_X, of_y).coef_)
    warm = LogLossClassifier(tol=1e-8, warm_start=True).fit(of_X, of_y)
    n_iter = warm.n_iter_[0]
    assert warm.fit(of_X, of_y).n_iter_[0] < n_iter


@pytest.mark.parametrize("kind", ["twice", "time stamps"])
def test_rounding_errors_set_the_end(kind):
    # What a local fit then tries in float64, or with a dense X, is no reason for an error.
    X, y = make_data()
    parameters = {}
    if kind == "twice":
        X, parameters = np.hstack([X, X]), {"l1_ratio": 1.0}
    else:
        X[:, 1] = 1.7e18 + 3e15 * X[:, 1]
    found = LogLossClassifier(**parameters).fit(*collected(X, y))
    assert_same_optimum(found, sklogloss.LogLossClassifier(**parameters).fit(X, y), X, y)
