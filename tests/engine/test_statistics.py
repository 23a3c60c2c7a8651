"""Snapshots: who is starved, busy and blocked, how many items wait, and how long they take.

A state is tested by two snapshots: the thread has spent all the time in between in it.
"""

from __future__ import annotations

from time import monotonic, perf_counter, process_time

import pytest

import torchpipe as tp
from tests.engine.made import TIMEOUT, Add, Background, Made, Pass, line, open_line, scaled
from torchpipe.engine.telemetry import snapshot
from torchpipe.engine.telemetry.distribution import Distribution, Histogram
from torchpipe.engine.telemetry.statistics import CellStatistics, Statistics
from torchpipe.testing import Gate


def cell(statistics: Statistics, path: str, *, is_scaled: bool | None = None) -> CellStatistics:
    """The only cell, or stage, of this path."""
    (found,) = (
        cell for cell in statistics.cells if cell.path == path and is_scaled in (None, cell.scaled)
    )
    return found


def settles(run: tp.Run, path: str, state: str) -> None:
    """Wait until a cell spends all of its time in one state; all of its time is known."""
    deadline = monotonic() + TIMEOUT
    while monotonic() < deadline:
        before, after = run.statistics(), run.statistics()
        one, other = cell(before, path), cell(after, path)
        spent = {s: getattr(other, s) - getattr(one, s) for s in ("starved", "busy", "blocked")}
        elapsed = (after.time - before.time) * other.clones
        assert sum(spent.values()) == pytest.approx(elapsed, abs=1e-6)
        if spent[state] == pytest.approx(elapsed, abs=1e-6):
            return
    raise AssertionError(f"{path} was not {state}: {spent} in {elapsed} s")


# -- states


def test_clones_are_busy_in_a_call_and_starved_without_an_item():
    gate = Gate()
    with line(source=tp.Source([0, 1]), gate=scaled(gate, 2)).run() as run:
        settles(run, "gate", "starved")
        results = iter(run)
        pulling = Background(next, results)
        gate.wait_until_inside(0, 1)
        settles(run, "gate", "busy")  # though neither call has returned
        gate.open()
        assert pulling.result() == 0
        settles(run, "gate", "starved")


def test_what_ends_while_a_snapshot_is_taken_adds_up(monkeypatch):
    gate, last = Gate(), Gate()
    with line(source=tp.Source([0, 1]), gate=scaled(gate, 2), last=last).run() as run:
        moment = perf_counter()  # so early that all that is read has ended since
        pulling = Background(next, iter(run))
        gate.wait_until_inside(0, 1)
        gate.open()
        last.wait_until_inside(0)
        last.open()
        assert pulling.result() == 0
        settles(run, "gate", "starved")
        monkeypatch.setattr(snapshot, "perf_counter", lambda: moment)
        now = run.statistics()
    for one in now.cells:
        assert min(one.busy, one.starved, one.blocked) >= 0
        spent = one.busy + one.starved + one.blocked
        assert spent == pytest.approx(now.time * one.clones, abs=1e-9)


def test_the_head_is_blocked_without_a_credit_and_busy_in_its_source():
    source, gate = Gate(), Gate()

    @tp.cell
    def numbers():
        for number in range(4):
            source.hold(number)
            yield number

    with line(numbers=numbers, gate=scaled(gate, 1)).run(window=2) as run:
        pulling = Background(next, iter(run))
        source.wait_until_inside(0)
        settles(run, "numbers", "busy")
        source.open()
        gate.wait_until_inside(0)
        settles(run, "numbers", "blocked")
        gate.open()
        assert pulling.result() == 0


def test_the_tail_starves_for_clones_and_is_blocked_by_the_consumer():
    gate, last = Gate(), Gate()
    with line(source=tp.Source([0, 1]), gate=scaled(gate, 1), last=last).run() as run:
        settles(run, "last", "blocked")  # nobody has asked
        results = iter(run)
        pulling = Background(next, results)
        gate.wait_until_inside(0)
        settles(run, "last", "starved")
        gate.open()
        last.wait_until_inside(0)
        settles(run, "last", "busy")
        last.open()
        assert pulling.result() == 0
        settles(run, "last", "blocked")


