"""`InlinePart`: a region without clones: one function, called by whoever pulls or pushes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torchpipe.engine.delivery import deliver
from torchpipe.engine.part import Part
from torchpipe.engine.reply import Reply
from torchpipe.graph.hole import HOLE
from torchpipe.graph.plan import RegionPlan

if TYPE_CHECKING:
    from torchpipe.engine.core import Core


class InlinePart(Part):
    """A region without clones: it runs in the thread of whoever pulls or pushes."""

    def __init__(self, core: Core, plan: RegionPlan):
        super().__init__(core, plan)
        code = self.program().stream() if self.pulled else self.program().call()
        objects = self.objects()
        self.function = core.ready_function(code, self.context, objects)
        self.enter, self._lock = self._enter, threading.Lock()
        core.inline_cells.append(self.tail_cells)
        self.context.whole = True

    def time_all(self) -> None:
        """Time the calls on all items that enter from now on."""
        self.context.due = 0.0

    def push(self) -> Callable[..., Any]:
        """Run all cells on one item; return the results."""
        return self.function

    def _enter(self, future: Any, *values: Any) -> None:
        """Run all cells on one item, here and now."""
        try:
            out = self.function(future, *values) if self.replies else self.function(*values)
        except Exception as error:
            deliver(future, None, error)
        else:
            if type(future) is Reply and out is not HOLE and future.full:
                self.context.wait(future.wait_for_room)
            deliver(future, out, None)

    def give(self, reply: Reply, values: Any) -> None:
        """Give what a clone has made of an item: there are no cells here, and its turn is now."""
        several = len(self.values.entries) > 1
        with self._lock:
            out = self.function(reply, *values) if several else self.function(reply, values)
        reply.give(out)

    def end(self) -> None:
        """The stream has ended."""
        list(self.rest())
