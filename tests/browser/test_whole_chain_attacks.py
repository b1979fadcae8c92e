"""Markup and script in everything that an attacker may choose: the deployed page shows all of it as text."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from axe import axe_finds
from chain_page import ATTACK, expect_no_verdict, expect_verdict, judge
from playwright.sync_api import BrowserContext, Page, expect

pytestmark = pytest.mark.slow

TITLE = "Did they like the film?"
# A model is a stranger, too: its answer passes endpoint, Lambda and gateway, which look at its form alone.
HOSTILE_MODEL = f"""
import json

ATTACK = {ATTACK!r}

def model_fn(model_dir):
    return None

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(request, model):
    if "reviews" in request:
        rows = [{{"sentiment": "positive", "probability": 0.5, "unsure": True}} for _ in request["reviews"]]
        return {{"model": ATTACK, "predictions": rows}}
    review = request["review"]
    if "fail" in review:
        raise ValueError(ATTACK)
    words = [[ATTACK, 1.5], [ATTACK, -1.5]]
    spans = [[0, len(review) // 2], [len(review) // 2, len(review)]]
    verdict = {{"sentiment": "positive", "probability": 0.5, "unsure": True, "model": ATTACK}}
    return verdict | {{"words": words, "spans": spans, "cut": None}}

def output_fn(answer, accept):
    return json.dumps(answer)
"""


@pytest.fixture
def guarded(context: BrowserContext, page: Page) -> Iterator[Page]:
    """A page whose every attempt to run a stranger's script is seen, in it and in pages opened beside it."""
    dialogs: list[str] = []

    def note(dialog):
        dialogs.append(dialog.message)
        dialog.dismiss()

    context.on("dialog", note)
    yield page
    for each in context.pages:
        assert each.title() == TITLE
        assert each.locator("img, script:not([src='app.js']), iframe, svg[onload]").count() == 0
    assert dialogs == []


def test_the_guard_would_see_an_attack(page):
    """The attack does run where a page lets it."""
    with page.expect_event("dialog", lambda dialog: dialog.message == "2"):
        page.on("dialog", lambda dialog: dialog.dismiss())
        page.set_content(ATTACK)


def test_in_a_review_and_in_the_history(deployment, guarded):
    guarded.goto(deployment.page)
    judge(guarded, ATTACK)
    expect_verdict(guarded, ATTACK)
    guarded.get_by_role("button", name="Yes").click()
    expect(guarded.get_by_text("Thank you.")).to_be_visible()
    guarded.reload()
    guarded.get_by_role("tab", name="History (1)").click()
    expect(guarded.locator("#past-list .excerpt")).to_have_text(f"{ATTACK[:100]} …")
    guarded.get_by_role("button", name="Judge again").click()
    expect_verdict(guarded, ATTACK)


def test_in_a_link(deployment, operator, context, guarded):
    guarded.goto(deployment.page)
    judge(guarded, ATTACK)
    expect_verdict(guarded, ATTACK)
    guarded.get_by_role("button", name="Copy a link").click()
    expect(guarded.locator("#link-note")).not_to_be_empty()
    asked = len(operator.answered("POST /predict"))
    other = context.new_page()
    other.goto(guarded.get_by_label("Link to this review").input_value())
    expect(other.get_by_label("Your review")).to_have_value(ATTACK)
    assert len(operator.answered("POST /predict")) == asked
    for fragment in (ATTACK, quote(ATTACK), "javascript:alert(1)"):
        other.goto("about:blank")
        other.goto(f"{deployment.page}#review={fragment}")
        expect_no_verdict(other, "This link is damaged")
        expect(other.get_by_label("Your review")).to_have_value("")
    assert axe_finds(other) == []


def test_in_a_dropped_file_its_name_its_heads_and_its_cells(deployment, guarded, tmp_path):
    """As if dragged in from the desktop, with rows that cannot be judged beside those that can."""
    file = tmp_path / "<img src=x onerror=alert(1)><svg onload=alert(2)>.csv"
    cell = '"{}"'.format(ATTACK.replace('"', '""'))
    rows = ["<img src=x onerror=alert(1)>;review", f"1;{cell}", "2;", "3", f"4;{'x' * 20_001}", "5;=1+1"]
    file.write_text("\n".join(rows), "utf-8")
    guarded.goto(deployment.page)
    data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    session = guarded.context.new_cdp_session(guarded)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 60, "data": data})
    status = guarded.locator("#batch-status")
    expect(status).to_have_text(f"{file.name}, 5 reviews, 3 cannot be judged.")
    guarded.get_by_role("button", name="Judge 2 reviews").click()
    expect(guarded.locator("#done")).to_have_text("5 of 5")
    told = guarded.locator("#rows tr")
    for row, said in enumerate(
        (f"{ATTACK[:100]} …", "No review in this row", "This row has no such column", "too long", "=1+1")
    ):
        expect(told.nth(row)).to_contain_text(said)
    assert guarded.locator("#rows .failed").count() == 3
    assert axe_finds(guarded) == []
    with guarded.expect_download() as download:
        guarded.locator("#save").click()
    saved = download.value.path().read_text("utf-8-sig")
    assert "'=1+1" in saved
    assert cell in saved


def test_in_the_answers_of_a_model(deployment, operator, guarded):
    description = {"model": ATTACK, "metrics": {"test": {"accuracy": ATTACK, "reviews": ATTACK}}}
    with operator.model(HOSTILE_MODEL, description) as url, operator.function(MODEL_DATA_URL=url):
        guarded.goto(deployment.page)
        expect(guarded.locator("#model-version")).to_have_text(ATTACK)
        judge(guarded, "A film.")
        expect_verdict(guarded, "A film.", "Unsure")
        expect(guarded.locator("#explanation")).to_contain_text("It leans positive (50%).")
        expect(guarded.locator("#model")).to_have_text(ATTACK)
        assert axe_finds(guarded) == []
        judge(guarded, "Let it fail.")
        expect_no_verdict(guarded, "The model failed on this review", "Request ")
        expect(guarded.locator("#retry")).to_have_text("Try again")
        assert axe_finds(guarded) == []
