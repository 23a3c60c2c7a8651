"""Error policies: skip with a budget, retry, and the report of what was skipped."""

from __future__ import annotations

import threading

import pytest

import torchpipe as tp
from tests.engine.made import Add, Made, Parts, consume, line, notes, open_line, scaled
from torchpipe.errors import BudgetExceeded, ItemDropped

CLONES = [None, 1, 3]


def some(cell: tp.Cell, clones: int | None) -> tp.Cell:
    return cell if clones is None else scaled(cell, clones)


class Unstable(tp.Cell):
    """Fails at some items, as often as told; counts its calls."""

    def __init__(self, failures: dict[int, int], on_error, error=ValueError):
        self.failures, self.on_error, self.error = failures, on_error, error
        self.calls: list[int] = []
        self.lock = threading.Lock()

    def __deepcopy__(self, memo):
        import copy

        return copy.copy(self)

    def forward(self, x: int) -> int:
        with self.lock:
            self.calls.append(x)
            failed = self.calls.count(x) <= self.failures.get(x, 0)
        if failed:
            raise self.error(f"no {x}")
        return x


ALWAYS = 10**9


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("window", [1, 64])
def test_skipped_items_leave_holes_and_are_reported(clones, window):
    def build(self):
        x = self.source()
        y = self.cell(self.add(x))
        return y, x, self.add_2(y)

    cell = Unstable({2: ALWAYS, 5: ALWAYS}, "skip")
    cells = {"add": some(Add(), clones), "cell": some(cell, clones), "add_2": Add()}
    with Made(build, source=tp.Source(range(7)), **cells).run(window=window) as run:
        expected = [(x + 1, x, x + 2) for x in range(7) if x not in (1, 4)]
        assert list(run) == list(run) == expected
        letters = sorted((x.epoch, x.item, x.cell, str(x.error)) for x in run.dead_letters)
        assert letters == [
            (0, 1, "cell", "no 2"),
            (0, 4, "cell", "no 5"),
            (1, 1, "cell", "no 2"),
            (1, 4, "cell", "no 5"),
        ]
        assert all(letter.clone.endswith("on cpu") for letter in run.dead_letters)


@pytest.mark.parametrize("clones", CLONES)
def test_a_budget_that_is_a_number(clones):
    failures = dict.fromkeys((1, 3, 5, 7), ALWAYS)
    with line(
        source=tp.Source(range(7)), cell=some(Unstable(failures, tp.Skip(3)), clones)
    ).run() as run:
        assert list(run) == [0, 2, 4, 6]
    with pytest.raises(BudgetExceeded) as caught:
        consume(line(source=tp.Source(range(9)), cell=some(Unstable(failures, tp.Skip(3)), clones)))
    assert "cell failed on 4 of " in str(caught.value)
    assert str(caught.value).endswith(
        "items, and its budget is 3. Mend the cause below, or raise tp.Skip(budget=...)."
    )
    assert isinstance(caught.value.__cause__, ValueError)
    assert len(notes(caught.value)) == 1


def test_a_budget_of_nothing():
    with pytest.raises(BudgetExceeded) as caught:
        consume(line(source=tp.Source([1]), cell=Unstable({1: ALWAYS}, tp.Skip(0))))
    assert str(caught.value) == (
        "cell failed on 1 of 1 items, and its budget is 0. Mend the cause below, or raise "
        "tp.Skip(budget=...)."
    )


@pytest.mark.parametrize("clones", CLONES)
def test_a_budget_that_is_a_fraction(clones):
    """Judged from the 100th item on: two of the first hundred, and then one more in each fifty."""
    policy = tp.Skip(0.02)
    good = dict.fromkeys((0, 1, 150, 250), ALWAYS)
    pipeline = line(source=tp.Source(range(300)), cell=some(Unstable(good, policy), clones))
    assert len(consume(pipeline, window=4)) == 296
    bad = dict.fromkeys((0, 1, 2), ALWAYS)
    with pytest.raises(BudgetExceeded, match="cell failed on 3 of "):
        consume(line(source=tp.Source(range(300)), cell=some(Unstable(bad, policy), clones)))


