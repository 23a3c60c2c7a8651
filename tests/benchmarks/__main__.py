"""Run the benchmarks: `python -m tests.benchmarks [--only NAME]... [--rounds N] [--json FILE]`.

Everything takes about half an hour at five rounds, two thirds of it with Ray. Peers come with
`pip install '.[benchmarks]' 'setuptools<81'` (pypeln needs that one); those that are missing are
shown as such.
"""

import argparse
import fnmatch
import json
import sys
from pathlib import Path

from tests.benchmarks.association import TRACK_BYTETRACK, TRACK_OCSORT, TRACK_SORT
from tests.benchmarks.autoscale import AUTOSCALE
from tests.benchmarks.chain import CHAIN
from tests.benchmarks.feed import (
    FEED,
    FEED_FIRST,
    FEED_MEMORY,
    FEED_STALL,
    FEED_STOP,
    FEED_TURN,
)
from tests.benchmarks.gpu import GPU_SCORES, GPU_STALL
from tests.benchmarks.harness import measure_here, run_rounds
from tests.benchmarks.idle import IDLE
from tests.benchmarks.imports import IMPORT
from tests.benchmarks.memory import MEMORY
from tests.benchmarks.modules import MODULE, MODULE_BATCHED, TWO_CLONES
from tests.benchmarks.oracle import ORACLE
from tests.benchmarks.page import PAGE_CLONE, PAGE_CPU, PAGE_VIEWER
from tests.benchmarks.ray_busy import RAY_BUSY
from tests.benchmarks.ray_faults import RAY_FAULTS
from tests.benchmarks.ray_frames import RAY_FRAMES
from tests.benchmarks.ray_idle import RAY_IDLE
from tests.benchmarks.ray_network import RAY_NETWORK
from tests.benchmarks.ray_stages import RAY_STAGES
from tests.benchmarks.ray_trivial import RAY_TRIVIAL
from tests.benchmarks.ray_weights import RAY_WEIGHTS
from tests.benchmarks.report import as_json, machine, table
from tests.benchmarks.serving import SERVE_ECHO, SERVE_SCORE
from tests.benchmarks.skip import SKIP, SKIP_TRIVIAL
from tests.benchmarks.sleeps import EVEN, UNEVEN
from tests.benchmarks.stop import STOP
from tests.benchmarks.tracking import TRACKING
from tests.benchmarks.trivial import TRIVIAL

SPEED = (CHAIN, TRIVIAL, EVEN, UNEVEN, SKIP, SKIP_TRIVIAL, MODULE, MODULE_BATCHED, TWO_CLONES)
RESOURCES = (MEMORY, IDLE, STOP, IMPORT)
TRAINING = (FEED, FEED_FIRST, FEED_TURN, FEED_STALL, FEED_MEMORY, FEED_STOP)
RECIPES = (TRACK_SORT, TRACK_BYTETRACK, TRACK_OCSORT, TRACKING)
REPORTS = (ORACLE, AUTOSCALE, PAGE_CLONE, PAGE_VIEWER, PAGE_CPU)
SERVING = (SERVE_ECHO, SERVE_SCORE)
ON_GPU = (GPU_SCORES, GPU_STALL)
PROCESSES = (
    RAY_BUSY,
    RAY_TRIVIAL,
    RAY_FRAMES,
    RAY_NETWORK,
    RAY_STAGES,
    RAY_IDLE,
    RAY_WEIGHTS,
    RAY_FAULTS,
)
ALL = {
    benchmark.name: benchmark
    for group in (SPEED, RESOURCES, REPORTS, TRAINING, RECIPES, SERVING, PROCESSES, ON_GPU)
    for benchmark in group
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help=f"one of {', '.join(ALL)}, or a pattern such as 'ray-*'; may be repeated",
    )
    parser.add_argument("--rounds", type=int, default=5, help="measurements per contender (5)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def named(patterns: list[str]) -> list[str]:
    """Return the names that fit one of the patterns; without patterns, all of them."""
    for pattern in patterns:
        if not fnmatch.filter(ALL, pattern):
            raise SystemExit(f"no benchmark is called {pattern!r}: there are {', '.join(ALL)}.")
    return [name for name in ALL if any(fnmatch.fnmatch(name, each) for each in patterns or "*")]


def tell(progress: str) -> None:
    """Show where the run is, on one line of a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{progress}", end="", file=sys.stderr, flush=True)


def run_all(names: list[str], rounds: int) -> dict[str, object]:
    """Run the benchmarks, print each table as it is ready, and return everything for JSON."""
    described = machine()
    print(", ".join(f"{key} {value}" for key, value in described.items()), flush=True)
    outcomes = []
    for name in names:
        outcomes.append(run_rounds(ALL[name], rounds, tell))
        tell("")
        print(f"\n{table(outcomes[-1])}", flush=True)
    return {"machine": described, "rounds": rounds, "benchmarks": [*map(as_json, outcomes)]}


def main() -> None:
    given = arguments()
    if given.measure:
        benchmark, contender = given.measure
        print(json.dumps(measure_here(ALL[benchmark], contender)))
        return
    names = named(given.only)
    if given.json:
        given.json.touch()  # a path that cannot be written is told now, not in ten minutes
    figures = run_all(names, given.rounds)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
