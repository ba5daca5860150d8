"""Functions of rows, wherever the rows lie: in one place, or in partitions.

A function gets Samples, and arrays with a row for each sample. It is an instance of a class and not
a closure, so that it can be sent to where the rows are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sklogloss.linear.partitioned_samples import PartitionedRows, PartitionedSamples, facts_of

__all__ = ["changed_samples", "of_each_part", "sum_and_keep", "sum_over_rows"]


def sum_over_rows(samples, name, function, *rows):
    """Return the sum over the rows of a function of samples and rows: a pass.

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
    if not samples.is_partitioned:
        return function(samples)
    total, kept = samples.partitions.sum_and_keep(name, function)
    return total, PartitionedRows(kept)


def changed_samples(samples, name, function, *rows, n_columns, **design):
    """Return the samples that a function makes of samples and rows: those that then have weight.

    Parameters
    ----------
    samples, name, function, *rows
        As for `sum_over_rows`; the function returns Samples of the same rows.
    n_columns : int
        Of raw_prediction.
    **design
        Fields of the `PartitionedDesign` that change, other than the number of rows.
    """
    if not samples.is_partitioned:
        return function(samples, *rows)
    partitions = samples.partitions.map(name, function, *(each.partitions for each in rows))
    facts = partitions.collect("weights", _Facts(n_columns))
    kept = [place for place, each in enumerate(facts) if each.n_samples]
    n_samples = sum(facts[place].n_samples for place in kept)
    n_stored = max(1, round(samples.design.n_stored * n_samples / samples.n_samples))
    return PartitionedSamples(
        partitions.take(kept),
        tuple(facts[place] for place in kept),
        replace(samples.design, **{"n_samples": n_samples, "n_stored": n_stored, **design}),
        samples.n_threads,
    )


@dataclass(frozen=True)
class _Facts:
    n_columns: int

    def __call__(self, samples):
        return facts_of(samples, self.n_columns)
