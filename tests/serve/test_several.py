"""Pipelines that give several results for an item: each as soon as it is there, or all of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from websockets.sync.client import connect

import torchpipe as tp
from tests.engine.made import Held
from tests.serve.made import TIMEOUT, Line, Typed, asking, connected, problem, serving
from tests.serve.test_limits import until
from torchpipe.errors import CheckError
from torchpipe.serve import app, flow
from torchpipe.testing import Gate, Recorder


def count(x: int) -> Iterator[int]:
    for number in range(10 * x, 11 * x):
        if number == 33:
            raise ValueError("no 33")
        yield number


class Threes(tp.Pipeline):
    def __init__(self, *cells: tp.Cell):
        super().__init__()
        self.steps = list(cells)

    def build(self, x: int):
        for step in self.steps:
            x = step(x)
        return x


def outs(*numbers):
    return [{"out": number} for number in numbers]


def events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """The server-sent events."""
    event: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        else:
            yield event
            event = {}


CLONES = [None, 1, 3]


@pytest.mark.parametrize("clones", CLONES)
def test_a_request_gets_all_results(clones):
    with asking(Typed(count, clones)) as client:
        assert client.post("/run", json={"x": 2}).json() == {"results": outs(20, 21)}
        assert client.post("/run", json={"x": 0}).json() == {"results": []}
        assert problem(client.post("/run", json={"x": "no"}), 422)["errors"][0]["at"] == "x"


@pytest.mark.parametrize("clones", CLONES)
def test_an_error_after_some_results_is_an_event(clones):
    def fails(x: int) -> Iterator[int]:
        yield 1
        yield 2
        if x == 0:
            raise ValueError(f"no {x}")

    with asking(Typed(fails, clones)) as client:
        with client.stream("POST", "/stream", json={"x": 0}) as reply:
            assert reply.status_code == 200
            found = list(events(reply.iter_lines()))
        assert found[:2] == [
            {"id": "0", "data": '{"outputs":{"out":1}}'},
            {"id": "1", "data": '{"outputs":{"out":2}}'},
        ]
        assert (found[2]["event"], found[3]) == ("problem", {"event": "end", "data": "{}"})
        told = json.loads(found[2]["data"])["problem"]
        assert (told["status"], told["cell"]) == (500, "cell")
        assert told["request_id"] == reply.headers["x-request-id"]
        assert problem(client.post("/run", json={"x": 0}), 500)["cell"] == "cell"
        assert client.post("/run", json={"x": 1}).json() == {"results": outs(1, 2)}


@pytest.mark.parametrize("clones", CLONES)
def test_an_error_before_all_results_has_its_status(clones):
    def fails(x: int) -> Iterator[int]:
        if x == 0:
            raise ValueError(f"no {x}")
        yield x

    with asking(Typed(fails, clones)) as client:
        assert problem(client.post("/stream", json={"x": 0}), 500)["cell"] == "cell"
        problem(client.post("/stream", json={"x": "no"}), 422)
        problem(client.post("/stream", json={"items": [{"x": 1}]}), 422)
        problem(client.post("/stream?arrays=no", json={"x": 1}), 422)
        problem(client.post("/stream", json={"x": 1}, headers={"X-Request-Timeout": "0"}), 422)


@pytest.mark.parametrize("clones", CLONES)
def test_each_result_is_sent_as_soon_as_it_is_there(clones):
    gate = Gate()
    held = Held(gate, [])
    with asking(Threes(held if clones is None else tp.ScaleUp(held, clones))) as client:
        gate.open(10)
        with client.stream("POST", "/stream", json={"x": 1}) as reply:
            found = events(reply.iter_lines())
            for number in (10, 11, 12):
                assert next(found)["data"] == f'{{"outputs":{{"out":{number}}}}}'
                gate.wait_until_inside(number + 1) if number < 12 else None
                gate.open(number + 1)
            assert next(found) == {"event": "end", "data": "{}"}


def test_a_stream_that_gives_nothing_ends():
    with asking(Typed(count, 2)) as client:
        reply = client.post("/stream", json={"x": 0})
        assert reply.text == "event: end\ndata: {}\n\n"
        assert reply.headers["content-type"].startswith("text/event-stream")


def test_a_batch_has_all_results_of_each_item():
    with asking(Typed(count, 2)) as client:
        items = [{"x": x} for x in (1, 0, 4, 2)]
        reply = client.post("/run-batch", json={"items": items})
        assert reply.json()["results"] == [
            {"results": outs(10)},
            {"results": []},
            {"results": outs(40, 41, 42, 43)},
            {"results": outs(20, 21)},
        ]


def test_a_session_gives_the_results_of_one_item_after_the_other():
    with (
        serving(Typed(count, 2)) as live,
        connect(f"ws{live.url.removeprefix('http')}/session", open_timeout=TIMEOUT) as socket,
    ):
        for x in (1, "no", 0, 2):
            socket.send(json.dumps({"x": x}))
        found = [json.loads(socket.recv(TIMEOUT)) for _ in range(7)]
        assert found[:2] == [{"outputs": {"out": 10}}, {"end": {"results": 1}}]
        assert found[2]["problem"]["status"] == 422
        assert found[3] == {"end": {"results": 0}}
        assert found[4:] == [
            {"outputs": {"out": 20}},
            {"outputs": {"out": 21}},
            {"end": {"results": 2}},
        ]


def test_a_session_that_is_left_drops_the_rest():
    gate, closed = Gate(), []
    with serving(Threes(tp.ScaleUp(Held(gate, closed), 1))) as live:
        with connect(f"ws{live.url.removeprefix('http')}/session") as socket:
            socket.send('{"x": 1}')
            gate.open(10)
            assert json.loads(socket.recv(TIMEOUT)) == {"outputs": {"out": 10}}
            gate.wait_until_inside(11)
        until(live, lambda: live.service.inside == 0, "nobody inside")
        gate.open()
        assert httpx.post(f"{live.url}/run", json={"x": 2}).json() == {"results": outs(20, 21, 22)}
    assert sorted(closed) == [1, 2]


@pytest.mark.parametrize("path", ["/run", "/stream"])
@pytest.mark.parametrize("sent", [0, 1])
def test_a_client_that_leaves_half_way_drops_the_rest(path, sent):
    gate, closed, seen = Gate(), [], Recorder()
    pipeline = Line(Held(gate, closed), seen)

    async def leave(live) -> None:
        async with connected(live.port) as raw:
            raw.post(path, {"x": 1})
            if sent:
                gate.open(10)
            await asyncio.to_thread(gate.wait_until_inside, 10 + sent)
            if sent and path == "/stream":
                assert await raw.status() == 200
        await asyncio.to_thread(until, live, lambda: live.service.inside == 0, "nobody inside")

    with serving(pipeline) as live, httpx.Client(base_url=live.url, timeout=TIMEOUT) as client:
        asyncio.run(leave(live))
        gate.open()
        assert client.post("/run", json={"x": 2}).json() == {"results": outs(20, 21, 22)}
        assert not {10 + sent, 11, 12} & set(seen.items)
        assert live.service.rejected["cell"] == 0


def test_a_deadline_is_for_all_results():
    gate = Gate()
    with asking(Threes(tp.ScaleUp(Held(gate, []), 1))) as client:
        gate.open(10)
        soon = {"X-Request-Timeout": "0.3"}
        with client.stream("POST", "/stream", json={"x": 1}, headers=soon) as reply:
            found = list(events(reply.iter_lines()))
        assert found[0]["data"] == '{"outputs":{"out":10}}'
        told = json.loads(found[1]["data"])["problem"]
        assert (found[1]["event"], told["status"]) == ("problem", 504)
        assert (
            told["detail"] == "not all results were there within 0.3 s, and the rest was dropped."
        )
        problem(client.post("/run", json={"x": 3}, headers=soon), 504)
        gate.open()
        assert client.post("/run", json={"x": 2}).json() == {"results": outs(20, 21, 22)}


def test_a_full_service_refuses_at_once():
    gate = Gate()
    with (
        serving(Threes(tp.ScaleUp(Held(gate, []), 1)), window=1, queue=0) as live,
        httpx.Client(base_url=live.url, timeout=TIMEOUT) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        first = pool.submit(client.post, "/run", json={"x": 1})
        gate.wait_until_inside(10)
        problem(client.post("/run", json={"x": 2}), 503)
        problem(client.post("/stream", json={"x": 2}), 503)
        gate.open()
        assert first.result(TIMEOUT).json() == {"results": outs(10, 11, 12)}


def test_a_client_that_does_not_read_keeps_the_others_waiting_for_a_while_only(monkeypatch):
    monkeypatch.setattr(flow, "SLOW", 0.2)

    def many(x: int) -> Iterator[str]:
        for number in range(x):
            yield f"{number:10000}"

    async def ask(live) -> None:
        async with connected(live.port) as raw:
            raw.post("/stream", {"x": 100_000}, "Connection: close")
            assert await raw.status() == 200
            async with httpx.AsyncClient(base_url=live.url, timeout=TIMEOUT) as client:
                reply = await client.post("/run", json={"x": 1})
                assert len(reply.json()["results"]) == 1
            lines = [line async for line in raw.reader if b"problem" in line]
            assert lines[0] == b"event: problem\n"
            assert b"no result was taken for 0.2 s" in lines[1]

    with serving(Typed(many)) as live:
        asyncio.run(ask(live))


def test_more_results_than_a_reply_may_hold():
    with asking(Typed(count, 2), max_items=2) as client:
        assert len(client.post("/run", json={"x": 2}).json()["results"]) == 2
        told = problem(client.post("/run", json={"x": 5}), 422)
        assert told["detail"] == (
            "the item gives more than 2 results. Ask /stream for it, which gives any number."
        )
        assert client.post("/stream", json={"x": 5}).text.count("outputs") == 5


@pytest.mark.parametrize("clones", CLONES)
def test_200_concurrent_requests_are_matched(clones):
    async def ask(client: httpx.AsyncClient, x: int) -> None:
        reply = await client.post("/run", json={"x": x})
        assert reply.json() == {"results": outs(*range(10 * x, 11 * x))}

    async def all_of_them(url: str) -> None:
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
            await asyncio.gather(*(ask(client, 4 + x % 9) for x in range(200)))

    with serving(Typed(count, clones)) as live:
        asyncio.run(all_of_them(live.url))
        assert (live.service.count, live.service.inside) == (200, 0)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, StopIteration])
@pytest.mark.parametrize("clones", [None, 2])
def test_no_exception_of_a_cell_ends_the_service(kind, clones):
    def end(x: int) -> Iterator[int]:
        yield 1
        if x == 0:
            raise kind

    with asking(Typed(end, clones)) as client:
        for _ in range(2):
            problem(client.post("/run", json={"x": 0}), 500)
            assert client.post("/run", json={"x": 1}).json() == {"results": outs(1)}


def test_the_document_says_what_comes():
    with asking(Typed(count, 2)) as client:
        told = client.get("/openapi.json").json()
        schemas = told["components"]["schemas"]
        assert schemas["AllOutputs"]["properties"]["results"]["items"] == {
            "$ref": "#/components/schemas/Outputs"
        }
        run = told["paths"]["/run"]["post"]
        assert run["responses"]["200"]["content"]["application/json"]["schema"] == {
            "$ref": "#/components/schemas/AllOutputs"
        }
        assert run["summary"] == "Run"
        stream = told["paths"]["/stream"]["post"]["requestBody"]["content"]["application/json"]
        assert stream["schema"] == {"$ref": "#/components/schemas/Inputs"}


def test_the_open_inference_protocol_says_that_it_has_no_reply_for_it():
    with asking(Typed(count)) as client:
        assert client.get("/v2/models/Typed/config").json()["model_transaction_policy"] == {
            "decoupled": True
        }
        told = problem(client.post("/v2/models/Typed/infer", json={"inputs": []}), 400)
        assert told["error"] == (
            "Typed gives any number of results for a request (it is decoupled), which the protocol "
            "has no reply for over HTTP. Ask POST /stream, or POST /run for all."
        )


def test_a_pipeline_that_collects_cannot_be_served():
    class Pairs(tp.Cell):
        stateful = True

        def forward(self, x: int) -> Iterator[int]:
            yield x

    with pytest.raises(CheckError, match="cannot have sessions: steps"):
        app(Threes(Pairs()))
