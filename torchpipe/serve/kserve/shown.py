"""What clients sent, as errors tell it."""

from __future__ import annotations

from typing import Any


def shown(value: Any) -> str:
    """A value that a client sent, short enough to be told in an error."""
    if isinstance(value, list | dict):
        return f"{'an array' if isinstance(value, list) else 'an object'} of {len(value)}"
    if isinstance(value, int) and abs(value) >= 2**64:
        return "an integer of more than 64 bits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
