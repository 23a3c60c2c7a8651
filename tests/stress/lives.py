"""A life of a run: all that can happen to it, at random, and its clones killed meanwhile."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from tests.engine.made import Background
from tests.ray.conftest import hosts
from tests.stress.drawn import Drawn
from tests.stress.figures import Figures
from tests.stress.kinds import RAY, Kind

MOST = 1_000
"""Faults in a life: some pipelines give nothing at all."""


class Life:
    """A random pipeline, and all that can happen to it, against what a plain loop gives.

    Args:
        seed: Decides on the pipeline, and on everything that happens.
        kind: The kind of its clones.
        folder: Where it is saved.
        items: The items of its sources in an epoch.
    """

    def __init__(self, seed: int, kind: Kind, folder: Path, items: int):
        self.pick, self.kind, self.file = random.Random(seed), kind, folder / f"life {seed}"
        self.figures = Figures()
        self.drawn = Drawn(self.pick, items)
        self.epoch = self.at = 0
        self.weight = 1
        self.start()

    def start(self) -> None:
        """Start a run, on other clones and with another window than the last one had."""
        count = self.pick.randint(0, 2)
        pipeline = self.drawn.made(lambda clones: self.kind(max(1, clones - 1 + count)))
        self.run = pipeline.run(window=self.pick.choice((1, 4, 64, None)))
        definitions = self.run._definitions
        scaled = {clone.path for clone in self.run.statistics() if clone.scaled}
        self.scaled = sorted(p for p in scaled if not getattr(definitions.get(p), "stateful", 0))

    def live(self, results: int) -> Figures:
        """Take so many results, while things happen; what goes wrong is raised."""
        events: list[Callable[[], None]] = [
            self.scale, self.scale, self.set, self.set, self.leave, self.leave,
            self.seek, self.save_and_go_back, self.save_and_start_again,
        ]  # fmt: skip
        if self.kind(1) == [RAY]:
            events += [self.kill, self.kill]
        with self:
            while self.figures.items < results and self.figures.faults < MOST:
                self.take(self.pick.choice((0, 1, 10, 300, 1000)))
                self.pick.choice(events)()
                self.figures.faults += 1
        return self.figures

    def __enter__(self) -> None: ...

    def __exit__(self, *_error: object) -> None:
        self.run.stop()
        self.file.unlink(missing_ok=True)

    # -- what happens

    def take(self, count: int) -> None:
        """Take results; at the end of an epoch, go on in the next."""
        wanted = [value * self.weight for value in self.drawn.wanted[self.at : self.at + count]]
        found = list(self.figures.watch(islice(self.run, len(wanted))))
        self.figures.compare(wanted, found)
        self.at += len(wanted)
        if len(wanted) < count:
            self.figures.compare([], self.run)
            self.epoch, self.at = self.epoch + 1, 0
        assert self.run.position.epoch == self.epoch

    def leave(self) -> None:
        """Break out of a loop at its first result."""
        for value in self.run:
            self.figures.compare([self.drawn.wanted[self.at] * self.weight], [value])
            self.figures.items += 1
            self.at += 1
            return
        self.figures.compare([], self.drawn.wanted[self.at :])
        self.epoch, self.at = self.epoch + 1, 0

    def scale(self) -> None:
        """Other clones for one cell, from this thread or another."""
        if self.scaled:
            there = self.pick.choice((call, lambda *asked: Background(*asked).result()))
            path, count = self.pick.choice(self.scaled), self.pick.randint(1, 4)
            there(self.run.scale, path, self.kind(count))

    def set(self) -> None:
        """Another value for a live parameter."""
        self.weight = self.pick.randint(-3, 3)
        self.run.set("weigh.weight", self.weight)

    def seek(self) -> None:
        """Back to the start of an epoch."""
        self.epoch, self.at = self.epoch + 1, 0
        self.run.seek(self.epoch)

    def save_and_go_back(self) -> None:
        """Save, go on, and go back to where it was saved."""
        self.run.save(self.file)
        place = self.epoch, self.at, self.weight
        self.take(self.pick.choice((0, 5, 200)))
        self.run.load(self.file)
        self.epoch, self.at, self.weight = place

    def save_and_start_again(self) -> None:
        """Save, stop, and go on in another run."""
        self.run.save(self.file)
        self.run.stop()
        self.start()
        self.run.load(self.file)

    def kill(self) -> None:
        """A clone's process, at any moment."""
        if alive := hosts():
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(self.pick.choice(alive), signal.SIGKILL)


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)
