"""The decisions of the autoscaler, on a pipeline that follows operational laws, and with noise."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.engine.test_report import SECONDS, clones, period, stage
from torchpipe.engine.planning.period import Period
from torchpipe.engine.planning.scaler import Scaler

MOST = 8


@dataclass
class World:
    """A pipeline: milliseconds of each cell, and of its source, consumer and GIL, for a result."""

    cells: dict[str, float]
    source: float = 1.0
    consumer: float = 1.0
    gil: float = 0.0
    noise: float = 0.0
    random: random.Random = field(default_factory=lambda: random.Random(0))

    def rate(self, counts: dict[str, int]) -> float:
        """Results per second with so many clones."""
        capacities = [1000 * counts[path] / each for path, each in self.cells.items()]
        return min(*capacities, *(1000 / x for x in (self.source, self.consumer, self.gil) if x))

    def period(self, counts: dict[str, int]) -> Period:
        """What would be seen in ten seconds; with a full GIL, all calls wait for it."""
        rate = self.rate(counts)
        cells = [self._cell(path, each, counts[path], rate) for path, each in self.cells.items()]
        source = stage("source", "source", self.source * rate * SECONDS / 1000)
        consumer = SECONDS * min(1.0, self.consumer * rate / 1000)
        held = min(1.0, self.gil * rate / 1000) if self.gil else 0.0
        made = period(source, *cells, consumer=consumer, gil=held, cores=64)
        items = round(rate * SECONDS)
        cells_seen = tuple(replace(cell, items=items) for cell in made.cells)
        paths = tuple(replace(path, items=items) for path in made.paths)
        return replace(made, results=items, cells=cells_seen, paths=paths)

    def _cell(self, path: str, each: float, count: int, rate: float):
        factor = self.random.uniform(1 - self.noise, 1 + self.noise)
        busy = min(count * SECONDS, each * factor * rate * SECONDS / 1000)
        if self.gil and rate * self.gil >= 999:
            busy = count * SECONDS
        return replace(clones(path, count, 1), busy=busy, starved=count * SECONDS - busy)


def settled(world: World, scaler: Scaler, looks: int = 40) -> tuple[dict[str, int], int]:
    """Let the scaler decide for a while; return the clones, and when they changed last."""
    counts, last = dict.fromkeys(world.cells, 1), 0
    for look in range(looks):
        changes = scaler.decide(world.period(counts))
        if changes:
            counts, last = counts | changes, look
    return counts, last


def best(world: World) -> float:
    """The rate with as many clones as there may be."""
    return world.rate(dict.fromkeys(world.cells, MOST))


WORLDS = {
    "one cell": World({"a": 10.0}),
    "a line": World({"a": 20.0, "b": 7.0}, consumer=4.0),
    "up to the most": World({"a": 50.0, "b": 7.0}),
    "a slow source": World({"a": 20.0, "b": 30.0}, source=10.0),
    "nothing to do": World({"a": 0.1, "b": 0.1}, source=10.0),
    "the GIL from the start": World({"a": 6.0}, gil=6.0),
    "the GIL later": World({"a": 6.0, "b": 3.0}, gil=2.5),
}


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_it_reaches_the_best_and_stays_there(world):
    counts, last = settled(world, Scaler(dict.fromkeys(world.cells, MOST)))
    assert world.rate(counts) >= 0.95 * best(world)
    assert last <= 10


@example([29.0, 58.0], 1.0, 1.0, 0)  # equally fast with four and eight clones
@given(
    st.lists(st.floats(0.5, 100.0), min_size=1, max_size=4),
    st.floats(0.5, 50.0),
    st.floats(0.5, 50.0),
    st.integers(0, 1000),
)
def test_it_never_oscillates(services, source, consumer, seed):
    cells = {f"cell{number}": each for number, each in enumerate(services)}
    world = World(cells, source, consumer, noise=0.02, random=random.Random(seed))
    counts, last = settled(world, Scaler(dict.fromkeys(cells, MOST)), looks=60)
    assert world.rate(counts) >= 0.95 * best(world)
    assert last <= 15


def test_no_more_clones_than_are_of_use():
    counts, _ = settled(WORLDS["a line"], Scaler({"a": MOST, "b": MOST}))
    assert counts == {"a": 6, "b": 2}  # 5 and 1.75 would be just enough
    counts, _ = settled(WORLDS["the GIL from the start"], Scaler({"a": MOST}))
    assert counts == {"a": 1}


def test_what_did_not_help_is_taken_back_and_not_tried_again():
    world, scaler = World({"a": 10.0}), Scaler({"a": MOST})
    added = scaler.decide(world.period({"a": 1}))
    assert added["a"] > 1
    stuck = World({"a": 10.0, "disk": 10.0})  # as before: what it waits for is not seen
    same = replace(stuck.period({"a": 1, "disk": 1}), gil=0.0)
    full = replace(clones("a", added["a"], 1), busy=added["a"] * SECONDS, starved=0.0)
    seen = replace(same, cells=(same.cells[0], replace(full, items=same.results)))
    assert scaler.decide(seen) == {"a": 1}
    for _ in range(10):
        assert scaler.decide(world.period({"a": 1})) == {}
    assert scaler.decide(World({"a": 20.0}).period({"a": 1}))["a"] > 1  # items have changed


def test_a_clone_that_is_not_needed_goes_after_a_while():
    world, scaler = World({"a": 10.0}, source=5.0), Scaler({"a": MOST})
    decided = [scaler.decide(world.period({"a": 6})) for _ in range(4)]
    assert decided == [{}, {}, {"a": 3}, {}]  # two would be just enough


def test_a_clone_that_has_to_come_back_stays_longer_each_time():
    busy, quiet = World({"a": 10.0}, source=5.0), World({"a": 10.0}, source=20.0)
    scaler, waited, count = Scaler({"a": MOST}), [], 1
    for _ in range(4):
        count = scaler.decide(busy.period({"a": count}))["a"]
        scaler.decide(busy.period({"a": count}))
        waited.append(0)
        while not (changes := scaler.decide(quiet.period({"a": count}))):
            waited[-1] += 1
        count = changes["a"]
    assert waited == [2, 5, 11, 23]


def test_what_fails_again_and_again_is_tried_more_and_more_rarely():
    scaler, tried = Scaler({"a": MOST}), 0
    for each in [10.0 * 1.4**number for number in range(12)]:
        stuck = World({"a": each})
        seen = stuck.period({"a": 1})
        added = scaler.decide(seen)
        if added:
            tried += 1
            full = replace(clones("a", added["a"], 1), busy=added["a"] * SECONDS, starved=0.0)
            full = replace(full, items=seen.results)
            assert scaler.decide(replace(seen, cells=(seen.cells[0], full))) == {"a": 1}
    assert tried <= 5


def test_cells_with_a_fixed_number_keep_it():
    world, scaler = World({"a": 10.0, "b": 30.0}), Scaler({"a": MOST})
    assert settled(world, scaler)[0] == {"a": 1, "b": 1}  # b limits
