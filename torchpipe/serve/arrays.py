"""Arrays in JSON: nested lists of numbers; or `{"dtype", "shape", "data"}` with base64, exact."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import numpy as np
import torch
from pydantic import SerializationInfo

from torchpipe.serve.array import Array

DTYPES = [
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
]  # those that NumPy and torch both have, and that JSON can show
DEFAULT = {"f": "float32", "i": "int64", "b": "bool"}  # as torch reads numbers
MOST_DIMENSIONS = 32
NAME = "x-name"  # what a schema shall be called where it is shared

BASE64_OF_LEFT = {0: "", 1: "[A-Za-z0-9+/]{2}==", 2: "[A-Za-z0-9+/]{3}="}  # of the last bytes


def schema_of(array: Array) -> dict[str, Any]:
    """What clients are told: exactly what is taken, where all sizes are known.

    >>> schema_of(Array("bool", (2,)))["anyOf"][0]
    {'type': 'array', 'items': {'type': 'boolean'}, 'minItems': 2, 'maxItems': 2}
    """
    lists: list[dict[str, Any]]
    if array.shape is None:
        lists = [{"type": "array", "items": {}}, *numbers(array.dtype)]
    else:
        lists = [nested(one, array.shape) for one in numbers(array.dtype)]
    told = {"x-dtype": array.dtype, "x-shape": None if array.shape is None else [*array.shape]}
    known = {name: value for name, value in told.items() if value is not None}
    return {"title": "Array", "anyOf": [*lists, bytes_of(array)], **known}


def nested(inner: dict[str, Any], shape: tuple[int | None, ...]) -> dict[str, Any]:
    """Lists of lists of that, with these sizes."""
    for size in reversed(shape):
        limits = {} if size is None else {"minItems": size, "maxItems": size}
        inner = {"type": "array", "items": inner, **limits}
    return inner


def numbers(dtype: str | None) -> list[dict[str, Any]]:
    """What one element may be."""
    if dtype is None:
        return [{"type": "number"}, {"type": "boolean"}]
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return [{"type": "boolean"}]
    if kind.kind == "f":
        most = float(np.finfo(kind).max)
        return [{"type": "number", "minimum": -most, "maximum": most}]
    limits = np.iinfo(kind)
    return [{"type": "integer", "minimum": int(limits.min), "maximum": int(limits.max)}]


def bytes_of(array: Array) -> dict[str, Any]:
    """The array as an object."""
    sizes = {"type": "array", "items": {"type": "integer", "minimum": 0}}
    known = array.shape is not None and None not in array.shape
    data = {"type": "string", "contentEncoding": "base64"}
    if array.dtype is not None and array.shape is not None and known:
        count = math.prod(size or 0 for size in array.shape) * np.dtype(array.dtype).itemsize
        whole, left = divmod(count, 3)
        data["pattern"] = f"^(?:[A-Za-z0-9+/]{{4}}){{{whole}}}{BASE64_OF_LEFT[left]}$"
    properties = {
        "dtype": {"enum": DTYPES} if array.dtype is None else {"const": array.dtype},
        "shape": exactly(array.shape) if array.shape is not None and known else sizes,
        "data": data,
    }
    return {
        NAME: name_of(array),
        "type": "object",
        "description": "the bytes in C order, little-endian",
        "properties": properties,
        "required": ["dtype", "shape", "data"],
        "additionalProperties": False,
    }


def name_of(array: Array) -> str:
    """What the schema of an array as an object is called.

    >>> name_of(Array("uint8", (None, None, 3))), name_of(Array("float32")), name_of(Array())
    ('ExactUint8OfNxNx3', 'ExactFloat32', 'ExactArray')
    """
    name = f"Exact{(array.dtype or 'array').capitalize()}"
    if array.shape is None:
        return name
    sizes = "x".join("N" if size is None else str(size) for size in array.shape)
    return f"{name}Of{sizes or 'One'}"


def exactly(sizes: tuple[int | None, ...]) -> dict[str, Any]:
    """A list of these sizes, said in words that generators of clients know."""
    parts = [{"type": "integer", "const": size} for size in sizes]
    return {"type": "array", "prefixItems": parts, "minItems": len(sizes), "maxItems": len(sizes)}


def read_array(value: Any, dtype: str | None) -> np.ndarray[Any, Any]:
    """The array that a JSON value stands for.

    Args:
        value: Nested lists, a number, or an object with base64.
        dtype: What numbers in lists shall become; None for float32, int64 or bool.

    Raises:
        ValueError: It is no array; the text says why.
    """
    if isinstance(value, dict):
        return read_base64(value)
    refuse_others(value)
    try:
        made = np.array(value)
    except ValueError:
        raise ValueError("the lists in it have several lengths at the same depth") from None
    if made.dtype.kind == "f" and not np.isfinite(made).all():
        raise ValueError("it has NaN or infinite numbers: send those as base64")
    if made.dtype.kind not in DEFAULT and made.size:
        raise ValueError("it holds numbers that are too large, or mixed with others")
    wanted = np.dtype(dtype or DEFAULT.get(made.dtype.kind, "float32"))
    return converted(made, wanted)


def converted(made: np.ndarray[Any, Any], wanted: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The numbers in another dtype; refused where one would become another number."""
    if made.dtype == wanted or not made.size:
        return made.astype(wanted)
    whole = made.dtype.kind != "f" or bool((made == np.trunc(made)).all())
    if made.dtype.kind == "b" or (wanted.kind != "f" and not whole):
        raise ValueError(f"its numbers are {made.dtype}, and {wanted} is expected")
    if wanted.kind == "b":
        raise ValueError("its numbers are no booleans")
    limits: Any = np.finfo(wanted) if wanted.kind == "f" else np.iinfo(wanted)
    least, most = made.min().item(), made.max().item()  # NumPy rounds what it compares
    lowest, highest = (np.asarray(limit).item() for limit in (limits.min, limits.max))
    if least < lowest or most > highest:
        raise ValueError(f"it has numbers that {wanted} cannot hold")
    return made.astype(wanted)


