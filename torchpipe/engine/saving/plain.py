"""Values as plain data, which is loaded without running anybody's code.

Numbers, text, lists, dicts with text as keys, and tensors stand for themselves. All else that is
allowed becomes a dict that says its kind: tuples, arrays, bytes, named tuples, dataclasses, holes.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from torchpipe.graph.hole import HOLE

KIND = "torchpipe kind"
PLAIN = frozenset({bool, int, float, str, type(None)})
DTYPES = frozenset({"bool", "float16", "float32", "float64", "complex64", "complex128"}) | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


class NotPlain(Exception):
    """A value that cannot be saved.

    Attributes:
        what: The value in words.
        place: Where it is, such as "['past'][3].boxes".
    """

    def __init__(self, what: str):
        super().__init__(what)
        self.what, self.place = what, ""


def packed(value: Any) -> Any:
    """The value as plain data, with copies of all that could change; arrays are still arrays.

    Raises:
        NotPlain: A value in it is of another type.
    """
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is list:
        return each(enumerate(value))
    if kind is dict and KIND not in value and all(type(key) is str for key in value):
        return dict(zip(value, each(value.items()), strict=True))
    if kind is dict or kind is OrderedDict:
        pairs = zip(each((key, key) for key in value), each(value.items()), strict=True)
        return {KIND: kind.__name__, "items": [list(pair) for pair in pairs]}
    if value is HOLE:
        return {KIND: "hole"}
    if kind is bytes:
        return {KIND: "bytes", "text": value.decode("latin-1")}
    if kind is tuple:
        return {KIND: "tuple", "items": each(enumerate(value))}
    return packed_record(value) or packed_numbers(value)


def each(
    pairs: Iterable[tuple[Any, Any]], form: Callable[[Any], str] = "[{!r}]".format
) -> list[Any]:
    """All values of pairs, packed; the keys say where something is that cannot be."""
    found = []
    for key, value in pairs:
        try:
            found.append(packed(value))
        except NotPlain as error:
            error.place = form(key) + error.place
            raise
    return found


def packed_record(value: Any) -> Any:
    """A named tuple or dataclass as plain data; None if it is none."""
    kind = type(value)
    if not is_record(kind):
        return None
    name = f"{kind.__module__}:{kind.__qualname__}"
    if class_at(name) is not kind:
        raise NotPlain(f"of type {kind.__qualname__}, which cannot be found by its name")
    items = each(((field, getattr(value, field)) for field in field_names(kind)), ".{}".format)
    return {KIND: "record", "type": name, "items": items}


def is_record(kind: Any) -> bool:
    """Whether it is the class of a named tuple or a dataclass."""
    if not isinstance(kind, type):
        return False
    return dataclasses.is_dataclass(kind) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


def class_at(name: str) -> Any:
    """What has this name in a module that was imported already, or None."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def field_names(kind: Any) -> list[str]:
    """The names of the fields of a named tuple or a dataclass."""
    if issubclass(kind, tuple):
        return list(kind._fields)
    return [field.name for field in dataclasses.fields(kind)]


def packed_numbers(value: Any) -> Any:
    """A tensor or an array as plain data. Their libraries are loaded, if there are any."""
    kind, torch, numpy = type(value), sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and kind in (torch.Tensor, torch.nn.Parameter):
        data, device = value.detach().to("cpu", copy=True), str(value.device)
        return data if device == "cpu" else {KIND: "tensor", "device": device, "data": data}
    if numpy is not None and (kind is numpy.ndarray or isinstance(value, numpy.generic)):
        if not (value.dtype.isnative and value.dtype.name in DTYPES):
            raise NotPlain(f"an array of {value.dtype}")
        name = "array" if kind is numpy.ndarray else "number"
        return {KIND: name, "data": numpy.array(value, order="K")}
    raise NotPlain(f"of type {kind.__name__}")


def with_tensors(plain: Any) -> Any:
    """Plain data with a tensor in place of each array, ready to be saved."""
    if type(plain) is list:
        return [with_tensors(value) for value in plain]
    if type(plain) is not dict:
        return plain
    if plain.get(KIND) in ("array", "number"):
        import torch

        array = plain["data"]
        owned = array if array.flags.writeable else array.copy("K")  # else torch warns
        return {**plain, "data": torch.from_numpy(owned)}
    return {name: with_tensors(value) for name, value in plain.items()}


def unpacked(plain: Any) -> Any:
    """The value again; it shares no memory with the plain data.

    Raises:
        NotPlain: It is of a type that is not there.
    """
    kind = type(plain)
    if kind is list:
        return [unpacked(value) for value in plain]
    if kind is dict:
        if KIND in plain:
            return UNPACKERS[plain[KIND]](plain)
        return {name: unpacked(value) for name, value in plain.items()}
    return plain if kind in PLAIN else plain.clone()


def unpacked_items(plain: dict[str, Any]) -> list[Any]:
    """The items of a tuple, a dict or a record."""
    return [unpacked(value) for value in plain["items"]]


def unpacked_record(plain: dict[str, Any]) -> Any:
    """A named tuple or dataclass, without calling anything of its class.

    Raises:
        NotPlain: The class is not there, or has other fields.
    """
    kind, values = class_at(plain["type"]), unpacked_items(plain)
    if not is_record(kind) or len(field_names(kind)) != len(values):
        module, _, path = plain["type"].partition(":")
        raise NotPlain(f"a {path} of {module}, which is not there, or has other fields now")
    if issubclass(kind, tuple):
        return tuple.__new__(kind, values)
    made = object.__new__(kind)
    for name, value in zip(field_names(kind), values, strict=True):
        object.__setattr__(made, name, value)
    return made


def unpacked_tensor(plain: dict[str, Any]) -> Any:
    """A tensor on its device; on the CPU, if that is not there."""
    try:
        return plain["data"].to(plain["device"], copy=True)
    except (RuntimeError, AssertionError):
        return plain["data"].clone()


UNPACKERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "dict": lambda plain: dict(unpacked_items(plain)),
    "OrderedDict": lambda plain: OrderedDict(unpacked_items(plain)),
    "tuple": lambda plain: tuple(unpacked_items(plain)),
    "bytes": lambda plain: plain["text"].encode("latin-1"),
    "hole": lambda plain: HOLE,
    "record": unpacked_record,
    "tensor": unpacked_tensor,
    "array": lambda plain: plain["data"].clone().numpy(),
    "number": lambda plain: plain["data"].numpy()[()],
}
