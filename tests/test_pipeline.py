"""The thread that prepares batches: order, errors, an early end, and what is left running afterwards."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from cnncore._pipeline import Prefetcher


def wait_until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


def test_items_arrive_in_order_with_the_transform_applied_elsewhere():
    threads = set()

    def transform(i):
        threads.add(threading.current_thread().name)
        return 10 * i

    with Prefetcher(range(50), depth=3, transform=transform) as items:
        assert list(items) == [10 * i for i in range(50)]
        assert list(items) == []
    assert threads == {"cnncore-prefetch"}


def test_no_more_is_prepared_than_asked_for():
    made = []

    def source():
        for i in range(100):
            made.append(i)
            yield i

    with Prefetcher(source(), depth=2) as items:
        assert next(items) == 0
        assert wait_until(lambda: len(made) == 4)  # one used, two waiting, one in the maker's hands
        time.sleep(0.02)
        assert len(made) == 4


def test_an_error_is_raised_at_its_batch():
    def source():
        yield 1
        yield 2
        raise KeyError("third")

    with Prefetcher(source(), depth=8) as items:
        assert next(items) == 1
        assert next(items) == 2
        with pytest.raises(KeyError, match="third"):
            next(items)
        with pytest.raises(StopIteration):
            next(items)


def test_an_error_in_the_transform_is_raised_at_its_batch():
    with Prefetcher([4, 2, 0, 1], transform=lambda i: 8 // i) as items:
        assert next(items) == 2
        assert next(items) == 4
        with pytest.raises(ZeroDivisionError):
            next(items)


def test_an_early_end_closes_the_generator_on_the_thread_that_ran_it():
    closed = []

    def source():
        try:
            while True:
                yield 0
        finally:
            closed.append(threading.current_thread().name)

    items = Prefetcher(source())
    next(items)
    items.close()
    items.close()
    assert closed == ["cnncore-prefetch"]
    with pytest.raises(StopIteration):
        next(items)


def running():
    return [thread for thread in threading.enumerate() if thread.name == "cnncore-prefetch"]


def test_a_forgotten_prefetcher_ends_its_thread():
    before = len(running())
    items = Prefetcher(iter(lambda: 0, 1))
    next(items)
    del items
    gc.collect()
    assert wait_until(lambda: len(running()) == before)


def test_close_does_not_wait_for_a_source_that_never_answers():
    release = threading.Event()
    items = Prefetcher(iter(lambda: release.wait(60), None))
    items.close()
    assert running()  # the source is still asked, and `close` has not waited for its answer
    release.set()


def test_ctrl_c_interrupts_the_wait_for_a_batch():
    code = (
        "import time\nfrom cnncore._pipeline import Prefetcher\n"
        "items = Prefetcher(iter(lambda: time.sleep(60), 1))\nprint('ready', flush=True)\n"
        "try:\n    next(items)\nexcept KeyboardInterrupt:\n    print('interrupted')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert output == "interrupted\n"
    assert process.returncode == 0


def test_depth_must_be_positive():
    with pytest.raises(ValueError, match="depth=0"):
        Prefetcher([1], depth=0)
