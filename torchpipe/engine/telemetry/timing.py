"""`Timing`: times the calls of cells, one by one, on some items; and tells those who record.

The generated functions have two versions of a stage's calls: one for most items, and one for those
that are timed. So to time a call costs the others nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from torchpipe.engine.telemetry.recording import Called, Failed, Passed, Track
from torchpipe.engine.telemetry.times import EVERY, Times

if TYPE_CHECKING:
    from torchpipe.engine.item import Item
    from torchpipe.engine.shared import Shared


class Timing(Times):
    """The times of one thread, and of its calls.

    Attributes:
        shared: What all threads have in common.
        number: The item that it works on, or worked on last.
        track: Whose calls these are.
        whole: Whether items begin and end in this thread: the region has no other.
        mark: When the last call on the item returned, or the first began; None if it is not timed.
    """

    __slots__ = ("_first", "mark", "number", "shared", "track", "whole")

    def __init__(self, shared: Shared, track: Track):
        super().__init__()
        self.shared, self.track = shared, track
        self.number, self.whole = -1, False
        self.mark: float | None = None
        self._first = 0.0

    def open_item(self, when: float | None = None) -> None:
        """The item is timed from here on."""
        self.mark = self._first = perf_counter() if when is None else when

    def called(self, path: str) -> None:
        """The cell has returned, or given a value."""
        began, ended = self.mark, perf_counter()
        for recording in self.shared.recordings:
            items, epoch = (self.number,), self.shared.epoch
            recording.called(Called(self.track, path, epoch, items, began or ended, ended))
        self.mark = perf_counter() if self.shared.recordings else ended

    def close_item(self, *, sample: bool = True) -> None:
        """All cells were called: one more sample of what an item takes, if it is one."""
        ended, self.mark = self.mark or perf_counter(), None
        if sample:
            self.service.add(ended - self._first)
        self.due = ended + EVERY
        if self.shared.recordings:  # looked at after `due` was set, as `time_all` sets it last
            self.due = 0.0
            self._left(ended)

    def batched(self, path: str, items: Sequence[Item], began: float) -> None:
        """A batch was run."""
        ended = perf_counter()
        self.service.add(ended - began)
        for recording in self.shared.recordings:
            numbers = tuple(item.number for item in items)
            recording.called(Called(self.track, path, self.shared.epoch, numbers, began, ended))

    def raised(
        self, path: str, number: int, error: BaseException, *, skipped: bool = False
    ) -> None:
        """A cell has raised an error at this item; unless it was skipped, its call ends there."""
        for recording in self.shared.recordings:
            when, epoch = perf_counter(), self.shared.epoch
            recording.failed(Failed(self.track, path, epoch, number, when, error, skipped))
        if self.mark is not None and not skipped:
            self.called(path)
            self.mark = None
            self._left(perf_counter())

    def _left(self, when: float) -> None:
        if self.whole:
            for recording in self.shared.recordings:
                recording.left(Passed(self.track.region, self.shared.epoch, self.number, when))
