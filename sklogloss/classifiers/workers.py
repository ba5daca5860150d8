"""Jobs for several threads that end in an error, never in a wait, where memory is short."""

from __future__ import annotations

import _thread
from concurrent.futures import CancelledError
from queue import Empty, SimpleQueue

__all__ = ["Job", "Workers"]


class Job:
    """A call that some thread makes.

    Parameters
    ----------
    function : callable
    arguments : tuple
    """

    __slots__ = ("arguments", "done", "error", "function")

    def __init__(self, function, arguments):
        self.function = function
        self.arguments = arguments
        self.error: BaseException | None = None
        self.done = _thread.allocate_lock()
        self.done.acquire()

    def wait(self):
        """Return once the call has been made; raise what it raised."""
        with self.done:
            if self.error is not None:
                raise self.error


class Workers:
    """The calling thread, and others that help it with its jobs, in their order.

    `concurrent.futures` waits for each thread to report that it has begun. One that finds no memory
    never does, and the wait never ends. Here nothing waits for a thread before it has taken a job,
    and the calling thread does what no other has taken.

    Parameters
    ----------
    n_threads : int
        The calling one among them.
    """

    def __init__(self, n_threads):
        self.queue: SimpleQueue[Job] = SimpleQueue()
        self.jobs: list[Job] = []
        self.idle = [None] * (n_threads - 1)

    def __enter__(self):
        return self

    def __exit__(self, exception_type, *_):
        try:
            if exception_type is None:
                self._work()
                for job in self.jobs:
                    job.wait()
        finally:
            # Nothing is left but after an error or Ctrl-C.
            self._cancel()
            for job in self.jobs:
                with job.done:
                    pass

    def submit(self, function, *arguments):
        """Return the Job of a call that a thread makes once all those before it were taken."""
        job = Job(function, arguments)
        self.jobs.append(job)
        try:
            self.queue.put(job)
        except BaseException:
            job.done.release()
            raise
        if self.idle:
            self.idle.pop()
            try:
                _thread.start_new_thread(self._help, ())
            except (RuntimeError, MemoryError):
                pass  # no more threads: the others do it
        return job

    def _help(self):
        try:
            self._work()
        finally:
            self.idle.append(None)

    def _work(self):
        # No memory is taken between a job and its end: a MemoryError there would leave it open.
        while True:
            try:
                job = self.queue.get_nowait()
            except Empty:
                return
            try:
                job.function(*job.arguments)
            except BaseException as error:
                job.error = error
            job.done.release()

    def _cancel(self):
        while True:
            try:
                job = self.queue.get_nowait()
            except Empty:
                return
            job.error = CancelledError()
            job.done.release()
