"""The cells that tests with Ray share; actors import them from here."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torchpipe as tp

if TYPE_CHECKING:
    import numpy as np


class Count(tp.Cell):
    """Counts to `count`."""

    def __init__(self, count: int):
        self.count = count

    def forward(self) -> Iterator[int]:
        yield from range(self.count)


class Line(tp.Pipeline):
    """Numbers, through one scaled-up cell."""

    def __init__(self, cell: tp.Cell, clones: Any, count: int = 20):
        self.count = Count(count)
        self.cell = tp.ScaleUp(cell, clones)

    def build(self) -> Any:
        return self.cell(self.count())


class Function(tp.Pipeline):
    """One scaled-up cell, as a function of one value."""

    def __init__(self, cell: tp.Cell, clones: Any):
        self.cell = tp.ScaleUp(cell, clones)

    def build(self, value: Any) -> Any:
        return self.cell(value)


class Scale(tp.Cell):
    """Multiplies by a live parameter, adds a config."""

    factor = tp.Parameter(2)
    offset = tp.Config(0)

    def forward(self, value: int) -> int:
        return value * self.factor + self.offset


class Same(tp.Cell):
    def forward(self, value: Any) -> Any:
        return value


class Where(tp.Cell):
    """Tells where it runs."""

    def setup(self, clone: tp.Clone) -> None:
        self.clone = clone

    def forward(self, value: Any) -> Any:
        seen = os.environ.get("CUDA_VISIBLE_DEVICES")
        return os.getpid(), self.clone.device, seen, os.environ.get("MARK")


class Writable(tp.Cell):
    def forward(self, value: np.ndarray) -> np.ndarray:
        return value + 1


class Odd(Exception):
    """An error that cannot be pickled as it is."""

    def __init__(self, number: int, *, why: str):
        super().__init__(f"{number}: {why}")
        self.number = number


class Fails(tp.Cell):
    """Raises for some items."""

    def __init__(self, *numbers: int, kind: str = "value"):
        self.numbers, self.kind = numbers, kind

    def forward(self, value: int) -> int:
        if value in self.numbers:
            if self.kind == "odd":
                raise Odd(value, why="it had to")
            raise ValueError(f"no {value}")
        return value


class FailsTwice(tp.Cell):
    """Raises on the first two calls of an item in a process."""

    on_error = tp.Retry(2)

    def setup(self, clone: tp.Clone) -> None:
        self.calls: dict[int, int] = {}

    def forward(self, value: int) -> int:
        self.calls[value] = self.calls.get(value, 0) + 1
        if self.calls[value] < 3:
            raise ValueError(value)
        return value


class Seeded(tp.Cell):
    def forward(self, value: int) -> int:
        return self.seed


class Total(tp.Cell):
    stateful = True

    def reset(self) -> None:
        self.total = 0

    def forward(self, value: int) -> int:
        self.total += value
        return self.total

    def state_dict(self) -> dict[str, int]:
        return {"total": self.total}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.total = state["total"]


class Refuses(Total):
    """Its state is what `state` gives."""

    def __init__(self, state: Callable[[], Any]):
        self.state = state

    def state_dict(self) -> dict[str, Any]:
        return {"total": self.state()}


def gone() -> None:
    raise OSError("gone")


class Picky(Total):
    """Takes no state."""

    def load_state_dict(self, state: dict[str, int]) -> None:
        raise KeyError("weight")


class Batched(tp.Cell):
    """Tells how many items were in a batch with it; fails as a batch where 13 is in it."""

    batching = tp.Batching(4, max_wait=0.2)

    def forward(self, value: int) -> tuple[int, int]:
        return self.forward_batch([(value,)])[0]

    def forward_batch(self, items: list[tuple[int]]) -> list[tuple[int, int]]:
        if (13,) in items:
            raise ValueError("13")
        return [(value, len(items)) for (value,) in items]


class Short(Batched):
    """Gives one result too few."""

    def forward_batch(self, items: list[tuple[int]]) -> list[tuple[int, int]]:
        return super().forward_batch(items)[1:]


class Both(NamedTuple):
    more: int
    less: int


class TwoPorts(tp.Cell):
    def forward(self, value: int, *, step: int = 1) -> Both:
        return Both(value + step, value - step)


class Dies(tp.Cell):
    """Its process is killed at some items: each time, or once, which a file remembers."""

    def __init__(self, *numbers: int, once: Path | None = None):
        self.numbers, self.once = numbers, once

    def forward(self, value: int) -> int:
        if value in self.numbers and self._may(value):
            os.kill(os.getpid(), signal.SIGKILL)
        return value

    def _may(self, value: int) -> bool:
        if self.once is None:
            return True
        mark = self.once / str(value)
        try:
            mark.touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


class StatefulDies(Dies):
    stateful = True


class DiesTornDown(tp.Cell):
    """Its process is killed before its work is complete."""

    stateful = True

    def forward(self, value: int) -> int:
        return value

    def teardown(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Hangs(tp.Cell):
    """Does not return from an item, once."""

    def __init__(self, number: int, once: Path):
        self.number, self.once = number, once

    def forward(self, value: int) -> int:
        mark = self.once / "hung"
        if value == self.number and not mark.exists():
            mark.touch()
            threading.Event().wait()
        return value


class BrokenSetup(tp.Cell):
    def setup(self, clone: tp.Clone) -> None:
        raise OSError("no weights here")

    def forward(self, value: int) -> int:
        return value


class BrokenTeardown(tp.Cell):
    def teardown(self) -> None:
        raise OSError("cannot close")

    def forward(self, value: int) -> int:
        return value


class Slows(tp.Cell):
    """Takes a tenth of a second from an item on; tells its process."""

    def __init__(self, start: int):
        self.start = start

    def forward(self, value: int) -> int:
        if value >= self.start:
            threading.Event().wait(0.1)
        return os.getpid()


class Numbered(tp.Cell):
    """Numbers what it gets."""

    stateful = True

    def reset(self) -> None:
        self.count = -1

    def forward(self, value: Any) -> int:
        self.count += 1
        return self.count
