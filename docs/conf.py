"""The site: the README, everything in `docs/` and the recipes' own pages, as they are on disk.

    python -m sphinx -W --keep-going -q -c docs . build/site

The source is the whole repository, so a link between two pages is the same as in a checkout, and
one that leads nowhere fails the build. So does a page that `docs/index.md` does not name: the lists
there are the navigation.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

import torchpipe  # noqa: E402 - from this checkout, whatever else is installed

project = "torchpipe"
author = "The torchpipe authors"
project_copyright = "The torchpipe authors, Apache-2.0"
version = release = torchpipe.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "diagrams",
    "outside",
]

root_doc = "docs/index"
include_patterns = ["README.md", "docs/**.md", "recipes/**.md"]
exclude_patterns = ["build", "**/node_modules", ".*"]

myst_heading_anchors = 4  # the same names as on GitHub
myst_fence_as_directive = ["mermaid"]

default_role = "code"  # docstrings are written with single backticks
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = "torchpipe"
html_show_sphinx = False
html_copy_source = False

GROUP = re.compile(r"^## (.+?)\n(.+?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r"^- \[([^\]]+)\]\(([^)#]+)\.md\)", re.MULTILINE)
JOINED = re.compile(r"(`[^`\n]+`)(?=\w)")


def with_navigation(app: Any, page: str, source: list[str]) -> None:
    """Give the first page the trees that its lists stand for."""
    if page == root_doc:
        source[0] += "\n\n" + "\n".join(trees(source[0]))


def trees(text: str) -> Iterator[str]:
    """A hidden tree of pages for each list of links below a heading."""
    for title, below in GROUP.findall(text):
        pages = "\n".join(f"{name} <{page}>" for name, page in ENTRY.findall(below))
        yield f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n{pages}\n```"


def part_words(*given: Any) -> None:
    """Let a docstring write `name` in the plural, as in Markdown."""
    lines: list[str] = given[-1]
    lines[:] = [JOINED.sub(r"\1\\ ", line) for line in lines]


def lead_in(app: Any, error: Exception | None) -> None:
    """The site's own address leads to its first page."""
    if error is None:
        to = f"{root_doc}.html"
        text = f'<meta http-equiv="refresh" content="0; url={to}"><a href="{to}">torchpipe</a>\n'
        Path(app.outdir, "index.html").write_text(text, encoding="utf-8")


def setup(app: Any) -> None:
    """Let Sphinx call the functions above."""
    app.connect("source-read", with_navigation)
    app.connect("autodoc-process-docstring", part_words)
    app.connect("build-finished", lead_in)
