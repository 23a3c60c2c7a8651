"""`Idleness`: whether a run is at work, for those who look at it only then."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torchpipe.engine.core import Core


class Idleness:
    """Knows since when nothing has moved."""

    def __init__(self, core: Core):
        self.core = core
        self._seen: object = None
        self._since = perf_counter()

    def lasts(self, seconds: float) -> bool:
        """Whether nothing has moved for so long, and no thread is in a call."""
        seen = [(context.count, context.number) for context in self.core.contexts]
        if seen != self._seen or not all(context.rests for context in self.core.contexts):
            self._seen, self._since = seen, perf_counter()
            return False
        return perf_counter() - self._since > seconds
