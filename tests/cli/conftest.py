"""What the tests of the command line share: targets to run, and `torchpipe` itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from torchpipe.cli import main

_numbers = count()

STREET = '''\
from pathlib import Path
from typing import Literal

import torchpipe as tp


class Detect(tp.Cell):
    level = tp.Parameter(0.5, ge=0.0, le=1.0)
    precision = tp.Config("fp32", choices=("fp32", "fp16"))

    def forward(self, frame: int) -> int:
        return frame


class Track(tp.Cell):
    stateful = True

    def forward(self, boxes: int) -> int:
        return boxes


class Street(tp.Pipeline):
    """Counts people in a street.

    Nobody is counted twice.

    Args:
        frames: How many frames;
            all of them are 100 % grey.
        clones (int): How many detectors.
    """

    def __init__(self, frames: int = 3, clones: int = 2):
        super().__init__()
        self.source = tp.Source(range(frames))
        self.detect = tp.ScaleUp(Detect(), clones=clones)
        self.track = Track()

    def build(self):
        return self.track(self.detect(self.source()))


class Open(tp.Pipeline):
    """Waits for frames."""

    def build(self, frame, mask):
        return tp.cell(lambda frame, mask: frame)(frame, mask)


ready = Street(5)
number = 3
'''


class Answer(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Torchpipe = Callable[..., Answer]


@pytest.fixture
def torchpipe(capsys: pytest.CaptureFixture[str]) -> Iterator[Torchpipe]:
    """Run a command in this process, and forget afterwards what it imported."""
    path, modules = list(sys.path), set(sys.modules)

    def call(*words: object) -> Answer:
        code = main([str(word) for word in words])
        return Answer(code, *capsys.readouterr())

    yield call
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if "target_" in name or "recipe_" in name:
            del sys.modules[name]


@pytest.fixture
def target(tmp_path: Path) -> Callable[[str], Path]:
    """Write a file with this text, to use it as a target."""

    def write(text: str) -> Path:
        file = tmp_path / f"target_{next(_numbers)}.py"
        file.write_text(text)
        return file

    return write


@pytest.fixture
def street(target: Callable[[str], Path]) -> Path:
    """The file of a pipeline of three cells."""
    return target(STREET)
