"""`DistantClone`: the driver's side of a clone that is a process of its own.

A `Sender` takes items from the inbox of the stage and sends them, some in each call; a `Receiver`
waits for the oldest call, and finishes its items. Each has a thread.

Guarantees:

- At most two calls are in flight: the sender has a slot before it takes an item.
- An item is finished once: with the result that came back, or with an error. When the process is
  lost, its items go back into the inbox, where any clone of the stage takes them.
- Items that were in the oldest call when its process was lost are sent alone from then on: so the
  one that is to blame is found, and only that one runs out of attempts.
- Whoever waits is woken by `retire` and `stop`: a sender by a token, its slot or `there`; the
  receiver by the return of its call, or by the end of the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torchpipe.engine.clones import RunningClone
from torchpipe.engine.compiler.values import Values, needed, node_values
from torchpipe.engine.context import Context
from torchpipe.engine.item import Item
from torchpipe.engine.remote.actor import Cluster
from torchpipe.engine.remote.calls import Calls
from torchpipe.engine.remote.failure import Failure
from torchpipe.engine.remote.held import Holds
from torchpipe.engine.remote.pace import Pace
from torchpipe.engine.remote.passing import Passing
from torchpipe.engine.remote.process import Process
from torchpipe.engine.remote.receiver import Receiver
from torchpipe.engine.remote.sender import Sender
from torchpipe.engine.shared import Shared
from torchpipe.engine.telemetry.recording import Track
from torchpipe.engine.torch_state import NoState
from torchpipe.errors import CloneLost
from torchpipe.graph.clone import Clone, RayClone
from torchpipe.graph.flat import leaves
from torchpipe.graph.plan import Parallel

if TYPE_CHECKING:
    from torchpipe.engine.ring_part import RingPart

GRACE = 0.8
"""The part of `stop_after` after which a process that does not return is ended."""


class DistantContext(Context):
    """The work of a clone elsewhere, as it was told. `work` and `rest` are about the sender.

    Attributes:
        told: Seconds spent in the cells, in the calls that have returned.
        spent: Seconds of CPU time of its process, in these calls.
        waited_for_gpu: Seconds for which it waited for its GPU, in these calls; None without one.
        held: Bytes that it held there at the end of the last one.
        sent: Bytes that were sent to it.
        received: Bytes that came from it.
        holes: Items that had no value for it, and so were not sent.
        in_flight: Tells of the oldest call, if there is one.
        under_way: Seconds since the clone can have begun with that call.
    """

    def __init__(self, shared: Shared, clone: Clone, track: Track):
        super().__init__(shared, clone, track)
        self.sent = self.received = self.holes = 0
        self.told = self.spent = self._shown = 0.0
        self.waited_for_gpu: float | None = None
        self.held: int | None = None
        self.in_flight: Callable[[], list[str]] = list
        self.under_way: Callable[[], float] = float

    @property
    def done(self) -> int:
        """Items that have come back, or were not sent."""
        return self.count + self.holes

    def elsewhere(self) -> list[str]:
        """The call that it is in."""
        return self.in_flight()

    def busy_until(self, now: float) -> float:
        """Seconds at work; a call that is away counts as work, until it tells."""
        under_way = 0.0 if self.ended is not None else self.under_way()
        self._shown = max(self._shown, self.told + under_way)
        return self._shown

    def gpu_until(self, now: float) -> float | None:
        """Seconds of waits for its GPU, in the calls that have returned."""
        return self.waited_for_gpu

    def memory(self, now: float) -> int | None:
        """Bytes that it held on its GPU at the end of the last call."""
        return self.held

    @property
    def cpu(self) -> float:
        """Seconds of CPU time of its process, in the calls that have returned."""
        return self.spent


class DistantClone(RunningClone):
    """A clone that is a process of its own: see the top of this file."""

    clone: RayClone
    calls: Calls

    def __init__(self, part: RingPart, stage: Parallel, clone: RayClone, cluster: Cluster):
        super().__init__(part, stage, clone)
        core, cell = part.core, stage.node.cell
        self.context: DistantContext = core.keep(DistantContext(core.shared, clone, self.track))
        self.passing = Passing(part, stage, Context(core.shared, clone))
        self.holds = holds_of(part.values, stage)
        self.takes = any(value in part.values.held for value in needed(stage.node))
        self.process = Process(self, cluster)
        self.leaves = list(leaves(cell))
        self.pace = Pace()
        self.calls = Calls()
        self.context.in_flight = lambda: self.calls.oldest(stage.node.path, clone)
        self.context.under_way = self.calls.under_way
        self.broken: BaseException | None = None
        self.thread = core.start(self.name, self.process, self._run, NoState())

    @property
    def ended(self) -> bool:
        """Whether it shall take no more items."""
        return self.retiring or self.part.ring.stopped

    @property
    def has_others(self) -> bool:
        """Whether other clones of the stage are there to take its items."""
        others = (clone for clone in self.part.clones[self.stage] if clone is not self)
        return any(clone.works for clone in others)

    @property
    def works(self) -> bool:
        """Whether there is a process, to take items."""
        return super().works and self.process.actor is not None

    @property
    def siblings(self) -> list[RunningClone]:
        """All clones of the stage."""
        return self.part.clones[self.stage] or [self]

    @property
    def attempts(self) -> dict[int, int]:
        """How many processes were lost with each item that is under suspicion."""
        return self.part.attempts[self.stage]

    def _run(self) -> None:
        """The work of the sender's thread; the receiver has another."""
        name = f"torchpipe {self.name} receiver"
        receiver = threading.Thread(target=Receiver(self).run, name=name, daemon=True)
        receiver.start()
        try:
            Sender(self).run()
        finally:
            self.calls.end()
            receiver.join()
            self.gone.set()

    def finish(self, item: Item, result: Any) -> None:
        """Let the item go on, with its result or with an error."""
        if type(result) is Failure:
            item.error = result.error()
        elif isinstance(result, BaseException):
            item.error = result
        else:
            try:
                self.passing.store(item, result)
                self.passing.show(result)
            except BaseException as error:
                item.error = self.blamed(error, item)
        self.passing.pass_on(item)

    def blamed(self, error: BaseException, item: Item) -> BaseException:
        """The error, with a note that it happened here, at this item."""
        return self.context.blamed(error, self.stage.node.path, item.number)

    def give_back(self, items: list[Item]) -> None:
        """Let any clone of the stage take these items."""
        for item in items:
            self.inbox.put(item)

    def refuse_loss(self) -> None:
        """Raise if this clone cannot be replaced."""
        if self.stage.ordered:
            raise CloneLost(f"{self.stage.node.path} is stateful, and its process was lost.")

    # -- the end

    def retire(self) -> None:
        """Call the clone back: it ends when its calls have returned."""
        super().retire()
        self.process.there.set()

    def stop(self) -> None:
        """The run stops: wake the clone, and end its process if the call does not return."""
        super().stop()
        wait = self.part.core.stop_after
        self.process.stop(None if wait is None else GRACE * wait)
        self.calls.cancel()


def holds_of(values: Values, stage: Parallel) -> Holds | None:
    """Which outputs of a stage may stay where they are made; None if none may."""
    outputs = node_values(stage.node)
    held = tuple(value.index for value in outputs if value in values.held)
    return Holds(held, len(outputs) > 1) if held else None
