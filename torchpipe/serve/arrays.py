"""Arrays in JSON: nested lists of numbers; or `{"dtype", "shape", "data"}` with base64, exact."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import numpy as np
import torch
from pydantic import SerializationInfo

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

BASE64 = {
    "type": "object",
    "description": "the bytes of an array in C order, little-endian",
    "properties": {
        "dtype": {"enum": DTYPES},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "data": {"type": "string", "contentEncoding": "base64"},
    },
    "required": ["dtype", "shape", "data"],
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "title": "Array",
    "anyOf": [
        {"type": "array", "description": "nested lists of numbers or booleans"},
        {"type": "number"},
        {"type": "boolean"},
        BASE64,
    ],
}


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
    if made.dtype.kind not in DEFAULT and made.size:
        raise ValueError("it holds numbers that are too large, or mixed with others")
    wanted = np.dtype(dtype or DEFAULT.get(made.dtype.kind, "float32"))
    return converted(made, wanted)


def converted(made: np.ndarray[Any, Any], wanted: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The numbers in another dtype; refused where one would become another number."""
    if made.dtype == wanted or not made.size:
        return made.astype(wanted)
    if made.dtype.kind == "b" or (made.dtype.kind == "f" and wanted.kind != "f"):
        raise ValueError(f"its numbers are {made.dtype}, and {wanted} is expected")
    if wanted.kind in "iu":
        limits = np.iinfo(wanted)
        if made.min() < limits.min or made.max() > limits.max:
            raise ValueError(f"it has numbers that {wanted} cannot hold")
    if wanted.kind == "b":
        raise ValueError("its numbers are no booleans")
    with np.errstate(over="ignore"):
        changed = made.astype(wanted)
    if wanted.kind == "f" and not np.isfinite(changed).all():
        raise ValueError(f"it has numbers that {wanted} cannot hold")
    return changed


def refuse_others(value: Any, depth: int = 0) -> None:
    """Refuse what is no number and no list of them, before NumPy makes something of it."""
    if isinstance(value, list):
        if depth >= MOST_DIMENSIONS:
            raise ValueError(f"it has more than {MOST_DIMENSIONS} dimensions")
        for part in value:
            refuse_others(part, depth + 1)
    elif not isinstance(value, bool | int | float):
        raise ValueError("it must be numbers, in lists; or an object with dtype, shape and data")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("it has NaN or infinite numbers: send those as base64")


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
    if dtype == "bool" and (np.frombuffer(raw, np.uint8) > 1).any():
        raise ValueError("its data have bytes that are no booleans")
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
