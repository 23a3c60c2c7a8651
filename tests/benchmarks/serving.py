"""Requests a second, and how long the slowest wait: 32 clients on loopback, each with a connection.

The server runs in a process of its own, the clients in another one, both on the same two cores. A
request is `{"x": number}`; all servers answer alike: see `served`.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import count
from statistics import quantiles

from tests.benchmarks import apart
from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement, Missing
from tests.benchmarks.harness import ROOT
from tests.benchmarks.modules import IMAGES, KEEP_MEMORY, alone

CLIENTS = 32
WARM, SECONDS = 1.0, 6.0
UP = 90.0  # seconds for a server to answer first


@contextmanager
def server(kind: str) -> Iterator[int]:
    """Start a server and yield its port."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    words = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.served", kind, str(port)]
    process = subprocess.Popen(
        words, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def request(port: int, x: int) -> bytes:
    body = b'{"x": %d}' % x
    head = f"POST /run HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Content-Type: application/json\r\n\r\n" + body


async def answer(reader: asyncio.StreamReader) -> bytes:
    """Read one response and return its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(head.decode())
    if b"\r\ntransfer-encoding: chunked" in head:
        return b"".join([part async for part in chunks(reader)])
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


async def chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Read a body that comes in chunks."""
    while length := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(length + 2))[:-2]
    await reader.readexactly(2)


async def client(
    port: int, numbers: Iterator[int], times: list[tuple[float, float]], end: float
) -> None:
    """Ask again and again until the end; note when each answer came, and how long it took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (start := time.perf_counter()) < end:
        writer.write(request(port, next(numbers)))
        await answer(reader)
        now = time.perf_counter()
        times.append((now, now - start))
    writer.close()


async def up(port: int) -> None:
    """Wait until the server answers."""
    end = time.perf_counter() + UP
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request(port, 0))
            await answer(reader)
            writer.close()
            return
        except (OSError, EOFError, RuntimeError) as error:
            if time.perf_counter() > end:
                raise Missing(f"it does not answer: {error!r}") from None
            await asyncio.sleep(0.2)


async def load(port: int) -> Measurement:
    await up(port)
    times: list[tuple[float, float]] = []
    start, numbers = time.perf_counter(), count()
    end = start + WARM + SECONDS
    await asyncio.gather(*(client(port, numbers, times, end) for _ in range(CLIENTS)))
    waits = [wait for when, wait in times if start + WARM < when <= end]
    return {"value": len(waits) / SECONDS, "p99_ms": quantiles(waits, n=100)[98] * 1e3}


def asked(kind: str, needs: str) -> Measure:
    """Measure one kind of server."""

    def measure() -> Measurement:
        __import__(needs)
        with server(kind) as port:
            return asyncio.run(load(port))

    return measure


def contenders(what: str) -> dict[str, Measure]:
    kinds = {"torchpipe": "fastapi", "fastapi": "fastapi", "litserve": "litserve"}
    kinds["ray serve"] = "ray.serve"
    return {kind: asked(f"{what} {kind}", needs) for kind, needs in kinds.items()}


SERVE_ECHO = Benchmark(
    name="serve-echo",
    title=f"HTTP, an echo, {CLIENTS} clients on loopback",
    unit="requests/s",
    contenders=contenders("echo"),
    asked=(Asked("torchpipe", "at least", 0.8, over="fastapi"),),
)
SERVE_SCORE = Benchmark(
    name="serve-score",
    title=f"HTTP, a network of about 5 ms on two cores, {CLIENTS} clients on loopback",
    unit="requests/s",
    contenders={
        "two processes, no HTTP": apart.two_processes(alone, IMAGES),
        **contenders("score"),
        "torchpipe, Ray clones": asked("score torchpipe, Ray clones", "ray"),
    },
    environment=KEEP_MEMORY,
    asked=(
        Asked("torchpipe", "at least", 1.0, over="litserve"),
        Asked("torchpipe", "at least", 0.88, over="two processes, no HTTP"),
        Asked("torchpipe", "at most", 168.0, key="p99_ms"),
    ),
)
