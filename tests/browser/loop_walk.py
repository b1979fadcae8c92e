"""What the two walks around the whole loop share: tiny reviews, ten texts to vote on, and what pages show."""

from __future__ import annotations

import csv
import random
import re
from collections import Counter
from pathlib import Path

from axe import axe_finds
from playwright.sync_api import Page, expect

from tests.conftest import PROJECT
from tests.unit.sentiment_fixtures import BAD, GOOD, NEUTRAL, TINY, made_up_reviews

# Hyperparameters of a training that takes a second.
SET = " ".join(f"{name}={value}" for name, value in (TINY | {"snippets": 0, "counterfactuals": 0}).items())


def write_reviews(file: Path) -> Path:
    """Made-up reviews as a CSV file, as a person gives their own."""
    reviews = made_up_reviews(300, 60)
    with file.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["review", "sentiment"])
        named = [("negative", "positive")[label] for label in reviews.labels]
        rows.writerows(zip(reviews.texts, named, strict=True))
    return file


def texts(count: int, seed: int) -> list[str]:
    """Texts that are unlike each other, half of them in praise."""
    made = random.Random(seed)
    found = []
    for number in range(count):
        words = made.choices(NEUTRAL, k=45) + made.choices(GOOD if number % 2 else BAD, k=2)
        made.shuffle(words)
        found.append(" ".join(words))
    return found


def ask(page: Page, text: str) -> str:
    """Have a text judged on the page; the model that the answer names."""
    page.get_by_label("Your review").fill(text)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#marked")).to_have_text(text)
    expect(page.locator("#details")).to_be_visible()
    return page.locator("#model").inner_text()


def vote(page: Page, yes: bool) -> None:
    page.get_by_role("button", name="Yes" if yes else "No", exact=True).click()
    expect(page.get_by_text("Thank you. Your vote and the review are kept.")).to_be_visible()


def ask_until_two_answer(page: Page, seed: int) -> Counter[str]:
    """Ask, and vote on each answer, until both models have answered; how often each has."""
    expect(page.locator("#model-challenger")).to_contain_text("answers 50% of the texts in its place")
    answered: Counter[str] = Counter()
    for text in texts(40, seed):
        answered[ask(page, text)] += 1
        vote(page, yes=True)
        if len(answered) == 2:
            _ask_the_other(page, *({*answered} - {page.locator("#model").inner_text()}))
            return answered
    raise AssertionError(f"only one model has answered: {answered}")


def _ask_the_other(page: Page, model: str) -> None:
    """Have the same text judged by the model that it has not fallen to."""
    page.get_by_role("button", name="Ask the other model as well").click()
    expect(page.locator("#other-verdict")).to_have_text(re.compile(rf"Model {model}: [\w ]+\. "))


def expect_about(page: Page, url: str, model: str, *rows: str) -> None:
    """The page about the model describes this one, and counts votes as in `rows`; that may take a moment."""
    page.goto(f"{url}/model.html")
    expect(page.locator("#state")).to_have_text(f"The model that answers here is version {model}.")
    shown = page.locator("#votes tbody tr")
    for _ in range(90):
        expect(page.locator("#model-page")).to_be_visible()
        if shown.all_inner_texts() == [*rows]:
            break
        page.wait_for_timeout(1000)
        page.reload()
    assert shown.all_inner_texts() == [*rows]
    assert axe_finds(page) == []


def read_comparison(page: Page, said: str, old: str) -> None:
    """Open the comparison that `make retrain` has named, on a wide screen and on a phone."""
    page.goto((PROJECT / re.search(r"wrote: (\S+comparison\.html)", said)[1]).as_uri())
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"beside {old}")
    expect(page.get_by_text("votes were held back; at least 20 are needed to tell").first).to_be_visible()
    wide = page.viewport_size
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert axe_finds(page) == []
    page.set_viewport_size(wide)
