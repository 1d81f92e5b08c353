"""What a fleet asks of an Authorization Server that is down: a simulation, with the pauses of the library itself.

    python benchmarks/fleet.py                # 10,000 workers, ten minutes of outage: about half a minute
    python benchmarks/fleet.py --workers 1000 --outage 120

Every worker calls its API once a second. All their tokens expire when the outage begins, which is the worst case. An
attempt ends in a failure after 5 ms when connections are refused, after 10 s when nobody answers. Requests are counted
while the server is down, and after it is back, until every worker has a token.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from requests_oauth2client import refusals
from requests_oauth2client.endpoint import DEFAULT_TIMEOUT
from requests_oauth2client.token_store import LOCK_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER = 0.02
"""Seconds in which a server that is up answers."""


class Strategy(NamedTuple):
    """What workers do."""

    name: str
    remembers: bool
    jitter: bool
    shares: bool


STRATEGIES = (
    Strategy("each call asks", remembers=False, jitter=False, shares=False),
    Strategy("failures remembered", remembers=True, jitter=False, shares=False),
    Strategy("and jitter", remembers=True, jitter=True, shares=False),
    Strategy("and a shared store", remembers=True, jitter=True, shares=True),
)


class Fleet:
    """Workers, their server and their store, in simulated time."""

    def __init__(self, strategy: Strategy, workers: int, outage: float, failure: float) -> None:
        """Set all workers to call within the first second."""
        self.strategy, self.outage, self.failure = strategy, outage, failure
        self.now = 0.0
        self.requests: Counter[int] = Counter()
        self.waiting = workers
        self.stored = False
        self.free_at = 0.0  # when the lock of the store is free
        self.note = refusals.Pause()  # what the store tells of the last failure
        self.pauses = [refusals.Pause() for _ in range(workers)]
        # the worker, and what it does then
        self.agenda = [(random.random(), worker, "call") for worker in range(workers)]
        heapq.heapify(self.agenda)

    def run(self) -> None:
        """Let time pass until every worker has a token."""
        refusals.monotonic = lambda: self.now
        refusals.JITTER = 0.25 if self.strategy.jitter else 0.0
        while self.waiting:
            self.now, worker, step = heapq.heappop(self.agenda)
            getattr(self, f"_{step}")(worker)

    def _plan(self, delay: float, worker: int, step: str) -> None:
        heapq.heappush(self.agenda, (self.now + delay, worker, step))

    def _call(self, worker: int) -> None:
        """Call the API: with the stored token, or by asking for one, unless it is too early."""
        left = self.pauses[worker].left
        if self.stored:
            self.waiting -= 1
        elif left > 0:
            # calls before the end of the pause send nothing; with a store, they look there
            calls = 1 if self.strategy.shares and self.now + left > self.outage else int(left) + 1
            self._plan(calls, worker, "call")
        elif not self.strategy.shares:
            self._ask(worker)
        else:
            self._plan(0.0, worker, "queue")

    def _queue(self, worker: int) -> None:
        """Wait for the lock of the store, then read again: a token, or the note of a failure."""
        if self.stored:
            self.waiting -= 1
        elif self.free_at > self.now:
            self._plan(min(self.free_at - self.now, LOCK_TIMEOUT), worker, "queue")
        elif self.note.left > 0:
            self.pauses[worker].last(self.note.left)
            self._plan(1.0, worker, "call")
        else:
            self.free_at = self.now + self._duration()
            self._ask(worker)

    def _duration(self) -> float:
        return ANSWER if self.now >= self.outage else self.failure

    def _ask(self, worker: int) -> None:
        """Send a token request."""
        self.requests[int(self.now)] += 1
        self._plan(self._duration(), worker, "answered" if self.now >= self.outage else "failed")

    def _answered(self, _: int) -> None:
        self.waiting -= 1
        self.stored = self.strategy.shares

    def _failed(self, worker: int) -> None:
        if self.strategy.shares:
            self.note.begin(refusals.OUTAGE, free=refusals.FREE_FAILURES)
            self.pauses[worker].last(max(self.note.left, 0.0))
        elif self.strategy.remembers:
            self.pauses[worker].begin(refusals.OUTAGE, free=refusals.FREE_FAILURES)
        self._plan(1.0, worker, "call")

    def figures(self) -> tuple[float, int, int, float]:
        """Return requests a second in the outage, the most in a second of its later part, those after it, its end."""
        during = {second: count for second, count in self.requests.items() if second < self.outage}
        after = sum(self.requests.values()) - sum(during.values())
        later = max((count for second, count in during.items() if second >= self.outage / 5), default=0)
        return sum(during.values()) / self.outage, later, after, self.now - self.outage


def rows(workers: int, outage: float) -> Iterator[str]:
    """Simulate everything, and make the lines of a table."""
    yield "| the server | workers | requests a second | later, at most | requests afterwards | all have one after |"
    yield "|---|---|---|---|---|---|"
    for failing, failure in (("refuses connections", 0.005), ("does not answer", DEFAULT_TIMEOUT)):
        for strategy in STRATEGIES:
            random.seed(1)
            fleet = Fleet(strategy, workers, outage, failure)
            fleet.run()
            mean, peak, after, aftermath = fleet.figures()
            yield f"| {failing} | {strategy.name} | {mean:,.2f} | {peak:,} | {after:,} | {aftermath:.1f} s |"


def main() -> None:
    """Simulate, and print a table."""
    parser = argparse.ArgumentParser(description="What a fleet asks of an Authorization Server that is down.")
    parser.add_argument("--workers", type=int, default=10_000)
    parser.add_argument("--outage", type=float, default=600.0, help="seconds for which the server is down")
    options = parser.parse_args()
    for row in rows(options.workers, options.outage):
        print(row, flush=True)


if __name__ == "__main__":
    main()
