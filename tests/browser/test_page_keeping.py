"""What the page keeps and passes on: history, links, votes; and the line about the model."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date

import pytest
from page_site import MODEL, Reply, Site, contract_error, judge, verdict
from playwright.sync_api import Download, Page, expect


def rows_of(download: Download) -> list[list[str]]:
    return list(csv.reader(io.StringIO(download.path().read_text("utf-8-sig"), newline="")))


@pytest.fixture
def judged(site: Site, page: Page) -> Page:
    """Two reviews judged, the history open."""
    site.answer = lambda review: verdict(0.9) if "Lovely" in review else verdict(0.45, unsure=True)
    page.goto(site.url)
    for review in ("Lovely <b>film</b>", "=HYPERLINK(1)"):
        judge(page, review)
    page.get_by_role("tab", name="History (2)").click()
    return page


def test_the_history_lists_what_was_judged_newest_first_and_outlives_the_page(judged):
    for _ in range(2):
        items = judged.locator("#past-list li")
        expect(items).to_have_count(2)
        expect(items.nth(0)).to_contain_text(re.compile(r"Unsure.*leans negative \(55%\).*=HYPERLINK", re.S))
        expect(items.nth(1)).to_contain_text(re.compile("Positive.*90%.*Lovely <b>film</b>", re.S))
        judged.reload()
        judged.get_by_role("tab", name="History (2)").click()


def test_an_entry_is_judged_again(judged, site):
    judged.get_by_role("button", name="Judge again: Lovely").click()
    expect(judged.get_by_label("Your review")).to_have_value("Lovely <b>film</b>")
    expect(judged.locator("#headline")).to_have_text("Positive")
    expect(judged.get_by_role("tab", name="History (2)")).to_be_visible()
    assert site.reviews[-1] == "Lovely <b>film</b>"
    assert len(site.reviews) == 3


def test_one_or_all_entries_are_deleted_and_brought_back(judged):
    items, undo = judged.locator("#past-list li"), judged.get_by_role("button", name="Undo")
    judged.get_by_role("button", name="Delete: Lovely").click()
    expect(items).to_have_count(1)
    expect(judged.get_by_text("Deleted 1 review.")).to_be_visible()
    expect(undo).to_be_focused()
    undo.click()
    expect(items).to_have_count(2)
    expect(judged.locator("#past")).to_be_focused()
    judged.get_by_role("button", name="Delete all").click()
    expect(judged.get_by_text("Deleted 2 reviews.")).to_be_visible()
    expect(judged.get_by_text("Nothing yet")).to_be_visible()
    judged.reload()
    expect(judged.get_by_role("tab", name="History", exact=True)).to_be_visible()
    assert json.loads(judged.evaluate("localStorage.getItem('history')")) == []


def test_the_history_is_exported_without_a_formula_in_it(judged):
    with judged.expect_download() as download:
        judged.locator("#export").click()
    header, *rows = rows_of(download.value)
    assert header == ["at", "sentiment", "probability", "unsure", "model", "review"]
    assert [row[1:] for row in rows] == [
        ["negative", "0.45", "true", "lstm-7f3a", "'=HYPERLINK(1)"],
        ["positive", "0.9", "false", "lstm-7f3a", "Lovely <b>film</b>"],
    ]


def test_the_history_names_the_models_where_there_were_two(judged, site):
    expect(judged.locator("#past-list")).not_to_contain_text("model")
    site.answer = lambda review: verdict(0.2, model="0123456789ab")
    judge_again = judged.get_by_role("button", name="Judge again: Lovely")
    judge_again.click()
    judged.get_by_role("tab", name="History (3)").click()
    expect(judged.locator("#past-list li").first).to_contain_text("model 0123456789ab")
    expect(judged.locator("#past-list li").last).to_contain_text("model lstm-7f3a")


def test_the_history_says_that_it_keeps_the_last_fifty(judged):
    expect(judged.get_by_text("The last 50 reviews are kept")).to_be_visible()
    entry = json.loads(judged.evaluate("localStorage.getItem('history')"))[0]
    many = [entry | {"review": f"Review {number}"} for number in range(50)]
    judged.evaluate("stored => localStorage.setItem('history', stored)", json.dumps(many))
    judged.reload()
    judge(judged, "One more")
    expect(judged.get_by_role("tab", name="History (50)")).to_be_visible()


def test_damaged_entries_of_the_history_are_ignored(site, page):
    good = {
        "at": "2026-11-23T10:00:00Z",
        "review": "kept",
        "sentiment": "positive",
        "probability": 1,
        "unsure": False,
        "model": "m",
    }
    for stored, count in (("not json", 0), ("7", 0), (json.dumps([None, 1, {"review": 2}, good]), 1)):
        page.goto(site.url)
        page.evaluate("stored => localStorage.setItem('history', stored)", stored)
        page.reload()
        expect(page.locator("#past-list li")).to_have_count(count)


def test_a_browser_that_stores_nothing_still_judges(site, page):
    page.add_init_script("Storage.prototype.setItem = () => { throw new DOMException('full') }")
    page.goto(site.url)
    judge(page, "Fine.")
    page.get_by_role("tab", name="History").click()
    expect(page.get_by_text("This browser keeps no history for this page.")).to_be_visible()


# ---- links ----


def test_the_review_in_a_link_reaches_no_server(site, page, context):
    review = "Très bon 🎬 <script>alert(1)</script>\n" + "so-so & fine " * 200
    page.goto(site.url)
    judge(page, review)
    page.get_by_role("button", name="Copy a link").click()
    expect(page.locator("#link-note")).not_to_be_empty()
    link = page.get_by_label("Link to this review").input_value()
    assert link.startswith(site.url + "#review=")
    assert len(link) < len(review) / 5
    sent = []
    other = context.new_page()
    other.on("request", lambda request: sent.append(request.url + (request.post_data or "")))
    other.goto(link)
    expect(other.get_by_label("Your review")).to_have_value(review)
    expect(other.locator("#status")).to_contain_text("It’s in the box; nothing has been sent.")
    assert other.url == site.url
    assert not [url for url in sent if "review=" in url or "so-so" in url]
    assert site.reviews == [review]
    other.close()


@pytest.mark.parametrize("fragment", ["", "%", "AAAA", "a" * 20_000])
def test_a_damaged_link_is_reported(site, page, fragment):
    page.goto(f"{site.url}#review={fragment}")
    expect(page.locator("#status")).to_contain_text("This link is damaged")
    expect(page.get_by_label("Your review")).to_have_value("")


def test_a_link_that_unpacks_to_far_too_much_is_refused(site, page):
    page.goto(site.url)
    bomb = page.evaluate(
        """async () => {
            const long = new Blob(["a".repeat(4_000_000)]).stream();
            const stream = long.pipeThrough(new CompressionStream("deflate-raw"));
            const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
            return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
        }"""
    )
    assert len(bomb) < 16_000
    page.evaluate("bomb => { location.hash = `review=${bomb}` }", bomb)
    expect(page.locator("#status")).to_contain_text("This link is damaged")


def test_a_review_too_long_for_a_link(site, page):
    noise = "".join(chr(0x4E00 + (n * 7919) % 20_000) for n in range(19_000))
    page.goto(site.url)
    judge(page, noise)
    page.get_by_role("button", name="Copy a link").click()
    expect(page.get_by_text("This review is too long for a link.")).to_be_visible()


# ---- votes ----


@pytest.mark.parametrize(("button", "vote"), [("Yes", "up"), ("No", "down")])
def test_a_vote_is_kept_and_the_page_says_so_beforehand(site, page, button, vote):
    site.answer = lambda review: verdict(0.8)
    page.goto(site.url)
    judge(page, "Voted on.")
    expect(page.get_by_text("A vote sends this review and the verdict to be kept")).to_be_visible()
    page.get_by_label("Your review").fill("Something else by now.")
    chosen = page.get_by_role("button", name=button)
    chosen.click()
    expect(page.get_by_text("Thank you. Your vote and the review are kept.")).to_be_visible()
    expect(chosen).to_have_attribute("aria-pressed", "true")
    expect(chosen).to_be_focused()
    chosen.click(force=True)
    assert site.votes == [
        {
            "review": "Voted on.",
            "sentiment": "positive",
            "probability": 0.8,
            "model": "lstm-7f3a",
            "vote": vote,
        }
    ]


def test_a_vote_that_is_not_kept_can_be_sent_again(site, page):
    page.goto(site.url)
    judge(page, "Voted on.")
    site.answer_vote = lambda vote: contract_error(500, "Oh dear.")
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_text("Your vote was not kept: something broke on the server.")).to_be_visible()
    site.answer_vote = lambda vote: Reply(201, {"id": "1"})
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_text("Thank you.")).to_be_visible()
    judge(page, "Another one.")
    expect(page.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_text("Thank you.")).to_be_hidden()


def test_a_vote_can_be_taken_back_later_too(site, page):
    """The page remembers the id by itself, and no text of the review."""
    vote_id = f"{date.today()}-{7:032x}"
    site.answer_vote = lambda vote: Reply(201, {"id": vote_id})
    page.goto(site.url)
    judge(page, "Voted on.")
    take_back = page.get_by_role("button", name="Take my vote back")
    expect(take_back).to_be_hidden()
    page.get_by_role("button", name="No").click()
    expect(take_back).to_be_visible()
    assert "Voted on" not in page.evaluate("localStorage.votes")
    page.reload()
    judge(page, "Another one.")
    expect(take_back).to_be_hidden()
    judge(page, "Voted on.")
    expect(page.get_by_role("button", name="No")).to_have_attribute("aria-pressed", "true")
    site.answer_withdrawal = lambda vote: contract_error(500, "Oh dear.")
    take_back.click()
    expect(page.get_by_text("Your vote is still kept: something broke on the server.")).to_be_visible()
    site.answer_withdrawal = lambda vote: Reply(200, {"id": vote})
    take_back.click()
    expect(page.get_by_text("Your vote and the review are deleted.")).to_be_visible()
    assert site.withdrawn == [vote_id, vote_id]
    expect(page.get_by_role("button", name="No")).to_have_attribute("aria-pressed", "false")
    expect(take_back).to_be_hidden()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_text("Thank you.")).to_be_visible()
    assert [vote["vote"] for vote in site.votes] == ["down", "up"]


# ---- the line about the model ----


def test_the_line_shows_the_test_accuracy_or_else_the_validation_accuracy(site, page):
    line = page.locator("#model-line")
    page.goto(site.url)
    expect(line).to_have_text(
        "Model lstm-7f3a, 90.1% accurate on 2,516 held-out test reviews "
        "(95% interval 88.9% to 91.3%). About this model"
    )
    expect(page.get_by_role("link", name="About this model")).to_have_attribute("href", "model.html")
    metrics = {"validation": MODEL["metrics"]["validation"]}
    site.model = Reply(200, MODEL | {"metrics": metrics})
    page.reload()
    expect(line).to_contain_text(
        "92.1% accurate on 2,505 validation reviews (also used to choose its settings)."
    )


@pytest.mark.parametrize(
    "reply", [Reply(404, {"message": "Not Found"}), Reply(200, "<html>"), Reply(hang_up=True)]
)
def test_without_the_models_description_the_line_is_silent_and_the_rest_works(site, page, reply):
    site.model = reply
    page.goto(site.url)
    judge(page, "Fine.")
    expect(page.locator("#model-line")).to_be_hidden()


def test_the_limits_that_the_api_names_are_kept(site, page):
    site.model = Reply(200, MODEL | {"limits": {"characters": 10, "bytes": 1000, "reviews": 2}})
    page.goto(site.url)
    expect(page.locator("#model-line")).to_be_visible()
    page.get_by_label("Your review").fill("Eleven char")
    expect(page.locator("#counter")).to_have_text("11 of 10 characters")
