"""`CallSite`: the place in the code of a `build` from which a cell was called."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType


@dataclass(frozen=True)
class CallSite:
    """A call that is under way, or was.

    Attributes:
        code: The code of the function that calls.
        offset: Where its call is in that code.
    """

    code: CodeType
    offset: int

    @property
    def target(self) -> str | None:
        """The variable that what the call gives is assigned to, if any."""
        after = next(
            (step for step in dis.get_instructions(self.code) if self._precedes(step)), None
        )
        return after.argval if after is not None and after.opname == "STORE_FAST" else None

    def _precedes(self, step: dis.Instruction) -> bool:
        return step.offset > self.offset and step.opname != "CACHE"

    def _steps(self) -> Iterator[dis.Instruction]:
        """What the call consists of: its arguments, and itself."""
        steps = list(dis.get_instructions(self.code))
        span = next((step.positions for step in steps if step.offset == self.offset), None)
        return (step for step in steps if step.positions and span and within(step.positions, span))

    def passes(self, other: CallSite) -> bool:
        """Whether what the other call gave is written among the arguments of this one."""
        if other.code is not self.code:
            return False
        name = other.target
        return any(
            step.offset == other.offset or (name and loads(step, name)) for step in self._steps()
        )


def loads(step: dis.Instruction, name: str) -> bool:
    """Whether the step reads a variable; some read two at once."""
    names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
    return step.opname.startswith("LOAD_FAST") and name in names


def within(inner: dis.Positions, outer: dis.Positions) -> bool:
    """Whether one place in the source is part of another."""
    if None in (*inner, *outer):
        return False
    begins = (outer.lineno, outer.col_offset) <= (inner.lineno, inner.col_offset)
    ends = (inner.end_lineno, inner.end_col_offset) <= (outer.end_lineno, outer.end_col_offset)
    return begins and ends


def call_site() -> CallSite:
    """Where the graph was called from: the nearest function that is not part of it."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("torchpipe.graph."):
        frame = frame.f_back
    return CallSite(frame.f_code, frame.f_lasti)
