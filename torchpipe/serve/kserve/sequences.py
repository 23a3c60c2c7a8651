"""`Sequences`: the sequences that clients name, each a session of the run.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_sequence.md
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from torchpipe.engine.session import Session
from torchpipe.serve.kserve.parameters import Sequence
from torchpipe.serve.kserve.shown import shown
from torchpipe.serve.refusals import Refusal

Make = Callable[[], Session | None]
End = Callable[[Session | None], Awaitable[None]]


@dataclass(eq=False)
class Named:
    """A session that a client calls by a name.

    Attributes:
        session: The session.
        users: How many requests are under way in it.
        idle: Ends it when nobody came for too long; None while somebody is here.
    """

    session: Session | None
    users: int = 0
    idle: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Somebody is here."""
        self.users += 1
        if self.idle is not None:
            self.idle.cancel()
            self.idle = None


class Sequences:
    """Finds the session that a request belongs to. All calls come from one event loop.

    Args:
        make: Opens a session; refuses it if there are too many.
        end: Ends one.
        idle: Seconds after its last request at which a sequence ends by itself.
    """

    def __init__(self, make: Make, end: End, idle: float):
        self._make, self._finish, self._idle = make, end, idle
        self._named: dict[int | str, Named] = {}
        self._ends: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def session(self, sequence: Sequence) -> AsyncIterator[Session | None]:
        """The session of a request, which ends with the request that says so.

        Raises:
            Refusal: There is no such sequence; or there are too many.
        """
        if sequence.start:
            await self._start(sequence.id)
        named = self._named.get(sequence.id)
        if named is None:
            raise Refusal(
                f"there is no sequence {shown(sequence.id)}: send sequence_start with its first "
                f"request. It may have ended, or been idle for {self._idle:g} seconds."
            )
        named.wake()
        try:
            yield named.session
        finally:
            await self._left(sequence, named)

    async def _start(self, name: int | str) -> None:
        """Open a session of this name; one that is there ends, also if others just opened it."""
        while (old := self._named.pop(name, None)) is not None:
            await self._end(old)
        self._named[name] = Named(self._make())

    async def _left(self, sequence: Sequence, named: Named) -> None:
        """A request has left."""
        named.users -= 1
        if self._named.get(sequence.id) is not named:
            return
        if sequence.end:
            del self._named[sequence.id]
            await self._end(named)
        elif not named.users:
            loop = asyncio.get_running_loop()
            named.idle = loop.call_later(self._idle, self._expire, sequence.id)

    def _expire(self, name: int | str) -> None:
        end = asyncio.get_running_loop().create_task(self._end(self._named.pop(name)))
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)

    async def _end(self, named: Named) -> None:
        """End a session, after what is inside."""
        if named.idle is not None:
            named.idle.cancel()
        await self._finish(named.session)

    def __len__(self) -> int:
        return len(self._named)
