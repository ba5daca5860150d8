"""Functions of rows: of those in one place, the function itself; of partitions, sums."""

from dataclasses import replace

import numpy as np
import pytest

from sklogloss.linear.partitioned_samples import PartitionedDesign, PartitionedSamples, facts_of
from sklogloss.linear.row_functions import (
    changed_samples,
    of_each_part,
    sum_and_keep,
    sum_over_rows,
)
from sklogloss.linear.samples import Samples, make_design

dask = pytest.importorskip("dask")
SIZES = (3, 1, 2)


@pytest.fixture
def both():
    """Return Samples, and the same rows in partitions."""
    from sklogloss.dask.partitions import DaskPartitions

    X, target = np.arange(12.0).reshape(6, 2), np.array([[0.0], [1], [0], [1], [1], [0]])
    whole = Samples(make_design(X), target)
    ends = np.cumsum(SIZES)
    parts = [whole.take(np.arange(end - size, end)) for end, size in zip(ends, SIZES, strict=True)]
    values = [dask.delayed(part, traverse=False) for part in parts]
    design = PartitionedDesign(6, 2, 12, False, whole.dtype, False)
    facts = tuple(facts_of(part, 1) for part in parts)
    return whole, PartitionedSamples(DaskPartitions.of(values, True), facts, design)


def column_sums(samples):
    return samples.design.X.sum(axis=0)


def sums_and_squares(samples):
    return column_sums(samples), samples.design.X[:, 0] ** 2


def sum_times_squares(samples, squares):
    return squares @ samples.design.X


def weighted_by(samples, squares):
    return replace(samples, weight=np.where(squares < 30, 0.0, squares))


def test_sums_are_those_of_all_rows(both):
    for samples in both:
        with dask.config.set(scheduler="sync"):
            total, squares = sum_and_keep(samples, "sums", sums_and_squares)
            np.testing.assert_array_equal(total, [30, 36])
            found = sum_over_rows(samples, "products", sum_times_squares, squares)
        np.testing.assert_array_equal(found, np.arange(0.0, 12, 2) ** 2 @ both[0].design.X)


def test_parts_are_in_order(both):
    whole, parts = both
    assert len(of_each_part(whole, "sums", column_sums)) == 1
    with dask.config.set(scheduler="sync"):
        found = of_each_part(parts, "sums", column_sums)
    np.testing.assert_array_equal(found, [[6, 9], [6, 7], [18, 20]])


def test_partitions_left_without_weight_are_left_out(both):
    for samples in both:
        with dask.config.set(scheduler="sync"):
            _, squares = sum_and_keep(samples, "sums", sums_and_squares)
            found = changed_samples(samples, "weights", weighted_by, squares, n_columns=1)
        assert found.weight_sum == 36 + 64 + 100
    assert [facts.n_samples for facts in found.facts] == [1, 2]
    assert found.design.n_samples == 3


def without_weight(samples):
    return replace(samples, weight=np.zeros(samples.n_samples))


def test_no_partition_need_be_left(both):
    with dask.config.set(scheduler="sync"):
        found = changed_samples(both[1], "weights", without_weight, n_columns=1)
    assert (found.n_samples, found.weight_sum, found.offset) == (0, 0, None)
