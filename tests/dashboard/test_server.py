"""The routes, in a real server: the graph, moments while somebody looks, and all controls."""

import asyncio
import json
import logging
from contextlib import contextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from torchpipe.dashboard import app, history, show, watch
from torchpipe.errors import UsageError


@contextmanager
def client_of(page, **options):
    with httpx.Client(base_url=page.url.partition("?")[0], timeout=20, **options) as client:
        yield client


def moments(client, count):
    """The first moments that somebody sees who looks."""
    found = []
    with client.stream("GET", "events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line[6:]))
                if len(found) == count:
                    return found
    raise AssertionError(f"the stream ended after {len(found)} moments")


def test_somebody_who_looks_sees_moments(sums, page_of):
    with page_of(sums()) as page, client_of(page) as client:
        first, second = moments(client, 2)
        assert (first["state"], first["pausable"]) == ("running", True)
        assert second["items"] > first["items"] >= 0
        assert {cell["path"] for cell in second["cells"]} >= {"digest", "weigh.light"}
        assert second["parameters"]["digest.rounds"] == 6000


def test_the_verdict_comes_while_somebody_looks(sums, page_of):
    with page_of(sums()) as page, client_of(page) as client:
        assert moments(client, 6)[-1]["verdict"]["why"]


def test_while_nobody_looks_there_is_only_a_snapshot_now_and_then(sums, page_of, monkeypatch):
    monkeypatch.setattr(watch, "EVERY", 0.01)
    with page_of(sums()) as page, client_of(page) as client:
        moments(client, 1)
        while page._watch.viewers:
            client.get("graph")
        count = len(client.get("history").json())
        reporters = []
        monkeypatch.setattr(page.board.run, "reporter", lambda: reporters.append(1))
        monkeypatch.setattr(history, "EVERY", 0.001)
        while len(client.get("history").json()) <= count + 2:
            assert page._watch.viewers == 0
        assert reporters == []


def test_who_comes_later_sees_the_last_minutes(sums, page_of, monkeypatch):
    monkeypatch.setattr(watch, "EVERY", 0.01)
    monkeypatch.setattr(history, "EVERY", 0.001)
    with page_of(sums()) as page, client_of(page) as client:
        while len(points := client.get("history").json()) < 3:
            assert page._watch.viewers == 0
        first, *_, last = points
        assert first["at"] < last["at"]
        assert first["time"] < last["time"]
        assert {cell["path"] for cell in last["cells"]} >= {"digest", "weigh.light"}
        assert moments(client, 1)[0]["at"] > last["at"]


def test_the_history_is_bounded():
    kept = history.History()
    for number in range(1000):
        kept.add({"at": 2.0 * number, "time": 0.0, "rate": 0.0, "paths": [], "cells": []})
    assert len(kept.points()) == history.SPAN / history.EVERY == 300


def test_a_clock_that_is_set_back_does_not_stop_the_history():
    kept = history.History()
    for at in (100.0, 50.0, 52.0):
        kept.add({"at": at, "time": 0.0, "rate": 0.0, "paths": [], "cells": []})
    assert len(kept.points()) == 3


def test_when_the_run_has_ended_nobody_looks_any_more(sums, page_of, monkeypatch):
    monkeypatch.setattr(watch, "EVERY", 0.01)
    with page_of(sums(range(3))) as page, client_of(page) as client:
        page.board.run.stop()
        while page._watch._task is not None:
            client.get("graph")
        assert moments(client, 1)[0]["state"] in ("finished", "stopped")


def test_when_looking_fails_viewers_are_told_and_the_next_one_is_served(sums, page_of, monkeypatch):
    def broken():
        raise RuntimeError("no figures")

    with page_of(sums()) as page, client_of(page) as client:
        monkeypatch.setattr(page.board.run, "statistics", broken)
        with pytest.raises(httpx.RemoteProtocolError):
            moments(client, 1)
        monkeypatch.undo()
        assert moments(client, 1)[0]["state"] == "running"
        assert any("no figures" in line["text"] for line in client.get("log").json())


def test_a_page_that_closes_lets_its_viewers_go(sums, page_of):
    with client_of_later() as open_client:
        with page_of(sums()) as page:
            lines = open_client(page)
            assert next(lines) == "retry: 1000"
        assert [line for line in lines if line.startswith("event")] == []


@contextmanager
def client_of_later():
    """A function that looks at a page, whose stream outlives the page."""
    with httpx.Client(timeout=20) as client:
        streams = []

        def look(page):
            streams.append(client.stream("GET", f"{page.url}events"))
            return streams[-1].__enter__().iter_lines()

        yield look
        for stream in streams:
            stream.__exit__(None, None, None)


def test_the_graph_is_there(sums, page_of):
    with page_of(sums()) as page, client_of(page) as client:
        assert client.get("graph").json()["name"] == "Sums"


def test_scaling_changes_the_run(sums, page_of):
    with page_of(sums()) as page, client_of(page) as client:
        assert client.post("scale", json={"digest": 3}).json() == {"digest": 3}
        cells = {cell.path: cell.clones for cell in page.board.run.statistics().cells}
        assert cells["digest"] == 3


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"digest": 0}, "cannot scale digest to 0 clones: give 1 to 1000."),
        ({"digest": True}, "cannot scale digest to True clones: give 1 to 1000."),
        ({"pick": 2}, "cannot scale pick: wrap it where it is made, in tp.ScaleUp(...)."),
        ([1], "the body is no JSON object: send names with their values."),
    ],
)
def test_what_cannot_be_scaled_is_refused(sums, page_of, body, text):
    with page_of(sums()) as page, client_of(page) as client:
        response = client.post("scale", json=body)
        assert (response.status_code, response.json()) == (422, {"error": text})


