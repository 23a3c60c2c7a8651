"""How a benchmark is measured: each contender once per round, in a process of its own.

A round runs the contenders one after the other (A B C, A B C, ...), so that a machine that slows
down slows all of them; ratios are taken within a round, and their median is reported.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.benchmark import Benchmark, Measurement, Missing, Outcome

ROOT = Path(__file__).parents[2]
TIMEOUT = 120.0


def run_rounds(benchmark: Benchmark, rounds: int, tell: Callable[[str], None]) -> Outcome:
    """Measure every contender `rounds` times, interleaved; one that failed is not tried again."""
    outcome = Outcome(benchmark)
    for number in range(rounds):
        results: dict[str, Measurement] = {}
        for contender in benchmark.contenders:
            if contender not in outcome.missing:
                tell(f"{benchmark.name}: round {number + 1} of {rounds}, {contender}")
                with Others(outcome.others):
                    answer = measure_apart(benchmark, contender)
                take(outcome, contender, results, answer)
        outcome.rounds.append(results)
    return outcome


def take(
    outcome: Outcome, contender: str, results: dict[str, Measurement], answer: dict[str, Any]
) -> None:
    """File the answer of a measuring process: a result of this round, or what is missing."""
    if "missing" in answer:
        outcome.missing[contender] = answer["missing"]
    else:
        results[contender] = answer


def measure_apart(benchmark: Benchmark, contender: str) -> dict[str, Any]:
    """Run one contender once in a fresh process and return its measurement, or {"missing": why}."""
    module = [sys.executable, "-W", "ignore", "-m", __package__]
    with subprocess.Popen(
        [*module, "--measure", benchmark.name, contender],
        cwd=ROOT,
        env={**os.environ, **benchmark.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return {"missing": f"failed: no answer within {TIMEOUT:.0f} s"}
        finally:
            if process.poll() is None:  # it hangs, or the user has had enough
                os.killpg(process.pid, signal.SIGKILL)
    return reply(process.returncode, output.splitlines(), errors.splitlines())


def reply(code: int, output: list[str], errors: list[str]) -> dict[str, Any]:
    """Read what a measuring process printed: one line of JSON at the end, or an error."""
    if code or not output:
        return {"missing": f"failed: {errors[-1] if errors else f'exit code {code}'}"}
    measurement: dict[str, Any] = json.loads(output[-1])
    return measurement


def measure_here(benchmark: Benchmark, contender: str) -> dict[str, Any]:
    """Run one contender once in this process; what is missing here is an answer, not an error."""
    try:
        return dict(benchmark.contenders[contender]())
    except Missing as missing:
        return {"missing": str(missing)}
    except ModuleNotFoundError as error:
        if str(error.name).startswith("torchpipe"):
            raise
        return {"missing": f"not installed ({error})"}


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
