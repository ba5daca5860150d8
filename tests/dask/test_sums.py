"""Sums in a fixed tree: the same bits however the partitions are grouped."""

import numpy as np
import pytest

from sklogloss.dask.sums import FAN_IN, of_group, root, values_in_order


def by_definition(values):
    """Add neighbours, FAN_IN at a time, until one is left."""
    while len(values) > 1:
        groups = [values[i : i + FAN_IN] for i in range(0, len(values), FAN_IN)]
        values = [sum(group[1:], start=group[0]) for group in groups]
    return values[0]


def grouped(values, n_groups, *, adds):
    rng = np.random.default_rng(len(values))
    group = rng.integers(n_groups, size=len(values))
    places = [np.flatnonzero(group == i).tolist() for i in range(n_groups)]
    return [
        of_group(np.negative, [[values[i]] for i in some], some, len(values), adds=adds)
        for some in places
        if some
    ]


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 64, 65, 200])
@pytest.mark.parametrize("n_groups", [1, 2, 5])
def test_sums_have_the_same_bits_in_any_groups(n, n_groups):
    values = [np.exp(3 * np.random.default_rng(i).normal(size=4)) for i in range(n)]
    expected = by_definition([-value for value in values])
    found = root(grouped(values, n_groups, adds=True), n)
    np.testing.assert_array_equal(found, expected)
    kept = values_in_order(grouped(values, n_groups, adds=False), n)
    np.testing.assert_array_equal(kept, [-value for value in values])


def test_one_group_sends_one_sum():
    values = [np.float64(i) for i in range(200)]
    (nodes,) = grouped(values, 1, adds=True)
    assert len(nodes) == 1


def test_tuples_are_added_entry_by_entry():
    pairs = [[(np.float64(i), None)] for i in range(3)]
    nodes = of_group(lambda pair: pair, pairs, [0, 1, 2], 3, adds=True)
    assert root([nodes], 3) == (3.0, None)
