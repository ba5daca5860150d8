"""Passes over partitions as graphs of Dask: named tasks, and sums in a fixed tree."""

from __future__ import annotations

import pickle
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import itemgetter
from typing import Any

import numpy as np
from dask.base import get_scheduler, persist
from dask.delayed import Delayed, delayed

from sklogloss.linear.threads import one_blas_thread

__all__ = ["DaskPartitions", "PassLog"]

# Sums of so many partitions, or of so many sums, are added by one task.
FAN_IN = 8
# Seconds between two looks at the workers, and without any before a fit that has had some gives up.
LOOK_EVERY = 1.0
PATIENCE = 30.0


@dataclass
class PassLog:
    """Names the passes of a fit, and prints a line for each if asked to.

    Attributes
    ----------
    is_verbose : bool
    names : list of str
        What each pass was for.
    """

    is_verbose: bool = False
    names: list[str] = field(default_factory=list)

    def named(self, name: str) -> str:
        """Return the name of the next pass."""
        self.names.append(name)
        return f"pass {len(self.names)}: {name}"

    def report(self, name: str, seconds: float) -> None:
        """Print how long a pass took."""
        if self.is_verbose:
            print(f"{name}, {seconds:.3g} s", flush=True)


@dataclass(frozen=True)
class DaskPartitions:
    """Values in the order of the partitions, as tasks of Dask: `Partitions` of the linear model.

    Dask schedules, spills, and computes again what a lost worker had, from the graph of the
    collection that the values come from.

    Attributes
    ----------
    values : list of Delayed
    are_held : bool
        Whether values stay in the memory of the workers. Others are computed in each pass that
        needs them, with as many in memory as there are tasks at a time.
    log : PassLog
    """

    values: list[Delayed]
    are_held: bool
    log: PassLog = field(default_factory=PassLog)

    def map(self, name: str, function: Callable[..., Any], *others: Any) -> DaskPartitions:
        """Return function(value, *values of others) of each partition, held where these are."""
        values = self._tasks(name, function, others)
        if self.are_held:
            values = list(persist(*values, optimize_graph=False))
        return DaskPartitions(values, self.are_held, self.log)

    def collect(self, name: str, function: Callable[..., Any], *others: Any) -> list[Any]:
        """Return function(value, *values of others) of each partition: a pass."""
        name = self.log.named(name)
        values = self._tasks(name, function, others)
        return self._computed(name, _task(name, "all", list, values))

    def sum(self, name: str, function: Callable[..., Any], *others: Any) -> Any:
        """Return the sum of what `collect` returns, arrays or tuples of arrays, added in order."""
        name = self.log.named(name)
        return self._computed(name, _tree(name, self._tasks(name, function, others)))

    def sum_and_keep(self, name: str, function: Callable[..., Any]) -> tuple[Any, DaskPartitions]:
        """Return the sum of the first values of pairs, and the second ones where they are."""
        name, start = self.log.named(name), time.perf_counter()
        pairs = self._tasks(name, function, ())
        total = _tree(name, [_task(name, "sums", itemgetter(0), pair) for pair in pairs])
        kept = [_task(name, "kept", itemgetter(1), pair) for pair in pairs]
        if self.are_held:  # the schedulers of one process compute all of it here
            *kept, total = persist(*kept, total, optimize_graph=False)
        return self._computed(name, total, start), DaskPartitions(
            list(kept), self.are_held, self.log
        )

    def take(self, numbers: Sequence[int]) -> DaskPartitions:
        """Return some of the partitions."""
        return DaskPartitions([self.values[i] for i in numbers], self.are_held, self.log)

    def holding(self, are_held: bool) -> DaskPartitions:
        """Return the same, to be held or not from here on."""
        return replace(self, are_held=are_held)

    def _tasks(self, name, function, others):
        columns = [other.values if isinstance(other, DaskPartitions) else other for other in others]
        # Arrays that Dask sends by themselves may arrive where they are not aligned.
        stored = pickle.dumps(function)
        return [
            _task(name, str(i), _quietly, stored, value, *more)
            for i, (value, *more) in enumerate(zip(self.values, *columns, strict=True))
        ]

    def _computed(self, name, value, start=None):
        start = time.perf_counter() if start is None else start
        result = computed(value, had_workers=len(self.log.names) > 1)
        self.log.report(name, time.perf_counter() - start)
        return result


def computed(value: Delayed, *, had_workers: bool) -> Any:
    """Return the result of a task, wherever the scheduler in use runs it.

    The first worker of a cluster may take minutes to come, and is waited for without an end.

    Parameters
    ----------
    value : Delayed
    had_workers : bool
        Whether there have been workers: something has been computed before.

    Raises
    ------
    RuntimeError
        If there have been workers, and then the scheduler has none for `PATIENCE` seconds.
    """
    client = _client()
    if client is None:
        return value.compute(optimize_graph=False)
    from distributed import TimeoutError, wait

    future = client.compute(value, optimize_graph=False)
    last_seen = time.monotonic() if had_workers else None
    try:
        while True:
            try:
                with client.as_current():
                    wait(future, timeout=LOOK_EVERY)
                break
            except TimeoutError:
                last_seen = _last_seen(client, last_seen)
        return future.result()
    except BaseException:
        # So that an interrupt, or an error in one partition, stops the others.
        client.cancel([future])
        raise


def _last_seen(client, last_seen):
    if client.scheduler_info()["workers"]:
        return time.monotonic()
    if last_seen is not None and time.monotonic() - last_seen > PATIENCE:
        raise RuntimeError(
            f"the scheduler at {client.scheduler.address} has had no workers for {PATIENCE:g} "
            "seconds: all are lost, and with them what they held of the fit"
        )
    return last_seen


def _client():
    # The client of distributed that dask.compute would use, None for the schedulers of one process.
    scheduler = get_scheduler()
    client = getattr(scheduler, "__self__", None)
    return client if hasattr(client, "scheduler_info") else None


def _task(name, part, function, *arguments):
    key = f"{name}-{uuid.uuid4().hex}-{part}"
    return delayed(function, pure=False, traverse=False)(*arguments, dask_key_name=key)


def _quietly(stored, *arguments):
    # Each pass brings its own threads, and a solver looks at what overflows.
    with one_blas_thread(), np.errstate(all="ignore"):
        return pickle.loads(stored)(*arguments)


def _tree(name, values):
    # The sum in a tree whose shape the number of values alone decides.
    while len(values) > 1:
        groups = [values[i : i + FAN_IN] for i in range(0, len(values), FAN_IN)]
        values = [_task(name, "sum", _added, group) for group in groups]
    return values[0]


def _added(values):
    return reduce(_sum_of_two, values)


def _sum_of_two(one, other):
    if isinstance(one, tuple):
        return tuple(a if a is None else a + b for a, b in zip(one, other, strict=True))
    return one + other
