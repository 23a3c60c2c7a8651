"""`serve`: a pipeline behind a port, until somebody ends it; what is inside is finished first."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import uvicorn

from torchpipe.addresses import is_loopback, url_of
from torchpipe.errors import UsageError
from torchpipe.graph.pipeline import Pipeline
from torchpipe.serve.asgi import app
from torchpipe.serve.head import BoundedHead
from torchpipe.serve.service import Service

log = logging.getLogger("torchpipe.serve")

CLOSING = 0.5  # seconds that open connections get after all items have left
STUCK = 0.5  # seconds that a call gets then, before it is left behind


def serve(
    pipeline: Pipeline,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    drain: float = 2.5,
    tell: Callable[[str], None] | None = None,
    **settings: Any,
) -> None:
    """Serve a pipeline until SIGTERM or Ctrl-C; call it in the main thread.

    Then `/readyz` says 503, new requests are refused, and those inside are finished.

    Args:
        pipeline: An open pipeline.
        host: The address to listen on: by default nobody but this machine can connect.
        port: The port; 0 takes a free one.
        token: What requests to control the run must bring; needed on any address but loopback.
        drain: Seconds that requests inside get to finish, at the end.
        tell: Called with the URL, once the service is ready.
        **settings: Those of `app`, and of the run.

    Raises:
        UsageError: The pipeline cannot be served, or not on that address without a token.
    """
    if token is None and not is_loopback(host):
        raise UsageError(
            f"cannot serve on {host} without a token: whoever reaches it could change the run. "
            f"Give a token (--token, or TORCHPIPE_TOKEN), or serve on 127.0.0.1."
        )
    gate = app(pipeline, token=token, **{"stop_after": STUCK, **settings})
    for one in gate.service.inputs.values():
        if one.advice:
            log.warning(one.advice)
    with settled() as settle:

        def ready(url: str) -> None:
            settle()
            if tell is not None:
                tell(url)

        Server(gate, gate.service, host, port, drain, ready).run()


@contextmanager
def settled() -> Iterator[Callable[[], None]]:
    """Gives what is called when all is loaded: then the collector of garbage passes all that by.

    It would look through half a million objects again and again, 0.1 s each time, while all wait.
    """

    def settle() -> None:
        gc.collect()
        gc.freeze()

    try:
        yield settle
    finally:
        gc.unfreeze()


class Server(uvicorn.Server):
    """A server that lets what is inside finish before it ends.

    Args:
        app: What it serves; a `Gate`.
        service: The run behind that.
        host: The address.
        port: The port, or 0.
        drain: Seconds that requests inside get at the end.
        tell: Called with the URL.
    """

    def __init__(
        self,
        app: Any,
        service: Service,
        host: str,
        port: int,
        drain: float,
        tell: Callable[[str], None] | None,
    ):
        config = uvicorn.Config(
            app, host=host, port=port, http=BoundedHead,
            access_log=False, log_config=None, server_header=False,
            ws_max_size=app.most, ws_per_message_deflate=False,  # 256 kB of it can be 256 MB
            timeout_graceful_shutdown=CLOSING, lifespan="on",  # type: ignore[arg-type]
        )  # fmt: skip
        super().__init__(config)
        self.service, self.drain, self.tell = service, drain, tell
        self._leaving: asyncio.Task[None] | None = None
        logging.getLogger("uvicorn").setLevel(logging.WARNING)

    async def startup(self, sockets: Any = None) -> None:
        """Listen, and say where."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.tell is not None and self.started:
            self.tell(url_of(self.servers[0].sockets[0].getsockname()))

    async def shutdown(self, sockets: Any = None) -> None:
        """Stop to listen; those who look at the live page go first."""
        for end in self.service.at_end:
            end()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain, and then exit; a second signal does not wait."""
        if self.service.draining:
            self.should_exit = self.force_exit = True
            return
        self.service.draining = True
        self._loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        self._leaving = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.service.drained(), self.drain)
        self.should_exit = True
