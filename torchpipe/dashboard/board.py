"""`Board`: what those who run a pipeline and those who look at it tell each other."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from typing import Any

from torchpipe.engine.run import Run


class Board:
    """One run, and how it goes.

    Attributes:
        run: The run.
        pausable: Whether somebody takes its results through `results`, and so can wait.
        finished: Whether its results have come to an end.
        failure: The traceback of the error that ended it, as text, or None.
    """

    def __init__(self, run: Run):
        self.run = run
        self.pausable = self.finished = False
        self.failure: str | None = None
        self._goes_on = threading.Event()
        self._goes_on.set()

    @property
    def state(self) -> str:
        """One of "running", "paused", "finished", "stopped", "failed"."""
        if self.failure is not None:
            return "failed"
        if self.finished:
            return "finished"
        if self.run.stopped:
            return "stopped"
        return "running" if self._goes_on.is_set() else "paused"

    def results(self) -> Iterator[Any]:
        """The results of the run; between two of them it waits as long as the page says so.

        Meanwhile the cells fill the window, and then wait as for any slow consumer.
        """
        self.pausable = True
        for result in self.run:
            yield result
            self._goes_on.wait()
        self.pausable, self.finished = False, True

    def pause(self) -> None:
        """Take no further result."""
        self._goes_on.clear()

    def resume(self) -> None:
        """Take results again."""
        self._goes_on.set()

    def failed(self, error: BaseException) -> None:
        """This error ended the run."""
        self.pausable = False
        self.failure = "".join(traceback.format_exception(error))
