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
from collections import deque
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from torchpipe.engine.clones import RunningClone
from torchpipe.engine.context import Context
from torchpipe.engine.failure import Failure
from torchpipe.engine.gather import gatherer, waiting
from torchpipe.engine.item import RETIRE, Item
from torchpipe.engine.pace import Pace
from torchpipe.engine.passing import Passing
from torchpipe.engine.process import Actor, Cluster, Lost, NoState, Process
from torchpipe.engine.region import quietly
from torchpipe.engine.remote import Report, Work
from torchpipe.errors import BudgetExceeded, CloneLost
from torchpipe.graph.cell import HOLE
from torchpipe.graph.clone import RayClone
from torchpipe.graph.flat import leaves
from torchpipe.graph.plan import Parallel

if TYPE_CHECKING:
    from torchpipe.engine.parts import RingPart

ATTEMPTS = 3
"""How many processes may be lost with an item in them before that is an error."""

IN_FLIGHT = 2
"""Calls in flight: while one runs, the next is on its way."""


GRACE = 0.8
"""The part of `stop_after` after which a process that does not return is ended."""


class Call(NamedTuple):
    """A call in flight: what waits for it, its items, its process, and when it was sent."""

    handle: Any
    items: list[Item]
    actor: Actor
    sent: float


class DistantContext(Context):
    """The work of a clone elsewhere, as it was told. `rests` is about the sender."""

    def rest(self) -> None:
        """The sender starts to wait for items."""
        self.since = 0

    def busy_now(self) -> int:
        """Nanoseconds spent on items, in the calls that have returned."""
        return self.busy


