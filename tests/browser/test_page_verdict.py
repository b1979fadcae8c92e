"""What a person who asks for a verdict gets to see."""

from __future__ import annotations

import re

import pytest
from page_site import Reply, Site, verdict
from playwright.sync_api import Page, expect

WORDS = [
    ["The", 0.01],
    ["Brilliant", 1.5],
    ["photography", 0.4],
    ["awful", -2.0],
    ["plot", -0.3],
    ["brilliant", 0.5],
    ["boring", -1.0],
    ["not", -0.2],
    ["lovely", 0.9],
    ["dull", -0.8],
    ["nothing", 0],
]


def judge(page: Page, review: str) -> None:
    page.get_by_label("Your review").fill(review)
    page.get_by_role("button", name="Judge this review").click()


def test_a_positive_review(site: Site, page: Page):
    site.answer = lambda review: verdict(0.934, [["Lovely", 1.2], ["film", 0.004]], model="2026-11-23-abc")
    page.goto(site.url)
    judge(page, "Lovely. “Så fint” 🎬")
    status = page.get_by_role("status")
    expect(status).to_contain_text("Positive")
    expect(status).to_contain_text("Very likely: 93% for positive.")
    meter = page.get_by_role("meter", name="Probability that the review is positive")
    expect(meter).to_have_attribute("aria-valuenow", "93.4")
    expect(meter).to_have_attribute("aria-valuetext", "93% for positive")
    expect(page.locator("#words li")).to_have_text("Lovely+1.20")
    expect(page.get_by_text("Model 2026-11-23-abc")).to_be_visible()
    assert site.reviews == ["Lovely. “Så fint” 🎬"]


def test_the_probability_is_told_in_words_for_the_side_that_the_model_takes(site, page):
    page.goto(site.url)
    for probability, said in (
        (0.9999, "Almost certainly: more than 99% for positive."),
        (0.72, "Probably: 72% for positive."),
        (0.5, "By a narrow margin: 50% for positive."),
        (0.4, "By a narrow margin: 60% for negative."),
        (0.0, "Almost certainly: more than 99% for negative."),
    ):
        site.answer = lambda review, probability=probability: verdict(probability)
        judge(page, "So so.")
        expect(page.get_by_role("status")).to_contain_text(said)
    expect(page.get_by_text("No word in this review told the model anything.")).to_be_visible()


def test_the_pointer_of_the_meter_stands_where_the_probability_is(site, page):
    site.answer = lambda review: verdict(0.25)
    page.goto(site.url)
    judge(page, "Meh.")
    expect(page.get_by_role("meter")).to_be_visible()
    meter, pointer = page.locator("#meter").bounding_box(), page.locator("#meter .pointer").bounding_box()
    middle = pointer["x"] + pointer["width"] / 2
    assert (middle - meter["x"]) / meter["width"] == pytest.approx(0.25, abs=0.01)


def test_the_strongest_words_stand_on_their_sides_with_repeats_added_up(site, page):
    site.answer = lambda review: verdict(0.4, WORDS)
    page.goto(site.url)
    judge(page, "Long review.")
    positive = page.locator("#towards-positive li")
    negative = page.locator("#towards-negative li")
    expect(positive).to_have_text(["Brilliant ×2+2.00", "lovely+0.90", "photography+0.40"])
    expect(negative).to_have_text(["awful−2.00", "boring−1.00", "dull−0.80", "plot−0.30", "not−0.20"])
    bars = {
        row.locator(".word bdi").text_content(): row.locator(".bar").evaluate(
            "bar => parseFloat(getComputedStyle(bar, '::before').width)"
        )
        for row in [*positive.all(), *negative.all()]
    }
    assert bars["lovely"] / bars["awful"] == pytest.approx(0.45, abs=0.02)
    assert bars["Brilliant"] == pytest.approx(bars["awful"], abs=1)


def test_a_side_without_words_is_left_out(site, page):
    site.answer = lambda review: verdict(0.9, [["good", 1.0]] * 500)
    page.goto(site.url)
    judge(page, "good " * 500)
    expect(page.locator("#towards-positive li")).to_have_text("good ×500+500.00")
    expect(page.get_by_role("heading", name="Towards negative")).to_be_hidden()


def test_an_example_is_judged_with_one_click(site, page):
    page.goto(site.url)
    for name, probability in (("A rave", 0.9), ("A pan", 0.1), ("A mixed one", 0.6)):
        site.answer = lambda review, probability=probability: verdict(probability)
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("status")).to_contain_text("Positive" if probability > 0.5 else "Negative")
        expect(page.get_by_label("Your review")).to_have_value(site.reviews[-1])
        expect(page.get_by_role("button", name=name)).to_be_focused()
    assert len(set(site.reviews)) == 3


