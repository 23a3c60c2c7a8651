"""Many items to one batch and back."""

from typing import NamedTuple

import pytest
import torch

from torchpipe.cells.rows import groups, split, stack
from torchpipe.errors import RunError


class Pair(NamedTuple):
    left: torch.Tensor
    right: torch.Tensor


def test_items_are_grouped_by_shape_dtype_and_value():
    items = [
        (torch.zeros(2), 1),
        (torch.zeros(3), 1),
        (torch.ones(2), 1),
        (torch.zeros(2), 5),
        (torch.zeros(2, dtype=torch.float64), 1),
    ]
    assert list(groups(items)) == [[0, 2], [1], [3], [4]]


def test_tensors_are_stacked_and_equal_values_stay_one():
    assert stack([torch.zeros(2, 3)] * 4).shape == (4, 2, 3)
    assert stack(["nearest", "nearest"]) == "nearest"


def test_a_tensor_is_split_into_views():
    batch = torch.zeros(2, 3)
    rows = split(batch, 2)
    batch[1] = 5
    assert [row.tolist() for row in rows] == [[0, 0, 0], [5, 5, 5]]


def test_a_list_has_one_value_per_item():
    assert split(["a", "b"], 2) == ["a", "b"]


def test_tuples_and_dicts_are_split_within():
    column = torch.arange(2)
    assert split((column, ["a", "b"]), 2) == [(0, "a"), (1, "b")]
    assert split({"x": column, "y": {"z": column}}, 2) == [
        {"x": 0, "y": {"z": 0}},
        {"x": 1, "y": {"z": 1}},
    ]


def test_a_named_tuple_keeps_its_class():
    rows = split(Pair(torch.arange(2), torch.arange(2)), 2)
    assert rows == [Pair(0, 0), Pair(1, 1)]
    assert all(type(row) is Pair for row in rows)


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (torch.zeros(3, 2), "a tensor of shape (3, 2)"),
        (torch.tensor(1.0), "a tensor of shape ()"),
        (["a"], "a list of 1"),
    ],
)
def test_another_number_of_rows_is_refused(result, shown):
    with pytest.raises(RunError) as error:
        split(result, 2)
    assert str(error.value) == (
        f"cannot split {shown} into the results of 2 items: 2 rows are expected, one per item of "
        f"the batch. Make the network keep the first dimension, or leave out `batch=`."
    )


def test_what_has_no_rows_is_refused():
    with pytest.raises(RunError) as error:
        split("text", 2)
    assert str(error.value) == (
        "cannot split a str into the results of 2 items: a tensor with 2 rows is expected, or a "
        "tuple, dict or list of them. Leave out `batch=`."
    )
