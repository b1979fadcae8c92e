"""Everything that can keep a person from a verdict, caused in the deployed chain, has its own message."""

from __future__ import annotations

import json
import re

import pytest
from axe import axe_finds
from chain_page import SECONDS, expect_no_verdict, expect_verdict, judge
from playwright.sync_api import expect
from test_page_failures import stop_the_clock

from tests.conftest import BAD, GOOD

pytestmark = pytest.mark.slow


@pytest.fixture
def opened(deployment, page):
    """The page, when all of it is there."""
    page.goto(deployment.page)
    expect(page.locator("#model-line")).to_be_visible()
    return page


def try_again(page):
    retry = page.locator("#retry")
    expect(retry).to_have_text("Try again")
    expect(retry).not_to_have_attribute("aria-disabled", "true")
    retry.click()


def test_a_gateway_that_throttles_counts_down(deployment, operator, page):
    stop_the_clock(page)
    page.goto(deployment.page)
    expect(page.locator("#model-line")).to_be_visible()
    with operator.throttle(rate=0.01, burst=1):
        judge(page, GOOD)
        expect_verdict(page, GOOD, "Positive")
        judge(page, BAD)
        expect_no_verdict(page, "Too many reviews at once", "Reason: Too Many Requests")
        assert axe_finds(page) == []
        retry = page.locator("#retry")
        # The gateway asks for one to three seconds, so that those who are refused together come back apart.
        expect(retry).to_have_text(re.compile(r"^Try again in [123] s$"))
        expect(retry).to_have_attribute("aria-disabled", "true")
        seconds = int(re.search(r"\d", retry.inner_text())[0])
        told = f"Try again in {seconds} second{'s' if seconds > 1 else ''}."
        expect(page.locator("#answer")).to_contain_text(told)
        for left in range(seconds - 1, 0, -1):
            page.clock.run_for(1 * SECONDS)
            expect(retry).to_have_text(f"Try again in {left} s")
        page.clock.run_for(1 * SECONDS)
    try_again(page)
    expect_verdict(page, BAD, "Negative")


def test_an_endpoint_with_no_place_left_counts_down(deployment, operator, page):
    stop_the_clock(page)
    page.goto(deployment.page)
    with operator.frozen_model() as thaw:
        operator.crowd()
        judge(page, BAD)
        expect_no_verdict(page, "Too many reviews at once", "Try again in 2 seconds.", "Request ")
        expect(page.locator("#retry")).to_have_text("Try again in 2 s")
        thaw()
        page.clock.run_for(2 * SECONDS)
        try_again(page)
        expect_verdict(page, BAD, "Negative")


def test_a_model_that_is_too_slow(opened, operator):
    with operator.function(ANSWER_SECONDS="1"):
        judge(opened, GOOD)
        expect_verdict(opened, GOOD, "Positive")
        with operator.frozen_model() as thaw:
            judge(opened, BAD)
            expect_no_verdict(opened, "The model took too long", "The model did not answer in time.")
            assert axe_finds(opened) == []
            thaw()
            try_again(opened)
            expect_verdict(opened, BAD, "Negative")


def test_without_a_model_the_page_says_so_instead_of_waiting(deployment, operator, page):
    stop_the_clock(page)
    page.goto(deployment.page)
    with operator.no_endpoint() as recreate:
        judge(page, BAD)
        expect_no_verdict(page, "There is no model yet", "Try again in 30 seconds.", "Request ")
        recreate()
        page.clock.run_for(30 * SECONDS)
        try_again(page)
        expect_verdict(page, BAD, "Negative")


def test_a_function_that_does_not_run_or_breaks(opened, operator):
    for fault, headline, reason in (
        (operator.no_concurrency(), "The API is overloaded", "Service Unavailable"),
        (operator.function(STACK_NAME=None), "Something broke on the server", "Internal Server Error"),
        (operator.function(ENDPOINT_NAME="not-its-own"), "Something broke on the server", "on our side."),
    ):
        with fault:
            judge(opened, BAD)
            expect_no_verdict(opened, headline, reason, "Request ")
    try_again(opened)
    expect_verdict(opened, BAD, "Negative")


