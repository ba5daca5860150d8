"""Times that can be compared: functions run in turn, so that all meet the same machine."""

import statistics
import time


def seconds_of_each(functions, n_rounds):
    """Return the median time of a call of each function.

    Parameters
    ----------
    functions : list of callables without arguments
        They are called in turn, once before the clock runs and then in n_rounds rounds.
    n_rounds : int

    Returns
    -------
    seconds : list of float
        Time that the calling thread spent on a processor; what other processes take is not in it.
    """
    times = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(n_rounds):
        for function, seconds in zip(functions, times, strict=True):
            start = time.thread_time()
            function()
            seconds.append(time.thread_time() - start)
    return [statistics.median(seconds) for seconds in times]
