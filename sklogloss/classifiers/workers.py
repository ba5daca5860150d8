"""Jobs for several threads. If memory is short, they end in an error and never wait forever."""

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

    __slots__ = ("arguments", "done", "error", "function", "taken")

    def __init__(self, function, arguments):
        self.function = function
        self.arguments = arguments
        self.error: BaseException | None = None
        # The taker, under the key True. The dict has an entry already, so another takes no memory.
        self.taken: dict[bool, object] = {False: None}
        self.done = _thread.allocate_lock()
        self.done.acquire()

    def take(self, taker):
        """Return whether this taker makes the call: the first that asks does."""
        return self.taken.setdefault(True, taker) is taker

    def wait(self):
        """Wait for the call, and raise the error that it raised."""
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
                self._work(self)
                for job in self.jobs:
                    job.wait()
        finally:
            # Jobs are left after an error or Ctrl-C, which may come between a job and its end.
            for job in self.jobs:
                if job.take(self) and job.done.locked():
                    job.error = job.error or CancelledError()
                    job.done.release()
            for job in self.jobs:
                with job.done:
                    pass

    def submit(self, function, *arguments):
        """Return the Job of a call that a thread makes once all previous jobs are taken."""
        job = Job(function, arguments)
        self.jobs.append(job)
        self.queue.put(job)
        if self.idle:
            self.idle.pop()
            try:
                _thread.start_new_thread(self._help, ())
            except (RuntimeError, MemoryError):
                pass  # no more threads: the others do it
        return job

    def _help(self):
        try:
            self._work(object())
        finally:
            self.idle.append(None)

    def _work(self, taker):
        # No memory is taken between a job and its end: a MemoryError there would leave it open.
        while True:
            try:
                job = self.queue.get_nowait()
            except Empty:
                return
            if not job.take(taker):
                continue
            try:
                job.function(*job.arguments)
            except BaseException as error:
                job.error = error
            job.done.release()
