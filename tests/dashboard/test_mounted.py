"""The page in other apps: one of your own, and `torchpipe serve`."""

from __future__ import annotations

import asyncio
import gc
import logging
import re

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

import torchpipe as tp
from torchpipe.dashboard import app


def ask(mounted, path):
    """What an app says that has the page at `/live`."""

    async def asked():
        outer = Starlette(routes=[Mount("/live", app=mounted)])
        transport = httpx.ASGITransport(app=outer)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(f"/live/{path}")

    return asyncio.run(asked())


def test_a_mounted_page_shows_the_log(sums):
    gc.collect()  # pages that tests before have left
    before = list(logging.getLogger().handlers)
    with sums().run() as run:
        mounted = app(run)
        logging.getLogger("mine").warning("look here")
        assert ask(mounted, "log").json()[-1]["text"] == "look here"
    del mounted
    gc.collect()
    assert logging.getLogger().handlers == before


@pytest.fixture(scope="module")
def first_loop():
    """The first loop of uvloop opens a pipe that stays: no test is to blame for it."""
    uvloop = pytest.importorskip("uvloop", reason="needs the extra `serve`")
    uvloop.new_event_loop().close()


@pytest.mark.browser
def test_the_page_of_a_service_is_live(browser, first_loop):
    pytest.importorskip("fastapi", reason="needs the extra `serve`")
    playwright = pytest.importorskip("playwright.sync_api")
    from tests.serve.made import Line, add_one, serving

    problems = []
    with (
        serving(Line(tp.ScaleUp(tp.cell(add_one), 2)), token="secret") as live,
        browser.new_context() as context,
    ):
        page = context.new_page()
        page.on("console", lambda told: problems.append(told.text))
        page.goto(f"{live.url}/dashboard?token=secret")
        playwright.expect(page).to_have_url(f"{live.url}/dashboard/")
        playwright.expect(page.locator(".state")).to_have_text("running")
        httpx.post(f"{live.url}/run", json={"x": 1})
        results = page.locator(".head .figures div", has_text="results").locator("dd")
        playwright.expect(results).to_have_text(re.compile("[1-9]"))
        page.get_by_role("button", name="One more clone of steps.0").first.click()
        clones = page.locator(".card[data-path='steps.0'] .clones")
        playwright.expect(clones).to_contain_text("3 clones")
        page.goto("about:blank")
    assert problems == []
