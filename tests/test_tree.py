"""The tree of the repository in the README is the one on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINE = re.compile(r"^( *)(\S+) {2,}\S.*$")


def entries() -> Iterator[str]:
    """Each path in the README's tree: an indented line lies in the folder above it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = text.partition("## Where things are")[2].split("```")[1]
    folder = ""
    for line in tree.strip("\n").splitlines():
        found = LINE.match(line)
        assert found is not None, f"a line without a name and what is there: {line!r}"
        folder = folder if found[1] else found[2]
        yield folder + found[2] if found[1] else found[2]


def packages(folder: str) -> set[str]:
    """The packages in a folder, as the tree writes them."""
    return {f"{folder}{path.parent.name}/" for path in ROOT.glob(f"{folder}*/__init__.py")}


def test_every_entry_is_there():
    missing = [entry for entry in entries() if not (ROOT / entry).exists()]
    assert missing == []


@pytest.mark.parametrize("folder", ["torchpipe/", "recipes/"])
def test_every_package_has_an_entry(folder: str):
    assert packages(folder) - set(entries()) - {"torchpipe/_recipes/"} == set()


def test_the_four_parts_have_an_entry():
    assert {"torchpipe/", "recipes/", "tests/", "docs/"} <= set(entries())
