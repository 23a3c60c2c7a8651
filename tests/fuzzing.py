"""Whatever is read is either understood or refused, in words: the tests that try it on rubbish.

`python -m pytest` tries some hundred inputs of each kind, the same ones each time;
`python -m pytest -m stress -k fuzz` tries many thousand, others each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOM = 2_000_000_000
"""Bytes of address space that an input may take at most, beyond what is there."""

MANY = 5_000

fuzzed = pytest.mark.parametrize(
    "examples",
    [100, pytest.param(MANY, marks=[pytest.mark.stress, pytest.mark.timeout(1800)])],
    ids=["some", "many"],
)
"""Runs a test with few examples, and with many where `-m stress` asks for it."""


def fuzz(examples: int, inputs: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Check inputs, in little memory. What `check` raises is a bug, and is told with its input."""
    tried = settings(
        max_examples=examples,
        derandomize=examples < MANY,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    @tried
    @given(inputs)
    def all_are_understood_or_refused(value: Any) -> None:
        check(value)

    with little_memory():
        all_are_understood_or_refused()


@contextmanager
def little_memory(room: int = ROOM) -> Iterator[None]:
    """Within the block, what asks for too much memory gets a MemoryError, where the system can."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, FileNotFoundError):
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """What is whole, with some bytes changed, taken out, put in, said twice, or cut off."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.sampled_from((0, 1, 1, 1, 2, 4, 8, 50))))
        how = draw(st.sampled_from(("flip", "flip", "put", "take", "twice", "cut")))
        if how == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "put":
            data[at:end] = draw(st.binary(max_size=8))
        elif how == "take":
            del data[at:end]
        elif how == "twice":
            data[at:at] = data[at:end]
        elif how == "cut":
            del data[at:]
    return bytes(data)


def words(*known: str) -> st.SearchStrategy[str]:
    """Text that is nearly one of some known words, or has some of them in it, or none."""
    likely = st.sampled_from(known)
    odd = st.sampled_from(("9" * 5000, "-1", "nan", "1e999", "(" * 300, "\udc80", "a" * 5000, ""))
    near = likely.flatmap(lambda word: damaged(word.encode())).map(
        lambda data: data.decode(errors="surrogateescape")
    )
    parts = st.lists(st.one_of(likely, odd, st.text(max_size=5)), max_size=5).map("".join)
    return st.one_of(near, parts).map(lambda text: text.replace("\0", ""))


def nested(bottom: str, opening: str, closing: str) -> st.SearchStrategy[str]:
    """Text within brackets, some or very many."""
    depths = st.sampled_from((1, 50, 500, 5000, 100_000))
    return depths.map(lambda depth: f"{opening * depth}{bottom}{closing * depth}")
