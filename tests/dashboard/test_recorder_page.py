"""Recording from the page, in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.dashboard.test_page import Opened, expect
from tests.engine.traced import Traced

pytestmark = pytest.mark.browser


@pytest.fixture
def seen(sums, page_of, browser):
    """The page of a run; nothing may go wrong in it."""
    with page_of(sums()) as shown, browser.new_context(accept_downloads=True) as context:
        opened = Opened(context.new_page(), shown.url)
        opened.recorder = shown._watch.recorder
        yield opened
        opened.page.goto("about:blank")
    assert (opened.problems, opened.outside) == ([], [])


def button(seen, name):
    return seen.page.get_by_role("button", name=name, exact=True)


def saved(download) -> Traced:
    assert download.suggested_filename == "Sums.trace.json"
    return Traced(Path(download.path()).read_text())


def test_a_trace_is_recorded_and_downloaded(seen):
    button(seen, "Record a trace").click()
    told = re.compile(r"^([1-9]\d\d|.*,...) calls in 00:\d\d$")
    expect(button(seen, "Save the trace")).to_have_attribute("title", told)
    with seen.page.expect_download() as download:
        button(seen, "Save the trace").click()
    assert len(saved(download.value).tracks) >= 3
    expect(button(seen, "Record a trace")).to_be_visible()
    assert seen.recorder.told is None


def test_it_works_by_keyboard(seen):
    button(seen, "Record a trace").press("Enter")
    expect(button(seen, "Save the trace")).to_be_focused()
    with seen.page.expect_download() as download:
        button(seen, "Save the trace").press("Enter")
    assert saved(download.value).events
    expect(button(seen, "Record a trace")).to_be_focused()


def test_one_that_ends_by_itself_is_downloaded_by_whoever_began_it(seen):
    seen.recorder.longest = 1.5
    with seen.page.expect_download() as download:
        button(seen, "Record a trace").click()
    assert saved(download.value).events
    expect(button(seen, "Record a trace")).to_be_visible()


def test_no_serious_finding_of_axe_while_it_records(seen):
    from axe_playwright_python.sync_playwright import Axe

    button(seen, "Record a trace").click()
    expect(button(seen, "Save the trace")).to_be_visible()
    found = Axe().run(seen.page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
