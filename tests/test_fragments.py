"""Code in the documentation that leaves something out: it parses, and what it names is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

import torchpipe as tp

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("recipes/**/*.md")])
BLOCK = re.compile(r"^```py(?:thon)?\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Detect(tp.Cell):
    """What pages call a detector, where they are about something else."""

    precision = tp.Config("fp32")

    def __init__(self, weights: str = ""):
        super().__init__()

    def forward(self, frame: int) -> int:
        return frame


class Tracking(tp.Pipeline):
    """And a pipeline around it."""

    def __init__(self, video: str):
        super().__init__()
        self.frames = tp.Source(range(3))
        self.detect = tp.ScaleUp(Detect(), 2)

    def build(self) -> tuple[tp.Output, tp.Output]:
        frame = self.frames()
        return frame, self.detect(frame)


def blocks_of(page: Path) -> list[str]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", ["scaling.md", "statistics.md"])
def test_a_fragment_runs_with_what_it_leaves_out(page: str, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = [block for block in blocks_of(ROOT / "docs" / page) if makes_its_run(block)]
    assert whole
    for block in whole:
        names = {"tp": tp, "Detect": Detect, "Tracking": Tracking, "weights": ""}
        exec(block, names | {"self": SimpleNamespace()})  # noqa: S102 - our own documentation


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_block_parses_and_what_it_takes_from_us_is_there(page: Path):
    missing = [name for block in blocks_of(page) for name in missing_from(ast.parse(block))]
    assert missing == []


def makes_its_run(block: str) -> bool:
    """Whether a block uses no run that is in motion elsewhere."""
    return "run." not in block or " as run" in block


def missing_from(block: ast.Module) -> Iterator[str]:
    """The names of torchpipe and of the recipes that a block uses, and that nobody defines."""
    for node in ast.walk(block):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "tp" and not hasattr(tp, node.attr):
                yield f"tp.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and is_ours(node.module or ""):
            yield from (one.name for one in node.names if not is_there(node.module or "", one.name))


def is_there(module: str, name: str) -> bool:
    return hasattr(import_module(module), name) or find_spec(f"{module}.{name}") is not None


def is_ours(module: str) -> bool:
    return module.partition(".")[0] in {"torchpipe", "recipes"}
