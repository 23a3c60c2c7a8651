"""What a cell gives, on the page: on demand, as a picture, as numbers, by field."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pytest

import torchpipe as tp

pytestmark = pytest.mark.browser

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect


class Found(NamedTuple):
    label: str
    count: int


class Film(tp.Cell):
    """Grey frames that get brighter."""

    def forward(self):
        number = 0
        while True:
            yield np.full((48, 64, 3), number % 255, np.uint8)
            number += 1


class Mean(tp.Cell):
    """The mean of a frame, as a fraction of white."""

    def forward(self, frame: np.ndarray) -> np.ndarray:
        return frame.mean(axis=(0, 1)) / 255


class Name(tp.Cell):
    """What it is called."""

    def forward(self, mean: np.ndarray) -> list[Found]:
        return [Found("grey", len(mean))]


class Films(tp.Pipeline):
    """A film, what it shows, and what that is called."""

    window = 4

    def __init__(self):
        super().__init__()
        self.film, self.mean, self.name = Film(), tp.ScaleUp(Mean(), clones=2), Name()

    def build(self):
        return self.name(self.mean(self.film()))


@pytest.fixture
def seen(page_of, browser):
    with page_of(Films()) as shown, browser.new_context() as context:
        page = context.new_page()
        problems = []
        page.on("console", lambda told: problems.append(told.text))
        page.goto(shown.url)
        expect(page.locator(".state")).to_have_text("running")
        page.taps = shown.board.run._core.taps
        yield page
        page.goto("about:blank")
        assert problems == []


def output_of(page, path):
    page.locator(f".card[data-path='{path}']").get_by_role("button", name=path, exact=True).click()
    found = page.get_by_role("region", name=f"Output of {path}")
    found.get_by_role("button", name="Show output").click()
    return found


def test_a_frame_is_shown_as_a_picture_that_changes(seen):
    picture = output_of(seen, "film").get_by_role("img")
    expect(picture).to_have_attribute("alt", "out, a picture of 48 by 64 by 3")
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [64, 48]
    before = picture.get_attribute("src")
    expect(picture).not_to_have_attribute("src", before)


def test_numbers_are_told(seen):
    shown = output_of(seen, "mean")
    expect(shown).to_contain_text("ndarray float64, 3")
    expect(shown).to_contain_text(re.compile(r"min.*mean.*max"))


def test_records_are_told_by_field(seen):
    shown = output_of(seen, "name")
    expect(shown.locator(".fields .fields .seen")).to_have_text(["label strgrey", "count int3"])


def test_nothing_is_looked_at_once_it_is_hidden(seen):
    shown = output_of(seen, "film")
    expect(shown.get_by_role("img")).to_be_visible()
    with seen.expect_request_finished(lambda request: "outputs/film" in request.url):
        pass
    shown.get_by_role("button", name="Hide output").click()
    expect(shown.get_by_role("img")).to_have_count(0)
    expect(shown.get_by_role("button", name="Show output")).to_be_focused()
    asked = []
    seen.on("request", lambda request: asked.append(request.url))
    other = output_of(seen, "mean")
    expect(other).to_contain_text("ndarray")
    with seen.expect_request(lambda request: "outputs/mean" in request.url):
        pass
    assert not any("outputs/film" in url for url in asked)


def test_no_serious_finding_of_axe(seen):
    from axe_playwright_python.sync_playwright import Axe

    expect(output_of(seen, "film").get_by_role("img")).to_be_visible()
    found = Axe().run(seen).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
