"""Values as plain data: they come back as they were, or are refused with their place."""

from __future__ import annotations

import io
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from torchpipe import HOLE
from torchpipe.engine.saving.plain import KIND, NotPlain, packed, unpacked, with_tensors
from torchpipe.testing.same import same


class Box(NamedTuple):
    left: float
    size: Any


@dataclass(frozen=True)
class Found:
    boxes: Any
    scores: Any = None
    made: int = field(default=0, init=False)


@dataclass(slots=True)
class Slotted:
    value: Any


def there_and_back(value: Any) -> Any:
    """Through everything that happens to a value that is saved and loaded."""
    buffer = io.BytesIO()
    torch.save(with_tensors(packed(value)), buffer)
    buffer.seek(0)
    return unpacked(torch.load(buffer, weights_only=True))


VALUES = [
    None,
    True,
    3,
    -(10**40),
    1.5,
    float("inf"),
    "text",
    b"\x00\xff bytes",
    [1, [2, []]],
    (1, (2, ())),
    {"a": {"b": 1}},
    {1: "a", (2, 3): "b", None: [True]},
    {KIND: "tuple", "items": "mine"},
    OrderedDict(b=1, a=2),
    Box(1.0, (2, 3)),
    [HOLE, HOLE],
    torch.arange(6).reshape(2, 3),
    torch.tensor(1.5, dtype=torch.bfloat16),
    [torch.zeros(0, 4), torch.zeros(2, dtype=torch.bool)],
    np.float32(1.5),
    np.int64(-3),
    np.array(7),
    np.arange(4, dtype=np.uint16),
    [np.zeros((0, 7)), np.array([True, False])],
]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_what_comes_back_is_what_there_was(value):
    found = there_and_back(value)
    assert type(found) is type(value)
    assert same(found, value)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text()
        | st.binary(),
        lambda inner: (
            st.lists(inner)
            | st.tuples(inner, inner)
            | st.dictionaries(st.text() | st.integers(), inner)
            | st.builds(Box, st.floats(allow_nan=False), inner)
        ),
    )
)
def test_any_value_comes_back(value):
    assert there_and_back(value) == value


DTYPES = (
    arrays.boolean_dtypes()
    | arrays.integer_dtypes(endianness="=")
    | arrays.unsigned_integer_dtypes(endianness="=")
    | arrays.floating_dtypes(endianness="=", sizes=(16, 32, 64))
    | arrays.complex_number_dtypes(endianness="=", sizes=(64, 128))
)


@given(
    DTYPES.flatmap(lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, min_side=0)))
)
def test_any_array_comes_back(array):
    found = there_and_back(array)
    assert found.dtype == array.dtype
    assert np.array_equal(found, array, equal_nan=array.dtype.kind in "fc")


def test_the_order_in_memory_stays():
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    image = torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last)
    assert there_and_back(array).strides == array.strides
    assert there_and_back(image).stride() == image.stride()
    assert there_and_back(array[::-1, ::-1]).tolist() == array[::-1, ::-1].tolist()
    assert there_and_back(image.expand(2, 3, 4, 5)[:1]).shape == (1, 3, 4, 5)


def test_nothing_is_shared():
    array, tensor, items = np.arange(3), torch.arange(3), [1]
    plain = packed([array, tensor, items])
    array += 1
    tensor += 1
    items.append(2)
    plain = with_tensors(plain)
    first, second = unpacked(plain), unpacked(plain)
    for value in first[:2]:
        value += 5
    assert second[0].tolist() == second[1].tolist() == [0, 1, 2]
    assert second[2] == [1]


def test_an_array_that_must_not_be_written_to():
    array = np.arange(3)
    array.flags.writeable = False
    assert there_and_back([array])[0].tolist() == [0, 1, 2]


def test_parameters_of_a_module_come_back_as_tensors():
    net = torch.nn.Linear(2, 2)
    found = there_and_back({"net": net.state_dict(), "weight": net.weight})
    assert not found["weight"].requires_grad
    net.load_state_dict(found["net"])
    assert type(found["net"]) is OrderedDict


def test_a_tensor_of_a_device_that_is_not_there_comes_back_on_the_cpu():
    plain = {KIND: "tensor", "device": "cuda:7", "data": torch.arange(3)}
    assert unpacked(plain).tolist() == [0, 1, 2]
    assert unpacked(plain).device.type == "cpu"


def test_dataclasses_come_back():
    found = there_and_back(Found(np.arange(3), [Slotted(np.ones(2))]))
    assert type(found) is Found
    assert (found.boxes.tolist(), found.scores[0].value.tolist()) == ([0, 1, 2], [1.0, 1.0])


class Custom:
    def __repr__(self):  # the name of a test is the same in every process
        return "Custom()"


class Named(str):
    pass


@pytest.mark.parametrize(
    ("value", "place", "what"),
    [
        (Custom(), "", "of type Custom"),
        ([1, {"a": (Custom(),)}], "[1]['a'][0]", "of type Custom"),
        ({(1, Custom()): 2}, "[(1, ", "of type Custom"),
        (Box(1.0, Found([Custom()])), ".size.boxes[0]", "of type Custom"),
        ({1}, "", "of type set"),
        (deque(), "", "of type deque"),
        (Named("a"), "", "of type Named"),
        (Custom, "", "of type type"),
        (np.array(["a"]), "", "an array of <U1"),
        (np.zeros(2, [("x", np.int64)]), "", "an array of [('x', '<i8')]"),
        (np.arange(2, dtype=">i4"), "", "an array of >i4"),
        (np.str_("a"), "", "an array of <U1"),
        (torch.nn.Linear(1, 1), "", "of type Linear"),
    ],
    ids=str,
)
def test_what_cannot_be_saved_is_named(value, place, what):
    with pytest.raises(NotPlain) as caught:
        packed(value)
    assert caught.value.what == what
    assert caught.value.place.startswith(place)


def test_a_class_without_a_name_of_its_own_cannot_be_saved():
    class Local(NamedTuple):
        x: int

    with pytest.raises(NotPlain) as caught:
        packed([Local(1)])
    name = "test_a_class_without_a_name_of_its_own_cannot_be_saved.<locals>.Local"
    assert caught.value.what == f"of type {name}, which cannot be found by its name"


@pytest.mark.parametrize(
    "name", ["nowhere:Box", f"{__name__}:Box.left", f"{__name__}:Custom", "os:x"]
)
def test_a_class_that_is_not_there_is_named(name):
    with pytest.raises(NotPlain) as caught:
        unpacked([{KIND: "record", "type": name, "items": [1, 2]}])
    module, _, path = name.partition(":")
    assert caught.value.what == f"a {path} of {module}, which is not there, or has other fields now"


def test_a_class_with_other_fields_is_named():
    with pytest.raises(NotPlain, match="has other fields now"):
        unpacked({KIND: "record", "type": f"{__name__}:Box", "items": [1]})
