"""`Pump`: between the event loop and the run: items in, results back in bunches."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any, TypeVar

from torchpipe.errors import Stopped
from torchpipe.serve.refusals import CellFailed

Submit = Callable[..., "Future[Any]"]
TryToSubmit = Callable[..., "Future[Any] | None"]
F = TypeVar("F", bound="Future[Any] | None")
SOON = 0.0005  # seconds for which results may wait for others to be given back with


class Ticket:
    """One item on its way.

    Attributes:
        values: The inputs; let go of when they are in the run.
        submit: What takes them, in the thread of the pump.
        waiter: Whoever waits for the result, in the event loop.
        future: That of the run, once the item is in it.
        dropped: Whether nobody waits any more.
    """

    __slots__ = ("dropped", "future", "submit", "values", "waiter")

    def __init__(self, submit: Submit, values: Mapping[str, Any], waiter: asyncio.Future[Any]):
        self.submit, self.waiter = submit, waiter
        self.values: Mapping[str, Any] | None = values
        self.future: Future[Any] | None = None
        self.dropped = False

    def entered(self, future: Future[Any]) -> None:
        """The item is in the run."""
        self.future = future
        if self.dropped:  # meanwhile
            future.cancel()

    def drop(self) -> None:
        """Nobody waits for the result any more: no cell takes the item from here on."""
        self.dropped, self.values = True, None
        if self.future is not None:
            self.future.cancel()


class Pump:
    """Puts items into a run, and gives results back to the event loop.

    `submit` waits for room in the window, and runs what is not scaled up, so the loop must not call
    it: a thread does. Many items pass for each switch of threads: what has come since the last one
    goes together. Where an item passes to clones at once the loop puts it in itself, if none is
    before it.

    Args:
        loop: Where results are awaited.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._loop = loop
        self._inbox: SimpleQueue[Ticket | None] = SimpleQueue()
        self._done: deque[tuple[Ticket, Future[Any]]] = deque()
        self._called = False
        self._sent = self._taken = 0  # tickets for the thread; each is counted by one side only
        self._thread = threading.Thread(target=self._main, name="torchpipe submit", daemon=True)
        self._thread.start()

    def put(
        self, submit: Submit, values: Mapping[str, Any], at_once: TryToSubmit | None = None
    ) -> Ticket:
        """Send an item in, in the event loop; its ticket has the waiter.

        Args:
            submit: What takes it, and may block.
            values: The inputs, by name.
            at_once: What takes it if that does not block; else it returns None.
        """
        ticket = Ticket(submit, values, self._loop.create_future())
        if at_once is None or not self._entered_at_once(ticket, at_once):
            self._sent += 1
            self._inbox.put(ticket)
        return ticket

    def _entered_at_once(self, ticket: Ticket, at_once: TryToSubmit) -> bool:
        """Put the item in here and now, if that is possible, and none waits before it."""
        if self._sent != self._taken:
            return False
        future = attempted(at_once, ticket.values or {}, Exception)  # here, Ctrl-C may be raised
        if future is None:
            return False
        ticket.values = None
        ticket.entered(future)
        future.add_done_callback(lambda done: self._came(ticket, done))
        return True

    def stop(self) -> None:
        """End the thread; what is still in the inbox is never submitted."""
        self._inbox.put(None)
        self._thread.join()

    def _main(self) -> None:
        while (ticket := self._inbox.get()) is not None:
            until = perf_counter() + SOON
            while ticket is not None and perf_counter() < until:
                self._enter(ticket)
                ticket = self._next()
            if ticket is not None:
                self._enter(ticket)
            self._call()
            del ticket  # while it waits for the next one, nobody holds its values

    def _next(self) -> Ticket | None:
        """The next item that waits already, if there is one."""
        try:
            ticket = self._inbox.get_nowait()
        except Empty:
            return None
        if ticket is None:  # the end, for `_main`
            self._inbox.put(None)
        return ticket

    def _enter(self, ticket: Ticket) -> None:
        values, ticket.values = ticket.values, None
        if values is not None:  # else it was dropped
            future = attempted(ticket.submit, values)
            ticket.entered(future)
            if future.done():  # without clones: `_main` gives back all that waited, together
                self._done.append((ticket, future))
            else:
                future.add_done_callback(lambda done: self._came(ticket, done))
        self._taken += 1

    def _came(self, ticket: Ticket, future: Future[Any]) -> None:
        """Called in whichever thread has the result."""
        self._done.append((ticket, future))
        self._call()

    def _call(self) -> None:
        """Let the event loop look at what is done, if it is not about to."""
        if self._done and not self._called:
            self._called = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        """In the event loop: settle all whose results have come."""
        self._called = False
        while self._done:
            ticket, future = self._done.popleft()
            if not ticket.waiter.done():
                settle(ticket.waiter, future)


def attempted(
    submit: Callable[..., F], values: Mapping[str, Any], caught: type[BaseException] = BaseException
) -> F | Future[Any]:
    """What `submit` returns, or a future of what it raises."""
    try:
        return submit(**values)
    except caught as error:
        failed: Future[Any] = Future()
        failed.set_exception(error)
        return failed


def settle(waiter: asyncio.Future[Any], future: Future[Any]) -> None:
    """Give a waiter what a future has."""
    try:
        error = future.exception()
    except CancelledError:
        error = Stopped("the item was cancelled.")
    if error is not None and not isinstance(error, Exception):
        error = CellFailed(error)  # such as SystemExit, which would end the event loop
    if error is not None:
        waiter.set_exception(error)
    else:
        waiter.set_result(future.result())
