"""Guarantee 7: randomness comes from (seed, epoch, item number, cell path), and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import pytest

import torchpipe as tp
from tests.engine.made import Add, Made, Pass, consume, line, open_line, scaled
from torchpipe.errors import RunError


class Seed(tp.Cell):
    """Gives its seed."""

    def forward(self, x):
        return self.seed


class SeedSource(tp.Cell):
    def forward(self) -> Iterator[int]:
        for _ in range(6):
            yield self.seed


class SeedCalls(tp.Cell):
    def reset(self):
        self.left = 6

    def forward(self) -> int:
        self.left -= 1
        if self.left < 0:
            raise tp.EndOfStream
        return self.seed


class SeedSpread(tp.Cell):
    def forward(self, x) -> Iterator[int]:
        yield self.seed
        yield self.seed

    def flush(self):
        yield self.seed


class SeedFilter(tp.Cell):
    filters = True

    def forward(self, x):
        return self.seed if x % 2 else tp.HOLE


class SeedRetry(Seed):
    """Fails at its first call for each item."""

    on_error = tp.Retry(1)

    def setup(self, clone):
        self.failed = set()

    def forward(self, x):
        if self.seed not in self.failed:
            self.failed.add(self.seed)
            raise ValueError
        return self.seed


def expected(seed: int, epoch: int, item: int, path: str) -> int:
    text = f"{seed}:{epoch}:{item}:{path}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def maybe_scaled(cell: tp.Cell, clones: int | None) -> tp.Cell:
    return cell if clones is None else scaled(cell, clones)


CLONES = [None, 1, 2, 4]


@pytest.mark.parametrize("clones", CLONES)
def test_the_seed_of_an_item(clones):
    with line(source=tp.Source(range(6)), cell=maybe_scaled(Seed(), clones)).run(seed=7) as run:
        assert list(run) == [expected(7, 0, item, "cell") for item in range(6)]
        assert list(run) == [expected(7, 1, item, "cell") for item in range(6)]


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("source", [SeedSource, SeedCalls])
def test_the_seed_of_a_source_is_that_of_the_item_that_it_gives(source, clones):
    with line(source=source(), same=maybe_scaled(Pass(), clones and 1)).run(seed=7) as run:
        for epoch in range(2):
            assert list(run) == [expected(7, epoch, item, "source") for item in range(6)]


@pytest.mark.parametrize("clones", CLONES)
def test_the_seed_of_sources_that_are_read_in_step(clones):
    def build(self):
        return self.one(), self.add(self.two())

    cells = {"one": SeedSource(), "two": SeedSource(), "add": maybe_scaled(Add(), clones)}
    seeds = [(expected(0, 0, n, "one"), expected(0, 0, n, "two") + 1) for n in range(6)]
    assert consume(Made(build, **cells)) == seeds


@pytest.mark.parametrize("clones", [None, 2])
def test_the_seed_of_a_source_in_an_open_pipeline(clones):
    def build(self, x):
        return self.add(x), self.source()

    cells = {"source": SeedSource(), "add": maybe_scaled(Add(), clones)}
    with Made(build, **cells).run() as run:
        assert [run(0)[1] for _ in range(3)] == [expected(0, 0, n, "source") for n in range(3)]


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("before", [None, 2])
@pytest.mark.parametrize("window", [1, 64])
def test_the_seed_of_cells_in_every_place(clones, before, window):
    def build(self):
        x = self.before(self.source())
        return self.spread(self.filtered(x)), self.retried(x), self.last(x)

    def build_ends(self):
        x = self.before(self.source())
        return self.filtered(x), self.retried(x), self.last(x)

    cells = {
        "source": tp.Source(range(6)),
        "before": maybe_scaled(Add(), before),
        "filtered": maybe_scaled(SeedFilter(), clones),
        "retried": maybe_scaled(SeedRetry(), clones),
        "last": Seed(),
    }
    seeds = [
        tuple(expected(3, 0, item, path) for path in ("filtered", "retried", "last"))
        for item in (0, 2, 4)
    ]
    assert consume(Made(build_ends, **cells), seed=3, window=window) == seeds


@pytest.mark.parametrize("clones", CLONES)
def test_the_seed_of_a_generator_is_that_of_the_item_that_it_takes(clones):
    spread = SeedSpread()
    if clones is not None:
        del SeedSpread.flush
        spread = scaled(spread, clones)
    try:
        seeds = [expected(0, 0, item, "spread") for item in range(3) for _ in range(2)]
        seeds += [seeds[-1]] if clones is None else []
        assert consume(line(source=tp.Source(range(3)), spread=spread)) == seeds
    finally:
        SeedSpread.flush = flush


flush = SeedSpread.flush


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("before", [None, 2])
def test_items_of_a_generator_are_numbered_anew(clones, before):
    def twice(x):
        yield x
        yield x

    cells = {"before": maybe_scaled(Add(), before), "twice": tp.cell(twice)}
    cells["cell"] = maybe_scaled(Seed(), clones)
    with line(source=tp.Source(range(3)), **cells).run() as run:
        for epoch in range(2):
            assert list(run) == [expected(0, epoch, item, "cell") for item in range(6)]


@pytest.mark.parametrize("clones", CLONES)
def test_the_seed_of_a_cell_in_a_nested_pipeline(clones):
    inner = maybe_scaled(open_line(add=Add(), cell=Seed()), clones)
    seeds = [expected(0, 0, item, "inner.cell") for item in range(4)]
    assert consume(line(source=tp.Source(range(4)), inner=inner)) == seeds


@pytest.mark.parametrize("clones", [None, 2])
def test_the_seed_of_a_submitted_item_goes_on_after_a_drain(clones):
    with open_line(cell=maybe_scaled(Seed(), clones)).run(seed=5) as run:
        seeds = [run(0), run(0)]
        run.drain()
        seeds += run.map([0, 0])
        run.drain()
        run.drain()
        seeds.append(run(0))
    assert seeds == [expected(5, 0, item, "cell") for item in range(5)]


@pytest.mark.parametrize("clones", [None, 2])
def test_seeds_of_cells_beside_the_way_to_the_results(clones):
    seen = tp.Collect()

    def build(self):
        x = self.source()
        self.seen(self.side(self.spread(x)))
        return x

    cells = {"spread": tp.Unbatch(lambda x: [x, x]), "side": maybe_scaled(Seed(), clones)}
    with Made(build, source=tp.Source(range(2)), seen=seen, **cells).run() as run:
        for epoch in range(2):
            assert list(run) == [0, 1]
            assert seen.items == [expected(0, epoch, item, "side") for item in range(4)]


def test_two_cells_two_epochs_two_runs_have_other_seeds():
    cells = {"a": Seed(), "b": scaled(Seed())}

    def build(self):
        x = self.source()
        return self.a(x), self.b(x)

    found = set()
    pipeline = Made(build, source=tp.Source(range(3)), **cells)
    for seed in (0, 1):
        with pipeline.run(seed=seed) as run:
            found |= {value for _ in range(2) for pair in run for value in pair}
    assert len(found) == 2 * 2 * 2 * 3


def test_there_is_no_seed_while_nothing_runs():
    cell = Seed()
    with pytest.raises(RunError) as caught:
        cell(1)
    text = "Seed has no seed now: there is one only while a run calls it."
    assert str(caught.value) == text
