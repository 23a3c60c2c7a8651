"""A soak: random pipelines live random lives, and everything is counted.

    python -m tests.stress.soak --items 1000000
    python -m tests.stress.soak --kind ray --items 50000

Prints one line of JSON. A life that fails is told with its seed; `--first SEED --items 1` repeats
it.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression
from typing import Any

from tests.conftest import descriptors
from tests.engine.made import torchpipe_threads
from tests.ray.conftest import hosts
from tests.stress.figures import Figures
from tests.stress.kinds import Kind, mixed, processes, threads
from tests.stress.lives import Life
from tests.stress.test_long_streams import resident

KINDS: dict[str, Kind] = {"thread": threads, "ray": processes, "mixed": mixed}
LIFE = {"thread": 10_000, "ray": 2_000, "mixed": 2_000}
"""Results of one life: starting processes takes its time."""


@dataclass
class Soak:
    """The figures of many lives, and what the process held after each of them.

    Attributes:
        held: After each life: results so far, resident bytes.
    """

    figures: Figures = field(default_factory=Figures)
    lives: int = 0
    held: list[tuple[int, int]] = field(default_factory=list)

    def live(self, life: Life, results: int) -> None:
        """One life more."""
        self.figures.add(life.live(results))
        self.lives += 1

    def look(self) -> None:
        """Note what is held, and fail if a thread or process of a run is left."""
        gc.collect()
        self.held.append((self.figures.items, resident()))
        assert (torchpipe_threads(), hosts()) == ([], [])

    @property
    def slope(self) -> float:
        """Bytes by which resident memory grows for each item, in the second half of the lives."""
        warm = self.held[len(self.held) // 2 :]
        return linear_regression(*zip(*warm, strict=True)).slope if len(warm) > 2 else 0.0


def soak(kind: str, items: int, first: int = 0) -> dict[str, Any]:
    """Live until so many results were taken, one seed after the other."""
    done, seed = Soak(), first
    with cluster(kind), tempfile.TemporaryDirectory() as folder:
        files = None
        while done.figures.items < items:
            try:
                done.live(Life(seed, KINDS[kind], Path(folder), 3_000), LIFE[kind])
            except BaseException as error:
                error.add_note(f"in life {seed}: repeat it with --kind {kind} --first {seed}")
                raise
            done.look()
            files = len(descriptors()) if files is None else files
            seed += 1
        left = max(0, len(descriptors()) - files)
    told = {"lives": done.lives, "bytes_per_item": round(done.slope, 2), "files_left": left}
    return {**done.figures.told(), **told, "threads_left": len(torchpipe_threads())}


@contextmanager
def ray_cluster() -> Iterator[None]:
    """A small Ray cluster of our own."""
    import ray

    ray.init(address="local", num_cpus=8, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def cluster(kind: str) -> AbstractContextManager[None]:
    """What the clones of a kind need."""
    return nullcontext() if kind == "thread" else ray_cluster()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kind", choices=KINDS, default="thread")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first life")
    asked = parser.parse_args()
    print(json.dumps(soak(asked.kind, asked.items, asked.first)))


if __name__ == "__main__":
    main()
