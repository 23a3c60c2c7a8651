"""The live page of a service: at `/dashboard`, for those who may control the run."""

from __future__ import annotations

import json
import logging
import re
import tomllib

import httpx
import pytest

import torchpipe as tp
from tests.serve.made import ROOT, TIMEOUT, Line, add_one, asking, problem, serving


def line() -> Line:
    return Line(tp.ScaleUp(tp.cell(add_one), 2))


def moment(client):
    """What somebody sees who looks."""
    with client.stream("GET", "/dashboard/events") as response:
        for text in response.iter_lines():
            if text.startswith("data: "):
                return json.loads(text[6:])
    raise AssertionError("the stream ended")


def test_a_service_has_its_live_page():
    with asking(line()) as client:
        assert client.get("/dashboard").headers["location"] == "dashboard/"
        assert './page.js"' in client.get("/dashboard/").text
        assert client.get("/dashboard/graph").json()["name"] == "Line"
        client.post("/run", json={"x": 1})
        assert moment(client)["items"] == 1


def test_the_page_steers_the_run():
    with asking(line()) as client:
        assert client.post("/dashboard/scale", json={"steps.0": 3}).json() == {"steps.0": 3}
        assert client.get("/stats").json()["cells"][1]["clones"] == 3


def test_the_page_asks_for_the_token_as_control_does():
    with asking(line(), token="secret") as client:
        for path in ("/dashboard/", "/dashboard/graph", "/dashboard/events"):
            assert client.get(path).status_code == 401
        for header in ({"authorization": "Bearer secret"}, {"x-api-key": "secret"}):
            assert client.get("/dashboard/graph", headers=header).status_code == 200
        assert (
            client.get("/dashboard?token=secret").headers["location"] == "dashboard/?token=secret"
        )
        moved = client.get("/dashboard/?token=secret")
        assert (moved.status_code, moved.headers["location"]) == (303, "/dashboard/")
        assert "Path=/dashboard/" in moved.headers["set-cookie"]
        assert client.get("/dashboard/graph").status_code == 200


def test_its_cookie_opens_nothing_else():
    with asking(line(), token="secret") as client:
        client.get("/dashboard/?token=secret")
        cookies = "; ".join(f"{one.name}={one.value}" for one in client.cookies.jar)
        problem(client.get("/stats", headers={"cookie": cookies}), 401)


def test_a_page_of_another_site_cannot_steer_with_the_cookie():
    with asking(line(), token="secret") as client:
        client.get("/dashboard/?token=secret")
        foreign = {"origin": "http://elsewhere.example"}
        assert client.post("/dashboard/scale", json={}, headers=foreign).status_code == 403


@pytest.mark.parametrize("name", ["host", "origin"])
def test_without_a_token_it_is_for_this_machine_only(name):
    with asking(line()) as client:
        elsewhere = {name: f"{'http://' * (name == 'origin')}elsewhere.example"}
        problem(client.get("/dashboard/graph", headers=elsewhere), 403)


def test_it_shows_the_log():
    with asking(line()) as client:
        logging.getLogger("mine").warning("look here")
        assert client.get("/dashboard/log").json()[-1]["text"] == "look here"


def test_those_who_look_do_not_hold_up_the_end(caplog):
    with httpx.Client(timeout=TIMEOUT) as client:
        with serving(line()) as live:
            response = client.stream("GET", f"{live.url}/dashboard/events")
            lines = response.__enter__().iter_lines()
            assert next(lines) == "retry: 1000"
        assert [text for text in lines if text.startswith("event")] == []
        response.__exit__(None, None, None)
    assert caplog.records == []


def test_all_that_the_page_needs_comes_with_the_service():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    serve, dashboard = (
        {re.split(r"[\[<>=~]", one)[0] for one in project["optional-dependencies"][extra]}
        for extra in ("serve", "dashboard")
    )
    assert dashboard <= serve
