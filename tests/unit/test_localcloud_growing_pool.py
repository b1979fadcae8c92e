"""A pool of threads: jobs that wait for each other all get one, and short jobs keep their order."""

import threading
import time
from collections.abc import Callable

from localcloud import growing_pool
from localcloud.growing_pool import GrowingPool


def grow_until(pool: GrowingPool[int], is_done: Callable[[], bool]) -> None:
    """Calls `grow` as the thread that submits the jobs does."""
    while not is_done():
        time.sleep(pool.grow() or 0.001)


def test_jobs_that_wait_for_each_other_all_get_a_thread():
    together = 3 * growing_pool.PROMPT_THREADS
    barrier, done = threading.Barrier(together), threading.Semaphore(0)

    def meet(job: int) -> None:
        barrier.wait()
        done.release()

    pool = GrowingPool(meet, most=together)
    for number in range(together):
        pool.submit(number)
    grow_until(pool, lambda: barrier.broken or done._value == together)
    assert not barrier.broken
    pool.close()


def test_when_no_job_ends_each_that_waits_gets_a_thread_at_once(monkeypatch):
    """Otherwise many connections that send nothing would keep a request from its thread, each for a while."""
    monkeypatch.setattr(growing_pool, "GROW_SECONDS", 3600.0)
    waiting, done = threading.Event(), threading.Semaphore(0)

    def run(job: int) -> None:
        if job < 10 * growing_pool.PROMPT_THREADS:
            waiting.wait()
        done.release()

    pool = GrowingPool(run, most=20 * growing_pool.PROMPT_THREADS)
    for number in range(10 * growing_pool.PROMPT_THREADS + 1):
        pool.submit(number)
    while done._value == 0:
        pool.grow()
        time.sleep(0.001)
    waiting.set()
    pool.close()


def test_one_thread_runs_all_jobs_in_their_order():
    ran: list[int] = []
    pool = GrowingPool(ran.append, most=1)
    for number in range(100):
        pool.submit(number)
    grow_until(pool, lambda: len(ran) == 100)
    assert ran == list(range(100))
    pool.close()


def test_threads_without_a_job_end_and_a_later_job_gets_a_new_one(monkeypatch):
    monkeypatch.setattr(growing_pool, "IDLE_SECONDS", 0.01)
    threads: list[int] = []
    pool = GrowingPool(lambda job: threads.append(threading.get_native_id()), most=1)
    for count in (1, 2):
        pool.submit(count)
        grow_until(pool, lambda count=count: len(threads) == count)
        grow_until(pool, lambda: pool._threads == 0)
    assert len(threads) == 2


def test_a_closed_pool_has_no_threads():
    pool = GrowingPool(lambda job: None, most=growing_pool.PROMPT_THREADS)
    for number in range(20):
        pool.submit(number)
    pool.close()
    grow_until(pool, lambda: pool._threads == 0)
