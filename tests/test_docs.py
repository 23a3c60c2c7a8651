"""The code in the documentation runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize("page", ["tour.md", "training.md"])
@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")  # Lightning's own
def test_the_blocks_of_a_page_run_top_to_bottom(page: str):
    text = (DOCS / page).read_text()
    code = "\n".join(blank_but_code(text))
    exec(compile(code, page, "exec", dont_inherit=True), {"__name__": page})  # noqa: S102 - our own documentation


def blank_but_code(text: str) -> list[str]:
    """The lines of the page, all but those of Python blocks made empty: line numbers stay right."""
    lines, inside = [], False
    for line in text.splitlines():
        fence = line.startswith("```")
        lines.append(line if inside and not fence else "")
        inside = (line == "```python") if fence else inside
    assert re.search(r"\S", "".join(lines)), "the page has no code"
    return lines
