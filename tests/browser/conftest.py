"""A real headless Chromium for the tests of the page, and a site whose API does what a test says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import chromium
import pytest
from chain_operator import Operator
from page_site import Site
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

# Chromium must not look for updates or synchronise while tests run.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    f"--host-resolver-rules=MAP {chromium.REBOUND} 127.0.0.1",
]

# Playwright's own five seconds are too few where a training runs beside the browser.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium.find()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(chromium.NONE)
        pytest.skip(f"NOT TESTED: {chromium.NONE}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context
    context.close()


@pytest.fixture
def page(context) -> Iterator[Page]:
    """An empty page; the test fails if a script on it does, or if its Content-Security-Policy is broken."""
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if _is_fault(message.text) else None)
    yield page
    assert faults == []


def _is_fault(text: str) -> bool:
    return re.search(r"Content.Security.Policy|Trusted ?Type|Uncaught", text) is not None


@pytest.fixture
def site() -> Iterator[Site]:
    """The page on one origin and a programmable API on another.

    Each test has its own: a request that the page of the test before still had on its way finds nobody.
    """
    with Site() as site:
        yield site


@pytest.fixture
def many(site: Site, page: Page) -> Page:
    """The page at its tab for many reviews."""
    page.goto(site.url)
    page.get_by_role("tab", name="Many").click()
    return page


@pytest.fixture(scope="session")
def operator(deployment) -> Operator:
    """Who may break the deployed chain, for as long as a `with` lasts."""
    return Operator(deployment)
