"""Functions of rows, wherever these lie: in one place, or in partitions.

A function gets Samples, and arrays with a row for each of them. It is an instance of a class, not a
closure, so that it can be sent to where the rows are.
"""

from __future__ import annotations

__all__ = ["changed_samples", "of_each_part", "sum_and_keep", "sum_over_rows"]


def sum_over_rows(samples, name, function, *rows):
    """Return the sum over the rows that a function of samples and rows computes: a pass.

    Parameters
    ----------
    samples : Samples or PartitionedSamples
    name : str
        Of the pass.
    function : callable
    *rows : ndarray, or PartitionedRows of the same partitions
    """
    if samples.is_partitioned:
        return samples.partitions.sum(name, function, *(each.partitions for each in rows))
    return function(samples, *rows)


def of_each_part(samples, name, function, *rows):
    """Return a list of function(samples, *rows), one for each partition: a pass. See above."""
    if samples.is_partitioned:
        return samples.partitions.collect(name, function, *(each.partitions for each in rows))
    return [function(samples, *rows)]


def sum_and_keep(samples, name, function):
    """Return the sum of what a function returns first, and the rows it returns second: a pass."""
    return samples.sum_and_keep(name, function) if samples.is_partitioned else function(samples)


def changed_samples(samples, name, function, *rows, n_columns, **design):
    """Return the samples that a function makes of samples and rows.

    Parameters
    ----------
    samples, name, function, *rows
        As for `sum_over_rows`.
    n_columns : int
        Of raw_prediction.
    **design
        What changes in the `PartitionedDesign`.
    """
    if not samples.is_partitioned:
        return function(samples, *rows)
    others = (each.partitions for each in rows)
    return samples.changed(name, function, *others, n_columns=n_columns, **design)
