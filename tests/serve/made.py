"""What the tests of services are made of: pipelines, and a real server on a loopback port."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import MethodType
from typing import Any

import httpx

import torchpipe as tp
from torchpipe.serve import app
from torchpipe.serve.server import Server
from torchpipe.serve.service import Service

ROOT = Path(__file__).parents[2]
TIMEOUT = 10.0  # seconds that anything may take before the test fails


def add_one(x: int) -> int:
    return x + 1


def same(x: Any) -> int:
    return x


class Line(tp.Pipeline):
    """One number after the other through these cells."""

    def __init__(self, *cells: tp.Cell):
        super().__init__()
        self.steps, self.last = list(cells), tp.cell(same)

    def build(self, x: int) -> Any:
        for step in self.steps:
            x = step(x)
        return self.last(x)


class Typed(tp.Pipeline):
    """A function as a pipeline, which has its inputs."""

    def __init__(self, function: Any, clones: int | None = None):
        super().__init__()
        cell = tp.cell(function)
        self.cell = cell if clones is None else tp.ScaleUp(cell, clones)
        self.build = MethodType(forwarding(function), self)


def forwarding(function: Any) -> Any:
    """A `build` with the parameters of the function, which calls the cell."""

    def build(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self.cell(*args, **kwargs)

    signature = inspect.signature(function, eval_str=True)
    taken = list(signature.parameters.values())
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    build.__signature__ = inspect.Signature([own, *taken])  # type: ignore[attr-defined]
    build.__annotations__ = {
        one.name: one.annotation for one in taken if one.annotation is not one.empty
    }
    return build


@dataclass
class Live:
    """A service that runs."""

    url: str
    service: Service
    server: Server

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextmanager
def serving(pipeline: tp.Pipeline, drain: float = 1.0, **settings: Any) -> Iterator[Live]:
    """Serve a pipeline from a thread; at the end, nothing of it is left."""
    gate = app(pipeline, stop_after=1.0, **settings)
    told: SimpleQueue[str] = SimpleQueue()
    server = Server(gate, gate.service, "127.0.0.1", 0, drain, told.put)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Live(told.get(timeout=TIMEOUT), gate.service, server)
    finally:
        server.should_exit = True
        thread.join(TIMEOUT)


@contextmanager
def serving_apart(
    target: str, *words: str, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`torchpipe serve` in a process of its own, and the URL that it tells."""
    command = [sys.executable, "-m", "torchpipe.cli", "serve", target, "--port", "0", *words]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.kill()


@contextmanager
def asking(pipeline: tp.Pipeline, **settings: Any) -> Iterator[httpx.Client]:
    """A client of a pipeline that is served."""
    with (
        serving(pipeline, **settings) as live,
        httpx.Client(base_url=live.url, timeout=TIMEOUT) as client,
    ):
        yield client


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The body of an error, which must have the one shape."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = response.json()
    assert told["status"] == status
    assert told["error"] == told["detail"]
    assert told["request_id"] == response.headers["x-request-id"]
    assert "Traceback" not in response.text
    return told


class Raw:
    """One connection, on which a test writes what no client would."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def post(self, path: str, value: Any, *headers: str) -> None:
        body = json.dumps(value).encode()
        lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        self.send("\r\n".join([*lines, *headers, "", ""]).encode() + body)

    async def status(self) -> int:
        """Read the head of the response."""
        async with asyncio.timeout(TIMEOUT):
            self.head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        return int(self.head.split(maxsplit=2)[1])

    async def answer(self) -> tuple[int, Any]:
        """The status and the JSON of the response."""
        status = await self.status()
        length = int(self.head.lower().partition("content-length:")[2].split()[0])
        async with asyncio.timeout(TIMEOUT):
            return status, json.loads(await self.reader.readexactly(length))

    async def line(self) -> str:
        async with asyncio.timeout(TIMEOUT):
            return (await self.reader.readline()).decode()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Raw]:
    """A connection to a service."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
