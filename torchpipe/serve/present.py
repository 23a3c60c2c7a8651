"""`Present`: work for a client that is still there."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from torchpipe.serve.refusals import Gone

SOON = 0.02  # seconds after which a request that still waits is worth a task of its own


class Present:
    """Cancels the work within when the client goes; quick work is done before it looks.

    Raises:
        Refusal: The client has gone; nobody reads it.
    """

    def __init__(self, request: Request):
        self._request, self._gone = request, False
        self._watch: asyncio.Future[None] | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(SOON, self._begin)

    async def __aexit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
        if self._gone and kind is asyncio.CancelledError:
            raise Gone

    def _begin(self) -> None:
        self._watch = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._task is not None:
            self._task.cancel()
