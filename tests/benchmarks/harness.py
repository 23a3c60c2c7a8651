"""How a benchmark is measured: each contender once per round, in a process of its own.

A round runs the contenders one after the other (A B C, A B C, ...), so that a machine that slows
down slows all of them; ratios are taken within a round, and their median is reported.
"""

import gc
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Measurement = dict[str, float]
Measure = Callable[[], Measurement]

ROOT = Path(__file__).parents[2]
TIMEOUT = 120.0


@dataclass(frozen=True)
class Asked:
    """A figure to reach: a contender's, or its relation to that of another in the same round.

    Attributes:
        sense: "at most" or "at least".
        over: the contender to divide by, if any.
        beyond: the contender to subtract, if any.
        key: which figure of the measurement.
    """

    contender: str
    sense: str
    limit: float
    over: str = ""
    beyond: str = ""
    key: str = "value"

    def reached(self, figure: float) -> bool:
        """Tell whether `figure` is on the right side of the limit."""
        return figure <= self.limit if self.sense == "at most" else figure >= self.limit


@dataclass(frozen=True)
class Benchmark:
    """One question, and those who answer it.

    Attributes:
        contenders: what each of them runs, in the order of a round; it gives at least a "value".
        ours: the contender that the others are compared with.
    """

    name: str
    title: str
    unit: str
    contenders: dict[str, Measure]
    asked: tuple[Asked, ...] = ()
    ours: str = "torchpipe"


@dataclass
class Outcome:
    """What the rounds gave: a measurement per round and contender, or why there is none.

    Attributes:
        others: For each measurement, how many cores other programs kept busy meanwhile.
    """

    benchmark: Benchmark
    rounds: list[dict[str, Measurement]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    others: list[float] = field(default_factory=list)

    def figures(self, contender: str, key: str = "value") -> list[float]:
        """Return one figure per round."""
        return [r[contender][key] for r in self.rounds if key in r.get(contender, ())]

    def ratio(self, contender: str, other: str) -> float | None:
        """Return the median of the ratios taken within each round."""
        return middle(
            [r[contender]["value"] / r[other]["value"] for r in self.with_both(contender, other)]
        )

    def difference(self, contender: str, other: str) -> float | None:
        """Return the median of the differences taken within each round."""
        return middle(
            [r[contender]["value"] - r[other]["value"] for r in self.with_both(contender, other)]
        )

    def with_both(self, contender: str, other: str) -> list[dict[str, Measurement]]:
        """Return the rounds that have a figure of both contenders, and one to divide by."""
        return [r for r in self.rounds if contender in r and other in r and r[other]["value"]]

    def answer(self, asked: Asked) -> float | None:
        """Return the figure reached where one was asked for; None if it was not measured."""
        if asked.over:
            return self.ratio(asked.contender, asked.over)
        if asked.beyond:
            return self.difference(asked.contender, asked.beyond)
        return middle(self.figures(asked.contender, asked.key))


def middle(figures: list[float]) -> float | None:
    """Return the median, or None if there are no figures."""
    return statistics.median(figures) if figures else None


def run_rounds(benchmark: Benchmark, rounds: int, tell: Callable[[str], None]) -> Outcome:
    """Measure every contender `rounds` times, interleaved; one that failed is not tried again."""
    outcome = Outcome(benchmark)
    for number in range(rounds):
        results: dict[str, Measurement] = {}
        for contender in benchmark.contenders:
            if contender not in outcome.missing:
                tell(f"{benchmark.name}: round {number + 1} of {rounds}, {contender}")
                with Others(outcome.others):
                    reply = measure_apart(benchmark.name, contender)
                take(outcome, contender, results, reply)
        outcome.rounds.append(results)
    return outcome


def take(
    outcome: Outcome, contender: str, results: dict[str, Measurement], reply: dict[str, Any]
) -> None:
    """File the reply of a measuring process under this round's results or under what is missing."""
    if "missing" in reply:
        outcome.missing[contender] = reply["missing"]
    else:
        results[contender] = reply


def measure_apart(benchmark: str, contender: str) -> dict[str, Any]:
    """Run one contender once in a fresh process and return its measurement, or {"missing": why}."""
    command = [sys.executable, "-W", "ignore", "-m", __package__, "--measure", benchmark, contender]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return {"missing": f"failed: no answer within {TIMEOUT:.0f} s"}
    lines = output.splitlines()
    if process.returncode or not lines:
        return {"missing": f"failed: {(errors.splitlines() or ['no output'])[-1]}"}
    reply: dict[str, Any] = json.loads(lines[-1])
    return reply


class Others:
    """A `with` block that finds out how many cores other programs keep busy meanwhile, on Linux.

    That is the CPU time that the machine spent, less what the processes measured here spent.
    """

    def __init__(self, found: list[float]):
        self.found = found

    def __enter__(self) -> None:
        self.start, self.spent = time.monotonic(), self.spent_by_others()

    def __exit__(self, *_exception: object) -> None:
        elapsed = time.monotonic() - self.start
        self.found.append((self.spent_by_others() - self.spent) / elapsed)

    @staticmethod
    def spent_by_others() -> float:
        """Return CPU seconds so far; 0 where the system does not tell."""
        stat = Path("/proc/stat")
        if not stat.exists():
            return 0.0
        user, nice, system = map(int, stat.read_text().split()[1:4])
        own = os.times()
        total = (user + nice + system) / os.sysconf("SC_CLK_TCK")
        return total - own.user - own.system - own.children_user - own.children_system


def measure_here(benchmark: Benchmark, contender: str) -> dict[str, Any]:
    """Run one contender once in this process; a missing module is an answer, not an error."""
    try:
        return dict(benchmark.contenders[contender]())
    except ModuleNotFoundError as error:
        if str(error.name).startswith("torchpipe"):
            raise
        return {"missing": f"not installed ({error})"}


def seconds(consume: Callable[[int], Any], items: int, *, prepare: bool = True) -> float:
    """Return how long `consume(items)` takes.

    Args:
        consume: Runs its whole stream: build, start, every item. It returns the last result.
        prepare: Whether a short run first loads what is loaded at the first use.
    """
    if prepare:
        consume(64)
    gc.collect()
    start = time.perf_counter()
    last = consume(items)
    elapsed = time.perf_counter() - start
    if last is None:
        raise RuntimeError("cannot measure a stream without a last result.")
    return elapsed


def last_of(stream: Iterable[Any]) -> Any:
    """Consume `stream` as a user's loop would and return its last item."""
    last = None
    for last in stream:  # noqa: B007 (the loop is what is measured)
        pass
    return last


def last_in_order(stream: Iterable[int]) -> int | None:
    """Consume a stream of item numbers and return the last; raise if it is not 0, 1, 2, ..."""
    expected = -1
    for expected, number in enumerate(stream):
        if number != expected:
            raise RuntimeError(f"item {number} came where item {expected} was due: not ordered.")
    return expected


def numbers(items: int) -> Iterator[int]:
    """The source of most benchmarks: 0, 1, 2, ..."""
    yield from range(items)
