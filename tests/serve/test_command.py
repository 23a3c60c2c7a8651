"""`torchpipe serve` in a process of its own, until a signal ends it."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
import subprocess
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests.serve.made import TIMEOUT, connected, serving_apart
from torchpipe.cli import main

_numbers = count()
Served = AbstractContextManager[tuple[subprocess.Popen[str], str]]
LAST = 5.0  # seconds from the signal to the end, on a machine that is not busy with other things

TARGET = '''\
import os
from typing import Annotated

from torch import Tensor

import torchpipe as tp
from torchpipe.serve import Array


class Slow(tp.Cell):
    """Waits until a file is there: a named pipe, whose other end the test holds."""

    def forward(self, x: int) -> int:
        if x >= 0:
            open(os.environ["GATE"]).read()
        return x


class Held(tp.Pipeline):
    """Gives back what it gets.

    Args:
        clones: How many.
        port: Has the name of an option.
    """

    def __init__(self, clones: int = 32):
        super().__init__()
        self.slow = tp.ScaleUp(Slow(), clones)

    def build(self, x: int):
        return self.slow(x)


class Port(Held):
    def __init__(self, port: int = 0):
        super().__init__()


class Untyped(tp.Pipeline):
    def build(self, x):
        return tp.cell(lambda x: x)(x)


class Loose(tp.Pipeline):
    def build(self, x: Tensor, y: Annotated[Tensor, Array("float32", (2,))]):
        return tp.cell(largest)(x, y)


def largest(x: Tensor, y: Tensor) -> float:
    return float(max(x.max(), y.max()))
'''


@pytest.fixture
def target(tmp_path: Path) -> Path:
    file = tmp_path / f"target_served_{next(_numbers)}.py"  # imported under its name
    file.write_text(TARGET)
    return file


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def served(target: Path, gate: Path, *words: str) -> Served:
    return serving_apart(f"{target}:Held", *words, GATE=str(gate))


async def all_inside(url: str, count: int) -> None:
    async with httpx.AsyncClient(base_url=url) as client:
        while (await client.get("/stats")).json()["requests"]["inside"] < count:
            await asyncio.sleep(0)


async def until_unready(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as client:
        while (reply := await client.get("/readyz")).status_code == 200:
            await asyncio.sleep(0)
    assert reply.status_code == 503


def test_the_start_tells_the_pages_and_which_input_takes_any_array(target):
    with serving_apart(f"{target}:Loose") as (process, url):
        lines = [process.stdout.readline() for _ in range(2)]
        assert lines == [f"To try it: {url}/docs\n", f"The live page: {url}/dashboard/\n"]
        assert process.stderr.readline() == (
            "Loose.x takes any array, and whole numbers in a request become int64. Say what it "
            'takes, such as Annotated[Tensor, torchpipe.serve.Array("float32", (4,))].\n'
        )


def test_sigterm_finishes_what_is_inside_and_takes_no_more(target, gate):
    async def ask(process: subprocess.Popen[str], url: str) -> None:
        port = int(url.rpartition(":")[2])
        async with connected(port) as held, connected(port) as late:
            held.post("/run", {"x": 1})
            await all_inside(url, 1)
            process.send_signal(signal.SIGTERM)
            await until_unready(url)
            late.post("/run", {"x": -1})
            assert (await late.answer())[0] == 503
            gate.write_text("open")
            assert await held.answer() == (200, {"out": 1})

    with served(target, gate) as (process, url):
        asyncio.run(ask(process, url))
        assert process.wait(TIMEOUT) == 0


def test_sigterm_ends_the_process_with_20_viewers_whose_items_are_stuck(target, gate):
    async def watch(process: subprocess.Popen[str], url: str) -> None:
        port = int(url.rpartition(":")[2])
        items = {"items": [{"x": -1}, {"x": 1}]}
        viewers = [connected(port) for _ in range(20)]
        opened = [await viewer.__aenter__() for viewer in viewers]
        for raw in opened:
            raw.post("/stream", items)
            assert await raw.status() == 200
        await all_inside(url, 20)
        process.send_signal(signal.SIGTERM)
        await until_unready(url)
        await asyncio.to_thread(process.wait, TIMEOUT)
        for viewer in viewers:
            await viewer.__aexit__(None, None, None)

    with served(target, gate) as (process, url):
        asyncio.run(watch(process, url))
        assert process.returncode is not None


def test_what_the_end_waits_for_leaves_a_second_of_the_five():
    from torchpipe.serve import server

    drain = inspect.signature(server.serve).parameters["drain"].default
    assert drain + server.CLOSING + server.STUCK < LAST - 1


def test_the_access_log_has_one_json_object_for_each_request(target, gate):
    with served(target, gate) as (process, url):
        headers = {"X-Request-Id": "mine"}
        assert httpx.post(f"{url}/run", json={"x": -1}, headers=headers).status_code == 200
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=TIMEOUT)
    told = json.loads(errors.splitlines()[0])
    assert told["seconds"] >= 0
    assert {**told, "seconds": 0} == {
        "request_id": "mine",
        "client": "127.0.0.1",
        "method": "POST",
        "path": "/run",
        "status": 200,
        "bytes": 10,
        "seconds": 0,
    }


def test_options_of_the_target_and_of_the_run(target, gate):
    with served(target, gate, "--clones", "2", "--scale", "slow=3", "--window", "7") as (_, url):
        told = httpx.get(f"{url}/stats").json()
        assert sum(clone["scaled"] for clone in told["clones"]) == 3
        assert told["requests"]["places"] == 7 + 256


def test_the_address_of_the_live_page_opens_it(target, gate):
    with served(target, gate, "--token", "a b&c") as (process, url):
        assert process.stdout is not None
        page = [process.stdout.readline() for _ in range(2)][-1].split()[-1]
        assert page == f"{url}/dashboard/?token=a%20b%26c"
        with httpx.Client(follow_redirects=True) as browser:
            assert browser.get(f"{url}/dashboard/").status_code == 401
            assert browser.get(page).status_code == 200
            assert browser.get(f"{url}/dashboard/graph").json()["name"] == "Held"


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["serve", *map(str, words)]) == 2
    return capsys.readouterr().err


def test_another_address_demands_a_token(target, capsys, monkeypatch):
    monkeypatch.delenv("TORCHPIPE_TOKEN", raising=False)
    assert refused(capsys, f"{target}:Held", "--host", "0.0.0.0") == (
        "torchpipe: cannot serve on 0.0.0.0 without a token: whoever reaches it could change the "
        "run. Give a token (--token, or TORCHPIPE_TOKEN), or serve on 127.0.0.1.\n"
    )


def test_a_port_without_a_type_is_an_error_at_start(target, capsys):
    assert refused(capsys, f"{target}:Untyped") == (
        "torchpipe: cannot serve Untyped.x: it has no type. Annotate it with a type that JSON can "
        "hold (numbers, text, lists, tensors, dataclasses ...), or say how the type travels: "
        "torchpipe.serve.codec(Type, encode=..., decode=..., schema=...).\n"
    )


def test_a_parameter_with_the_name_of_an_option_is_one_line(target, capsys):
    assert refused(capsys, f"{target}:Port") == (
        "torchpipe: cannot serve the pipeline: argument --port: conflicting option string: --port, "
        "which is taken by its parameter. Rename that, or name an instance of the pipeline as the "
        "target.\n"
    )