def test_a_function_that_has_lost_its_bucket_still_judges(deployment, operator, page):
    lost = {"MODEL_DATA_URL": "s3://another/models/none/model.tar.gz", "DATA_BUCKET": "another"}
    with operator.function(**lost):
        page.goto(deployment.page)
        judge(page, GOOD)
        expect_verdict(page, GOOD, "Positive")
        expect(page.locator("#model-line")).to_be_hidden()
        page.get_by_role("button", name="Yes").click()
        note = page.locator("#vote-note")
        expect(note).to_contain_text("was not kept: something broke on the server")
        assert axe_finds(page) == []
    page.get_by_role("button", name="Yes").click()
    expect(note).to_have_text("Thank you. Your vote and the review are kept.")


# ---- what page and API say to each other ----


def passing_on(**change):
    return lambda route: route.continue_(**change)


def test_a_request_that_was_changed_on_its_way(deployment, opened):
    """The page sends none of these itself. The answers are the chain's own."""
    headers = {"content-type": "application/json", "origin": deployment.page.rstrip("/")}
    for change, said in (
        ({"post_data": json.dumps({"review": "x" * 20_001})}, ["This review is too long", "Shorten it"]),
        ({"post_data": "x" * 10_500_000}, ["This review is too long", "Request Entity Too Large"]),
        ({"post_data": '{"review": '}, ["The API could not read this review", "Change the text"]),
        ({"headers": headers | {"content-type": "image/png"}}, ["The API does not take this kind of text"]),
    ):
        opened.route(f"{deployment.api}/predict", passing_on(**change))
        judge(opened, BAD)
        expect_no_verdict(opened, *said, "Request ")
        expect(opened.locator("#retry")).to_be_hidden()
        opened.unroute_all()
    assert axe_finds(opened) == []
    opened.keyboard.press("Control+Enter")
    expect_verdict(opened, BAD, "Negative")


def test_a_review_that_cannot_be_judged(opened, operator):
    box, before = opened.get_by_label("Your review"), operator.answered("POST /predict")
    judge(opened, " \n ")
    expect_no_verdict(opened, "There is no review yet")
    judge(opened, "x" * 20_001)
    expect_no_verdict(opened, "It has 20,001 characters; at most 20,000 can be judged.")
    assert axe_finds(opened) == []
    assert operator.answered("POST /predict") == before
    # As broken programs leave it on the clipboard.
    box.evaluate("it => { it.value = 'Half an emoji: \\ud83c' }")
    box.press("Control+Enter")
    expect_no_verdict(
        opened,
        "The API could not read this review",
        "Character 15 of the review is half of a surrogate pair.",
    )


def test_a_config_that_names_a_wrong_route_is_reported(deployment, operator, page):
    with operator.config(json.dumps({"apiUrl": f"{deployment.api}/v0"})):
        page.goto(deployment.page)
        judge(page, BAD)
        expect_no_verdict(page, "The API does not know this request", "There is nothing at this address.")


def test_without_its_config_the_page_says_so_and_recovers(deployment, operator, page):
    with operator.config(None):
        page.goto(deployment.page)
        judge(page, BAD)
        expect_no_verdict(page, "This page does not know its API", "config.json")
        assert axe_finds(page) == []
    try_again(page)
    expect_verdict(page, BAD, "Negative")


def test_an_api_that_is_not_for_this_page(opened, operator):
    """The browser withholds the answers."""
    with operator.only_for("https://elsewhere.example"):
        judge(opened, BAD)
        expect_no_verdict(opened, "The API cannot be reached")
    try_again(opened)
    expect_verdict(opened, BAD, "Negative")


# ---- the network ----


def test_a_broken_connection_and_an_offline_browser(deployment, operator, page, context):
    with operator.line() as line:
        page.goto(deployment.page)
        with operator.frozen_model():
            judge(page, BAD)
            expect(page.get_by_role("heading", name="Thinking")).to_be_visible()
            line.cut()
            expect_no_verdict(page, "The API cannot be reached", "Check your connection")
        page.keyboard.press("Control+Enter")
        expect_no_verdict(page, "The API cannot be reached", "Check your connection")
        assert axe_finds(page) == []
        line.mend()
        try_again(page)
        expect_verdict(page, BAD, "Negative")

        context.set_offline(True)
        expect(page.get_by_role("alert")).to_contain_text("You’re offline")
        judge(page, GOOD)
        expect_no_verdict(page, "You’re offline", "Reconnect and send")
        assert axe_finds(page) == []
        context.set_offline(False)
        expect(page.locator("#offline")).to_be_hidden()
        try_again(page)
        expect_verdict(page, GOOD, "Positive")
