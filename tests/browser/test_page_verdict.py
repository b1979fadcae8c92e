"""What a person who asks for a verdict gets to see."""

from __future__ import annotations

import dataclasses
import threading

import pytest
from page_site import MODEL, Reply, Site, verdict
from playwright.sync_api import Page, expect


def judge(page: Page, review: str) -> None:
    page.get_by_label("Your review").fill(review)
    page.get_by_role("button", name="Judge this review").click()


def test_a_positive_review(site: Site, page: Page):
    site.answer = lambda review: verdict(0.934, [["Lovely", 1.2], ["film", 0.004]], model="2026-11-23-abc")
    page.goto(site.url)
    judge(page, "Lovely. “Så fint” 🎬")
    status = page.locator("#status")
    expect(status).to_contain_text("Positive")
    expect(status).to_contain_text("Very likely positive (93%).")
    meter = page.get_by_role("meter", name="Probability that the review is positive")
    expect(meter).to_have_attribute("aria-valuenow", "93.4")
    expect(meter).to_have_attribute("aria-valuetext", "positive (93%)")
    expect(page.get_by_text("Judged by model 2026-11-23-abc")).to_be_visible()
    assert site.reviews == ["Lovely. “Så fint” 🎬"]


def test_the_probability_is_stated_for_the_side_that_the_model_takes(site, page):
    page.goto(site.url)
    for probability, said in (
        (0.9999, "Almost certainly positive (more than 99%)."),
        (0.72, "Probably positive (72%)."),
        (0.5, "Narrowly positive (50%)."),
        (0.4, "Narrowly negative (60%)."),
        (0.0, "Almost certainly negative (more than 99%)."),
    ):
        site.answer = lambda review, probability=probability: verdict(probability)
        judge(page, "So so.")
        expect(page.locator("#status")).to_contain_text(said)
    expect(page.get_by_text("No word in this review told the model anything.")).to_be_visible()


def test_the_pointer_of_the_meter_stands_where_the_probability_is(site, page):
    site.answer = lambda review: verdict(0.25)
    page.goto(site.url)
    judge(page, "Meh.")
    expect(page.get_by_role("meter")).to_be_visible()
    meter, pointer = page.locator("#meter").bounding_box(), page.locator("#meter span").bounding_box()
    middle = pointer["x"] + pointer["width"] / 2
    assert (middle - meter["x"]) / meter["width"] == pytest.approx(0.25, abs=0.01)


def test_a_probability_in_the_unsure_band_takes_no_side(site, page):
    site.answer = lambda review: verdict(0.55, unsure=True)
    page.goto(site.url)
    judge(page, "So so.")
    status = page.locator("#status")
    expect(status).to_contain_text("Unsure")
    expect(status).to_contain_text("It leans positive (55%).")
    expect(page.get_by_role("heading", name="Positive", exact=True)).to_have_count(0)
    expect(page.get_by_role("meter")).to_have_attribute("aria-valuetext", "unsure, leans positive (55%)")


def test_an_example_is_judged_with_one_click(site, page):
    page.goto(site.url)
    for name, probability in (("A rave", 0.9), ("A sarcastic one", 0.1), ("A mixed one", 0.6)):
        site.answer = lambda review, probability=probability: verdict(probability)
        page.get_by_role("button", name=name).click()
        expect(page.locator("#status")).to_contain_text("Positive" if probability > 0.5 else "Negative")
        expect(page.get_by_label("Your review")).to_have_value(site.reviews[-1])
        expect(page.get_by_role("button", name=name)).to_be_focused()
    assert len(set(site.reviews)) == 3


def test_an_example_does_not_cost_a_person_their_own_text(site, page):
    page.goto(site.url)
    box = page.get_by_label("Your review")
    box.fill("My own words.")
    page.get_by_role("button", name="A sarcastic one").click()
    page.get_by_role("button", name="A rave").click()
    page.get_by_role("button", name="Back to my text").click()
    expect(box).to_have_value("My own words.")
    expect(box).to_be_focused()
    expect(page.get_by_role("button", name="Back to my text")).to_be_hidden()


def test_all_of_it_works_by_keyboard(site, page):
    page.goto(site.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("tab", name="One review")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Your review")).to_be_focused()
    page.keyboard.type("Fine film.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#status")).to_contain_text("Positive")
    expect(page.get_by_label("Your review")).to_be_focused()
    site.answer = lambda review: verdict(0.1)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Judge this review")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("Negative")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="A rave")).to_be_focused()
    page.keyboard.press("Meta+Enter")
    expect(page.locator("#status")).to_contain_text("Negative")
    assert site.reviews[:2] == ["Fine film."] * 2


def test_the_counter_counts_as_the_api_does_and_too_long_a_review_is_not_sent(site, page):
    page.goto(site.url)
    box, counter = page.get_by_label("Your review"), page.locator("#counter")
    expect(counter).to_have_text("0 of 20,000 characters")
    box.fill("🎬" * 20_000)
    expect(counter).to_have_text("20,000 of 20,000 characters")
    expect(box).to_have_attribute("aria-invalid", "false")
    box.fill("x" * 20_001)
    expect(box).to_have_attribute("aria-invalid", "true")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#status")).to_contain_text("It has 20,001 characters; at most 20,000 can be judged.")
    assert site.reviews == []


