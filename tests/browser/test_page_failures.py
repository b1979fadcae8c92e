"""Everything that can keep a person from a verdict, and the wait for it: each has its own message."""

from __future__ import annotations

import json
import re
import threading

import pytest
from page_site import Reply, Site, contract_error, verdict
from playwright.sync_api import Page, expect


def judge(page: Page, review: str = "A film.") -> None:
    page.get_by_label("Your review").fill(review)
    page.keyboard.press("Control+Enter")


def expect_no_verdict(page: Page, *said: str) -> None:
    expect(page.locator("#status")).to_contain_text("No verdict")
    for text in said:
        expect(page.locator("#answer")).to_contain_text(text)
    expect(page.get_by_role("heading", name="Positive", exact=True)).to_have_count(0)
    expect(page.get_by_role("heading", name="Negative", exact=True)).to_have_count(0)
    expect(page.get_by_role("meter")).to_be_hidden()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()


def test_each_error_of_the_contract_has_its_own_message(site: Site, page: Page):
    errors = [
        (400, "Not UTF-8.", None, ["The API could not read this review", "Not UTF-8."]),
        (413, "At most 20,000.", None, ["This review is too long", "Shorten it", "At most 20,000."]),
        (415, "Send JSON.", None, ["The API does not take this kind of text", "Send JSON."]),
        (429, "Slow down.", "2", ["Too many reviews at once", "Try again in 2 seconds.", "Slow down."]),
        (429, "Slow down.", "-5", ["Too many reviews at once"]),
        (429, "Slow down.", "soon", ["Too many reviews at once"]),
        (500, "Oh dear.", None, ["Something broke on the server", "Oh dear."]),
        (502, "No verdict.", None, ["The model failed on this review"]),
        (503, "Away.", None, ["The model is not ready", "Something that it needs is away.", "Away."]),
        (503, "Away.", "600", ["The model is not ready", "Try again in 10 minutes."]),
        (504, "Not in time.", None, ["The model took too long"]),
        (418, "Teapot.", None, ["The API answered with status 418", "Teapot."]),
    ]
    page.goto(site.url)
    for number, (status, message, retry_after, said) in enumerate(errors):
        site.answer = lambda review, error=(status, message, retry_after, f"lambda-{number}"): contract_error(
            *error
        )
        judge(page)
        expect_no_verdict(page, f"Request lambda-{number}", *said)


def test_no_model_overloaded_and_broken_are_distinguished_and_not_waited_for(site, page):
    states = {
        "no_model": ("There is no model yet", "One has to be trained and deployed"),
        "overloaded": ("The API is overloaded", "It had no room for this review."),
        "broken": ("The model is broken", "until someone repairs it"),
        "not_ready": ("The model is not ready", "Something that it needs is away."),
    }
    page.goto(site.url)
    for code, said in states.items():
        site.answer = lambda review, code=code: contract_error(503, "Why.", "5", f"id-{code}", code)
        site.reviews.clear()
        judge(page)
        expect_no_verdict(page, f"Request id-{code}", "Reason: Why.", *said)
        expect(page.locator("#answer")).not_to_contain_text("waking up")
        expect(page.locator("#retry")).to_have_text(re.compile("Try again in . s"))
        assert len(site.reviews) == 1


def test_errors_outside_the_contract_are_shown_too(site, page):
    replies = [
        (Reply(429, {"message": "Too Many Requests"}), ["Too many reviews at once", "Too Many Requests"]),
        (Reply(413, {"message": "Request Entity Too Large"}), ["too long", "Request Entity Too Large"]),
        (Reply(404, {"message": "Not Found"}), ["The API does not know this request", "Not Found"]),
        (Reply(503, {"message": "Service Unavailable"}), ["The API is overloaded", "Service Unavailable"]),
        (Reply(502, "<html><h1>Bad gateway</h1></html>"), ["The model failed on this review"]),
        (Reply(500, '"just a string"'), ["Something broke on the server"]),
        (Reply(503, {"error": {"message": ["not", "text"], "requestId": 7}}), ["The model is not ready"]),
        (Reply(500, ""), ["Something broke on the server"]),
        (Reply(500, "null"), ["Something broke on the server"]),
    ]
    page.goto(site.url)
    for number, (reply, said) in enumerate(replies, start=1):
        site.answer = lambda review, reply=reply: reply
        judge(page)
        expect_no_verdict(page, f"Request gateway-{number}", *said)


