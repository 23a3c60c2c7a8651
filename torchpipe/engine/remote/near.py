"""`Near`: calls to a clone on this node, over a socket; their contents lie in shared memory."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

from torchpipe.engine.remote.channel import Address, Channel, Listener
from torchpipe.engine.remote.failure import Late, Lost, raise_failure
from torchpipe.engine.remote.held import Stored
from torchpipe.engine.remote.lending import SPARE, Lending, lent_size
from torchpipe.engine.remote.letters import BEGUN, CALLED_BACK, PROGRESS, Answer, Contents, Letter
from torchpipe.engine.remote.segments import Lease, Place, Pool
from torchpipe.engine.remote.wire import decoded, encoded
from torchpipe.engine.remote.work import Report, Work


class Sent(NamedTuple):
    """A call in flight.

    Attributes:
        call: Its number.
        items: How many there are in it.
        request: The number of the request.
        size: Its bytes.
        copied: Those of them that were copied here.
    """

    call: int
    items: int
    request: int
    size: int
    copied: int


class Near:
    """This side.

    Args:
        channel: To the process.
        lending: What it has borrowed.
        orders: A segment that it looks at before each call.
        pickler: What pickles functions and classes too.
    """

    def __init__(self, channel: Channel, lending: Lending, orders: Lease, pickler: Any):
        self._channel, self._lending, self._orders = channel, lending, orders
        self._pickler, self._calls = pickler, 0

    def ask(self, method: str, *arguments: Any, timeout: float | None = None) -> Any:
        """Call a method of the `RemoteClone` and wait for what it returns."""
        request = self._request("ask", method, *arguments)
        return self._outcome(request, timeout)

    def send(self, work: Work, holding: bool) -> Sent:
        """Begin to run some items."""
        work = work._replace(rows=[tuple(map(fetched, row)) for row in work.rows])
        message = encoded(work, self._pickler)
        call, self._calls = self._calls, self._calls + 1
        items, lending = len(work.numbers), self._lending
        contents, room = lending.contents(call, message), lending.room(call, items)
        letter = Letter(call, message.data, contents, room, lending.gone(), holding)
        request = self._request("run", letter)
        return Sent(call, items, request, message.size, message.size - lent_size(message))

    def receive(self, sent: Sent, deadline: float | None) -> Report:
        """Wait for what came of it; its arrays are its reader's own."""
        answer: Answer = self._in_time(sent.request, deadline)
        if not answer.data:
            raise Lost("it was called back")
        self._lending.returned(answer.returned)
        contents, size = answer.contents, sum(answer.contents.sizes)
        self._lending.expect(size, sent.items)
        if contents.wait:
            contents = self._fetched(sent.call, size, deadline)
        views = self._lending.answered(sent.call, contents.sizes, contents.starts)
        report: Report = decoded(answer.data, views or contents.inside or [], copy=not views)
        report.sent, report.received = sent.copied, len(answer.data) + size
        report.size = max(sent.size, report.received)
        return report

    def _in_time(self, request: int, deadline: float | None) -> Any:
        """What came of a request in which no item took longer than its deadline."""
        while True:
            before = _, items = PROGRESS.unpack(self._orders.segment.memory[BEGUN])
            try:
                return self._outcome(request, deadline and deadline * max(1, items))
            except Late:
                if PROGRESS.unpack(self._orders.segment.memory[BEGUN]) == before:
                    raise

    def _fetched(self, call: int, size: int, deadline: float | None) -> Contents:
        """The contents of an answer for which the room was too small."""
        room = self._lending.larger_room(call, int(SPARE * size))
        found: Contents = self._in_time(self._request("fetch", call, room), deadline)
        return found

    def _request(self, *what: Any) -> int:
        return self._channel.request(pickle.dumps(what, protocol=5))

    def _outcome(self, request: int, timeout: float | None) -> Any:
        value, failure = pickle.loads(self._channel.answer(request, timeout))
        raise_failure(failure)
        return value

    def cancel(self, sent: Sent) -> None:
        """Do not begin with it, nor with any other call."""
        self._orders.segment.memory[CALLED_BACK] = 1

    def close(self) -> None:
        """The process is given up."""
        self._lending.lost()
        self._channel.close()


class Offer:
    """What a process needs to know to become near: it connects, if it is on this node."""

    def __init__(self, pool: Pool, orders: Lease):
        self._pool, self._orders, self._listener = pool, orders, Listener()
        orders.segment.memory[CALLED_BACK] = 0
        orders.segment.memory[BEGUN] = PROGRESS.pack(0, 0)

    @property
    def told(self) -> tuple[Address, Place]:
        """Where to connect, and where orders are."""
        return self._listener.address, self._orders.segment.place(0, self._orders.segment.size)

    def accepted(self, alive: Callable[[], bool], pickler: Any) -> Near:
        """The line to the process, which has connected.

        Args:
            alive: Whether the process still lives, as far as others know.
            pickler: What pickles functions and classes too.
        """
        channel = Channel(self._listener.accept(), alive)
        return Near(channel, Lending(self._pool), self._orders, pickler)

    def withdraw(self) -> None:
        """Wait for nobody any more."""
        self._listener.close()


def offer_of(pool: Pool | None) -> Offer | None:
    """An offer to share memory; None if there is none to share."""
    orders = pool.lease(1) if pool is not None else None
    return Offer(pool, orders) if pool is not None and orders is not None else None


def fetched(value: Any) -> Any:
    """A value as it can be sent: what is in the object store is fetched, for this node."""
    return value.value() if isinstance(value, Stored) else value
