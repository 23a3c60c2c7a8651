"""Batch, Unbatch, Filter, Delay: alone, and in a run."""

import pytest
import torch

import torchpipe as tp
from torchpipe.errors import ParameterError
from torchpipe.testing import check_cell


class Through(tp.Pipeline):
    """The numbers 0 to n - 1 through some cells, one after the other."""

    def __init__(self, n, *cells):
        super().__init__()
        self.source = tp.Source(range(n))
        self.cells_between = list(cells)

    def build(self):
        value = self.source()
        for cell in self.cells_between:
            value = cell(value)
        return value


def results(n, *cells):
    with Through(n, *cells).run() as run:
        first, second = list(run), list(run)
    assert first == second, "a second epoch must give the same"
    return first


def test_batch_gives_lists_and_a_smaller_one_at_the_end():
    assert results(5, tp.Batch(2)) == [[0, 1], [2, 3], [4]]


def test_batch_can_drop_the_smaller_one():
    assert results(5, tp.Batch(2, drop_last=True)) == [[0, 1], [2, 3]]


def test_batch_can_collate():
    tensors = [torch.full((2,), float(number)) for number in range(3)]
    batches = check_cell(tp.Batch(2, collate=torch.stack), *tensors)
    assert [batch.shape for batch in batches] == [(2, 2), (1, 2)]


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(ParameterError) as error:
        tp.Batch(0)
    assert str(error.value) == "cannot make batches of 0 items: size must be at least 1."


HOPS = [(size, hop) for size in range(1, 5) for hop in range(1, 7)]


def batches_in_a_loop(items, size, hop, drop_last):
    """A batch begins every `hop` items; a smaller one only with items that no other has."""
    batches, seen = [], 0
    for first in range(0, len(items), hop):
        batch = items[first : first + size]
        if len(batch) == size or (first + len(batch) > seen and not drop_last):
            batches.append(batch)
        seen = first + len(batch)
    return batches


@pytest.mark.parametrize(("size", "hop"), HOPS)
@pytest.mark.parametrize("drop_last", [False, True])
def test_a_batch_begins_every_hop_items_as_in_a_plain_loop(size, hop, drop_last):
    for count in range(12):
        batch, items = tp.Batch(size, hop=hop, drop_last=drop_last), list(range(count))
        expected = batches_in_a_loop(items, size, hop, drop_last)
        assert check_cell(batch, *items) == expected
    assert results(count, batch) == expected


@pytest.mark.parametrize(("size", "hop"), HOPS)
def test_batches_go_on_exactly_from_any_item(size, hop):
    items = list(range(11))
    expected = batches_in_a_loop(items, size, hop, drop_last=False)
    for cut in range(len(items) + 1):
        one, other = tp.Batch(size, hop=hop), tp.Batch(size, hop=hop)
        found = [batch for item in items[:cut] for batch in one.forward(item)]
        other.load_state_dict(one.state_dict())
        found += [batch for item in items[cut:] for batch in other.forward(item)]
        assert [*found, *other.flush()] == expected
        other.reset()
        assert other.state_dict() == tp.Batch(size, hop=hop).state_dict()


@pytest.mark.parametrize("hop", [1, 2, 3, 5])
def test_a_run_saved_between_two_batches_that_overlap_goes_on(hop, tmp_path):
    whole = results(13, tp.Batch(3, hop=hop))
    for cut in range(1, len(whole)):
        with Through(13, tp.Batch(3, hop=hop)).run() as run:
            assert [run.pull() for _ in range(cut)] == whole[:cut]
            run.save(tmp_path / "run")
        with Through(13, tp.Batch(3, hop=hop)).run() as run:
            run.load(tmp_path / "run")
            assert list(run) == whole[cut:]


def test_a_batch_keeps_no_item_that_it_does_not_need():
    batch = tp.Batch(2, hop=1000)
    for item in range(500):
        list(batch.forward(item))
    assert len(batch.items) <= 2


def test_a_hop_of_nothing_is_refused():
    with pytest.raises(ParameterError) as error:
        tp.Batch(2, hop=0)
    assert str(error.value) == "cannot begin a batch every 0 items: hop must be at least 1."


def test_an_empty_epoch_has_no_batch():
    assert results(0, tp.Batch(2)) == []


def test_unbatch_undoes_batch():
    assert results(5, tp.Batch(2), tp.Unbatch()) == list(range(5))


def test_unbatch_splits_a_tensor_into_rows_that_share_its_memory():
    batch = torch.zeros(2, 3)
    first, second = check_cell(tp.Unbatch(), batch)
    batch += 1
    assert first.tolist() == second.tolist() == [1, 1, 1]


def test_unbatch_splits_as_told():
    assert check_cell(tp.Unbatch(str.split), "a b", "", "c") == ["a", "b", "c"]


def is_even(number):
    return number % 2 == 0


def test_filter_passes_what_the_predicate_takes():
    assert results(5, tp.Filter(is_even)) == [0, 2, 4]
    assert check_cell(tp.Filter(is_even), 0, 1) == [0, tp.HOLE]


def test_filter_scaled_up_keeps_the_order():
    assert results(20, tp.ScaleUp(tp.Filter(is_even), clones=3)) == list(range(0, 20, 2))


def test_a_join_around_a_filter_stays_aligned():
    class Joined(Through):
        def build(self):
            number = self.source()
            return number, self.cells_between[0](number)

    with Joined(5, tp.Filter(is_even)).run() as run:
        assert list(run) == [(0, 0), (2, 2), (4, 4)]


@pytest.mark.parametrize(
    ("delay", "expected"),
    [
        (tp.Delay(), [0, 0, 1, 2]),
        (tp.Delay(2), [0, 0, 0, 1]),
        (tp.Delay(1, initial=9), [9, 0, 1, 2]),
        (tp.Delay(6, initial=None), [None] * 4),
    ],
)
def test_delay_gives_the_value_of_n_items_ago(delay, expected):
    assert results(4, delay) == expected
    assert check_cell(delay, *range(4)) == expected


def test_a_delay_of_nothing_is_refused():
    with pytest.raises(ParameterError) as error:
        tp.Delay(0)
    assert str(error.value) == "cannot delay by 0 items: n must be at least 1."


@pytest.mark.parametrize("cell", [tp.Delay(), tp.Batch(2)])
def test_stateful_cells_cannot_be_scaled_up(cell):
    with pytest.raises(tp.CheckError, match="stateful"):
        Through(1, tp.ScaleUp(cell, clones=2)).check()


def test_cells_show_what_they_do():
    cells = tp.Batch(2), tp.Batch(2, drop_last=True), tp.Batch(4, hop=2)
    cells += tp.Filter(is_even), tp.Delay(3)
    assert [repr(cell) for cell in cells] == [
        "Batch(size=2)",
        "Batch(size=2, drop_last=True)",
        "Batch(size=4, hop=2)",
        "Filter(is_even)",
        "Delay(3)",
    ]


@pytest.mark.parametrize("cell", [tp.Filter, tp.Call, tp.Unbatch])
def test_what_is_no_function_is_refused_at_once(cell):
    with pytest.raises(ParameterError) as caught:
        cell(3)
    assert str(caught.value) == (
        f"cannot make a {cell.__name__} of 3: it is no function. Pass a function of an item."
    )
