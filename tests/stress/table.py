"""The tables of `docs/guarantees.md`: what each promise was put through, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.stress.figures import Figures
from tests.stress.promises import PAGE

START, END = "<!-- figures: python -m tests.stress -->", "<!-- end of the figures -->"
COUNTS = ("Items", "Faults", "Lost", "Doubled", "Longest stall")


@dataclass
class Row:
    """One line of the table of cases.

    Attributes:
        name: What was tried.
        promises: The numbers of the promises that this holds, such as "1 to 4, 7".
        tests: How many tests passed, of how many.
        figures: What was counted.
    """

    name: str
    promises: str
    tests: str
    figures: Figures

    def holds(self, promise: int) -> bool:
        """Whether this is one of the cases of a promise."""
        spans = [part.split(" to ") for part in self.promises.split(", ")]
        return any(int(span[0]) <= promise <= int(span[-1]) for span in spans)


def counts(found: Figures) -> list[str]:
    """Figures, cell by cell."""
    numbers = (found.items, found.faults, found.lost, found.doubled)
    return [*(f"{each:,}" for each in numbers), f"{found.stall:.2f} s" if found.items else "-"]


def table_of_cases(rows: Iterable[Row]) -> str:
    """What was tried, case by case."""
    lines = [[row.name, row.promises, row.tests, *counts(row.figures)] for row in rows]
    return table(["What was tried", "Promises", "Tests passed"], lines)


def table_of_promises(tests: dict[str, tuple[int, str]], rows: Iterable[Row]) -> str:
    """What held each promise: its tests, and the figures of its cases together.

    Args:
        tests: For each promise by name: its number, and how many of its tests passed.
        rows: The cases.
    """
    lines = []
    for name, (number, passed) in tests.items():
        total = Figures()
        for row in rows:
            total.add(row.figures if row.holds(number) else Figures())
        lines.append([f"{number}. {name}", passed, *counts(total)])
    return table(["Promise", "Its tests passed"], lines)


def table(head: list[str], lines: list[list[str]]) -> str:
    """A table in Markdown, whose last columns are counts."""
    rule = ["---"] * len(head) + ["--:"] * len(COUNTS)
    return "\n".join(f"| {' | '.join(line)} |" for line in [[*head, *COUNTS], rule, *lines])


def write(text: str) -> None:
    """Put the tables between the two marks of the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}", encoding="utf-8")