def test_without_clones_all_that_is_not_the_consumers_is_busy():
    gate = Gate()
    with line(source=tp.Source([0, 1]), gate=gate).run() as run:
        pulling = Background(next, iter(run))
        gate.wait_until_inside(0)
        settles(run, "source + gate", "busy")
        gate.open()
        assert pulling.result() == 0
        settles(run, "source + gate", "blocked")


def test_reading_a_source_without_clones_is_busy():
    source = Gate()

    @tp.cell
    def numbers():
        source.hold(0)
        yield 0

    with line(numbers=numbers).run() as run:
        pulling = Background(next, iter(run))
        source.wait_until_inside(0)
        settles(run, "numbers", "busy")
        source.open()
        assert pulling.result() == 0


def test_a_serial_stage_between_clones_starves_for_them():
    gate, middle = Gate(), Gate()
    cells = {"gate": scaled(gate, 1), "middle": middle, "add": scaled(Add(), 1)}
    middle.stateful = True
    with line(source=tp.Source([0]), **cells).run() as run:
        pulling = Background(next, iter(run))
        gate.wait_until_inside(0)
        settles(run, "middle", "starved")
        gate.open()
        middle.wait_until_inside(0)
        settles(run, "middle", "busy")
        settles(run, "add", "starved")
        middle.open()
        assert pulling.result() == 1


def test_a_head_that_pulls_from_clones_starves_for_them():
    gate, first = Gate(), Gate(len)
    cells = {"batch": tp.Batch(2), "first": first, "sum": scaled(sum, 1), "last": Pass()}
    with line(source=tp.Source([0, 1]), gate=scaled(gate, 1), **cells).run() as run:
        pulling = Background(next, iter(run))
        gate.wait_until_inside(0)
        for path in ("batch", "first", "sum", "last"):
            settles(run, path, "starved")
        gate.open()
        first.wait_until_inside(2)
        settles(run, "first", "busy")
        settles(run, "batch", "blocked")
        first.open()
        assert pulling.result() == 1


def test_cells_of_two_regions_in_one_thread_share_its_time():
    batch, total = Gate(len), Gate()
    cells = {"add": scaled(Add(), 1), "batch": tp.Batch(2), "gate": batch, "sum": tp.cell(sum)}
    with line(source=tp.Source([0, 1]), **cells, total=total).run() as run:
        pulling = Background(next, iter(run))
        batch.wait_until_inside(2)
        settles(run, "gate + sum + total", "busy")
        settles(run, "batch", "blocked")
        batch.open()
        total.open()
        assert pulling.result() == 3


def beside(gate: tp.Cell) -> Made:
    """A batch beside the way to the results, and a scaled-up cell after it."""

    def build(self):
        x = self.add(self.source())
        self.seen(self.gate(self.batch(x)))
        return x

    seen, batch = tp.Collect(), tp.Batch(1)
    add, source = Add(), tp.Source(range(9))
    return Made(build, source=source, add=add, batch=batch, gate=scaled(gate, 1), seen=seen)


def test_who_fills_a_region_beside_the_way_is_blocked_without_a_credit():
    gate = Gate(lambda items: items[0])
    with beside(gate).run(window=2) as run:
        pulling = Background(list, run)
        gate.wait_until_inside(1)
        settles(run, "source + add + batch", "blocked")
        settles(run, "gate", "busy")
        settles(run, "seen", "starved")
        gate.open()
        assert pulling.result() == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_submitted_items_wait_for_room_and_entries_for_items():
    gate = Gate()
    with open_line(first=Pass(), gate=scaled(gate, 1), last=Pass()).run(window=1) as run:
        settles(run, "first", "starved")
        settles(run, "last", "starved")
        first = run.submit(0)
        gate.wait_until_inside(0)
        second = Background(run.submit, 1)
        settles(run, "first", "blocked")
        gate.open()
        assert (first.result(TIMEOUT), second.result().result(TIMEOUT)) == (0, 1)
        assert run.statistics().consumer is None


def test_an_error_ends_what_was_open():
    def fails(x):
        raise ValueError(x)

    for clones in (None, 1):
        cells = {"fails": tp.cell(fails) if clones is None else scaled(fails, clones)}
        with (
            pytest.raises(ValueError, match="0"),
            line(source=tp.Source([0]), **cells).run() as run,
        ):
            list(run)
        assert run.statistics() == run.statistics()


