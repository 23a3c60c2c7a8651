"""Every fault that is planted in the engine is noticed by a test: see `mutants`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stress.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
PLACES = ("torchpipe", "tests", "pyproject.toml")
TIMEOUT = 15  # seconds for each test: some faults let it hang


def run(root: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests of the engine in a copy of the project."""
    words = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"--timeout={TIMEOUT}"]
    places = [f"tests/engine/{test}" for test in tests]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.run(
        [sys.executable, *words, *places],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def copied(to: Path) -> Path:
    """A copy of what tests of the engine need."""
    ignored = shutil.ignore_patterns("__pycache__", "node_modules")
    for place in PLACES:
        if (ROOT / place).is_dir():
            shutil.copytree(ROOT / place, to / place, ignore=ignored)
        else:
            shutil.copy(ROOT / place, to / place)
    return to


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_text_of_each_fault_is_there(mutant: Mutant):
    source = (ROOT / "torchpipe" / "engine" / mutant.file).read_text(encoding="utf-8")
    compile(mutant.planted(source), mutant.file, "exec")


@pytest.mark.stress
@pytest.mark.timeout(600)
def test_without_a_fault_the_tests_pass(tmp_path: Path):
    tests = dict.fromkeys(mutant.test for mutant in MUTANTS)
    done = run(copied(tmp_path), *tests)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.stress
@pytest.mark.timeout(400)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_fault_is_noticed(mutant: Mutant, tmp_path: Path):
    file = copied(tmp_path) / "torchpipe" / "engine" / mutant.file
    file.write_text(mutant.planted(file.read_text(encoding="utf-8")), encoding="utf-8")
    done = run(tmp_path, mutant.test)
    assert done.returncode not in (0, 4, 5), f"{mutant.test} passes:\n{done.stdout[-2000:]}"