def test_a_double_click_and_a_key_that_is_held_ask_once(site, page):
    answered, asked = threading.Event(), []
    page.on("request", lambda request: asked.append(request.post_data_json) if request.post_data else None)
    site.answer = lambda review: dataclasses.replace(verdict(0.9), after=answered)
    page.goto(site.url)
    page.get_by_label("Your review").fill("Fine film.")
    page.get_by_role("button", name="Judge this review").dblclick()
    answered.set()
    expect(page.locator("#status")).to_contain_text("Positive")
    page.get_by_label("Your review").fill("Good, then.")
    page.keyboard.down("Control")
    for _ in range(3):  # the second and third are repetitions of the first
        page.keyboard.down("Enter")
        expect(page.locator("#usage")).to_contain_text("Good, then.")
    page.keyboard.up("Enter")
    page.get_by_label("Your review").fill("Bad, then.")
    page.keyboard.press("Enter")
    expect(page.locator("#usage")).to_contain_text("Bad, then.")
    assert asked == [{"review": text} for text in ("Fine film.", "Good, then.", "Bad, then.")]


def test_an_empty_review_is_not_sent(site, page):
    page.goto(site.url)
    judge(page, " \n\t ")
    expect(page.locator("#status")).to_contain_text("There is no review yet")
    expect(page.get_by_label("Your review")).to_be_focused()
    assert site.reviews == []


def test_a_verdict_says_when_it_is_about_an_earlier_text(site, page):
    page.goto(site.url)
    judge(page, "Good.")
    expect(page.locator("#status")).to_contain_text("Positive")
    note = page.get_by_text("You have changed the text since")
    expect(note).to_be_hidden()
    page.get_by_label("Your review").fill("Bad.")
    expect(note).to_be_visible()
    page.get_by_label("Your review").fill("Good.")
    expect(note).to_be_hidden()


@pytest.mark.parametrize(
    ("reason", "headline", "said"),
    [
        ("no_evidence", "No opinion", "No word in this text praises or blames"),
        ("not_english", "Not English", "The model reads English only"),
        ("mixed", "Unsure", "It leans positive (55%)."),
    ],
)
def test_a_text_without_a_verdict_gets_a_sentence_of_its_own(site, page, reason, headline, said):
    site.answer = lambda review: verdict(0.55, unsure=True, reason=reason)
    page.goto(site.url)
    judge(page, "Das war ein Film.")
    expect(page.locator("#headline")).to_have_text(headline)
    expect(page.locator("#explanation")).to_contain_text(said)


def test_a_short_text_and_the_sarcastic_example_come_with_a_caveat(site, page):
    site.answer = lambda review: verdict(0.9, [[word, 0.1] for word in review.split()])
    page.goto(site.url)
    judge(page, "Good.")
    expect(page.locator("#caveat")).to_contain_text("A text this short gives the model little to go on")
    page.get_by_role("button", name="A sarcastic one").click()
    expect(page.locator("#caveat")).to_contain_text("often takes irony at its word")
    judge(page, "A review of more words than a few, for which there is nothing to add.")
    expect(page.locator("#caveat")).to_be_hidden()


def test_pasted_br_tags_become_line_breaks(site, page, context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(site.url)
    box = page.get_by_label("Your review")
    box.fill("Before: ")
    page.evaluate("navigator.clipboard.writeText('One.<br /><br>Two. a < b')")
    page.keyboard.press("Control+V")
    expect(box).to_have_value("Before: One.\n\nTwo. a < b")
    page.keyboard.press("Control+Z")
    expect(box).to_have_value("Before: ")


def test_the_answer_and_the_request_are_seen_at_one_glance_on_a_wide_screen(site, page):
    site.answer = lambda review: verdict(0.9, [["joy", 1.0]], review=review)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(site.url)
    page.get_by_role("button", name="A rave").click()
    for part in ("#headline", "#explanation", "#marked", "#up", "#code", "#copy-code"):
        expect(page.locator(part)).to_be_in_viewport(ratio=1)


ATTACK = '<img src=x onerror="document.title=1"><script>document.title=1</script>'


def test_markup_is_shown_as_the_text_it_is(site, page):
    site.answer = lambda review: verdict(0.8, [[ATTACK, 1.0]], model=ATTACK, review=review)
    site.model = Reply(200, MODEL | {"model": ATTACK})
    page.goto(site.url)
    judge(page, ATTACK)
    expect(page.locator("#marked .mark")).to_have_text(ATTACK)
    expect(page.locator("#model")).to_have_text(ATTACK)
    expect(page.locator("#model-version")).to_have_text(ATTACK)
    error = {"error": {"code": ATTACK, "message": ATTACK, "requestId": ATTACK}}
    site.answer = lambda review: Reply(400, error)
    judge(page, ATTACK)
    expect(page.locator("#reference")).to_contain_text(f"Reason: {ATTACK}")
    assert page.locator("main img, main script, footer img").count() == 0
    assert page.title() == "Did they like the film?"
    assert site.reviews == [ATTACK] * 2


CUT_OFF = """[...document.querySelectorAll("main, main *")]
    .filter((it) => it.clientWidth && it.scrollWidth > it.clientWidth)
    .map((it) => it.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("width", [320, 375])
def test_nothing_is_cut_off_or_scrolls_sideways_on_a_phone(site, browser, width):
    words = [["d" * 300, 1.0], ["d" * 300, -1.0]]
    site.answer = lambda review: verdict(0.8, words, model="c" * 200, review=review)
    context = browser.new_context(viewport={"width": width, "height": 640}, has_touch=True)
    try:
        page = context.new_page()
        page.goto(site.url)
        judge(page, "d" * 2000)
        expect(page.get_by_role("heading", name="Positive", exact=True)).to_be_in_viewport()
        expect(page.get_by_role("meter")).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(CUT_OFF) == []
    finally:
        context.close()


def test_nothing_is_loaded_from_elsewhere_and_nothing_inline_may_run(site, page):
    requested = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(site.url)
    judge(page, "Good.")
    expect(page.locator("#status")).to_contain_text("Positive")
    assert all(url.startswith((site.url, site.api_url)) for url in requested)
    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
