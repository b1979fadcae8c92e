"""A person without a mouse at the deployed page: all of it, from the first Tab on."""

from __future__ import annotations

import pytest
from axe import axe_finds
from chain_page import expect_verdict
from playwright.sync_api import Page, expect

from tests.conftest import BAD, GOOD

pytestmark = pytest.mark.slow


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, name: str, role: str = "button") -> None:
    """Tab until the control of this name has the focus; it must come within a dozen steps."""
    wanted = page.get_by_role(role, name=name, exact=True)
    for _ in range(12):
        page.keyboard.press("Tab")
        if wanted.evaluate("it => it === document.activeElement"):
            return
    raise AssertionError(f"{name} is not reached by Tab")


def test_one_review_its_marks_its_vote_and_its_link(deployment, operator, page, context):
    page.goto(deployment.page)
    press(page, "Tab", "Tab")
    expect(page.get_by_label("Your review")).to_be_focused()
    page.keyboard.insert_text(GOOD)
    press(page, "Control+Enter")
    expect_verdict(page, GOOD, "Positive")
    expect(page.get_by_label("Your review")).to_be_focused()

    tab_to(page, "A sarcastic one")
    press(page, "Enter")
    expect(page.locator("#form")).to_have_attribute("aria-busy", "false")
    expect(page.get_by_role("button", name="A sarcastic one")).to_be_focused()
    tab_to(page, "Back to my text")
    press(page, "Enter")
    expect(page.get_by_label("Your review")).to_have_value(GOOD)
    tab_to(page, "Judge this review")
    press(page, "Space")
    expect_verdict(page, GOOD, "Positive")

    press(page, *["Tab"] * 4)
    expect(page.get_by_role("button", name="Yes")).to_be_focused()
    press(page, "Space")
    expect(page.get_by_text("Thank you. Your vote and the review are kept.")).to_be_visible()
    expect(page.get_by_role("button", name="Yes")).to_be_focused()
    tab_to(page, "Copy a link")
    press(page, "Enter")
    expect(page.get_by_text("The review is in the link itself")).to_be_visible()
    assert axe_finds(page) == []
    link = page.get_by_label("Link to this review").input_value()

    marks = page.locator("#marked .mark")
    press(page, "Tab")
    expect(page.get_by_role("button", name="Take my vote back")).to_be_focused()
    press(page, "Tab", "Tab")
    expect(marks.first).to_be_focused()
    for key, mark in (("ArrowRight", marks.nth(1)), ("End", marks.last), ("Home", marks.first)):
        press(page, key)
        expect(mark).to_be_focused()
        expect(page.locator("#tip")).to_have_text(mark.get_attribute("data-tip"))
    assert axe_finds(page) == []
    press(page, "Escape")
    expect(page.locator("#tip")).to_be_hidden()

    press(page, "Tab")
    expect(page.get_by_role("radio", name="curl")).to_be_focused()
    press(page, "ArrowRight")
    expect(page.locator("#code")).to_contain_text(f"{deployment.api}/predict")

    asked = len(operator.answered("POST /predict"))
    other = context.new_page()
    other.goto(link)
    expect(other.get_by_label("Your review")).to_have_value(GOOD)
    expect(other.locator("#status")).to_contain_text("It’s in the box; nothing has been sent.")
    assert axe_finds(other) == []
    assert len(operator.answered("POST /predict")) == asked
    press(other, "Control+Enter")
    expect_verdict(other, GOOD, "Positive")


def test_the_history_and_many_reviews(deployment, page):
    page.goto(deployment.page)
    press(page, "Tab", "Tab")
    for review, verdict in ((GOOD, "Positive"), (BAD, "Negative")):
        press(page, "Control+A")
        page.keyboard.insert_text(review)
        press(page, "Control+Enter")
        expect_verdict(page, review, verdict)

    press(page, "Shift+Tab", "End")
    expect(page.get_by_role("tab", name="History (2)")).to_be_focused()
    tab_to(page, "Download as CSV")
    with page.expect_download() as download:
        press(page, "Enter")
    assert GOOD in download.value.path().read_text("utf-8-sig")
    tab_to(page, f"Delete: {BAD}")
    press(page, "Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    assert axe_finds(page) == []
    press(page, "Enter")
    expect(page.locator("#past-list li")).to_have_count(2)
    tab_to(page, f"Judge again: {GOOD}")
    press(page, "Enter")
    expect_verdict(page, GOOD, "Positive")
    expect(page.get_by_label("Your review")).to_be_focused()

    press(page, "Shift+Tab", "ArrowRight", "Tab")
    expect(page.get_by_label("Many reviews")).to_be_focused()
    page.keyboard.insert_text(f"{GOOD}\n{BAD}")
    tab_to(page, "Judge 2 reviews")
    assert axe_finds(page) == []
    press(page, "Enter")
    expect(page.locator("#rows td:nth-child(2)")).to_have_text(["Positive", "Negative"])
    tab_to(page, "#")
    press(page, "Enter")
    expect(page.locator("#rows td:nth-child(1)")).to_have_text(["2", "1"])
