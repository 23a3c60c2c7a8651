"""`Rescaling`: another thread changes the clones of a run for as long as a block lasts."""

from __future__ import annotations

import random
import threading
from typing import Self

import torchpipe as tp
from tests.engine.made import Background
from tests.stress.kinds import Kind


class Rescaling:
    """Gives a cell other numbers of clones, one after the other.

    Args:
        run: The run.
        kind: The kind of clones.
        paths: The cells.
        most: Most clones of each.
        seed: Decides which cell gets how many.

    Attributes:
        changes: How often that was done.
    """

    def __init__(self, run: tp.Run, kind: Kind, *paths: str, most: int = 6, seed: int = 7):
        self.run, self.kind, self.paths, self.most = run, kind, paths, most
        self.random, self.over, self.changes = random.Random(seed), threading.Event(), 0

    def _go_on(self) -> None:
        while not self.over.is_set():
            clones = self.kind(self.random.randint(1, self.most))
            self.run.scale(self.random.choice(self.paths), clones)
            self.changes += 1

    def __enter__(self) -> Self:
        self.thread = Background(self._go_on)
        return self

    def __exit__(self, *_error: object) -> None:
        self.over.set()
        self.thread.future.result(60)
        self.thread.thread.join()
