"""How many threads a pass uses, with one BLAS thread in each."""

import ctypes
import functools
import itertools
import math
import os
import threading

import joblib
import numpy as np
from threadpoolctl import ThreadpoolController

from sklogloss._cython import fork
from sklogloss._cython.blas_limit import BlasLimit
from sklogloss._cython.data_pass import max_threads
from sklogloss.linear.quota import cpu_quota

__all__ = ["effective_n_threads", "one_blas_thread"]

# How each BLAS names the functions that get and set its number of threads.
FUNCTIONS = {
    "openblas": ("openblas_get_num_threads", "openblas_set_num_threads"),
    "mkl": ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
    "blis": ("bli_thread_get_num_threads", "bli_thread_set_num_threads"),
    "flexiblas": ("flexiblas_get_num_threads", "flexiblas_set_num_threads"),
}


def effective_n_threads(n_jobs: int | None) -> int:
    """Return the number of threads that n_jobs asks for.

    Parameters
    ----------
    n_jobs : int or None
        None: the cores that this process may use, within the limits of OMP_NUM_THREADS and, unless
        built without OpenMP, of threadpoolctl. A negative number counts back from the cores: -1 is
        all of them, -2 all but one. A cgroup's quota of processor time counts as that many cores,
        rounded up.

    Returns
    -------
    n_threads : int
        At least 1. A child that was forked without exec gets 1, because it usually shares the cores
        with others.

    Raises
    ------
    ValueError
        If n_jobs is 0.
    """
    if n_jobs == 0:
        raise ValueError("n_jobs must be None, a positive or a negative integer, got 0")
    if fork.is_child:
        return 1
    if n_jobs is None:
        n_jobs = min(max_threads(), _n_cores())
    elif n_jobs < 0:
        n_jobs = max(1, _n_cores() + 1 + n_jobs)
    return min(int(n_jobs), np.iinfo(np.intc).max)


@functools.cache
def _n_cores() -> int:
    n_cores = joblib.cpu_count()
    return max(1, math.ceil(min(cpu_quota(), n_cores)))


def one_blas_thread() -> BlasLimit:
    """Return the context in which BLAS uses one thread: passes have threads of their own.

    The limit applies to the process, or to the calling thread if BLAS has separate threads for each
    caller. It does not use threadpoolctl, of which version 3.8 lets only one Python thread set the
    limit.
    """
    if not _limits:
        with _limits_lock:
            if not _limits:
                _limits.append(_make_limit())
    return _limits[0]


# The only limit of the process, once it was requested.
_limits: list[BlasLimit] = []
_limits_lock = threading.Lock()


def _make_limit():
    # Finding the loaded libraries takes milliseconds, more than a small fit.
    controllers = ThreadpoolController().select(user_api="blas").lib_controllers
    limit = BlasLimit([found for found in map(_addresses, controllers) if found is not None])
    limit.limit_pool()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=limit.forget)
    return limit


def _addresses(library):
    # (address of the getter, of the setter, whether each thread has a number of its own), or None.
    is_per_thread = getattr(library, "threading_layer", None) == "openmp"
    names = FUNCTIONS.get(library.internal_api)
    if library.internal_api == "openblas" and is_per_thread:
        names = ("omp_get_max_threads", "omp_set_num_threads")
    if names is None:
        return None
    for prefix, suffix in itertools.product(("", "scipy_"), ("", "64_", "_64")):
        functions = [getattr(library.dynlib, f"{prefix}{name}{suffix}", None) for name in names]
        if None not in functions:
            addresses = [ctypes.cast(function, ctypes.c_void_p).value for function in functions]
            return (*addresses, is_per_thread)
    return None
