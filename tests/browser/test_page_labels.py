"""Many reviews with labels, the explanation of a row, and the filter above the table."""

from __future__ import annotations

import pytest
from axe import axe_finds
from page_site import contract_error, verdict
from playwright.sync_api import Page, expect
from test_page_keeping import rows_of


def judge(page: Page, text: str) -> None:
    page.get_by_label("Many reviews").fill(text)
    page.locator("#start").click()
    expect(page.locator("#results")).to_be_visible()
    expect(page.locator("#bar")).to_be_hidden()


def test_verdicts_are_compared_with_the_stars_of_the_file(many):
    judge(many, "review,stars\ngood,5\nawful,1\nawful,4\nso-so,2\nso-so,3\nrefused,1\n")
    expect(many.get_by_label("Labels in")).to_have_value("1")
    expect(many.locator("#labels-note")).to_contain_text("more than 3 is read as positive")
    expect(many.locator("#score-line")).to_contain_text(
        "Accuracy 75.0%: 3 of 4 labelled reviews (95% interval"
    )
    expect(many.locator("#score-line")).to_contain_text("1 of them unsure")
    expect(many.locator("#confusion td")).to_have_text(["", "2", "0", "1", "1"])
    many.get_by_role("radio", name="Differs from its label").check()
    expect(many.locator("#rows tr")).to_have_text(["3Negativelabel: positive13%awful"])
    assert axe_finds(many) == []
    with many.expect_download() as download:
        many.locator("#save").click()
    assert [row[-1] for row in rows_of(download.value)] == [
        "label", "positive", "negative", "positive", "negative", "", "negative",
    ]  # fmt: skip
    many.get_by_label("Labels in").select_option("no column")
    expect(many.locator("#score")).to_be_hidden()
    expect(many.get_by_role("radio", name="All 6")).to_be_visible()


READ = """async ([cells, name]) => {
    const { labelReader } = await import("./labels.js");
    const read = labelReader(cells, name);
    return read && cells.map(read.label);
}"""


@pytest.mark.parametrize(
    ("name", "cells", "labels"),
    [
        ("sentiment", ["positive", "Neg ", "neutral", ""], ["positive", "negative", None, None]),
        ("label", ["1", "0", "1"], ["positive", "negative", "positive"]),
        ("label", ["1", "-1", "0"], ["positive", "negative", None]),
        ("stars", ["1", "0", "5"], ["negative", "negative", "positive"]),
        ("stars", ["★★★★☆", "★", "3 stars"], ["positive", "negative", None]),
        ("score", ["2/10", "8/10", "5/10"], ["negative", "positive", None]),
        ("score", ["95", "12", "50.5"], ["positive", "negative", None]),
        ("label", ["yes", "0"], None),
        ("label", ["", ""], None),
        ("score", ["4", "-300"], None),
    ],
)
def test_labels_as_people_have_them(site, page, name, cells, labels):
    page.goto(site.url)
    assert page.evaluate(READ, [cells, name]) == labels


def test_a_column_without_labels_is_refused_by_name(many):
    many.get_by_label("Many reviews").fill("review,note\ngood,hm\n")
    expect(many.get_by_label("Labels in")).to_have_value("")
    many.get_by_label("Labels in").select_option("note")
    expect(many.locator("#labels-note")).to_contain_text("This column cannot be read as labels")


def test_the_bar_and_the_filter_show_the_shares(many):
    judge(many, "good\ngood\nawful\nso-so")
    expect(many.get_by_role("img", name="2 positive, 1 negative, 1 unsure.")).to_be_visible()
    widths = many.locator("#distribution span").evaluate_all("all => all.map((it) => it.clientWidth)")
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.05)
    many.get_by_role("radio", name="Positive 2").check()
    expect(many.locator("#rows tr")).to_have_text(["1Positive90%good", "2Positive90%good"])
    expect(many.get_by_role("radio", name="Failed")).to_be_hidden()


def test_a_row_opens_and_closes_its_explanation(many, site):
    site.answer = lambda review: verdict(0.125, [["awful", -1.5]], review=review)
    judge(many, "good\nawful plot")
    many.get_by_role("button", name="awful plot").click()
    expect(many.locator("#rows .detail .mark")).to_have_text("awful")
    expect(many.locator("#rows .detail [role=status]")).to_have_text("The model says negative (88%).")
    assert site.reviews == ["awful plot"]
    many.locator("#rows .detail .mark").hover()
    expect(many.locator("#rows .tip")).to_have_text("−1.50 strongly towards negative")
    assert axe_finds(many) == []
    many.get_by_role("button", name="#").click()
    expect(many.locator("#rows .detail .mark")).to_be_visible()
    many.get_by_role("button", name="awful plot").click()
    expect(many.locator("#rows .detail")).to_have_count(0)
    many.get_by_role("button", name="awful plot").click()
    expect(many.locator("#rows .detail .mark")).to_have_text("awful")
    assert site.reviews == ["awful plot"], "what is known is not asked again"


def test_a_row_whose_explanation_fails_says_why(many, site):
    site.answer = lambda review: contract_error(500, "Oh dear.")
    judge(many, "good")
    many.get_by_role("button", name="good").click()
    expect(many.locator("#rows .detail")).to_contain_text("No explanation. Something broke on the server.")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \n\r\n"])
def test_an_empty_file_is_refused_by_name(many, tmp_path, content):
    file = tmp_path / "nothing.csv"
    file.write_bytes(content)
    many.locator("#file").set_input_files(file)
    expect(many.locator("#file-refused")).to_have_text(
        "nothing.csv is empty: there is nothing to judge in it."
    )
