"""Clones in processes of their own do what thread clones do."""

from __future__ import annotations

import os
import re
import threading
import warnings

import numpy as np
import pytest

import torchpipe as tp
from tests.ray import made
from tests.ray.made import Function, Line

KINDS = {
    "threads": [tp.ThreadClone(), tp.ThreadClone()],
    "ray": [tp.RayClone(num_cpus=0.1), tp.RayClone(num_cpus=0.1)],
    "mixed": [tp.RayClone(num_cpus=0.1), tp.ThreadClone()],
}

each_kind = pytest.mark.parametrize("clones", KINDS.values(), ids=KINDS.keys())
pytestmark = pytest.mark.usefixtures("cluster")


@each_kind
def test_results_leave_in_order_in_every_epoch(clones):
    with Line(made.Scale(), clones, 500).run() as run:
        for _ in range(3):
            assert list(run) == [2 * number for number in range(500)]


@each_kind
def test_parameters_are_live_and_configs_belong_to_the_clone(clones):
    pipeline = Line(made.Scale(), [*clones[:1]])
    pipeline.cell.offset = 5
    with pipeline.run() as run:
        assert list(run)[3] == 11
        run.set("cell.factor", 10)
        assert list(run)[3] == 35
    assert list(Line(made.Scale(), clones).run())[3] == 6


@each_kind
def test_seeds_belong_to_the_item(clones):
    with Line(made.Seeded(), clones).run(seed=7) as run:
        seeds = [list(run), list(run)]
    with Line(made.Seeded(), 1).run(seed=7) as run:
        assert seeds == [list(run), list(run)]
    assert len({*seeds[0], *seeds[1]}) == 40


@each_kind
def test_a_user_error_keeps_type_text_and_note(clones):
    with (
        pytest.raises(ValueError, match=r"^no 7") as caught,
        Line(made.Fails(7), clones).run() as run,
    ):
        list(run)
    (note,) = caught.value.__notes__
    assert "in cell 'cell' (" in note
    assert "item 7" in note


def test_an_error_shows_the_traceback_of_its_process():
    with (
        pytest.raises(ValueError, match="no 7") as caught,
        Line(made.Fails(7), KINDS["ray"]).run() as run,
    ):
        list(run)
    assert 'raise ValueError(f"no {value}")' in str(caught.value.__cause__)


def test_an_error_that_cannot_be_pickled_keeps_its_type():
    cell = made.Fails(7, kind="odd")
    with (
        pytest.raises(made.Odd, match="it had to") as caught,
        Line(cell, KINDS["ray"]).run() as run,
    ):
        list(run)
    assert caught.value.number == 7


@each_kind
def test_skipped_items_are_dead_letters(clones):
    cell = made.Fails(3, 4)
    cell.on_error = tp.Skip(2)
    with Line(cell, clones).run() as run:
        assert list(run) == [number for number in range(20) if number not in (3, 4)]
        letters = sorted((letter.item, str(letter.error)) for letter in run.dead_letters)
    assert letters == [(3, "no 3"), (4, "no 4")]


@each_kind
def test_a_budget_is_one_for_all_clones(clones):
    cell = made.Fails(3, 4, 5)
    cell.on_error = tp.Skip(2)
    with (
        pytest.raises(tp.errors.BudgetExceeded, match="budget is 2"),
        Line(cell, clones).run() as run,
    ):
        list(run)


@each_kind
def test_retries(clones):
    with Line(made.FailsTwice(), clones).run() as run:
        assert list(run) == list(range(20))


@each_kind
def test_batches_fill_and_a_bad_one_is_taken_apart(clones):
    cell = made.Batched()
    cell.on_error = "skip"
    with Line(cell, clones[:1]).run() as run:
        given = list(run)
    assert [value for value, _ in given] == [number for number in range(20) if number != 13]
    assert max(size for _, size in given) == 4


@each_kind
def test_another_number_of_results_than_items_is_an_error(clones):
    with (
        pytest.raises(tp.errors.RunError, match="`forward_batch` returned 3 for 4 items") as caught,
        Line(made.Short(), clones[:1]).run() as run,
    ):
        list(run)
    assert "in cell 'cell' (" in caught.value.__notes__[0]


@each_kind
def test_a_stateful_cell_in_one_clone_gets_all_items_in_order(clones):
    with Line(made.Total(), clones[:1], 200).run() as run:
        for _ in range(2):
            assert list(run)[-1] == sum(range(200))


@each_kind
def test_several_ports_and_keyword_arguments(clones):
    class Ports(tp.Pipeline):
        def __init__(self):
            self.cell = tp.ScaleUp(made.TwoPorts(), clones)

        def build(self, value: int, step: int):
            return self.cell(value, step=step)

    with Ports().run() as run:
        assert list(run.map([(1, 2), (5, 1)])) == [(3, -1), (6, 4)]


@each_kind
def test_live_scaling_loses_nothing(clones):
    with Line(made.Scale(), clones, 400).run() as run:
        results = iter(run)
        given = [next(results) for _ in range(100)]
        run.scale("cell", [tp.ThreadClone(), tp.RayClone(num_cpus=0.1)])
        given += [next(results) for _ in range(100)]
        run.scale("cell", 1)
        given += list(results)
    assert given == [2 * number for number in range(400)]


