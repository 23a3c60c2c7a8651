"""`Sink`: writes what passes, and completes it at the end of the stream."""

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torchpipe as tp


class Writer(Protocol):
    """What a sink writes with; it has a method `write` too, which takes what the sink is given."""

    def close(self) -> None:
        """Completes what was written; then it appears under its name."""

    def discard(self) -> None:
        """Leaves nothing behind, unless it was closed; harmless if called again."""


class Sink(tp.Cell):
    """Writes what passes.

    What is written appears at the end of the stream, when it is whole: an error, a `break` or
    Ctrl-C leaves nothing behind. It is not saved with a run: one that goes on writes the rest.

    A subclass says in `open` what it writes with, and what it takes in `forward`, which calls
    `write`.

    Args:
        target: The file or folder to write.
        overwrite: Whether it may replace one that exists.

    Attributes:
        keep: Asked where a run ends early: whether what was written so far is to be completed
            nevertheless. By default it isn't.
    """

    stateful = True
    _writer: Any = None

    def __init__(self, target: str | Path, overwrite: bool = False):
        super().__init__()
        self.target, self.overwrite = target, overwrite
        self.keep: Callable[[], bool] = _never

    @abstractmethod
    def open(self) -> Writer:
        """Returns what to write with, from the start."""

    def write(self, *items: Any) -> None:
        """Hands what the sink was given to its writer."""
        self._writer.write(*items)

    def reset(self) -> None:
        self._end(complete=False)
        self._writer = self.open()

    def finish(self) -> None:
        self._end(complete=True)

    def teardown(self) -> None:
        self._end(complete=self.keep())

    def _end(self, complete: bool) -> None:
        writer, self._writer = self._writer, None
        if writer is None:  # it has ended, or never began
            return
        try:
            if complete:
                writer.close()
        finally:
            writer.discard()

    def state_dict(self) -> dict[str, Any]:
        return {}


def _never() -> bool:
    return False
