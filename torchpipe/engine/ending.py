"""`Ending`: whether a run has ended, and why; and the errors that nobody got yet."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

from torchpipe.errors import Stopped


def stopped_error() -> Stopped:
    """What anyone gets who still wants something of a run that has ended."""
    return Stopped("the run has ended, and what was in it is gone. Start another: pipeline.run().")


class Ending(ABC):
    """How a run ends, and what those get who still want something of it.

    Attributes:
        stopped: Whether it has ended.
        halted: Whether streams shall end: the run has, or the epoch was left.
        over: When it ended, by `perf_counter`, and the CPU seconds of the process by then.
        failure: Why it ended, if a cell failed, and nobody got that yet.
        errors: What else went wrong, and nobody got yet.
    """

    def __init__(self) -> None:
        self.stopped = self.halted = False
        self.over: tuple[float, float] | None = None
        self.failure: BaseException | None = None
        self.errors: list[BaseException] = []
        self._lock = threading.RLock()

    @abstractmethod
    def signal(self) -> None:
        """Tell all threads to end, without waiting for them."""

    def fail_aside(self, error: BaseException) -> None:
        """A cell beside the way to the results failed: the consumer, or `stop`, gets its error."""
        self.failure = error if self.failure is None else self.failure
        self.signal()

    def broken(self, error: BaseException) -> None:
        """A thread ended with an error: nobody may wait for it."""
        if self.stopped:
            self.errors.append(error)
        else:
            self.fail_aside(error)

    def take_errors(self) -> list[BaseException]:
        """The errors that nobody got yet, the first one first."""
        with self._lock:
            errors, self.errors[:] = [*self.errors], []
            failure, self.failure = self.failure, None
        return errors if failure is None else [failure, *errors]

    def why_stopped(self) -> BaseException:
        """What those get who still wait for something."""
        return stopped_error() if self.failure is None else self.failure

    def refuse_stopped(self) -> None:
        """Raise if the run has ended.

        Raises:
            Stopped: It has; the cause is what failed.
        """
        if self.stopped:
            raise stopped_error() from self.failure
