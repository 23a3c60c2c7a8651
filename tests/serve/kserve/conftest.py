"""Services that listen on a port of this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

import torchpipe as tp

pytest.importorskip("fastapi")

Serve = Callable[..., str]


@contextmanager
def listening(pipeline: tp.Pipeline, **options: Any) -> Iterator[str]:
    """A service on a free port; gives the address."""
    import uvicorn

    from torchpipe.serve import app

    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = app(pipeline, **options)
        server = uvicorn.Server(uvicorn.Config(made, log_level="error", lifespan="on"))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"  # it listens: the first request waits
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture(scope="session", autouse=True)
def clients_and_loops_are_ready() -> None:
    """Let them open what they keep for all time, before tests look at what is left behind."""
    pytest.importorskip("uvloop").new_event_loop().close()
    triton = pytest.importorskip("tritonclient.http")
    with triton.InferenceServerClient("127.0.0.1:1") as client, suppress(OSError):
        client.is_server_live()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve pipelines until the test ends."""
    with ExitStack() as stack:
        yield lambda pipeline, **options: stack.enter_context(listening(pipeline, **options))
