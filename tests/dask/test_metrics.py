"""Scores of collections: those of the same rows in memory."""

import dask.array as da
import numpy as np
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
