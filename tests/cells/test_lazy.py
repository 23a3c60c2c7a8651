"""Cells are imported when they are asked for, and torch with those that need it."""

import subprocess
import sys

import pytest

import torchpipe.cells


def test_cells_without_torch_do_not_load_it():
    script = (
        "import sys, torchpipe.cells as cells\n"
        "for name in cells.__all__:\n"
        "    name in ('DataLoaderSource', 'ModuleCell') or getattr(cells, name)\n"
        "import torchpipe.testing\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_all_names_can_be_had():
    assert all(getattr(torchpipe.cells, name).__name__ == name for name in dir(torchpipe.cells))


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError) as error:
        _ = torchpipe.cells.Sink
    assert str(error.value) == "module 'torchpipe.cells' has no attribute 'Sink'"
