"""One run of the work, however many threads ask for it."""

from __future__ import annotations

import copy
import os
import pickle
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from requests_oauth2client import single_flight
from requests_oauth2client.single_flight import SingleFlight

THREADS = 32


class Work:
    """Work that lasts until it is told to end, and is needed until it is done."""

    def __init__(self, *outcomes):
        self.flight = SingleFlight()
        self.outcomes = list(outcomes)
        self.runs = 0
        self.done = False
        self.started, self.may_end = threading.Event(), threading.Event()

    def __call__(self):
        self.runs += 1
        self.started.set()
        assert self.may_end.wait(10)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, BaseException):
            raise outcome
        self.done = True

    def run(self, **kwargs):
        self.flight.run(self, needed=lambda: not self.done, **kwargs)

    def by_many(self, threads=THREADS):
        """Run it in many threads at once; return what each of them raised."""

        def caught(_):
            try:
                self.run()
            except BaseException as exc:  # noqa: BLE001 - it is what we want to see
                return exc

        with ThreadPoolExecutor(threads) as pool:
            results = pool.map(caught, range(threads))
            assert self.started.wait(10)
            time.sleep(0.05)  # the others are waiting by now; if one is late, the facts are the same
            self.may_end.set()
            return list(results)


def test_one_run():
    """One thread does the work, the others wait for it."""
    work = Work()
    assert work.by_many() == [None] * THREADS
    assert work.runs == 1
    assert not work.flight.busy


def test_nothing_needed():
    """What is not needed is not done."""
    work = Work()
    work.done = True
    work.run()
    assert work.runs == 0


def test_a_failure_is_shared():
    """When the work fails, each waiting thread gets the error as its own copy, and nobody repeats the work."""
    error = ValueError("what went wrong")
    work = Work(error)
    caught = work.by_many()
    assert work.runs == 1
    assert {type(exc) for exc in caught} == {ValueError}
    assert {str(exc) for exc in caught} == {"what went wrong"}
    assert len({id(exc) for exc in caught}) == THREADS
    assert all(exc is error or exc.__cause__ is error for exc in caught)
    assert not work.flight.busy


def test_an_error_that_cannot_be_copied():
    """An error whose constructor takes other arguments is shared as it is, not replaced by a TypeError."""

    class Picky(Exception):
        def __init__(self, one, two):
            super().__init__(f"{one} and {two}")

    error = Picky(1, 2)
    with pytest.raises(TypeError):
        copy.copy(error)
    caught = Work(error).by_many()
    assert {id(exc) for exc in caught} == {id(error)}
    assert error.__cause__ is None
    assert traceback.format_exception(error)


def test_a_failure_is_not_remembered():
    """After a failure, the next call tries again."""
    work = Work(ValueError())
    work.may_end.set()
    with pytest.raises(ValueError):
        work.run()
    work.run()
    assert work.runs == 2
    assert work.done


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interrupted_leader(interruption):
    """When the thread that works is interrupted, it alone is; one of those who wait takes over."""
    work = Work(interruption())
    caught = work.by_many()
    assert sorted(type(exc).__name__ for exc in caught if exc is not None) == [interruption.__name__]
    assert work.runs == 2
    assert work.done


@pytest.mark.parametrize("moment", range(4))
def test_interrupted_on_the_way(moment):
    """An interruption between two lines, such as Ctrl-C, leaves nothing behind that the next caller waits for."""
    work, left = Work(), [moment]
    work.may_end.set()

    def interrupt(frame, event, _):
        if event == "call" and frame.f_code.co_filename == single_flight.__file__:
            left[0] -= 1
            if left[0] < 0:
                sys.setprofile(None)
                raise KeyboardInterrupt

    before = sys.getprofile()
    sys.setprofile(interrupt)
    try:
        work.run()
    except KeyboardInterrupt:
        pass
    finally:
        sys.setprofile(before)
    assert not work.flight.busy
    work.run()
    assert work.done


def test_without_waiting():
    """A thread that need not wait goes on at once."""
    work = Work()
    leader = threading.Thread(target=work.run)
    leader.start()
    assert work.started.wait(10)
    assert work.flight.busy
    work.run(wait=False)
    assert not work.done
    work.may_end.set()
    leader.join(10)
    assert work.done
    assert work.runs == 1


def test_needed_again():
    """Those who waited take the result as it is: they do not repeat the work when it does not last."""
    work = Work()
    work.run = lambda: work.flight.run(work, needed=lambda: True)
    assert work.by_many() == [None] * THREADS
    assert work.runs < THREADS / 2


def test_recursion():
    """Work that asks for itself goes on without waiting for itself."""
    flight, runs = SingleFlight(), []

    def work():
        runs.append(1)
        flight.run(work, needed=lambda: True)

    flight.run(work, needed=lambda: True)
    assert len(runs) == 1


def test_not_locked_while_working():
    """Nothing is locked while the work is done: others can ask, and get their answer."""
    work = Work()
    leader = threading.Thread(target=work.run)
    leader.start()
    assert work.started.wait(10)
    assert work.flight._lock.acquire(timeout=1)
    work.flight._lock.release()
    work.may_end.set()
    leader.join(10)


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, lambda flight: pickle.loads(pickle.dumps(flight))])
def test_copies_start_empty(make):
    """A copy knows nothing of work that is being done elsewhere."""
    work = Work()
    leader = threading.Thread(target=work.run)
    leader.start()
    assert work.started.wait(10)
    copied = make(work.flight)
    assert not copied.busy
    runs = []
    copied.run(lambda: runs.append(1), needed=lambda: True)
    assert runs == [1]
    work.may_end.set()
    leader.join(10)


def test_starting_anew():
    """What starts anew while work is being done has nothing to do with it any more."""
    old, new = Work(), Work()
    new.flight = old.flight
    leader = threading.Thread(target=old.run)
    leader.start()
    assert old.started.wait(10)
    old.flight.after_fork()
    assert not old.flight.busy
    second = threading.Thread(target=new.run)
    second.start()
    assert new.started.wait(10)
    old.may_end.set()
    leader.join(10)
    assert new.flight.busy
    new.may_end.set()
    second.join(10)
    assert not new.flight.busy
    assert (old.runs, new.runs) == (1, 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork():
    """A process forked while the work is being done does it by itself: the thread that worked is not there."""
    work = Work()
    leader = threading.Thread(target=work.run)
    leader.start()
    assert work.started.wait(10)
    child = os.fork()
    if child == 0:
        try:
            runs = []
            forgotten = not work.flight.busy
            work.flight.run(lambda: runs.append(1), needed=lambda: True)
            os._exit(0 if forgotten and runs == [1] else 1)
        finally:
            os._exit(2)
    deadline = time.monotonic() + 10
    status = None
    while status is None and time.monotonic() < deadline:
        ended, code = os.waitpid(child, os.WNOHANG)
        status = code if ended else time.sleep(0.01)
    if status is None:
        os.kill(child, 9)
        os.waitpid(child, 0)
    work.may_end.set()
    leader.join(10)
    assert status is not None, "the child waits for a thread of its parent"
    assert os.waitstatus_to_exitcode(status) == 0