GOOD = verdict(0.9, [["good", 1.0]]).body


def test_an_answer_of_the_wrong_shape_is_not_shown_as_a_verdict(site, page):
    bodies = [
        "",
        "<html>positive</html>",
        "null",
        "[]",
        '"positive"',
        {"message": "positive"},
        GOOD | {"sentiment": "POSITIVE"},
        GOOD | {"sentiment": "negative"},
        GOOD | {"probability": "0.9"},
        GOOD | {"probability": 1.2},
        GOOD | {"probability": None},
        GOOD | {"words": None},
        GOOD | {"words": [["good"]]},
        GOOD | {"words": [["good", "1.0"]]},
        GOOD | {"words": ["good"]},
        GOOD | {"model": 1},
        GOOD | {"unsure": "no"},
        GOOD | {"spans": []},
        GOOD | {"spans": [[4, 2]]},
        GOOD | {"spans": [["0", "1"]]},
        GOOD | {"cut": {"start": 2}},
        {name: value for name, value in GOOD.items() if name != "cut"},
        json.dumps(GOOD).replace("0.9", "NaN"),
    ]
    page.goto(site.url)
    for number, body in enumerate(bodies, start=1):
        site.answer = lambda review, body=body: Reply(200, body)
        judge(page)
        expect_no_verdict(page, "The API’s answer makes no sense", f"Request gateway-{number}")


def test_an_api_that_hangs_up(site, page):
    site.answer = lambda review: Reply(hang_up=True)
    page.goto(site.url)
    judge(page)
    expect_no_verdict(page, "The API cannot be reached")


def test_without_a_usable_config_the_page_says_so_and_recovers(site, page):
    for config in (
        "",
        "not json",
        "null",
        "{}",
        '{"apiUrl": 7}',
        '{"apiUrl": ""}',
        '{"apiUrl": "https://"}',
        '{"apiUrl": "ftp://127.0.0.1/"}',
        '{"apiUrl": "javascript:alert(1)"}',
    ):
        site.config = config
        page.goto(site.url)
        judge(page)
        expect_no_verdict(page, "This page does not know its API", "config.json")
    judge(page)
    expect_no_verdict(page, "This page does not know its API")
    site.config = None
    page.keyboard.press("Control+Enter")
    expect(page.locator("#status")).to_contain_text("Positive")


@pytest.mark.parametrize("end", ["/", "/predict", "/predict/"])
def test_the_routes_are_found_however_the_apis_address_is_written(site, page, end):
    site.config = json.dumps({"apiUrl": site.api_url + end})
    page.goto(site.url)
    expect(page.get_by_text("Model lstm-7f3a, 90.1% accurate on")).to_be_visible()
    judge(page)
    expect(page.locator("#status")).to_contain_text("Positive")


def test_the_api_may_be_the_server_of_the_page(site, page):
    """As when Flask serves both."""
    site.config = json.dumps({"apiUrl": "/predict"})
    page.route(f"{site.url}predict", lambda route: route.fulfill(json=GOOD))
    page.goto(site.url)
    judge(page)
    expect(page.locator("#status")).to_contain_text("Positive")


@pytest.fixture
def held(site):
    """The API keeps its answers back until this is set."""
    event = threading.Event()
    site.answer = lambda review: Reply(200, GOOD, after=event)
    yield event
    event.set()


def stop_the_clock(page: Page) -> None:
    page.clock.install(time=0)
    page.clock.pause_at(1)


def test_the_page_says_that_it_waits(site, page, held):
    stop_the_clock(page)
    page.goto(site.url)
    status, form = page.locator("#status"), page.locator("form")
    judge(page)
    expect(form).to_have_attribute("aria-busy", "true")
    page.clock.run_for(900)
    expect(status).to_contain_text("Asking the model")
    expect(status).not_to_contain_text("hinking")
    page.clock.run_for(200)
    expect(status).to_contain_text("Thinking")
    page.clock.run_for(2_000)
    expect(status).to_contain_text("Waking it may take a minute")
    held.set()
    expect(status).to_contain_text("Positive")
    expect(form).to_have_attribute("aria-busy", "false")
    page.clock.run_for(70_000)
    expect(status).to_contain_text("Positive")


def test_waiting_ends_after_a_minute(site, page, held):
    page.add_init_script(
        "const timeout = AbortSignal.timeout.bind(AbortSignal);"
        "AbortSignal.timeout = (ms) => timeout(ms === 60_000 ? 1 : ms);"
    )
    page.goto(site.url)
    judge(page)
    expect_no_verdict(page, "No answer for a minute")


