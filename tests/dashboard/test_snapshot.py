"""Two snapshots as figures."""

import json
from dataclasses import replace

import pytest

from torchpipe.dashboard.snapshot import conclusion, figures, letters, rounded
from torchpipe.engine.shared import DeadLetter
from torchpipe.engine.telemetry.statistics import CloneStatistics, GpuStatistics


@pytest.fixture
def two(sums):
    """Snapshots before and after 40 results."""
    with sums(range(60)).run() as run:
        before = run.statistics()
        for number in run:
            if number == 39:
                break
        return before, run.statistics()


def test_shares_of_states_add_up_to_one(two):
    told = figures(*two)
    for stage in [*told["cells"], *told["clones"]]:
        assert stage["busy"] + stage["starved"] + stage["blocked"] == pytest.approx(1, abs=1e-3)


def test_rates_are_those_of_the_time_between(two):
    before, after = two
    told = figures(before, after)
    assert told["items"] == 40
    assert told["rate"] == rounded(40 / (after.time - before.time))


def test_what_clones_use_is_told_where_it_is_known(two):
    before, after = two
    told = figures(before, after)
    assert told["gpus"] == []
    assert {(clone["gpu"], clone["memory"]) for clone in told["clones"]} == {(None, None)}
    assert all(clone["cpu"] >= 0 for clone in told["clones"])
    seconds = after.time - before.time
    clones = [replace(clone, gpu=seconds / 2, memory=2**20) for clone in after.clones]
    gpus = (GpuStatistics("cuda:0", seconds / 4, 2**30, 2**33),)
    told = figures(before, replace(after, clones=tuple(clones), gpus=gpus))
    assert {(clone["gpu"], clone["memory"]) for clone in told["clones"]} == {(0.5, 2**20)}
    assert told["gpus"] == [{"device": "cuda:0", "busy": 0.25, "used": 2**30, "capacity": 2**33}]


def test_figures_are_json(two):
    told = figures(*two)
    assert json.loads(json.dumps(told)) == told


def test_nothing_happened_between_a_snapshot_and_itself(two):
    told = figures(two[1], two[1])
    assert (told["rate"], told["cpu"], told["consumer"]) == (0.0, None, None)
    assert {stage["rate"] for stage in told["cells"]} == {0.0}


def test_a_clone_that_came_meanwhile_is_told_from_its_start(two):
    before, after = two
    without = replace(before, clones=())
    told = {clone["clone"]: clone for clone in figures(without, after)["clones"]}
    assert sum(clone["items"] for clone in told.values()) > 0


def test_a_clone_that_took_the_number_of_another_does_not_count_backwards(two):
    before, after = two
    old = CloneStatistics("digest", "clone 0 on cpu", True, 10**6, 10**6)
    told = figures(replace(before, clones=(old,)), after)["clones"]
    assert min(clone["rate"] for clone in told) >= 0
    assert min(clone["busy"] for clone in told) >= 0


def test_the_verdict_of_the_report_is_told(sums):
    with sums(range(40)).run() as run:
        list(run)
        report = run.report()
    told = conclusion(report)
    assert told["limit"] == report.verdict.limit
    assert told["why"] == report.verdict.why
    assert json.loads(json.dumps(told)) == told


def test_the_last_dead_letter_comes_first():
    found = [DeadLetter("pick", "clone 0 on cpu", 0, item, ValueError("no")) for item in (1, 2)]
    assert [(one["item"], one["error"]) for one in letters(found)] == [
        (2, "ValueError: no"),
        (1, "ValueError: no"),
    ]
