"""What all clients have sent together is bounded, and given back however a request ends."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

import torchpipe as tp
from tests.serve.made import TIMEOUT, Line, Typed, add_one, connected, problem, serving
from tests.serve.test_limits import until
from tests.serve.test_session import session
from tests.serve.test_values import png
from torchpipe.testing import Gate

LONG = b'{"x": 1}'.ljust(1000)
JSON = {"Content-Type": "application/json"}


def until_held(live, count: int) -> None:
    until(live, lambda: live.service.held.now == count, f"{count} bytes held")


def test_all_requests_together_are_bounded_and_more_are_refused_with_503():
    gate = Gate()
    with (
        serving(Line(tp.ScaleUp(gate, 2)), max_body=1000, max_held=2500) as live,
        httpx.Client(base_url=live.url, headers=JSON, timeout=TIMEOUT) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        asked = [pool.submit(client.post, "/run", content=LONG) for _ in range(2)]
        until_held(live, 2000)
        reply = client.post("/run", content=LONG)
        assert problem(reply, 503)["detail"].startswith("all requests together hold 2,500 bytes")
        assert int(reply.headers["retry-after"]) > 0
        gate.open()
        assert [one.result(TIMEOUT).json() for one in asked] == [{"out": 1}] * 2
        until_held(live, 0)
        assert client.post("/run", content=LONG).status_code == 200
        assert live.service.rejected["memory"] == 1


def test_one_body_always_finds_room():
    with (
        serving(Typed(add_one), max_body=1000, max_held=10) as live,
        httpx.Client(base_url=live.url, headers=JSON, timeout=TIMEOUT) as client,
    ):
        assert client.post("/run", content=LONG).json() == {"out": 2}


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("path", ["/run", "/run-batch", "/v2/models/Typed/infer"])
def test_what_a_body_is_decompressed_to_counts(path, encoding):
    packed = (gzip.compress if encoding == "gzip" else zlib.compress)(bytes(2000))
    headers = {"Content-Encoding": encoding, **JSON}
    with (
        serving(Typed(add_one), max_body=2000, max_held=2000) as live,
        httpx.Client(base_url=live.url, headers=headers, timeout=TIMEOUT) as client,
    ):
        told = problem(client.post(path, content=packed), 503)
        assert "together hold 2,000 bytes" in told["detail"]
        until_held(live, 0)


def test_the_pixels_of_an_image_count():
    def largest(image: np.ndarray) -> int:
        return int(image.max())

    files = {"image": png(np.zeros((100, 100, 3), np.uint8))}
    with (
        serving(Typed(largest), max_body=30_000, max_held=30_000) as live,
        httpx.Client(base_url=live.url, timeout=TIMEOUT) as client,
    ):
        told = problem(client.post("/run", files=files), 503)
        assert "together hold 30,000 bytes" in told["detail"]
        until_held(live, 0)


@pytest.mark.parametrize("sent", [b"{", b'{"x": 1}'], ids=["in its body", "before its result"])
def test_a_client_that_leaves_gives_back_what_it_held(sent):
    gate = Gate()

    async def leave(live) -> None:
        async with connected(live.port) as raw:
            head = "POST /run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n"
            raw.send(head.encode() + sent)
            await asyncio.to_thread(until_held, live, len(sent))
        await asyncio.to_thread(until_held, live, 0)

    with serving(Line(tp.ScaleUp(gate, 1))) as live:
        asyncio.run(leave(live))
        gate.open()


def test_messages_of_a_session_count_until_they_are_answered():
    gate = Gate()
    with serving(Line(tp.ScaleUp(gate, 1))) as live, session(live) as socket:
        for _ in range(3):
            socket.send(LONG)
        until_held(live, 3000)
        gate.open()
        for _ in range(3):
            assert socket.recv(TIMEOUT) == '{"outputs":{"out":1}}'
        until_held(live, 0)


def test_a_session_whose_message_finds_no_room_is_closed():
    gate = Gate()
    with (
        serving(Line(tp.ScaleUp(gate, 1)), max_body=1000, max_held=2500) as live,
        session(live) as socket,
    ):
        for _ in range(3):
            socket.send(LONG)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(TIMEOUT)
        assert closed.value.rcvd.code == 1013  # try again later
        assert "together hold 2,500 bytes" in closed.value.rcvd.reason
        until_held(live, 0)
        gate.open()