@pytest.mark.parametrize("clones", CLONES)
def test_retry_tries_again_and_then_raises(clones):
    cell = Unstable({1: 2, 3: 1}, tp.Retry(2))
    with line(source=tp.Source(range(5)), cell=some(cell, clones)).run() as run:
        assert list(run) == [0, 1, 2, 3, 4]
        assert run.dead_letters == ()
    assert sorted(cell.calls) == [0, 1, 1, 1, 2, 3, 3, 4]
    with pytest.raises(ValueError, match="no 1") as caught:
        consume(line(source=tp.Source(range(5)), cell=some(Unstable({1: 3}, tp.Retry(2)), clones)))
    assert notes(caught.value)[0].endswith("on cpu), item 1")


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("then", ["skip", tp.Skip(1)])
def test_retry_tries_again_and_then_skips(clones, then):
    cell = Unstable({1: 2, 3: 3}, tp.Retry(2, then=then))
    with line(source=tp.Source(range(5)), cell=some(cell, clones)).run() as run:
        assert list(run) == [0, 1, 2, 4]
        assert [(letter.item, str(letter.error)) for letter in run.dead_letters] == [(3, "no 3")]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
@pytest.mark.parametrize("policy", ["skip", tp.Retry(3, then="skip")])
def test_what_is_no_fault_of_the_data_is_never_skipped(error, policy):
    cell = Unstable({1: ALWAYS}, policy, error)
    if error is MemoryError:  # an Exception like any other
        assert consume(line(source=tp.Source(range(3)), cell=cell)) == [0, 2]
    else:
        with pytest.raises(error):
            consume(line(source=tp.Source(range(3)), cell=scaled(cell)))
        assert cell.calls.count(1) == 1


def test_a_skipped_item_of_an_open_pipeline():
    with open_line(cell=scaled(Unstable({2: ALWAYS}, "skip"))).run() as run:
        with pytest.raises(ItemDropped):
            run(2)
        assert run(3) == 3
        assert list(run.map([1, 2, 3])) == [1, 3]
        assert len(run.dead_letters) == 2


def test_a_budget_that_is_exceeded_in_an_open_pipeline_is_the_error_of_that_item():
    with open_line(cell=scaled(Unstable({2: ALWAYS}, tp.Skip(0)), 1)).run() as run:
        with pytest.raises(BudgetExceeded):
            run(2)
        assert run(3) == 3


def test_the_last_thousand_dead_letters_are_kept():
    failures = dict.fromkeys(range(1100), ALWAYS)
    with line(source=tp.Source(range(1100)), cell=Unstable(failures, tp.Skip(2000))).run() as run:
        assert list(run) == []
        assert [letter.item for letter in run.dead_letters] == list(range(100, 1100))


@pytest.mark.parametrize("clones", CLONES)
def test_policies_within_a_pipeline(clones):
    inner = open_line(add=Add(), cell=Unstable({2: ALWAYS, 3: 1}, tp.Retry(1, then="skip")))
    with line(source=tp.Source(range(4)), inner=some(inner, clones)).run() as run:
        assert list(run) == [1, 3, 4]
        assert [(letter.cell, letter.item) for letter in run.dead_letters] == [("inner.cell", 1)]


@pytest.mark.parametrize("clones", [1, 2])
def test_a_scaled_generator_is_tried_again_as_a_whole(clones):
    calls = []

    class Spread(tp.Cell):
        on_error = tp.Retry(1, then="skip")

        def forward(self, x):
            yield x
            calls.append(x)
            if x == 2 or (x == 1 and calls.count(1) == 1):
                raise ValueError
            yield x

    with line(source=tp.Source(range(4)), spread=scaled(Spread(), clones)).run() as run:
        assert list(run) == [0, 0, 1, 1, 3, 3]
        assert [letter.item for letter in run.dead_letters] == [2]


@pytest.mark.parametrize("clones", [None, 2])
def test_a_cell_with_several_outputs_is_skipped(clones):
    class Splits(tp.Cell):
        on_error = "skip"

        def forward(self, x: int) -> Parts:
            if x == 1:
                raise ValueError
            return Parts(x, -x)

    def build(self):
        parts = self.splits(self.source())
        return parts.half, self.add(parts.rest)

    cells = {"splits": some(Splits(), clones), "add": Add()}
    assert consume(Made(build, source=tp.Source(range(3)), **cells)) == [(0, 1), (2, -1)]


def test_skipping_keeps_feedback_as_it_was():
    def build(self):
        y = self.cell(self.sum(self.source(), self.before()))
        self.before.connect(y)
        return y

    cells = {
        "before": tp.Feedback(0),
        "sum": tp.cell(lambda a, b: a + b),
        "cell": Unstable({3: ALWAYS}, "skip"),
    }
    assert consume(Made(build, source=tp.Source([1, 2, 3, 4]), **cells)) == [1, 4, 8]


def test_a_policy_of_an_instance_and_of_a_function():
    @tp.cell(on_error="skip")
    def picky(x):
        return 10 // x

    assert consume(line(source=tp.Source([0, 1, 2]), picky=scaled(picky))) == [10, 5]
    assert consume(line(source=tp.Source([0, 1, 2]), picky=picky)) == [10, 5]
