"""Whether two results are the same: equal in type, shape and every value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def same(first: Any, second: Any) -> bool:
    """Whether two values are equal through and through; NaN equals NaN.

    Knows sequences, dicts, tensors and arrays, and objects by their attributes.

    >>> same([1, {"a": float("nan")}], [1, {"a": float("nan")}]), same([1], (1,))
    (True, False)
    """
    if first is second:
        return True
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if hasattr(first, "shape") and hasattr(first, "dtype"):
        return same_array(first, second)
    if getattr(first, "__dict__", None):
        return same(vars(first), vars(second))
    return bool(first == second or (first != first and second != second))


def same_array(first: Any, second: Any) -> bool:
    """The same for two tensors, or two arrays."""
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    return bool(((first == second) | ((first != first) & (second != second))).all())


def first_difference(expected: Sequence[Any], found: Sequence[Any]) -> str:
    """Where two lists differ first, for people."""
    if len(expected) != len(found):
        return f"{len(found)} instead of {len(expected)}"
    for number, (one, other) in enumerate(zip(expected, found, strict=True)):
        if not same(one, other):
            return f"number {number} is {brief(other)} instead of {brief(one)}"
    return "no difference"


def brief(value: Any) -> str:
    """The start of its text."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
