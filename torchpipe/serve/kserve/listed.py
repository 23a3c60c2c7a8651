"""Tensors as JSON: `data` is a flat array, or nested as the shape says.

Floats that are not finite travel as `NaN`, `Infinity` and `-Infinity`, as with Triton and its
client; JSON itself has no word for them.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchpipe.serve.kserve.datatype import FLOATING, held, narrowed, widened
from torchpipe.serve.kserve.shown import shown
from torchpipe.serve.kserve.tensor import Tensor
from torchpipe.serve.refusals import Refusal


def tensor_from_list(
    name: str, datatype: str, shape: tuple[int, ...], data: Any, where: str
) -> Tensor:
    """The tensor that a JSON array stands for.

    Raises:
        Refusal: The array does not hold what the shape and the datatype say.
    """
    flat = flattened(data, shape, where)
    if len(flat) != math.prod(shape):
        raise Refusal(
            f"{where}.data has {len(flat)} elements, and shape {list(shape)} takes "
            f"{math.prod(shape)}."
        )
    if datatype == "BYTES":
        return Tensor(name, datatype, shape, encoded(flat, where))
    make = floats if datatype in FLOATING else booleans if datatype == "BOOL" else integers
    return Tensor(name, datatype, shape, make(flat, datatype, where).reshape(shape))


def flattened(data: Any, shape: tuple[int, ...], where: str) -> list[Any]:
    """The elements in row-major order."""
    if not isinstance(data, list):
        raise Refusal(f"{where}.data must be an array, not {shown(data)}.")
    flat: list[Any] = data
    for size in shape[1:]:
        if list not in set(map(type, flat)):
            return flat
        refuse_ragged(flat, size, where)
        flat = list(chain.from_iterable(flat))
    if list in set(map(type, flat)):
        raise Refusal(f"{where}.data is nested deeper than its shape {list(shape)} is.")
    return flat


def refuse_ragged(data: list[Any], size: int, where: str) -> None:
    """Refuse arrays of which not all have this length."""
    for part in data:
        if not isinstance(part, list) or len(part) != size:
            raise Refusal(
                f"{where}.data is nested, and one of its parts is {shown(part)} where its shape "
                f"says an array of {size}."
            )


def encoded(flat: list[Any], where: str) -> tuple[bytes, ...]:
    """Text as the elements of a BYTES tensor."""
    refuse_types(flat, {str}, "BYTES", where)
    try:
        return tuple(text.encode() for text in flat)
    except UnicodeEncodeError:
        raise Refusal(f"{where}.data has half of a surrogate pair, which is no text.") from None


def booleans(flat: list[Any], datatype: str, where: str) -> NDArray[Any]:
    """Truth values as an array."""
    refuse_types(flat, {bool}, datatype, where)
    return np.array(flat, np.bool_)


def integers(flat: list[Any], datatype: str, where: str) -> NDArray[Any]:
    """Integers as an array."""
    refuse_types(flat, {int}, datatype, where)
    bounds = np.iinfo(held(datatype))
    for number in (min(flat), max(flat)) if flat else ():
        if not bounds.min <= number <= bounds.max:
            raise overflow(number, datatype, where)
    return np.array(flat, bounds.dtype)


def floats(flat: list[Any], datatype: str, where: str) -> NDArray[Any]:
    """Numbers as an array of floats; refuses those that would become infinite."""
    refuse_types(flat, {int, float}, datatype, where)
    try:
        given = np.array(flat, np.float64)
    except OverflowError:
        raise overflow(max(flat, key=abs), datatype, where) from None
    with np.errstate(over="ignore"):
        made = given.astype(held(datatype))
    made = widened(narrowed(made)) if datatype == "BF16" else made
    lost = np.isinf(made) & np.isfinite(given)
    if lost.any():
        raise overflow(given[lost][0].item(), datatype, where)
    return made


def refuse_types(flat: list[Any], allowed: set[type], datatype: str, where: str) -> None:
    """Refuse elements of other types."""
    if not set(map(type, flat)) <= allowed:
        wrong = next(element for element in flat if type(element) not in allowed)
        names = {bool: "true and false", str: "strings", int: "integers"}
        known = "numbers" if float in allowed else names[next(iter(allowed))]
        raise Refusal(f"{where}.data has {shown(wrong)}: {datatype} is written as {known}.")


def overflow(number: Any, datatype: str, where: str) -> Refusal:
    """The error for a number that is out of range."""
    return Refusal(f"{where}.data has {shown(number)}, which is out of range for {datatype}.")


def list_of(tensor: Tensor) -> list[Any]:
    """The data of a tensor as a flat list.

    Raises:
        Refusal: An element of BYTES is no text.
    """
    if not isinstance(tensor.data, tuple):
        made: list[Any] = tensor.data.ravel().tolist()
        return made
    try:
        return [element.decode() for element in tensor.data]
    except UnicodeDecodeError:
        raise Refusal(
            f"output {shown(tensor.name)} is not UTF-8, so JSON cannot hold it: ask for it with "
            f'"binary_data": true.'
        ) from None
