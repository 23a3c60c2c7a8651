"""The table of `docs/guarantees.md`: what each promise was put through, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.stress.figures import Figures

PAGE = Path(__file__).parents[2] / "docs" / "guarantees.md"
START, END = "<!-- figures: python -m tests.stress -->", "<!-- end of the figures -->"
HEAD = (
    "What was tried",
    "Promises",
    "Tests passed",
    "Items",
    "Faults",
    "Lost",
    "Doubled",
    "Longest stall",
)


@dataclass
class Row:
    """One line of the table.

    Attributes:
        name: What was tried.
        promises: The numbers of the promises that this holds.
        tests: How many tests passed, of how many.
        figures: What was counted.
    """

    name: str
    promises: str
    tests: str
    figures: Figures

    def cells(self) -> list[str]:
        """The line, cell by cell."""
        found = self.figures
        counts = [f"{count:,}" for count in (found.items, found.faults, found.lost, found.doubled)]
        stall = f"{found.stall:.2f} s" if found.items else "-"
        return [self.name, self.promises, self.tests, *counts, stall]


def table(rows: list[Row]) -> str:
    """The table in Markdown."""
    lines = [list(HEAD), ["---"] * 3 + ["--:"] * 5, *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(text: str, page: Path = PAGE) -> None:
    """Put the table between the two marks of the page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}", encoding="utf-8")