class DistantClone(RunningClone):
    """A clone that is a process of its own: see the top of this file."""

    clone: RayClone

    def __init__(self, part: RingPart, stage: Parallel, clone: RayClone, cluster: Cluster):
        super().__init__(part, stage, clone)
        core, cell = part.core, stage.node.cell
        self.context: DistantContext = core.keep(DistantContext(core.shared, clone))
        self.passing = Passing(part, stage, Context(core.shared, clone))
        self.process = Process(self, cluster)
        self.leaves = list(leaves(cell))
        self.sent_parameters: tuple[Any, Any] = (None, None)
        self.pace = Pace()
        self.take = self._take
        if cell is not None and cell.batching is not None:
            self.take = gatherer(self.inbox, cell.batching, self)
        self.slots = threading.Semaphore(IN_FLIGHT)
        self.calls: SimpleQueue[Call | None] = SimpleQueue()
        self.flight: deque[Call] = deque()
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
        receiver = threading.Thread(
            target=self._receiving, name=f"torchpipe {self.name} receiver", daemon=True
        )
        receiver.start()
        try:
            quietly(self._send_all, self.part.ring)()
        finally:
            self.calls.put(None)
            receiver.join()
            self.gone.set()

    def _send_all(self) -> None:
        self.context.work()
        while not self.ended:
            self.slots.acquire()
            batch, other = self.take() if not self.ended else ([], None)
            self._send_apart(batch)
            if other is None:
                continue
            if other.error is RETIRE:
                if self._stops(other):
                    return
            else:
                self.passing.hand_over(other)

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

    def _send_apart(self, batch: list[Item]) -> None:
        """Send the items, those under suspicion alone; gives back the slot that is left over."""
        suspects = [item for item in batch if item.number in self.attempts]
        others = [item for item in batch if item.number not in self.attempts]
        for some in [*([others] if others else []), *([item] for item in suspects)]:
            self._send(some)
            self.slots.acquire()
        self.slots.release()

    @property
    def attempts(self) -> dict[int, int]:
        """For each item that was lost with a process: how often."""
        return self.part.attempts[self.stage]

    def _send(self, items: list[Item]) -> None:
        """Send these items; the slot is given back when they come back."""
        rows, sent = [], []
        for item in items:
            row = self.passing.arguments(item)
            if row is HOLE:
                self._finish(item, HOLE)
            elif self.broken is not None:
                self._finish(item, self.broken)
            else:
                rows.append(row)
                sent.append(item)
        if not sent or not self._post(sent, rows):
            self.slots.release()

    def _post(self, items: list[Item], rows: list[tuple[Any, ...]]) -> bool:
        """Send a call; say whether one is in flight."""
        actor = self.process.actor
        if actor is None:
            self._give_back(items)
            self.process.there.wait()
            return False
        parameters = self._parameters_for(actor)
        work = Work([item.number for item in items], rows, parameters)
        try:
            handle = actor.send(work)
        except Exception as error:
            return self._post_one_by_one(items, rows, error)
        if parameters is not None:
            self.sent_parameters = actor, parameters
        call = Call(handle, items, actor, monotonic())
        self.flight.append(call)
        self.calls.put(call)
        return True

    def _post_one_by_one(
        self, items: list[Item], rows: list[tuple[Any, ...]], error: Exception
    ) -> bool:
        """Something cannot be sent: find out what."""
        if len(items) == 1:
            number = items[0].number
            self._finish(items[0], self.context.blamed(error, self.stage.node.path, number))
            return False
        for item, row in zip(items, rows, strict=True):
            if self._post([item], [row]):
                self.slots.acquire()
        return False

    def _parameters_for(self, actor: Actor) -> list[dict[str, Any]] | None:
        """The values of all live parameters, if the process does not have them yet."""
        now = [dict(cell._values) for cell in self.leaves]
        to, last = self.sent_parameters
        if to is actor and all(map(same_values, last, now)):
            return None
        return now

    def _give_back(self, items: list[Item]) -> None:
        for item in items:
            self.inbox.put(item)

    # -- the receiver

    def _receiving(self) -> None:
        try:
            quietly(self._receive_all, self.part.ring)()
        except BaseException as error:
            self.part.core.broken(error)
        finally:
            self.process.there.set()
            self.slots.release(IN_FLIGHT)  # whoever waits for one may go on, and end

    def _receive_all(self) -> None:
        while (call := self.calls.get()) is not None:
            self._receive(call)
            self.slots.release()

    def _receive(self, call: Call) -> None:
        deadline = self.clone.deadline
        try:
            report = call.actor.receive(call.handle, deadline and deadline * len(call.items))
        except Lost as lost:
            self._lose(call, lost)
            return
        except Exception as error:  # not of a cell: something did not survive the way
            report = Report([error] * len(call.items))
        self.flight.popleft()
        self.process.lost_in_a_row = 0
        self.pace.returned(len(call.items), call.sent, report.busy / 1e9)
        self._settle(call, report)

    def _settle(self, call: Call, report: Report) -> None:
        """Finish the items of a call."""
        self.context.busy += report.busy
        self.context.count += len(call.items)
        self.context.number = call.items[-1].number
        exceeded = self._judged(report)
        for item, result in zip(call.items, report.results, strict=True):
            self.attempts.pop(item.number, None)
            self._finish(item, exceeded.get(item.number, result))

    def _judged(self, report: Report) -> dict[int, BaseException]:
        """Count what was skipped; return the errors of the items that were too many."""
        shared = self.context.shared
        with shared.lock:
            for path, count in report.seen.items():
                shared.seen[path] = shared.seen.get(path, 0) + count
        exceeded: dict[int, BaseException] = {}
        for letter, failure, skip in report.letters:
            try:
                shared.skip(letter.holding(failure.error()), skip)
            except BudgetExceeded as error:
                exceeded[letter.item] = self.context.blamed(error, letter.cell, letter.item)
        return exceeded

    def _finish(self, item: Item, result: Any) -> None:
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

    # -- loss

    def _lose(self, call: Call, lost: Lost) -> None:
        """The process of a call is lost: see that its items are run again."""
        ring = self.part.ring
        if ring.stopped:
            return
        self.flight.remove(call)
        if call.actor is not self.process.actor:  # sent before the loss was known
            self._give_back(call.items)
            return
        self.process.lose()
        if self.stage.ordered:
            self._break(call, lost)
            return
        for item in call.items:
            self._suspect(item, lost)
        for other in self._rest_of_flight():
            self._give_back(other.items)
        self.process.replace()

    def _rest_of_flight(self) -> list[Call]:
        """Take the calls that are in flight behind a lost one; their slots are free again."""
        taken = []
        while self.flight:
            taken.append(self.flight.popleft())
            self.calls.get()
            self.slots.release()
        return taken

    def _suspect(self, item: Item, lost: Lost) -> None:
        """Run an item again, unless it was lost too often."""
        self.attempts[item.number] = self.attempts.get(item.number, 0) + 1
        if self.attempts[item.number] < ATTEMPTS:
            self.inbox.put(item)
            return
        del self.attempts[item.number]
        self._finish(item, self._blamed_loss(item, f"{ATTEMPTS} times its process was lost", lost))

    def _blamed_loss(self, item: Item, what: str, lost: Lost) -> BaseException:
        error = CloneLost(
            f"{what} while {self.stage.node.path} worked on item {item.number}: {lost}"
        )
        return self.context.blamed(error, self.stage.node.path, item.number)

    def _break(self, call: Call, lost: Lost) -> None:
        """What a stateful clone knew is gone: all its items fail, and all that come."""
        self.broken = self._blamed_loss(call.items[0], "a stateful clone was lost", lost)
        self.process.there.set()
        for some in [call, *self._rest_of_flight()]:
            for item in some.items:
                self._finish(item, self.broken)

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
        for call in list(self.flight)[1:]:
            call.actor.cancel(call.handle)


def same_values(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether both hold the very same objects."""
    return one.keys() == other.keys() and all(one[name] is other[name] for name in one)
