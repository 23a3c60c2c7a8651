"""Tensors as blobs: the binary extension of the protocol.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from struct import Struct

import numpy as np

from torchpipe.serve.kserve.datatype import TRAVELLING, held, narrowed, widened
from torchpipe.serve.kserve.tensor import Tensor
from torchpipe.serve.refusals import Refusal

_length = Struct("<I")


def tensor_from_blob(
    name: str, datatype: str, shape: tuple[int, ...], blob: memoryview, where: str
) -> Tensor:
    """The tensor in a blob; its data are copied.

    Raises:
        Refusal: The blob does not hold what the shape and the datatype say.
    """
    if datatype == "BYTES":
        return Tensor(name, datatype, shape, elements(blob, math.prod(shape), where))
    dtype, count = TRAVELLING[datatype], math.prod(shape)
    if len(blob) != count * dtype.itemsize:
        raise Refusal(
            f"{where} has {len(blob)} bytes of data, and {count} elements of {datatype} take "
            f"{count * dtype.itemsize}: let shape, datatype and data agree."
        )
    if datatype == "BOOL":
        refuse_others(blob, where)
    flat = np.frombuffer(blob, dtype)
    values = widened(flat) if datatype == "BF16" else flat.astype(held(datatype))
    return Tensor(name, datatype, shape, values.reshape(shape))


def refuse_others(blob: memoryview, where: str) -> None:
    """Refuse bytes of a BOOL tensor that are neither 0 nor 1."""
    if (np.frombuffer(blob, np.uint8) > 1).any():
        raise Refusal(f"{where} has bytes other than 0 and 1, which BOOL does not know.")


def elements(blob: memoryview, count: int, where: str) -> tuple[bytes, ...]:
    """The elements of a BYTES tensor: each after its length, of 4 bytes, little-endian."""
    found: list[bytes] = []
    at = 0
    while at < len(blob) and len(found) < count:
        start = at + _length.size
        at = start + length_at(blob, at, len(found), where)
        found.append(blob[start:at].tobytes())
    if at < len(blob) or len(found) < count:
        than = "more" if at < len(blob) else "fewer"
        raise Refusal(f"{where} has {than} than the {count} elements that its shape says.")
    return tuple(found)


def length_at(blob: memoryview, at: int, number: int, where: str) -> int:
    """The length of the element that starts there."""
    left = len(blob) - at - _length.size
    if left < 0:
        raise Refusal(f"{where} ends within the length of element {number}: send 4 bytes for it.")
    length: int = _length.unpack_from(blob, at)[0]
    if length > left:
        raise Refusal(
            f"{where} ends within element {number}: {length} bytes are announced, and {left} are "
            f"left."
        )
    return length


def blob_of(tensor: Tensor) -> bytes:
    """The data of a tensor as a blob."""
    if isinstance(tensor.data, tuple):
        return b"".join(announced(tensor.data))
    if tensor.datatype == "BF16":
        return narrowed(tensor.data).tobytes()
    return tensor.data.astype(TRAVELLING[tensor.datatype], copy=False).tobytes()


def announced(found: tuple[bytes, ...]) -> Iterator[bytes]:
    """Each element after its length."""
    for element in found:
        yield _length.pack(len(element))
        yield element