# -- counts


def test_items_of_clones_that_left_are_kept():
    with line(source=tp.Source(range(50)), add=scaled(Add(), 4)).run(window=4) as run:
        results = iter(run)
        for count in (3, 1, 2, 5, 1):
            next(results)
            before = cell(run.statistics(), "add")
            run.scale("add", count)
            after = cell(run.statistics(), "add")
            assert (after.clones, after.items >= before.items) == (count, True)
            assert after.starved >= before.starved
        assert len(list(results)) == 45
        assert cell(run.statistics(), "add").items == 50


def test_queues_and_items_in_flight():
    gate = Gate()
    with line(source=tp.Source(range(9)), gate=scaled(gate, 2), last=Pass()).run(window=6) as run:
        pulling = Background(next, iter(run))
        gate.wait_until_inside(0, 1)
        settles(run, "source", "blocked")
        now = run.statistics()
        assert (cell(now, "gate").queue, cell(now, "last").queue) == (4, 0)
        assert [path.in_flight for path in now.paths] == [6]
        gate.open(1, 2, 3)
        gate.wait_until_inside(0, 4)
        assert cell(run.statistics(), "last").queue == 3  # they wait for item 0
        gate.open()
        assert pulling.result() == 0


def test_a_region_is_a_path():
    cells = {"add": scaled(Add(), 2), "batch": tp.Batch(2), "sum": tp.cell(sum)}
    with line(source=tp.Source(range(5)), **cells).run() as run:
        assert list(run) == [3, 7, 5]
        now = run.statistics()
    assert [(path.source, path.sink, path.items) for path in now.paths] == [
        ("source", "batch", 5),
        ("batch", "results", 3),
    ]
    assert (now.items, now.window, len(now), len(list(now))) == (3, 64, 5, 5)


def test_the_time_of_some_items_is_taken():
    with line(source=tp.Source(range(100)), add=scaled(Add(), 2), last=Pass()).run() as run:
        list(run)
        now = run.statistics()
    (path,) = now.paths
    for found in (path.latency, cell(now, "add").service, cell(now, "last").service):
        assert 1 <= found.count <= 100
        assert 0 < found.percentile(0.1) <= found.percentile(0.99)


def test_a_stream_that_is_slow_has_every_item_timed():
    gate = Gate()
    gate.open()
    with open_line(gate=scaled(gate, 1)).run() as run:
        probes = run._core.rings[0].probes
        for number in range(5):
            probes._last = 0.0  # long ago
            run(number)
        assert cell(run.statistics(), "gate").service.count == 5


def test_cpu_time_is_known_of_threads():
    with line(source=tp.Source(range(3)), add=scaled(Add(), 2)).run() as run:
        list(run)
        now = run.statistics()
    assert all(clone.cpu is not None and clone.cpu > 0 for clone in now if clone.scaled)
    assert now.cpu > 0


def test_cpu_time_from_before_the_run_is_not_counted():
    spent = process_time()
    with line(source=tp.Source(range(3)), add=scaled(Add(), 2)).run() as run:
        list(run)
        assert 0 < run.statistics().cpu < process_time() - spent
    assert run.statistics().cpu < process_time() - spent


# -- distributions


@pytest.mark.parametrize("exponent", range(-7, 6))
def test_a_percentile_is_right_within_seven_percent(exponent):
    histogram = Histogram()
    for factor in range(10, 100):
        histogram.add(factor / 10 * 10.0**exponent)
    found = histogram.now()
    assert found.count == 90
    assert found.mean == pytest.approx(5.45 * 10.0**exponent)
    for share in (0.1, 0.5, 0.9, 1.0):
        wanted = (10 + 90 * share - 1) / 10 * 10.0**exponent
        assert found.percentile(share) == pytest.approx(wanted, rel=0.07)


def test_distributions_add_up_and_differ():
    histogram = Histogram()
    histogram.add(0.001)
    before = histogram.now()
    histogram.add(0.1)
    after = histogram.now()
    assert (after - before).percentile(0.5) == pytest.approx(0.1, rel=0.07)
    assert (before + after).count == 3
    assert after - Distribution() == after == after + Distribution() == Distribution() + after
    assert Distribution().percentile(0.5) is None
    assert Distribution().mean is None
