"""The cells of the ten cases; clones in other processes import them from here."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from select import select
from typing import Any, Self

import torchpipe as tp
from tests.steps import mix


def kill() -> None:
    """As the system does when memory is short, or an operator."""
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    """As a library does that gives up: exit code 0, and not a word."""
    os._exit(0)


def abort() -> None:
    """As native code does that finds itself broken."""
    os.abort()


DEATHS: tuple[Callable[[], None], ...] = (kill, leave, abort)


class Told:
    """Something that any process tells, and this one waits for: a named pipe that nobody reads."""

    def __init__(self, path: Path):
        os.mkfifo(path)
        self.path, self.home = str(path), os.getpid()
        self._end = os.open(path, os.O_RDWR)  # held, or what is told would be gone with its teller

    def tell(self) -> None:
        """It has happened; more than once is as good as once."""
        end = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        os.write(end, b".")
        os.close(end)

    def wait(self) -> None:
        """Wait until it has; the deadline is for a test that fails."""
        ready, _, _ = select([self._end], [], [], 100)
        assert ready, f"nobody told {self.path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._end)


class Mortal(tp.Cell):
    """Its process dies at the first item of each ten that it gets; the folder remembers which.

    In the process where `told` was made nothing dies: a call waits there until one died elsewhere.
    """

    def __init__(self, death: Callable[[], None], folder: Path, told: Told, start: int, stop: int):
        self.death, self.folder, self.told = death, folder, told
        self.start, self.stop = start, stop

    def forward(self, x: int) -> int:
        if self.start <= x < self.stop:
            if os.getpid() == self.told.home:
                self.told.wait()
            elif marked(self.folder / str(x // 10)):
                self.told.tell()
                self.death()
        return x


def marked(file: Path) -> bool:
    """Make the file; whether it was not there."""
    try:
        file.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class Ends(tp.Cell):
    """A call ends at one item in the way that `end` says."""

    def __init__(self, at: int, end: Callable[[], Any]):
        self.at, self.end = at, end

    def forward(self, x: int) -> int:
        if x == self.at:
            self.end()
        return x


def exit_quietly() -> None:
    sys.exit(0)


def ask_for_too_much() -> None:
    bytearray(2**62)


class Sticks(tp.Cell):
    """No call returns; it is told that there is one."""

    def __init__(self, told: Told):
        self.told = told

    def forward(self, x: int) -> int:
        self.told.tell()
        threading.Event().wait()
        return x


class Numbers(tp.Cell):
    """Counts; tells in how many items it was asked for, and when it has given `told`."""

    def __init__(self, count: int, told: int = -1):
        self.count, self.told, self.given = count, told, threading.Event()

    def forward(self) -> Iterator[int]:
        for number in range(self.count):
            if number == self.told:
                self.given.set()
            yield number


class Mix(tp.Cell):
    def forward(self, x: int) -> int:
        return mix(x)


class Join(tp.Cell):
    def forward(self, x: int, y: int) -> int:
        return mix(x, y)


class Together(tp.Cell):
    """Takes several items in a call."""

    batching = tp.Batching(4, max_wait=0.001)

    def forward(self, x: int) -> int:
        return mix(x, 3)

    def forward_batch(self, items: list[tuple[int]]) -> list[int]:
        return [mix(x, 3) for (x,) in items]


class Odd(tp.Cell):
    filters = True

    def forward(self, x: int) -> int:
        return x if x % 2 else tp.HOLE


class Jitter(tp.Cell):
    """Takes a while that depends on the item: the first longest, then now and then a long one."""

    def forward(self, x: int) -> int:
        long = 400_000 if x == 0 else 20_000 if self.seed % 100 == 0 else 200
        for _ in range(self.seed % long):
            pass
        return x


class Total(tp.Cell):
    """The sum of all items so far, as something that any mistake in order changes."""

    stateful = True

    def reset(self) -> None:
        self.total = 0.5

    def forward(self, x: Any) -> float:
        self.total = (self.total * 31 + 0.1 * x) % 1000
        return self.total

    def state_dict(self) -> dict[str, float]:
        return {"total": self.total}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.total = state["total"]


class Detect(tp.Cell):
    """Finds nothing in every third frame."""

    filters = True

    def forward(self, frame: int) -> int:
        return tp.HOLE if frame % 3 == 0 else mix(frame)


class Elsewhere(tp.Cell):
    """Does something in every process but the one where `told` was made; that waits for another."""

    def __init__(self, does: Callable[[], Any], told: Told):
        self.does, self.told = does, told

    def forward(self, x: Any) -> Any:
        if os.getpid() != self.told.home:
            self.told.tell()
            return self.does()
        self.told.wait()
        return x


class FailsToStart(tp.Cell):
    """Its setup fails, in other processes or in all."""

    def __init__(self, everywhere: bool):
        self.home = None if everywhere else os.getpid()

    def setup(self, clone: tp.Clone) -> None:
        if os.getpid() != self.home:
            raise OSError("no weights here")

    def forward(self, x: int) -> int:
        return x


class DiesAtTheEnd(tp.Cell):
    """Its process is killed while it is torn down."""

    def __init__(self) -> None:
        self.home = os.getpid()

    def forward(self, x: int) -> int:
        return x

    def teardown(self) -> None:
        if os.getpid() != self.home:
            kill()


class KeeperDies(DiesAtTheEnd):
    stateful = True


class Unpicklable(Exception):
    """An error that holds what no process can send."""

    def __init__(self, text: str, lock: Any = None):
        super().__init__(text)
        self.lock = threading.Lock()
