"""A real cluster and its faults: lost workers, bad data, interrupts."""

import os
import signal
import threading
import time

import dask
import dask.array as da
import numpy as np
import pytest

from sklogloss.dask import (
    FirthLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
    partitions,
)


@pytest.fixture
def harmed_cluster(cluster):
    """Return the cluster of all tests; it gets its two workers back."""
    yield cluster
    cluster.cluster.scale(2)
    cluster.wait_for_workers(2, timeout=60)


def random_collection(n_partitions=8, n_samples=2000):
    """Return X and y that Dask can make again."""
    X = da.random.default_rng(0).normal(size=(n_partitions * n_samples, 10), chunks=(n_samples, 10))
    return X, (X[:, 0] + X[:, 1] ** 3 > 0).astype(int)


def when_task_runs(client, name, action):
    """Return a running thread that acts once the scheduler has another task of this name."""
    tasks = client.cluster.scheduler.tasks
    before = set(tasks)  # earlier tests may have left some

    def watch():
        end = time.monotonic() + 120
        while not any(str(key).startswith(name) for key in set(tasks) - before):
            if time.monotonic() > end:
                return
            time.sleep(0.0005)
        action()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_a_killed_worker_changes_no_bit(harmed_cluster):
    with dask.config.set(scheduler="sync"):
        expected = LogLossClassifier(solver="newton-cg").fit(*random_collection())
    with dask.config.set(scheduler=harmed_cluster):
        collections = dask.persist(*random_collection())
        pids = harmed_cluster.run(os.getpid)
        killer = when_task_runs(
            harmed_cluster, "pass 7", lambda: os.kill(min(pids.values()), signal.SIGKILL)
        )
        model = LogLossClassifier(solver="newton-cg").fit(*collections)
        killer.join()
        assert harmed_cluster.run(os.getpid) != pids
    np.testing.assert_array_equal(model.coef_, expected.coef_)


def test_loss_of_all_workers_is_an_error_in_bounded_time(harmed_cluster, monkeypatch):
    monkeypatch.setattr(partitions, "PATIENCE", 2.0)
    with dask.config.set(scheduler=harmed_cluster):
        collections = dask.persist(*random_collection())
        killer = when_task_runs(harmed_cluster, "pass 4", lambda: harmed_cluster.cluster.scale(0))
        start = time.monotonic()
        with pytest.raises(RuntimeError, match="no workers for 2 seconds"):
            LogLossClassifier(solver="newton-cg").fit(*collections)
        killer.join()
    assert time.monotonic() - start < 30


def test_the_first_worker_is_waited_for(monkeypatch):
    from distributed import Client, LocalCluster

    monkeypatch.setattr(partitions, "PATIENCE", 0.2)
    monkeypatch.setattr(partitions, "LOOK_EVERY", 0.1)
    settings = {"n_workers": 0, "processes": False, "dashboard_address": None}
    with (
        LocalCluster(**settings) as local,
        Client(local, set_as_default=False) as client,
        dask.config.set(scheduler=client),
    ):
        later = threading.Timer(1.0, local.scale, [1])
        later.start()
        model = LogLossClassifier().fit(*random_collection(2, 100))
        later.join()
    assert model.coef_.shape == (1, 10)


def named(tasks):
    return [(str(key), task) for key, task in list(tasks.items())]


@pytest.fixture
def interruptible():
    """Let an interrupt raise: shells start jobs in the background with interrupts ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_stops_the_work(cluster, interruptible):
    def slow(block):
        time.sleep(0.2)
        return block

    def interrupt():
        # While the fit waits: what Dask does before may lose an interrupt, as in a finaliser.
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)

    X, y = random_collection(64, 100)
    with dask.config.set(scheduler=cluster):
        interrupter = when_task_runs(cluster, "pass 1", interrupt)
        with pytest.raises(KeyboardInterrupt):
            LogLossClassifier().fit(X.map_blocks(slow), y)
        interrupter.join()
        # The tasks that run at that moment are finished, no other is begun: all would take 6 s.
        # Those of earlier tests may be computed again on new workers.
        end, tasks = time.monotonic() + 3, cluster.cluster.scheduler.tasks
        while any(task.state == "processing" and "slow" in key for key, task in named(tasks)):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_tasks_are_named_after_their_pass(cluster, capsys):
    X, y = random_collection(2, 100)
    with dask.config.set(scheduler=cluster):
        LogLossClassifier(verbose=1, C=0.1).fit(X, y)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("pass")]
    assert len(lines) >= 4
    assert all(line.endswith(" s") for line in lines)
    names = {line.partition(",")[0] for line in lines}
    assert names <= set(cluster.cluster.scheduler.task_prefixes)


def slowly_as_pair(value):
    time.sleep(0.05)
    return value, value


def test_seconds_are_those_of_the_pass_where_results_are_kept(capsys):
    values = [dask.delayed(np.float64(i), traverse=False) for i in range(3)]
    held = partitions.DaskPartitions.of(values, True, partitions.PassLog(is_verbose=True))
    with dask.config.set(scheduler="sync"):
        total, kept = held.sum_and_keep("slow", slowly_as_pair)
    assert (total, len(kept.keys)) == (3, 3)
    seconds = capsys.readouterr().out.removeprefix("pass 1: slow, ").removesuffix(" s\n")
    assert float(seconds) >= 0.15


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *[(LogLossClassifier, name) for name in ("X", "y", "sample_weight")],
        (FirthLogisticRegression, "X"),
        (LogLossClassifierCV, "X"),
    ],
)
def test_what_is_wrong_names_its_partition(kind, name, cluster):
    X = np.column_stack([np.arange(60.0), np.ones(60)])
    arguments = {"X": X, "y": np.arange(60) % 2.0, "sample_weight": np.ones(60)}
    arguments[name][(47, 1) if name == "X" else 47] = np.nan
    if name == "X":  # the sums of passes tell
        del arguments["sample_weight"]
    blocks = [da.from_array(array, chunks=(10, *array.shape[1:])) for array in arguments.values()]
    # A cluster loses no name either.
    with dask.config.set(scheduler=cluster if kind is LogLossClassifier else "sync"):
        with pytest.raises(ValueError, match=rf"partition 4: .*{name}.*(NaN|finite)"):
            kind().fit(*blocks)


@pytest.mark.parametrize("scheduler", ["sync", "threads", "cluster"])
def test_a_partition_that_cannot_be_read_is_named(scheduler, cluster):
    def read(block):
        if block[0, 0] == 40:
            raise FileNotFoundError(2, "No such file", "part.4.parquet")
        return block

    X = da.from_array(np.column_stack([np.arange(60.0), np.ones(60)]), chunks=(10, 2))
    y = da.from_array(np.arange(60) % 2, chunks=10)
    message = "partition 4 cannot be computed: FileNotFoundError: .*No such file"
    with dask.config.set(scheduler=cluster if scheduler == "cluster" else scheduler):
        with pytest.raises(RuntimeError, match=message) as error:
            LogLossClassifier().fit(X.map_blocks(read, meta=X._meta), y)
    assert isinstance(error.value.__cause__, FileNotFoundError)