class WithHoles(tp.Pipeline):
    def __init__(self, clones):
        self.third = tp.Filter(lambda value: value % 3 == 0)
        self.scale = tp.ScaleUp(made.Scale(), clones)

    def build(self, value):
        return self.scale(self.third(value))


def test_statistics_count_the_items_of_all_kinds():
    with Line(made.Scale(), KINDS["mixed"], 300).run() as run:
        list(run)
        clones = [clone for clone in run.statistics() if clone.scaled]
    assert sum(clone.items for clone in clones) == 300
    assert {clone.clone for clone in clones} == {"Ray clone 0 on cpu", "clone 1 on cpu"}


@each_kind
def test_statistics_count_items_without_a_value_too(clones):
    with WithHoles(clones).run() as run:
        assert list(run.map(range(30))) == [2 * number for number in range(0, 30, 3)]
        assert sum(clone.items for clone in run.statistics() if clone.path == "scale") == 30


def test_a_call_that_does_not_return_is_named(tmp_path):
    clone = tp.RayClone(num_cpus=0.1, deadline=2.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with Line(made.Hangs(0, tmp_path), [clone], 5).run(stall_after=0.3) as run:
            assert list(run) == list(range(5))
    named = (
        r"cell 'cell' \(Ray clone 0 on cpu\), item 0, has not returned from its process for "
        r"\d+ seconds. Give the clone a `deadline` in seconds per item, to have such a process "
        r"replaced."
    )
    assert any(re.search(named, str(each.message)) for each in caught)


def test_an_error_in_setup_is_raised_at_the_start():
    with pytest.raises(OSError, match="no weights here") as caught:
        Line(made.BrokenSetup(), KINDS["ray"]).run()
    assert "in the setup of cell 'cell'" in caught.value.__notes__[0]


def test_an_error_in_teardown_is_raised_at_the_end():
    run = Line(made.BrokenTeardown(), KINDS["ray"][:1]).run()
    with pytest.raises(OSError, match="cannot close"):
        run.stop()


def test_what_cannot_be_sent_is_the_error_of_its_item():
    with Function(made.Same(), KINDS["ray"]).run() as run:
        futures = [run.submit(value) for value in (1, threading.Lock(), 3)]
        assert futures[0].result() == 1
        with pytest.raises(TypeError, match="lock"):
            futures[1].result()
        assert futures[2].result() == 3


def test_a_loop_that_is_left_stops_all():
    with Line(made.Scale(), KINDS["ray"], 10**9).run() as run:
        for value in run:
            if value == 100:
                break


def test_clone_device_and_environment_are_right_inside():
    clones = [
        tp.RayClone(num_cpus=0.1),
        tp.RayClone(num_cpus=0.1, num_gpus=0.5),
        tp.RayClone(num_cpus=0.1, env={"MARK": "x"}),
        tp.RayClone(num_cpus=0.1, num_gpus=0.5, device="cpu"),
    ]
    told = []
    for clone in clones:
        with Function(made.Where(), [clone]).run() as run:
            told.append(run(0))
    pids, devices, seen, marks = zip(*told, strict=True)
    assert os.getpid() not in pids
    assert devices == ("cpu", "cuda:0", "cpu", "cpu")
    assert (seen[0], seen[2]) == ("", "")
    assert {seen[1], seen[3]} <= {"0", "1", "2", "3"}
    assert marks == (None, None, "x", None)


def test_a_pinned_clone_sees_its_gpu_only():
    with Function(made.Where(), [tp.RayClone(num_cpus=0.1, gpu=3)]).run() as run:
        assert run(0)[1:3] == ("cuda:0", "3")


@pytest.mark.parametrize(
    ("clone", "text"),
    [
        (tp.RayClone(num_gpus=5), "it asks for 5 GPU, which no node has"),
        (tp.RayClone(resources={"tape": 1}), "it asks for 1 tape, which no node has"),
        (tp.RayClone(accelerator_type="H100"), "accelerator_type:H100, which no node has"),
        (tp.RayClone(labels={"rack": "b"}), "there is no node with labels {'rack': 'b'}"),
        (tp.RayClone(node="elsewhere"), "there is no node 'elsewhere'"),
    ],
)
def test_what_the_cluster_cannot_have_is_an_error_at_once(clone, text):
    with pytest.raises(tp.errors.ClusterError, match="cannot place cell") as caught:
        Function(made.Same(), [clone]).run()
    assert text in str(caught.value)


def test_too_many_clones_are_an_error_within_seconds():
    with pytest.raises(
        tp.errors.ClusterError, match="all clones ask for 4 disk, and the cluster has 2 disk"
    ):
        Function(made.Same(), [tp.RayClone(num_cpus=0.1, resources={"disk": 2})] * 2).run()


def test_arrays_arrive_as_they_were():
    arrays = [
        np.arange(100_000, dtype=np.float32).reshape(100, 1000)[:, ::2],
        np.zeros((0, 3)),
        np.int8(3),
    ]
    with Function(made.Same(), KINDS["ray"][:1]).run() as run:
        for array in arrays:
            given = run({"a": [array]})["a"][0]
            assert given.dtype == array.dtype
            np.testing.assert_array_equal(given, array)
            assert np.isscalar(given) or given.flags.writeable
