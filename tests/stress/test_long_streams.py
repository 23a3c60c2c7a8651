"""Long streams with adversarial timing: exact order, nothing lost, bounded, flat memory."""

from __future__ import annotations

import itertools
import os
import random
import threading
from pathlib import Path

import pytest

import torchpipe as tp
from tests.engine.made import Add, Background, Made, Odd, Pass, Total, line, open_line, scaled
from tests.engine.test_bounded import Counted
from torchpipe.errors import Stopped

pytestmark = [pytest.mark.stress, pytest.mark.timeout(600)]


class Jitter(tp.Cell):
    """Takes a while that depends on the item; now and then a long one."""

    def forward(self, x: int) -> int:
        for _ in range(self.seed % (20_000 if self.seed % 100 == 0 else 200)):
            pass
        return x


def rescale(run: tp.Run, over: threading.Event, *paths: str) -> int:
    """Change the numbers of clones until told to stop; say how often."""
    pick = random.Random(7)
    for count in itertools.count():
        if over.is_set():
            return count
        run.scale(pick.choice(paths), pick.randint(1, 6))
    raise AssertionError


@pytest.mark.parametrize("window", [1, 7, 64])
def test_order_under_jitter_and_live_scaling(window):
    count, over = 100_000, threading.Event()
    alive, calls = Counted(), Counted()

    def source():
        for x in range(count):
            alive.enter()
            yield x

    class Work(Jitter):
        def forward(self, x):
            with calls:
                return super().forward(x)

    def last(x):
        alive.leave()
        return x

    cells = {"one": scaled(Work(), 4), "mid": Pass(), "two": scaled(Jitter(), 2)}
    pipeline = line(source=tp.cell(source), **cells, last=tp.cell(last))
    with pipeline.run(window=window) as run:
        scaling = Background(rescale, run, over, "one", "two")
        for expected, result in enumerate(run):
            assert result == expected
        over.set()
        assert scaling.result() > 10
    assert expected == count - 1
    assert alive.most <= window
    assert calls.most <= 12  # six that stay, and as many that finish their item


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("clones", [None, 4])
def test_memory_is_flat_over_a_million_items(clones):
    add = Add() if clones is None else scaled(Add(), clones)
    with line(source=tp.Source(range(1_000_000)), add=add, odd=Odd(), total=Total()).run() as run:
        results = iter(run)
        for _ in range(20_000):
            next(results)
        before = resident()
        assert sum(1 for _ in results) == 480_000
        assert resident() - before < 5_000_000


def test_many_submitters_under_live_scaling():
    over = threading.Event()

    def submitter(run, first):
        futures = [run.submit(x) for x in range(first, first + 10_000)]
        return [future.result(60) for future in futures]

    with open_line(jitter=scaled(Jitter(), 3), add=Add()).run(window=16) as run:
        scaling = Background(rescale, run, over, "jitter")
        threads = [Background(submitter, run, 100_000 * n) for n in range(6)]
        for number, thread in enumerate(threads):
            results = thread.future.result(300)
            assert results == list(range(100_000 * number + 1, 100_000 * number + 10_001))
        over.set()
        scaling.result()


def test_stop_at_any_moment():
    """From another thread, while anything goes on: nobody waits for ever, nothing is left."""
    pick = random.Random(3)

    def build(self):
        x = self.one(self.source())
        self.seen(self.side(self.batch(x)))
        return self.last(self.two(self.spread(x)))

    for _ in range(400):
        pipeline = Made(
            build,
            source=tp.Source(range(300)),
            one=scaled(Jitter(), 2),
            batch=tp.Batch(3),
            side=scaled(sum),
            seen=tp.Collect(),
            spread=tp.Unbatch(lambda x: [x, x]),
            two=scaled(Jitter(), 2),
            last=Pass(),
        )
        run = pipeline.run(window=pick.choice((1, 2, 8)))
        consumer = Background(list, run)
        for _ in range(pick.randint(0, 20_000)):
            pass
        run.stop()
        assert isinstance(consumer.error(), Stopped | None)


def test_stop_at_any_moment_while_items_are_submitted():
    pick = random.Random(5)

    def submitter(run):
        futures = []
        try:
            while True:
                futures.append(run.submit(1))
        except Stopped:
            return futures

    for _ in range(400):
        run = open_line(one=scaled(Add(), 2), mid=Pass(), two=scaled(Add(), 2)).run(window=4)
        threads = [Background(submitter, run) for _ in range(3)]
        for _ in range(pick.randint(0, 50_000)):
            pass
        run.stop()
        for thread in threads:
            for future in thread.result():
                assert isinstance(future.exception(5), Stopped) or future.result(0) == 3
