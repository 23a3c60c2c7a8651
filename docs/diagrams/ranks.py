"""Which layer each box is in."""

from __future__ import annotations

from diagrams.chart import Chart


def ranks(chart: Chart) -> dict[str, int]:
    """The layer of each box: as far as the longest way to it; a source is next to its first use."""
    after = {name: set[str]() for name in chart.boxes}
    for line in chart.lines.values():
        start, end = (line.end, line.start) if line.is_back else (line.start, line.end)
        after[start].add(end)
    left: dict[str, int] = {}
    for name in chart.boxes:
        longest(name, after, left)
    most = max(left.values())
    found = {name: most - count for name, count in left.items()}
    return packed(found, after)


def longest(name: str, after: dict[str, set[str]], left: dict[str, int]) -> int:
    """How many layers follow a box."""
    if name not in left:
        left[name] = max((1 + longest(other, after, left) for other in after[name]), default=0)
    return left[name]


def packed(found: dict[str, int], after: dict[str, set[str]]) -> dict[str, int]:
    """The layers, with each box that nothing follows right after what it follows."""
    for name, behind in after.items():
        if not behind:
            before = [found[other] for other in after if name in after[other]]
            found[name] = max(before) + 1 if before else found[name]
    return found