def test_an_example_does_not_cost_a_person_their_own_text(site, page):
    page.goto(site.url)
    box = page.get_by_label("Your review")
    box.fill("My own words.")
    page.get_by_role("button", name="A pan").click()
    page.get_by_role("button", name="A rave").click()
    page.get_by_role("button", name="Back to my text").click()
    expect(box).to_have_value("My own words.")
    expect(box).to_be_focused()
    expect(page.get_by_role("button", name="Back to my text")).to_be_hidden()


def test_all_of_it_works_by_keyboard(site, page):
    page.goto(site.url)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Your review")).to_be_focused()
    page.keyboard.type("Fine film.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status")).to_contain_text("Positive")
    expect(page.get_by_label("Your review")).to_be_focused()
    site.answer = lambda review: verdict(0.1)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Judge this review")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Negative")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="A rave")).to_be_focused()
    page.keyboard.press("Meta+Enter")
    expect(page.get_by_role("status")).to_contain_text("Negative")
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
    expect(page.get_by_role("status")).to_contain_text(
        "It has 20,001 characters; at most 20,000 can be judged."
    )
    assert site.reviews == []


def test_an_empty_review_is_not_sent(site, page):
    page.goto(site.url)
    judge(page, " \n\t ")
    expect(page.get_by_role("status")).to_contain_text("There is no review yet")
    expect(page.get_by_label("Your review")).to_be_focused()
    assert site.reviews == []


def test_a_verdict_says_when_it_is_about_an_earlier_text(site, page):
    page.goto(site.url)
    judge(page, "Good.")
    expect(page.get_by_role("status")).to_contain_text("Positive")
    note = page.get_by_text("You have changed the text since")
    expect(note).to_be_hidden()
    page.get_by_label("Your review").fill("Bad.")
    expect(note).to_be_visible()
    page.get_by_label("Your review").fill("Good.")
    expect(note).to_be_hidden()


ATTACK = '<img src=x onerror="document.title=1"><script>document.title=1</script>'


def test_markup_is_shown_as_the_text_it_is(site, page):
    site.answer = lambda review: verdict(0.8, [[ATTACK, 1.0]], model=ATTACK)
    page.goto(site.url)
    judge(page, ATTACK)
    expect(page.locator("#towards-positive bdi")).to_have_text(ATTACK)
    expect(page.locator("#model")).to_have_text(ATTACK)
    error = {"error": {"code": ATTACK, "message": ATTACK, "requestId": ATTACK}}
    site.answer = lambda review: Reply(400, error)
    judge(page, ATTACK)
    expect(page.get_by_role("status")).to_contain_text(f"Reason: {ATTACK}")
    assert page.locator("main img, main script").count() == 0
    assert page.title() == "Did they like the film?"
    assert site.reviews == [ATTACK] * 2


CUT_OFF = """[...document.querySelectorAll("main, main *")]
    .filter((it) => it.clientWidth && it.scrollWidth > it.clientWidth)
    .map((it) => it.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("width", [320, 375])
def test_nothing_is_cut_off_or_scrolls_sideways_on_a_phone(site, browser, width):
    words = [["a" * 300, 1.0], ["b" * 300, -1.0]]
    site.answer = lambda review: verdict(0.8, words, model="c" * 200)
    context = browser.new_context(
        viewport={"width": width, "height": 640}, reduced_motion="reduce", has_touch=True
    )
    try:
        page = context.new_page()
        page.goto(site.url)
        judge(page, "d" * 2000)
        expect(page.get_by_role("heading", name="Positive", exact=True)).to_be_in_viewport()
        expect(page.get_by_role("meter")).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(CUT_OFF) == []
        assert page.locator("#progress").evaluate("it => getComputedStyle(it).animationName") == "none"
    finally:
        context.close()


def test_text_keeps_its_contrast_in_both_schemes(site, page):
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    page.goto(site.url)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours = page.evaluate(
            """() => {
                const style = getComputedStyle(document.documentElement);
                const names = ["paper", "card", "ink", "quiet", "positive", "negative", "trouble"];
                return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`)]));
            }"""
        )
        grounds = [_luminance(colours.pop(name)) for name in ("paper", "card")]
        for name, colour in colours.items():
            for ground in grounds:
                dark, light = sorted((ground, _luminance(colour)))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (scheme, name)


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    channels = [int(part, 16) / 255 for part in re.findall("[0-9a-f]{2}", colour)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_nothing_is_loaded_from_elsewhere_and_nothing_inline_may_run(site, page):
    requested = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(site.url)
    judge(page, "Good.")
    expect(page.get_by_role("status")).to_contain_text("Positive")
    assert all(url.startswith((site.url, site.api_url)) for url in requested)
    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
