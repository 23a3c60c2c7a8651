"""The stall guard: who is stuck, in which call, with which stack."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Iterable
from types import FrameType

from torchpipe.engine.context import Context
from torchpipe.errors import StallWarning


def stuck_calls(contexts: Iterable[Context]) -> list[str]:
    """One text for each thread or process that is in a call of a cell: cell, clone, item, stack."""
    frames = sys._current_frames()
    found = []
    for context in contexts:
        frame = frames.get(context.thread) if context.thread is not None else None
        place = calling_frame(frame, context)
        if place is not None:
            path = context.calls[place.f_lineno]
            stack = "".join(traceback.format_stack(frame)[-8:])
            where = f"cell {path!r} ({context.clone}), item {context.number}"
            found.append(f"{where}, is in this call:\n{stack}")
        found += context.elsewhere()
    return found


def calling_frame(frame: FrameType | None, context: Context) -> FrameType | None:
    """The frame of the generated function, if it is at a line that calls a cell."""
    while frame is not None:
        if frame.f_code is context.code and frame.f_lineno in context.calls:
            return frame
        frame = frame.f_back
    return None


class StallGuard:
    """Tells whether anything moved since it was asked last.

    Args:
        contexts: The work of all threads.
        after: Seconds without any progress after which it warns; None for never.
    """

    def __init__(self, contexts: list[Context], after: float | None):
        self.contexts, self.after = contexts, after
        self._seen: object = None

    @property
    def timeout(self) -> float:
        """How long to wait before asking; -1 for ever."""
        return -1 if self.after is None else self.after

    def look(self) -> None:
        """Warn, and name who is stuck, if nothing moved since the last look."""
        progress = [(context.count, context.number) for context in self.contexts]
        before, self._seen = self._seen, progress
        if before == progress:
            who = "\n".join(stuck_calls(self.contexts)) or "No cell is in a call."
            text = f"nothing moved for {self.after} seconds while the consumer waited. {who}"
            warnings.warn(text, StallWarning, stacklevel=4)
