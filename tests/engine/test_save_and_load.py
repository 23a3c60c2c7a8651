"""Guarantee 7: a run that was saved at any item goes on exactly, on other clones too."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import torchpipe as tp
from tests.engine.made import Background, Made, consume, line, open_line, scaled
from tests.steps import Random, expected, mix
from tests.strategies import pipelines
from torchpipe.engine.saving import cut
from torchpipe.errors import RunError, StateError, Stopped
from torchpipe.testing import Gate
from torchpipe.testing.same import same

LENGTH = 7


@pytest.fixture(autouse=True)
def _cuts_as_often_as_can_be(monkeypatch):
    """Whatever they take: a cut before every item that is a window away from the last."""
    monkeypatch.setattr(cut, "SHARE", 0)


def number(x: Any) -> int:
    """A number made of an item of any kind."""
    return x if isinstance(x, int) else mix(*map(number, x))


class Sum(tp.Cell):
    """Gives something that depends on all items so far, and on the number of this one."""

    stateful = True

    def reset(self):
        self.total = np.zeros(2, np.int64)

    def forward(self, x):
        self.total = np.array([mix(self.total[0], number(x)), self.total[0]])
        return int(self.total[0]), self.seed

    def state_dict(self):
        return {"total": self.total}

    def load_state_dict(self, state):
        self.total = state["total"]


class Weights(Sum):
    """Remembers across epochs, too."""

    def setup(self, clone):
        super().reset()

    def reset(self):
        self.total += 1


class Spreads(tp.Cell):
    """Gives an item several times, and at the end what it has left."""

    stateful = True

    def reset(self):
        self.seen = 0

    def forward(self, x):
        self.seen += 1
        yield x, self.seen
        self.seen += 1
        yield x, self.seen
        self.seen += 1

    def flush(self):
        yield 99, self.seen
        self.seen += 1
        yield 99, self.seen

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen = state["seen"]


class Together(Sum):
    """Takes several items in a call."""

    batching = tp.Batching(3, max_wait=0.0)

    def forward_batch(self, items):
        return [self.forward(*item)[0] for item in items]


class Slow(tp.Cell):
    """A source that cannot seek."""

    def forward(self) -> Iterator[int]:
        for item in range(LENGTH):
            yield mix(item, self.seed % 1000)


def some(cell: Callable[[], tp.Cell]) -> Callable[[int | None], tp.Cell]:
    """A cell in as many clones as a test wants; None is without any."""
    return lambda clones: cell() if clones is None else scaled(cell(), clones)


def one(cell: Callable[[], tp.Cell]) -> Callable[[int | None], tp.Cell]:
    """A stateful cell in one clone of its own, where others have several."""
    return lambda clones: cell() if clones is None else scaled(cell(), 1)


def inner() -> tp.Pipeline:
    """A pipeline with state inside, to be scaled up as a whole."""
    return open_line(first=tp.cell(lambda x: (x, 1)), sum=Sum(), delay=tp.Delay(2))


KINDS: dict[str, Callable[[int | None], tp.Cell]] = {
    "same": some(lambda: tp.cell(lambda x: x)),
    "odd": some(lambda: tp.Filter(lambda x: number(x) % 3)),
    "sum": lambda clones: Sum(),
    "own sum": one(Sum),
    "own pipeline": one(inner),
    "together": one(Together),
    "weights": lambda clones: Weights(),
    "own weights": one(Weights),
    "delay": lambda clones: tp.Delay(2),
    "padded": lambda clones: tp.Delay(2, initial=(0, 0)),
    "batch": lambda clones: tp.Batch(2, collate=tuple),
    "triples": lambda clones: tp.Batch(3, collate=tuple),
    "twice": lambda clones: tp.Unbatch(lambda x: [x, x]),
    "scaled twice": some(lambda: tp.Unbatch(lambda x: [x, x])),
    "spreads": lambda clones: Spreads(),
}

SHAPES = [
    "",
    "same",
    "sum",
    "same, sum",
    "sum, same",
    "own sum",
    "same, own sum, sum",
    "own pipeline, same",
    "odd, sum, odd, own sum, same",
    "sum, together, same",
    "odd, together",
    "weights",
    "own weights, same, weights",
    "delay, same, padded",
    "same, batch",
    "batch, sum",
    "same, batch, weights",
    "sum, same, batch, same, sum",
    "own sum, triples, batch, own sum",
    "twice",
    "twice, sum",
    "same, twice, own sum, batch",
    "sum, scaled twice, sum",
    "spreads, sum",
    "same, spreads, triples, sum",
    "spreads, spreads, same",
    "sum, batch, same, twice, same, odd, triples, same, sum",
]


def made(shape: str, clones: int | None, source: Callable[[], tp.Cell] | None = None) -> Made:
    """The pipeline of this shape."""
    cells = {"source": source() if source else tp.Source(range(LENGTH))}
    for index, kind in enumerate(filter(None, shape.split(", "))):
        cells[f"c{index}"] = KINDS[kind](clones)
    return line(**cells)


def pulled(run: tp.Run, count: int) -> list[Any]:
    """Pull so many results; where an epoch ends, that counts as one."""
    return [next(iter(run), "the end") for _ in range(count)]


def goes_on_everywhere(make: Callable[[int | None], tp.Pipeline], one, other, path, windows=(2, 3)):
    """Save after every result of two epochs, go on in another run to the end of the next epoch."""
    with make(one).run(seed=5) as run:
        whole = [[*run, "the end"] for _ in range(4)]
    flat = list(itertools.chain(*whole))
    for count in range(len(whole[0]) + len(whole[1]) + 1):
        with make(one).run(seed=5, window=windows[0]) as run:
            assert pulled(run, count) == flat[:count]
            run.save(path)
            place = run.position
            rest = len(whole[0]) + len(whole[1]) + len(whole[2]) - count
            assert pulled(run, rest) == flat[count : count + rest]  # as if nothing was
        with make(other).run(seed=5, window=windows[1]) as run:
            run.load(path)
            assert run.position == place
            assert pulled(run, rest) == flat[count : count + rest]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("one", "other"), [(None, 3), (3, 1), (1, None)])
def test_every_item_of_two_epochs(shape, one, other, tmp_path):
    goes_on_everywhere(lambda clones: made(shape, clones), one, other, tmp_path / "run")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("clones", [(None,), (None, 3)])
def test_from_run_to_run(shape, clones, tmp_path):
    """Each run gives one result, and is saved for the next."""
    with made(shape, None).run(seed=5) as run:
        run.save(tmp_path / "run")
        wanted = [*run, "the end", *run, "the end"]
    found = []
    for _, count in zip(wanted, itertools.cycle(clones), strict=False):
        with made(shape, count).run(seed=5, window=2) as run:
            run.load(tmp_path / "run")
            found += pulled(run, 1)
            run.save(tmp_path / "run")
    assert found == wanted


@pytest.mark.parametrize("shape", ["same, sum", "sum, same, batch, same, sum", "spreads, same"])
@pytest.mark.parametrize("windows", [(1, 1), (1, 64), (64, 1), (64, 64)])
def test_any_window(shape, windows, tmp_path):
    goes_on_everywhere(lambda clones: made(shape, clones), 3, 2, tmp_path / "run", windows)


@pytest.mark.parametrize("shape", ["same, sum", "sum, same", "twice, same, sum"])
def test_sources_that_cannot_seek(shape, tmp_path):
    goes_on_everywhere(lambda clones: made(shape, clones, Slow), 2, 3, tmp_path / "run")


class Grows(tp.Cell):
    """A source that gives more in every epoch."""

    stateful = True

    def __init__(self):
        self.count = 1

    def reset(self):
        self.count += 1

    def forward(self) -> Iterator[int]:
        yield from range(self.count)

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


@pytest.mark.parametrize("shape", ["same, sum", "sum, same"])
@pytest.mark.parametrize(("one", "other"), [(None, 2), (2, None)])
def test_sources_that_remember(shape, one, other, tmp_path):
    goes_on_everywhere(lambda clones: made(shape, clones, Grows), one, other, tmp_path / "run")


def looped(clones: int | None) -> tp.Pipeline:
    """A feedback loop in the head, and one in the tail, with a scaled cell and holes in them."""

    def build(self):
        x = self.source()
        y = self.sum(self.odd(x), self.before())
        self.before.connect(y)
        z = self.scaled(self.same(y), self.last())
        self.last.connect(z)
        return x, z

    def add(a, b):
        return mix(number(a), number(b))

    return Made(
        build,
        source=tp.Source(range(LENGTH)),
        odd=KINDS["odd"](None),
        before=tp.Feedback(5),
        sum=tp.cell(add),
        same=KINDS["same"](clones),
        last=tp.Feedback(7),
        scaled=some(lambda: tp.cell(add))(clones),
    )


@pytest.mark.parametrize(("one", "other"), [(None, None), (1, 3), (3, 1), (None, 2), (2, None)])
def test_feedback(one, other, tmp_path):
    goes_on_everywhere(looped, one, other, tmp_path / "run")


class Aside(Made):
    """Regions beside the way: pushed from the head, from the tail, and from another of them."""

    def __init__(self, clones: int | None):
        self.seen = [tp.Collect() for _ in range(4)]

        def build(self):
            x = self.source()
            self.seen[0](self.sum_1(self.same_1(self.twice(x))))
            y = self.same(x)
            pairs = self.pairs(y)
            self.seen[1](self.sum_2(pairs))
            self.seen[2](self.same_3(self.triples(self.same_2(pairs))))
            self.seen[3](self.batch(y))
            return self.sum(y)

        names = [
            "twice",
            "sum_1",
            "same_1",
            "same",
            "sum",
            "sum_2",
            "same_2",
            "same_3",
            "triples",
            "batch",
        ]
        kinds = [name.partition("_")[0] for name in names]
        cells = {name: KINDS[kind](clones) for name, kind in zip(names, kinds, strict=True)}
        cells["pairs"] = KINDS["batch"](clones)
        super().__init__(build, source=tp.Source(range(LENGTH)), **cells)


@pytest.mark.parametrize(("one", "other"), [(None, None), (1, 3), (3, 1), (None, 2), (2, None)])
@pytest.mark.parametrize("window", [1, 2, 64])
def test_regions_beside_the_way(one, other, window, tmp_path):
    goes_on_everywhere(Aside, one, other, tmp_path / "run", (window, 2))


@pytest.mark.parametrize(("one", "other"), [(None, 2), (3, None), (2, 3)])
def test_stateful_sinks_get_each_item_once(one, other, tmp_path):
    whole = Aside(None)
    results = consume(whole)
    for count in range(LENGTH + 1):
        with Aside(one).run(window=2) as run:
            pulled(run, count)
            run.save(tmp_path / "run")
        pipeline = Aside(other)
        with pipeline.run() as run:
            run.load(tmp_path / "run")
            assert list(run) == results[count:]
        assert [sink.items for sink in pipeline.seen] == [sink.items for sink in whole.seen]


OTHER = {1: 1, 2: 5, 3: 1, 8: 2}


LEGS = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from((1, 2, 3, 64))), min_size=2, max_size=4
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(pipelines(), LEGS, st.booleans())
def test_random_pipelines(tmp_path, drawn, legs, backwards):
    clones = [int, OTHER.__getitem__]
    goes_on(tmp_path, drawn, legs, clones[:: -1 if backwards else 1])


def goes_on(folder, drawn, legs, clones):
    """A random pipeline goes on from run to run, on one kind of clones and another.

    Args:
        folder: Where it is saved.
        drawn: The pipeline.
        legs: For each run how many results are pulled, and the window.
        clones: The two kinds.
    """
    steps, counts, outputs = drawn
    wanted, kept = expected(steps, counts, outputs)
    flat, start = [*wanted, "the end"] * 3, 0
    for number, (count, window) in enumerate(legs):
        pipeline = Random(steps, counts, outputs, clones[number % 2])
        with pipeline.run(window=window, stall_after=5.0) as run:
            if number:
                run.load(folder / "run")
            end = min(start + count, len(flat) - 1)
            assert pulled(run, end - start) == flat[start:end]
            run.save(folder / "run")
            rest = len(wanted) + 1 - end % (len(wanted) + 1)
            assert pulled(run, rest) == flat[end : end + rest]
            assert [sink.got for sink in pipeline.sinks] == kept
        start = end


# -- when it is saved


@pytest.mark.parametrize("shape", ["same, sum", "sum, same, batch, same, sum", "batch, weights"])
def test_saved_twice_in_a_row_and_after_it_was_loaded(shape, tmp_path):
    def state(run):
        run.save(tmp_path / "run")
        return torch.load(tmp_path / "run", weights_only=True)

    with made(shape, 2).run(seed=5, window=2) as run, made(shape, 3).run(seed=5) as other:
        length = len(list(run))
        for count in range(length):
            run.seek(0)
            pulled(run, count)
            first, second = state(run), state(run)
            assert same(first, second)
            other.load(tmp_path / "run")
            assert same(state(other), first)
            other.load(tmp_path / "run")
            assert pulled(other, length) == pulled(run, length)


@pytest.mark.parametrize("shape", ["same, sum", "sum, same, batch, same, sum", "batch, sum"])
@pytest.mark.parametrize("clones", [None, 2])
def test_saved_before_anything_was_pulled(shape, clones, tmp_path):
    with made(shape, clones).run(seed=5) as run:
        run.seek(1, 4, 2)
        whole = list(run)
        run.seek(1, 4, 2)
        run.save(tmp_path / "sought")
        results = iter(run)  # now the head reads ahead
        run.save(tmp_path / "begun")
        assert list(results) == whole
    for name in ("sought", "begun"):
        with made(shape, 3).run(seed=5) as run:
            run.load(tmp_path / name)
            assert run.position == (1, 4, 2 if "batch" in shape else 4)
            assert list(run) == whole


@pytest.mark.parametrize("clones", [None, 2])
def test_steps_are_saved(clones, tmp_path):
    with made("sum, same", clones).run(seed=5) as run:
        run.seek(0, 1, step=2)
        whole = list(run)
        run.seek(0, 1, step=2)
        pulled(run, 2)
        run.save(tmp_path / "run")
        position = run.position
    with made("sum, same", 3).run(seed=5) as run:
        run.load(tmp_path / "run")
        assert run.position == position
        assert list(run) == whole[2:]


def test_in_another_thread_between_two_results(tmp_path):
    with made("same, sum", 2).run() as run:
        results = iter(run)
        next(results)
        Background(run.save, tmp_path / "run").result()
        rest = list(results)
        run.load(tmp_path / "run")
        assert list(run) == rest


@pytest.mark.parametrize("take", [lambda run: run.pull(), lambda run: next(iter(run))])
def test_not_while_a_result_is_taken(take, tmp_path):
    gate = Gate()
    with line(source=tp.Source(range(9)), gate=gate).run() as run:
        taking = Background(take, run)
        gate.wait_until_inside(0)
        for call in (run.save, run.load):
            (tmp_path / "run").write_bytes(b"")
            with pytest.raises((RunError, StateError)):
                call(tmp_path / "run")
        with pytest.raises(RunError, match="a result is being taken, by another thread"):
            run.state_dict()
        gate.open()
        assert taking.result() == 0


def test_a_result_that_is_taken_meanwhile_is_noticed():
    class Takes(Sum):
        def state_dict(self):
            Background(next, results).result()
            return super().state_dict()

    with line(source=tp.Source(range(9)), takes=Takes()).run() as run:
        results = iter(run)
        next(results)
        with pytest.raises(RunError, match="a result is being taken, by another thread"):
            run.state_dict()


def test_not_by_a_cell(tmp_path):
    def save(x):
        with pytest.raises(RunError, match="by the caller of this cell"):
            run.save(tmp_path / "run")
        return x

    with line(source=tp.Source(range(2)), saves=tp.cell(save)).run() as run:
        assert list(run) == [0, 1]
    assert not (tmp_path / "run").exists()


def test_not_when_the_run_has_ended(tmp_path):
    with made("sum", None).run() as run:
        run.save(tmp_path / "run")
    for call in (run.save, run.load):
        with pytest.raises(Stopped):
            call(tmp_path / "run")


def test_the_rest_of_an_item_that_fails_ends_the_run():
    class Fails(Spreads):
        def forward(self, x):
            yield x
            raise OSError("no more")

    with line(source=tp.Source(range(3)), fails=Fails(), last=tp.cell(lambda x: x)).run() as run:
        assert run.pull() == 0
        with pytest.raises(OSError, match="no more") as caught:
            run.state_dict()
        assert caught.value.__notes__ == ["in cell 'fails' (clone 0 on cpu), item 0"]
        with pytest.raises(Stopped):
            run.pull()


def test_sources_must_give_what_they_gave(tmp_path):
    with made("sum, same", 1).run(window=64) as run:
        pulled(run, 5)
        run.save(tmp_path / "run")
    with made("sum, same", 1, lambda: tp.Source(range(3))).run() as run:
        run.load(tmp_path / "run")
        with pytest.raises(StateError) as caught:
            run.pull()
    assert str(caught.value) == (
        "cannot go on at result 5: there are only 3 now. Let the sources give what they gave when "
        "the run was saved."
    )


# -- open pipelines


@pytest.mark.parametrize(("one", "other"), [(None, 2), (2, None), (1, 3)])
def test_map_is_given_the_items_from_where_load_says(one, other, tmp_path):
    def make(clones):
        kinds = ["sum", "same", "batch", "same", "sum"]
        return open_line(**{f"c{i}": KINDS[kind](clones) for i, kind in enumerate(kinds)})

    with make(one).run(seed=5) as run:
        whole = list(run.map(range(9)))
    for count in range(len(whole) + 1):
        with make(one).run(seed=5, window=2) as run:
            results = run.map(range(9))
            assert list(itertools.islice(results, count)) == whole[:count]
            run.save(tmp_path / "run")
        with make(other).run(seed=5) as run:
            start = run.load(tmp_path / "run")
            assert list(run.map(range(start.item, 9))) == whole[count:]


@pytest.mark.parametrize(("one", "other"), [(None, 2), (2, None), (1, 3)])
def test_submitted_items(one, other, tmp_path):
    def make(clones):
        def build(self, x):
            y = self.sum(self.same(x))
            self.seen(self.last(self.pairs(x)))
            return y, self.source(), self.own(y)

        names = {"sum": "sum", "same": "same", "pairs": "batch", "own": "own sum", "last": "same"}
        cells = {name: KINDS[kind](clones) for name, kind in names.items()}
        return Made(build, source=Slow(), seen=tp.Collect(), **cells)

    with make(one).run(seed=5) as run:
        whole = [run(x) for x in range(LENGTH)]
    for count in range(LENGTH + 1):
        with make(one).run(seed=5) as run:
            assert [run(x) for x in range(count)] == whole[:count]
            run.save(tmp_path / "run")  # waits for what is beside the way
        pipeline = make(other)
        with pipeline.run(seed=5) as run:
            assert run.load(tmp_path / "run").item == count == run.position.item
            assert [run(x) for x in range(count, LENGTH)] == whole[count:]
        assert pipeline.seen.items == [(0, 1), (2, 3), (4, 5), (6,)]


def test_what_was_submitted_leaves_first():
    gate = Gate()
    with open_line(gate=scaled(gate, 1), sum=Sum()).run() as run:
        future = run.submit(0)
        gate.wait_until_inside(0)
        saving = Background(run.state_dict)
        gate.open()
        assert saving.result()["position"] == [0, 1, 1]
        assert future.result()[0] == mix(0, 0)


def test_not_when_the_run_stops_meanwhile():
    gate = Gate()
    with open_line(gate=scaled(gate, 1)).run() as run:
        run.submit(0)
        gate.wait_until_inside(0)
        saving, stopping = Background(run.state_dict), Background(run.stop)
        assert isinstance(saving.error(), Stopped)
        gate.open()
        stopping.result()


def test_not_by_a_clone():
    def asks(x):
        with pytest.raises(RunError, match="by the caller of this cell"):
            run.state_dict()
        return x

    with open_line(asks=scaled(asks)).run() as run:
        assert run(1) == 1


@pytest.mark.parametrize("clones", [None, 2])
def test_not_while_map_has_results_that_nobody_took(clones):
    with open_line(sum=Sum(), same=KINDS["same"](clones)).run(window=3) as run:
        results = run.map(range(9))
        next(results)
        with pytest.raises(RunError) as caught:
            run.state_dict()
        assert str(caught.value) == (
            "cannot do this now: `map` has results that nobody has taken. Do it between two items."
        )
        results.close()
        assert run.state_dict()["position"] == [0, 3, 3]


# -- what is saved


@pytest.mark.parametrize("clones", [None, 2])
def test_live_parameters_are_saved(clones, tmp_path):
    class Scale(tp.Cell):
        factor = tp.Parameter(2)
        offset = tp.Parameter(0)

        def forward(self, x):
            return x * self.factor + self.offset

    def make():
        return line(
            source=tp.Source(range(4)), scale=some(Scale)(clones), last=open_line(in_=Scale())
        )

    with make().run() as run:
        run.set("scale.factor", 10)
        run.set("last.in_.offset", 1)
        run.save(tmp_path / "run")
    with make().run() as run:
        run.load(tmp_path / "run")
        assert list(run) == [1, 21, 41, 61]


def test_stateless_clones_are_not_asked():
    class Asked(tp.Cell):
        def forward(self, x):
            return x

        def state_dict(self):
            raise AssertionError("asked")

    for clones in (None, 2):
        with line(source=tp.Source(range(4)), asked=some(Asked)(clones)).run() as run:
            run.pull()
            assert run.state_dict()["cells"] == {}


@pytest.mark.parametrize("shape", ["same, sum", "same, batch, sum", "same"])
def test_nothing_is_done_before_where_nothing_runs_ahead(shape):
    asked = []

    class Noted(Sum):
        def state_dict(self):
            asked.append(self)
            return super().state_dict()

    cells = {f"c{i}": KINDS[kind](2) for i, kind in enumerate(shape.split(", "))}
    with line(source=tp.Source(range(99)), **cells, noted=Noted()).run(window=2) as run:
        assert run._core.cuts is None
        list(run)
        assert asked == []
        run.state_dict()
        assert len(asked) == 1


def test_cuts_take_a_small_part_of_the_time(monkeypatch):
    asked = []

    class Noted(Sum):
        def state_dict(self):
            asked.append(self)
            return super().state_dict()

    def cuts(share):
        asked.clear()
        monkeypatch.setattr(cut, "SHARE", share)
        pipeline = line(source=tp.Source(range(40)), noted=Noted(), same=scaled(lambda x: x))
        consume(pipeline, window=4)
        return len(asked)

    assert cuts(0) == 10  # at the start, and then every four items
    assert cuts(10**12) == 1