def test_the_first_verdict_is_hidden_while_the_second_is_awaited(site, page, held):
    site.answer = lambda review: Reply(200, GOOD, after=held) if review == "second" else verdict(0.1)
    stop_the_clock(page)
    page.goto(site.url)
    judge(page, "first")
    expect(page.locator("#status")).to_contain_text("Negative")
    judge(page, "second")
    expect(page.get_by_role("meter")).to_be_hidden()
    expect(page.locator("#status")).not_to_contain_text("Negative")


def test_after_an_error_the_next_try_gets_its_verdict(site, page):
    site.answer = lambda review: contract_error(504, "Not in time.", None, "lambda-1")
    page.goto(site.url)
    judge(page)
    expect_no_verdict(page, "The model took too long")
    site.answer = lambda review: verdict(0.2)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#status")).to_contain_text("Negative")
    expect(page.locator("#answer")).not_to_contain_text("lambda-1")


def test_without_javascript_the_page_says_what_it_needs(site, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url)
    expect(page.get_by_text("The page’s script has not started.")).to_be_visible()
    context.close()


def test_a_waking_model_is_asked_again_while_the_person_waits(site, page):
    site.answer = lambda review: (
        contract_error(503, "Waking.", "5", code="waking") if len(site.reviews) < 3 else verdict(0.2)
    )
    stop_the_clock(page)
    page.goto(site.url)
    judge(page)
    expect(page.locator("#status")).to_contain_text("The model is waking up")
    expect(page.locator("#countdown")).to_have_text("Next try in 5 seconds.")
    page.clock.run_for(2_000)
    expect(page.locator("#countdown")).to_have_text("Next try in 3 seconds.")
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    assert len(site.reviews) == 1
    page.clock.run_for(3_000)
    expect(page.locator("#countdown")).to_have_text("Next try in 5 seconds.")
    page.clock.run_for(5_000)
    expect(page.locator("#status")).to_contain_text("Negative")
    expect(page.locator("#countdown")).to_have_text("")
    assert len(site.reviews) == 3


def test_waiting_for_a_waking_model_can_be_cancelled(site, page):
    site.answer = lambda review: contract_error(503, "Waking.", "5", code="waking")
    stop_the_clock(page)
    page.goto(site.url)
    judge(page)
    expect(page.locator("#countdown")).to_have_text("Next try in 5 seconds.")
    page.keyboard.press("Escape")
    expect_no_verdict(page, "Cancelled")
    page.clock.run_for(20_000)
    expect_no_verdict(page, "Cancelled")
    assert len(site.reviews) == 1


def test_waiting_for_a_waking_model_ends(site, page):
    site.answer = lambda review: contract_error(503, "Waking.", "100", code="waking")
    stop_the_clock(page)
    page.goto(site.url)
    judge(page)
    expect(page.locator("#countdown")).to_have_text("Next try in 100 seconds.")
    page.clock.run_for(100_000)
    expect_no_verdict(page, "The model is still waking up", "Try again in 2 minutes.")
    assert len(site.reviews) == 2


def test_too_many_requests_count_down_to_another_try(site, page):
    site.answer = lambda review: contract_error(429, "Slow down.", "3")
    stop_the_clock(page)
    page.goto(site.url)
    judge(page)
    expect_no_verdict(page, "Too many reviews at once")
    retry = page.locator("#retry")
    expect(retry).to_have_text("Try again in 3 s")
    retry.click(force=True)
    assert len(site.reviews) == 1
    page.clock.run_for(2_000)
    expect(retry).to_have_text("Try again in 1 s")
    page.clock.run_for(1_000)
    expect(retry).to_have_text("Try again")
    site.answer = lambda review: verdict(0.9)
    retry.click()
    expect(page.locator("#status")).to_contain_text("Positive")
    expect(page.locator("#answer")).to_be_focused()
    assert len(site.reviews) == 2


def test_a_retry_is_offered_only_where_it_may_help(site, page):
    page.goto(site.url)
    for status, offered in ((400, False), (413, False), (415, False), (429, True), (500, True), (502, True)):
        site.answer = lambda review, status=status: contract_error(status, "No.", None)
        judge(page)
        expect(page.locator("#reference")).to_contain_text("Request x")
        expect(page.locator("#retry")).to_be_visible(visible=offered)
