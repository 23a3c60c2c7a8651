"""Who gets in, how long it may take, and what happens to those who leave."""

from __future__ import annotations

import asyncio
import gzip
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import torchpipe as tp
from tests.serve.made import TIMEOUT, Line, Typed, add_one, asking, connected, problem, serving
from torchpipe.testing import Gate, Recorder, wait_for


def until(live, predicate, what):
    """Wait until the service knows something; requests change it all the time."""
    changed = threading.Condition()
    for _ in range(1000):
        if predicate():
            return
        with changed:
            changed.wait(TIMEOUT / 1000)
    wait_for(changed, predicate, lambda: what, 0.0)


def test_a_full_service_refuses_at_once_with_503():
    gate = Gate()
    with (
        serving(Line(tp.ScaleUp(gate, 1)), window=2, queue=1) as live,
        httpx.Client(base_url=live.url, timeout=TIMEOUT) as client,
        ThreadPoolExecutor(3) as pool,
    ):
        asked = [pool.submit(client.post, "/run", json={"x": x}) for x in range(3)]
        until(live, lambda: live.service.inside == 3, "3 requests inside")
        for _ in range(100):
            reply = client.post("/run", json={"x": 9})
            assert int(reply.headers["retry-after"]) > 0
            assert "all 3 places are taken" in problem(reply, 503)["detail"]
        gate.open()
        assert [one.result(TIMEOUT).json() for one in asked] == [{"out": x} for x in range(3)]
        assert client.post("/run", json={"x": 9}).json() == {"out": 9}
        assert live.service.rejected["full"] == 100


def test_a_deadline_gives_504_and_drops_the_item():
    gate, seen = Gate(), Recorder()
    with (
        serving(Line(tp.ScaleUp(gate, 1), seen)) as live,
        httpx.Client(base_url=live.url, timeout=TIMEOUT) as client,
    ):
        reply = client.post("/run", json={"x": 1}, headers={"X-Request-Timeout": "0.05"})
        told = problem(reply, 504)
        assert told["detail"] == "there was no result within 0.05 s, and the item was dropped."
        gate.open()
        assert client.post("/run", json={"x": 2}).json() == {"out": 2}
        assert seen.items == [2]


def test_what_is_given_up_while_it_waits_is_never_run():
    gate, seen = Gate(), Recorder()
    with (
        serving(Line(seen, tp.ScaleUp(gate, 1)), window=1) as live,
        httpx.Client(base_url=live.url, timeout=TIMEOUT) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        first = pool.submit(client.post, "/run", json={"x": 1})
        gate.wait_until_inside(1)
        for x in range(2, 5):
            soon = {"X-Request-Timeout": "0.01"}
            problem(client.post("/run", json={"x": x}, headers=soon), 504)
        gate.open()
        assert first.result(TIMEOUT).json() == {"out": 1}
        assert client.post("/run", json={"x": 9}).json() == {"out": 9}
        assert 9 in seen.items
        assert not {3, 4} & set(seen.items)


def test_the_service_has_a_deadline_of_its_own():
    gate = Gate()
    with asking(Line(tp.ScaleUp(gate, 1)), timeout=0.05) as client:
        problem(client.post("/run", json={"x": 1}), 504)
        gate.open()


@pytest.mark.parametrize("text", ["0", "-1", "nan", "soon", "1e99"])
def test_a_deadline_must_be_seconds(text):
    with asking(Typed(add_one)) as client:
        reply = client.post("/run", json={"x": 1}, headers={"X-Request-Timeout": text})
        assert "X-Request-Timeout" in problem(reply, 422)["detail"]


@pytest.mark.parametrize("path", ["/run", "/run-batch", "/stream"])
def test_a_client_that_leaves_has_its_items_dropped_before_their_next_cell(path):
    gate, seen = Gate(), Recorder()

    async def leave(live) -> None:
        async with connected(live.port) as raw:
            raw.post(path, {"x": 1} if path == "/run" else {"items": [{"x": 1}, {"x": 3}]})
            await asyncio.to_thread(gate.wait_until_inside, 1)
        await asyncio.to_thread(until, live, lambda: live.service.inside == 0, "nobody inside")

    with (
        serving(Line(tp.ScaleUp(gate, 1), seen)) as live,
        httpx.Client(base_url=live.url, timeout=TIMEOUT) as client,
    ):
        asyncio.run(leave(live))
        gate.open()
        assert client.post("/run", json={"x": 2}).json() == {"out": 2}
        assert seen.items == [2]


def test_a_body_that_is_too_large_gives_413():
    with asking(Typed(add_one), max_body=1000) as client:
        assert client.post("/run", json={"x": 1}).status_code == 200
        told = problem(client.post("/run", content=b"[" * 1001), 413)
        assert told["detail"] == "the body is larger than 1,000 bytes. Send less at a time."
        problem(client.post("/run", content=iter([b" " * 600] * 2)), 413)
        problem(client.patch("/parameters", content=iter([b" " * 600] * 2)), 413)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_of_zeros_gives_413(encoding):
    import zlib

    pack = gzip.compress if encoding == "gzip" else zlib.compress
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    with asking(Typed(add_one), max_body=100_000) as client:
        reply = client.post("/run", content=pack(b'{"x": 1}'), headers=headers)
        assert reply.json() == {"out": 2}
        told = problem(client.post("/run", content=pack(bytes(50_000_000)), headers=headers), 413)
        assert "when it is decompressed" in told["detail"]
        problem(client.post("/run", content=pack(b'{"x": 1}')[:-4], headers=headers), 400)
        problem(client.post("/run", content=b'{"x": 1}', headers=headers), 400)
        headers["Content-Encoding"] = "br"
        problem(client.post("/run", content=b'{"x": 1}', headers=headers), 415)


@pytest.mark.parametrize("path", ["/run", "/scale"])
def test_a_slow_body_gives_408(path):
    async def trickle(port: int) -> None:
        async with connected(port) as raw:
            raw.send(
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                "Content-Length: 8\r\n\r\n{".encode()
            )
            status, told = await raw.answer()
            assert (status, told["status"]) == (408, 408)
            assert told["detail"] == "the body did not arrive within 0.1 s. Send it faster."

    with serving(Typed(add_one), body_timeout=0.1) as live:
        asyncio.run(trickle(live.port))
        assert live.service.inside == 0


def test_a_body_that_trickles_has_one_deadline():
    async def trickle(port: int) -> None:
        async with connected(port) as raw:
            raw.send(b"POST /run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")

            async def drip() -> None:
                while True:
                    raw.send(b" ")
                    await asyncio.sleep(0.01)

            dripping = asyncio.ensure_future(drip())
            assert await raw.status() == 408
            dripping.cancel()

    with serving(Typed(add_one), body_timeout=0.2) as live:
        asyncio.run(trickle(live.port))
