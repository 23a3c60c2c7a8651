"""Whether a state that comes from a file has the form of one, and is no larger than its file.

A checksum tells of damage, not of who wrote the file. Whoever made one by hand may say the same
thing a billion times in a few bytes: lists of lists of the same list, or a tensor whose rows are
one. What `run.save` writes says everything once.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

COUNTS = range(2**62)
FORM: dict[Any, Any] = {
    "seed": int,
    "position": [COUNTS, COUNTS, COUNTS],
    "step": COUNTS,
    "resets": bool,
    "regions": {str: {"number": COUNTS, "ended": bool, "pending": list}},
    "cells": {str: {"kind": str, "state": object}},
    "parameters": {str: {str: object}},
}
"""What there is in a state: `object` is anything, `{str: form}` has any names."""


def has_form(value: Any, form: Any) -> bool:
    """Whether a value is made of these types.

    >>> has_form({"a": 1}, {str: int}), has_form({"a": [1]}, {"a": [int, int]})
    (True, False)
    """
    if isinstance(form, type):
        return form is object or type(value) is form
    if isinstance(form, range):
        return type(value) is int and value in form
    if isinstance(form, list):
        parts = zip(value, form, strict=True) if type(value) is list else ()
        return type(value) is list and len(value) == len(form) and all(has_form(*p) for p in parts)
    if type(value) is not dict:
        return False
    if str in form:
        return all(type(name) is str and has_form(part, form[str]) for name, part in value.items())
    return form.keys() <= value.keys() and all(has_form(value[name], form[name]) for name in form)


def is_stored(data: bytes) -> bool:
    """Whether nothing in a zip archive is compressed, so that nothing grows when it is read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError):
        return False
    stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    return stored and sum(entry.file_size for entry in entries) <= len(data)


def fits_in(value: Any, size: int) -> bool:
    """Whether the parts of a value, each counted as often as it is said, take at most this much.

    Args:
        value: Dicts, lists, tensors and other things.
        size: In bytes: each part has at least one.
    """
    waiting = [value]
    while waiting and size >= len(waiting):
        part = waiting.pop()
        size -= getattr(part, "nbytes", 1) or 1
        if type(part) is list:
            waiting += part
        elif type(part) is dict:
            waiting += part.values()
    return not waiting and size >= 0
