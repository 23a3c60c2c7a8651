"""Stateful pipelines for many clients: sequences, WebSockets, and requests of neither."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import weakref
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import torchpipe as tp
from tests.serve.made import serving_apart
from torchpipe.errors import CheckError
from torchpipe.serve import app

triton = pytest.importorskip("tritonclient.http")
aio = pytest.importorskip("tritonclient.http.aio")

from tritonclient.utils import InferenceServerException  # noqa: E402


class Total(tp.Cell):
    """The sum of all items so far; tells who was made."""

    stateful = True
    made: weakref.WeakSet[tp.Cell] = weakref.WeakSet()

    def reset(self) -> None:
        self.total = 0
        self.made.add(self)

    def forward(self, x: int) -> int:
        self.total += x
        return self.total


class Sums(tp.Pipeline):
    """Twice each item, in four clones; their sum; and half of that and of the sum before."""

    def __init__(self) -> None:
        super().__init__()
        self.twice = tp.ScaleUp(tp.cell(twice), clones=4)
        self.total, self.before = Total(), tp.Feedback(0)
        self.mix = tp.cell(mix)

    def build(self, x: int):
        total = self.total(self.twice(x))
        mixed = self.mix(total, self.before())
        self.before.connect(mixed)
        return {"total": total, "mixed": mixed}


def twice(x: int) -> int:
    return 2 * x


def mix(total: int, before: int) -> int:
    return (total + before) // 2


def plain(items: list[int]) -> list[tuple[int, int]]:
    """What a loop gives."""
    total = mixed = 0
    results = []
    for x in items:
        total += 2 * x
        mixed = (total + mixed) // 2
        results.append((total, mixed))
    return results


def number(x: int) -> list[Any]:
    made = triton.InferInput("x", [1], "INT64")
    made.set_data_from_numpy(np.array([x]))
    return [made]


def read(result: Any) -> tuple[int, int]:
    return int(result.as_numpy("total")[0]), int(result.as_numpy("mixed")[0])


def test_50_interleaved_sequences_on_4_clones_have_exact_states(serve):
    address, length = serve(Sums()), 6
    streams = {name: [name * n + 1 for n in range(length)] for name in range(1, 51)}
    order = random.Random(0)

    async def client(server: Any, name: int) -> list[tuple[int, int]]:
        found = []
        for place, x in enumerate(streams[name]):
            for _ in range(order.randrange(4)):
                await asyncio.sleep(0)  # others come between
            sequence = {"sequence_id": name, "sequence_start": place == 0}
            ends = place == length - 1
            found.append(read(await server.infer("Sums", number(x), sequence_end=ends, **sequence)))
        return found

    async def main() -> list[list[tuple[int, int]]]:
        async with aio.InferenceServerClient(address) as server:
            return await asyncio.gather(*(client(server, name) for name in streams))

    assert asyncio.run(main()) == [plain(items) for items in streams.values()]


def test_sequences_of_the_sync_client(serve):
    address = serve(Sums(), max_sessions=2)
    with triton.InferenceServerClient(address) as client:

        def ask(x: int, name: int | str, **flags: bool) -> int:
            return read(client.infer("Sums", number(x), sequence_id=name, **flags))[0]

        def refusal(name: int | str, **flags: bool) -> tuple[str, str]:
            with pytest.raises(InferenceServerException) as caught:
                ask(1, name, **flags)
            return caught.value.status(), caught.value.message()

        assert refusal(7) == (
            "400",
            "there is no sequence 7: send sequence_start with its first request. It may have "
            "ended, or been idle for 600 seconds.",
        )
        assert [ask(1, 7, sequence_start=True), ask(1, 7)] == [2, 4]
        assert [ask(1, "7", sequence_start=True), ask(1, "7")] == [2, 4]
        full = ("503", "all 2 sessions are taken. Try again later, or end one.")
        assert refusal(8, sequence_start=True) == full
        assert ask(5, 7, sequence_start=True) == 10  # anew
        assert ask(1, 7, sequence_end=True) == 12
        assert refusal(7)[0] == "400"
        assert ask(1, 8, sequence_start=True) == 2


def test_an_item_of_no_session_is_a_stream_of_its_own(serve):
    address = serve(Sums())
    for _ in range(3):
        reply = httpx.post(f"http://{address}/run", json={"x": 4})
        assert reply.json() == {"total": 8, "mixed": 4}
    with triton.InferenceServerClient(address) as client:
        assert [read(client.infer("Sums", number(4))) for _ in range(3)] == [(8, 4)] * 3


def test_the_items_of_one_request_are_a_stream(serve):
    address = serve(Sums(), max_sessions=1)
    items = {"items": [{"x": 1}, {"x": 2}, {"x": 3}]}
    for _ in range(2):
        reply = httpx.post(f"http://{address}/run-batch", json=items)
        assert [one["outputs"]["total"] for one in reply.json()["results"]] == [2, 6, 12]
        events = httpx.post(f"http://{address}/stream", json=items).text.split("\n")
        told = [json.loads(line[6:]) for line in events if line.startswith('data: {"outputs')]
        assert [one["outputs"]["total"] for one in told] == [2, 6, 12]


def test_each_websocket_is_a_session_and_its_end_lets_the_state_go(serve):
    address = serve(Sums(), max_sessions=2)

    def ask(socket: Any, x: int) -> int:
        socket.send(json.dumps({"x": x}))
        return json.loads(socket.recv())["outputs"]["total"]

    def alive() -> int:
        gc.collect()
        return len(Total.made)

    url = f"ws://{address}/session"
    with connect(url) as one:
        assert ask(one, 1) == 2
        assert httpx.get(f"http://{address}/stats").json()["requests"]["sessions"] == 1
        assert (
            'torchpipe_sessions{pipeline="Sums"} 1.0' in httpx.get(f"http://{address}/metrics").text
        )
        with_one = alive()
        with connect(url) as two:
            assert [ask(two, 10), ask(one, 1), ask(two, 10)] == [20, 4, 40]
            assert alive() == with_one + 1
    with connect(url) as three, connect(url) as four:  # there is room again
        assert [ask(three, 1), ask(four, 1)] == [2, 2]
        assert alive() == with_one + 1


def test_a_pipeline_that_cannot_have_sessions_is_refused_before_it_is_served():
    class Batched(Total):
        batching = tp.Batching(max_size=2, max_wait=0)

    class Bad(tp.Pipeline):
        def __init__(self) -> None:
            super().__init__()
            self.total = Batched()

        def build(self, x: int):
            return self.total(x)

    with pytest.raises(CheckError, match="cannot have sessions in total"):
        app(Bad())


def test_a_service_that_ends_opens_no_session(serve):
    address = serve(Sums())
    assert httpx.post(f"http://{address}/drain").status_code == 200
    with connect(f"ws://{address}/session") as socket, pytest.raises(ConnectionClosed) as caught:
        socket.recv()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1013
    with triton.InferenceServerClient(address) as client:
        assert not client.is_server_ready()
        assert not client.is_model_ready("Sums")
        with pytest.raises(InferenceServerException) as refused:
            client.infer("Sums", number(1), sequence_id=1, sequence_start=True)
    assert refused.value.status() == "503"


TARGET = """\
import torchpipe as tp


class Last(tp.Cell):
    stateful = True

    def forward(self, x: int) -> int:
        return x


class Sums(tp.Pipeline):
    def build(self, x: int):
        return Last()(x)
"""


def test_the_command_line_limits_sessions(tmp_path):
    file = tmp_path / "target_of_sessions.py"
    file.write_text(TARGET)
    words = ["--max-sessions", "1", "--session-idle", "60"]
    with serving_apart(f"{file}:Sums", *words) as (_, url):
        socket = f"{url.replace('http', 'ws')}/session"
        with connect(socket) as first:
            first.send('{"x": 1}')
            assert json.loads(first.recv()) == {"outputs": {"out": 1}}
            with connect(socket) as second, pytest.raises(ConnectionClosed) as caught:
                second.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1013
            text = "all 1 sessions are taken. Try again later, or end one."
            assert caught.value.rcvd.reason == text
