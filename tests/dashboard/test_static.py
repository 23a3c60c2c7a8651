"""The built page is what its source builds, with the licences of what is in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import torchpipe.dashboard

HERE = Path(torchpipe.dashboard.__file__).parent
WEB, STATIC = HERE / "web", HERE / "static"
OURS = ("node_modules", ".vite-temp")


def built(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def npm(*words: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["npm", *words], cwd=cwd, env={**os.environ, **more}, capture_output=True, text=True
    )


@pytest.mark.browser
@pytest.mark.timeout(180)
def test_the_source_builds_the_page_that_is_here(tmp_path):
    if shutil.which("npm") is None:
        pytest.skip("there is no npm to build the page with")
    web, out = tmp_path / "web", tmp_path / "out"
    shutil.copytree(WEB, web, ignore=shutil.ignore_patterns(*OURS))
    installed = npm("ci", "--ignore-scripts", cwd=web)
    if installed.returncode:
        pytest.skip(f"npm cannot install what builds the page: {installed.stderr[-300:]}")
    done = npm("run", "build", cwd=web, OUT_DIR=str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert built(out) == built(STATIC)


def test_the_page_names_no_other_machine():
    found = {
        address
        for name, content in built(STATIC).items()
        if name != "LICENSES"
        for address in re.findall(r"https?://[\w.]+", content.decode())
    }
    assert found <= {"http://www.w3.org"}  # the names of SVG


def test_the_licences_of_all_that_is_in_it_are_there():
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    text = (STATIC / "LICENSES").read_text()
    inside = [path for path, told in packages.items() if path and not told.get("dev")]
    assert inside
    for path in inside:
        assert f"{path.removeprefix('node_modules/')} {packages[path]['version']}\n" in text
