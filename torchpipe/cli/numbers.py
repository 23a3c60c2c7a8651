"""Numbers in options, each within limits: what is too large would fill the memory, or never end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

LONGEST = 31_536_000
"""Seconds: a year."""

MOST_WAITING = 1_000_000
"""Items in a window, or in a queue: each takes a kilobyte, even while it is empty."""


def whole(least: int, most: int = sys.maxsize) -> Callable[[str], int]:
    """What reads a whole number from `least` to `most`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise wrong("a whole number", text) from None
        if not least <= number <= most:
            raise wrong(f"from {least} to {most:,}", text)
        return number

    return read


def seconds(text: str) -> float:
    """Reads a time, from 0 to a year."""
    try:
        number = float(text)
    except ValueError:
        raise wrong("a number of seconds", text) from None
    if not 0 <= number <= LONGEST:
        raise wrong(f"from 0 to {LONGEST:,} seconds", text)
    return number


def wrong(wanted: str, text: str) -> argparse.ArgumentTypeError:
    """The error for what is no such number."""
    told = text if len(text) <= 40 else f"{text[:37]}..."
    return argparse.ArgumentTypeError(f"it must be {wanted}, not {told}")
