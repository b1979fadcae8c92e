"""The panel that shows the request just made as code: what it shows does what the page did."""

from __future__ import annotations

import json
import subprocess
import sys

from page_site import Site, contract_error
from playwright.sync_api import Page, expect

REVIEW = "It's “good” – not 'great':\n$HOME `ls` \\n \"quoted\" 🎬 </script> !!"


def judge(page: Page, review: str) -> None:
    page.get_by_label("Your review").fill(review)
    page.keyboard.press("Control+Enter")


def code(page: Page, language: str) -> str:
    page.get_by_role("radio", name=language).check()
    return page.locator("#code").text_content() or ""


def test_the_code_makes_the_same_request_in_each_language(site: Site, page: Page):
    page.goto(site.url)
    expect(page.locator("#usage")).to_be_hidden()
    judge(page, REVIEW)
    expect(page.locator("#code")).to_contain_text(f"{site.api_url}/predict")
    for command in (["sh", "-c", code(page, "curl")], [sys.executable, "-c", code(page, "Python")]):
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        assert "positive" in done.stdout
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    script = code(page, "JavaScript")
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": script, "replMode": True, "awaitPromise": True})
    assert site.reviews == [REVIEW] * 4
    assert said


def test_the_code_is_copied_and_follows_the_newest_request(site, page, context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(site.url)
    judge(page, "First")
    expect(page.locator("#code")).to_contain_text("First")
    site.answer = lambda review: contract_error(500, "Oh dear.")
    judge(page, "Second")
    expect(page.locator("#code")).to_contain_text("Second")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator("#usage-note")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert json.dumps({"review": "Second"}) in copied


def test_where_copying_is_forbidden_the_code_is_selected(site, page):
    page.goto(site.url)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(Error()) }")
    judge(page, "First")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator("#usage-note")).to_contain_text("The code is selected")
    assert page.evaluate("String(getSelection())").startswith("curl ")


def test_no_request_was_made_where_the_page_knows_no_api(site, page):
    site.config = ""
    page.goto(site.url)
    judge(page, "First")
    expect(page.locator("#headline")).to_have_text("This page does not know its API")
    expect(page.locator("#usage")).to_be_hidden()
