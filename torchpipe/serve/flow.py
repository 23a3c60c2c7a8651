"""`Flow`: the results of one item that gives several, as the event loop takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from torchpipe.engine.item import END
from torchpipe.engine.reply import WAITING, Reply
from torchpipe.serve.admission import Admission
from torchpipe.serve.refusals import CellFailed, DeadlineExceeded, TooSlow

if TYPE_CHECKING:
    from torchpipe.serve.pump import Pump, Submit

AHEAD = 64  # most results of an item that wait for its client
SLOW = 5.0  # seconds for which a client may take none while others wait behind them

Outputs = Mapping[str, Any]


class Flow:
    """All results of one item, in order.

    Args:
        loop: Where they are taken.
        named: Makes the outputs by name of a result.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, named: Callable[[Any], Outputs]):
        self._loop, self._named = loop, named
        self._more = asyncio.Event()
        self._slow: asyncio.TimerHandle | None = None
        self.reply = Reply(AHEAD, self._came)

    def _came(self) -> None:
        """Called in whichever thread has something."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._more.set)

    def __aiter__(self) -> AsyncIterator[Outputs]:
        return self

    async def __anext__(self) -> Outputs:
        self._rest()
        await asyncio.sleep(0)  # however many there are, others have their turn
        while (value := self._taken()) is WAITING:
            self._more.clear()
            await self._more.wait()
        if value is END:
            raise StopAsyncIteration
        self._watch()
        return self._named(value)

    def _taken(self) -> Any:
        try:
            return self.reply.take_nowait()
        except Exception:
            raise
        except BaseException as error:  # such as SystemExit, which would end the event loop
            raise CellFailed(error) from error

    def _watch(self) -> None:
        """See to it that the next one is asked for."""
        self._slow = self._loop.call_later(SLOW, self._look)

    def _look(self) -> None:
        if self.reply.full:
            self.reply.fail(TooSlow(SLOW))
        else:
            self._watch()

    def _rest(self) -> None:
        if self._slow is not None:
            self._slow.cancel()

    def close(self) -> None:
        """Nobody takes any more."""
        self._rest()
        self.reply.cancel()


class Flowing(Admission):
    """The part of a `Service` for items that give several results."""

    _pump: Pump
    _named: Callable[[Any], Outputs]
    _spanned: Callable[[Submit], Submit]

    @asynccontextmanager
    async def flow(
        self, values: Outputs, *, deadline: float | None = None, request_id: str = ""
    ) -> AsyncIterator[Flow]:
        """All outputs for these inputs, each as soon as it is there; the end drops the rest.

        Args:
            values: The inputs, by name.
            deadline: Seconds until the last must be there; by default that of the service.
            request_id: What the log names the request.

        Raises:
            Refusal: There are no more, because of an error: see `refusals`.
        """
        with self.admitted(request_id):
            flow = Flow(asyncio.get_running_loop(), self._named)
            ticket = self._pump.put(self._spanned(partial(self._sent, flow.reply)), values)
            late = self.timer(deadline, self._late, flow.reply)
            try:
                yield flow
            finally:
                if late is not None:
                    late.cancel()
                ticket.drop()
                flow.close()

    def _sent(self, reply: Reply, /, **values: Any) -> Future[None]:
        """Put an item in, in the pump's thread; its results come meanwhile, or its error."""
        done: Future[None] = Future()
        try:
            self.run.send(reply, **values)
        except BaseException as error:
            reply.fail(error)
        done.set_result(None)
        return done

    def _late(self, reply: Reply, seconds: float) -> None:
        reply.fail(DeadlineExceeded(seconds, some=True))
