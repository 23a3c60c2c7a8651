"""`LivePage`: the live page of a service's run, at `/dashboard`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from torchpipe.dashboard.board import Board
from torchpipe.dashboard.server import guarded
from torchpipe.dashboard.tail import Tail
from torchpipe.dashboard.watch import Watch
from torchpipe.serve.gate import PAGE
from torchpipe.serve.service import Service


class LivePage:
    """The page, once the run has started.

    Where there is a token the page asks for it itself, as a browser brings it in a cookie. Without
    one, the gate has made sure that the request comes from this machine.

    Args:
        service: The run.
        token: What requests must bring, or None.
    """

    def __init__(self, service: Service, token: str | None):
        self.service, self._token = service, token
        self.routes: list[BaseRoute] = [Route(PAGE, to_the_page), Mount(PAGE, app=self)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        await self._guard(scope, receive, send)

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """The lifespan of the app: the run goes on, and can be looked at."""
        async with self.service.running():
            watch = Watch(Board(self.service.run), Tail())
            self._guard = guarded(watch, self._token, None)
            self.service.at_end.append(watch.close)
            watch.tail.listen()
            watch.start()
            try:
                yield
            finally:
                watch.close()
                watch.tail.close()


async def to_the_page(request: Request) -> Response:
    """The page's own addresses are relative, so it has to end with a slash."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{PAGE[1:]}/{query}")
