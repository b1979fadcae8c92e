"""Take the README's pictures of the page: `python docs/screenshots.py URL`, or `make screenshots`.

The page must be running with a real API behind it: the verdicts in the pictures are the model's. A test fails
when the page's files have changed since.
"""

from __future__ import annotations

import sentiment.interrupts  # noqa: F401

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Error, Page, ViewportSize, expect, sync_playwright

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS.parent / "tests" / "browser")]
import chromium  # noqa: E402

from project.console import say  # noqa: E402
from sentiment.training.command_line import Parser, exit_status  # noqa: E402

WEBSITE = DOCS.parent / "website"
# The fingerprint of the page's files when the pictures were taken.
TAKEN_OF = DOCS / "page-pictures.sha256"
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 780}
# A sleeping endpoint wakes within about a minute.
PATIENCE_MS = 120_000

REVIEWS = """review,stars
"One of the best films I have seen in years: moving, funny and beautifully acted.",5
"A dull, predictable waste of two hours. The acting is awful and the plot makes no sense.",1
"The photography is beautiful, but the story is slow and the ending feels forced.",3
,2
"I laughed, I cried, I want to see it again tomorrow.",5
"Not as bad as they say, not as good as it thinks it is.",3
"""


def judge_the_mixed_example(page: Page) -> None:
    """Choose the mixed example, and wait for its verdict."""
    page.get_by_role("button", name="A mixed one").click()
    expect(page.locator("#details")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#model-line")).to_be_visible()


def judge_many(page: Page) -> None:
    """Classify many reviews at once."""
    page.get_by_role("tab", name="Many").click()
    box = page.get_by_label("Many reviews")
    box.fill(REVIEWS)
    box.evaluate("box => box.scrollTo(0, 0)")
    page.locator("#start").click()
    expect(page.locator("#bar")).to_be_hidden(timeout=PATIENCE_MS)
    expect(page.locator("#batch-status")).to_contain_text("positive")


def explain_a_row(page: Page) -> None:
    """Open the explanation of one of many reviews."""
    page.get_by_role("button", name="A dull, predictable").click()
    expect(page.locator(".detail .mark").first).to_be_visible(timeout=PATIENCE_MS)


def picture(
    browser: Browser,
    url: str,
    name: str,
    *steps: Callable[[Page], None],
    scheme: Literal["light", "dark"] = "light",
    phone: bool = False,
) -> None:
    """Take docs/page-NAME.png: the page after some steps, on a desktop or on a phone, which has no mouse."""
    viewport = PHONE if phone else DESKTOP
    context = browser.new_context(
        viewport=viewport,
        is_mobile=phone,
        has_touch=phone,
        color_scheme=scheme,
        device_scale_factor=1.5,
    )
    page = context.new_page()
    page.goto(url)
    for step in steps:
        step(page)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    # Not `full_page`, for which Chromium has a mouse again.
    page.set_viewport_size({**viewport, "height": page.evaluate("document.documentElement.scrollHeight")})
    file = DOCS / f"page-{name}.png"
    page.screenshot(path=file)
    context.close()
    say(f"wrote: {file.relative_to(DOCS.parent)} ({file.stat().st_size / 1000:.0f} kB)")


def fingerprint() -> str:
    """The SHA-256 of the names and contents of the page's files, in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(file for file in WEBSITE.rglob("*") if file.is_file()):
        body = file.read_bytes()
        digest.update(f"{file.relative_to(WEBSITE).as_posix()} {len(body)}\n".encode() + body)
    return digest.hexdigest()


def browser_path() -> str:
    """The path of Chromium. Ends the program with an error if there is none."""
    path: str | None = chromium.find()
    if path is None:
        raise SystemExit(f"error: {chromium.NONE}")
    return path


def main() -> None:
    """Run the command line."""
    parser = Parser(description=__doc__)
    parser.add_argument("url", help="address of the running page")
    url = parser.parse_args().url
    if not url.startswith(("http://", "https://")):
        raise SystemExit(f"error: {url!r} is not the address of a page; that begins with http:// or https://")
    path = browser_path()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
            picture(browser, url, "light", judge_the_mixed_example)
            picture(browser, url, "dark", judge_the_mixed_example, scheme="dark")
            picture(browser, url, "phone", judge_the_mixed_example, phone=True)
            picture(browser, url, "batch", judge_many, explain_a_row)
            browser.close()
            TAKEN_OF.write_text(fingerprint() + "\n", encoding="ascii")
    except (Error, AssertionError) as error:  # Playwright's errors, and those of its `expect`
        raise SystemExit(f"error: no pictures of {url}: {str(error).strip().splitlines()[0]}") from None


if __name__ == "__main__":
    sys.exit(exit_status(main))
