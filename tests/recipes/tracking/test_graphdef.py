from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.tracking.graphdef import DamagedGraph, read_weights


def field(number, payload):
    """One field on the wire: a number, or text or a message."""
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(value):
    low, high = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(high) if high else bytes([low])


def tensor(array):
    shape = b"".join(field(2, field(1, size)) for size in array.shape)
    return field(1, 1) + field(2, shape) + field(4, array.astype("<f4").tobytes())


def node(name, content, op=b"Const", key=b"value"):
    attribute = field(5, field(1, key) + field(2, field(8, content)))
    return field(1, field(1, name) + field(2, op) + attribute)


KERNEL = np.arange(6.0).reshape(2, 3)


def test_reads_each_constant_by_its_name():
    weights = read_weights(node(b"a/b", tensor(KERNEL)) + node(b"c", tensor(KERNEL[0])))
    assert list(weights) == ["a/b", "c"]
    np.testing.assert_array_equal(weights["a/b"], KERNEL)
    np.testing.assert_array_equal(weights["c"], KERNEL[0])


def test_skips_all_else():
    integers = field(1, 3) + field(4, b"1234")
    other = node(b"a", tensor(KERNEL), op=b"Conv2D") + node(b"b", integers)
    unknown = field(99, 7) + varint(98 << 3 | 1) + bytes(8) + varint(97 << 3 | 5) + bytes(4)
    assert read_weights(other + unknown + node(b"c", tensor(KERNEL), key=b"shape")) == {}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff" * 20, "a number has no end"),
        (b"\x0a\x05ab", "a field needs 3 bytes more than there are"),
        (b"\x0b", "there is no wire type 3"),
        (field(1, 5), "a number stands where a text or a message is expected"),
        (
            node(b"a", field(1, 1) + field(4, b"1234") + field(2, field(2, field(1, b"x")))),
            "a text or",
        ),
        (
            node(b"a", tensor(KERNEL) + field(2, field(2, field(1, 9)))),
            "a tensor of shape (2, 3, 9)",
        ),
    ],
)
def test_says_what_is_wrong(data, reason):
    with pytest.raises(DamagedGraph) as caught:
        read_weights(data)
    assert str(caught.value).startswith(reason)


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused(data):
    with suppress(DamagedGraph):
        read_weights(data)


@given(st.data())
def test_a_damaged_graph_is_read_or_refused(data):
    graph = bytearray(node(b"a/b", tensor(KERNEL)))
    place = data.draw(st.integers(0, len(graph) - 1))
    graph[place] = data.draw(st.integers(0, 255))
    with suppress(DamagedGraph):
        read_weights(bytes(graph[: data.draw(st.integers(0, len(graph)))]))
