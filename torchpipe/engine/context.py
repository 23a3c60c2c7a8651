"""`Context`: what one thread of a run knows about its own work, and says when it fails."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from types import CodeType
from typing import TYPE_CHECKING, Any

from torchpipe.engine.notes import miscounted, note, silent_no_more
from torchpipe.engine.reply import Unwanted
from torchpipe.engine.shared import DeadLetter, Shared
from torchpipe.engine.telemetry.gpu import GpuTimes
from torchpipe.engine.telemetry.recording import Track
from torchpipe.engine.telemetry.timing import Timing
from torchpipe.graph.clone import Clone
from torchpipe.graph.hole import HOLE
from torchpipe.graph.policy import ErrorPolicy, Skip, attempts_and_skip

if TYPE_CHECKING:
    from torchpipe.engine.copies import Copies


class Context(Timing):
    """The work of one thread: a clone, or a serial stage.

    Attributes:
        clone: Which clone this is.
        count: Items done so far, by a clone.
        past: Items done in earlier epochs, by a serial stage.
        first, step: The number of the first item of the epoch, and how far numbers are apart.
        origin: The item of the first region that it works on, in the last stage of another one.
        calls: The lines of the generated function that call a cell: see `Code`.
        code: The code of that function, to know its frame by.
        thread: The identifier of its thread, once it runs.
        gpu: Its waits for its GPU, if it has one.
        copies: The copies of its stateful cells for each session; None where there are no sessions.
    """

    __slots__ = (
        "calls",
        "clone",
        "code",
        "copies",
        "count",
        "first",
        "gpu",
        "origin",
        "past",
        "step",
        "thread",
    )

    def __init__(self, shared: Shared, clone: Clone, track: Track | None = None):
        super().__init__(shared, track or Track("", "", clone))
        self.clone = clone
        self.count, self.past = 0, 0
        self.first, self.step, self.origin = 0, 1, -1
        self.calls: dict[int, str] = {}
        self.code: CodeType | None = None
        self.thread: int | None = None
        self.copies: Copies | None = None
        self.gpu: GpuTimes | None = None

    def begin(self, first: int, step: int, origin: int) -> None:
        """Begin an epoch, with an item of this number, after that item of the first region."""
        self.past, self.first, self.step = self.items, first, step
        self.number, self.origin, self.mark = first - step, origin, None

    @property
    def items(self) -> int:
        """Items done so far, by a serial stage."""
        return self.past + (self.number - self.first) // self.step + 1

    @property
    def done(self) -> int:
        """Items that a clone has done so far."""
        return self.count

    def gpu_times(self) -> GpuTimes | None:
        """Where its waits for its GPU are counted; None if it has none."""
        self.gpu = self.gpu or self.shared.gpus.times(self.clone)
        return self.gpu

    def gpu_until(self, now: float) -> float | None:
        """Seconds of waits for its GPU; None if it has none."""
        return None if self.gpu is None else self.gpu.until(now)

    def memory(self, now: float) -> int | None:
        """Bytes that it holds on its GPU; None if it has none."""
        return None if self.gpu is None else self.shared.gpus.memory(self.gpu, now)

    def elsewhere(self) -> list[str]:
        """What this clone is doing, if it is in another process."""
        return []

    def seed_of(self, path: str) -> int:
        """The seed of the cell at this path for the current item: see `Cell.seed`."""
        text = f"{self.shared.seed}:{self.shared.epoch}:{self.number}:{path}"
        return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")

    def blame(self, error: BaseException) -> BaseException:
        """Note on the error where it happened, if it did in a cell called by this thread's code.

        Returns:
            The error; for a StopIteration, which would end a loop silently, a RuntimeError.
        """
        trace = error.__traceback__
        if type(error) is not Unwanted and trace is not None and trace.tb_lineno in self.calls:
            path = self.calls[trace.tb_lineno]
            self.raised(path, self.number, error)
            blamed = self.blamed(error, path, self.number)
            if trace.tb_next is None and "unpack" in str(error):  # by the line of ours that calls
                note(error, miscounted(path))
            return blamed
        return silent_no_more(error)

    def blamed(self, error: BaseException, path: str, number: int) -> BaseException:
        """Note on the error that it happened in this cell, at this item; see `blame`."""
        error = silent_no_more(error)
        note(error, f"in cell {path!r} ({self.clone}), item {number}")
        return error

    def guarded(
        self, forward: Callable[..., Any], policy: ErrorPolicy, path: str
    ) -> Callable[..., Any]:
        """A cell's `forward` under its error policy: it tries again, or returns a hole."""
        attempts, skip = attempts_and_skip(policy)
        shared = self.shared
        shared.seen.setdefault(path, 0)

        def call(*args: Any, **kwargs: Any) -> Any:
            with shared.lock:
                shared.seen[path] += 1
            for attempt in range(attempts + 1):
                try:
                    return forward(*args, **kwargs)
                except Exception as error:
                    if attempt < attempts:
                        continue
                    if skip is None:
                        raise
                    self._skip(path, skip, error)
            return HOLE

        return call

    def counted(
        self, forward_batch: Callable[..., Any], policy: ErrorPolicy, path: str
    ) -> Callable[..., Any]:
        """A cell's `forward_batch`, whose items count as seen by the policy once they passed."""
        if policy == "raise":
            return forward_batch

        def call(items: list[Any]) -> Any:
            results = forward_batch(items)
            with self.shared.lock:
                self.shared.seen[path] += len(items)
            return results

        return call

    def _skip(self, path: str, skip: Skip, error: Exception) -> None:
        """Record a dead letter, or raise if there were too many."""
        self.raised(path, self.number, error, skipped=True)
        epoch = self.shared.epoch
        self.shared.skip(DeadLetter(path, str(self.clone), epoch, self.number, error), skip)
