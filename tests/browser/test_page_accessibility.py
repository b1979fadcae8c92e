"""What axe-core cannot see: focus, keys, small screens, print. test_whole_chain*.py check what it can see."""

from __future__ import annotations

import threading

import pytest
from axe import axe_finds
from page_site import Reply, Site, contract_error, verdict
from playwright.sync_api import Browser, Page, expect

REVIEW = "A brilliant start, a slow middle, an awful end. " + "And more of it. " * 20
WORDS = [["brilliant", 1.5], ["start", 0.2], ["slow", -0.6], ["awful", -1.4], ["end", -0.3]]


def judge(page: Page, review: str = REVIEW) -> None:
    page.get_by_label("Your review").fill(review)
    page.keyboard.press("Control+Enter")


def a_verdict(site: Site, page: Page, probability: float = 0.9, unsure: bool = False) -> None:
    cut = {"start": REVIEW.index("an awful"), "end": 120, "words": 12}
    site.answer = lambda review: verdict(probability, WORDS, review=review, unsure=unsure, cut=cut)
    judge(page)
    expect(page.locator("#details")).to_be_visible()


def positive(site: Site, page: Page) -> None:
    a_verdict(site, page)
    page.get_by_role("button", name="Yes").click()
    page.get_by_role("button", name="Copy a link").click()
    expect(page.locator("#link-box")).to_be_visible()
    page.locator("#marked .mark").first.focus()


def unsure(site: Site, page: Page) -> None:
    a_verdict(site, page, 0.45, unsure=True)
    page.get_by_label("Your review").fill("Changed")


def failed(site: Site, page: Page) -> None:
    site.answer = lambda review: contract_error(429, "Slow down.", "100")
    judge(page, "x" * 100)
    expect(page.locator("#retry")).to_contain_text("Try again in")


def many(site: Site, page: Page) -> None:
    page.get_by_role("tab", name="Many").click()
    page.get_by_label("Many reviews").fill("review,stars\ngood,1\nso-so,1\nrefused,1\nawful,1\n")
    page.locator("#start").click()
    expect(page.locator("#done")).to_have_text("4 of 4")


def past(site: Site, page: Page) -> None:
    for count, review in enumerate(("First", "Second", "Third"), start=1):
        judge(page, review)
        expect(page.locator("#past-count")).to_have_text(f" ({count})")
    page.get_by_role("tab", name="History").click()
    page.get_by_role("button", name="Delete: First").click()


def test_axe_would_find_something(site, page):
    """The check itself works under the page's policy."""
    page.goto(site.url)
    page.evaluate("document.querySelector('#examples button').textContent = ''")
    assert any(": button-name:" in found for found in axe_finds(page))


