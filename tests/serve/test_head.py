"""What is not body is bounded too: a client can send headers, or requests, without end."""

from __future__ import annotations

import socket

import httpx
import pytest

import torchpipe as tp
from tests.serve.made import TIMEOUT, Line, Typed, add_one, asking, serving
from torchpipe.serve.head import MANY, MOST
from torchpipe.testing import Gate

START = b"POST /run HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"
FLOODS = {
    "headers": (START, b"X-A: 1\r\n"),
    "a header": (START + b"X-A: ", b"1"),
    "a name": (START, b"x"),
    "an address": (b"POST /", b"x"),
    "trailers": (CHUNKED + b"0\r\n", b"X-A: 1\r\n"),
    "a trailer": (CHUNKED + b"0\r\nX-A: ", b"1"),
    "an extension of a chunk": (CHUNKED + b"1;", b"x"),
}
READ = 1 << 18


@pytest.mark.parametrize("kind", FLOODS)
def test_a_head_without_end_is_cut(kind):
    start, more = FLOODS[kind]
    with (
        serving(Typed(add_one)) as live,
        socket.create_connection(("127.0.0.1", live.port), TIMEOUT) as client,
    ):
        client.sendall(start)
        with pytest.raises(ConnectionError):
            flood(client, more * (READ // len(more)))
        reply = httpx.post(f"{live.url}/run", json={"x": 1}, timeout=TIMEOUT)
        assert reply.json() == {"out": 2}


def flood(client: socket.socket, data: bytes) -> None:
    for _ in range(100):
        client.sendall(data)


def test_a_head_that_is_too_large_gives_400():
    with asking(Typed(add_one)) as client:
        for size, status in (60_000, 200), (MOST, 400), (10 * MOST, 400):
            reply = client.post("/run", json={"x": 1}, headers={"X-A": "1" * size})
            assert reply.status_code == status


def test_a_refused_client_that_stays_is_closed():
    with (
        serving(Typed(add_one)) as live,
        socket.create_connection(("127.0.0.1", live.port), TIMEOUT) as client,
    ):
        client.sendall(b"NONSENSE\r\n\r\n")
        found = answered(client, b"Invalid HTTP request received.", 1)
        assert found.startswith(b"HTTP/1.1 400 Bad Request")
        assert client.recv(READ) == b""


def test_requests_that_share_a_connection_and_a_read_each_have_a_head_of_their_own():
    one = START + b"X-A: " + b"1" * 30_000 + b"\r\nContent-Length: 8\r\n\r\n" + b'{"x": 1}'
    with (
        serving(Typed(add_one)) as live,
        socket.create_connection(("127.0.0.1", live.port), TIMEOUT) as client,
    ):
        client.sendall(20 * one)
        assert answered(client, b'{"out":2}', 20).count(b"HTTP/1.1 200 OK") == 20


def answered(client: socket.socket, text: bytes, times: int) -> bytes:
    """What comes until a text has come so many times."""
    found = b""
    while found.count(text) < times:
        came = client.recv(READ)
        assert came, "the connection was closed"
        found += came
    return found


@pytest.mark.parametrize("more", [0, 1])
def test_no_more_than_so_many_requests_wait_on_a_connection(more):
    gate = Gate()
    one = START + b'Content-Length: 8\r\n\r\n{"x": 1}'
    with (
        serving(Line(tp.ScaleUp(gate, 1))) as live,
        socket.create_connection(("127.0.0.1", live.port), TIMEOUT) as client,
    ):
        client.sendall((1 + MANY + more) * one)  # one is inside
        if more:
            assert client.recv(READ).startswith(b"HTTP/1.1 400 Bad Request")
        gate.open()
        if not more:
            answered(client, b'{"out":1}', 1 + MANY)


def test_a_large_body_in_tiny_chunks_is_no_head():
    with asking(Typed(add_one)) as client:
        body = (part for part in [b'{"x": 1}', *[b" "] * 30_000])
        headers = {"Content-Type": "application/json"}
        assert client.post("/run", content=body, headers=headers).json() == {"out": 2}
