"""Reads the weights out of a frozen TensorFlow graph, without TensorFlow.

A frozen graph is one protocol buffer message, a `GraphDef`. These of its fields lead to a weight:

    GraphDef    node = 1 (repeated NodeDef)
    NodeDef     name = 1, op = 2 ("Const"), attr = 5 (map: key = 1, value = 2)
    AttrValue   tensor = 8
    TensorProto dtype = 1, tensor_shape = 2 (dim = 2, size = 1), tensor_content = 4

On the wire a message is a row of fields. Each begins with a key, `number << 3 | wire type`, and the
wire type tells how long its payload is. So a reader may skip what it does not know, and this one
skips nearly everything.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FLOAT32 = 1
_LONGEST_VARINT = 10
_MOST_DIMENSIONS = 32
_LARGEST_DIMENSION = 2**31

Message = dict[int, list[int | memoryview]]


class DamagedGraph(ValueError):
    """The bytes are no frozen TensorFlow graph, or not a whole one."""


def read_weights(data: bytes) -> dict[str, NDArray[np.float32]]:
    """Returns every float32 constant of a frozen graph that has a shape, by the name of its node.

    The arrays are read-only views of `data`. As always in TensorFlow, the kernel of a convolution
    is `(height, width, in, out)`, that of a depthwise one `(height, width, channels, 1)`.

    Raises:
        DamagedGraph: `data` ends early, or is something else.
    """
    weights: dict[str, NDArray[np.float32]] = {}
    for node in _messages(_parse(memoryview(data)), 1):
        if _text(node, 2) == "Const":
            weights.update(_weight(node))
    return weights


def _weight(node: Message) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for attribute in _messages(node, 5):
        if _text(attribute, 1) != "value":
            continue
        for value in _messages(attribute, 2):
            for tensor in _messages(value, 8):
                if tensor.get(1) == [_FLOAT32] and 4 in tensor:
                    yield _text(node, 1), _array(tensor)


def _array(tensor: Message) -> NDArray[np.float32]:
    dimensions = [size for shape in _messages(tensor, 2) for size in _messages(shape, 2)]
    shape = [_number(dimension, 1) for dimension in dimensions[: _MOST_DIMENSIONS + 1]]
    if len(shape) > _MOST_DIMENSIONS or any(size >= _LARGEST_DIMENSION for size in shape):
        raise DamagedGraph("a tensor has a shape that no array can have")
    content = _bytes(tensor[4][0])
    if len(content) != 4 * math.prod(shape):
        raise DamagedGraph(f"a tensor of shape {tuple(shape)} has {len(content)} bytes")
    return np.frombuffer(content, dtype="<f4").reshape(shape)


def _messages(message: Message, number: int) -> Iterator[Message]:
    for field in message.get(number, ()):
        yield _parse(_bytes(field))


def _text(message: Message, number: int) -> str:
    field = _bytes(message.get(number, [memoryview(b"")])[0])
    return bytes(field).decode(errors="replace")


def _number(message: Message, number: int) -> int:
    field = message.get(number, [0])[0]
    if not isinstance(field, int):
        raise DamagedGraph("a text or a message stands where a number is expected")
    return field


def _bytes(field: int | memoryview) -> memoryview:
    if isinstance(field, int):
        raise DamagedGraph("a number stands where a text or a message is expected")
    return field


def _parse(data: memoryview) -> Message:
    message: Message = {}
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        value, position = _payload(data, position, wire_type=key & 7)
        message.setdefault(key >> 3, []).append(value)
    return message


def _payload(data: memoryview, position: int, wire_type: int) -> tuple[int | memoryview, int]:
    if wire_type == _VARINT:
        return _varint(data, position)
    if wire_type == _BYTES:
        size, position = _varint(data, position)
    elif wire_type in (_FIXED32, _FIXED64):
        size = 4 if wire_type == _FIXED32 else 8
    else:
        raise DamagedGraph(f"there is no wire type {wire_type}")
    end = position + size
    if end > len(data):
        raise DamagedGraph(f"a field needs {end - len(data)} bytes more than there are")
    return data[position:end], end


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(data[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, position + shift + 1
    raise DamagedGraph("a number has no end")
