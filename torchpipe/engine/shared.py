"""`Shared`: what all threads of a run have in common."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace

from torchpipe.engine.telemetry.gpu import Gpus
from torchpipe.engine.telemetry.recording import Recording
from torchpipe.errors import BudgetExceeded
from torchpipe.graph.policy import Skip


@dataclass(frozen=True)
class DeadLetter:
    """An item that was skipped because a cell failed on it.

    Attributes:
        cell: The path of the cell.
        clone: The clone, as text.
        epoch: The epoch, from 0.
        item: The item's number in that epoch.
        error: What the cell raised.
    """

    cell: str
    clone: str
    epoch: int
    item: int
    error: BaseException

    def holding(self, error: BaseException) -> DeadLetter:
        """The same letter, with this error."""
        return replace(self, error=error)


class Shared:
    """What all threads of a run have in common.

    Attributes:
        seed: The run's seed.
        epoch: The current epoch, from 0.
        dead_letters: The last skipped items, at most 1,000.
        recordings: Who is told of each call; never changed, but replaced.
        gpus: The GPUs that they work on.
        skipped: How many items were skipped at each cell that may skip any, by path.
        seen: How many such a cell has taken.
    """

    def __init__(self, seed: int):
        self.seed = seed
        self.epoch = 0
        self.dead_letters: deque[DeadLetter] = deque(maxlen=1000)
        self.gpus = Gpus()
        self.skipped: dict[str, int] = {}
        self.seen: dict[str, int] = {}
        self.lock = threading.Lock()
        self.recordings: tuple[Recording, ...] = ()

    def skip(self, letter: DeadLetter, skip: Skip) -> None:
        """Record a dead letter.

        Raises:
            BudgetExceeded: There were too many.
        """
        path = letter.cell
        with self.lock:
            self.dead_letters.append(letter)
            self.skipped[path] = self.skipped.get(path, 0) + 1
            skipped, seen = self.skipped[path], self.seen.get(path, 0)
        if skip.exceeded(skipped, seen):
            raise BudgetExceeded(
                f"{path} failed on {skipped} of {seen} items, and its budget is {skip.budget}. "
                f"Mend the cause below, or raise tp.Skip(budget=...)."
            ) from letter.error
