"""What a value looks like: pictures, numbers, fields, text.

It is looked at while its item waits, so this is quick. What is returned shares no memory with the
value, as cells may write to it.
"""

from __future__ import annotations

import dataclasses
import reprlib
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from torchpipe.dashboard.picture import as_numpy, picture_of
from torchpipe.engine.remote.held import Held

FIELDS = 24  # of a record, that are shown
ITEMS = 6  # of a list
DEPTH = 3  # of records in records
FIRST = 8  # numbers of an array that are shown
SAMPLE = 1_000_000  # numbers that mean and limits are taken of
TEXT = 300  # characters

Seen = dict[str, Any]


def seen(value: Any, depth: int = DEPTH) -> Seen:
    """A value in a few words; arrays that can be pictures keep some pixels: see `picture_of`."""
    try:
        return seen_as(value, depth)
    except Exception as error:  # a `__repr__` or a property of the user's
        return told(value, f"cannot be shown: {type(error).__name__}: {error}")


def seen_as(value: Any, depth: int) -> Seen:
    """What fits best: numbers, fields, items, or text."""
    if isinstance(value, Held):
        return told(value, "It went from one process to another, on another machine.")
    array = array_of(value)
    if array is not None:
        return numbers(value, array)
    if depth and (fields := fields_of(value)) is not None:
        return record(value, fields, depth - 1)
    if depth and isinstance(value, list | tuple | set | frozenset) and any(map(is_rich, value)):
        pairs = ((f"[{index}]", item) for index, item in enumerate(value))
        return record(value, pairs, depth - 1, ITEMS)
    return told(value, shortened(value))


def told(value: Any, text: str) -> Seen:
    """A value as text."""
    return {"type": type(value).__name__, "text": text}


def shortened(value: Any) -> str:
    """What Python prints, as far as there is room."""
    text = value if isinstance(value, str) else SHORT.repr(value)
    return text if len(text) <= TEXT else f"{text[: TEXT - 1]}…"


SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = SHORT.maxlong = TEXT
SHORT.maxlist = SHORT.maxtuple = SHORT.maxdict = 10


def is_rich(value: Any) -> bool:
    """Whether there is more to see of a value than its text."""
    return array_of(value) is not None or fields_of(value) is not None


def fields_of(value: Any) -> Iterable[tuple[str, Any]] | None:
    """The fields of a dataclass, a NamedTuple or a dict with their values; None if it is none."""
    if isinstance(value, Mapping):
        return ((str(key), item) for key, item in value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return zip(value._fields, value, strict=True)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    return None


def record(value: Any, pairs: Iterable[tuple[str, Any]], depth: int, most: int = FIELDS) -> Seen:
    """A value by its fields."""
    named = [*pairs]
    return {
        "type": type(value).__name__,
        "fields": [{"name": name, **seen(item, depth)} for name, item in named[:most]],
        "more": max(0, len(named) - most),
    }


def array_of(value: Any) -> Any:
    """The array that a value is, or None: tensors, NumPy's arrays, PIL's images."""
    torch, pillow = sys.modules.get("torch"), sys.modules.get("PIL.Image")
    if torch is not None and isinstance(value, torch.Tensor):
        return value.detach()
    if pillow is not None and isinstance(value, pillow.Image):
        return np.asarray(value if value.mode in ("L", "RGB", "RGBA") else value.convert("RGB"))
    return value if isinstance(value, np.ndarray) and value.dtype != object else None


def numbers(value: Any, array: Any) -> Seen:
    """An array: its shape, some of its numbers, and a picture if it can be one."""
    return {
        "type": type(value).__name__,
        "shape": list(array.shape),
        "dtype": str(array.dtype).removeprefix("torch."),
        "device": str(getattr(value, "device", "")) if hasattr(value, "detach") else "",
        **limits(array),
        "picture": picture_of(array),
    }


def limits(array: Any) -> Seen:
    """The least, the mean and the greatest of its numbers, and the first ones."""
    size = int(np.prod(array.shape))
    if not size:
        return {}
    flat = array.reshape(-1)
    every = -(-size // SAMPLE)
    sample, first = as_numpy(flat[::every]), as_numpy(flat[:FIRST])
    if sample.dtype.kind not in "biuf":
        return {"first": [str(one) for one in first.tolist()]}
    given = {"min": sample.min(), "mean": sample.mean(dtype=np.float64), "max": sample.max()}
    return {
        **{name: rounded(one) for name, one in given.items()},
        "first": [rounded(one) for one in first],
        "every": every,
    }


def rounded(number: Any) -> str:
    """A number as text, with about four digits.

    >>> rounded(np.float32(1 / 3)), rounded(np.uint8(7)), rounded(np.nan)
    ('0.3333', '7', 'nan')
    """
    return f"{number:.4g}" if isinstance(number, float | np.floating) else str(number)
