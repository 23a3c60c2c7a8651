"""`show`: the page of a run behind a port, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import uvicorn

from torchpipe.addresses import is_loopback, page_at, url_of
from torchpipe.dashboard.board import Board
from torchpipe.dashboard.guard import LOOPBACK
from torchpipe.dashboard.server import guarded
from torchpipe.dashboard.tail import Tail
from torchpipe.dashboard.watch import Watch
from torchpipe.engine.run import Run
from torchpipe.errors import UsageError

CLOSING = 1  # seconds that open connections get at the end


def show(run: Run, *, host: str = "127.0.0.1", port: int = 0, token: str | None = None) -> Page:
    """Show a run in a browser, as long as the `with` block lasts.

    ::

        with pipeline.run() as run, torchpipe.dashboard.show(run) as page:
            print(page.url)
            for result in page.results():
                ...

    Args:
        run: The run; it may end before the block does.
        host: The address to listen on: by default nobody but this machine can connect.
        port: The port; 0 takes a free one.
        token: What a browser must bring; needed on any address but loopback.

    Raises:
        UsageError: The address cannot be had, or only with a token.
    """
    return Page(run, host, port, token)


class Page:
    """The page of a run, behind a port; made by `show`.

    Attributes:
        url: Where it is, its token included.
        board: The run, and how it goes.
    """

    def __init__(self, run: Run, host: str, port: int, token: str | None):
        local = is_loopback(host)
        if token is None and not local:
            raise UsageError(
                f"cannot show the run on {host} without a token: whoever reaches it could change "
                f"the run. Give a token (--token, or TORCHPIPE_TOKEN), or show it on 127.0.0.1."
            )
        self.board, self._tail = Board(run), Tail()
        self._watch = Watch(self.board, self._tail)
        made = guarded(self._watch, token, LOOPBACK if token is None else None)
        self._socket = bound(host, port)
        self.url = page_at(url_of(self._socket.getsockname()), token)
        config = uvicorn.Config(
            made,
            http="h11",  # which bounds the head of a request
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=CLOSING,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="dashboard", daemon=True)

    def results(self) -> Iterator[Any]:
        """The results of the run; the page can pause them."""
        return self.board.results()

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._server.serve(sockets=[self._socket]))

    def _close(self) -> None:
        self._watch.close()
        self._server.should_exit = True

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._tail.listen()
        self._thread.start()
        self._loop.call_soon_threadsafe(self._watch.start)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception):
            self.board.failed(error)
        self.board.resume()
        self._loop.call_soon_threadsafe(self._close)
        self._thread.join()
        self._socket.close()
        self._tail.close()


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        UsageError: It cannot.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}, port {port}: {error.strerror}. Take another --port, or 0 "
            f"for one that is free."
        ) from None
