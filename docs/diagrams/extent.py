"""`Layout`: the places of a flowchart, and how far they reach. Units are pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

from diagrams.chart import Box, Chart

LETTER, HEIGHT, PADDING, MARGIN = 7.3, 40, 22, 12

Point = tuple[float, float]


@dataclass
class Layout:
    """The places, in pixels: middles of boxes and points of lines as x and y.

    Attributes:
        down: Whether values go downwards, and not to the right.
        middles: Of the boxes.
        lines: The points of each line, in the order of the chart's.
        frames: Left, top, right and bottom of each group.
    """

    down: bool
    width: float = 0.0
    height: float = 0.0
    middles: dict[str, Point] = field(default_factory=dict)
    lines: list[list[Point]] = field(default_factory=list)
    frames: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)


def size_of(box: Box) -> tuple[float, float]:
    """Its width and height."""
    return max(map(len, box.lines)) * LETTER + PADDING, HEIGHT


def frame(group: str, chart: Chart, middles: dict[str, Point]) -> tuple[float, float, float, float]:
    """What is around the boxes of a group: more on top, for its name, and for groups within."""
    inside = [name for name, box in chart.boxes.items() if group in box.groups]
    depth = max(
        len(chart.boxes[name].groups) - chart.boxes[name].groups.index(group) for name in inside
    )
    sizes = {name: size_of(chart.boxes[name]) for name in inside}
    rim = 4 + 4 * depth
    return (
        min(middles[name][0] - sizes[name][0] / 2 for name in inside) - rim,
        min(middles[name][1] - sizes[name][1] / 2 for name in inside) - rim - 14 * depth,
        max(middles[name][0] + sizes[name][0] / 2 for name in inside) + rim,
        max(middles[name][1] + sizes[name][1] / 2 for name in inside) + rim,
    )


def moved(laid: Layout, chart: Chart) -> Layout:
    """The layout, moved and sized so that all of it can be seen."""
    edges = list(laid.frames.values())
    for name, (x, y) in laid.middles.items():
        width, height = size_of(chart.boxes[name])
        edges.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    edges += [(x, y, x, y) for line in laid.lines for x, y in line]
    left, top, right, bottom = zip(*edges, strict=True)
    x, y = MARGIN - min(left), MARGIN - min(top)
    laid.middles = {name: (at[0] + x, at[1] + y) for name, at in laid.middles.items()}
    laid.lines = [[(at[0] + x, at[1] + y) for at in line] for line in laid.lines]
    laid.frames = {g: (a + x, b + y, c + x, d + y) for g, (a, b, c, d) in laid.frames.items()}
    laid.width, laid.height = max(right) + x + MARGIN, max(bottom) + y + MARGIN
    return laid