SIDEWAYS = """() => [...document.querySelectorAll("body *")]
    .filter((it) => it.getBoundingClientRect().right > innerWidth + 0.5 && it.checkVisibility())
    .map((it) => it.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("state", [unsure, failed], ids=lambda state: state.__name__)
def test_the_page_fits_into_320_pixels(site: Site, browser: Browser, state):
    """WCAG 2.2, 1.4.10 and 2.5.8: no scrolling sideways, and controls of at least 24 pixels."""
    context = browser.new_context(viewport={"width": 320, "height": 640}, has_touch=True)
    try:
        page = context.new_page()
        page.goto(site.url)
        state(site, page)
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        assert page.evaluate(SIDEWAYS) == []
        controls = page.locator(
            "button:visible, select:visible, input:visible:not([type=file]), textarea:visible"
        )
        boxes = [control.bounding_box() for control in controls.all()]
        assert all(box["height"] >= 24 and box["width"] >= 24 for box in boxes)
    finally:
        context.close()


def test_the_tabs_keep_to_the_aria_pattern(site, page):
    page.goto(site.url)
    one, many_tab, past_tab = (
        page.get_by_role("tab", name=name) for name in ("One review", "Many", "History")
    )
    one.focus()
    for key, tab in (
        ("ArrowRight", many_tab),
        ("ArrowRight", past_tab),
        ("ArrowRight", one),
        ("ArrowLeft", past_tab),
        ("Home", one),
        ("End", past_tab),
    ):
        page.keyboard.press(key)
        expect(tab).to_be_focused()
        expect(tab).to_have_attribute("aria-selected", "true")
        assert page.locator("[role=tab][tabindex='0']").count() == 1
        expect(page.get_by_role("tabpanel")).to_have_count(1)
    expect(page.get_by_role("tabpanel", name="History")).to_be_visible()


def test_many_reviews_by_keyboard_alone(site, page):
    page.goto(site.url)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Many reviews")).to_be_focused()
    page.keyboard.insert_text("good\nawful")
    for name in ("choose", "format", "start"):
        page.keyboard.press("Tab")
        expect(page.locator(f"#{name}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#done")).to_have_text("2 of 2")
    expect(page.get_by_role("table", name="Verdicts")).to_be_visible()
    expect(page.locator("#many")).to_be_focused()
    for name in ("pasted", "choose", "format", "save"):
        page.keyboard.press("Tab")
        expect(page.locator(f"#{name}")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name="All 2")).to_be_focused()
    for head in page.locator("#heads button").all():
        page.keyboard.press("Tab")
        expect(head).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Review")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="awful", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Why this verdict")).to_be_visible()
    expect(page.get_by_role("button", name="awful", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("group", name="Why this verdict")).to_be_hidden()
    expect(page.get_by_role("button", name="awful", exact=True)).to_be_focused()


def test_the_live_region_announces_a_verdict_once(site, page):
    """Numbers that change every second stand outside of it."""
    held = threading.Event()
    site.answer = lambda review: Reply(200, verdict(0.9).body, after=held)
    page.goto(site.url)
    expect(page.locator("#status #countdown")).to_have_count(0)
    expect(page.locator("#status")).to_have_attribute("aria-atomic", "true")
    judge(page)
    expect(page.locator("#status")).not_to_have_attribute("aria-busy", "true")
    held.set()
    expect(page.locator("#status")).to_contain_text("Very likely positive (90%).")


def start(site: Site, page: Page) -> None:
    """The page as it opens."""


def waiting(site: Site, page: Page) -> None:
    site.answer = lambda review: contract_error(503, "Waking.", "100", code="waking")
    judge(page)
    expect(page.locator("#countdown")).to_contain_text("Next try in")


def no_opinion(site: Site, page: Page) -> None:
    site.answer = lambda review: verdict(0.5, unsure=True, reason="no_evidence")
    judge(page, "I watched it on Tuesday.")
    expect(page.locator("#details")).to_be_visible()


HEARD = {
    start: """
        - article "No review analysed yet":
          - status:
            - paragraph: The verdict
            - heading "No review analysed yet" [level=2]
            - paragraph: The verdict will appear here, with the words that influenced it highlighted.
        """,
    waiting: """
        - button "Cancel Esc"
        - article "The model is waking up …":
          - status:
            - paragraph: Asking the model
            - heading "The model is waking up …" [level=2]
            - paragraph: This may take a minute. The page tries again by itself.
          - paragraph: /Next try in \\d+ seconds?\\./
        """,
    no_opinion: """
        - article "No opinion":
          - status:
            - paragraph: The model says
            - heading "No opinion" [level=2]
            - paragraph: /No word in this text praises or blames/
          - meter "Probability that the review is positive"
          - group "Is that right?"
          - heading "Why this verdict" [level=3]
          - paragraph: No word in this review told the model anything.
        - region "Use the API":
          - heading "Use the API" [level=3]
          - group "Language":
            - radio "curl" [checked]
            - radio "Python"
            - radio "JavaScript"
          - button "Copy"
          - region "The request just made, as code"
        """,
    unsure: """
        - article "Unsure":
          - status:
            - paragraph: The model says
            - heading "Unsure" [level=2]
            - paragraph: /^It leans negative \\(55%\\)/
          - paragraph: You have changed the text since. This verdict is for the earlier text.
        """,
    positive: """
        - article "Positive":
          - status:
            - paragraph: The model says
            - heading "Positive" [level=2]
            - paragraph: "Very likely positive (90%)."
          - meter "Probability that the review is positive"
          - group "Is that right?":
            - heading "Is that right?" [level=3]
            - button "Yes" [pressed]
            - button "No" [disabled]
            - button "Copy a link"
            - status: Thank you. Your vote and the review are kept.
            - text: Link to this review
            - textbox "Link to this review"
            - status
          - heading "Why this verdict" [level=3]
          - paragraph: /it skipped 12 words, shown in grey/
          - group "Why this verdict":
            - text: A
            - 'button /^brilliant: \\+1.50 strongly towards positive$/'
        """,
    failed: """
        - article "Too many reviews at once":
          - status:
            - paragraph: No verdict
            - heading "Too many reviews at once" [level=2]
            - paragraph: The API limits how many it takes. Try again in 2 minutes.
          - paragraph: /Reason/
          - button /Try again in \\d+ s/ [disabled]
        """,
    many: """
        - tabpanel "Many":
          - text: Many reviews
          - textbox "Many reviews"
          - button "Choose a file"
          - combobox "Read as"
          - combobox "Reviews in"
          - combobox "Labels in"
          - checkbox "First row is a header" [checked]
          - status: 1 positive, 1 negative, 1 unsure, 1 failed.
          - img "1 positive, 1 negative, 1 unsure, 1 failed."
          - group "Show":
            - text: Show
            - radio "All 4" [checked]
            - text: All 4
            - radio "Positive 1"
            - text: Positive 1
            - radio "Negative 1"
            - text: Negative 1
            - radio "Unsure 1"
            - text: Unsure 1
            - radio "Failed 1"
            - text: Failed 1
            - radio "Differs from its label 1"
            - text: Differs from its label 1
          - region "Compared with your labels":
            - paragraph: /Accuracy 66\\.7%/
            - table "Confusion matrix":
              - rowgroup:
                - row "Judged negative Judged positive"
              - rowgroup:
                - row "Labelled negative 2 1"
                - row "Labelled positive 0 0"
          - table "Verdicts":
            - rowgroup:
              - row "# Verdict Positive Review"
            - rowgroup:
              - 'row "1 Positive label: negative 90% good"'
              - row "2 Unsure 45% so-so"
              - row "3 Failed This row was refused. refused"
              - row "4 Negative 13% awful"
        """,
    past: """
        - tabpanel /History/:
          - heading "Kept in this browser only" [level=2]
          - status: Deleted 1 review.
          - button "Undo"
          - list:
            - listitem:
              - paragraph:
                - strong: Positive
                - text: /90%/
              - paragraph: Third
              - 'button "Judge again: Third"'
              - 'button "Delete: Third"'
        """,
}


@pytest.mark.parametrize("state", HEARD, ids=lambda state: state.__name__)
def test_what_a_screen_reader_reads(site: Site, page: Page, state):
    page.goto(site.url)
    state(site, page)
    expect(page.locator("main")).to_match_aria_snapshot(HEARD[state])


def test_motion_is_reduced_on_request(site, page):
    site.answer = lambda review: contract_error(503, "Waking.", "100", code="waking")
    page.goto(site.url)
    judge(page)
    animation = "getComputedStyle(document.querySelector('.waiting'), '::before').animationName"
    assert page.evaluate(animation) == "sweep"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(animation) == "none"


def test_in_forced_colours_only_the_chosen_tab_has_a_line_under_it(site, browser):
    context = browser.new_context(forced_colors="active")
    page = context.new_page()
    page.goto(site.url)
    lines = "tabs => tabs.map((tab) => parseFloat(getComputedStyle(tab).borderBottomWidth) > 0)"
    assert page.locator("[role=tab]").evaluate_all(lines) == [True, False, False]
    page.get_by_role("tab", name="Many").click()
    assert page.locator("[role=tab]").evaluate_all(lines) == [False, True, False]
    context.close()


def test_on_paper_there_are_the_review_and_its_verdict_but_no_controls(site, page):
    page.goto(site.url)
    positive(site, page)
    page.emulate_media(media="print", color_scheme="dark")
    for shown in ("#headline", "#meter", "#key", "#marked", "#model-line"):
        expect(page.locator(shown)).to_be_visible()
    assert page.locator("button:visible, textarea:visible, input:visible").count() == 0
    assert page.locator("#answer").bounding_box()["width"] > 1000
    colours = page.evaluate("(it => [it.color, it.backgroundColor])(getComputedStyle(document.body))")
    assert colours == ["rgb(29, 36, 48)", "rgb(255, 255, 255)"]


def test_on_paper_a_table_of_verdicts_keeps_its_headers(site, page):
    page.goto(site.url)
    many(site, page)
    page.emulate_media(media="print")
    expect(page.locator("button:visible")).to_have_text(["#", "Verdict", "Positive", "Review"])


def test_the_layout_does_not_shift_when_the_wait_begins(site, page):
    site.answer = lambda review: contract_error(503, "Waking.", "100", code="waking")
    page.goto(site.url)
    examples = page.locator("#examples")
    before = examples.bounding_box()
    judge(page)
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    assert examples.bounding_box() == before
