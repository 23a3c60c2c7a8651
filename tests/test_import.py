"""`import torchpipe` is light: names are loaded when they are first used."""

import subprocess
import sys
from pathlib import Path

import pytest

import torchpipe

HEAVY = ["ray", "lightning", "fastapi", "starlette", "uvicorn", "torch", "numpy", "tqdm"]


def loaded_by(statements: str) -> list[str]:
    """Which heavy modules a fresh interpreter has loaded after these statements."""
    script = f"import sys\n{statements}\nprint(*[m for m in {HEAVY} if m in sys.modules])"
    root = Path(torchpipe.__file__).parents[1]
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    "statements",
    [
        "import torchpipe",
        "import torchpipe as tp; tp.Cell, tp.Pipeline, tp.ScaleUp, tp.Source, tp.Run, tp.errors",
        "import torchpipe.cli",
        "import torchpipe.testing",
        "import torchpipe as tp\n"
        "class Line(tp.Pipeline):\n"
        "    def build(self):\n"
        "        return tp.ScaleUp(tp.cell(abs))(tp.Source([1, -2])())\n"
        "with Line().run() as run:\n"
        "    assert list(run) == [1, 2]",
    ],
)
def test_nothing_heavy_is_loaded(statements):
    assert loaded_by(statements) == []


def test_torch_is_loaded_by_what_needs_it():
    assert "torch" in loaded_by("import torchpipe as tp; tp.ModuleCell")


def test_a_feed_does_not_load_lightning():
    assert loaded_by("import torchpipe.train") == []
    assert "lightning" not in loaded_by("from torchpipe.train import Feed")


def test_every_public_name_can_be_had():
    assert dir(torchpipe) == torchpipe.__all__
    for name in torchpipe.__all__:
        assert getattr(torchpipe, name) is not None
    assert torchpipe.errors.TorchpipeError is torchpipe.TorchpipeError


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError) as error:
        _ = torchpipe.Worker
    assert str(error.value) == "module 'torchpipe' has no attribute 'Worker'"
