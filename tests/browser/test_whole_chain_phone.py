"""A person with a phone at the deployed page: everything works by touch, and nothing scrolls sideways."""

from __future__ import annotations

import pytest
from axe import axe_finds
from chain_page import expect_no_verdict, expect_verdict
from playwright.sync_api import Page, expect

from tests.conftest import BAD, GOOD

pytestmark = pytest.mark.slow

SIDEWAYS = """() => [...document.querySelectorAll("body *")]
    .filter((it) => it.getBoundingClientRect().right > innerWidth + 0.5 && it.checkVisibility())
    .map((it) => it.outerHTML.slice(0, 80))"""


NARROW, WIDE = {"width": 320, "height": 568}, {"width": 360, "height": 640}


def expect_to_fit(page: Page) -> None:
    """WCAG 2.2, 1.4.10 and 2.5.8: no scrolling sideways, and controls of at least 24 pixels."""
    for size in (NARROW, WIDE):
        page.set_viewport_size(size)
        # Once the page has been told of its new size.
        page.wait_for_function("width => document.documentElement.scrollWidth === width", arg=size["width"])
        assert page.evaluate(SIDEWAYS) == []
    controls = page.locator("button:visible, select:visible, input:visible, textarea:visible")
    boxes = [control.bounding_box() for control in controls.all()]
    assert all(box["height"] >= 24 and box["width"] >= 24 for box in boxes)


def test_all_of_it_by_touch(deployment, operator, browser, tmp_path):
    context = browser.new_context(viewport=WIDE, has_touch=True, is_mobile=True)
    try:
        page = context.new_page()
        page.goto(deployment.page)
        expect(page.locator("#model-line")).to_be_visible()
        expect_to_fit(page)

        with operator.frozen_model():
            page.get_by_role("button", name="A rave").tap()
            expect(page.get_by_role("heading", name="Thinking")).to_be_in_viewport()
            expect_to_fit(page)
            page.get_by_role("button", name="Cancel").tap()
            expect_no_verdict(page, "Cancelled")

        page.get_by_label("Your review").fill(BAD)
        page.get_by_role("button", name="Judge this review").tap()
        expect_verdict(page, BAD, "Negative")
        expect(page.locator("#headline")).to_be_in_viewport()
        page.locator("#marked .mark").last.tap()
        expect(page.locator("#tip")).to_contain_text("towards")
        expect_to_fit(page)
        page.get_by_role("button", name="No", exact=True).tap()
        expect(page.get_by_text("Thank you. Your vote")).to_be_visible()
        page.get_by_role("button", name="Copy a link").tap()
        expect(page.locator("#link-box")).to_be_visible()
        expect_to_fit(page)
        assert axe_finds(page) == []

        page.get_by_role("tab", name="Many").tap()
        file = tmp_path / "reviews.csv"
        file.write_text(f'review,stars\n"{GOOD}",5\n,3\n{"x" * 20_001},1\n', "utf-8")
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose a file").tap()
        chooser.value.set_files(file)
        page.get_by_role("button", name="Judge 1 review").tap()
        expect(page.locator("#done")).to_have_text("3 of 3")
        expect_to_fit(page)
        assert axe_finds(page) == []

        page.get_by_role("tab", name="History (1)").tap()
        expect_to_fit(page)
        page.get_by_role("button", name="Delete: ").tap()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        expect_to_fit(page)
        assert axe_finds(page) == []
    finally:
        context.close()
