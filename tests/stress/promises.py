"""The promises of `docs/guarantees.md`, and the tests that its tables name for each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guarantees.md"
LINE = re.compile(r"^\| (\d+) \| \*\*(?P<name>.+?)\.?\*\*.* \| (?P<tests>[^|]+) \|$", re.MULTILINE)
PLACE = re.compile(r"`([\w/]*test[\w/]*(?:\.py)?)`")


@dataclass(frozen=True)
class Promise:
    """One line of the first table.

    Attributes:
        number: Its number there.
        name: What it is called.
        tests: The files and folders with its tests.
    """

    number: int
    name: str
    tests: tuple[Path, ...]

    def holds(self, file: str) -> bool:
        """Whether a test file, as seen from the project's root, is one of its own."""
        return any((ROOT / file).is_relative_to(place) for place in self.tests)


def read_promises(page: Path = PAGE) -> list[Promise]:
    """Those of the first table, in order."""
    found = LINE.finditer(page.read_text(encoding="utf-8"))
    return [Promise(int(line[1]), line["name"], tuple(places(line["tests"]))) for line in found]


def places(text: str) -> Iterator[Path]:
    """The tests that a text names; a bare name lies where the one before lies."""
    folder = ROOT / "tests" / "engine"
    for name in PLACE.findall(text):
        place = ROOT / name if "/" in name else folder / name
        folder = place.parent
        yield place
