"""How many clones each cell should have, worked out from made periods."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.engine.test_report import SOURCE, clones, period, stage
from torchpipe.engine.planning.planned import planned

LINE = period(SOURCE, clones("a", 2, 20), clones("b", 2, 10), clones("c", 1, 5))


@pytest.mark.parametrize(
    ("budget", "plan"),
    [
        (3, {"a": 1, "b": 1, "c": 1}),
        (4, {"a": 2, "b": 1, "c": 1}),
        (5, {"a": 3, "b": 1, "c": 1}),
        (7, {"a": 4, "b": 2, "c": 1}),
        (14, {"a": 8, "b": 4, "c": 2}),
    ],
)
def test_each_clone_goes_to_the_cell_that_limits(budget, plan):
    assert planned(LINE, budget) == plan


def test_no_cell_gets_more_than_others_can_use():
    made = period(stage("source", "source", 5.0), clones("a", 2, 20), clones("b", 2, 10))
    assert planned(made, 100) == planned(made) == {"a": 4, "b": 2}  # the source gives 200 a second


def test_a_limit_of_a_cell_is_one_for_the_others():
    assert planned(LINE, 100, {"a": 3}) == {"a": 3, "b": 2, "c": 1}


def test_the_cores_the_gil_and_gpus_are_limits():
    assert planned(replace(LINE, gpus={"cuda:0": 1.0, "cuda:1": 5.0})) == {"a": 4, "b": 2, "c": 1}
    assert planned(replace(LINE, cpu=40.0)) == {"a": 4, "b": 2, "c": 1}
    assert planned(replace(LINE, gil=0.5)) == {"a": 4, "b": 2, "c": 1}


def test_a_cell_that_did_nothing_keeps_one():
    made = period(SOURCE, clones("a", 2, 0, items=0), clones("b", 1, 9.9), consumer=5.0)
    assert planned(made, 6) == {"a": 1, "b": 2}


def test_nothing_is_planned_without_results():
    assert planned(replace(LINE, results=0), 9) == {"a": 1, "b": 1, "c": 1}
