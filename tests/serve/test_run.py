"""Requests and replies: each reply is its request's."""

from __future__ import annotations

import asyncio
import random

import httpx
import pytest

import torchpipe as tp
from tests.serve.made import Line, Typed, add_one, asking, connected, problem, serving


@pytest.mark.parametrize("clones", [None, 1, 3])
def test_a_request_gets_its_result(clones):
    with asking(Typed(add_one, clones)) as client:
        reply = client.post("/run", json={"x": 3}, headers={"X-Request-Id": "mine"})
        assert (reply.status_code, reply.json()) == (200, {"out": 4})
        assert reply.headers["x-request-id"] == "mine"


@pytest.mark.parametrize("clones", [None, 4])
def test_1000_concurrent_requests_are_matched(clones):
    rng = random.Random(0)
    work = [rng.randrange(3000) for _ in range(1000)]

    def delayed(x: int) -> int:
        return 2 * x + 0 * sum(range(work[x]))

    async def ask(port: int, x: int) -> None:
        async with connected(port) as raw:
            raw.post("/run", {"x": x})
            assert await raw.answer() == (200, {"out": 2 * x})

    async def all_of_them(port: int) -> None:
        await asyncio.gather(*(ask(port, x) for x in range(1000)))

    with serving(Typed(delayed, clones), queue=1000) as live:
        asyncio.run(all_of_them(live.port))
        assert live.service.count == 1000
        assert live.service.inside == 0


def test_one_bad_item_fails_alone_and_names_the_cell():
    def halve(x: int) -> int:
        return 100 // x

    with asking(Line(tp.ScaleUp(tp.cell(halve), 2))) as client:
        told = problem(client.post("/run", json={"x": 0}), 500)
        assert told["cell"] == "steps.0"
        assert told["detail"] == (
            "the cell 'steps.0' failed on this item with ZeroDivisionError. The log of the service "
            "says more."
        )
        for x in range(1, 101):
            assert client.post("/run", json={"x": x}).json() == {"out": 100 // x}


@pytest.mark.parametrize("clones", [None, 2])
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, StopIteration, MemoryError])
def test_no_exception_of_a_cell_ends_the_service(kind, clones):
    def end(x: int) -> int:
        if x == 0:
            raise kind
        return x

    with asking(Typed(end, clones)) as client:
        for _ in range(3):
            assert problem(client.post("/run", json={"x": 0}), 500)["cell"] == "cell"
            assert client.post("/run", json={"x": 1}).json() == {"out": 1}


def test_a_run_that_has_ended_is_neither_live_nor_ready():
    with (
        serving(Typed(add_one, 2)) as live,
        httpx.Client(base_url=live.url) as client,
    ):
        assert client.get("/livez").status_code == 200
        live.service.run.stop()
        problem(client.post("/run", json={"x": 0}), 503)
        problem(client.get("/readyz"), 503)
        assert "has ended" in problem(client.get("/livez"), 503)["detail"]


def test_requests_in_flight_share_clones_and_batches():
    seen = []

    class Batched(tp.Cell):
        batching = tp.Batching(max_size=8, max_wait=5.0)

        def forward(self, x: int) -> int:
            raise AssertionError

        def forward_batch(self, items):
            seen.append(len(items))
            return [x + 1 for (x,) in items]

    with asking(Line(tp.ScaleUp(Batched(), 1))) as client:
        items = [{"x": x} for x in range(8)]
        found = client.post("/run-batch", json={"items": items}).json()["results"]
    assert found == [{"outputs": {"out": x + 1}} for x in range(8)]
    assert seen == [8]


def test_a_batch_has_errors_in_their_places():
    def halve(x: int) -> int:
        return 100 // x

    with asking(Line(tp.cell(halve))) as client:
        reply = client.post("/run-batch", json={"items": [{"x": x} for x in (1, 0, 2)]})
        first, second, third = reply.json()["results"]
        assert (first, third) == ({"outputs": {"out": 100}}, {"outputs": {"out": 50}})
        assert second["problem"]["status"] == 500
        assert second["problem"]["request_id"] == reply.headers["x-request-id"]


def test_a_batch_of_more_than_the_places_is_taken_by_and_by():
    with asking(Typed(add_one, 2), queue=0, window=2) as client:
        reply = client.post("/run-batch", json={"items": [{"x": x} for x in range(100)]})
        assert reply.json()["results"] == [{"outputs": {"out": x + 1}} for x in range(100)]


def test_a_stream_gives_all_results_in_order():
    with asking(Typed(add_one, 3), queue=0, window=4) as client:
        items = [{"x": x} for x in range(50)]
        with client.stream("POST", "/stream", json={"items": items}) as reply:
            assert reply.headers["content-type"].startswith("text/event-stream")
            lines = [line for line in reply.iter_lines() if line]
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert data == [f'{{"outputs":{{"out":{x + 1}}}}}' for x in range(50)] + ["{}"]
    assert [line for line in lines if line.startswith("id: ")] == [f"id: {x}" for x in range(50)]


def test_a_result_that_cannot_be_sent_says_so():
    def wrong(x: int) -> int:
        return object() if x == 1 else x  # type: ignore[return-value]

    with asking(Typed(wrong)) as client:
        told = problem(client.post("/run", json={"x": 1}), 500)
        assert told["detail"].startswith("the outputs cannot be sent: ")
        found = client.post("/run-batch", json={"items": [{"x": 1}, {"x": 2}]}).json()["results"]
        assert [next(iter(one)) for one in found] == ["problem", "outputs"]


def test_a_filtered_item_has_no_result():
    odd = tp.Filter(lambda x: x % 2 == 1)
    with asking(Line(odd, tp.cell(add_one))) as client:
        assert client.post("/run", json={"x": 1}).json() == {"out": 2}
        assert "filtered" in problem(client.post("/run", json={"x": 2}), 404)["detail"]


def test_a_pipeline_is_mounted_in_an_app_of_another():
    from fastapi import FastAPI

    from torchpipe.serve import app

    inner = app(Typed(add_one))

    async def ask() -> dict[str, int]:
        outer = FastAPI(lifespan=lambda _: inner.service.running())
        outer.mount("/model", inner)
        transport = httpx.ASGITransport(outer)
        async with (
            outer.router.lifespan_context(outer),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            return (await client.post("/model/run", json={"x": 1})).json()

    assert asyncio.run(ask()) == {"out": 2}