def test_a_body_that_is_no_json_or_too_large_is_refused(sums, page_of):
    with page_of(sums()) as page, client_of(page) as client:
        assert client.post("scale", content=b"{").json() == {"error": "the body is no JSON."}
        large = client.post("scale", content=b" " * 100_001)
        assert large.json() == {"error": "the body is larger than 100,000 bytes."}


def test_parameters_are_set_all_or_none(sums, page_of):
    with page_of(sums()) as page, client_of(page) as client:
        told = client.patch("parameters", json={"digest.rounds": 10, "digest.weight": 1})
        assert told.json() == {"digest.rounds": 10, "digest.weight": 1.0}
        refused = client.patch("parameters", json={"digest.rounds": 20, "digest.weight": 2})
        assert refused.status_code == 422
        assert refused.json() == {
            "error": "cannot set digest.weight to 2: it must be greater than 0.0 and at most 1.0."
        }
        assert client.get("parameters").json()["digest.rounds"] == 10


def test_a_parameter_that_is_not_there_is_refused(sums, page_of):
    with page_of(sums()) as page, client_of(page) as client:
        error = client.patch("parameters", json={"digest.nothing": 1}).json()["error"]
        assert error.startswith("there is no parameter 'digest.nothing' to set; there are: digest.")


def test_a_paused_run_gives_no_result_until_it_is_resumed(sums, page_of):
    with page_of(sums()) as page, client_of(page) as client:
        assert client.post("pause").json() == {"state": "paused"}
        assert moments(client, 1)[0]["state"] == "paused"
        assert client.post("resume").json() == {"state": "running"}


def test_a_run_whose_results_others_take_cannot_be_paused(sums):
    with sums().run() as run, show(run) as page, client_of(page) as client:
        assert client.post("pause").json() == {
            "error": "cannot pause: others take the results. Use `page.results()` for that."
        }


def test_skipped_items_and_log_lines_can_be_read(sums, page_of):
    pipeline = sums(range(80))
    pipeline.pick.fails = True
    with pipeline.run() as run, show(run) as page, client_of(page) as client:
        list(page.results())
        logging.getLogger("mine").warning("look here")
        [letter] = client.get("dead-letters").json()["letters"]
        assert (letter["item"], letter["error"]) == (50, "ValueError: 50 is no good")
        assert client.get("log").json()[-1]["text"] == "look here"
        moment = moments(client, 1)[0]
        assert (moment["state"], moment["dead"], moment["log"]) == ("finished", 1, 1)


def test_the_error_that_ended_the_run_is_told(sums):
    with sums().run() as run, show(run) as page, client_of(page) as client:
        page.board.failed(ZeroDivisionError("mine"))
        assert "ZeroDivisionError: mine" in client.get("dead-letters").json()["failure"]
        assert moments(client, 1)[0]["state"] == "failed"


def test_a_token_moves_from_the_address_to_a_cookie(sums):
    with sums().run() as run, show(run, token="secret") as page, client_of(page) as client:
        assert client.get("graph").status_code == 401
        assert client.get("graph", headers={"authorization": "Bearer wrong"}).status_code == 401
        assert client.get("graph", headers={"authorization": "Bearer secret"}).status_code == 200
        moved = client.get("?token=secret")
        assert (moved.status_code, moved.headers["location"]) == (303, "/")
        assert "HttpOnly" in moved.headers["set-cookie"]
        assert client.get("graph").status_code == 200


def test_elsewhere_than_on_this_machine_a_token_is_needed(sums):
    with sums().run() as run, pytest.raises(UsageError, match="without a token"):
        show(run, host="0.0.0.0")


def test_pages_of_other_sites_can_neither_steer_nor_read(sums):
    with sums().run() as run, show(run) as page, client_of(page) as client:
        foreign = client.post("scale", json={}, headers={"origin": "http://elsewhere.example"})
        assert (foreign.status_code, foreign.text) == (
            403,
            "a page of another site cannot steer this run.\n",
        )
        named = client.get("graph", headers={"host": "elsewhere.example"})
        assert (named.status_code, named.text) == (
            403,
            "this page is not to be called 'elsewhere.example'.\n",
        )


def test_every_answer_forbids_requests_to_other_machines(sums):
    with sums().run() as run, show(run) as page, client_of(page) as client:
        for path in ("", "page.js", "graph", "nothing"):
            policy = client.get(path).headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'")


def test_a_port_that_is_taken_is_said(sums):
    with sums().run() as run, show(run) as page:
        port = int(page.url.rstrip("/").rpartition(":")[2])
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1, port {port}: "):
            show(run, port=port)


def test_the_figures_of_a_run_that_has_ended_stay(sums):
    with sums(range(30)).run() as run, show(run) as page, client_of(page) as client:
        with run:
            list(page.results())
        last = moments(client, 3)[-1]
        assert (last["state"], last["items"], last["rate"]) == ("finished", 30, 0.0)
        error = client.post("scale", json={"digest": 3})
        assert (error.status_code, "ended" in error.json()["error"]) == (422, True)


def test_the_page_can_be_mounted_in_another_app(sums):
    async def answers(mounted):
        transport = httpx.ASGITransport(app=mounted)
        base = "http://127.0.0.1"
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            moved = await client.get("/live/?token=secret")
            return moved, await client.get("/live/"), await client.get("/live/graph")

    with sums().run() as run:
        mounted = Starlette(routes=[Mount("/live", app=app(run, token="secret"))])
        moved, page, graph = asyncio.run(answers(mounted))
    assert (moved.status_code, moved.headers["location"]) == (303, "/live/")
    assert './page.js"' in page.text
    assert graph.json()["name"] == "Sums"
