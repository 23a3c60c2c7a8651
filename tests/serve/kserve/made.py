"""Tensors and bodies for the tests of the protocol."""

from __future__ import annotations

import json
import math

import numpy as np
from hypothesis import strategies as st

from torchpipe.serve.kserve.blob import blob_of
from torchpipe.serve.kserve.datatype import TRAVELLING, held, widened
from torchpipe.serve.kserve.listed import list_of
from torchpipe.serve.kserve.tensor import Tensor

NUMERIC = tuple(TRAVELLING)


def bits(tensor: Tensor) -> object:
    """What must be equal for two tensors to be the same, to the last bit."""
    data = tensor.data if isinstance(tensor.data, tuple) else tensor.data.tobytes()
    kind = "bytes" if isinstance(tensor.data, tuple) else str(tensor.data.dtype)
    return tensor.name, tensor.datatype, tensor.shape, kind, data


def tensor(name: str, datatype: str, shape: tuple[int, ...], raw: bytes) -> Tensor:
    """A numeric tensor with these bits."""
    flat = np.frombuffer(raw, TRAVELLING[datatype])
    values = widened(flat) if datatype == "BF16" else flat.astype(held(datatype))
    return Tensor(name, datatype, shape, values.reshape(shape))


shapes = st.lists(st.integers(0, 3), max_size=4).map(tuple)


@st.composite
def tensors(draw: st.DrawFn, name: str = "x", text: bool = False) -> Tensor:
    """Any tensor: any bits, NaNs of all kinds too; if `text`, BYTES are UTF-8."""
    datatype, shape = draw(st.sampled_from([*NUMERIC, "BYTES"])), draw(shapes)
    count = math.prod(shape)
    if datatype == "BYTES":
        one = st.text(max_size=5).map(str.encode) if text else st.binary(max_size=5)
        return Tensor(
            name, datatype, shape, tuple(draw(st.lists(one, min_size=count, max_size=count)))
        )
    width = TRAVELLING[datatype].itemsize * count
    raw = draw(st.binary(min_size=width, max_size=width))
    raw = bytes(byte & 1 for byte in raw) if datatype == "BOOL" else raw
    return tensor(name, datatype, shape, raw)


def body_of(tensors: list[Tensor], binary: list[bool], **more: object) -> tuple[bytes, str | None]:
    """The body of a request with these inputs, and its header."""
    blobs = [blob_of(tensor) for tensor, raw in zip(tensors, binary, strict=True) if raw]
    inputs = [
        input_of(tensor, blob_of(tensor) if raw else None)
        for tensor, raw in zip(tensors, binary, strict=True)
    ]
    head = json.dumps({"inputs": inputs, **more}).encode()
    return b"".join([head, *blobs]), str(len(head)) if blobs else None


def input_of(tensor: Tensor, blob: bytes | None) -> dict[str, object]:
    head = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
    if blob is None:
        return {**head, "data": list_of(tensor)}
    return {**head, "parameters": {"binary_data_size": len(blob)}}


def request(**changes: object) -> bytes:
    """A request with one input of two floats, changed; a value of None leaves a field out."""
    one = {"name": "x", "datatype": "FP32", "shape": [2], "data": [1.0, 2.5]}
    first = {"inputs": [one]} | {k: v for k, v in changes.items() if k in TOP}
    one |= {k: v for k, v in changes.items() if k not in TOP}
    for found in (one, first):
        for name in [name for name, value in found.items() if value is None]:
            del found[name]
    return json.dumps(first).encode()


TOP = ("inputs", "outputs", "id", "parameters")
