"""Timing in turns: every job has its turns, and one that fails ends no other one."""

from __future__ import annotations

import threading
import time

import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.tuning.timing import Job, Timing, measure


def test_jobs_have_their_turns_one_after_the_other():
    order = []
    jobs = [Job(lambda name=name: (order.append(name), time.sleep(0.002))) for name in "ab"]
    done = []
    timings = measure(jobs, 0.004, rounds=3, progress=done.append)
    turns = [name for place, name in enumerate(order) if place == 0 or order[place - 1] != name]
    assert turns == list("ababab")
    assert done == [1, 2, 3, 4, 5, 6]
    assert all(len(each.rates) == 3 for each in timings)


@pytest.mark.parametrize("workers", [1, 3])
def test_runs_of_several_threads_overlap(workers):
    active, most, lock = [], [], threading.Lock()

    def run():
        with lock:
            active.append(1)
            most.append(len(active))
        time.sleep(0.003)
        with lock:
            active.pop()

    (timing,) = measure([Job(run, workers)], 0.03, rounds=2)
    assert max(most) == workers
    assert 1 <= len(timing.rates) <= 2, "the first turn may take all the time"


def test_what_takes_long_runs_a_few_times():
    calls = []
    measure([Job(lambda: (calls.append(1), time.sleep(0.01)))], 0.001, rounds=50)
    assert len(calls) <= 5


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (rt.InputError.coded("E-INPUT-10", "x: too large. Take less."), "x: too large. Take less."),
        (MemoryError(), "there is not enough memory"),
    ],
)
def test_a_job_that_fails_says_why(error, problem, workers):
    def fail():
        raise error

    bad, good = measure([Job(fail, workers), Job(lambda: None)], 0.001)
    assert bad.problem == problem
    assert bad.latencies == []
    assert good.problem == ""
    assert good.rates


def test_mistakes_of_ours_and_interruptions_pass():
    for error in (KeyError, KeyboardInterrupt):

        def fail(error=error):
            raise error

        with pytest.raises(error):
            measure([Job(fail)], 0.001)


def test_nothing_begins_after_the_deadline():
    (timing,) = measure([Job(lambda: pytest.fail("it ran"))], 1.0, deadline=time.perf_counter() - 1)
    assert timing.latencies == timing.rates == []


def test_the_figures():
    timing = Timing([0.1, 0.2, 0.3, 0.4, 1.0], [4.0, 5.0, 5.5])
    assert timing.p50 == pytest.approx(0.3)
    assert timing.p95 == pytest.approx(0.88)
    assert timing.rate == 5.0
    assert timing.spread == pytest.approx(0.3)


def test_an_interruption_ends_all_threads_at_once(monkeypatch):
    from concurrent.futures import Future

    monkeypatch.setattr(Future, "result", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
    before = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        measure([Job(lambda: time.sleep(0.001), 2)], 1000.0)
    assert time.perf_counter() - before < 100
