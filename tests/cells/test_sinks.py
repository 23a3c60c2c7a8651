"""Sinks: they see every item in order and pass it on."""

import torchpipe as tp
from torchpipe.testing import check_cell


class Sunk(tp.Pipeline):
    def __init__(self, sink):
        super().__init__()
        self.source = tp.Source("abc")
        self.scaled = tp.ScaleUp(tp.cell(str.upper), clones=3)
        self.sink = sink

    def build(self):
        return self.sink(self.scaled(self.source()))


def test_collect_keeps_the_items_of_one_epoch():
    collect = tp.Collect()
    with Sunk(collect).run() as run:
        for _ in range(2):
            assert list(run) == collect.items == ["A", "B", "C"]


def test_collect_sees_an_item_before_it_leaves():
    collect = tp.Collect()
    with Sunk(collect).run() as run:
        assert next(iter(run)) == collect.items[0] == "A"


def test_call_calls_in_order_and_passes_on():
    seen = []
    with Sunk(tp.Call(seen.append)).run() as run:
        assert list(run) == seen == ["A", "B", "C"]


def test_sinks_are_good_cells():
    assert check_cell(tp.Collect(), 1, 2) == [1, 2]
    assert check_cell(tp.Call(print), 1, 2) == [1, 2]


def test_call_shows_its_function():
    assert repr(tp.Call(print)) == "Call(print)"


def test_what_was_collected_is_saved_with_a_run(tmp_path):
    one, other = tp.Collect(), tp.Collect()
    with Sunk(one).run() as run:
        run.pull()
        run.save(tmp_path / "run")
    with Sunk(other).run() as run:
        run.load(tmp_path / "run")
        assert other.items == ["A"]
        assert list(run) == ["B", "C"]
    assert other.items == ["A", "B", "C"]


def test_a_run_with_a_call_can_be_saved(tmp_path):
    seen = []
    with Sunk(tp.Call(seen.append)).run() as run:
        run.pull()
        run.save(tmp_path / "run")
        run.load(tmp_path / "run")
        assert list(run) == ["B", "C"]
    assert seen == ["A", "B", "C"]
