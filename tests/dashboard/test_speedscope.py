"""A trace opens in speedscope, with one track for each clone: the real one, in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import torchpipe as tp
from tests.engine.made import Add, Total, line
from torchpipe.testing import Barrier

pytestmark = pytest.mark.browser

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
RELEASE = "node_modules/speedscope/dist/release/index.html"


@pytest.fixture(scope="module")
def speedscope(tmp_path_factory) -> Path:
    """The page, from npm's registry, in a folder that goes with the test."""
    folder = tmp_path_factory.mktemp("speedscope")
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm, to get speedscope with")
    command = [npm, "install", "--ignore-scripts", "--prefix", folder, "speedscope@1.25.0"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm cannot get speedscope: {error}")
    return folder / RELEASE


def test_a_trace_opens_in_speedscope_with_one_track_for_each_clone(speedscope, browser, tmp_path):
    file = tmp_path / "trace.json"
    cells = {"add": Add(), "meet": tp.ScaleUp(Barrier(3), clones=3), "total": Total()}
    with line(source=tp.Source(range(30)), **cells).run() as run, run.trace(file):
        list(run)
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(speedscope.as_uri())
        page.locator("input[type=file]").set_input_files(file)
        tracks = []
        for number in range(1, 6):  # "n" leads to the next track
            place = page.get_by_text(f"({number}/5)")
            expect(place).to_be_visible()
            title = place.locator("..").inner_text()
            tracks.append(re.sub(r"^.*?, | \(tid .*$", "", title))
            page.keyboard.press("n")
    clones = [f"meet[{number}] (clone {number} on cpu)" for number in range(3)]
    assert tracks == ["source + add (source)", *clones, "total (consumer)"]
