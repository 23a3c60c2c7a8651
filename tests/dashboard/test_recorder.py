"""Traces for the page: recorded for a while, by one at a time, behind the page's guard."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.dashboard.test_server import client_of, moments
from tests.engine.made import Add, open_line, scaled
from tests.engine.traced import Traced
from torchpipe.dashboard.recorder import Recorder


def records(page):
    return bool(page.board.run._core.shared.recordings)


def test_a_trace_is_recorded_stopped_and_downloaded(sums, page_of):
    with page_of(sums()) as page, client_of(page) as client:
        assert client.post("trace/start").json()["calls"] >= 0
        assert moments(client, 1)[0]["trace"]["seconds"] > 0
        while moments(client, 1)[0]["trace"]["calls"] < 100:
            pass
        stopped = client.post("trace/stop").json()
        assert not records(page)
        assert moments(client, 1)[0]["trace"] is None
        reply = client.get("trace")
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["content-disposition"] == 'attachment; filename="Sums.trace.json"'
    trace = Traced(reply.text)
    assert len(trace.of("X")) >= stopped["calls"] >= 100
    names = {"numbers", "digest", "weigh.light", "weigh.measure", "pick"}
    assert set(trace.calls()) == names


def test_what_cannot_be_done_says_why(sums, page_of):
    with page_of(sums()) as page, client_of(page) as client:
        before = client.get("trace"), client.post("trace/stop")
        client.post("trace/start")
        twice = client.post("trace/start")
        assert [reply.status_code for reply in (*before, twice)] == [422] * 3
        assert [reply.json()["error"] for reply in (*before, twice)] == [
            "no trace was recorded. Start one first.",
            "no trace is being recorded. Start one first.",
            "a trace is being recorded already. Stop it first.",
        ]


def test_a_page_that_closes_ends_its_recording(sums, page_of):
    with page_of(sums()) as page, client_of(page) as client:
        client.post("trace/start")
        assert records(page)
    assert not records(page)


def test_a_recording_ends_by_itself():
    async def forgotten(run):
        recorder = Recorder(run, longest=0.0)
        await recorder.start(None)
        assert recorder.told is not None
        while recorder.told is not None:
            await asyncio.sleep(0)
        return recorder

    with open_line(add=scaled(Add())).run() as run:
        recorder = asyncio.run(forgotten(run))
        assert run._core.shared.recordings == ()
        assert recorder.told is None


@pytest.mark.parametrize("path", ["trace/start", "trace/stop"])
def test_pages_of_other_sites_cannot_record(path, sums, page_of):
    with page_of(sums()) as page, client_of(page) as client:
        reply = client.post(path, headers={"origin": "http://elsewhere.example"})
        assert reply.status_code == 403
        assert not records(page)


def test_a_trace_asks_for_the_token(sums, page_of):
    with page_of(sums(), token="secret") as page, client_of(page) as client:
        for method, path in (("POST", "trace/start"), ("POST", "trace/stop"), ("GET", "trace")):
            assert client.request(method, path).status_code == 401
        bearer = {"authorization": "Bearer secret"}
        assert client.post("trace/start", headers=bearer).status_code == httpx.codes.OK
