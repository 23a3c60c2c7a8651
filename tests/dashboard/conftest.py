"""A pipeline with a nested one, real work, parameters; its run, pulled by a thread."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import torchpipe as tp
from torchpipe.dashboard import show

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


class Digest(tp.Cell):
    """Works for a while without the GIL."""

    rounds = tp.Parameter(2000, ge=1, le=100_000, doc="how much work an item is")
    salt = tp.Parameter("salt", doc="what is mixed in")
    kind = tp.Parameter("sha256", choices=("sha256", "sha512"))
    on = tp.Parameter(True)
    weight = tp.Parameter(0.5, gt=0.0, le=1.0)
    size = tp.Config(32)

    def forward(self, number: int) -> bytes:
        return hashlib.pbkdf2_hmac(self.kind, str(number).encode(), b"salt", self.rounds)


class Weigh(tp.Pipeline):
    """Two digests of each number."""

    def __init__(self) -> None:
        super().__init__()
        self.light = tp.ScaleUp(Digest(), clones=1)
        self.measure = tp.cell(len)

    def build(self, number: int) -> int:
        return self.measure(self.light(number))


class Sums(tp.Pipeline):
    """Numbers, and what they weigh."""

    window = 8

    def __init__(self, numbers=None) -> None:
        super().__init__()
        self.numbers = tp.Source(itertools.count() if numbers is None else numbers)
        self.digest = tp.ScaleUp(Digest(), clones=2)
        self.digest.rounds = 6000
        self.weigh = Weigh()
        self.pick = Pick()

    def build(self):
        number = self.numbers()
        return self.pick(number, self.digest(number), self.weigh(number))


class Pick(tp.Cell):
    """Fails on every hundredth number, if it is asked to."""

    on_error = tp.Skip()
    fails = tp.Parameter(False)

    def forward(self, number: int, digest: bytes, weight: int) -> int:
        if self.fails and number % 100 == 50:
            raise ValueError(f"{number} is no good")
        return number


@contextmanager
def shown(pipeline: tp.Pipeline, **options) -> Iterator[object]:
    """The page of a run whose results a thread takes until the block ends."""
    over = threading.Event()

    def pull() -> None:
        for _ in page.results():
            if over.is_set():
                return

    with pipeline.run() as run, show(run, **options) as page:
        puller = threading.Thread(target=pull, name="puller")
        puller.start()
        try:
            yield page
        finally:
            over.set()
            page.board.resume()
            puller.join()


@pytest.fixture
def sums() -> Callable[..., tp.Pipeline]:
    return Sums


@pytest.fixture
def page_of() -> Callable[..., object]:
    return shown


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium: one for all tests."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield started
        started.close()
