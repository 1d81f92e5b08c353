"""Time the cases of a row against its floor: in turns, in short batches, in random order, on their own CPU time.

A machine is never quiet. What disturbs one case disturbs its neighbours in the same round too: so the figure of a case
is the median, over the rounds, of its ratio to the floor in the same round. `pyperf` keeps the values and says what
machine they come from; `python -m pyperf compare_to` compares two files of them.
"""

from __future__ import annotations

import gc
import random
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyperf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Row = Mapping[str, Callable[[], object]]
    """The cases of a row; the first is the floor."""

BATCH = 0.002
"""Seconds of CPU time that a case has before the next one takes its turn."""


@dataclass(frozen=True)
class Figure:
    """What a case costs.

    Attributes:
        values: one a round, in `unit`.
        ratio: to the floor: median of the ratios of each round.
        unit: `second`, `byte`.

    """

    values: tuple[float, ...]
    ratio: float
    unit: str

    @property
    def median(self) -> float:
        """The middle of the values."""
        return statistics.median(self.values)

    def kept(self, name: str) -> pyperf.Benchmark:
        """Return it as `pyperf` keeps it."""
        run = pyperf.Run(self.values, metadata={"name": name, "unit": self.unit, "ratio": f"{self.ratio:.3f}"})
        return pyperf.Benchmark([run])


def figures(values: Mapping[str, list[float]], unit: str = "second") -> dict[str, Figure]:
    """Return the figure of each case, the first of which is the floor."""
    floor = next(iter(values.values()))
    return {
        name: Figure(tuple(own), statistics.median(v / f for v, f in zip(own, floor, strict=True)), unit)
        for name, own in values.items()
    }


def take_turns(row: Row, rounds: int) -> dict[str, Figure]:
    """Return seconds per call."""
    batches = {name: _batch(case) for name, case in row.items()}
    values: dict[str, list[float]] = {name: [] for name in row}
    collecting = gc.isenabled()
    gc.disable()  # its pauses hit whoever comes by
    try:
        for _ in range(rounds):
            for name in random.sample(list(row), len(row)):
                values[name].append(_seconds(row[name], batches[name]) / batches[name])
            gc.collect(0)
    finally:
        if collecting:
            gc.enable()
    return figures(values)


def _seconds(case: Callable[[], object], calls: int) -> float:
    turns = range(calls)
    start = time.thread_time()
    for _ in turns:
        case()
    return time.thread_time() - start


def _batch(case: Callable[[], object]) -> int:
    case()  # the first call imports, and makes what the others find made
    calls = 1
    while (spent := _seconds(case, calls)) < BATCH / 4:
        calls *= 4
    return max(1, int(calls * BATCH / spent))


def starts(row: Mapping[str, str], rounds: int) -> dict[str, Figure]:
    """Return the CPU seconds of a Python that runs each statement, less those of one that runs none."""

    def cpu(statement: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", statement], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    values: dict[str, list[float]] = {name: [] for name in row}
    for round_ in range(rounds + 1):
        empty = cpu("pass")
        for name in random.sample(list(row), len(row)):
            spent = cpu(row[name]) - empty
            if round_:  # the first one reads files that the others find in memory
                values[name].append(spent)
    return figures(values)
