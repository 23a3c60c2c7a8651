"""`CloneThread`: a clone that is a thread of this process; and what all kinds of clones share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from torchpipe.engine.deploy import batch_callable_of
from torchpipe.engine.fused import clone_of
from torchpipe.engine.gather import Inbox, divided, gatherer, miscounted
from torchpipe.engine.item import RETIRE
from torchpipe.engine.ring import quietly
from torchpipe.engine.telemetry.recording import Track
from torchpipe.engine.threads import Cells
from torchpipe.graph.clone import Clone, RayClone
from torchpipe.graph.plan import Parallel

if TYPE_CHECKING:
    from torchpipe.engine.context import Context
    from torchpipe.engine.ring_part import RingPart
    from torchpipe.engine.threads import StageThread


class Token:
    """Put into the inbox of a parallel stage to call one of its clones back."""

    error = RETIRE

    def __init__(self, target: RunningClone):
        self.target = target


class RunningClone:
    """A clone in motion: it takes items from the inbox of its stage, with others of any kind.

    Attributes:
        retiring: Whether it was called back.
        gone: Set when it takes no more items.
        context: What it has done.
        thread: The thread that takes the items.
        reply: Where the results of the current item go, if it gives them itself.
    """

    context: Context
    thread: StageThread
    reply: Any = None

    def __init__(self, part: RingPart, stage: Parallel, clone: Clone):
        self.part, self.stage, self.clone = part, stage, clone
        self.inbox: Inbox = part.ring.inboxes[stage]
        self.retiring = False
        self.gone = threading.Event()
        self.name = f"{stage.node.path}[{clone.index}]"
        self.track = Track(self.name, part.plan.key, clone)

    @property
    def works(self) -> bool:
        """Whether it can take items now."""
        return not self.gone.is_set()

    def retire(self) -> None:
        """Call the clone back: it ends when the call that it is in has returned."""
        self.retiring = True
        self.inbox.put(Token(self))

    def stop(self) -> None:
        """The run stops: wake the clone."""
        self.inbox.put(Token(self))

    def stops(self, token: Token) -> bool:
        """What this clone does with a token that it took: say whether the run has stopped.

        A clone looks at `retiring` before each item, and again when it has begun to rest. So a
        token is only there to wake one that rests; for one that is at work it has no use. Another
        that takes it gives it back, and waits for that clone to go: it would only take it again.
        """
        if self.part.ring.stopped:
            self.inbox.put(token)
            return True
        target = token.target
        if target is not self and target.context.rests and not target.gone.is_set():
            self.inbox.put(token)
            if not self.retiring:
                target.gone.wait()
        return False


class CloneThread(RunningClone):
    """A clone that is a thread."""

    def __init__(self, part: RingPart, stage: Parallel, clone: Clone):
        super().__init__(part, stage, clone)
        self.context = part.core.context(self.track)
        self._outlet = part.outlet(stage)
        give = None if self._outlet is None else self._give
        call, placed, cell = clone_of(stage.node, self.context, give)
        program = part.program(lambda node: call)
        batching = cell.batching if cell is not None else None
        code = (
            program.clone(stage, gives=give is not None)
            if batching is None
            else program.batching_clone(stage)
        )
        if cell is not None and batching is not None:
            code.bind("take", gatherer(self.inbox, batching, self))
            code.bind("divided", divided)
            code.bind("miscounted", miscounted)
            code.bind("run_batch", batch_callable_of(cell, stage.node.path, self.context))
        code.bind("get", self.inbox.get)
        code.bind("get_nowait", self.inbox.get_nowait)
        if part.passage is not None and stage.ordered:
            cells = Cells(placed, self.context)
            code.bind(f"mark_{stage.level}", lambda cut: cut.add(cells))
        code.bind("me", self)
        code.bind("stops", self.stops)
        work = part.core.ready_function(code, self.context, part.ring.objects())
        self._work = quietly(work, part.ring)
        self.thread = part.core.thread(self.name, placed, self.context, self._run)

    def _give(self, out: Any) -> None:
        """Give a result of the current item."""
        assert self._outlet is not None
        self._outlet(self.reply, out)

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self.gone.set()  # whoever waits for this clone to go, in `stops`, may go on


def running_clone(part: RingPart, stage: Parallel, clone: Clone) -> RunningClone:
    """Start a clone of the kind that the specification says; nothing waits for its setup."""
    if not isinstance(clone, RayClone):
        return CloneThread(part, stage, clone)
    from torchpipe.engine.ray.cluster import cluster
    from torchpipe.engine.remote.distant import DistantClone

    return DistantClone(part, stage, clone, cluster())
