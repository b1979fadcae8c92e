"""The review with its words marked: in the right places, with weights that pointer and keyboard can reach."""

from __future__ import annotations

import pytest
from axe import axe_finds
from page_site import Site, judge, verdict
from playwright.sync_api import Page, expect

REVIEW = "🎬 “Brilliant” <b>acting</b>\nbut naïve 👩‍👩‍👧 plot; a dull, dull end."
WORDS = [["Brilliant", 1.5], ["acting", 0.6], ["naïve", -0.3], ["plot", 0.05], ["dull", -1.2], ["dull", -1.0]]


@pytest.fixture
def marked(site: Site, page: Page) -> Page:
    site.answer = lambda review: verdict(0.7, WORDS, review=review)
    page.goto(site.url)
    judge(page, REVIEW)
    return page


def test_words_are_marked_where_they_stand_whatever_stands_before_them(marked):
    """Places count in code points, JavaScript's strings in UTF-16."""
    expect(marked.locator("#marked")).to_have_text(REVIEW, use_inner_text=True)
    expect(marked.locator("#marked .mark")).to_have_text(["Brilliant", "acting", "naïve", "dull", "dull"])


def test_strength_and_side_show_in_the_line_under_a_word(marked):
    lines = marked.locator("#marked .mark").evaluate_all(
        """marks => marks.map((mark) => {
            const style = getComputedStyle(mark);
            return [style.textDecorationStyle, parseFloat(style.textDecorationThickness)];
        })"""
    )
    assert [style for style, _ in lines] == ["solid", "solid", "wavy", "wavy", "wavy"]
    brilliant, acting, naive, dull, _ = (thickness for _, thickness in lines)
    assert brilliant > acting
    assert dull > naive
    expect(marked.locator("#key .mark")).to_have_text(["slightly", "clearly", "strongly"] * 2)


def test_pointing_at_a_word_shows_its_weight(marked):
    tip = marked.locator("#tip")
    expect(tip).to_be_hidden()
    marked.locator("#marked .mark", has_text="naïve").hover()
    expect(tip).to_have_text("−0.30 slightly towards negative")
    tip.hover()
    expect(tip).to_be_visible()
    marked.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    expect(marked.locator("#headline")).to_have_text("Positive")
    marked.locator("#marked .mark", has_text="acting").click()
    expect(tip).to_have_text("+0.60 clearly towards positive")


def test_the_marks_are_one_tab_stop_and_arrow_keys_step_through_them(marked):
    marked.get_by_role("button", name="Copy a link").focus()
    marked.keyboard.press("Tab")
    words = marked.locator("#marked").get_by_role("button")
    expect(words.nth(0)).to_be_focused()
    expect(words.nth(0)).to_have_accessible_name("Brilliant: +1.50 strongly towards positive")
    expect(marked.locator("#tip")).to_have_text("+1.50 strongly towards positive")
    for key, index in (("ArrowRight", 1), ("End", 4), ("ArrowLeft", 3), ("Home", 0), ("ArrowLeft", 4)):
        marked.keyboard.press(key)
        expect(words.nth(index)).to_be_focused()
    marked.keyboard.press("Tab")
    expect(marked.get_by_role("radio", name="curl")).to_be_focused()
    expect(marked.locator("#tip")).to_be_hidden()
    marked.keyboard.press("Shift+Tab")
    expect(words.nth(4)).to_be_focused()


def test_a_long_review_is_marked_throughout_and_shows_what_was_skipped(site, page):
    review = " ".join(["good"] * 300 + ["skipped"] * 200 + ["bad"] * 300)
    words = [[word, {"good": 1, "bad": -1}.get(word, 0.5)] for word in review.split()]
    start, end = review.index("skipped"), review.index("bad")
    cut = {"start": start, "end": end, "words": 200}
    site.answer = lambda review: verdict(0.6, words, review=review, cut=cut)
    page.goto(site.url)
    judge(page, review)
    expect(page.locator("#marked .mark")).to_have_count(800)
    expect(page.locator("#marked .skipped")).to_have_text(review[start:end])
    expect(page.locator("#marked .cut")).to_have_text(
        ["✂ 200 words skipped from here", "read on from here ✂"]
    )
    expect(page.locator("#cut-note")).to_contain_text(
        "it skipped 200 words, shown in grey. There, only words"
    )
    assert page.locator("#marked [tabindex='0']").count() == 1


