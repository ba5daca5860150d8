"""The fits of one library on one task, in a process of its own.

``python -m benchmarks.worker`` is started by `benchmarks.peers.Worker`, with the Python of the
library's environment, and answers its questions through a pipe. Standard output stays free for what
libraries print.
"""

import math
import statistics
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.adapters import load_adapter
from benchmarks.tasks import load_task
from benchmarks.timing import check_blas_threads

# Short fits are repeated that long: after a turn of another library the first meets cold caches.
TURN_SECONDS = 0.02


def memory_kilobytes(field):
    """Return VmRSS, the memory in use, or VmHWM, its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise KeyError(field)


class Fitter:
    """Its public methods are the questions."""

    def __init__(self, library, task_name, folder):
        self._adapter = load_adapter(library)
        self._task = load_task(task_name, folder)
        self._subsample = self._task.subsample()
        self._warm = set()

    def solvers(self):
        """Return the names of the solvers with what becomes of the intercept, as text."""
        return {name: str(kind) for name, kind in self._adapter.solvers(self._task).items()}

    def fit(self, solver, tol, n_threads):
        """Return the seconds that a fit takes, coef and intercept.

        The solver's first fit is of a subsample and not timed: it compiles, loads what the library
        loads late, and starts its threads.
        """
        if solver not in self._warm:
            self._timed_fit(self._subsample, solver, tol, n_threads)
            self._warm.add(solver)
        times = []
        while sum(times) < TURN_SECONDS:
            seconds, coef, intercept = self._timed_fit(self._task, solver, tol, n_threads)
            times.append(seconds)
        return statistics.median(times), coef, intercept

    def cost(self, solver, tol, n_threads):
        """Return what can be measured in a fresh process only.

        Returns
        -------
        peak_megabytes : float
            By how much a fit raises the memory of a process that holds the data; NaN where the
            system does not tell.
        first_call_seconds : float
            How much longer the first fit of a subsample takes than the second. Where a library
            compiles, this is the time it takes.
        """
        first, second = (
            self._timed_fit(self._subsample, solver, tol, n_threads)[0] for _ in range(2)
        )
        peak_megabytes = math.nan
        if sys.platform == "linux":
            Path("/proc/self/clear_refs").write_text("5")  # sets the peak to the memory in use
            before = memory_kilobytes("VmRSS")
            self._timed_fit(self._task, solver, tol, n_threads)
            peak_megabytes = max(0, memory_kilobytes("VmHWM") - before) / 1024
        return peak_megabytes, max(0, first - second)

    def path_intercepts(self):
        """Return for which values of fit_intercept the library has a path of L1 penalties."""
        return getattr(self._adapter, "PATH_INTERCEPTS", ())

    def path(self, Cs, fit_intercept, n_threads, tol):
        """Return the seconds that a path takes, coefs and intercepts.

        The first path of a kind is run twice, and the second one timed.
        """
        kind = "path", fit_intercept
        with threadpool_limits(limits=n_threads):
            check_blas_threads(n_threads)
            if kind not in self._warm:
                self._adapter.path(self._task, Cs, fit_intercept, tol, n_threads)
                self._warm.add(kind)
            start = time.perf_counter()
            answer = self._adapter.path(self._task, Cs, fit_intercept, tol, n_threads)
            seconds = time.perf_counter() - start
        return seconds, *answer

    def _timed_fit(self, task, solver, tol, n_threads):
        with threadpool_limits(limits=n_threads):
            check_blas_threads(n_threads)
            start = time.perf_counter()
            coef, intercept = self._adapter.fit(task, solver, tol, n_threads)
            seconds = time.perf_counter() - start
        return seconds, coef, intercept


def main(argv):
    """Say that the task is loaded, then answer each question.

    With (answer, None), or with (None, what went wrong).
    """
    library, task_name, file_descriptor, *folder = argv
    connection = Connection(int(file_descriptor))
    fitter = Fitter(library, task_name, Path(*folder))
    connection.send("loaded")
    while True:
        try:
            question, *arguments = connection.recv()
        except EOFError:
            return 0
        try:
            answer = getattr(fitter, question)(*arguments), None
        except Exception as error:
            answer = None, f"{type(error).__name__}: {error}"
        connection.send(answer)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
