"""What a flowchart says: the part of Mermaid that `Pipeline.to_mermaid` writes.

https://mermaid.js.org/syntax/flowchart.html
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

BOX = re.compile(r'(\w+)(\(\[|\[\[|\[)"(.*)"\S+')
LINE = re.compile(r"(\w+) (-->|-\.->)\|(.+)\| (\w+)")
GROUP = re.compile(r'subgraph (\w+)\["(.*)"\]')
KINDS = {"([": "source", "[[": "scaled", "[": "plain"}


@dataclass(frozen=True)
class Box:
    """A cell.

    Attributes:
        lines: Its text: the name, and the class if it has one.
        kind: "source", "scaled" or "plain".
        groups: The nested pipelines around it, from the outermost in.
    """

    lines: tuple[str, ...]
    kind: str
    groups: tuple[str, ...]


@dataclass
class Line:
    """All connections from one cell to another.

    Attributes:
        names: Of the outputs, without repeats.
        is_back: Whether the values are for the next item.
    """

    start: str
    end: str
    is_back: bool
    names: list[str] = field(default_factory=list)


@dataclass
class Chart:
    """Boxes, and the lines between them; `labels` names the groups."""

    boxes: dict[str, Box] = field(default_factory=dict)
    lines: dict[tuple[str, str, bool], Line] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


def read(text: str) -> Chart:
    r"""The chart that a text describes.

    Raises:
        ValueError: A line is nothing that a pipeline's drawing has.

    >>> chart = read('flowchart LR\n  n0(["a : A"])\n  n1["b"]\n  n0 -->|out| n1')
    >>> chart.boxes["n0"]
    Box(lines=('a', 'A'), kind='source', groups=())
    >>> [line.names for line in chart.lines.values()]
    [['out']]
    """
    chart, around = Chart(), []
    for line in text.strip().splitlines()[1:]:
        add(line.strip(), chart, around)
    return chart


def add(line: str, chart: Chart, around: list[str]) -> None:
    """Take in one line; `around` are the groups that are open."""
    if found := LINE.fullmatch(line):
        add_line(chart, *found.groups())
    elif found := GROUP.fullmatch(line):
        around.append(found[1])
        chart.labels[found[1]] = found[2]
    elif found := BOX.fullmatch(line):
        words = html.unescape(found[3].replace("#quot;", '"')).split(" : ")
        chart.boxes[found[1]] = Box(tuple(words), KINDS[found[2]], tuple(around))
    elif line == "end":
        around.pop()
    else:
        raise ValueError(f"cannot draw {line!r}: write what `Pipeline.to_mermaid` gives.")


def add_line(chart: Chart, start: str, arrow: str, name: str, end: str) -> None:
    """Take in a connection; several between two cells are one line."""
    key = start, end, arrow == "-.->"
    names = chart.lines.setdefault(key, Line(*key)).names
    if name not in names:
        names.append(name)
