"""`DistantClone`: the driver's side of a clone that is a process of its own.

A sender thread takes items from the inbox of the stage and sends them, some in each call; a
receiver thread waits for the oldest call, and finishes its items.

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
from queue import Empty
from time import monotonic
from typing import TYPE_CHECKING, Any

from torchpipe.engine.calls import IN_FLIGHT, Call, Calls
from torchpipe.engine.clones import RunningClone
from torchpipe.engine.context import Context, Shared
from torchpipe.engine.failure import Failure
from torchpipe.engine.gather import gatherer, waiting
from torchpipe.engine.held import Holds, here, parted
from torchpipe.engine.item import RETIRE, Item
from torchpipe.engine.pace import Pace
from torchpipe.engine.passing import Passing
from torchpipe.engine.process import Actor, Cluster, NoState, Process
from torchpipe.engine.receiver import Receiver
from torchpipe.engine.region import quietly
from torchpipe.engine.remote import Work
from torchpipe.engine.values import Values, needed, node_values
from torchpipe.errors import CloneLost
from torchpipe.graph.cell import HOLE
from torchpipe.graph.clone import Clone, RayClone
from torchpipe.graph.flat import leaves
from torchpipe.graph.plan import Parallel

if TYPE_CHECKING:
    from torchpipe.engine.parts import RingPart

GRACE = 0.8
"""The part of `stop_after` after which a process that does not return is ended."""


class DistantContext(Context):
    """The work of a clone elsewhere, as it was told. `rests` is about the sender.

    Attributes:
        sent: Bytes that were sent to it.
        received: Bytes that came from it.
    """

    def __init__(self, shared: Shared, clone: Clone):
        super().__init__(shared, clone)
        self.sent = self.received = 0

    def rest(self) -> None:
        """The sender starts to wait for items."""
        self.since = 0

    def busy_now(self) -> int:
        """Nanoseconds spent on items, in the calls that have returned."""
        return self.busy


class DistantClone(RunningClone):
    """A clone that is a process of its own: see the top of this file."""

    clone: RayClone
    calls: Calls

    def __init__(self, part: RingPart, stage: Parallel, clone: RayClone, cluster: Cluster):
        super().__init__(part, stage, clone)
        core, cell = part.core, stage.node.cell
        self.context: DistantContext = core.keep(DistantContext(core.shared, clone))
        self.passing = Passing(part, stage, Context(core.shared, clone))
        self.holds = holds_of(part.values, stage)
        self.takes = any(value in part.values.held for value in needed(stage.node))
        self.process = Process(self, cluster)
        self.leaves = list(leaves(cell))
        self.sent_parameters: tuple[Any, Any] = (None, None)
        self.pace = Pace()
        self.take = self._take
        if cell is not None and cell.batching is not None:
            self.take = gatherer(self.inbox, cell.batching, self)
        self.calls = Calls()
        self.slots = self.calls.slots
        self.exclusive = False  # whether all slots are held, for an item under suspicion
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

    # -- the sender

    def _run(self) -> None:
        name = f"torchpipe {self.name} receiver"
        receiver = threading.Thread(target=Receiver(self).run, name=name, daemon=True)
        receiver.start()
        try:
            quietly(self._send_all, self.part.ring)()
        finally:
            self.calls.end()
            receiver.join()
            self.gone.set()

    def _send_all(self) -> None:
        self.context.work()
        while True:
            self.slots.acquire()
            if self.ended:
                return
            batch, other = self.take()
            if other is None or other.error is not RETIRE:
                self._send_some(batch, other)
            elif batch:
                self.inbox.put(other)
                self._send_some(batch, None)
            elif self._stops(other):
                return
            else:
                self.slots.release()

    def _send_some(self, batch: list[Item], mark: Item | None) -> None:
        """Send what one call may hold: nothing is kept here, as the call may have to wait.

        Items under suspicion are sent alone.
        """
        if mark is not None:
            self.passing.hand_over(mark)
        suspects = [item for item in batch if item.number in self.attempts] if self.attempts else []
        some = [item for item in batch if item not in suspects] if suspects else batch
        if not some and suspects and self.exclusive:
            self.give_back(suspects[1:])
            self.exclusive = False
            self._send(suspects[:1], IN_FLIGHT)
            return
        self.give_back(suspects)
        if self.exclusive:
            self.exclusive = False
            self.slots.release()
        if some or not suspects:
            self._send(some, 1)
            return
        self.slots.acquire()  # with both slots, nothing else can be lost with a suspect
        self.exclusive = True
        self.slots.release()

    def _take(self) -> tuple[list[Any], Any]:
        """Some of the items that wait; and one that carries an error or a mark, if it comes."""
        batch: list[Any] = []
        try:
            item = waiting(self.inbox, None, self)
            most = self.pace.size(self.part.ring.window // (IN_FLIGHT * len(self._siblings)))
            while item.error is None:
                batch.append(item)
                if len(batch) >= most:
                    return batch, None
                item = self.inbox.get_nowait()
        except Empty:
            return batch, None
        return batch, item

    @property
    def _siblings(self) -> list[RunningClone]:
        return self.part.clones[self.stage] or [self]

    @property
    def attempts(self) -> dict[int, int]:
        """How many processes were lost with each item that is under suspicion."""
        return self.part.attempts[self.stage]

    def _send(self, items: list[Item], slots: int) -> None:
        """Send these items; the slots are given back when they come back."""
        rows, sent = [], []
        for item in items:
            row = self._row(item)
            if row is HOLE:
                self.finish(item, HOLE)
            elif self.broken is not None:
                self.finish(item, self.broken)
            else:
                rows.append(row)
                sent.append(item)
        if not sent or not self._post(sent, rows, slots):
            self.slots.release(slots)

    def _row(self, item: Item) -> Any:
        """The arguments of an item, or HOLE.

        A stateful clone gets values, as it can be given nothing twice: what is in the object store
        might be lost.
        """
        row = self.passing.arguments(item)
        if row is HOLE or not (self.takes and self.stage.ordered):
            return row
        return tuple(map(here, row))

    def _post(self, items: list[Item], rows: list[tuple[Any, ...]], slots: int) -> bool:
        """Send a call; say whether one is in flight."""
        actor = self.process.actor
        if actor is None:
            return self._await_process(items)
        parameters = self._parameters_for(actor)
        rows, parcels = parted(rows) if self.takes else (rows, [])
        work = Work([item.number for item in items], rows, parameters)
        try:
            handle = actor.send(work, parcels, self.holds is not None)
        except Exception as error:
            return self._refused(items, error)
        if parameters is not None:
            self.sent_parameters = actor, parameters
        with self.process.losing:
            if self.process.actor is actor:
                self.calls.add(Call(handle, items, actor, monotonic(), slots))
                return True
        return self._await_process(items)

    def _await_process(self, items: list[Item]) -> bool:
        """Let other clones take the items while the process is replaced."""
        self.give_back(items)
        self.process.there.wait()
        return False

    def _refused(self, items: list[Item], error: Exception) -> bool:
        """Something cannot be sent: find out what, by sending each item alone."""
        if len(items) == 1:
            number = items[0].number
            self.finish(items[0], self.context.blamed(error, self.stage.node.path, number))
        else:
            self.attempts.update({item.number: 0 for item in items})
            self.give_back(items)
        return False

    def _parameters_for(self, actor: Actor) -> list[dict[str, Any]] | None:
        """The values of all live parameters, if the process does not have them yet."""
        now = [dict(cell._values) for cell in self.leaves]
        to, last = self.sent_parameters
        if to is actor and all(map(same_values, last, now)):
            return None
        return now

    # -- for sender and receiver

    def finish(self, item: Item, result: Any) -> None:
        """Let the item go on, with its result or with an error."""
        if type(result) is Failure:
            item.error = result.error()
        elif isinstance(result, BaseException):
            item.error = result
        else:
            try:
                self.passing.store(item, result)
            except BaseException as error:
                item.error = self.context.blamed(error, self.stage.node.path, item.number)
        self.passing.pass_on(item)

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


def same_values(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether both hold the very same objects."""
    return one.keys() == other.keys() and all(one[name] is other[name] for name in one)
