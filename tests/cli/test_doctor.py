"""`torchpipe doctor`, in an interpreter that has what the test puts on its path."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from torchpipe.cli.requirements import fits, parsed

ROOT = Path(__file__).parents[2]
WHOLE = "All that is needed is there."


def doctor(path: Path, *, bare: bool = True) -> tuple[int, str, str]:
    """What it prints; a bare interpreter sees nothing that is installed."""
    options = ["-S"] if bare else []
    done = subprocess.run(
        [sys.executable, *options, "-m", "torchpipe.cli", "doctor"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(path), str(ROOT)])},
        cwd=path,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def install(path: Path, name: str, version: str, *requirements: str) -> None:
    """Put a distribution on the path, with its metadata and nothing else."""
    folder = path / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir()
    head = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}"]
    lines = [*head, *(f"Requires-Dist: {requirement}" for requirement in requirements)]
    (folder / "METADATA").write_text("\n".join(lines) + "\n")


def test_what_is_there_is_told(tmp_path):
    install(tmp_path, "torchpipe-cells", "1", "torch>=2", "pytest>=8; extra == 'dev'")
    code, out, err = doctor(tmp_path, bare=False)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("torchpipe ")
    assert f"always      torch {version('torch')}" in lines
    assert f"dev         pytest {version('pytest')}" in lines
    assert any(line.startswith(f"torch {version('torch')}: ") for line in lines)
    assert lines[-1] == WHOLE


def test_what_is_missing_says_how_to_get_it(tmp_path):
    needed = ["alpha>=2; extra == 'greek'", "beta; extra == 'greek'", "alef; extra == 'hebrew'"]
    install(tmp_path, "torchpipe-cells", "1", *needed)
    install(tmp_path, "alef", "3.1")
    install(tmp_path, "beta", "1")
    code, out, err = doctor(tmp_path)
    assert (code, err) == (0, "")
    assert "greek       no alpha; pip install --editable '.[greek]'\n" in out
    assert "hebrew      alef 3.1\n" in out
    assert out.endswith(f"{WHOLE}\n")


def test_what_is_always_needed_and_is_not_there_is_an_error(tmp_path):
    install(tmp_path, "torchpipe-cells", "1", "alpha>=2", "beta>=1.10")
    install(tmp_path, "beta", "1.9.3")
    code, out, err = doctor(tmp_path)
    assert code == 2
    assert "always      no alpha, beta 1.9.3 is not >=1.10; pip install --editable '.'\n" in out
    assert WHOLE not in out
    assert err == (
        "torchpipe: no alpha: pip install 'alpha>=2'. "
        "beta 1.9.3 is not >=1.10: pip install 'beta>=1.10'.\n"
    )


def test_a_release_that_must_never_be_used_is_an_error_and_one_that_is_too_old_is_not(tmp_path):
    needed = ["bad>=2,!=2.6.2; extra == 'one'", "old>=2,!=2.6.2; extra == 'two'"]
    install(tmp_path, "torchpipe-cells", "1", *needed)
    install(tmp_path, "bad", "2.6.2")
    install(tmp_path, "old", "1.0")
    code, out, err = doctor(tmp_path)
    assert "two         old 1.0 is not >=2,!=2.6.2; pip install --editable '.[two]'\n" in out
    error = "torchpipe: bad 2.6.2 is not >=2,!=2.6.2: pip install 'bad>=2,!=2.6.2'.\n"
    assert (code, err) == (2, error)


def test_the_namesake_is_an_error(tmp_path):
    install(tmp_path, "torchpipe-cells", "1")
    install(tmp_path, "torchpipe", "0.4")
    assert doctor(tmp_path)[::2] == (
        2,
        "torchpipe: torchpipe 0.4 is installed, another project that imports under the same name: "
        "pip uninstall torchpipe torchpipe-cells, and install torchpipe-cells again.\n",
    )


def test_without_an_installation_it_says_so(tmp_path):
    assert doctor(tmp_path)[::2] == (
        2,
        "torchpipe: torchpipe-cells is not installed, so nobody knows what it needs: it only lies "
        "on the path. Install it from its folder: pip install --editable '.'.\n",
    )


def test_a_torch_that_cannot_be_imported_is_an_error(tmp_path):
    install(tmp_path, "torchpipe-cells", "1")
    install(tmp_path, "torch", "2.13.0")
    (tmp_path / "torch.py").write_text("raise ImportError('libcuda.so.1 is not there')\n")
    assert doctor(tmp_path)[::2] == (
        2,
        "torchpipe: torch cannot be used: ImportError: libcuda.so.1 is not there.\n",
    )


@pytest.mark.parametrize(
    ("number", "versions", "whether"),
    [
        ("2.13.0+cpu", ">=2.6", True),
        ("2.6", ">=2.6.0", True),
        ("2.5.9", ">=2.6", False),
        ("2.6.2", ">=2.5,!=2.6.2,!=2.6.3", False),
        ("2.6.20", ">=2.5,!=2.6.2,!=2.6.3", True),
        ("81.0", "<81", False),
        ("80.9rc1", "<81,>80", True),
        ("1", "", True),
    ],
)
def test_versions_are_compared_as_numbers(number, versions, whether):
    assert fits(number, versions) is whether


def test_each_line_of_the_project_is_understood():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [(line, "") for line in project["dependencies"]]
    lines += [(line, extra) for extra, needed in extras.items() for line in needed]
    for line, extra in lines:
        read = parsed(f"{line}; extra == '{extra}'" if extra else line)
        assert line.startswith(read.name)
        assert line.endswith(read.versions)
        assert read.extra == extra
