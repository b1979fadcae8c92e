"""What the tests of the deployed page do and look for again and again."""

from __future__ import annotations

from playwright.sync_api import Page, expect

SECONDS = 1000

ATTACK = (
    "<img src=x onerror=alert(1)><script>alert(2)</script><svg onload=alert(3)></svg>"
    "\"'><iframe srcdoc='<script>alert(4)</script>'></iframe>{{constructor.constructor('alert(5)')()}}"
)


def judge(page: Page, review: str) -> None:
    page.get_by_label("Your review").fill(review)
    page.keyboard.press("Control+Enter")


SIDES = ("Positive", "Negative", "Unsure", "No opinion", "Not English")


def expect_verdict(page: Page, review: str, *sides: str) -> None:
    """One of these verdicts on this review, its text marked."""
    expect(page.locator("#details")).to_be_visible()
    assert page.locator("#headline").inner_text() in (sides or SIDES)
    assert page.locator("#marked").inner_text() == review


def expect_no_verdict(page: Page, *said: str) -> None:
    for text in said:
        expect(page.locator("#answer")).to_contain_text(text)
    expect(page.locator("#kicker")).to_have_text("No verdict")
    expect(page.locator("#details")).to_be_hidden()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
