"""`Receiver`: finishes the items of the calls of a clone elsewhere, or has them run again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchpipe.engine.item import Item
from torchpipe.engine.remote.afar import Afar
from torchpipe.engine.remote.again import Again
from torchpipe.engine.remote.calls import IN_FLIGHT, Call, Calls
from torchpipe.engine.remote.failure import Lost, ValueLost
from torchpipe.engine.remote.held import Away, Held, Stored, here
from torchpipe.engine.remote.work import Report
from torchpipe.engine.ring import quietly
from torchpipe.errors import BudgetExceeded, CloneLost

if TYPE_CHECKING:
    from torchpipe.engine.remote.distant import DistantClone

ATTEMPTS = 3
"""How many processes may be lost with an item in them before that is an error."""


class Receiver:
    """The receiver of one clone; `run` is the work of its thread."""

    def __init__(self, owner: DistantClone):
        self.owner = owner
        self.calls: Calls = owner.calls
        self.afar = Afar(owner.context, owner.stage.node.path)

    def run(self) -> None:
        """Receive until there are no more calls."""
        try:
            quietly(self._receive_all, self.owner.part.ring)()
        except BaseException as error:
            self.owner.part.core.broken(error)
        finally:
            self.owner.process.there.set()
            self.calls.slots.release(IN_FLIGHT)  # whoever waits for one may go on, and end

    def _receive_all(self) -> None:
        while (call := self.calls.next()) is not None:
            self._receive(call)
            self.calls.slots.release(call.slots)

    def _receive(self, call: Call) -> None:
        try:
            report = call.actor.receive(call.handle, self.owner.clone.deadline)
        except ValueLost as lost:
            if not self._fetched(call):
                self._lose(call, lost)
            return
        except Lost as lost:
            self._lose(call, lost)
            return
        except Exception as error:  # not of a cell: something did not survive the way
            report = Report([error] * len(call.items))
        self.calls.done(call)
        self.owner.process.lost_in_a_row = 0
        self.owner.pace.returned(len(call.items), call.sent, report.busy / 1e9, report.size)
        self._settle(call, report)

    def _fetched(self, call: Call) -> bool:
        """Get what a call was to read and did not find, and have it run again.

        Returns:
            Whether there was such a thing.
        """
        rows = [self.owner.passing.arguments(item) for item in call.items]
        missing = [v for row in rows for v in row if isinstance(v, Stored) and not v.fetched]
        if not missing:
            return False
        self.calls.done(call)
        for item, row in zip(call.items, rows, strict=True):
            try:
                tuple(map(here, row))
            except BaseException as error:
                self.owner.finish(item, self.owner.blamed(error, item))
            else:
                self.owner.give_back([item])
        return True

    def _settle(self, call: Call, report: Report) -> None:
        """Finish the items of a call."""
        context = self.owner.context
        context.told += report.busy / 1e9
        context.spent += report.cpu / 1e9
        if report.gpu is not None:
            context.waited_for_gpu = (context.waited_for_gpu or 0.0) + report.gpu
            context.held = report.memory
        context.service.add(report.busy / 1e9 / len(call.items))
        context.count += len(call.items)
        context.sent += report.sent
        context.received += report.received
        context.number = call.items[-1].number
        marked = (item for item in call.items if item.cut is not None)
        for item, cut in zip(marked, report.cuts, strict=False):  # there are none, if it failed
            item.cut.add_distant(cut, report.received)
        exceeded = self._judged(report)
        if call.timed is not None:
            self.afar.tell(call.items, report, call.timed)
        for item, result in zip(call.items, report.results, strict=True):
            self.owner.attempts.pop(item.number, None)
            self.owner.finish(
                item, exceeded.get(item.number, self._found(item, result, call, report))
            )

    def _found(self, item: Item, result: Any, call: Call, report: Report) -> Any:
        """The result of an item, with what is stored elsewhere ready to be fetched."""
        holds = self.owner.holds
        if holds is None:
            return result

        def found(value: Any, _: int) -> Any:
            if isinstance(value, Held):
                self.owner.context.received -= value.size
            if not isinstance(value, Away):
                return value
            again = Again(self.owner, item.number, self.owner.passing.arguments(item))
            return Stored(report.parcel, value, call.actor.fetch, again.output)

        return holds.applied(result, found)

    def _judged(self, report: Report) -> dict[int, BaseException]:
        """Count what was skipped; return the errors of the items that were too many."""
        shared = self.owner.context.shared
        with shared.lock:
            for path, count in report.seen.items():
                shared.seen[path] = shared.seen.get(path, 0) + count
        exceeded: dict[int, BaseException] = {}
        for letter, failure, skip in report.letters:
            try:
                shared.skip(letter.holding(failure.error()), skip)
            except BudgetExceeded as error:
                exceeded[letter.item] = self.owner.context.blamed(error, letter.cell, letter.item)
        return exceeded

    def _lose(self, call: Call, lost: Lost) -> None:
        """The process of a call is lost: see that its items are run again."""
        owner = self.owner
        if owner.part.ring.stopped:
            return
        self.calls.done(call)
        if call.actor is not owner.process.actor:  # sent before the loss was known
            owner.give_back(call.items)
            return
        owner.process.lose()
        if owner.stage.ordered:
            self._break(call, lost)
            return
        for item in call.items:
            self._suspect(item, lost)
        for other in self.calls.behind():
            owner.give_back(other.items)
        owner.process.replace()

    def _suspect(self, item: Item, lost: Lost) -> None:
        """Run an item again, unless it was lost too often."""
        attempts = self.owner.attempts
        attempts[item.number] = attempts.get(item.number, 0) + 1
        if attempts[item.number] < ATTEMPTS:
            self.owner.give_back([item])
            return
        del attempts[item.number]
        error = self._blamed(item, f"{ATTEMPTS} times its process was lost", lost)
        self.owner.finish(item, error)

    def _blamed(self, item: Item, what: str, lost: Lost) -> BaseException:
        path = self.owner.stage.node.path
        error = CloneLost(f"{what} while {path} worked on item {item.number}: {lost}.")
        self.owner.context.raised(path, item.number, error)
        return self.owner.blamed(error, item)

    def _break(self, call: Call, lost: Lost) -> None:
        """What a stateful clone knew is gone: all its items fail, and all that come."""
        broken = self._blamed(call.items[0], "a stateful clone was lost", lost)
        self.owner.broken = broken
        self.owner.process.there.set()
        for some in [call, *self.calls.behind()]:
            for item in some.items:
                self.owner.finish(item, broken)
