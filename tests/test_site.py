"""The site needs nothing from other servers: its flowcharts are drawn when it is built."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("sphinx", reason="what builds the site is not installed: pip install .[docs]")

from diagrams import WIDTH, picture
from diagrams.chart import Chart, read
from diagrams.extent import Layout, size_of
from diagrams.layout import place
from outside import fetched, outside

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("docs/*.md"), *ROOT.glob("recipes/*/README.md")]
TEXTS = [
    text
    for page in PAGES
    for text in re.findall(r"```mermaid\n(.+?)```", page.read_text(), re.DOTALL)
]
NESTED = """flowchart LR
  n0(["read : Reader"])
  n3["write : Writer"]
  subgraph g0["outer"]
    n1[["work : Work x2"]]
    subgraph g1["inner"]
      n2["#quot;deep#quot; : Deep"]
    end
  end
  n0 -->|left| n1
  n0 -->|right| n1
  n1 -->|out| n2
  n2 -->|out| n3
  n0 -->|left| n3
  n3 -.->|out| n1
"""
CHARTS = [read(text) for text in [*TEXTS, NESTED]]
Edges = tuple[float, float, float, float]


def test_the_pages_have_flowcharts():
    assert len(TEXTS) > 8


def test_what_a_pipeline_draws_is_read():
    chart = read(NESTED)
    assert [box.kind for box in chart.boxes.values()] == ["source", "plain", "scaled", "plain"]
    assert chart.boxes["n2"].lines == ('"deep"', "Deep")
    assert chart.boxes["n2"].groups == ("g0", "g1")
    assert chart.lines["n0", "n1", False].names == ["left", "right"]
    assert chart.lines["n3", "n1", True].names == ["out"]


def test_what_no_pipeline_draws_is_refused():
    with pytest.raises(ValueError, match=r"^cannot draw 'style n0 fill:#f00': write what `Pipel"):
        read('flowchart LR\n  n0["a"]\n  style n0 fill:#f00')


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("down", [False, True])
def test_boxes_do_not_overlap_and_are_in_the_picture(chart: Chart, down: bool):
    laid = place(chart, down)
    boxes = [edges(chart, laid, name) for name in chart.boxes]
    assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]
    assert all(is_within(box, (0, 0, laid.width, laid.height)) for box in boxes)


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("down", [False, True])
def test_a_group_has_its_own_boxes_within_it_and_no_others(chart: Chart, down: bool):
    laid = place(chart, down)
    for group, frame in laid.frames.items():
        for name, box in chart.boxes.items():
            place_of = edges(chart, laid, name)
            is_inside = group in box.groups
            assert is_within(place_of, frame) if is_inside else not overlap(place_of, frame)


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("down", [False, True])
def test_lines_lead_onwards_and_those_to_the_next_item_back(chart: Chart, down: bool):
    laid = place(chart, down)
    for line in chart.lines.values():
        start, end = laid.middles[line.start][down], laid.middles[line.end][down]
        assert (start > end) if line.is_back else (start < end)


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("down", [False, True])
def test_a_line_begins_and_ends_at_its_boxes(chart: Chart, down: bool):
    laid = place(chart, down)
    for line, points in zip(chart.lines.values(), laid.lines, strict=True):
        names = (line.end, line.start) if line.is_back else (line.start, line.end)
        for name, point in zip(names, (points[0], points[-1]), strict=True):
            assert is_within((*point, *point), edges(chart, laid, name))


@pytest.mark.parametrize("text", [*TEXTS, NESTED])
def test_a_picture_says_each_cell_and_fits_beside_the_navigation(text: str):
    drawn = ElementTree.fromstring(picture(text))
    words = {part.text for part in drawn.iter() if part.text}
    assert words >= {line for box in read(text).boxes.values() for line in box.lines}
    assert float(drawn.attrib["viewBox"].split()[2]) <= WIDTH


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('<script async src="https://a.org/b.js"></script>', ".html"),
        ("<link rel=stylesheet href=//a.org/b.js>", ".html"),
        ('<script type="module">import m from "https://a.org/b.js";</script>', ".html"),
        ('<img alt="" src="https://a.org/b.js">', ".html"),
        ("@font-face{src:url(https://a.org/b.js)}", ".css"),
        ('@import "https://a.org/b.js";', ".css"),
        ("const m = await import('https://a.org/b.js')", ".js"),
    ],
)
def test_what_a_page_would_ask_other_servers_for_is_found(text: str, kind: str):
    assert [one.removeprefix("https:") for one in fetched(text, kind)] == ["//a.org/b.js"]


def test_links_and_the_own_files_of_a_site_are_no_requests(tmp_path):
    (tmp_path / "index.html").write_text(
        '<a href="https://a.org">a</a> <script src="_static/b.js"></script>'
        "<pre>import m from &quot;https://a.org/b.js&quot;</pre>"
    )
    assert [*outside(tmp_path)] == []
    (tmp_path / "page.css").write_text("a { background: url('https://a.org/b.png') }")
    assert [*outside(tmp_path)] == ["page.css: https://a.org/b.png"]


def edges(chart: Chart, laid: Layout, name: str) -> Edges:
    """Left, top, right and bottom of a box."""
    (x, y), (width, height) = laid.middles[name], size_of(chart.boxes[name])
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def overlap(one: Edges, other: Edges) -> bool:
    return all(one[at] < other[at + 2] and other[at] < one[at + 2] for at in (0, 1))


def is_within(inner: Edges, outer: Edges) -> bool:
    rounding = 1e-6
    low = all(inner[at] >= outer[at] - rounding for at in (0, 1))
    return low and all(inner[at] <= outer[at] + rounding for at in (2, 3))
