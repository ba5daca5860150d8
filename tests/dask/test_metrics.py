"""Scores of collections: those of the same rows in memory."""

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from sklogloss import dask as of_partitions
from sklogloss import metrics

CHUNKS = ((4, 0, 90, 6),)


@pytest.mark.parametrize("name", ["log_loss", "brier_score"])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("kind", ["labels", "soft targets", "raw predictions"])
def test_scores(name, is_weighted, kind):
    rng = np.random.default_rng(0)
    y = np.sort(rng.choice(["a", "b", "c"], size=100))  # partitions lack classes
    proba = rng.dirichlet(np.ones(3), 100)
    arguments = {"y_proba": proba}
    if kind == "soft targets":
        y = rng.dirichlet(np.ones(3), 100)
    if kind == "raw predictions":
        arguments = {"raw_prediction": np.log(proba)}
    if is_weighted:
        arguments["sample_weight"] = np.where(np.arange(100) < 4, 0.0, 5 * rng.random(100))
    expected = getattr(metrics, name)(y, **arguments)
    y, *others = (
        da.from_array(each, chunks=(*CHUNKS, *each.shape[1:])) for each in (y, *arguments.values())
    )
    found = getattr(of_partitions, name)(y, **dict(zip(arguments, others, strict=True)))
    assert found == pytest.approx(expected, rel=1e-13)
    assert type(found) is float


def test_errors_name_the_partition():
    y = da.from_array(np.arange(100) % 2, chunks=CHUNKS)
    proba = da.from_array(np.where(np.arange(100) == 50, 1.5, 0.5), chunks=CHUNKS)
    with pytest.raises(ValueError, match=r"partition 2: .*1\.5"):
        of_partitions.log_loss(y, proba)


def collected(*arrays, chunks=CHUNKS):
    return [da.from_array(array, chunks=(*chunks, *array.shape[1:])) for array in arrays]


def test_a_number_is_the_weight_of_every_sample():
    rng = np.random.default_rng(0)
    y, proba = rng.integers(2, size=100), rng.random(100)
    of_y, of_proba = collected(y, proba)
    for normalize in (True, False):
        arguments = {"sample_weight": 2.0, "normalize": normalize}
        expected = metrics.log_loss(y, proba, **arguments)
        found = of_partitions.log_loss(of_y, of_proba, **arguments)
        assert found == pytest.approx(expected, rel=1e-13)
    expected = metrics.brier_score(y, proba)
    assert of_partitions.brier_score(of_y, of_proba, sample_weight=2.0) == pytest.approx(expected)


def test_weights_of_float16_are_added_in_float64():
    y, proba, weight = np.tile([0, 1], 200), np.full(400, 0.25), np.full(400, 1000, np.float16)
    others = collected(y, proba, weight, chunks=((100, 300),))
    expected = metrics.log_loss(y, proba)
    found = of_partitions.log_loss(*others[:2], sample_weight=others[2])
    assert found == pytest.approx(expected, rel=1e-13)


def test_partitions_of_tiny_weights():
    weight = np.where(np.arange(100) < 4, 1e-310, 1.0)
    y, proba = np.arange(100) % 2, np.linspace(0.1, 0.9, 100)
    *others, of_weight = collected(y, proba, weight)
    found = of_partitions.log_loss(*others, sample_weight=of_weight)
    assert found == pytest.approx(metrics.log_loss(y, proba, sample_weight=weight), rel=1e-13)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.where(np.arange(100) < 94, 1, np.tile([-1, 1], 50)), "partition 3: .* not be negative"),
        (np.zeros(100), "must not be zero for all samples"),
        (np.full(100, np.nan), "sample_weight contains NaN"),
    ],
)
def test_wrong_weights(weight, message):
    y, proba, weight = collected(np.arange(100) % 2, np.full(100, 0.5), weight)
    for name in ("log_loss", "brier_score"):
        with pytest.raises(ValueError, match=message):
            getattr(of_partitions, name)(y, proba, sample_weight=weight)


def test_chunks_along_the_columns():
    rng = np.random.default_rng(0)
    target, proba = rng.dirichlet(np.ones(3), 60), rng.dirichlet(np.ones(3), 60)
    found = of_partitions.log_loss(
        da.from_array(target, chunks=(20, 2)), da.from_array(proba, chunks=(20, 1))
    )
    assert found == pytest.approx(metrics.log_loss(target, proba), rel=1e-13)


@pytest.mark.parametrize("labels", [None, [0, 1]])
def test_y_true_has_samples_and_is_a_collection(labels):
    y, proba = np.arange(100) % 2, np.full(100, 0.5)
    with pytest.raises(TypeError, match=r"y_true must be a dask array.*got ndarray"):
        of_partitions.log_loss(y, *collected(proba), labels=labels)
    none = [da.from_array(array[:0]) for array in (y, proba)]
    with pytest.raises(ValueError, match="at least one sample is required"):
        of_partitions.log_loss(*none, labels=labels)


@pytest.mark.parametrize("kind", ["labels", "soft targets", "frame"])
@pytest.mark.parametrize("method", ["isotonic", "logistic"])
def test_decomposition(kind, method):
    rng = np.random.default_rng(0)
    y, proba, weight = np.arange(100) % 3, rng.dirichlet(np.ones(3), 100), rng.random(100)
    if kind == "soft targets":
        y = rng.dirichlet(np.ones(3), 100)
    expected = metrics.log_loss_decomposition(y, proba, sample_weight=weight, method=method)
    of_y, of_proba, of_weight = collected(y, proba, weight)
    if kind == "frame":
        frames = (pd.Series(y), pd.DataFrame(proba), pd.Series(weight))
        of_y, of_proba, of_weight = (dd.from_pandas(frame, npartitions=3) for frame in frames)
    found = of_partitions.log_loss_decomposition(
        of_y, of_proba, sample_weight=of_weight, method=method
    )
    np.testing.assert_allclose(found[:4], expected[:4], rtol=1e-12, atol=1e-14)


def test_errors_of_the_decomposition_name_the_argument():
    y, proba = collected(np.arange(100) % 2, np.full(100, 0.5))
    with pytest.raises(ValueError, match="y_proba must have as many rows as y_true, 100, got 90"):
        of_partitions.log_loss_decomposition(y, proba[:90])
    unknown = [
        each[da.from_array(np.arange(100) >= n, chunks=CHUNKS)] for n, each in ((0, y), (8, proba))
    ]
    with pytest.raises(ValueError, match=r"partition 2: .*90.*86"):
        of_partitions.log_loss_decomposition(*unknown)


def test_other_arguments_are_compared_with_y_true():
    y, proba = collected(np.arange(100) % 2, np.full(100, 0.5))
    with pytest.raises(ValueError, match="y_proba must have as many rows as y_true, 100, got 90"):
        of_partitions.log_loss(y, proba[:90])
