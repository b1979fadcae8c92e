"""Many reviews at once: read in the forms that people have, judged in pieces, each row on its own."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from page_site import MODEL, Reply, contract_error, judged
from playwright.sync_api import Page, expect
from test_page_keeping import rows_of
from test_page_verdict import ATTACK


def paste(page: Page, text: str) -> None:
    page.get_by_label("Many reviews").fill(text)


def choose_file(page: Page, path: Path) -> None:
    page.locator("#file").set_input_files(path)


def reviews(page: Page) -> list[str]:
    return page.locator("#rows .excerpt").all_text_contents()


# How many lines the words of a row's review take, each: more than one for a word that is broken.
LINES_OF_WORDS = """it => [...it.textContent.matchAll(/\\S+/g)].map((word) => {
    const range = document.createRange();
    range.setStart(it.firstChild, word.index);
    range.setEnd(it.firstChild, word.index + word[0].length);
    return range.getClientRects().length;
})"""


def test_a_small_phone_breaks_no_word_of_a_review(many):
    many.set_viewport_size({"width": 320, "height": 640})
    paste(many, "A delightful film, good\nawful")
    many.get_by_role("button", name="Judge 2 reviews").click()
    expect(many.locator("#batch-status")).to_have_text("1 positive, 1 negative.")
    assert many.locator("#rows .excerpt").first.evaluate(LINES_OF_WORDS) == [1, 1, 1, 1]


def test_one_review_a_line(many, site):
    paste(many, "A good one, really\r\n\n  \nso-so\nawful\ndreadful")
    expect(many.locator("#batch-status")).to_have_text("4 reviews.")
    many.get_by_role("button", name="Judge 4 reviews").click()
    expect(many.locator("#batch-status")).to_have_text("1 positive, 2 negative, 1 unsure.")
    expect(many.locator("#done")).to_have_text("4 of 4")
    expect(many.locator("#rows tr")).to_have_text(
        ["1Positive90%A good one, really", "2Unsure45%so-so", "3Negative13%awful", "4Negative<1%dreadful"]
    )
    assert site.batches == [["A good one, really", "so-so", "awful", "dreadful"]]


def test_bad_rows_of_a_file_do_not_affect_the_good_ones(many, site, tmp_path):
    file = tmp_path / "<img src=x onerror=document.title=1>.csv"
    long = "x" * 20_001
    text = (
        f'id;Review text;stars\n1;"A ""good""\nfilm; yes";5\n2;;3\n3\n4;{long};1\n5;refused;1\n6;{ATTACK};2\n'
    )
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    choose_file(many, file)
    expect(many.locator("#batch-status")).to_have_text(f"{file.name}, 6 reviews, 3 cannot be judged.")
    expect(many.get_by_label("Reviews in")).to_have_value("1")
    many.get_by_role("button", name="Judge 3 reviews").click()
    expect(many.locator("#batch-status")).to_have_text("1 positive, 1 negative, 4 failed.")
    expect(many.locator("#rows tr")).to_have_text(
        [
            '1Positive90%A "good"\nfilm; yes',
            "2FailedNo review in this row",
            "3FailedThis row has no such column",
            f"4FailedThis review is too long{'x' * 100} …",
            "5FailedThis row was refused.refused",
            f"6Negative13%{ATTACK}",
        ]
    )
    assert site.batches == [['A "good"\nfilm; yes', "refused", ATTACK]]
    assert many.locator("main img").count() == 0
    assert many.title() == "Did they like the film?"


def test_column_header_and_format_can_be_chosen(many):
    paste(many, "review,other\ngood,awful\n")
    expect(many.get_by_role("button", name="Judge 1 review")).to_be_visible()
    many.get_by_label("Reviews in").select_option("other")
    many.get_by_label("First row is a header").uncheck()
    expect(many.get_by_role("button", name="Judge 2 reviews")).to_be_visible()
    many.locator("#start").click()
    expect(many.locator("#rows td:nth-child(4)")).to_have_text(["other", "awful"])
    many.get_by_label("Read as").select_option("lines")
    many.locator("#start").click()
    expect(many.locator("#rows td:nth-child(4)")).to_have_text(["review,other", "good,awful"])


def test_where_two_models_answer_each_row_and_the_download_name_theirs(many, site):
    """A batch is one model's; the same text alone may be the other's."""
    site.model = Reply(200, MODEL | {"limits": {"characters": 100, "bytes": 1000, "reviews": 1}})
    many.reload()
    expect(many.locator("#model-line")).to_be_visible()
    many.get_by_role("tab", name="Many").click()
    site.answer_batch = lambda batch: replace(
        judged(batch), body=judged(batch).body | {"model": "new" if batch == ["awful"] else "lstm-7f3a"}
    )
    paste(many, "good\nawful")
    many.locator("#start").click()
    expect(many.locator("#rows td:nth-child(2)")).to_have_text(
        ["Positivemodel lstm-7f3a", "Negativemodel new"]
    )
    many.get_by_role("button", name="awful").click()
    expect(many.locator(".detail")).to_contain_text("by model lstm-7f3a, which answers this text alone")
    with many.expect_download() as download:
        many.locator("#save").click()
    header, *rows = rows_of(download.value)
    assert (header[-1], [row[-1] for row in rows]) == ("model", ["lstm-7f3a", "new"])


def test_an_unclosed_quote_is_reported(many):
    paste(many, 'review\nfine\n"never closed\nand on\n')
    expect(many.locator("#batch-status")).to_contain_text("row 3 opens a quote that is never closed")


def test_old_encodings_are_read_and_binary_files_are_refused(many, tmp_path):
    file = tmp_path / "old.txt"
    file.write_bytes("Très good".encode("windows-1252"))
    choose_file(many, file)
    many.locator("#start").click()
    expect(many.locator("#rows td:nth-child(4)")).to_have_text("Très good")
    file.write_bytes(b"PK\0\0")
    choose_file(many, file)
    expect(many.locator("#file-refused")).to_have_text("old.txt is not a text file.")


def test_a_file_refused_while_a_batch_runs_is_reported_and_the_batch_continues(many, site, tmp_path):
    held = threading.Event()
    site.answer_batch = lambda batch: replace(judged(batch), after=held)
    paste(many, "good\nawful")
    many.locator("#start").click()
    file = tmp_path / "archive.zip"
    file.write_bytes(b"PK\0\0")
    choose_file(many, file)
    expect(many.locator("#file-refused")).to_have_text("archive.zip is not a text file.")
    held.set()
    expect(many.locator("#batch-status")).to_have_text("1 positive, 1 negative.")
    expect(many.locator("#file-refused")).to_have_text("archive.zip is not a text file.")
    paste(many, "good")
    expect(many.locator("#file-refused")).to_be_empty()


def test_a_file_dropped_anywhere_is_read(site, page, tmp_path):
    """As if dragged in from the desktop."""
    file = tmp_path / "dropped.txt"
    file.write_text("good\nawful")
    page.goto(site.url)
    data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 60, "data": data})
    expect(page.get_by_role("tab", name="Many")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#batch-status")).to_have_text("dropped.txt, 2 reviews.")


def test_large_batches_go_in_pieces_that_the_api_takes(many, site):
    text = "\n".join(["good " * 1000] * 60 + [f"awful {n}" for n in range(150)])
    paste(many, text)
    expect(many.locator("#batch-status")).to_have_text("210 reviews.")
    many.locator("#start").click()
    expect(many.locator("#batch-status")).to_have_text("60 positive, 150 negative.")
    assert [review for batch in site.batches for review in batch] == text.split("\n")
    assert all(len(batch) <= 100 and len(json.dumps({"reviews": batch})) <= 240_000 for batch in site.batches)
    expect(many.locator("#rows tr")).to_have_count(100)
    many.get_by_role("button", name="Show more").click()
    expect(many.locator("#rows tr")).to_have_count(200)


def test_progress_shows_and_escape_cancels_keeping_what_is_done(many, site):
    held = threading.Event()
    site.answer_batch = lambda batch: judged(batch) if len(site.batches) == 1 else Reply(200, {}, after=held)
    paste(many, "good\n" * 150)
    many.locator("#start").click()
    bar = many.get_by_role("progressbar", name="Reviews judged")
    expect(bar).to_have_js_property("value", 100)
    expect(bar).to_have_js_property("max", 150)
    many.keyboard.press("Escape")
    held.set()
    expect(many.locator("#batch-status")).to_have_text("Cancelled. 100 positive, 50 unjudged.")
    expect(bar).to_be_hidden()
    site.answer_batch = judged
    many.get_by_role("button", name="Judge the other 50").click()
    expect(many.locator("#batch-status")).to_have_text("150 positive.")
    assert [len(batch) for batch in site.batches] == [100, 50, 50]


def test_an_api_that_asks_to_wait_is_waited_for(many, site):
    site.answer_batch = lambda batch: (
        contract_error(429, "Slow down.", "3") if len(site.batches) < 2 else judged(batch)
    )
    paste(many, "good")
    many.locator("#start").click()
    expect(many.get_by_text(re.compile(r"The API asks to wait: next try in \d s\."))).to_be_visible()
    expect(many.locator("#batch-status")).to_have_text("1 positive.")


def test_a_batch_of_which_the_api_can_read_nothing(many, site):
    """Its answer then names no model."""
    error = {"error": {"code": "bad_request", "message": "The review is half a character."}}
    site.answer_batch = lambda batch: Reply(200, {"model": None, "predictions": [error]})
    paste(many, "half")
    many.locator("#start").click()
    expect(many.locator("#rows tr")).to_have_text("1FailedThe review is half a character.half")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (contract_error(500, "Oh dear."), "Stopped: Something broke on the server."),
        (Reply(hang_up=True), "Stopped: The API cannot be reached."),
        (Reply(200, {"model": "m", "predictions": []}), "Stopped: The API’s answer makes no sense."),
        (Reply(200, {"model": "m", "predictions": [{"sentiment": "positive"}]}), "Stopped: The API’s answer"),
    ],
)
def test_a_failure_stops_the_rest_and_gives_no_verdicts(many, site, reply, said):
    site.answer_batch = lambda batch: reply
    paste(many, "good")
    many.locator("#start").click()
    expect(many.locator("#batch-status")).to_contain_text(said)
    expect(many.locator("#rows td:nth-child(2)")).to_have_text("…")
    expect(many.get_by_role("button", name="Judge 1 review")).to_be_visible()


def test_the_table_is_sorted_by_its_headers(many):
    paste(many, "so-so\nawful\nGood good\nrefused")
    many.locator("#start").click()
    expect(many.locator("#done")).to_have_text("4 of 4")
    for head, first, last in (
        ("Review", "awful", "so-so"),
        ("Positive", "refused", "Good good"),
        ("Verdict", "refused", "so-so"),
        ("#", "so-so", "refused"),
    ):
        button = many.get_by_role("button", name=head, exact=True)
        button.click()
        expect(many.locator("th[aria-sort=ascending]")).to_contain_text(head)
        assert [reviews(many)[0], reviews(many)[-1]] == [first, last]
        button.click()
        expect(many.locator("th[aria-sort=descending]")).to_contain_text(head)
        assert [reviews(many)[0], reviews(many)[-1]] == [last, first]


def test_the_results_are_downloaded_without_a_formula_in_them(many):
    paste(many, '+cmd|"/c calc"!A1 good\n\t@SUM(1) awful\nrefused, too')
    many.locator("#start").click()
    expect(many.locator("#done")).to_have_text("3 of 3")
    with many.expect_download() as download:
        many.locator("#save").click()
    assert rows_of(download.value) == [
        ["row", "verdict", "probability of positive", "error", "review"],
        ["1", "positive", "0.9", "", '\'+cmd|"/c calc"!A1 good'],
        ["2", "negative", "0.125", "", "'\t@SUM(1) awful"],
        ["3", "failed", "", "This row was refused.", "refused, too"],
    ]
