"""What those ask who run the service, and who may."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import torchpipe as tp
from tests.serve.made import TIMEOUT, Line, Typed, add_one, asking, problem, serving
from torchpipe.testing import Gate


class Scale(tp.Cell):
    factor = tp.Parameter(2, ge=1, le=10, doc="By what to multiply.")
    mode = tp.Parameter("plain", choices=("plain", "negative"))

    def forward(self, x: int) -> int:
        return self.factor * x * (-1 if self.mode == "negative" else 1)


class Count(tp.Cell):
    stateful = True

    def forward(self, x: int) -> int:
        return x


LABELS = ("pipeline", "cell", "state", "reason", "status")
CONTROL = [
    ("GET", "/parameters"),
    ("PATCH", "/parameters"),
    ("POST", "/scale"),
    ("POST", "/drain"),
    ("GET", "/stats"),
    ("GET", "/metrics"),
]


def test_the_graph_is_told():
    with asking(Line(tp.ScaleUp(Scale(), 2), Count())) as client:
        told = client.get("/graph").json()
    assert told["name"] == "Line"
    assert [cell["path"] for cell in told["cells"]] == ["steps.0", "steps.1", "last"]
    assert told["cells"][0]["clones"] == ["clone 0 on cpu", "clone 1 on cpu"]
    assert told["cells"][0]["inputs"] == {"x": "int"}
    assert [cell["stateful"] for cell in told["cells"]] == [False, True, False]
    assert told["connections"][1] == ["steps.0.out", "steps.1.x"]
    assert told["mermaid"].startswith("flowchart LR")
    assert told["inputs"] == {"x": {"type": "integer"}}


def test_parameters_are_told_and_set_all_or_none():
    with asking(Line(tp.ScaleUp(Scale(), 2))) as client:
        told = client.get("/parameters").json()
        assert told["steps.0.factor"] == {
            "value": 2, "doc": "By what to multiply.", "ge": 1, "le": 10,
        }  # fmt: skip
        assert told["steps.0.mode"]["choices"] == ["plain", "negative"]
        changed = client.patch("/parameters", json={"steps.0.factor": 5}).json()
        assert changed["steps.0.factor"]["value"] == 5
        assert client.post("/run", json={"x": 2}).json() == {"out": 10}
        wrong = {"steps.0.factor": 7, "steps.0.mode": "loud"}
        assert problem(client.patch("/parameters", json=wrong), 422)["detail"] == (
            "cannot set steps.0.mode to 'loud': it must be one of 'plain', 'negative'."
        )
        assert client.post("/run", json={"x": 2}).json() == {"out": 10}


def test_clones_are_scaled_while_requests_are_inside():
    gate = Gate()
    with (
        serving(Line(tp.ScaleUp(gate, 1))) as live,
        httpx.Client(base_url=live.url, timeout=TIMEOUT) as client,
        ThreadPoolExecutor(3) as pool,
    ):
        asked = [pool.submit(client.post, "/run", json={"x": x}) for x in range(3)]
        assert client.post("/scale", json={"steps.0": 3}).json() == {"steps.0": 3}
        gate.wait_until_inside(0, 1, 2)
        gate.open()
        assert [one.result(TIMEOUT).json() for one in asked] == [{"out": x} for x in range(3)]


def test_what_cannot_be_scaled_is_told():
    with asking(Line(tp.ScaleUp(Count(), 1))) as client:
        assert "stateful" in problem(client.post("/scale", json={"steps.0": 2}), 422)["detail"]
        told = problem(client.post("/scale", json={"none": 2}), 422)
        assert told["detail"].startswith("there is no scaled-up cell 'none'")


def test_drain_waits_for_all_inside_and_takes_no_more():
    gate = Gate()
    with (
        serving(Line(tp.ScaleUp(gate, 1))) as live,
        httpx.Client(base_url=live.url, timeout=TIMEOUT) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        assert client.get("/readyz").json() == {"ready": True}
        asked = pool.submit(client.post, "/run", json={"x": 1})
        gate.wait_until_inside(1)
        drained = pool.submit(client.post, "/drain")
        while client.get("/readyz").status_code == 200:
            assert not drained.done()
        assert problem(client.post("/run", json={"x": 2}), 503)["detail"] == (
            "the service is ending. Ask another one."
        )
        assert client.get("/livez").json() == {"live": True}
        gate.open()
        assert asked.result(TIMEOUT).json() == {"out": 1}
        assert drained.result(TIMEOUT).json() == {"done": 1}


def metrics_in(text: str) -> dict[tuple[str, ...], float]:
    """Each sample by its name and its labels."""
    from prometheus_client.parser import text_string_to_metric_families

    return {
        (sample.name, *(sample.labels[one] for one in LABELS if one in sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_are_those_of_prometheus():
    with asking(Line(tp.ScaleUp(Scale(), 2))) as client:
        for x in range(3):
            client.post("/run", json={"x": x})
        reply = client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = metrics_in(reply.text)
    assert found["torchpipe_cell_items_total", "Line", "steps.0"] == 3
    assert found["torchpipe_cell_service_seconds_count", "Line", "steps.0"] == 3
    assert found["torchpipe_cell_state_seconds_total", "Line", "steps.0", "busy"] > 0
    assert found["torchpipe_cell_state_seconds_total", "Line", "steps.0", "starved"] > 0
    assert found["torchpipe_cell_cpu_seconds_total", "Line", "steps.0"] > 0
    assert found["torchpipe_cell_queue_length", "Line", "steps.0"] == 0
    assert found["torchpipe_cell_clones", "Line", "steps.0"] == 2
    assert found["torchpipe_pipeline_latency_seconds_count", "Line"] == 3
    assert found["torchpipe_queue_length", "Line"] == 0
    assert found["torchpipe_requests_rejected_total", "Line", "full"] == 0


def test_metrics_count_how_requests_ended():
    def inverse(x: int) -> float:
        return 1 / x

    bodies: list[dict[str, object]] = [{"x": 1}, {"x": 2}, {"x": 0}, {"x": "no"}, {}, {"y": 1}]
    with asking(Typed(inverse)) as client:
        for body in bodies:
            client.post("/run", json=body)
        client.get("/livez")
        found = metrics_in(client.get("/metrics").text)
        client.post("/drain")
        client.post("/run", json={"x": 1})
        drained = metrics_in(client.get("/metrics").text)
    replies = {key[2]: value for key, value in found.items() if key[0] == "torchpipe_replies_total"}
    assert replies == {"200": 2, "500": 1, "422": 3}
    assert drained["torchpipe_replies_total", "Typed", "503"] == 1


def test_metrics_tell_in_which_cell_requests_failed():
    def inverse(x: int) -> float:
        return 1 / x

    with asking(Typed(inverse)) as client:
        for x in (1, 0, 2, 0):
            client.post("/run", json={"x": x})
        found = metrics_in(client.get("/metrics").text)
    assert found["torchpipe_cell_items_total", "Typed", "cell"] == 4
    assert found["torchpipe_cell_failures_total", "Typed", "cell"] == 2


@pytest.mark.parametrize(("method", "path"), CONTROL)
def test_control_demands_the_token(method, path):
    with asking(Typed(add_one), token="secret") as client:
        wrong = [{}, {"Authorization": "Bearer wrong"}, {"X-API-Key": ""}]
        wrong += [{"Authorization": "Basic secret"}, {"Authorization": "Bearer secre"}]
        for headers in wrong:
            reply = client.request(method, path, headers=headers)
            problem(reply, 401)
            assert reply.headers["www-authenticate"] == "Bearer"
        for headers in ({"Authorization": "bearer secret"}, {"X-API-Key": "secret"}):
            reply = client.request(method, path, headers=headers)
            assert reply.status_code in (200, 422)
        done = 503 if path == "/drain" else 200
        assert client.post("/run", json={"x": 1}).status_code == done


def test_all_requests_may_demand_the_token():
    with asking(Typed(add_one), token="secret", guards_all=True) as client:
        problem(client.post("/run", json={"x": 1}), 401)
        problem(client.get("/docs"), 401)
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").status_code == 200
        reply = client.post("/run", json={"x": 1}, headers={"X-API-Key": "secret"})
        assert reply.json() == {"out": 2}


@pytest.mark.parametrize(("method", "path"), CONTROL)
def test_without_a_token_no_web_page_of_another_host_controls(method, path):
    with asking(Typed(add_one)) as client:
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            problem(client.request(method, path, headers=headers), 403)
        local = {"Host": "localhost:1", "Origin": "http://127.0.0.1:3000"}
        assert client.request(method, path, headers=local).status_code in (200, 422)


def test_without_a_token_another_address_controls_nothing():
    import asyncio

    from torchpipe.serve import app

    made = app(Typed(add_one))
    sent = []

    async def ask() -> None:
        async def send(message):
            sent.append(message)

        async def receive():
            return {"type": "http.request"}

        scope = {"type": "http", "method": "POST", "path": "/scale", "query_string": b""}
        headers = [(b"host", b"localhost")]
        await made({**scope, "headers": headers, "server": ("10.0.0.5", 80)}, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 403


def test_threads_end_with_the_service():
    before = set(threading.enumerate())
    with asking(Typed(add_one, 2)) as client:
        client.post("/run", json={"x": 1})
    assert not [thread for thread in set(threading.enumerate()) - before if thread.is_alive()]
