"""The pool of threads: each item once, by as many threads as asked for, nested and after a fork."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse

from sklogloss._cython import build_info, data_pass, parallel
from sklogloss._cython.csr_columns import csr_columns
from sklogloss.linear.samples import make_design
from sklogloss.linear.threads import effective_n_threads

# A thread that does not come ends the test with an error.
TIMEOUT = 60

Item = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)

needs_symbols = pytest.mark.skipif(
    sys.platform == "win32", reason="modules export nothing but their init function"
)


def for_each(n_items, n_threads, function):
    """Call function(item, thread) for all items; a failed one is an error here."""
    errors = []

    def call(_, item, thread):
        try:
            function(item, thread)
        except Exception as error:
            errors.append(error)

    pool_for_each = ctypes.CDLL(parallel.__file__).pool_for_each
    pool_for_each.argtypes = [ctypes.c_ssize_t, ctypes.c_int, Item, ctypes.c_void_p]
    pool_for_each.restype = None
    pool_for_each(n_items, n_threads, Item(call), None)
    assert not errors


def run_together(n_items, n_threads, n_expected):
    """Return the numbers of the threads; no item ends before n_expected threads have one."""
    barrier = threading.Barrier(n_expected, timeout=TIMEOUT)
    calls = []

    def function(item, thread):
        if item < n_expected:
            barrier.wait()
        calls.append((item, thread))

    for_each(n_items, n_threads, function)
    assert sorted(item for item, _ in calls) == list(range(n_items))
    return {thread for _, thread in calls}


@needs_symbols
@pytest.mark.parametrize("n_items", [4, 5, 100])
def test_four_threads_take_items(n_items):
    assert run_together(n_items, 4, 4) == {0, 1, 2, 3}


@needs_symbols
def test_more_threads_than_items():
    assert run_together(3, 100, 3) == {0, 1, 2}


@needs_symbols
@pytest.mark.parametrize(("n_items", "n_threads"), [(0, 4), (1, 4), (5, 1), (5, 0)])
def test_the_calling_thread_works_without_other_threads(n_items, n_threads):
    threads = []
    for_each(n_items, n_threads, lambda *_: threads.append(threading.get_ident()))
    assert threads == [threading.get_ident()] * n_items


@needs_symbols
def test_nested_items_in_threads_of_the_pool():
    calls = []
    for_each(
        4,
        4,
        lambda outer, _: for_each(5, 3, lambda inner, _: calls.append((outer, inner))),
    )
    assert sorted(calls) == [(outer, inner) for outer in range(4) for inner in range(5)]


@needs_symbols
def test_several_threads_share_the_pool():
    with ThreadPoolExecutor(4) as executor:
        counts = list(executor.map(lambda _: len(run_together(50, 3, 1)), range(40)))
    assert all(1 <= count <= 3 for count in counts)


@needs_symbols
def test_threads_of_the_pool_take_faults_and_no_other_signals():
    blocked = {}

    def function(_, thread):
        barrier.wait()
        blocked[thread] = signal.pthread_sigmask(signal.SIG_BLOCK, [])

    barrier = threading.Barrier(3, timeout=TIMEOUT)
    for_each(3, 3, function)
    faults = {
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGTRAP,
        signal.SIGABRT,
    }
    for thread in (1, 2):
        assert not blocked[thread] & faults
        assert {signal.SIGINT, signal.SIGTERM, signal.SIGALRM} <= blocked[thread]
    assert blocked[0] == signal.pthread_sigmask(signal.SIG_BLOCK, [])


# The child has none of the threads that the parent has started, and starts its own.
FORK = """
import os, sys
from test_thread_pool import run_together

assert run_together(4, 4, 4) == {0, 1, 2, 3}
pid = os.fork()
if pid == 0:
    os._exit(0 if run_together(4, 4, 4) == {0, 1, 2, 3} else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@needs_symbols
@pytest.mark.skipif(
    build_info.sanitizer() == "thread", reason="the sanitizer ends a child that starts threads"
)
def test_a_forked_child_starts_threads_of_its_own():
    # A child that hangs is ended with its group.
    process = subprocess.Popen(
        [sys.executable, "-P", "-W", "ignore", "-c", FORK],
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])},
    )
    try:
        assert process.wait(timeout=2 * TIMEOUT) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_passes_of_four_threads():
    # 5,000,000 stored entries: more than a pass of one thread has.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100_000, 50))
    alone, together = (
        [data_pass.moments(make_design(X), np.zeros(50), None, n_threads) for _ in range(3)]
        for n_threads in (1, 4)
    )
    for expected, actual in zip(alone, together, strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_columns_selected_by_four_threads():
    X = sparse.random_array((100_000, 50), density=0.5, format="csr", rng=0)
    places = np.where(np.arange(50) % 2, np.arange(50) // 2, -1).astype(np.int32)
    indptr, indices, data = csr_columns(X.indptr, X.indices, X.data, places, 4)
    expected = X[:, 1::2]
    np.testing.assert_array_equal(indptr, expected.indptr)
    np.testing.assert_array_equal(indices, expected.indices)
    np.testing.assert_array_equal(data, expected.data)


@pytest.mark.parametrize(("setting", "limit"), [("1", 1), ("2", 2), ("-1", 64)])
def test_omp_num_threads_limits_the_threads(setting, limit):
    # As joblib does for its workers; with and without OpenMP.
    code = "from sklogloss.linear import threads; print(threads.effective_n_threads(None))"
    output = subprocess.check_output(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "OMP_NUM_THREADS": setting},
        stderr=subprocess.DEVNULL,
    )
    assert int(output) == min(limit, effective_n_threads(-1))
