"""`CloneThread`: a clone that is a thread of this process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from torchpipe.engine.deploy import clone_of
from torchpipe.engine.gather import gatherer
from torchpipe.engine.item import RETIRE
from torchpipe.engine.region import quietly
from torchpipe.engine.torch_state import synchronized
from torchpipe.graph.clone import Clone
from torchpipe.graph.plan import Parallel

if TYPE_CHECKING:
    from torchpipe.engine.parts import RingPart


class Token:
    """Put into the inbox of a parallel stage to call one of its clones back."""

    error = RETIRE

    def __init__(self, target: CloneThread):
        self.target = target


class CloneThread:
    """A clone that is a thread."""

    def __init__(self, part: RingPart, stage: Parallel, clone: Clone):
        self.part, self.stage, self.clone = part, stage, clone
        self.inbox = part.ring.inboxes[stage]
        self.retiring = False
        self.gone = threading.Event()
        self.context = part.core.context(clone)
        call, placed, cell = clone_of(stage.node, self.context)
        program = part.program(lambda node: call)
        batching = cell.batching if cell is not None else None
        code = program.clone(stage) if batching is None else program.batching_clone(stage)
        if cell is not None and batching is not None:
            run_batch = synchronized(cell.forward_batch, clone)
            path = stage.node.path
            code.bind("take", gatherer(self.inbox, batching, self))
            code.bind("run_batch", self.context.counted(run_batch, cell.on_error, path))
        code.bind("get", self.inbox.get)
        code.bind("get_nowait", self.inbox.get_nowait)
        code.bind("me", self)
        code.bind("stops", self._stops)
        work = part.core.ready_function(code, self.context, part.ring.objects())
        name = f"{stage.node.path}[{clone.index}]"
        self._work = quietly(work, part.ring)
        self.thread = part.core.thread(name, placed, self.context, self._run)

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self.gone.set()  # whoever waits for this clone to go, in `_stops`, may go on

    def retire(self) -> None:
        """Call the clone back: it ends when the call that it is in has returned."""
        self.retiring = True
        self.inbox.put(Token(self))

    def _stops(self, token: Token) -> bool:
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
