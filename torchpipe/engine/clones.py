"""`CloneThread`: a clone that is a thread of this process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from torchpipe.engine.deploy import clone_of
from torchpipe.engine.gather import gatherer
from torchpipe.engine.item import RETIRE
from torchpipe.engine.region import quietly
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
        code = program.batching_clone(stage) if batching and cell else program.clone(stage)
        if batching and cell:
            code.bind("take", gatherer(self.inbox, batching, self.context))
            code.bind("run_batch", cell.forward_batch)
        code.bind("get", self.inbox.get)
        code.bind("get_nowait", self.inbox.get_nowait)
        code.bind("retire", self._retires)
        work = part.core.ready_function(code, self.context, part.ring.objects())
        name = f"{stage.node.path}[{clone.index}]"
        self._work = quietly(work, part.ring)
        self.thread = part.core.thread(name, placed, self.context, self._run)

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self.gone.set()  # whoever waits for this clone to go, in `_retires`, may go on

    def retire(self) -> None:
        """Call the clone back: it ends when the call that it is in has returned."""
        self.retiring = True
        self.inbox.put(Token(self))

    def _retires(self, token: Token) -> bool:
        """What this clone does with a token that it took: say whether it ends.

        A token for another clone goes back into the inbox, and this clone waits until the other has
        gone: so it cannot take the same token again and again. A clone that is retiring itself
        never waits, so two of them cannot wait for each other.
        """
        if self.part.ring.stopped:
            self.inbox.put(token)
            return True
        if token.target is not self and not token.target.gone.is_set():
            self.inbox.put(token)
        if self.retiring:
            return True
        if token.target is not self:
            token.target.gone.wait()
        return False
