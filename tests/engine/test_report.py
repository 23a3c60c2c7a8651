"""What limits a pipeline, and what one more clone would give: worked out from made snapshots."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import torchpipe as tp
from tests.engine.made import Add, Pass, line, scaled, torchpipe_threads
from torchpipe.engine.planning.period import Period, between
from torchpipe.engine.planning.report import Report
from torchpipe.engine.planning.verdict import predict, verdict
from torchpipe.engine.telemetry import gil
from torchpipe.engine.telemetry.distribution import Distribution
from torchpipe.engine.telemetry.statistics import (
    CellStatistics,
    GpuStatistics,
    PathStatistics,
    Statistics,
)

SECONDS, RESULTS = 10.0, 1000


def clones(
    path: str, count: int, each: float, visits: float = 1.0, **more: object
) -> CellStatistics:
    """A scaled-up cell that takes so many milliseconds for an item."""
    busy = RESULTS * visits * each / 1000
    starved = count * SECONDS - busy
    made = stage(path, "clones", busy, starved=starved, items=int(RESULTS * visits))
    return replace(made, scaled=True, clones=count, **more)


def stage(
    path: str, thread: str, busy: float, starved: float = 0.0, items: int = RESULTS
) -> CellStatistics:
    """The cells of a thread, or some of them, that work so many seconds."""
    blocked = 0.0 if thread == "clones" else SECONDS - busy - starved
    none = Distribution()
    return CellStatistics(path, "in", False, thread, 1, items, busy, starved, blocked, 0.0, 0, none)


def period(*cells: CellStatistics, consumer: float | None = 0.1, **more: object) -> Period:
    """Ten seconds with a thousand results."""
    sources = {"in": RESULTS} | {cell.source: cell.items for cell in cells}
    paths = [
        PathStatistics(source, "results", n, 0, Distribution()) for source, n in sources.items()
    ]
    made = Period(SECONDS, RESULTS, cells, tuple(paths), consumer, 0.5, 64, gil=0.0, cores=8)
    return replace(made, **more)


SOURCE = stage("source", "source", 0.1)

GPUS = {"cuda:0": 1.0, "cuda:1": 9.6}

LIMITS = {
    "a line": ("b", period(SOURCE, clones("a", 2, 15), clones("b", 2, 19.8))),
    "a diamond": ("b", period(SOURCE, clones("a", 4, 5), clones("b", 1, 9.9), clones("c", 2, 9.9))),
    "a batch": (
        "batched",
        period(SOURCE, clones("a", 2, 5), clones("batched", 1, 158, 1 / 16, source="batch")),
    ),
    "a fan-out": (
        "parts",
        period(SOURCE, clones("a", 2, 5), clones("parts", 2, 2.48, 8, source="cut")),
    ),
    "stateful": ("track", period(SOURCE, clones("a", 4, 20), clones("track", 1, 9.7))),
    "in the consumer's thread": (
        "track",
        period(SOURCE, clones("a", 2, 5), stage("track", "consumer", 9.5, starved=0.4)),
    ),
    "in a thread between": ("mid", period(SOURCE, clones("a", 2, 5), stage("mid", "stage 1", 9.8))),
    "a source": ("source", period(stage("source", "source", 9.7), clones("a", 2, 5))),
    "a consumer": ("the consumer", period(SOURCE, clones("a", 2, 5), consumer=9.9)),
    "nested": ("inner.detect", period(SOURCE, clones("inner.detect", 3, 29), clones("b", 1, 8))),
    "pure Python": ("the GIL", period(SOURCE, replace(clones("a", 4, 40), cpu=9.8), gil=0.97)),
    "a GPU": ("cuda:1", period(SOURCE, replace(clones("a", 3, 28), gpu=25.0), gpus=GPUS)),
    "the only clone on a GPU": (
        "a",
        period(SOURCE, replace(clones("a", 1, 9.8), gpu=9.5), gpus={"cuda:0": 9.5}),
    ),
    "cores": ("the cores", period(SOURCE, replace(clones("a", 9, 80), cpu=79.0), cpu=79.0)),
    "a window": ("the window", period(SOURCE, clones("a", 4, 30), clones("b", 2, 5))),
    "fewer items than a window": (
        "nothing",
        period(stage("s", "source", 0.1, items=6), replace(clones("a", 4, 30), items=6), results=6),
    ),
    "requests": (
        "arrivals",
        period(stage("inputs", "caller", 0.1, starved=9.9), clones("a", 2, 5), consumer=None),
    ),
    "a slow producer": (
        "nothing",
        period(stage("source", "source", 6.0, starved=1.0), clones("a", 2, 5)),
    ),
    "nothing came": ("nothing", period(SOURCE, clones("a", 2, 5), results=0)),
}


@pytest.mark.parametrize(("limit", "made"), LIMITS.values(), ids=LIMITS)
def test_what_limits(limit, made):
    assert verdict(made).limit == limit
    assert str(Report(made)).count(f"What limits: {limit}; ") == 1


PREDICTIONS = {
    "it goes on to limit": (150, "a", period(SOURCE, clones("a", 2, 20), clones("b", 4, 10))),
    "then another one": (125, "b", period(SOURCE, clones("a", 2, 20), clones("b", 1, 8))),
    "then the source": (125, "source", period(stage("source", "source", 8.0), clones("a", 2, 20))),
    "then the consumer": (125, "the consumer", period(SOURCE, clones("a", 2, 20), consumer=8.0)),
    "then the GIL": (133.3, "the GIL", period(SOURCE, clones("a", 2, 20), gil=0.75)),
    "then a GPU": (125, "cuda:1", period(SOURCE, clones("a", 2, 20), gpus={**GPUS, "cuda:1": 8})),
    "then the cores": (110, "the cores", period(SOURCE, clones("a", 2, 20), cpu=80 / 1.1)),
    "of a batch": (150, "a", period(SOURCE, clones("a", 2, 320, 1 / 16, source="batch"))),
    "with a thread that others share": (
        125,
        "draw",
        period(SOURCE, clones("a", 2, 20), stage("draw", "consumer", 7.0), consumer=1.0),
    ),
}


@pytest.mark.parametrize(("rate", "limit", "made"), PREDICTIONS.values(), ids=PREDICTIONS)
def test_what_one_more_clone_gives(rate, limit, made):
    found = predict(made, "a")
    assert (found.clones, found.next) == (3, limit)
    assert found.rate == found.least == pytest.approx(rate, rel=0.01)


def test_a_cell_that_is_ahead_of_the_results_is_not_thought_to_be_slower():
    made = period(SOURCE, replace(clones("a", 2, 20), items=500, busy=10.0), results=500)
    ahead = replace(made, cells=(SOURCE, replace(made.cells[1], items=520, busy=10.4)))
    paths = (replace(made.paths[0], items=500),)
    assert predict(replace(ahead, paths=paths), "a").rate == pytest.approx(150)


def test_where_nobody_looked_at_the_gil_both_cases_are_told():
    made = period(SOURCE, clones("a", 2, 20), cpu=8.0, gil=None)
    found = predict(made, "a")
    assert (found.rate, found.least, found.next) == (150, 125, "a")
    assert "125.0 (if all its CPU time holds the GIL) to 150.0 a second" in str(Report(made))


def test_a_full_gil_takes_all_hope():
    made = period(SOURCE, replace(clones("a", 2, 19), cpu=9.0), clones("b", 1, 5), gil=0.9)
    report = Report(made)
    assert report.verdict.limit == "the GIL"
    assert report.prediction.rate == made.rate
    assert str(report).endswith("One more clone of a gives nothing: the GIL limits.")


def test_a_cell_without_clones_has_no_prediction():
    made = period(stage("source", "source", 9.7), clones("a", 2, 5))
    assert Report(made).prediction is None
    assert str(Report(made)).endswith("Scale up what needs no order in source: tp.ScaleUp(...).")
    assert predict(made, "source") is None


def test_a_period_is_the_difference_of_two_snapshots():
    def snapshot(time: float, items: int, busy: float) -> Statistics:
        cell = replace(clones("a", 2, 1), items=items, busy=busy, cpu=busy / 2, gpu=busy / 4)
        gpus = (GpuStatistics("cuda:0", busy / 5),)
        path = PathStatistics("in", "results", items, 3, Distribution())
        return Statistics(time, (), (cell,), (path,), items, time / 2, time / 4, 64, gpus)

    found = between(snapshot(2.0, 10, 1.0), snapshot(4.0, 40, 1.5), gil=0.25)
    assert (found.seconds, found.results, found.rate, found.gil) == (2.0, 30, 15.0, 0.25)
    assert (found.consumer, found.cpu) == (1.0, 0.5)
    [cell] = found.cells
    assert (cell.items, cell.busy, cell.cpu, cell.gpu) == (30, 0.5, 0.25, 0.125)
    assert found.gpus == {"cuda:0": pytest.approx(0.1)}
    assert [(path.items, path.in_flight) for path in found.paths] == [(30, 3)]
    since_the_start = between(None, snapshot(4.0, 40, 1.5))
    assert (since_the_start.seconds, since_the_start.results) == (4.0, 40)


def test_a_report_is_a_table():
    with line(source=tp.Source(range(5)), add=scaled(Add(), 2), last=Pass()).run() as run:
        list(run)
    text = str(run.report())
    names = [row.split()[0] for row in text.splitlines()[2:6]]
    assert names == ["cell", "source", "add", "last"]
    assert re.match(r"5 results in \d+\.\d\d s, ", text)
    assert "\nWhat limits: " in text


def test_the_first_report_lets_a_thread_look_at_the_gil():
    with line(source=tp.Source(range(5)), add=scaled(Add(), 2)).run() as run:
        assert run.report().period.gil is None
        assert "torchpipe GIL" in torchpipe_threads()
        run._reporter._reported = None, gil.Samples()
        run._reporter._gil.samples = gil.Samples(400, 94)
        assert run.report().period.gil == pytest.approx(0.25, abs=0.01)
    assert "torchpipe GIL" not in torchpipe_threads()
    run.report()


def test_a_run_without_clones_has_no_thread_for_its_report():
    with line(source=tp.Source(range(5)), add=Add()).run() as run:
        next(iter(run))
        assert run.report().verdict.station is not None
        assert torchpipe_threads() == []


def test_nobody_looks_at_the_gil_while_the_run_is_idle(monkeypatch):
    monkeypatch.setattr(gil, "IDLE", 0.0)
    with line(source=tp.Source(range(5)), add=scaled(Add(), 2)).run() as run:
        list(run)
        run.report()
        first = run._reporter._gil
        first.thread.thread.join(10)
        assert not first.works
        run.report()
        assert run._reporter._gil is not first


def test_a_second_reader_has_reports_of_its_own():
    with line(source=tp.Source(range(9)), add=scaled(Add(), 2)).run() as run:
        other = run.reporter()
        other.report()
        for _ in range(4):
            run.pull()
        assert run.report().period.results == 4
        run.pull()
        assert other.report().period.results == 5
        assert run.report().period.results == 1
        other.close()


def test_what_runs_and_whether_it_has_ended_is_told():
    pipeline = line(source=tp.Source(range(2)), add=scaled(Add(), 2))
    with pipeline.run() as run:
        assert (run.pipeline, run.stopped, run.skipped) == (pipeline, False, 0)
    assert run.stopped
