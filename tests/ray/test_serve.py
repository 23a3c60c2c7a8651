"""Services behind Ray Serve: one whole pipeline in each replica."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("fastapi", reason="needs the extra `ray-serve`")
pytest.importorskip("grpc", reason="needs the extra `ray-serve`")

import httpx
from websockets.sync.client import connect

import torchpipe as tp
from torchpipe.serve import app, deployment
from torchpipe.serve.ray_serve import Behind, Replica

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # those of Ray itself
TIMEOUT = 60.0  # seconds that anything may take before the test fails
OPTIONS = {"ray_actor_options": {"num_cpus": 0.5}}
Deploy = Callable[..., httpx.Client]


class Place(NamedTuple):
    total: int
    process: int


class Add(tp.Cell):
    """Adds a number, and says where; leaves a file when it ends."""

    def __init__(self, plus: int, folder: Path | None):
        super().__init__()
        self.plus, self.folder = plus, folder

    def forward(self, x: int) -> Place:
        return Place(x + self.plus, os.getpid())

    def teardown(self) -> None:
        if self.folder is not None:
            (self.folder / str(os.getpid())).touch()


class Adding(tp.Pipeline):
    def __init__(self, plus: int = 1, folder: Path | None = None):
        super().__init__()
        self.add = tp.ScaleUp(Add(plus, folder), 2)

    def build(self, x: int):
        return self.add(x)


class Waits(tp.Cell):
    """Yields 1; and 2 when somebody has opened the pipe."""

    def __init__(self, pipe: Path):
        super().__init__()
        self.pipe = pipe

    def forward(self, x: int) -> Iterator[int]:
        yield 1
        self.pipe.read_text()
        yield 2


class Waiting(tp.Pipeline):
    def __init__(self, pipe: Path):
        super().__init__()
        self.waits = tp.ScaleUp(Waits(pipe), 1)

    def build(self, x: int):
        return self.waits(x)


@pytest.fixture(scope="module")
def url(cluster) -> Iterator[str]:
    """Ray Serve on a free port of the tests' cluster."""
    from ray import serve

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    yield f"http://127.0.0.1:{port}"
    serve.shutdown()


@pytest.fixture
def deployed(url: str) -> Iterator[Deploy]:
    """Deploys an application; it is gone after the test."""
    from ray import serve

    clients: list[httpx.Client] = []

    def deploy(factory: Callable[[], tp.Pipeline], **settings: object) -> httpx.Client:
        application = deployment(factory, options=OPTIONS, **settings)
        serve.run(application, name="tested", route_prefix="/")
        clients.append(httpx.Client(base_url=url, timeout=TIMEOUT))
        return clients[-1]

    yield deploy
    for client in clients:
        client.close()
    serve.delete("tested")


def processes(client: httpx.Client, count: int) -> set[int]:
    """Ask until so many replicas have answered."""
    found: set[int] = set()
    while len(found) < count:
        found.add(client.post("/run", json={"x": 0}).json()["process"])
    return found


def test_two_replicas_share_the_requests_and_each_reply_is_its_requests(deployed):
    client = deployed(partial(Adding, 10), replicas=2)
    assert len(processes(client, 2)) == 2
    with ThreadPoolExecutor(8) as pool:
        replies = pool.map(lambda x: client.post("/run", json={"x": x}).json()["total"], range(200))
        assert list(replies) == [x + 10 for x in range(200)]


def test_limits_errors_and_the_document_are_those_of_one_service(deployed):
    client = deployed(Adding, max_body=100)
    reply = client.post("/run", json={"x": "no"}, headers={"X-Request-Id": "mine"})
    assert (reply.status_code, reply.headers.get_list("x-request-id")) == (422, ["mine"])
    assert reply.json()["request_id"] == "mine"
    assert client.post("/run", content=b" " * 101).status_code == 413
    told = client.get("/openapi.json").json()
    assert "process" in told["components"]["schemas"]["Outputs"]["properties"]
    assert client.get("/stats").json()["requests"]["inside"] == 0
    address = str(client.base_url).replace("http", "ws", 1)
    with connect(f"{address}/session", open_timeout=TIMEOUT) as session:
        session.send('{"x": 1}')
        assert json.loads(session.recv(TIMEOUT))["outputs"]["total"] == 2


def test_each_result_is_sent_as_soon_as_it_is_there(deployed, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    client = deployed(partial(Waiting, pipe))
    with client.stream("POST", "/stream", json={"x": 0}) as reply:
        lines = reply.iter_lines()
        assert [next(lines), next(lines)] == ["id: 0", 'data: {"outputs":{"out":1}}']
        pipe.write_text("go on")
        assert list(lines)[2] == 'data: {"outputs":{"out":2}}'


def test_a_replica_that_is_killed_is_replaced_and_requests_are_answered(deployed):
    client = deployed(Adding, replicas=2)
    before = processes(client, 2)
    lost = min(before)
    os.kill(lost, signal.SIGKILL)
    found: set[int] = set()
    while not found - before:
        reply = client.post("/run", json={"x": 1})
        if reply.status_code == 200:
            assert reply.json()["total"] == 2
            found.add(reply.json()["process"])
    assert processes(client, 2) == (before | found) - {lost}


def test_the_run_of_a_replica_ends_with_it(deployed, tmp_path):
    from ray import serve

    client = deployed(partial(Adding, 1, tmp_path))
    (process,) = processes(client, 1)
    serve.delete("tested")
    assert [file.name for file in tmp_path.iterdir()] == [str(process)] * 1


def test_a_replica_whose_run_has_ended_is_not_healthy():
    replica = Replica()
    replica.app = Behind(app(Adding()))
    replica.check_health()
    replica.app.gate.service.ended = True
    with pytest.raises(RuntimeError, match="the run has ended"):
        replica.check_health()
