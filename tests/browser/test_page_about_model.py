"""The page about the model: what GET /model tells of the model that answers, and no more."""

from __future__ import annotations

import pytest
from axe import axe_finds
from page_site import MODEL, Reply, Site, contract_error
from playwright.sync_api import Page, expect


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_tells_accuracy_calibration_slices_and_training(site: Site, page: Page, scheme):
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
    expect(page.locator("#calibration")).to_contain_text("off by 1.0 points on average")
    expect(page.locator("#curve circle")).to_have_count(2)
    expect(page.locator("#bin-table tbody tr").first).to_have_text("1,2525.0%6.0%")
    expect(page.locator("#training")).to_have_text(
        "19,979 reviews and 8,530 short texts, by the recipe “fast”."
    )
    expect(page.get_by_role("link", name="The model card")).to_have_attribute("href", "model-card.html")
    assert axe_finds(page) == []


def test_what_the_api_does_not_tell_is_not_claimed(site, page):
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


def test_without_a_model_it_says_why(site, page):
    site.model = contract_error(503, "There is no model yet.", "30", code="no_model")
    page.goto(site.url + "model.html")
    expect(page.locator("#state")).to_contain_text("There is no model yet")
    expect(page.locator("#model-page")).to_be_hidden()


def test_a_screen_reader_hears_it_in_order_and_nothing_scrolls_sideways(site, page):
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto(site.url + "model.html")
    expect(page.locator("#model-page")).to_match_aria_snapshot("""
        - region "How often it is right":
          - heading "How often it is right" [level=2]
          - table "Accuracy by kind of text"
        - region "How far its probabilities can be believed":
          - heading "How far its probabilities can be believed" [level=2]
          - img /Share of positive reviews by the probability/
          - table "Validation reviews by the probability that the model gave them"
        - region "What it was trained on":
          - heading "What it was trained on" [level=2]
        - region "More"
    """)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
