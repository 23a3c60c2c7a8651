"""`Tensor`: a named tensor of a request or a reply; and which shapes there can be.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from torchpipe.serve.kserve.datatype import TRAVELLING
from torchpipe.serve.kserve.shown import shown
from torchpipe.serve.refusals import Refusal

MOST_DIMENSIONS = 32
MOST_BYTES = 2**62  # what an array can address, with room to spare


@dataclass(frozen=True)
class Tensor:
    """A tensor, named and typed as the protocol does.

    Attributes:
        name: Its name.
        datatype: One of `DATATYPES`.
        shape: Its dimensions.
        data: An array of that shape (BF16 as 32-bit floats); for BYTES the elements in row-major
            order.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: NDArray[Any] | tuple[bytes, ...]

    @property
    def size(self) -> int:
        """The bytes of its data."""
        return sum(map(len, self.data)) if isinstance(self.data, tuple) else self.data.nbytes

    def __str__(self) -> str:
        return f"{shown(self.name)} ({self.datatype}, shape {list(self.shape)})"


def shape_of(value: Any, datatype: str, where: str) -> tuple[int, ...]:
    """The shape that a client sent.

    Raises:
        Refusal: It is no shape, or one of which there cannot be an array.
    """
    if not isinstance(value, list) or not all(map(is_size, value)):
        raise Refusal(f"{where}.shape must be an array of integers from 0, not {shown(value)}.")
    if len(value) > MOST_DIMENSIONS:
        raise Refusal(
            f"{where}.shape has {len(value)} dimensions, and {MOST_DIMENSIONS} are the most."
        )
    width = TRAVELLING[datatype].itemsize if datatype in TRAVELLING else 1
    if math.prod(max(size, 1) for size in value) * width > MOST_BYTES:
        raise Refusal(f"{where}.shape is larger than any memory: send what was meant.")
    return tuple(value)


def is_size(value: Any) -> bool:
    """Whether this can be a dimension."""
    return type(value) is int and value >= 0
