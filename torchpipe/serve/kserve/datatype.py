"""The datatypes of the protocol, and the arrays that hold them.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# As they travel: little-endian. BF16 and BYTES have no array type of their own.
TRAVELLING = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
DATATYPES = (*TRAVELLING, "BYTES")
FLOATING = ("FP16", "BF16", "FP32", "FP64")


def held(datatype: str) -> np.dtype[Any]:
    """The type of the array that holds such a tensor; BF16 is held as 32-bit floats, exactly."""
    return np.dtype(np.float32) if datatype == "BF16" else TRAVELLING[datatype].newbyteorder("=")


def datatype_of(dtype: np.dtype[Any]) -> str | None:
    """The datatype for arrays of this type, if there is one."""
    own = dtype.newbyteorder("=")
    return next((name for name in TRAVELLING if name != "BF16" and held(name) == own), None)


def widened(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The 32-bit floats that equal these BF16 numbers: the upper half of each."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def narrowed(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The nearest BF16 numbers, ties to even; what is not a number stays so."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    even = (bits >> 16) & 1
    rounded = (bits.astype(np.uint64) + 0x7FFF + even) >> 16
    quiet = np.where(bits & 0x7F0000, 0, 0x40)  # its upper half must not look like infinity
    return np.where(np.isnan(values), (bits >> 16) | quiet, rounded).astype("<u2")