def test_function_words_and_punctuation_are_marked_only_where_they_matter_strongly(site, page):
    words = [
        ["The", 0.5],
        ["plot", 0.5],
        ["is", -0.4],
        ["dull", -1.0],
        [".", -0.5],
        ["I", -0.7],
        [":(", -0.5],
    ]
    site.answer = lambda review: verdict(0.2, words, review=review)
    page.goto(site.url)
    judge(page, "The plot is dull. So I left :(")
    expect(page.locator("#marked .mark")).to_have_text(["plot", "dull", "I", ":("])


def test_the_middle_of_a_long_review_opens_and_closes_by_keyboard(site, page):
    review = "good start " * 60 + "a dull middle " * 60 + "a good end " * 60
    words = [[word, {"good": 1, "dull": -1}.get(word, 0)] for word in review.split()]
    site.answer = lambda review: verdict(0.6, words, review=review)
    page.goto(site.url)
    judge(page, review)
    shown = page.locator("#marked .mark:visible")
    expect(page.locator("#marked")).to_contain_text("a dull middle")
    assert 0 < shown.count() < 60
    fold = page.get_by_role("button", name="Show ")
    marks_inside = page.locator("#marked .middle .mark").count()
    expect(fold).to_contain_text(f"({marks_inside} marked)")
    shown.first.focus()
    page.keyboard.press("End")
    expect(shown.last).to_be_focused()
    fold.focus()
    page.keyboard.press("Enter")
    assert shown.count() == 180
    expect(page.get_by_role("button", name="Hide the middle")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#marked .middle")).to_be_hidden()
    page.emulate_media(media="print")
    expect(page.locator("#marked .middle")).to_be_visible()


def test_an_opened_review_scrolls_in_its_place(site, page):
    review = "A film. " * 2_499 + "Dreadful"
    site.answer = lambda review: verdict(0.2, [["Dreadful", -2.0]], review=review)
    page.goto(site.url)
    judge(page, review)
    text = page.locator("#marked")
    expect(text).to_have_attribute("tabindex", "-1")
    page.get_by_role("button", name="Show ").click()
    assert page.locator("#answer").bounding_box()["height"] < 2 * page.viewport_size["height"]
    text.focus()
    page.keyboard.press("PageDown")
    expect(text).not_to_have_js_property("scrollTop", 0)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#marked .mark")).to_be_focused()
    expect(page.locator("#marked .mark")).to_be_in_viewport()
    expect(page.locator("#tip")).to_be_in_viewport()
    assert axe_finds(page) == []
    judge(page, "Short")
    expect(text).to_have_attribute("tabindex", "-1")
    page.emulate_media(media="print")
    assert text.evaluate("it => it.scrollHeight - it.clientHeight <= 1")


def test_the_line_breaks_of_imdb_are_line_breaks(site, page):
    review = "Good.<br /><br />The end is dull.<BR>"
    site.answer = lambda review: verdict(0.7, [["Good", 1.5], ["dull", -1.2]], review=review)
    page.goto(site.url)
    judge(page, review)
    expect(page.locator("#marked")).to_have_text("Good.\n\nThe end is dull.", use_inner_text=True)
    expect(page.locator("#marked .mark")).to_have_text(["Good", "dull"])
    expect(page.get_by_label("Your review")).to_have_value(review)
    page.get_by_role("tab", name="History").click()
    expect(page.locator("#past-list .excerpt")).to_have_text("Good. The end is dull.")


def test_a_review_that_the_model_did_not_read_to_its_end(site, page):
    review = "good good rest rest"
    cut = {"start": 10, "end": len(review), "words": 2}
    site.answer = lambda review: verdict(0.6, [["good", 1], ["good", 1]], review=review, cut=cut)
    page.goto(site.url)
    judge(page, review)
    expect(page.locator("#marked .cut")).to_have_text(["✂ 2 words skipped from here", "end of the review ✂"])
    expect(page.locator("#cut-note")).to_contain_text("They did not count.")


def test_invalid_spans_do_not_break_the_text(site, page):
    reply = verdict(0.9, [["a", 1], ["b", 1], ["c", 1], ["d", 1]])
    reply.body["spans"] = [[0, 4], [2, 6], [7, 900], [5, 5]]
    site.answer = lambda review: reply
    page.goto(site.url)
    judge(page, "some words")
    expect(page.locator("#marked")).to_have_text("some words")
    expect(page.locator("#marked .mark")).to_have_text(["some"])


def test_a_review_without_a_word_that_counts(site, page):
    page.goto(site.url)
    judge(page, "x")
    expect(page.get_by_text("No word in this review told the model anything.")).to_be_visible()
    expect(page.locator("#key")).to_be_hidden()
