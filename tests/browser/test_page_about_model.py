"""The page about the model: what GET /model says about the model that answers, and no more."""

from __future__ import annotations

import pytest
from axe import axe_finds
from page_site import MODEL, Reply, Site, contract_error, verdict
from playwright.sync_api import Page, expect


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_shows_accuracy_calibration_slices_and_training(site: Site, page: Page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(site.url)
    page.get_by_role("link", name="About this model").click()
    expect(page.get_by_text("The model that answers here is version lstm-7f3a.")).to_be_visible()
    expect(page.locator("#accuracy")).to_contain_text(
        "90.1% of 2,516 held-out test reviews correctly (95% interval 88.9% to 91.3%)"
    )
    expect(page.locator("#slices tbody tr").first).to_have_text(
        "Test reviews: negative1,26589.3%87.5% to 90.9%"
    )
    expect(page.locator("#slices tbody tr").last).to_have_text("Short texts (validation)90080.0%not measured")
    expect(page.locator("#votes tbody tr")).to_have_text(["lstm-7f3a100% of the texts129"])
    expect(page.locator("#rollout")).to_be_hidden()
    expect(page.locator("#calibration")).to_contain_text("off by 1.0 points on average")
    expect(page.locator("#curve circle")).to_have_count(2)
    expect(page.locator("#bin-table tbody tr").first).to_have_text("1,2525.0%6.0%")
    expect(page.locator("#training")).to_have_text(
        "19,979 reviews and 8,530 short texts, by the recipe “fast”."
    )
    expect(page.get_by_role("link", name="The model card")).to_have_attribute("href", "model-card.html")
    assert axe_finds(page) == []


def test_what_the_api_leaves_out_is_not_claimed(site, page):
    old = {name: value for name, value in MODEL.items() if name != "training"}
    metrics = {"validation": MODEL["metrics"]["validation"]}
    site.model = Reply(200, old | {"metrics": metrics, "calibration": {}, "unsure": None})
    page.goto(site.url + "model.html")
    expect(page.locator("#accuracy")).to_have_text("It has not been evaluated on test reviews.")
    expect(page.locator("#selection")).to_contain_text("On 2,505 validation reviews it is 92.1% accurate")
    expect(page.locator("#calibration")).to_have_text("This was not measured.")
    expect(page.locator("#band")).to_have_text("It takes a side at every probability.")
    expect(page.locator("#training")).to_contain_text("its description does not tell")
    for absent in ("#slices", "#bins"):
        expect(page.locator(absent)).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_while_a_new_model_is_tried_both_are_named_with_their_shares_and_votes(site, page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 320, "height": 700})
    challenger = {"model": "0123456789ab", "percent": 10}
    site.model = Reply(200, MODEL | {"challenger": challenger})
    counts = [{"model": "lstm-7f3a", "up": 9001, "down": 3}, {"model": "0123456789ab", "up": 0, "down": 2}]
    site.counts = Reply(200, {"models": counts, "complete": False})
    page.goto(site.url)
    expect(page.locator("#model-line")).to_contain_text(
        "A new model, 0123456789ab, answers 10% of the texts in its place. About this model"
    )
    page.get_by_role("link", name="About this model").click()
    expect(page.locator("#rollout")).to_contain_text(
        "this one 90% of the texts, and version 0123456789ab, which is being tried, the other 10%."
    )
    expect(page.locator("#rollout")).to_contain_text("This page describes version lstm-7f3a.")
    expect(page.locator("#votes tbody tr")).to_have_text(
        [
            "lstm-7f3a90% of the textsat least 9,004at least 9,001",
            "0123456789ab10% of the textsat least 2at least 0",
        ]
    )
    assert axe_finds(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_the_other_model_is_asked_about_the_same_text_by_keyboard(site, page):
    models = ["lstm-7f3a", "0123456789ab"]
    site.model = Reply(200, MODEL | {"challenger": {"model": models[1], "percent": 10}})
    site.answer = lambda review: verdict(
        0.2 if site.asked_model else 0.9, model=site.asked_model or models[0]
    )
    page.goto(site.url)
    expect(page.locator("#model-challenger")).not_to_be_empty()
    page.get_by_label("Your review").fill("Lovely")
    page.keyboard.press("Control+Enter")
    button = page.get_by_role("button", name="Ask the other model as well")
    expect(button).to_be_visible()
    assert axe_finds(page) == []
    button.focus()
    page.keyboard.press("Enter")
    said = page.locator("#other-verdict")
    expect(said).to_have_text("Model 0123456789ab: Negative. Probably negative (80%).")
    expect(page.locator("#headline")).to_have_text("Positive")
    expect(button).to_be_focused()
    assert (site.reviews, site.asked_model) == (["Lovely", "Lovely"], models[1])
    assert axe_finds(page) == []

    site.answer = lambda review: (
        contract_error(404, "No model of this version answers here.") if site.asked_model else verdict(0.8)
    )
    page.get_by_label("Your review").fill("Changed")
    page.keyboard.press("Control+Enter")
    expect(said).to_be_empty()
    button.click()
    expect(said).to_contain_text("No verdict of model 0123456789ab. ")


def test_a_description_that_the_browser_has_kept_is_not_shown_of_another_model(site, page):
    site.model = Reply(200, MODEL, {"cache-control": "max-age=300"})
    page.goto(site.url + "model.html")
    expect(page.get_by_text("The model that answers here is version lstm-7f3a.")).to_be_visible()
    site.model = Reply(200, MODEL | {"model": "0123456789ab"}, {"cache-control": "max-age=300"})
    page.goto(site.url)
    expect(page.locator("#model-version")).to_have_text("0123456789ab")
    page.goto(site.url + "model.html")
    expect(page.get_by_text("The model that answers here is version 0123456789ab.")).to_be_visible()


@pytest.mark.parametrize(
    "counts",
    [contract_error(503, "Not now.", "10"), Reply(404, {"message": "Not Found"}), Reply(200, {})],
)
def test_votes_that_cannot_be_counted_are_not_claimed(site, page, counts):
    site.counts = counts
    page.goto(site.url + "model.html")
    expect(page.locator("#votes-note")).to_contain_text("The votes could not be counted: ")
    expect(page.locator("#votes")).to_be_hidden()
    expect(page.locator("#accuracy")).to_be_visible()


def test_without_a_model_it_says_why(site, page):
    site.model = contract_error(503, "There is no model yet.", "30", code="no_model")
    page.goto(site.url + "model.html")
    expect(page.locator("#state")).to_contain_text("There is no model yet")
    expect(page.locator("#model-page")).to_be_hidden()


def test_a_screen_reader_hears_it_in_order_and_nothing_scrolls_sideways(site, page):
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(site.url + "model.html")
    expect(page.locator("#model-page")).to_match_aria_snapshot("""
        - region "How often it is right":
          - heading "How often it is right" [level=2]
          - table "Accuracy by kind of text"
        - region "What people say about its verdicts":
          - heading "What people say about its verdicts" [level=2]
          - table "Votes so far by model"
        - region "How reliable its probabilities are":
          - heading "How reliable its probabilities are" [level=2]
          - img /Share of positive reviews by the probability/
          - table "Validation reviews by the probability that the model gave them"
        - region "What it was trained on":
          - heading "What it was trained on" [level=2]
        - region "More"
    """)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
