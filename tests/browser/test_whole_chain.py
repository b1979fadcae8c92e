"""A person at the real page: what they type goes through page, gateway, Lambda and endpoint, and back."""

from __future__ import annotations

import json
import re
from itertools import product

import pytest
import requests
from axe import axe_finds
from chain_page import expect_verdict, judge
from playwright.sync_api import expect

from tests.conftest import BAD, GOOD

pytestmark = pytest.mark.slow

LONG = " ".join([GOOD, "It was a film that one could watch."] * 60 + [BAD])


def test_a_person_walks_through_the_page(deployment, page, tmp_path):
    asked = []
    page.on("request", lambda it: asked.append((it.method, it.url)) if deployment.api in it.url else None)
    page.goto(deployment.page)
    expect(page.locator("#model-line")).to_have_text(
        re.compile(
            r"Model \w+, \d\d\.\d% accurate on [\d,]+ held-out test reviews "
            r"\(95% interval .*\)\. About this model"
        )
    )
    assert axe_finds(page) == []
    status, box = page.locator("#status"), page.get_by_label("Your review")
    for review, verdict in ((GOOD, "Positive"), (BAD, "Negative")):
        box.fill(review)
        page.keyboard.press("Control+Enter")
        expect(status).to_contain_text(verdict)
        assert page.locator("#marked").inner_text() == review
        assert page.locator("#marked .mark").count() > 2
        assert axe_finds(page) == []

    box.fill(LONG)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#marked .cut")).to_have_count(2)
    assert page.locator("#marked .skipped").inner_text() in LONG
    assert axe_finds(page) == []

    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_text("Thank you. Your vote and the review are kept.")).to_be_visible(timeout=30_000)
    bucket, store = deployment.outputs["DataBucketName"], deployment.cloud.client("s3")
    kept = store.list_objects_v2(Bucket=bucket, Prefix="feedback/")["Contents"]
    votes = [json.loads(store.get_object(Bucket=bucket, Key=it["Key"])["Body"].read()) for it in kept]
    assert ("up", LONG) in [(vote["vote"], vote["review"]) for vote in votes]

    file = tmp_path / "reviews.csv"
    file.write_text(f'review,stars\n"{GOOD}",5\n,3\n{"x" * 20_001},1\n"{BAD}",1\n', "utf-8")
    page.get_by_role("tab", name="Many").click()
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Judge 2 reviews").click()
    expect(page.locator("#done")).to_have_text("4 of 4")
    expect(page.locator("#rows td:nth-child(2)")).to_have_text(["Positive", "Failed", "Failed", "Negative"])
    expect(page.locator("#rows tr").nth(1)).to_contain_text("No review in this row")
    expect(page.locator("#rows tr").nth(2)).to_contain_text("This review is too long")
    assert axe_finds(page) == []
    page.get_by_role("tab", name="History (3)").click()
    expect(page.locator("#past-list li")).to_have_count(3)
    assert axe_finds(page) == []
    assert [url for method, url in asked if method == "POST"] == [
        f"{deployment.api}/{route}"
        for route in ("predict", "predict", "predict", "feedback", "predict/batch")
    ]
    page.get_by_role("link", name="About this model").click()
    expect(page.locator("#accuracy")).to_contain_text("held-out test reviews correctly (95% interval")
    assert page.locator("#slices tbody tr").count() > 1
    assert page.locator("#curve circle").count() > 1
    assert axe_finds(page) == []
    page.get_by_role("link", name="The model card").click()
    expect(page.get_by_role("heading").first).to_be_visible()


def test_a_review_that_the_model_is_unsure_of(deployment, page):
    """Somewhere between a good and a bad review there is one."""
    good, bad = GOOD.split(), BAD.split()
    reasons = {}
    for before, first, second in (([], good, bad), ([], bad, good), (good, good, bad), (good, bad, good)):
        cuts = product(range(1, 11), repeat=2)
        mixed = [" ".join([*before, *first[:some], *second[:others]]) for some, others in cuts]
        answer = requests.post(f"{deployment.api}/predict/batch", json={"reviews": mixed}, timeout=60).json()
        reasons |= {text: row["reason"] for text, row in zip(mixed, answer["predictions"], strict=True)}
    review = next(text for text, reason in reasons.items() if reason == "mixed")
    page.goto(deployment.page)
    judge(page, review)
    expect_verdict(page, review, "Unsure")
    expect(page.locator("#explanation")).to_contain_text("It leans ")
    page.get_by_label("Your review").fill("Changed")
    expect(page.get_by_text("You have changed the text since")).to_be_visible()
    assert axe_finds(page) == []


SENTENCES = (
    ("You won't be disappointed.", "Positive"),
    ("You wont be disappointed.", "Positive"),
    ("I can't recommend this", "Negative"),
    ("I did not like it.", "Negative"),
    ("I didn't like it.", "Negative"),
    ("I dont like it", "Negative"),
    ("It wasnt good", "Negative"),
    ("Not bad at all.", "Positive"),
    ("The film was not good.", "Negative"),
    ("It wasn't bad.", "Positive"),
    ("It wasn't boring.", "Positive"),
    ("far from brilliant", "Negative"),
    ("It is far from boring.", "Positive"),
    ("It is anything but boring.", "Positive"),
    ("The film lacks charm.", "Negative"),
    ("The acting is good, but the story is boring.", "Negative"),
    ("The story's thin, but I loved it.", "Positive"),
    ("movie \U0001f60d", "Positive"),
    ("it suuuucks", "Negative"),
    ("sooo goooood", "Positive"),
    ("4.5/5", "Positive"),
    ("****", "Positive"),
    ("2 out of 10", "Negative"),
    ("ok", "No opinion"),
    ("asdf", "No opinion"),
    ("I watched it on Tuesday", "No opinion"),
    ("Isn't this film on Netflix?", "No opinion"),
    ("Buy one ticket, get one free this Friday.", "No opinion"),
    ("Das war ein wunderbarer Film", "Not English"),
    ("C'est un tr\u00e8s mauvais film.", "Not English"),
)


@pytest.mark.parametrize("apostrophe", ["'", "\u2019"])
def test_sentences_as_people_type_them(deployment, page, apostrophe):
    """Verdicts on negated sentences, and none on texts without an opinion, whatever the apostrophe."""
    page.goto(deployment.page)
    for sentence, said in SENTENCES:
        review = sentence.replace("'", apostrophe)
        judge(page, review)
        expect(page.locator("#marked")).to_have_text(review)
        expect(page.locator("#headline")).to_have_text(said)
