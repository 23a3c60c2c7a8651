"""Outputs on demand, in a real server: the next one of a cell, and nothing is kept."""

from __future__ import annotations

import asyncio
import threading

import httpx
import numpy as np
import pytest

import torchpipe as tp
from torchpipe.dashboard import outputs
from torchpipe.dashboard.outputs import Outputs
from torchpipe.testing import Gate


def same(number: int) -> int:
    return number


class Frame(tp.Cell):
    """Draws a frame."""

    def forward(self, number: int) -> np.ndarray:
        return np.full((48, 64, 3), number % 255, np.uint8)


class Frames(tp.Pipeline):
    """Frames, one by one."""

    def __init__(self, numbers, *, gate: tp.Cell | None = None):
        self.numbers = tp.Source(numbers)
        self.gate = gate or tp.cell(same)
        self.frame = tp.ScaleUp(Frame(), clones=2)

    def build(self):
        return self.frame(self.gate(self.numbers()))


def client_of(page):
    return httpx.Client(base_url=page.url, timeout=20)


def test_the_next_output_is_told(sums, page_of):
    with page_of(sums()) as page, client_of(page) as client:
        (port,) = client.get("outputs/digest").json()
        assert (port["name"], port["type"]) == ("out", "bytes")
        assert not page.board.run._core.taps.armed


def test_a_frame_is_told_as_a_picture(page_of):
    with page_of(Frames(range(10**9))) as page, client_of(page) as client:
        (port,) = client.get("outputs/frame").json()
        assert port["shape"] == [48, 64, 3]
        assert port["picture"].startswith("data:image/png;base64,")


def test_all_who_ask_at_once_share_a_look():
    async def ask(found, run, gate):
        asked = [asyncio.create_task(found.next("frame")) for _ in range(3)]
        while not run._core.taps.armed:
            await asyncio.sleep(0)
        gate.open()
        return await asyncio.gather(*asked)

    gate = Gate()
    with Frames(range(3), gate=gate).run() as run:
        puller = threading.Thread(target=list, args=(run,))
        puller.start()
        first, second, third = asyncio.run(ask(Outputs(run), run, gate))
        assert first is second is third
        puller.join()


def test_there_is_nothing_where_no_item_passes(page_of, monkeypatch):
    monkeypatch.setattr(outputs, "PATIENCE", 0.05)
    gate = Gate()
    with page_of(Frames(range(3), gate=gate)) as page, client_of(page) as client:
        assert client.get("outputs/frame").json() is None
        assert not page.board.run._core.taps.armed
        gate.open()


def test_a_page_that_closes_lets_those_go_who_wait(page_of):
    gate, found, asked = Gate(), [], threading.Event()

    def ask():
        with client_of(page) as client:
            found.append(client.get("outputs/frame").json())

    with page_of(Frames(range(3), gate=gate)) as page:
        tell_of_taps(page.board.run, asked)
        asking = threading.Thread(target=ask)
        asking.start()
        assert asked.wait(10)
        page._loop.call_soon_threadsafe(page._watch.outputs.close)
        asking.join()
        gate.open()
    assert found == [None]


def tell_of_taps(run, event):
    """Set the event when somebody looks."""
    tap = run.tap

    def told(path, see):
        try:
            return tap(path, see)
        finally:
            event.set()

    run.tap = told


@pytest.mark.parametrize("path", ["digests", "pick.out"])
def test_there_must_be_such_a_cell(sums, page_of, path):
    with page_of(sums()) as page, client_of(page) as client:
        answer = client.get(f"outputs/{path}")
        assert answer.status_code == 422
        assert answer.json()["error"].startswith(f"there is no cell '{path}' to look at; there are")


def test_after_the_run_there_is_none(page_of):
    with page_of(Frames(range(3))) as page, client_of(page) as client:
        page.board.run.stop()
        assert "the run has ended" in client.get("outputs/frame").json()["error"]