def refuse_others(value: Any) -> None:
    """Refuse what is no number and no list of them, before NumPy makes something of it."""
    kinds = kinds_in(value) if isinstance(value, list) else {type(value)}
    if bool in kinds and len(kinds) > 1:
        raise ValueError("it has numbers and booleans")
    if not kinds <= {bool, int, float}:
        raise ValueError("it must be numbers, in lists; or an object with dtype, shape and data")


def kinds_in(parts: list[Any], depth: int = 1) -> set[type]:
    """The types of what is in nested lists."""
    if depth > MOST_DIMENSIONS:
        raise ValueError(f"it has more than {MOST_DIMENSIONS} dimensions")
    kinds = set(map(type, parts))
    if list in kinds:
        inner = (kinds_in(part, depth + 1) for part in parts if type(part) is list)
        kinds = (kinds - {list}).union(*inner)
    return kinds


def read_base64(value: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The array in an object with dtype, shape and data."""
    if set(value) != {"dtype", "shape", "data"}:
        raise ValueError("an array as an object has exactly dtype, shape and data")
    dtype, shape, data = value["dtype"], value["shape"], value["data"]
    if dtype not in DTYPES:
        raise ValueError(f"its dtype must be one of {', '.join(DTYPES)}")
    sizes = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    if not sizes or len(shape) > MOST_DIMENSIONS:
        raise ValueError(f"its shape must be a list of at most {MOST_DIMENSIONS} sizes")
    if not isinstance(data, str):
        raise ValueError("its data must be text in base64")
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its data are no valid base64") from None
    expected = math.prod(shape) * np.dtype(dtype).itemsize
    if len(raw) != expected:
        raise ValueError(f"its data have {len(raw)} bytes, and dtype and shape say {expected}")
    if dtype == "bool":
        return np.frombuffer(raw, np.uint8).astype(bool).reshape(shape)  # no byte is but 0 and 1
    little = np.frombuffer(raw, np.dtype(dtype).newbyteorder("<"))
    return little.astype(dtype).reshape(shape)


def written(value: Any, info: SerializationInfo) -> Any:
    """What a tensor or an array is in JSON; the context says whether as lists or as base64."""
    made = value.numpy(force=True) if isinstance(value, torch.Tensor) else np.asarray(value)
    if str(made.dtype) not in DTYPES:
        raise ValueError(f"cannot send an array of {made.dtype}: make it one of {DTYPES}")
    if (info.context or {}).get("arrays") == "base64":
        data = made.astype(made.dtype.newbyteorder("<"), copy=False).tobytes()
        text = base64.b64encode(data).decode("ascii")
        return {"dtype": str(made.dtype), "shape": list(made.shape), "data": text}
    return made.tolist()
