"""Times that can be compared: functions run in turn, so that all meet the same machine."""

import statistics
import time

from threadpoolctl import threadpool_info

# OpenBLAS's threads look for work that long after a call, on the cores of whoever is next.
PAUSE_SECONDS = 0.15


def seconds_of_each(functions, n_rounds, clock=time.perf_counter, pause=0.0):
    """Return the median time of a call of each function.

    Parameters
    ----------
    functions : list of callables without arguments
        They are called in turn, once before the clock runs and then in n_rounds rounds.
    n_rounds : int
    clock : callable, default=time.perf_counter
        With time.thread_time, only the time that the calling thread spent on a processor counts;
        what other processes take is not in it.
    pause : float, default=0.0
        Seconds to wait before each call, as PAUSE_SECONDS for what threads of others still do.

    Returns
    -------
    seconds : list of float
    """
    times = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(n_rounds):
        for function, seconds in zip(functions, times, strict=True):
            time.sleep(pause)
            start = clock()
            function()
            seconds.append(clock() - start)
    return [statistics.median(seconds) for seconds in times]


def check_blas_threads(n_threads):
    """Raise RuntimeError unless every BLAS library in the process uses n_threads."""
    for library in threadpool_info():
        if library["user_api"] == "blas" and library["num_threads"] != n_threads:
            raise RuntimeError(
                f"{library['filepath']} uses {library['num_threads']} threads, not {n_threads}"
            )
