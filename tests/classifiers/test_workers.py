"""Jobs for several threads: their order, their errors, and threads that never begin."""

import _thread
import threading
import time
from concurrent.futures import CancelledError

import pytest

from sklogloss.classifiers.workers import Workers


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_jobs_begin_in_their_order_and_all_are_done(n_threads):
    begun, lock = [], threading.Lock()

    def work(i):
        with lock:
            begun.append(i)

    with Workers(n_threads) as workers:
        jobs = [workers.submit(work, i) for i in range(200)]
    for job in jobs:
        job.wait()
    assert sorted(begun) == list(range(200))
    if n_threads == 1:
        assert begun == sorted(begun)


def test_others_help():
    barrier = threading.Barrier(3, timeout=60)
    with Workers(3) as workers:
        for _ in range(3):
            workers.submit(barrier.wait)


def test_an_error_of_a_job_is_that_of_all():
    def fail():
        raise MemoryError("planted")

    def fail_in_workers():
        with Workers(2) as workers:
            failed = workers.submit(fail)
            workers.submit(failed.wait)

    with pytest.raises(MemoryError, match="planted"):
        fail_in_workers()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_of_the_calling_thread_cancels_what_has_not_begun(error):
    go_on, ended = threading.Event(), []

    def work():
        go_on.wait(60)
        ended.append(True)

    jobs = []

    def fail_in_workers():
        with Workers(2) as workers:
            jobs.extend(workers.submit(work) for _ in range(5))
            while workers.queue.qsize() > 4:
                time.sleep(0.001)  # until the other thread has taken the first
            threading.Timer(0.1, go_on.set).start()
            raise error

    with pytest.raises(error):
        fail_in_workers()
    assert ended == [True]
    for job in jobs[1:]:
        with pytest.raises(CancelledError):
            job.wait()


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, None])
def test_threads_that_do_not_begin_are_not_waited_for(monkeypatch, error):
    def start(function, arguments):
        # None: a thread begins, and dies before it calls the function.
        if error is not None:
            raise error("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", start)
    done = []
    with Workers(4) as workers:
        for i in range(20):
            workers.submit(done.append, i)
    assert done == list(range(20))


def test_an_interrupt_between_a_job_and_its_call_leaves_no_wait():
    workers = Workers(1)
    job = workers.submit(print)
    workers.queue.get_nowait()
    workers.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert isinstance(job.error, CancelledError)
    assert not job.done.locked()
