"""Draws the pages' flowcharts while the site is built, so that readers need nothing from elsewhere.

Reading order: chart (what a page says), extent, ranks and layout (where it goes), svg (how it
looks).
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

from diagrams.chart import read
from diagrams.layout import place
from diagrams.svg import draw

WIDTH = 720
"""Pixels beside the navigation: what is wider is drawn downwards."""


class Flowchart(Directive):
    """A block of Mermaid, as a picture in the page."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Draw it across, as it says, or down where that is too wide."""
        return [nodes.raw("", picture("\n".join(self.content)), format="html")]


def picture(text: str) -> str:
    r"""The SVG of a flowchart.

    >>> picture('flowchart LR\n  n0["a : A"]')[:5]
    '<svg '
    """
    chart = read(text)
    across = place(chart, down=False)
    return draw(chart, across if across.width <= WIDTH else place(chart, down=True))


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx draw blocks of Mermaid with this."""
    app.add_directive("mermaid", Flowchart)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
