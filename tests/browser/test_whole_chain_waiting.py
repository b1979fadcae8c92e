"""Waiting for the deployed chain: true messages, until cancelled, never ended by another request's answer."""

from __future__ import annotations

import re

import pytest
from axe import axe_finds
from chain_operator import eventually
from chain_page import SECONDS, expect_no_verdict, expect_verdict, judge
from playwright.sync_api import expect
from test_page_failures import stop_the_clock

from tests.conftest import BAD, GOOD

pytestmark = pytest.mark.slow


def test_the_message_depends_on_how_long_the_wait_is(deployment, operator, page):
    stop_the_clock(page)
    page.goto(deployment.page)
    status = page.locator("#status")
    with operator.frozen_model() as thaw:
        judge(page, BAD)
        expect(page.locator("#form")).to_have_attribute("aria-busy", "true")
        page.clock.run_for(1 * SECONDS)
        expect(status).to_contain_text("Thinking … The model is reading your review.")
        page.clock.run_for(2 * SECONDS)
        expect(status).to_contain_text("Waking it may take a minute.")
        assert axe_finds(page) == []
        thaw()
        expect_verdict(page, BAD, "Negative")


def test_a_model_whose_server_died_costs_nobody_a_verdict(deployment, operator, page):
    page.goto(deployment.page)
    for _ in range(3):
        operator.kill_model()
        judge(page, BAD)
        expect_verdict(page, BAD, "Negative")
        page.reload()


def test_a_model_that_says_nothing_is_asked_again_until_it_is_awake(deployment, operator, page):
    stop_the_clock(page)
    page.goto(deployment.page)
    # A function that runs anew does not know that the model has just been awake.
    with operator.function(ANSWER_SECONDS="1"), operator.frozen_model() as thaw:
        judge(page, BAD)
        expect(page.locator("#status")).to_contain_text("The model is waking up")
        expect(page.locator("#countdown")).to_have_text("Next try in 5 seconds.")
        assert axe_finds(page) == []
        page.clock.run_for(4 * SECONDS)
        expect(page.locator("#countdown")).to_have_text("Next try in 1 second.")
        thaw()
        page.clock.resume()
        expect_verdict(page, BAD, "Negative")
        expect(page.locator("#countdown")).to_be_empty()


def test_escape_cancels_and_the_answer_that_still_comes_is_not_shown(deployment, operator, page):
    page.goto(deployment.page)
    before = len(operator.answered("POST /predict"))
    with operator.frozen_model() as thaw:
        judge(page, GOOD)
        expect(page.get_by_role("heading", name="Thinking")).to_be_visible()
        page.keyboard.press("Escape")
        expect_no_verdict(page, "Cancelled", "will not be shown")
        expect(page.get_by_label("Your review")).to_be_focused()
        assert axe_finds(page) == []
        thaw()
        eventually(lambda: operator.answered("POST /predict")[before:] == [200])
    expect_no_verdict(page, "Cancelled")
    page.keyboard.press("Control+Enter")
    expect_verdict(page, GOOD, "Positive")


def test_a_second_review_never_gets_the_first_ones_answer(deployment, operator, page):
    page.goto(deployment.page)
    before = len(operator.answered("POST /predict"))
    with operator.frozen_model() as thaw:
        judge(page, GOOD)
        expect(page.get_by_role("heading", name="Thinking")).to_be_visible()
        judge(page, BAD)
        expect(page.locator("#headline")).to_be_empty()
        thaw()
        eventually(lambda: operator.answered("POST /predict")[before:] == [200, 200])
    expect_verdict(page, BAD, "Negative")
    expect(page.get_by_role("tab", name="History (1)")).to_be_visible()


def test_many_reviews_wait_for_a_gateway_that_throttles(deployment, operator, page):
    stop_the_clock(page)
    page.goto(deployment.page)
    expect(page.locator("#model-line")).to_be_visible()
    page.get_by_role("tab", name="Many").click()
    page.get_by_label("Many reviews").fill(f"{GOOD}\n{BAD}")
    with operator.throttle(rate=0, burst=0):
        page.get_by_role("button", name="Judge 2 reviews").click()
        expect(page.get_by_text(re.compile(r"The API asks to wait: next try in [123] s\."))).to_be_visible()
        assert axe_finds(page) == []
    page.clock.run_for(3 * SECONDS)
    expect(page.locator("#batch-status")).to_have_text("1 positive, 1 negative.")


def test_escape_cancels_many_reviews_and_keeps_what_is_done(deployment, operator, page):
    page.goto(deployment.page)
    page.get_by_role("tab", name="Many").click()
    page.get_by_label("Many reviews").fill(f"{GOOD}\n{BAD}")
    with operator.frozen_model():
        page.get_by_role("button", name="Judge 2 reviews").click()
        expect(page.get_by_role("progressbar", name="Reviews judged")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#batch-status")).to_have_text("Cancelled. 2 unjudged.")
    page.get_by_role("button", name="Judge 2 reviews").click()
    expect(page.locator("#batch-status")).to_have_text("1 positive, 1 negative.")
