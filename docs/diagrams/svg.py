"""How a flowchart looks: SVG in the colours of the page, light or dark."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise

from diagrams.chart import Box, Chart, Line
from diagrams.extent import Layout, Point, size_of
from diagrams.layout import told

INK, FAINT = "var(--color-foreground-primary)", "var(--color-foreground-muted)"
PAPER, TINT = "var(--color-background-primary)", "var(--color-background-secondary)"
BRAND = "var(--color-brand-primary)"
ARROW = 7
"""Pixels."""


def draw(chart: Chart, laid: Layout) -> str:
    """The picture."""
    size = f"{laid.width:.0f} {laid.height:.0f}"
    words = ", ".join(" ".join(box.lines) for box in chart.boxes.values())
    return "\n".join(
        [
            f'<svg role="img" aria-label="{escape(f"A pipeline: {words}")}" viewBox="0 0 {size}" '
            f'style="display:block;margin:1.2em auto;width:100%;max-width:{laid.width:.0f}px" '
            'font-family="var(--font-stack--monospace, monospace)" font-size="12">',
            *(framed(chart.labels[group], *laid.frames[group]) for group in laid.frames),
            *(boxed(box, *laid.middles[name]) for name, box in chart.boxes.items()),
            *lines(chart, laid),
            "</svg>",
        ]
    )


def framed(label: str, left: float, top: float, right: float, bottom: float) -> str:
    """A group."""
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}" rx="8" fill="{TINT}" stroke="{FAINT}" '
        'stroke-dasharray="1 3"/>'
        f'<text x="{left + 8:.1f}" y="{top + 13:.1f}" font-size="11" fill="{FAINT}">'
        f"{escape(label)}</text>"
    )


def boxed(box: Box, x: float, y: float) -> str:
    """A cell: rounded if it is a source, twice if it has clones."""
    width, height = size_of(box)
    rim = height / 2 if box.kind == "source" else 6
    stroke = BRAND if box.kind == "scaled" else FAINT
    shape = f'width="{width:.1f}" height="{height}" rx="{rim}" fill="{PAPER}" stroke="{stroke}"/>'
    steps = (4, 0) if box.kind == "scaled" else (0,)
    rects = [
        f'<rect x="{x - width / 2 + step:.1f}" y="{y - height / 2 - step:.1f}" {shape}'
        for step in steps
    ]
    return "".join([*rects, *written(box.lines, x, y)])


def written(words: tuple[str, ...], x: float, y: float) -> Iterator[str]:
    """The lines in a box, the first one strong."""
    for number, text in enumerate(words):
        at = y + 4 + 16 * (number - (len(words) - 1) / 2)
        look = f'fill="{INK}" font-weight="600"' if number == 0 else f'fill="{FAINT}"'
        yield f'<text x="{x:.1f}" y="{at:.1f}" text-anchor="middle" {look}>{escape(text)}</text>'


def lines(chart: Chart, laid: Layout) -> Iterator[str]:
    """All lines, and what stands beside them."""
    for line, points in zip(chart.lines.values(), laid.lines, strict=True):
        yield drawn(line, points, laid.down)
        if told(line):
            yield named(told(line), points, laid.down)


def drawn(line: Line, points: list[Point], down: bool) -> str:
    """A line with its arrow; that of a value for the next item is dotted, and leads back."""
    dots = ' stroke-dasharray="3 3"' if line.is_back else ""
    tip, turn = (points[0], 1) if line.is_back else (points[-1], -1)
    return (
        f'<path d="{curve(points, down)}" fill="none" stroke="{FAINT}"{dots}/>'
        f'<path d="{arrow(*tip, turn * ARROW, down)}" fill="{FAINT}"/>'
    )


def arrow(x: float, y: float, back: float, down: bool) -> str:
    """The head of an arrow."""
    half = ARROW / 2
    if down:
        return f"M{x:.1f},{y:.1f} l{-half},{back} h{ARROW} Z"
    return f"M{x:.1f},{y:.1f} l{back},{-half} v{ARROW} Z"


def curve(points: list[Point], down: bool) -> str:
    """A smooth line, which leaves and arrives in the direction of the layout."""
    parts = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for (x, y), (to_x, to_y) in pairwise(points):
        middle = (y + to_y) / 2 if down else (x + to_x) / 2
        bends = (
            f"{x:.1f},{middle:.1f} {to_x:.1f},{middle:.1f}"
            if down
            else (f"{middle:.1f},{y:.1f} {middle:.1f},{to_y:.1f}")
        )
        parts.append(f"C{bends} {to_x:.1f},{to_y:.1f}")
    return " ".join(parts)


def named(text: str, points: list[Point], down: bool) -> str:
    """The names of outputs, beside the first part of their line."""
    (x, y), (to_x, to_y) = points[:2]
    away, anchor = ((4, 4), "start") if down else ((0, -4), "middle")
    at, height = (x + to_x) / 2 + away[0], (y + to_y) / 2 + away[1]
    return (
        f'<text x="{at:.1f}" y="{height:.1f}" font-size="10" text-anchor="{anchor}" fill="{FAINT}" '
        f'stroke="{PAPER}" stroke-width="3" paint-order="stroke">{escape(text)}</text>'
    )
