"""`Sender`: sends the items that wait for a clone elsewhere, some in each call."""

from __future__ import annotations

from queue import Empty
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from torchpipe.engine.gather import gatherer, waiting
from torchpipe.engine.item import RETIRE, Item, wanted
from torchpipe.engine.remote.actor import Actor
from torchpipe.engine.remote.calls import IN_FLIGHT, Call
from torchpipe.engine.remote.held import here
from torchpipe.engine.remote.work import Work
from torchpipe.engine.ring import quietly
from torchpipe.graph.hole import HOLE

if TYPE_CHECKING:
    from torchpipe.engine.remote.distant import DistantClone


class Sender:
    """The sender of one clone; `run` is the work of its thread."""

    def __init__(self, owner: DistantClone):
        self.owner, self.slots = owner, owner.calls.slots
        self._parameters: tuple[Any, Any] = (None, None)
        self._exclusive = False  # whether all slots are held, for an item under suspicion
        cell = owner.stage.node.cell
        self._take = self._some
        if cell is not None and cell.batching is not None:
            self._take = gatherer(owner.inbox, cell.batching, owner)

    def run(self) -> None:
        """Send until the clone is called back, or the run stops."""
        quietly(self._send_all, self.owner.part.ring)()

    def _send_all(self) -> None:
        self.owner.context.work()
        while True:
            self.slots.acquire()
            if self.owner.ended:
                return
            batch, other = self._take()
            if other is None or other.error is not RETIRE:
                self._send_some(batch, other)
            elif batch:
                self.owner.inbox.put(other)
                self._send_some(batch, None)
            elif self.owner.stops(other):
                return
            else:
                self.slots.release()

    def _send_some(self, batch: list[Item], mark: Item | None) -> None:
        """Send what one call may hold: nothing is kept here, as the call may have to wait.

        Items under suspicion are sent alone.
        """
        if mark is not None:
            self.owner.passing.hand_over(mark)
        attempts = self.owner.attempts
        suspects = [item for item in batch if item.number in attempts] if attempts else []
        some = [item for item in batch if item not in suspects] if suspects else batch
        if not some and suspects and self._exclusive:
            self.owner.give_back(suspects[1:])
            self._exclusive = False
            self._send(suspects[:1], IN_FLIGHT)
            return
        self.owner.give_back(suspects)
        if self._exclusive:
            self._exclusive = False
            self.slots.release()
        if some or not suspects:
            self._send(some, 1)
            return
        self.slots.acquire()  # with both slots, nothing else can be lost with a suspect
        self._exclusive = True
        self.slots.release()

    def _some(self) -> tuple[list[Any], Any]:
        """Some of the items that wait; and one that carries an error or a mark, if it comes."""
        batch: list[Any] = []
        try:
            item = waiting(self.owner.inbox, None, self.owner)
            share = self.owner.part.ring.window // (IN_FLIGHT * len(self.owner.siblings))
            most = self.owner.pace.size(share)
            while item.error is None and wanted(item):
                batch.append(item)
                if len(batch) >= most:
                    return batch, None
                item = self.owner.inbox.get_nowait()
        except Empty:
            return batch, None
        return batch, item

    def _send(self, items: list[Item], slots: int) -> None:
        """Send these items; the slots are given back when they come back."""
        rows: list[Any] = []
        sent, cuts = [], {}
        for item in items:
            row = self._row(item)
            if item.cut is not None and self.owner.stage.ordered and self.owner.broken is None:
                cuts[len(rows)] = row is HOLE
                row = () if row is HOLE else row  # it goes there, for the state before it
            if row is HOLE:
                self.owner.context.holes += 1
                self.owner.finish(item, HOLE)
            elif self.owner.broken is not None:
                self.owner.finish(item, self.owner.broken)
            else:
                rows.append(row)
                sent.append(item)
        if not sent or not self._post(sent, rows, cuts, slots):
            self.slots.release(slots)

    def _row(self, item: Item) -> Any:
        """The arguments of an item, or HOLE.

        A stateful clone gets values, as it can be given nothing twice: what is in the object store
        might be lost.
        """
        row = self.owner.passing.arguments(item)
        if row is HOLE or not (self.owner.takes and self.owner.stage.ordered):
            return row
        return tuple(map(here, row))

    def _post(
        self, items: list[Item], rows: list[tuple[Any, ...]], cuts: dict[int, bool], slots: int
    ) -> bool:
        """Send a call; say whether one is in flight."""
        actor = self.owner.process.actor
        if actor is None:
            return self._await_process(items)
        parameters = self._parameters_for(actor)
        timed = perf_counter() if self.owner.context.shared.recordings else None
        work = Work([item.number for item in items], rows, parameters, cuts, timed is not None)
        try:
            handle = actor.send(work, self.owner.holds is not None)
        except Exception as error:
            return self._refused(items, error, slots)
        if parameters is not None:
            self._parameters = actor, parameters
        with self.owner.process.losing:
            if self.owner.process.actor is actor:
                self.owner.calls.add(Call(handle, items, actor, monotonic(), slots, timed))
                return True
        return self._await_process(items)

    def _await_process(self, items: list[Item]) -> bool:
        """Let other clones take the items while the process is replaced."""
        self.owner.give_back(items)
        self.owner.process.there.wait()
        return False

    def _refused(self, items: list[Item], error: Exception, slots: int) -> bool:
        """Something cannot be sent: find out what, by sending each item alone.

        A stateful clone gets them at once, as nothing may come between them.
        """
        if len(items) == 1:
            self.owner.finish(items[0], self.owner.blamed(error, items[0]))
            return False
        if not self.owner.stage.ordered:
            self.owner.attempts.update({item.number: 0 for item in items})
            self.owner.give_back(items)
            return False
        self._send(items[:1], slots)
        for item in items[1:]:
            self.slots.acquire()
            self._send([item], 1)
        return True

    def _parameters_for(self, actor: Actor) -> list[dict[str, Any]] | None:
        """The values of all live parameters, if the process does not have them yet."""
        now = [dict(cell._values) for cell in self.owner.leaves]
        to, last = self._parameters
        if to is actor and all(map(same_values, last, now)):
            return None
        return now


def same_values(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether both hold the very same objects."""
    return one.keys() == other.keys() and all(one[name] is other[name] for name in one)
