"""Sums over partitions in a fixed tree, whose parts may be added wherever they are.

The tree adds `FAN_IN` neighbours at a time, so that its shape depends on the number of partitions
alone, and a sum has the same bits wherever the partitions are. A group of partitions in one place
adds the sums of which it has all terms, and sends the other values unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

__all__ = ["FAN_IN", "Nodes", "added", "of_group", "root", "values_in_order"]

# Number of partitions, or of sums of the level below, that are added together.
FAN_IN = 8

# From (level, place) to the sum there: partitions are at level 0.
Nodes = dict[tuple[int, int], Any]


def added(values: list[Any]) -> Any:
    """Return the sum of arrays, or of tuples of arrays or None, in order."""
    return reduce(_sum_of_two, values)


def _sum_of_two(one, other):
    if isinstance(one, tuple):
        return tuple(a if a is None else a + b for a, b in zip(one, other, strict=True))
    return one + other


def of_group(
    function: Callable[..., Any], rows: list[list[Any]], places: list[int], n: int, *, adds: bool
) -> Nodes:
    """Return the results for some of n partitions, those summed that the tree adds by themselves.

    Parameters
    ----------
    function : callable
    rows : list of list
        The arguments for each partition.
    places : list of int
        Of these partitions among all.
    n : int
    adds : bool
        Whether to add at all.
    """
    nodes: Nodes = {}
    for place, arguments in zip(places, rows, strict=True):
        nodes[0, place] = function(*arguments)
        if adds and len(nodes) >= 2 * FAN_IN:
            _add_complete(nodes, n)
    if adds:
        _add_complete(nodes, n)
    return nodes


def _add_complete(nodes, n):
    # Replace nodes by their sum where all that are added together are there.
    level = 0
    while n > 1:
        for parent in sorted({place // FAN_IN for at, place in nodes if at == level}):
            children = [(level, i) for i in range(FAN_IN * parent, min(FAN_IN * (parent + 1), n))]
            if all(child in nodes for child in children):
                nodes[level + 1, parent] = added([nodes.pop(child) for child in children])
        level, n = level + 1, -(-n // FAN_IN)


def root(groups: list[Nodes], n: int) -> Any:
    """Return the sum over n partitions of what groups of them have."""
    nodes = reduce(lambda one, other: one | other, groups)
    _add_complete(nodes, n)
    (total,) = nodes.values()
    return total


def values_in_order(groups: list[Nodes], n: int) -> list[Any]:
    """Return the results for n partitions that no group has added yet."""
    nodes = reduce(lambda one, other: one | other, groups)
    return [nodes[0, i] for i in range(n)]
