"""How many threads a pass uses, and one BLAS thread in each of them."""

import contextlib
import functools
import os
import threading

import joblib
from threadpoolctl import ThreadpoolController

from sklogloss._cython.data_pass import max_threads
from sklogloss._cython.fork import in_forked_child

__all__ = ["effective_n_threads", "one_blas_thread"]

# OpenMP and the C code take a count of threads as a C int.
LARGEST_COUNT = 2**31 - 1


def effective_n_threads(n_jobs: int | None) -> int:
    """Return the number of OpenMP threads that n_jobs asks for.

    Parameters
    ----------
    n_jobs : int or None
        None: the cores that this process may use, within the limits of OMP_NUM_THREADS and
        threadpoolctl. A negative number counts back from the cores: -1 is all of them, -2 all but
        one.

    Returns
    -------
    n_threads : int
        At least 1. A child that was forked without exec gets 1: GNU OpenMP hangs in a child of a
        process that has used it.

    Raises
    ------
    ValueError
        If n_jobs is 0.
    """
    if n_jobs == 0:
        raise ValueError("n_jobs must be None, a positive or a negative integer, got 0")
    if in_forked_child():
        return 1
    if n_jobs is None:
        return min(max_threads(), _n_cores())
    if n_jobs < 0:
        return max(1, _n_cores() + 1 + n_jobs)
    return min(int(n_jobs), LARGEST_COUNT)


@functools.cache
def _n_cores() -> int:
    return joblib.cpu_count()


@functools.cache
def _blas_libraries():
    # Looking for the loaded libraries takes milliseconds, more than a small fit.
    return ThreadpoolController().select(user_api="blas").lib_controllers


class _OneBlasThread:
    # The limit holds for the process: of the fits that run at the same time in several Python
    # threads, the first sets it and the last takes it back.

    def __init__(self):
        self._lock = threading.Lock()
        self._n_inside = 0
        self._limited = []

    def enter(self):
        with self._lock:
            if self._n_inside == 0:
                for library in _blas_libraries():
                    n_threads = library.num_threads
                    if n_threads != 1:
                        self._limited.append((library, n_threads))
                        library.set_num_threads(1)
            self._n_inside += 1

    def leave(self):
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self.restore()

    def restore(self):
        while self._limited:
            library, n_threads = self._limited.pop()
            library.set_num_threads(n_threads)


_one_blas_thread = _OneBlasThread()


def _forget_other_threads():
    # The threads of the parent do not exist in its child: nobody would take back their limit.
    global _one_blas_thread
    _one_blas_thread.restore()
    _one_blas_thread = _OneBlasThread()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


@contextlib.contextmanager
def one_blas_thread():
    """Let BLAS use one thread in this context: the passes bring their own."""
    limit = _one_blas_thread
    limit.enter()
    try:
        yield
    finally:
        limit.leave()
