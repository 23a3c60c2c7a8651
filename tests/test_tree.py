"""The tree of the repository in the README is the one on disk."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from tokenize import COMMENT, NEWLINE, NL, generate_tokens

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


def test_the_core_has_as_many_lines_of_code_as_the_design_says():
    package = ROOT / "torchpipe"
    core = [package / "errors.py", *package.glob("graph/*.py"), *package.glob("engine/*.py")]
    count = sum(map(lines_of_code, [*core, *package.glob("engine/compiler/*.py")]))
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    told = re.search(r"It has about ([\d,]+)\s+lines of code", text)
    assert told is not None
    assert int(told[1].replace(",", "")) == pytest.approx(count, rel=0.03)


def lines_of_code(file: Path) -> int:
    """Those with code on them: no blank ones, docstrings and comments."""
    with file.open(encoding="utf-8") as text:
        tokens = [one for one in generate_tokens(text.readline) if one.string.strip()]
    code = [one for one in tokens if one.type not in (COMMENT, NEWLINE, NL)]
    lines = {n for one in code for n in range(one.start[0], one.end[0] + 1)}
    tree = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    alone = (node for node in tree if isinstance(node, ast.Expr))
    told = (node for node in alone if isinstance(node.value, ast.Constant))
    return len(lines - {n for node in told for n in range(node.lineno, (node.end_lineno or 0) + 1)})
