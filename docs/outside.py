"""The site needs nothing from elsewhere: no script, style, font or picture of another server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.errors import SphinxError

ELSEWHERE = r"(?:https?:)?//[^\"'\s>)]+"
TAG = rf"<(?:script|link|img|iframe|source|video|audio|object|embed)\b[^>]*?=[\"']?({ELSEWHERE})"
STYLE = rf"(?:url\([\"']?|@import\s+[\"'])({ELSEWHERE})"
SCRIPT = r"\b(?:import|from|fetch|importScripts)\b\s*\(?\s*[\"'](https?://[^\"']+)"
FETCHED = {
    ".html": f"{TAG}|{STYLE}|{SCRIPT}",
    ".css": STYLE,
    ".js": SCRIPT,
    ".svg": f"{TAG}|{STYLE}",
}


def fetched(text: str, kind: str) -> set[str]:
    """The addresses that a browser asks for by itself; links, which readers follow, are none.

    Args:
        text: What is in a file.
        kind: How its name ends: ".html", ".css", ".js" or ".svg".

    >>> fetched('<a href="https://a.org"><script src="https://b.org/c.js"></script>', ".html")
    {'https://b.org/c.js'}
    """
    return {next(filter(None, found)) for found in re.findall(f"{FETCHED[kind]}|(?!)()", text)}


def outside(folder: Path) -> Iterator[str]:
    """Each file of a site that needs something from elsewhere, with what it needs."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in FETCHED:
            for address in sorted(fetched(path.read_text(encoding="utf-8"), path.suffix)):
                yield f"{path.relative_to(folder)}: {address}"


class Outside(SphinxError):
    """The site needs something from elsewhere."""

    category = "Not built"


def check(app: Any, error: Exception | None) -> None:
    """Fail the build of a site that needs something from elsewhere."""
    if error is None and (found := [*outside(Path(app.outdir))]):
        raise Outside(
            "the site must need nothing from other servers, and these files ask for something: "
            f"{'; '.join(found)}. Put a copy into the site."
        )


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx check what it has built."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
