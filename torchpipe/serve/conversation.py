"""`Conversation`: messages in and answers out of one WebSocket, in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import WebSocket

from torchpipe.serve.held import Share
from torchpipe.serve.refusals import Crowded

Answer = asyncio.Future[bytes]
TRY_AGAIN_LATER = 1013


class Conversation:
    """What a client says in one WebSocket, and what it is told.

    Args:
        socket: Where it is.
        share: Where messages are counted until they are answered: bytes, or characters of text.
        most: Most messages whose answers are awaited; meanwhile no more are read.
        begin: Begins the answer to a message.
        tell: Sends an answer.
    """

    def __init__(
        self,
        socket: WebSocket,
        share: Share,
        most: int,
        begin: Callable[[str | bytes], Answer],
        tell: Callable[[bytes], Awaitable[None]],
    ):
        self._socket, self._begin, self._tell, self._share = socket, begin, tell, share
        self._room = asyncio.Semaphore(most)
        self._waiting: asyncio.Queue[tuple[Answer, int]] = asyncio.Queue()

    async def hold(self) -> None:
        """Answer until the client goes; what it waits for then is cancelled."""
        both = [asyncio.ensure_future(self._receive()), asyncio.ensure_future(self._send())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            while not self._waiting.empty():
                self._waiting.get_nowait()[0].cancel()

    async def _receive(self) -> None:
        while (message := await self._socket.receive())["type"] == "websocket.receive":
            text = message.get("text") or message.get("bytes") or b""
            try:
                self._share.add(len(text))
            except Crowded as refusal:
                await self._socket.close(TRY_AGAIN_LATER, refusal.detail)
                return
            await self._room.acquire()
            self._waiting.put_nowait((self._begin(text), len(text)))

    async def _send(self) -> None:
        while True:
            one, size = await self._waiting.get()
            try:
                await self._tell(await one)
            finally:
                one.cancel()
            self._share.add(-size)
            self._room.release()
