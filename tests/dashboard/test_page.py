"""The page in a browser: what it shows, what its controls do, and who can use it."""

from __future__ import annotations

import re

import pytest

from torchpipe.dashboard import history

pytestmark = pytest.mark.browser

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
NAME = "(on => on.getAttribute('aria-label') || on.textContent)(document.activeElement)"
WIDE, NARROW = {"width": 1440, "height": 1000}, {"width": 390, "height": 844}


@pytest.fixture
def page(browser):
    """A fresh window, without memory."""
    with browser.new_context(viewport=WIDE) as context:
        yield context.new_page()


class Opened:
    """A page, and what went wrong in it."""

    def __init__(self, page, url):
        self.page, self.url = page, url
        self.problems, self.outside = [], []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._asked)
        page.goto(url)
        expect(page.locator(".state")).to_have_text("running")

    def _said(self, message):
        refusal = "status of 422" in message.text  # the browser notes it, the page handles it
        if message.type in ("error", "warning") and not refusal:
            self.problems.append(message.text)

    def _asked(self, request):
        if not request.url.startswith(self.url):
            self.outside.append(request.url)

    def card(self, path):
        return self.page.locator(f".card[data-path='{path}']")

    def figure(self, name):
        return self.page.locator(".head .figures div", has_text=name).locator("dd")


@pytest.fixture
def seen(sums, page_of, page):
    """The page of a run, in a wide window; nothing may go wrong in it."""
    with page_of(sums()) as shown:
        opened = Opened(page, shown.url)
        opened.run, opened.board = shown.board.run, shown.board
        yield opened
        page.goto("about:blank")
    assert (opened.problems, opened.outside) == ([], [])


def test_numbers_are_live(seen):
    results = seen.figure("results")
    expect(results).to_have_text(re.compile(r"[1-9]"))
    before = results.inner_text()
    expect(results).not_to_have_text(before)
    expect(seen.card("digest").locator(".rate")).to_have_text(re.compile(r"[1-9].*/s"))
    expect(seen.page.locator(".banner .why")).not_to_contain_text("after two seconds")


def test_a_click_scales(seen):
    clones = seen.card("digest").locator(".clones")
    expect(clones).to_contain_text("2 clones")
    clones.get_by_role("button", name="One more clone of digest").click()
    expect(clones).to_contain_text("3 clones", timeout=2000)
    assert len([one for one in seen.run.statistics() if one.path == "digest"]) == 3
    seen.page.get_by_role("region", name="Cell digest").get_by_role(
        "button", name="One clone less of digest"
    ).click()
    expect(clones).to_contain_text("2 clones")


def test_a_parameter_is_edited_and_checked(seen):
    seen.card("digest").get_by_role("button", name="digest", exact=True).click()
    field = seen.page.get_by_label("rounds", exact=True)
    field.fill("7000")
    field.press("Enter")
    expect(seen.page.get_by_role("status")).to_have_text("rounds is 7000 now")
    assert seen.run.pipeline.digest.rounds == 7000
    field.fill("0")
    field.press("Enter")
    problem = "cannot set digest.rounds to 0: it must be at least 1 and at most 100000."
    expect(seen.page.get_by_text(problem)).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    assert seen.run.pipeline.digest.rounds == 7000


def test_every_kind_of_parameter_has_a_control(seen):
    seen.card("digest").get_by_role("button", name="digest", exact=True).click()
    page, digest = seen.page, seen.run.pipeline.digest
    page.get_by_label("kind", exact=True).select_option(label="sha512")
    expect(page.get_by_role("status")).to_have_text("kind is sha512 now")
    page.get_by_role("switch", name="on").uncheck()
    expect(page.get_by_role("status")).to_have_text("on is false now")
    page.get_by_label("salt", exact=True).fill("pepper")
    page.get_by_label("salt", exact=True).press("Enter")
    expect(page.get_by_role("status")).to_have_text("salt is pepper now")
    assert (digest.kind, digest.on, digest.salt) == ("sha512", False, "pepper")


def test_what_others_set_is_shown(seen):
    seen.card("digest").get_by_role("button", name="digest", exact=True).click()
    seen.run.set("digest.rounds", 5000)
    expect(seen.page.get_by_label("rounds", exact=True)).to_have_value("5000")


def test_a_nested_pipeline_folds_and_unfolds(seen):
    fold = seen.page.get_by_role("button", name="weigh", exact=True)
    expect(fold).to_have_attribute("aria-expanded", "true")
    fold.click()
    expect(seen.card("weigh.light")).to_have_count(0)
    expect(seen.card("weigh")).to_contain_text("2 cells")
    expect(fold).to_be_focused()
    fold.press("Enter")
    expect(seen.card("weigh.light")).to_be_visible()


def test_who_comes_later_sees_charts_of_the_last_minutes(seen, browser, monkeypatch):
    monkeypatch.setattr(history, "EVERY", 0.001)  # whatever is seen is kept
    expect(seen.page.locator(".banner .why")).not_to_contain_text("after two seconds")
    with browser.new_context() as context:
        later = context.new_page()
        with later.expect_response("**/history") as answer:
            later.goto(seen.url)
        assert len(answer.value.json()) >= 4
        legend = later.locator(".charts .u-legend").first
        expect(legend).to_contain_text(re.compile("[1-9]"))
        later.goto("about:blank")


def test_the_run_pauses_and_goes_on(seen):
    seen.page.get_by_role("button", name="Pause").click()
    expect(seen.page.locator(".state")).to_have_text("paused")
    seen.page.get_by_role("button", name="Resume").click()
    expect(seen.page.locator(".state")).to_have_text("running")


def test_skipped_items_are_listed(seen):
    seen.run.set("pick.fails", True)
    tab = seen.page.get_by_role("tab", name=re.compile(r"Errors \("))
    tab.click()
    expect(seen.page.get_by_role("tabpanel")).to_contain_text("is no good")


def test_all_controls_can_be_reached_by_keyboard(seen):
    page = seen.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip the graph")).to_be_focused()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(NAME))
    wanted = {"Pause", "digest", "One more clone of digest", "weigh", "Cells", "rounds, slider"}
    assert wanted <= reached
    page.get_by_role("tab", name="Cells").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Errors")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_no_serious_finding_of_axe(seen, scheme, size):
    from axe_playwright_python.sync_playwright import Axe

    seen.page.emulate_media(color_scheme=scheme)
    seen.page.set_viewport_size(size)
    expect(seen.page.locator(".banner .why")).not_to_contain_text("after two seconds")
    found = Axe().run(seen.page).response["violations"]
    bad = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in bad] == []


def test_nothing_sticks_out_of_a_small_screen(seen):
    seen.page.set_viewport_size(NARROW)
    expect(seen.card("digest")).to_be_visible()
    assert seen.page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    state, first = seen.page.locator(".state").bounding_box(), seen.page.locator(".actions button")
    button = first.first.bounding_box()
    beside, below = state["x"] + state["width"], state["y"] + state["height"]
    assert button["x"] >= beside or button["y"] >= below


def test_the_page_comes_back_after_a_restart(sums, page_of, page):
    with page_of(sums()) as shown:
        opened = Opened(page, shown.url)
        port = int(shown.url.rstrip("/").rpartition(":")[2])
    expect(page.locator(".state")).to_have_text("disconnected")
    expect(page.locator(".notice")).to_be_visible()
    with page_of(sums(), port=port):
        expect(page.locator(".state")).to_have_text("running", timeout=15_000)
        expect(page.locator(".notice")).to_be_hidden()
        expect(opened.figure("results")).to_have_text(re.compile(r"[1-9]"))
        page.goto("about:blank")
