"""Passes over partitions as graphs of Dask: named tasks, and sums in a fixed tree."""

from __future__ import annotations

import pickle
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

import dask.threaded
import numpy as np
from dask.base import get_scheduler
from dask.callbacks import Callback
from dask.delayed import Delayed
from dask.optimization import cull

from sklogloss.dask.sums import FAN_IN, added, of_group, root, values_in_order
from sklogloss.linear.threads import one_blas_thread

__all__ = ["DaskPartitions", "PassLog"]

# Seconds between two checks of the workers. After this long without workers, a fit that had some
# gives up.
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
    collection that the values come from. A pass adds tasks to the graph, which is a plain dict:
    objects of Dask for each task would take as long as the scheduler does.

    Attributes
    ----------
    keys : list
        Of the values, one for each partition; or the tasks that make them, within others.
    graph : dict
        The tasks that compute the values; where these are held, they themselves or their futures.
    numbers : list of int
        The places of the partitions among all, for errors.
    are_held : bool
        Whether values stay in the memory of the workers. Others are computed in each pass that
        needs them, with as many in memory as there are tasks at a time.
    log : PassLog
    """

    keys: list[Any]
    graph: dict[Any, Any]
    numbers: list[int]
    are_held: bool
    log: PassLog = field(default_factory=PassLog)

    @classmethod
    def of(cls, values: list[Delayed], are_held: bool, log: PassLog | None = None) -> Self:
        """Return partitions of delayed values."""
        keys, graph = _merged(values)
        return cls(keys, graph, list(range(len(keys))), are_held, log or PassLog())

    @classmethod
    def made_by(cls, function: Callable[..., Any], columns: list[Any], log: PassLog) -> Self:
        """Return partitions of function(number, *values), made within the tasks that need them.

        Parameters
        ----------
        function : callable
        columns : list of lists
            Delayed values, or others, for each partition.
        log : PassLog
        """
        numbers, keys = list(range(len(columns[0]))), []
        graph: dict[Any, Any] = {}
        for values in columns:
            of_column, tasks = _merged(values)
            keys.append(of_column)
            graph |= tasks
        made = [(function, *row) for row in zip(numbers, *keys, strict=True)]
        return cls(made, graph, numbers, False, log)

    def map(self, name: str, function: Callable[..., Any], *others: Any) -> Self:
        """Return function(value, *values of others) of each partition, held where these are."""
        return self._held(*self._tasks(name, _quietly, self._inputs(function, others)))

    def collect(self, name: str, function: Callable[..., Any], *others: Any) -> list[Any]:
        """Return function(value, *values of others) of each partition: a pass."""
        name, start = self.log.named(name), time.perf_counter()
        inputs = self._inputs(function, others)
        if self._are_on_workers():
            return self._of_groups(name, start, _quietly, inputs, values_in_order, adds=False)
        keys, graph = self._tasks(name, _quietly, inputs)
        end = f"{keys[0]}-all"
        graph[end] = (list, keys)
        parts = {} if self.are_held else dict(zip(keys, self.numbers, strict=True))
        return self._computed(name, start, graph, end, parts)

    def sum(self, name: str, function: Callable[..., Any], *others: Any) -> Any:
        """Return the sum of what `collect` returns, arrays or tuples of arrays, added in order."""
        name, start = self.log.named(name), time.perf_counter()
        return self._sum(name, start, _quietly, self._inputs(function, others))

    def sum_and_keep(self, name: str, function: Callable[..., Any]) -> tuple[Any, Self]:
        """Return the sum of the first values of pairs, and leave the second ones where they are."""
        name, start = self.log.named(name), time.perf_counter()
        pairs = self._held(*self._tasks(name, _as_pair, self._inputs(function, ())))
        return pairs._sum(name, start, _first, pairs._inputs(None, ())), pairs

    def take(self, numbers: Sequence[int]) -> Self:
        """Return some of the partitions."""
        keys, taken = ([of[i] for i in numbers] for of in (self.keys, self.numbers))
        return replace(self, keys=keys, numbers=taken)

    def holding(self, are_held: bool) -> Self:
        """Return the same partitions, to be held or not from now on."""
        return replace(self, are_held=are_held)

    def _held(self, keys, graph):
        # The values of tasks, computed if these are held.
        if self.are_held:
            graph = dict(zip(keys, computed_parts(graph, keys), strict=True))
        return replace(self, keys=keys, graph=graph)

    def _inputs(self, function, others):
        # The function, its arguments for each partition, and a graph with all that these need.
        graph, columns = dict(self.graph), [self.keys]
        for other in others:
            if isinstance(other, DaskPartitions):
                keys, tasks = other.keys, other.graph
            else:
                keys, tasks = _merged(other)
            columns.append(keys)
            graph |= tasks
        # Arrays that Dask sends by themselves may arrive where they are not aligned.
        return pickle.dumps(function), [list(row) for row in zip(*columns, strict=True)], graph

    def _tasks(self, name, run, inputs):
        # The keys of a task for each partition, and a graph with all that these need.
        stored, rows, graph = inputs
        keys = _keys(name, self.numbers)
        tasks = {key: (run, stored, *row) for key, row in zip(keys, rows, strict=True)}
        return keys, graph | tasks

    def _are_on_workers(self):
        return self.are_held and _client() is not None

    def _sum(self, name, start, run, inputs):
        if self._are_on_workers():
            return self._of_groups(name, start, run, inputs, root, adds=True)
        keys, graph = self._tasks(name, run, inputs)
        return self._computed(name, start, graph, _add_tree(graph, name, keys))

    def _of_groups(self, name, start, run, inputs, at_end, *, adds):
        # A pass with a task for each thread of a worker, instead of one for each partition: the
        # scheduler takes about a millisecond for a task, as long as a pass over some 10 MB.
        client, n = _client(), len(self.keys)
        stored, rows, graph = inputs
        futures = [self.graph[key] for key in self.keys]
        _wait_for(client, futures, had_workers=True)
        groups = _groups(client, futures)
        keys = _keys(name, range(len(groups)))
        for key, places in zip(keys, groups, strict=True):
            graph[key] = (_of_group, run, stored, [rows[i] for i in places], places, n, adds)
        end = f"{keys[0]}-all"
        graph[end] = (at_end, keys, n)
        return self._computed(name, start, graph, end)

    def _computed(self, name, start, graph, end, parts=None):
        result = computed(graph, end, parts or {}, had_workers=len(self.log.names) > 1)
        self.log.report(name, time.perf_counter() - start)
        return result


def _merged(values):
    # The keys of delayed values, other values unchanged, and the graph that contains all of them.
    keys, graphs = [], {}
    for value in values:
        keys.append(value.key if isinstance(value, Delayed) else value)
        if isinstance(value, Delayed):
            graphs[id(value.dask)] = value.dask
    graph: dict[Any, Any] = {}
    for each in graphs.values():
        graph |= dict(each)
    return keys, graph


def computed_parts(graph: dict[Any, Any], keys: list[Any]) -> list[Any]:
    """Return the results of tasks: futures from a cluster, and the results themselves otherwise."""
    graph, client = cull(graph, keys)[0], _client()
    if client is None:
        return list(_local_scheduler()(graph, keys))
    return list(client.get(graph, keys, sync=False))


def computed(graph: dict[Any, Any], key: Any, parts: dict[Any, int], *, had_workers: bool) -> Any:
    """Return the result of a task, wherever the scheduler in use runs it.

    The first worker of a cluster may take minutes to come, and is waited for without an end.

    Parameters
    ----------
    graph : dict
    key : str
        Of the task in the graph.
    parts : dict
        From keys in the graph to the numbers of the partitions that they are of. An error of what
        computes one of them, a file that cannot be read, say, names its number.
    had_workers : bool
        Whether there have been workers: something has been computed before.

    Raises
    ------
    RuntimeError
        If there have been workers, and then the scheduler has none for `PATIENCE` seconds. If a
        partition cannot be computed.
    """
    graph, client = cull(graph, [key, *parts])[0], _client()
    if client is None:
        return _computed_here(graph, key, parts)
    from distributed import Future

    of_parts = []
    try:
        future, *of_parts = client.get(graph, [key, *parts], sync=False)
        _wait_for(client, [future], had_workers=had_workers)
        return future.result()
    except BaseException as error:
        pairs = zip(parts.values(), of_parts, strict=False)
        failed = [number for number, each in pairs if each.status == "error"]
        # An interrupt may come before the futures do.
        client.cancel([Future(each, client) for each in (key, *parts)])
        if failed and isinstance(error, Exception):
            _raise_named(error, failed[0])
        raise


def _wait_for(client, futures, *, had_workers):
    from distributed import TimeoutError, wait

    last_seen = time.monotonic() if had_workers else None
    try:
        while True:
            try:
                with client.as_current():
                    wait(futures, timeout=LOOK_EVERY)
                return
            except TimeoutError:
                last_seen = _last_seen(client, last_seen)
    except BaseException:
        # So that an interrupt stops the work.
        client.cancel(futures)
        raise


def _groups(client, futures):
    # The places of values that are in one worker, shared among its threads: a group has all its
    # values in memory at a time, so that values that have been spilled come one by one. The same
    # holds for values that are nowhere, because a worker was lost.
    workers, on_worker = client.scheduler_info(n_workers=-1)["workers"], {}
    where = client.who_has(futures)
    for place, future in enumerate(futures):
        on_worker.setdefault(min(where.get(future.key) or [""]), []).append(place)
    groups = []
    for address, places in sorted(on_worker.items()):
        worker, size = workers.get(address), 1
        if worker is not None and not any(worker["metrics"].get("spilled_bytes", {}).values()):
            size = -(-len(places) // worker["nthreads"])
        groups += [places[i : i + size] for i in range(0, len(places), size)]
    return groups


def _computed_here(graph, key, parts):
    scheduler, unfinished = _local_scheduler(), set()

    def begun(key, graph, state):
        unfinished.add(key)

    def ended(key, result, graph, state, worker):
        unfinished.discard(key)

    try:
        with Callback(pretask=begun, posttask=ended):
            return scheduler(graph, key)
    except Exception as error:
        # One of the tasks that had begun has failed.
        for part, number in parts.items():
            if unfinished.isdisjoint(cull(graph, [part])[0]):
                continue
            try:
                scheduler(graph, part)
            except Exception:
                _raise_named(error, number)
        raise


def _raise_named(error, number):
    # Errors about the values of a partition already mention its number.
    if str(error).startswith("partition "):
        raise error
    raise RuntimeError(
        f"partition {number} cannot be computed: {type(error).__name__}: {error}"
    ) from error


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


def _local_scheduler():
    return get_scheduler() or dask.threaded.get


def _keys(name, parts):
    common = uuid.uuid4().hex
    return [f"{name}-{common}-{part}" for part in parts]


def _add_tree(graph, name, keys):
    # Add the sum in a tree whose shape the number of values alone decides; return its key.
    while len(keys) > 1:
        groups = [keys[i : i + FAN_IN] for i in range(0, len(keys), FAN_IN)]
        keys = _keys(name, range(len(groups)))
        graph.update({key: (added, group) for key, group in zip(keys, groups, strict=True)})
    return keys[0]


# The functions below run where the partitions are.


@dataclass(frozen=True)
class _Pair:
    """The value that a pass adds up, and the one that stays where it is, for other passes."""

    first: Any
    kept: Any


def _quietly(stored, *arguments):
    # Each pass has its own threads, and a solver checks for overflow.
    values = [each.kept if isinstance(each, _Pair) else each for each in arguments]
    with one_blas_thread(), np.errstate(all="ignore"):
        return pickle.loads(stored)(*values)


def _as_pair(stored, *arguments):
    return _Pair(*_quietly(stored, *arguments))


def _first(_, pair):
    return pair.first


def _of_group(run, stored, rows, places, n, adds):
    return of_group(partial(run, stored), rows, places, n, adds=adds)
